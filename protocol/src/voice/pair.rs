//! One connection with one other device.

use alloc::collections::VecDeque;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::time::Duration;

use super::io::{Command, Event, Input, Output, PairError, Say};
use crate::limits;
use crate::machine::Machine;
use crate::time::Instant;

/// Negotiates one connection with one other device (spec 11.20 to 11.26).
#[derive(Debug)]
pub struct Pair {
    now: Instant,
    /// Whether this side's offer comes first when both offer at once.
    wins: bool,
    phase: Phase,
    /// Whether sound flows.
    up: bool,
    /// Whether both sides were described to each other once: from then on an offer is a restart.
    described: bool,
    /// The generation of the next offer.
    next: u32,
    /// The newest generation that the other side offered.
    seen: Option<u32>,
    /// Candidates of the other side that came before its description.
    early: Vec<String>,
    /// Candidates of this side that wait for its description to be sent.
    unsent: Vec<String>,
    /// The network changed while something was under way.
    again: bool,
    /// Tries in a row that came to nothing.
    failures: u32,
    deadline: Option<Instant>,
    outputs: VecDeque<Output>,
}

/// What is under way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// Nothing: the connection stands or is coming up.
    Idle,
    /// A try came to nothing; the next one comes after a pause.
    AwaitRetry,
    /// An offer is being made here.
    AwaitOwnOffer { generation: u32 },
    /// The offer was sent.
    AwaitAnswer { generation: u32 },
    /// An answer is being made here.
    AwaitOwnAnswer { generation: u32 },
    /// Nothing any more.
    Closed,
}

impl Pair {
    /// Begins with another device. Who is in the room when the other one comes offers; the newcomer waits. `wins`: this
    /// device's id is the lower one, so that its offer comes first when both offer at once.
    #[must_use]
    pub fn new(offers: bool, wins: bool, now: Instant) -> Self {
        let mut pair = Self {
            now,
            wins,
            phase: Phase::Idle,
            up: false,
            described: false,
            next: 0,
            seen: None,
            early: Vec::new(),
            unsent: Vec::new(),
            again: false,
            failures: 0,
            deadline: None,
            outputs: VecDeque::new(),
        };
        if offers {
            pair.offer();
        } else {
            // An offer that got lost is made up for.
            pair.deadline = Some(now + limits::CONNECT_WAIT);
        }
        pair
    }

    /// Ends the connection.
    pub fn close(&mut self, now: Instant) {
        self.now = self.now.max(now);
        if self.phase != Phase::Closed {
            self.phase = Phase::Closed;
            self.deadline = None;
            self.media(Command::Close);
        }
    }

    /// Whether sound flows.
    #[must_use]
    pub const fn is_connected(&self) -> bool {
        self.up
    }

    fn offer(&mut self) {
        let generation = self.next;
        self.next = self.next.saturating_add(1);
        self.again = false;
        self.unsent.clear();
        self.phase = Phase::AwaitOwnOffer { generation };
        self.deadline = Some(self.now + limits::DESCRIBE_WAIT);
        let restart = self.described;
        self.media(Command::MakeOffer {
            generation,
            restart,
        });
    }

    fn offer_made(&mut self, generation: u32, sdp: &str) -> Result<(), PairError> {
        if self.phase != (Phase::AwaitOwnOffer { generation }) {
            return Err(PairError::Unexpected);
        }
        self.phase = Phase::AwaitAnswer { generation };
        self.deadline = Some(self.now + limits::ANSWER_WAIT);
        let sdp = sdp.to_string();
        self.describe(Say::Offer { generation, sdp });
        Ok(())
    }

    fn answer(&mut self, generation: u32, sdp: &str) -> Result<(), PairError> {
        if self.phase != (Phase::AwaitAnswer { generation }) {
            return Err(PairError::Stale);
        }
        let sdp = sdp.to_string();
        self.media(Command::TakeAnswer { sdp });
        self.settle();
        Ok(())
    }

    fn offered(&mut self, generation: u32, sdp: &str) -> Result<(), PairError> {
        if self.seen.is_some_and(|seen| generation <= seen) {
            return Err(PairError::Stale);
        }
        match self.phase {
            Phase::AwaitOwnOffer { .. } | Phase::AwaitAnswer { .. } if self.wins => {
                return Err(PairError::Yielding);
            }
            Phase::AwaitOwnOffer { .. }
            | Phase::AwaitAnswer { .. }
            | Phase::AwaitOwnAnswer { .. } => self.media(Command::Rollback),
            Phase::Idle | Phase::AwaitRetry | Phase::Closed => {}
        }
        self.seen = Some(generation);
        self.unsent.clear();
        self.phase = Phase::AwaitOwnAnswer { generation };
        self.deadline = Some(self.now + limits::DESCRIBE_WAIT);
        let sdp = sdp.to_string();
        self.media(Command::TakeOffer { generation, sdp });
        self.take_early();
        Ok(())
    }

    fn answer_made(&mut self, generation: u32, sdp: &str) -> Result<(), PairError> {
        if self.phase != (Phase::AwaitOwnAnswer { generation }) {
            return Err(PairError::Unexpected);
        }
        let sdp = sdp.to_string();
        self.describe(Say::Answer { generation, sdp });
        self.settle();
        Ok(())
    }

    /// Both sides are described: the connection has some time to come up.
    fn settle(&mut self) {
        self.phase = Phase::Idle;
        self.described = true;
        self.take_early();
        self.deadline = Some(self.now + limits::CONNECT_WAIT);
        if self.again {
            self.offer();
        }
    }

    fn take_early(&mut self) {
        for candidate in core::mem::take(&mut self.early) {
            self.media(Command::AddCandidate { candidate });
        }
    }

