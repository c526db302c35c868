//! The link to the server: logging in, the socket, the hello, and coming back after every loss.
//!
//! ```text
//!             connect            token             opened            welcome
//!   Offline ----------> Authenticating --> OpeningSocket --> AwaitWelcome --> Online
//!      ^      (a remembered token goes             |                |            |
//!      | close   straight to the socket)           +---- loss, silence, no answer
//!      |                                                            |
//!   any state            Stopped <-- refusal         Waiting <------+   (backoff, then again)
//! ```
//!
//! The session knows nothing of channels: what a hello resumes is filled in by who carries it out. It holds the bearer
//! token, and not the device's key: signing the challenge is the business of who logs in.

mod io;
mod memory;

pub use io::{
    Attempt, CallFailure, Event, Input, InputError, Output, State, Stop, Transmit, Warning,
};
pub use memory::RestoreError;

use alloc::collections::VecDeque;
use alloc::vec;
use core::fmt;
use core::time::Duration;

use self::memory::Memory;
use crate::crypto::Entropy;
use crate::ids::{ServerId, StoreId};
use crate::limits::{
    BACKOFF_FIRST, BACKOFF_MOST, CONNECT_TIMEOUT, HEARTBEAT, IDLE_TIMEOUT, ONLINE_STABLE,
    PROBE_TIMEOUT, PROTOCOL,
};
use crate::machine::Machine;
use crate::time::Instant;
use crate::wire::sensitive::Sensitive;

/// The link of one account to its server.
pub struct Session {
    entropy: Entropy,
    now: Instant,
    state: State,
    memory: Memory,
    /// Whether this attempt got the token by a login: one that is refused then is not worth another login.
    fresh: bool,
    attempt: Attempt,
    /// Attempts that failed since the last connection that held.
    failures: u32,
    /// Logins that were refused since the last one that was not.
    refusals: u32,
    /// When the state under way ends by itself.
    deadline: Option<Instant>,
    /// When the server was last heard.
    heard: Instant,
    /// Whether it has to show by the deadline that it is still reached.
    probed: bool,
    /// When the connection came to be.
    since: Instant,
    outputs: VecDeque<Output>,
}

impl Session {
    /// Starts with no connection, wanting none.
    #[must_use]
    pub fn new(seed: [u8; 32]) -> Self {
        Self {
            entropy: Entropy::from_seed(seed),
            now: Instant::ZERO,
            state: State::Offline,
            memory: Memory::default(),
            fresh: false,
            attempt: Attempt::default(),
            failures: 0,
            refusals: 0,
            deadline: None,
            heard: Instant::ZERO,
            probed: false,
            since: Instant::ZERO,
            outputs: VecDeque::new(),
        }
    }

    /// Starts with what was remembered: the value of [`Session::record_key`] in the table of the account.
    ///
    /// # Errors
    ///
    /// When the record cannot be read.
    pub fn restore(seed: [u8; 32], record: &[u8]) -> Result<Self, RestoreError> {
        let mut session = Self::new(seed);
        session.memory = Memory::read(record)?;
        Ok(session)
    }

