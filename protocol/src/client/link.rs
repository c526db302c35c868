//! The connection: registering, the session, what may be asked when, and leaving.

use alloc::string::ToString;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::account::Plan;
use super::calls::Purpose;
use super::chores::{Chore, jitter};
use super::event::{ConnectionState, Event, Warning};
use super::io::{HttpAnswer, Input, LinkFailure, Transmit};
use super::{Client, Output};
use crate::chat;
use crate::crypto::login::sign_login;
use crate::limits;
use crate::machine::Machine;
use crate::session::{self, Attempt, CallFailure, State, Stop};
use crate::time::Instant;
use crate::wire::answer::{ChallengeAnswer, LoggedIn};
use crate::wire::body::{ChallengeBody, DeviceLogInBody};
use crate::wire::frame::{ClientFrame, Hello};
use crate::wire::request::Request;
use crate::wire::ws::ServerEvent;

/// How the account stands to its server, beside the session.
#[derive(Debug, Default)]
pub(super) struct Link {
    /// A registration may have been done though no answer came.
    pub(super) maybe_registered: bool,
    /// A call of the registration is on its way.
    registering: bool,
    /// When the registration is tried again.
    register_at: Option<Instant>,
    register_failures: u32,
    /// The server is refused, or refuses, for good.
    refused: bool,
    /// On this connection the log was read to its end.
    pub(super) complete: bool,
    /// On this connection chat works.
    chatting: bool,
    /// On this connection everything was read.
    synced: bool,
    /// The connection ends as soon as nothing is owed, and at this time in any case.
    closing: Option<Instant>,
}

/// What may be asked of the server now.
#[derive(Clone, Copy, Debug)]
pub(super) struct Gate {
    online: bool,
    complete: bool,
    log_busy: bool,
}

impl Gate {
    pub(super) fn lets(self, chore: Chore) -> bool {
        self.online
            && match chore {
                Chore::Log => true,
                // An append follows the end of the log.
                Chore::Append => self.complete && !self.log_busy,
                // Nothing else of a server is wanted before its log was found to be the right one.
                Chore::InviteEnvelopes
                | Chore::Envelopes
                | Chore::Owed
                | Chore::PostEnvelopes
                | Chore::Names
                | Chore::PostPending
                | Chore::Pending
                | Chore::Presence
                | Chore::Originals => self.complete,
            }
    }
}

impl Client {
    /// Asks for a connection, now and after every loss until [`close`](Self::close).
    pub fn connect(&mut self, now: Instant) {
        self.pass(now);
        self.link.refused = false;
        self.link.closing = None;
        self.open_session();
        self.pump();
    }

    /// Posts what this device owes to others, within a bound, then ends the connection: [`Event::Settled`] is the
    /// last output.
    pub fn close(&mut self, now: Instant) {
        self.pass(now);
        self.link.register_at = None;
        self.link
            .closing
            .get_or_insert(self.now + limits::CLOSE_BOUND);
        self.pump();
    }

    pub(super) fn open_session(&mut self) {
        if self.account.ids.is_some() {
            self.session.connect(self.now);
        } else if !self.link.registering {
            self.link.register_at = None;
            self.link.registering = true;
            self.register();
        }
    }

    pub(super) fn register_later(&mut self) {
        let [random] = self.entropy.bytes();
        let pause = limits::RETRY_FIRST.saturating_mul(1 << self.link.register_failures.min(10));
        self.link.register_failures = self.link.register_failures.saturating_add(1);
        self.link.registering = false;
        if self.link.closing.is_none() {
            let pause = jitter(pause.min(limits::RETRY_MAX), random);
            self.link.register_at = Some(self.now + pause);
        }
    }

    /// The registration was answered, for good or bad.
    pub(super) fn registration_over(&mut self) {
        self.link.registering = false;
        self.link.register_failures = 0;
    }

