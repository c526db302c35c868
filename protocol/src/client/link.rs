//! The connection: registering, the session, what may be asked when, and leaving.

use super::chores::{Chore, jitter};
use super::event::{ConnectionState, Event};
use super::intent::Wish;
use super::io::LinkFailure;
use super::{Client, Output};
use crate::limits;
use crate::machine::Machine;
use crate::session::{self, State};
use crate::time::Instant;

/// How the account stands to its server, beside the session.
#[derive(Debug, Default)]
pub(super) struct Link {
    /// A registration may have been done though no answer came.
    pub(super) maybe_registered: bool,
    /// The invite is used up, unless a login shows that this account used it.
    pub(super) token_spent: bool,
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
    pub(super) chatting: bool,
    /// On this connection everything was read.
    pub(super) synced: bool,
    /// The connection ends as soon as nothing is owed, and at this time in any case.
    closing: Option<Instant>,
}

/// What may be asked of the server now.
#[derive(Clone, Copy, Debug)]
pub(super) struct Gate {
    online: bool,
    complete: bool,
    log_busy: bool,
    /// A wish hands a name on, and names are still being read.
    lacks_names: bool,
}

impl Gate {
    pub(super) fn lets(self, chore: Chore) -> bool {
        self.online
            && match chore {
                Chore::Log => true,
                // An append follows the end of the log.
                Chore::Append => self.complete && !self.log_busy && !self.lacks_names,
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

    /// Another connection of this machine with the server was lost: this one has to show soon that it stands (spec 7.7).
    pub fn doubt_connection(&mut self, now: Instant) {
        self.pass(now);
        if self.session.state() == State::Online {
            self.tell_session(session::Input::NetworkChanged);
        }
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

    pub(super) fn gate(&self) -> Gate {
        let reading = [Chore::Envelopes, Chore::Names];
        let reading = reading.iter().any(|chore| self.chores.is_busy(*chore));
        Gate {
            online: self.session.state() == State::Online,
            complete: self.link.complete && !self.log.has_ended(),
            log_busy: self.chores.is_busy(Chore::Log),
            lacks_names: reading && self.intents.wishes().any(Wish::hands_a_name_on),
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