    /// The key of the session's one record, in [`Table::Account`](crate::client::Table::Account).
    #[must_use]
    pub const fn record_key() -> &'static [u8] {
        Memory::KEY
    }

    /// Wants a connection, now and after every loss. Ends a stop, and a wait.
    pub fn connect(&mut self, now: Instant) {
        self.pass(now);
        match self.state {
            State::Offline | State::Waiting { .. } | State::Stopped(_) => {
                self.failures = 0;
                self.refusals = 0;
                self.begin();
            }
            State::Authenticating | State::OpeningSocket | State::AwaitWelcome | State::Online => {}
        }
    }

    /// Wants no connection any more.
    pub fn close(&mut self, now: Instant) {
        self.pass(now);
        self.hang_up();
        self.enter(State::Offline, None);
    }

    /// Takes in a token that a registration brought.
    pub fn set_token(&mut self, token: Sensitive, now: Instant) {
        self.pass(now);
        self.remember_token(Some(token));
    }

    /// The bearer token, for calls beside the socket.
    #[must_use]
    pub const fn token(&self) -> Option<&Sensitive> {
        self.memory.token.as_ref()
    }

    /// Where the session stands.
    #[must_use]
    pub const fn state(&self) -> State {
        self.state
    }

    /// Begins an attempt, with the token if there is one (spec 7.2).
    fn begin(&mut self) {
        self.attempt = Attempt(self.attempt.0.saturating_add(1));
        self.fresh = false;
        match self.memory.token.clone() {
            Some(token) => self.open_socket(token),
            None => self.authenticate(),
        }
    }

    fn authenticate(&mut self) {
        self.enter(State::Authenticating, Some(CONNECT_TIMEOUT));
        let attempt = self.attempt;
        self.transmit(Transmit::AskChallenge { attempt });
    }

    fn open_socket(&mut self, token: Sensitive) {
        self.enter(State::OpeningSocket, Some(CONNECT_TIMEOUT));
        self.transmit(Transmit::OpenSocket { token });
    }

    fn take_login(&mut self, result: Result<Sensitive, CallFailure>) {
        match result {
            Ok(token) => {
                self.refusals = 0;
                self.fresh = true;
                self.remember_token(Some(token.clone()));
                self.open_socket(token);
            }
            Err(CallFailure::Unavailable) => self.fail(),
            Err(CallFailure::Refused) => self.take_refusal(),
        }
    }

    /// A challenge may have expired on its way, so the first refusal is tried again; the second one is meant
    /// (spec 7.3).
    fn take_refusal(&mut self) {
        self.refusals = self.refusals.saturating_add(1);
        if self.refusals < 2 {
            self.fail();
        } else {
            self.enter(State::Stopped(Stop::Refused), None);
        }
    }

    /// The token is not taken any more: a login brings another, at once if this one was old (spec 7.2).
    fn take_token_refusal(&mut self) {
        self.hang_up();
        self.remember_token(None);
        if self.fresh {
            self.fail();
        } else {
            self.fresh = true;
            self.authenticate();
        }
    }

    fn take_welcome(&mut self, protocol: u32, server: ServerId, store: StoreId) {
        if protocol != PROTOCOL {
            self.hang_up();
            self.enter(State::Stopped(Stop::NeedsNewer { protocol }), None);
            return;
        }
        let known = (self.memory.server, self.memory.store);
        if known != (Some(server), Some(store)) {
            self.memory.server = Some(server);
            self.memory.store = Some(store);
            self.persist();
        }
        self.since = self.now;
        self.heard = self.now;
        self.enter(State::Online, Some(HEARTBEAT));
        // spec 7.6
        if known.0.is_some_and(|known| known != server) {
            self.event(Event::Warning(Warning::OtherServer));
        } else if known.1.is_some_and(|known| known != store) {
            self.event(Event::Warning(Warning::OtherStore));
        }
    }

    fn take_close(&mut self, status: Option<u16>) {
        let refused = matches!(status, Some(401 | 403));
        if refused && self.state == State::OpeningSocket {
            self.take_token_refusal();
        } else {
            self.fail();
        }
    }

    /// Gives this attempt or connection up, and waits before the next one (spec 7.4).
    fn fail(&mut self) {
        self.hang_up();
        let held = self.state == State::Online && self.now - self.since >= ONLINE_STABLE;
        if held {
            self.failures = 0;
        }
        let wait = self.backoff();
        self.failures = self.failures.saturating_add(1);
        let until = self.now + wait;
        self.enter(State::Waiting { until }, Some(wait));
    }

    /// Full jitter: anything up to a bound that doubles with each failure. Never nothing, so that time passes.
    fn backoff(&mut self) -> Duration {
        let most = BACKOFF_FIRST
            .saturating_mul(1 << self.failures.min(16))
            .min(BACKOFF_MOST);
        let share = u32::from_be_bytes(self.entropy.bytes());
        let micros = u64::try_from(most.as_micros()).unwrap_or(u64::MAX);
        let drawn = (u128::from(micros) * u128::from(share)) >> 32;
        Duration::from_micros(u64::try_from(drawn).unwrap_or(micros).max(1))
    }

    /// Ends what there is of a socket.
    fn hang_up(&mut self) {
        match self.state {
            State::OpeningSocket | State::AwaitWelcome | State::Online => {
                self.transmit(Transmit::CloseSocket);
            }
            State::Offline | State::Waiting { .. } | State::Authenticating | State::Stopped(_) => {}
        }
    }

    /// The time of the state is over.
    fn expire(&mut self) {
        match self.state {
            State::Waiting { .. } => self.begin(),
            State::Authenticating | State::OpeningSocket | State::AwaitWelcome => self.fail(),
            State::Online => self.check_pulse(),
            State::Offline | State::Stopped(_) => self.deadline = None,
        }
    }

    /// A quiet server is asked for a sign of life, and given up when none comes (spec 7.5).
    fn check_pulse(&mut self) {
        let silent = self.now - self.heard;
        if silent >= IDLE_TIMEOUT || self.probed {
            self.fail();
        } else if silent >= HEARTBEAT {
            self.transmit(Transmit::Ping);
            self.deadline = Some(self.heard + IDLE_TIMEOUT);
        } else {
            self.deadline = Some(self.heard + HEARTBEAT);
        }
    }

    /// What is under way may stand on an address that is gone: it has to show soon that it does not (spec 7.7).
    fn network_changed(&mut self) {
        let soon = self.now + PROBE_TIMEOUT;
        match self.state {
            State::Online if !self.probed => {
                self.probed = true;
                self.transmit(Transmit::Ping);
                self.deadline = Some(soon);
            }
            State::Authenticating | State::OpeningSocket | State::AwaitWelcome => {
                self.deadline = self.deadline.map(|at| at.min(soon));
            }
            // What failed may have failed for want of a network.
            State::Waiting { .. } => self.begin(),
            State::Online | State::Offline | State::Stopped(_) => {}
        }
    }

    fn enter(&mut self, state: State, lasting: Option<Duration>) {
        self.deadline = lasting.map(|lasting| self.now + lasting);
        self.probed = false;
        if self.state != state {
            self.state = state;
            self.event(Event::StateChanged(state));
        }
    }

    fn remember_token(&mut self, token: Option<Sensitive>) {
        self.memory.token = token;
        self.persist();
    }

    fn persist(&mut self) {
        let changes = vec![self.memory.put()];
        self.outputs.push_back(Output::Persist(changes));
    }

    fn transmit(&mut self, transmit: Transmit) {
        self.outputs.push_back(Output::Transmit(transmit));
    }

    fn event(&mut self, event: Event) {
        self.outputs.push_back(Output::Event(event));
    }

    fn pass(&mut self, now: Instant) {
        self.now = self.now.max(now);
    }

    /// Whether an input fits the state.
    fn check(&self, input: &Input) -> Result<(), InputError> {
        let fits = match input {
            Input::Challenge { attempt, .. } | Input::LoggedIn { attempt, .. } => {
                let asked = self.state == State::Authenticating && *attempt == self.attempt;
                return if asked {
                    Ok(())
                } else {
                    Err(InputError::NotAsked)
                };
            }
            Input::SocketOpened => self.state == State::OpeningSocket,
            Input::Welcome { .. } => self.state == State::AwaitWelcome,
            Input::Heard => matches!(self.state, State::AwaitWelcome | State::Online),
            Input::SocketClosed { .. } => matches!(
                self.state,
                State::OpeningSocket | State::AwaitWelcome | State::Online
            ),
            Input::NetworkChanged | Input::TokenRefused => true,
        };
        if fits {
            Ok(())
        } else {
            Err(InputError::NoSocket)
        }
    }
}