    /// Nothing more is wanted of this server, until the user asks for a connection again.
    pub(super) fn refuse_server(&mut self) {
        self.link.refused = true;
        self.registration_over();
        self.session.close(self.now);
    }

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
                    Ok(event) if self.session.state() == State::Online => self.event(event),
                    // What comes before the welcome is the base API's greeting; what makes no sense is passed over.
                    Ok(_) | Err(_) => {}
                }
            }
            Input::Answer { .. } => {}
        }
    }

    fn tell_session(&mut self, input: session::Input) {
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
    fn drain_session(&mut self) -> bool {
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
        self.nobody_online();
        self.link.complete = false;
        self.link.synced = false;
    }

    pub(super) fn gate(&self) -> Gate {
        Gate {
            online: self.session.state() == State::Online,
            complete: self.link.complete && !self.log.has_ended(),
            log_busy: self.chores.is_busy(Chore::Log),
        }
    }

    /// Lets time pass for everything.
    pub(super) fn wake(&mut self) {
        self.session.handle_timeout(self.now);
        self.keys.handle_timeout(self.now);
        self.wake_chat();
        for purpose in self.calls.take_expired(self.now) {
            self.answered(purpose, Err(LinkFailure::TimedOut));
        }
        if self.link.register_at.is_some_and(|at| at <= self.now) {
            self.open_session();
        }
        if self.expiry.is_some_and(|at| at <= self.now) {
            self.revoke_expired();
        }
    }

    /// Carries out what all parts want, until none wants anything more.
    pub(super) fn pump(&mut self) {
        loop {
            if self.link.closing.is_some() {
                self.keys.hurry(self.now);
            }
            let mut moved = self.drain_session();
            moved |= self.drain_keys();
            moved |= self.drain_chat();
            let gate = self.gate();
            if let Some(chore) = self.chores.take_due(self.now, |chore| gate.lets(chore)) {
                self.start(chore);
                moved = true;
            }
            if !moved {
                break;
            }
        }
        self.tell_state();
        self.leave_if_settled();
    }

    fn tell_state(&mut self) {
        let reading = [Chore::Envelopes, Chore::Names, Chore::InviteEnvelopes];
        let reading = reading.iter().any(|chore| self.chores.is_busy(*chore));
        self.link.synced |= self.link.complete && !reading;
        let state = match self.session.state() {
            _ if self.link.refused => ConnectionState::Refused,
            State::Offline => match self.link.register_at {
                Some(until) => ConnectionState::Waiting { until },
                None if self.link.registering => ConnectionState::Connecting,
                None => ConnectionState::Offline,
            },
            State::Waiting { until } => ConnectionState::Waiting { until },
            State::Authenticating | State::OpeningSocket | State::AwaitWelcome => {
                ConnectionState::Connecting
            }
            State::Online if self.link.synced => ConnectionState::Online,
            State::Online => ConnectionState::Syncing,
            State::Stopped(_) => ConnectionState::Refused,
        };
        if self.state != state {
            self.state = state;
            self.out.event(Event::StateChanged(state));
        }
    }

    /// Ends the connection once nothing is owed, or the time for it is over (spec 9.22).
    fn leave_if_settled(&mut self) {
        let Some(deadline) = self.link.closing else {
            return;
        };
        let owing = [
            Chore::Log,
            Chore::Envelopes,
            Chore::Owed,
            Chore::PostEnvelopes,
            Chore::Append,
        ];
        let gate = self.gate();
        let owing = owing
            .iter()
            .any(|chore| gate.lets(*chore) && self.chores.is_busy(*chore));
        if gate.online && (owing || self.keys.owes()) && self.now < deadline {
            return;
        }
        self.link.closing = None;
        self.registration_over();
        self.session.close(self.now);
        self.drain_session();
        self.drain_chat();
        self.calls.forget(|_| true);
        self.tell_state();
        self.out.event(Event::Settled);
    }

    pub(super) fn deadline(&self) -> Option<Instant> {
        if !self.out.is_empty() {
            return Some(self.now);
        }
        let gate = self.gate();
        let deadlines = [
            self.link.register_at,
            self.link.closing,
            self.expiry,
            self.session.poll_timeout(),
            self.keys.poll_timeout(),
            self.chat_deadline,
            self.calls.deadline(),
            self.chores.deadline(|chore| gate.lets(chore)),
        ];
        deadlines.into_iter().flatten().min()
    }

    pub(super) fn pop(&mut self) -> Option<Output> {
        self.out.pop()
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
