//! Requests that are wanted again and again: one of a kind at a time, retried with growing pauses.

use alloc::collections::BTreeMap;
use core::time::Duration;

use crate::limits;
use crate::time::Instant;

/// A kind of request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Chore {
    /// Reads the log on.
    Log,
    /// Reads the envelopes of the invite that this account joins by.
    InviteEnvelopes,
    /// Appends the next intent.
    Append,
    /// Reads this device's envelopes on.
    Envelopes,
    /// Asks what is owed to whom.
    Owed,
    /// Posts envelopes that are owed.
    PostEnvelopes,
    /// Reads sealed names on.
    Names,
    /// Says that this account waits for a vouch.
    PostPending,
    /// Reads who waits for a vouch.
    Pending,
    /// Asks who is connected.
    Presence,
    /// Reads the channels of the original system.
    Originals,
}

/// How one kind of request stands.
#[derive(Debug, Default)]
struct Task {
    /// It is to be made, after the one in flight if there is one.
    wanted: bool,
    /// One is on its way.
    in_flight: bool,
    /// It is not made before this time.
    not_before: Option<Instant>,
    /// How often it failed in a row.
    failures: u32,
}

/// All kinds of requests.
#[derive(Debug, Default)]
pub(super) struct Chores(BTreeMap<Chore, Task>);

impl Chores {
    /// Asks for a request as soon as it can be made.
    pub(super) fn want(&mut self, chore: Chore) {
        self.0.entry(chore).or_default().wanted = true;
    }

    /// Asks for a request, but not before `at`.
    pub(super) fn want_at(&mut self, chore: Chore, at: Instant) {
        let task = self.0.entry(chore).or_default();
        task.wanted = true;
        task.not_before = Some(task.not_before.map_or(at, |earlier| earlier.max(at)));
    }

    /// The next request to make now, if one of those that are allowed is due; it counts as made.
    pub(super) fn take_due(
        &mut self,
        now: Instant,
        allowed: impl Fn(Chore) -> bool,
    ) -> Option<Chore> {
        let due = |task: &Task| {
            task.wanted && !task.in_flight && task.not_before.is_none_or(|at| at <= now)
        };
        let (chore, task) = self
            .0
            .iter_mut()
            .find(|(chore, task)| due(task) && allowed(**chore))?;
        task.wanted = false;
        task.in_flight = true;
        task.not_before = None;
        Some(*chore)
    }

    /// A request was answered as hoped.
    pub(super) fn done(&mut self, chore: Chore) {
        let task = self.0.entry(chore).or_default();
        task.in_flight = false;
        task.failures = 0;
    }

    /// A request failed: it is made again after a pause, which doubles with every failure in a row.
    pub(super) fn failed(&mut self, chore: Chore, now: Instant) {
        let task = self.0.entry(chore).or_default();
        task.in_flight = false;
        task.wanted = true;
        let pause = limits::RETRY_FIRST.saturating_mul(1 << task.failures.min(10));
        task.not_before = Some(now + pause.min(limits::RETRY_MAX));
        task.failures = task.failures.saturating_add(1);
    }

    /// The connection is lost: what was on its way is wanted again.
    pub(super) fn interrupted(&mut self) {
        for task in self.0.values_mut() {
            task.wanted |= task.in_flight;
            task.in_flight = false;
            task.not_before = None;
            task.failures = 0;
        }
    }

    /// Whether a request is on its way or wanted.
    pub(super) fn is_busy(&self, chore: Chore) -> bool {
        self.0
            .get(&chore)
            .is_some_and(|task| task.wanted || task.in_flight)
    }

    /// When the next of the requests that are allowed is due.
    pub(super) fn deadline(&self, allowed: impl Fn(Chore) -> bool) -> Option<Instant> {
        let waiting = self
            .0
            .iter()
            .filter(|(chore, task)| task.wanted && !task.in_flight && allowed(**chore));
        waiting
            .map(|(_, task)| task.not_before.unwrap_or(Instant::ZERO))
            .min()
    }
}

/// A pause between `least` and twice that, by one random byte.
pub(super) fn jitter(least: Duration, random: u8) -> Duration {
    least + least.mul_f64(f64::from(random) / 255.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn any(_: Chore) -> bool {
        true
    }

    #[test]
    fn one_of_a_kind_is_on_its_way() {
        let mut chores = Chores::default();
        chores.want(Chore::Log);
        assert_eq!(chores.take_due(Instant::ZERO, any), Some(Chore::Log));
        chores.want(Chore::Log);
        assert_eq!(chores.take_due(Instant::ZERO, any), None);
        chores.done(Chore::Log);
        assert_eq!(chores.take_due(Instant::ZERO, any), Some(Chore::Log));
        chores.done(Chore::Log);
        assert!(!chores.is_busy(Chore::Log));
    }

    #[test]
    fn what_is_not_allowed_waits_without_a_deadline() {
        let mut chores = Chores::default();
        chores.want(Chore::Append);
        assert_eq!(chores.take_due(Instant::ZERO, |_| false), None);
        assert_eq!(chores.deadline(|_| false), None);
        assert_eq!(chores.take_due(Instant::ZERO, any), Some(Chore::Append));
    }

    #[test]
    fn a_failure_waits_longer_each_time() {
        let mut chores = Chores::default();
        let mut now = Instant::ZERO;
        let mut last = Duration::ZERO;
        for _ in 0..20 {
            chores.want(Chore::Names);
            now = chores.deadline(any).unwrap_or(now).max(now);
            assert_eq!(chores.take_due(now, any), Some(Chore::Names));
            chores.failed(Chore::Names, now);
            let pause = chores.deadline(any).unwrap() - now;
            assert!(pause >= last && pause <= limits::RETRY_MAX);
            last = pause;
        }
        assert_eq!(last, limits::RETRY_MAX);
    }

    #[test]
    fn a_cut_makes_requests_wanted_again() {
        let mut chores = Chores::default();
        chores.want(Chore::Envelopes);
        let _ = chores.take_due(Instant::ZERO, any);
        chores.interrupted();
        assert_eq!(chores.take_due(Instant::ZERO, any), Some(Chore::Envelopes));
    }
}
