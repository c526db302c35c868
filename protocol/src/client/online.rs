//! The session: what its socket says, and what it wants.

use alloc::string::ToString;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::Client;
use super::account::Plan;
use super::calls::Purpose;
use super::chores::Chore;
use super::event::Warning;
use super::io::{HttpAnswer, Input, LinkFailure, Transmit};
use crate::chat;
use crate::crypto::login::sign_login;
use crate::machine::Machine;
use crate::session::{self, Attempt, CallFailure, State, Stop};
use crate::wire::answer::{ChallengeAnswer, LoggedIn};
use crate::wire::body::{ChallengeBody, DeviceLogInBody};
use crate::wire::frame::{ClientFrame, Hello};
use crate::wire::request::Request;
use crate::wire::ws::ServerEvent;

impl Client {
    /// Something of the socket came.
    pub(super) fn socket(&mut self, input: Input<'_>) {
        match input {
            Input::SocketOpened => self.tell_session(session::Input::SocketOpened),
            Input::SocketClosed { reason } => {
                let status = match reason {
                    LinkFailure::Refused(status) => Some(status),
                    LinkFailure::Unreachable
                    | LinkFailure::Lost
                    | LinkFailure::TimedOut
                    | LinkFailure::Garbled
                    | LinkFailure::Untrusted => None,
                };
                self.tell_session(session::Input::SocketClosed { status });
            }
            Input::Frame(bytes) => {
                self.tell_session(session::Input::Heard);
                match ServerEvent::parse(bytes) {
                    Ok(ServerEvent::Welcome(welcome)) => {
                        self.tell_session(session::Input::Welcome {
                            protocol: welcome.protocol,
                            server: welcome.server_id,
                            store: welcome.store_id,
                        })
                    }
                    // It is said once, before the welcome.
                    Ok(ServerEvent::VoiceSnapshot { voice_rooms }) => {
                        self.take_voice_rooms(voice_rooms);
                    }
                    Ok(event) if self.session.state() == State::Online => self.event(event),
                    // What comes before the welcome is the base API's greeting; what makes no sense is passed over.
                    Ok(_) | Err(_) => {}
                }
            }
            Input::Answer { .. } => {}
        }
    }

    pub(super) fn tell_session(&mut self, input: session::Input) {
        // An input that does not fit the session's state changes nothing.
        let _ = self.session.handle_input(input, self.now);
        self.drain_session();
    }

    pub(super) fn expects_socket(&self) -> bool {
        matches!(
            self.session.state(),
            State::OpeningSocket | State::AwaitWelcome | State::Online
        )
    }

    pub(super) fn challenge_answered(
        &mut self,
        attempt: Attempt,
        result: Result<HttpAnswer<'_>, LinkFailure>,
    ) {
        let result = answer(result).and_then(|body| {
            let answer: Option<ChallengeAnswer> = serde_json::from_slice(body).ok();
            let bytes = answer.and_then(|it| STANDARD.decode(it.challenge).ok());
            bytes
                .and_then(|it| it.try_into().ok())
                .ok_or(CallFailure::Unavailable)
        });
        self.tell_session(session::Input::Challenge { attempt, result });
    }

    pub(super) fn session_answered(
        &mut self,
        attempt: Attempt,
        result: Result<HttpAnswer<'_>, LinkFailure>,
    ) {
        let result = answer(result).and_then(|body| {
            let answer: Option<LoggedIn> = serde_json::from_slice(body).ok();
            answer.map(|it| it.token).ok_or(CallFailure::Unavailable)
        });
        self.tell_session(session::Input::LoggedIn { attempt, result });
    }

    /// Carries out what the session wants. Answers whether it wanted anything.
    pub(super) fn drain_session(&mut self) -> bool {
        let mut moved = false;
        while let Some(output) = self.session.poll_output() {
            moved = true;
            match output {
                session::Output::Persist(changes) => self.out.extend(changes),
                session::Output::Transmit(transmit) => self.session_transmit(transmit),
                session::Output::Event(session::Event::StateChanged(state)) => self.moved_to(state),
                session::Output::Event(session::Event::Warning(warning)) => {
                    self.out.warn(Warning::Session(warning));
                }
            }
        }
        moved
    }

