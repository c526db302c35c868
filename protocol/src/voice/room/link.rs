//! The link to the server: its session, and what comes over its socket.

use alloc::collections::BTreeMap;
use alloc::string::ToString;

use super::Room;
use super::asks::Purpose;
use super::io::{Event, Input, Output, Transmit};
use crate::machine::Machine;
use crate::session;
use crate::voice::ask::Question;
use crate::wire::event::ServerEvent;
use crate::wire::frame::{ClientFrame, Hello};

impl Room {
    pub(super) fn socket(&mut self, input: Input<'_>) {
        match input {
            Input::SocketOpened => self.tell_session(session::Input::SocketOpened),
            Input::SocketClosed { status } => {
                self.tell_session(session::Input::SocketClosed { status });
            }
            Input::Frame(bytes) => {
                self.tell_session(session::Input::Heard);
                match ServerEvent::parse(bytes) {
                    Ok(ServerEvent::Welcome(welcome)) => {
                        self.outputs
                            .push_back(Output::IceServers(welcome.ice_servers));
                        self.tell_session(session::Input::Welcome {
                            protocol: welcome.protocol,
                            server: welcome.server_id,
                            store: welcome.store_id,
                        });
                    }
                    Ok(event) if self.session.state() == session::State::Online => {
                        self.server_event(event);
                    }
                    // What comes before the welcome is the base API's greeting; what makes no sense is passed over.
                    Ok(_) | Err(_) => {}
                }
            }
            Input::Answered { .. }
            | Input::NetworkChanged
            | Input::Peer { .. }
            | Input::Revoked { .. } => {}
        }
    }

    pub(super) fn tell_session(&mut self, input: session::Input) {
        // An input that does not fit the session's state changes nothing.
        let _ = self.session.handle_input(input, self.now);
        self.drain_session();
    }

    pub(super) fn drain_session(&mut self) {
        while let Some(output) = self.session.poll_output() {
            match output {
                // The token is asked for anew after a restart.
                session::Output::Persist(_) => {}
                session::Output::Transmit(transmit) => self.session_transmit(transmit),
                session::Output::Event(session::Event::StateChanged(state)) => {
                    self.event(Event::Link(state));
                    if state == session::State::Online {
                        self.knock();
                    } else {
                        self.out_of_reach();
                    }
                }
                // The client says it to people.
                session::Output::Event(session::Event::Warning(_)) => {}
            }
        }
    }

    fn session_transmit(&mut self, transmit: session::Transmit) {
        match transmit {
            // Who holds the device's key logs in by itself, and is asked for what came of it: there is no challenge.
            session::Transmit::AskChallenge { attempt } => {
                let result = Ok([0; 32]);
                self.tell_session(session::Input::Challenge { attempt, result });
            }
            session::Transmit::LogIn { attempt, .. } => {
                self.asks
                    .forget(|purpose| matches!(purpose, Purpose::LogIn(_)));
                self.ask(Purpose::LogIn(attempt), Question::Token);
            }
            session::Transmit::OpenSocket { token } => {
                self.transmit(Transmit::OpenSocket { token })
            }
            session::Transmit::Hello { protocol } => {
                let resume = BTreeMap::new();
                let hello = ClientFrame::Hello(Hello { protocol, resume });
                self.transmit(Transmit::Frame(hello.to_text()));
            }
            // The server answers a type that it does not know: that is a sign of life.
            session::Transmit::Ping => {
                let ping = r#"{"type":"session.ping"}"#.to_string();
                self.transmit(Transmit::Frame(ping));
            }
            session::Transmit::CloseSocket => self.transmit(Transmit::CloseSocket),
        }
    }

    pub(super) const fn expects_socket(&self) -> bool {
        matches!(
            self.session.state(),
            session::State::OpeningSocket | session::State::AwaitWelcome | session::State::Online
        )
    }
}
