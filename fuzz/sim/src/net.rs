//! A network in virtual time: latency, loss, duplication, reordering and cuts, all drawn from the seed.

use core::time::Duration;
use std::collections::{BTreeMap, BTreeSet};

use dialtone_protocol::Instant;

use crate::dice::Dice;

/// One direction of one link.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Lane {
    /// A connection, which keeps the order.
    Stream(u64),
    /// Many connections at a time, each of which carries one thing.
    Loose(u64),
}

/// What the network does to what it carries, and the store to what it is asked. The rates are per mille of that.
#[derive(Clone, Copy, Debug)]
pub struct Faults {
    /// The shortest time on the way.
    pub least_latency: Duration,
    /// The longest time on the way.
    pub most_latency: Duration,
    /// What is never delivered.
    pub loss: u16,
    /// What is delivered twice.
    pub duplication: u16,
    /// What may overtake what was sent before it.
    pub reordering: u16,
    /// Writes that the store of the server keeps and says that it failed.
    pub lost_answers: u16,
}

impl Faults {
    /// A network that keeps all and its order.
    pub const NONE: Self = Self {
        least_latency: Duration::from_millis(1),
        most_latency: Duration::from_millis(5),
        loss: 0,
        duplication: 0,
        reordering: 0,
        lost_answers: 0,
    };
}

/// What is on its way, in the order of its arrival.
#[derive(Debug)]
pub struct Network<T> {
    dice: Dice,
    faults: Faults,
    on_the_way: BTreeMap<(Instant, u64), (Lane, T)>,
    last_arrival: BTreeMap<Lane, Instant>,
    cut: BTreeSet<Lane>,
    sent: u64,
}

impl<T: Clone> Network<T> {
    /// A network that does `faults`.
    #[must_use]
    pub fn new(dice: Dice, faults: Faults) -> Self {
        Self {
            dice,
            faults,
            on_the_way: BTreeMap::new(),
            last_arrival: BTreeMap::new(),
            cut: BTreeSet::new(),
            sent: 0,
        }
    }

    /// Changes what it does from now on.
    pub fn set_faults(&mut self, faults: Faults) {
        self.faults = faults;
    }

    /// Takes what is sent on a lane, and decides when it arrives, if ever.
    pub fn send(&mut self, lane: Lane, payload: T, now: Instant) {
        if self.cut.contains(&lane) || self.dice.chance(self.faults.loss) {
            return;
        }
        if self.dice.chance(self.faults.duplication) {
            self.enqueue(lane, payload.clone(), now);
        }
        self.enqueue(lane, payload, now);
    }

    /// Loses what is on its way on a lane and all that is sent until [`mend`](Self::mend).
    pub fn cut(&mut self, lane: Lane) {
        self.cut.insert(lane);
        self.forget(lane);
    }

    /// Lets a lane carry again.
    pub fn mend(&mut self, lane: Lane) {
        self.cut.remove(&lane);
    }

    /// Loses what is on its way on a lane, as the end of a connection does.
    pub fn forget(&mut self, lane: Lane) {
        self.on_the_way.retain(|_, (on, _)| *on != lane);
        self.last_arrival.remove(&lane);
    }

    /// Takes the next arrival that is due.
    pub fn arrive(&mut self, now: Instant) -> Option<(Lane, T)> {
        let (&key, _) = self.on_the_way.first_key_value()?;
        if key.0 > now {
            None
        } else {
            self.on_the_way.remove(&key)
        }
    }

    /// When the next arrival is due.
    #[must_use]
    pub fn next_arrival(&self) -> Option<Instant> {
        self.on_the_way.first_key_value().map(|(&(at, _), _)| at)
    }

    fn enqueue(&mut self, lane: Lane, payload: T, now: Instant) {
        let mut at = now
            + self
                .dice
                .duration(self.faults.least_latency, self.faults.most_latency);
        let in_order = matches!(lane, Lane::Stream(_));
        if in_order && !self.dice.chance(self.faults.reordering) {
            let last = self.last_arrival.entry(lane).or_default();
            at = at.max(*last);
            *last = at;
        }
        self.sent += 1;
        self.on_the_way.insert((at, self.sent), (lane, payload));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn arrivals(faults: Faults, count: u32) -> Vec<u32> {
        let mut network = Network::new(Dice::new(7), faults);
        for payload in 0..count {
            network.send(Lane::Stream(1), payload, Instant::ZERO);
        }
        let end = Instant::from_micros(u64::MAX);
        std::iter::from_fn(|| network.arrive(end))
            .map(|(_, payload)| payload)
            .collect()
    }

    #[test]
    fn without_faults_all_arrives_in_order() {
        assert_eq!(arrivals(Faults::NONE, 100), (0..100).collect::<Vec<_>>());
    }

    #[test]
    fn each_fault_happens() {
        assert!(
            arrivals(
                Faults {
                    loss: 500,
                    ..Faults::NONE
                },
                100
            )
            .len()
                < 100
        );
        assert!(
            arrivals(
                Faults {
                    duplication: 500,
                    ..Faults::NONE
                },
                100
            )
            .len()
                > 100
        );
        assert!(
            !arrivals(
                Faults {
                    reordering: 500,
                    ..Faults::NONE
                },
                100
            )
            .is_sorted()
        );
    }

    #[test]
    fn a_cut_lane_loses_what_is_on_its_way_and_the_others_keep_theirs() {
        let mut network = Network::new(Dice::new(7), Faults::NONE);
        network.send(Lane::Stream(1), "lost", Instant::ZERO);
        network.send(Lane::Stream(2), "kept", Instant::ZERO);
        network.cut(Lane::Stream(1));
        network.send(Lane::Stream(1), "lost too", Instant::ZERO);
        network.mend(Lane::Stream(1));
        network.send(Lane::Stream(1), "after", Instant::ZERO);
        let end = Instant::from_micros(u64::MAX);
        let mut left: Vec<_> = std::iter::from_fn(|| network.arrive(end))
            .map(|(_, payload)| payload)
            .collect();
        left.sort_unstable();
        assert_eq!(left, ["after", "kept"]);
    }
}
