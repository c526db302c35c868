//! Moments of the protocol and of the system.

use std::time;

use dialtone_protocol::Instant;

/// Says which moment of the protocol is which of the system: the library under the connections wants the system's.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    system: time::Instant,
    protocol: Instant,
}

impl Clock {
    /// These two moments are the same.
    #[must_use]
    pub const fn new(system: time::Instant, protocol: Instant) -> Self {
        Self { system, protocol }
    }

    /// The system's moment. Those before the beginning of the clock are its beginning.
    #[must_use]
    pub fn to_system(self, at: Instant) -> time::Instant {
        self.system + (at - self.protocol)
    }

    /// The protocol's moment, which counts microseconds, rounded up so that it is never too early.
    #[must_use]
    pub fn to_protocol(self, at: time::Instant) -> Instant {
        let since = at.saturating_duration_since(self.system);
        self.protocol + (since + time::Duration::from_nanos(999))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_is_never_taken_for_an_earlier_one() {
        let system = time::Instant::now();
        let clock = Clock::new(system, Instant::ZERO);
        for nanos in [0, 1, 999, 1000, 1001, 5_000_000_001] {
            let at = system + time::Duration::from_nanos(nanos);
            let back = clock.to_system(clock.to_protocol(at));
            assert!(back >= at && back < at + time::Duration::from_micros(1));
        }
    }
}
