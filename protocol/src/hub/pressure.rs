//! Back pressure: when frames are read no more, so that a flood slows down who makes it and nobody else.

use super::connections::Connections;
use super::{Hub, Output};
use crate::limits;
use crate::time::Instant;

/// What decides whether frames are read.
#[derive(Debug, Default)]
pub(super) struct Pressure {
    /// What the messages that wait for the store will take in each of their readers' queues, in bytes.
    storing: usize,
    /// Readers are waited for until then.
    hold: Option<Instant>,
    /// The driver was told to pause.
    paused: bool,
}

impl Pressure {
    /// A message was given to the store.
    pub(super) fn store(&mut self, bytes: usize) {
        self.storing = self.storing.saturating_add(bytes);
    }

    /// The store has answered for a message.
    pub(super) fn stored(&mut self, bytes: usize) {
        self.storing = self.storing.saturating_sub(bytes);
    }

    /// A message was fanned out: where it crowds its readers, they are waited for, but not for ever (spec 6.13).
    pub(super) fn fanned_out(&mut self, connections: &Connections, now: Instant) {
        if self.hold.is_none() && connections.are_crowded() {
            self.hold = Some(now + limits::READERS_WAIT);
        }
    }

    /// When readers are waited for no more.
    pub(super) fn deadline(&self) -> Option<Instant> {
        self.hold
    }

    /// Looks again. Answers whether the driver pauses from now on, if that is news.
    fn turn(&mut self, connections: &Connections, now: Instant) -> Option<bool> {
        let waits = |until: &Instant| *until > now && connections.are_crowded();
        self.hold = self.hold.filter(waits);
        let paused = self.hold.is_some() || self.storing > limits::STORING_BUDGET;
        let news = paused != self.paused;
        self.paused = paused;
        news.then_some(paused)
    }
}

impl Hub {
    /// Says whether frames are to be read, if that is another answer than before.
    pub(super) fn settle_pressure(&mut self) {
        match self.pressure.turn(&self.connections, self.now) {
            Some(true) => self.emit(Output::Pause),
            Some(false) => self.emit(Output::Resume),
            None => {}
        }
    }
}
