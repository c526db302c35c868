//! What one connection saw: every message once and in its sender's order, or not.

use std::collections::BTreeSet;

use dialtone_protocol::time::Instant;

use super::body::Mark;
use super::histogram::Histogram;

/// An odd constant that spreads bits (of the golden ratio), for telling orders apart.
const SPREAD: u64 = 0x9e37_79b9_7f4a_7c15;

/// The counts of one connection.
#[derive(Clone, Debug)]
pub(super) struct Tally {
    /// The next number of each sender.
    next: Vec<u32>,
    /// Messages that were skipped.
    holes: BTreeSet<(u16, u32)>,
    /// The order of all messages, hashed.
    order: u64,
    /// Messages that came, each counted once.
    pub(super) received: u64,
    /// Messages that came again.
    pub(super) doubled: u64,
    /// Messages that came after a later one of their sender.
    pub(super) disordered: u64,
    /// Refusals, and the first one's text.
    pub(super) refusals: (u64, Option<String>),
    /// Why the connection ended.
    pub(super) closed: Option<String>,
    /// Time from sending to arrival.
    pub(super) latency: Histogram,
    /// When the last message came.
    pub(super) last: Instant,
    /// Messages sent on this connection.
    pub(super) sent: u32,
    /// Whether this connection has messages to send.
    pub(super) sending: bool,
}

impl Tally {
    pub(super) fn new(senders: u16) -> Self {
        Self {
            next: vec![0; senders.into()],
            holes: BTreeSet::new(),
            order: 0,
            received: 0,
            doubled: 0,
            disordered: 0,
            refusals: (0, None),
            closed: None,
            latency: Histogram::new(),
            last: Instant::ZERO,
            sent: 0,
            sending: false,
        }
    }

    /// Counts a message that came at `now`.
    pub(super) fn message(&mut self, mark: Mark, now: Instant) {
        let Some(next) = self.next.get_mut(usize::from(mark.sender)) else {
            return;
        };
        if mark.number < *next {
            if !self.holes.remove(&(mark.sender, mark.number)) {
                self.doubled += 1;
                return;
            }
            self.disordered += 1;
        } else {
            self.holes
                .extend((*next..mark.number).map(|number| (mark.sender, number)));
            *next = mark.number + 1;
        }
        self.received += 1;
        self.last = now;
        self.latency.add((now - mark.at).as_micros() as u64);
        let message = u64::from(mark.sender) << 32 | u64::from(mark.number);
        self.order = (self.order ^ message).wrapping_mul(SPREAD).rotate_left(29);
    }

    /// Counts a refusal.
    pub(super) fn refusal(&mut self, event: &[u8]) {
        self.refusals.0 += 1;
        self.refusals
            .1
            .get_or_insert_with(|| String::from_utf8_lossy(event).into_owned());
    }

    /// Equal for connections that saw the same messages in the same order.
    pub(super) fn order(&self) -> u64 {
        self.order
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tally(numbers: &[(u16, u32)]) -> Tally {
        let mut tally = Tally::new(2);
        for &(sender, number) in numbers {
            let at = Instant::from_micros(10);
            let mark = Mark { sender, number, at };
            tally.message(mark, Instant::from_micros(30));
        }
        tally
    }

    #[test]
    fn what_comes_once_and_in_order_is_counted() {
        let tally = tally(&[(0, 0), (1, 0), (0, 1), (1, 1)]);
        assert_eq!((tally.received, tally.doubled, tally.disordered), (4, 0, 0));
        assert_eq!(tally.latency.max(), 20);
    }

    #[test]
    fn what_comes_again_is_doubled_and_counted_once() {
        let tally = tally(&[(0, 0), (0, 1), (0, 0), (0, 1)]);
        assert_eq!((tally.received, tally.doubled, tally.disordered), (2, 2, 0));
    }

    #[test]
    fn what_is_skipped_is_missing_until_it_comes_late() {
        let lost = tally(&[(0, 0), (0, 3)]);
        assert_eq!((lost.received, lost.doubled, lost.disordered), (2, 0, 0));
        let late = tally(&[(0, 0), (0, 3), (0, 2), (0, 1), (0, 1)]);
        assert_eq!((late.received, late.doubled, late.disordered), (4, 1, 2));
    }

    #[test]
    fn orders_differ_when_messages_do_or_their_order_does() {
        let order = |numbers: &[_]| tally(numbers).order();
        assert_eq!(order(&[(0, 0), (1, 0)]), order(&[(0, 0), (1, 0)]));
        assert_ne!(order(&[(0, 0), (1, 0)]), order(&[(1, 0), (0, 0)]));
        assert_ne!(order(&[(0, 0), (1, 0)]), order(&[(0, 0)]));
    }
}