    fn session_transmit(&mut self, transmit: session::Transmit) {
        let Some(device_id) = self.account.device() else {
            return;
        };
        match transmit {
            session::Transmit::AskChallenge { attempt } => {
                let request = Request::Challenge(ChallengeBody { device_id });
                self.call(Purpose::Challenge(attempt), &request);
            }
            session::Transmit::LogIn { attempt, challenge } => {
                let signature = sign_login(device_id, &challenge, &self.account.secret);
                let request = Request::DeviceLogIn(DeviceLogInBody {
                    device_id,
                    challenge: STANDARD.encode(challenge),
                    signature: STANDARD.encode(signature.0),
                });
                self.call(Purpose::DeviceLogIn(attempt), &request);
            }
            session::Transmit::OpenSocket { token } => {
                let token = token.expose().to_string();
                self.out.transmit(Transmit::OpenSocket { token });
            }
            session::Transmit::Hello { protocol } => {
                let hello = ClientFrame::Hello(Hello {
                    protocol,
                    resume: self.chat.resume(),
                });
                self.out.transmit(Transmit::Frame(hello.to_text()));
            }
            // The server answers a type that it does not know: that is a sign of life.
            session::Transmit::Ping => {
                self.out
                    .transmit(Transmit::Frame(r#"{"type":"session.ping"}"#.to_string()));
            }
            session::Transmit::CloseSocket => self.out.transmit(Transmit::CloseSocket),
        }
    }

    fn moved_to(&mut self, state: State) {
        match state {
            State::Online => {
                self.log.look_again();
                self.chores.want(Chore::Log);
                if self.account.plan == Plan::Member {
                    self.want_all();
                }
            }
            State::Stopped(Stop::Refused) => self.out.warn(Warning::LoginRefused),
            State::Stopped(Stop::NeedsNewer { .. }) => self.out.warn(Warning::WrongProtocol),
            State::Offline
            | State::Waiting { .. }
            | State::Authenticating
            | State::OpeningSocket
            | State::AwaitWelcome => {}
        }
        if state != State::Online {
            self.offline();
        }
    }

    /// Asks for everything that a member reads at the start of a connection.
    pub(super) fn want_all(&mut self) {
        for chore in [
            Chore::Envelopes,
            Chore::Names,
            Chore::Owed,
            Chore::Presence,
            Chore::Originals,
        ] {
            self.chores.want(chore);
        }
    }

    /// The log was found to be the right one: the rest of the server may be used.
    pub(super) fn log_is_right(&mut self) {
        self.link.complete = true;
        self.let_chat_work();
    }

    /// Chat works once there is a log that it can judge by.
    pub(super) fn let_chat_work(&mut self) {
        if self.link.complete && !self.link.chatting && self.log.chain().head().is_some() {
            self.link.chatting = true;
            self.tell_chat(chat::Input::Online);
        }
    }

    /// No answer will come any more for what was asked on this connection.
    fn offline(&mut self) {
        self.calls.forget(|purpose| {
            !matches!(
                purpose,
                Purpose::Register
                    | Purpose::LogIn
                    | Purpose::Challenge(_)
                    | Purpose::DeviceLogIn(_)
            )
        });
        self.chores.interrupted();
        if core::mem::take(&mut self.link.chatting) {
            self.tell_chat(chat::Input::Offline);
        }
        self.keys.interrupted();
        self.forget_parcels();
        self.nobody_online();
        self.nobody_in_voice();
        self.link.complete = false;
        self.link.synced = false;
    }
}

fn answer(result: Result<HttpAnswer<'_>, LinkFailure>) -> Result<&[u8], CallFailure> {
    match result {
        Ok(HttpAnswer {
            status: 200 | 201,
            body,
        }) => Ok(body),
        Ok(HttpAnswer {
            status: 401 | 403, ..
        }) => Err(CallFailure::Refused),
        Ok(_) | Err(_) => Err(CallFailure::Unavailable),
    }
}