    fn candidate(&mut self, candidate: &str) -> Result<(), PairError> {
        let candidate = candidate.to_string();
        if self.described || matches!(self.phase, Phase::AwaitOwnAnswer { .. }) {
            self.media(Command::AddCandidate { candidate });
        } else if self.early.len() < limits::MAX_EARLY_CANDIDATES {
            self.early.push(candidate);
        } else {
            return Err(PairError::TooManyCandidates);
        }
        Ok(())
    }

    /// Sends a description, and the candidates that belong to it.
    fn describe(&mut self, say: Say) {
        self.outputs.push_back(Output::Send(say));
        for candidate in core::mem::take(&mut self.unsent) {
            self.outputs
                .push_back(Output::Send(Say::Candidate { candidate }));
        }
    }

    fn local_candidate(&mut self, candidate: &str) -> Result<(), PairError> {
        let candidate = candidate.to_string();
        match self.phase {
            Phase::AwaitOwnOffer { .. } | Phase::AwaitOwnAnswer { .. } => {
                if self.unsent.len() >= limits::MAX_EARLY_CANDIDATES {
                    return Err(PairError::TooManyCandidates);
                }
                self.unsent.push(candidate);
            }
            Phase::Idle | Phase::AwaitRetry | Phase::AwaitAnswer { .. } | Phase::Closed => self
                .outputs
                .push_back(Output::Send(Say::Candidate { candidate })),
        }
        Ok(())
    }

    fn connected(&mut self) {
        self.failures = 0;
        if !core::mem::replace(&mut self.up, true) {
            self.outputs.push_back(Output::Event(Event::Connected));
        }
        if self.phase == Phase::Idle {
            self.deadline = None;
        }
    }

    fn failed(&mut self) {
        if core::mem::take(&mut self.up) {
            self.outputs.push_back(Output::Event(Event::Reconnecting));
        }
        // What is under way, or comes after a pause, may mend it.
        if self.phase == Phase::Idle {
            self.wait_and_offer();
        }
    }

    /// Tries again after a pause, which doubles with each try that came to nothing. The side whose offer comes first
    /// anyway does not wait for the other's.
    fn wait_and_offer(&mut self) {
        let again = self.failures.checked_sub(1);
        let pause = again.map_or(Duration::ZERO, |again| {
            let doubled = limits::RECONNECT_FIRST.saturating_mul(1 << again.min(5));
            doubled.min(limits::RECONNECT_MAX)
        });
        let pause = match self.wins {
            true => pause,
            false => pause + limits::YIELD_WAIT,
        };
        self.failures = self.failures.saturating_add(1);
        self.phase = Phase::AwaitRetry;
        self.deadline = Some(self.now + pause);
        if pause.is_zero() {
            self.offer();
        }
    }

    fn network_changed(&mut self) {
        match self.phase {
            Phase::Idle | Phase::AwaitRetry => self.offer(),
            Phase::AwaitOwnOffer { .. }
            | Phase::AwaitAnswer { .. }
            | Phase::AwaitOwnAnswer { .. }
            | Phase::Closed => self.again = true,
        }
    }

    /// An offer that may not have arrived is made anew, and what is broken is mended now.
    fn reachable(&mut self) {
        match self.phase {
            Phase::AwaitAnswer { .. } => {
                self.media(Command::Rollback);
                self.offer();
            }
            Phase::Idle | Phase::AwaitRetry if !self.up => self.offer(),
            Phase::Idle
            | Phase::AwaitRetry
            | Phase::AwaitOwnOffer { .. }
            | Phase::AwaitOwnAnswer { .. }
            | Phase::Closed => {}
        }
    }

    fn expired(&mut self) {
        match self.phase {
            Phase::Idle if self.up => self.deadline = None,
            Phase::Idle => self.wait_and_offer(),
            Phase::AwaitRetry => self.offer(),
            Phase::AwaitOwnOffer { .. }
            | Phase::AwaitAnswer { .. }
            | Phase::AwaitOwnAnswer { .. } => {
                self.media(Command::Rollback);
                self.wait_and_offer();
            }
            Phase::Closed => self.deadline = None,
        }
    }

    fn media(&mut self, command: Command) {
        self.outputs.push_back(Output::Media(command));
    }
}

impl Machine for Pair {
    type Input<'a> = Input<'a>;
    type Output = Output;
    type Error = PairError;

    fn handle_input(&mut self, input: Input<'_>, now: Instant) -> Result<(), PairError> {
        if self.phase == Phase::Closed {
            return Err(PairError::Closed);
        }
        let before = self.now;
        self.now = before.max(now);
        let taken = match input {
            Input::Answer { generation, sdp } => self.answer(generation, sdp),
            Input::AnswerMade { generation, sdp } => self.answer_made(generation, sdp),
            Input::Candidate { candidate } => self.candidate(candidate),
            Input::Connected => {
                self.connected();
                Ok(())
            }
            Input::Failed => {
                self.failed();
                Ok(())
            }
            Input::LocalCandidate { candidate } => self.local_candidate(candidate),
            Input::NetworkChanged => {
                self.network_changed();
                Ok(())
            }
            Input::Reachable => {
                self.reachable();
                Ok(())
            }
            Input::Offer { generation, sdp } => self.offered(generation, sdp),
            Input::OfferMade { generation, sdp } => self.offer_made(generation, sdp),
        };
        if taken.is_err() {
            self.now = before;
        }
        taken
    }

    fn handle_timeout(&mut self, now: Instant) {
        self.now = self.now.max(now);
        if self.deadline.is_some_and(|at| at <= self.now) {
            self.expired();
        }
    }

    fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    fn poll_timeout(&self) -> Option<Instant> {
        match self.outputs.is_empty() {
            true => self.deadline,
            false => Some(self.now),
        }
    }
}