impl Machine for Session {
    type Input<'a> = Input;
    type Output = Output;
    type Error = InputError;

    fn handle_input(&mut self, input: Input, now: Instant) -> Result<(), InputError> {
        self.check(&input)?;
        self.pass(now);
        match input {
            Input::Challenge { attempt, result } => match result {
                Ok(challenge) => self.transmit(Transmit::LogIn { attempt, challenge }),
                Err(failure) => self.take_login(Err(failure)),
            },
            Input::LoggedIn { result, .. } => self.take_login(result),
            Input::SocketOpened => {
                self.enter(State::AwaitWelcome, Some(CONNECT_TIMEOUT));
                self.transmit(Transmit::Hello { protocol: PROTOCOL });
            }
            Input::SocketClosed { status } => self.take_close(status),
            Input::Welcome {
                protocol,
                server,
                store,
            } => self.take_welcome(protocol, server, store),
            Input::Heard => (self.heard, self.probed) = (self.now, false),
            Input::NetworkChanged => self.network_changed(),
            Input::TokenRefused => match self.state {
                State::OpeningSocket | State::AwaitWelcome | State::Online => {
                    self.take_token_refusal();
                }
                State::Offline
                | State::Waiting { .. }
                | State::Authenticating
                | State::Stopped(_) => {}
            },
        }
        Ok(())
    }

    fn handle_timeout(&mut self, now: Instant) {
        self.pass(now);
        if self.deadline.is_some_and(|at| at <= self.now) {
            self.expire();
        }
    }

    fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    fn poll_timeout(&self) -> Option<Instant> {
        if self.outputs.is_empty() {
            self.deadline
        } else {
            Some(self.now)
        }
    }
}

impl fmt::Debug for Session {
    /// Without the token.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session")
            .field("state", &self.state)
            .field("attempt", &self.attempt)
            .finish_non_exhaustive()
    }
}
