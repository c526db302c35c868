//! When a sender sends.

use std::time::Duration;

use dialtone_protocol::time::Instant;

/// How senders decide when to send.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// A new message when an own one has come back; so many are on their way at a time.
    Closed {
        /// Messages on their way from each sender.
        window: u32,
    },
    /// As fast as the connection takes it, without waiting for anything.
    Flood,
    /// Nothing is sent.
    Idle,
    /// So many messages a second, of all senders together.
    Paced {
        /// Messages a second.
        rate: u32,
    },
}

impl Mode {
    /// The mode's name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Closed { .. } => "closed",
            Self::Flood => "flood",
            Self::Idle => "idle",
            Self::Paced { .. } => "paced",
        }
    }
}

/// When sending begins and ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Span {
    pub(super) from: Instant,
    pub(super) until: Instant,
}

/// Whether a sender may send now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Due {
    /// A message that counts as sent at this time.
    Now(Instant),
    /// Not before this time.
    At(Instant),
    /// Not before something happens: a message comes back, or the connection takes more.
    Later,
    /// Never again.
    Never,
}

/// The pace of one sender.
#[derive(Clone, Debug)]
pub(super) struct Pace {
    mode: Mode,
    span: Span,
    /// The time between two messages of one sender, when paced.
    every: Duration,
    next: Instant,
    sent: u32,
    returned: u32,
    limit: u32,
}

impl Pace {
    /// The pace of sender `number` of `senders`, who take turns when paced. `limit` messages at most.
    pub(super) fn new(mode: Mode, span: Span, number: u16, senders: u16, limit: u32) -> Self {
        let every = match mode {
            Mode::Paced { rate } => Duration::from_secs(senders.into()) / rate.max(1),
            _ => Duration::ZERO,
        };
        Self {
            mode,
            span,
            every,
            next: span.from + every * u32::from(number) / u32::from(senders),
            sent: 0,
            returned: 0,
            limit,
        }
    }

    /// A message was sent.
    pub(super) fn sent(&mut self) {
        self.sent += 1;
        self.next = self.next + self.every;
    }

    /// An own message came back.
    pub(super) fn returned(&mut self) {
        self.returned += 1;
    }

    /// Whether to send, where `idle` says that everything sent before has left.
    pub(super) fn due(&self, idle: bool, now: Instant) -> Due {
        if self.sent >= self.limit {
            return Due::Never;
        }
        if now < self.span.from {
            return Due::At(self.span.from);
        }
        match self.mode {
            Mode::Paced { .. } if self.next >= self.span.until => Due::Never,
            Mode::Paced { .. } if now < self.next => Due::At(self.next),
            // What is late counts from when it was due: a server that stalls does not hide it.
            Mode::Paced { .. } => Due::Now(self.next),
            _ if now >= self.span.until => Due::Never,
            Mode::Closed { window } if self.sent - self.returned < window => Due::Now(now),
            Mode::Flood if idle => Due::Now(now),
            Mode::Closed { .. } | Mode::Flood => Due::Later,
            Mode::Idle => Due::Never,
        }
    }

    /// How many messages were sent.
    pub(super) fn count(&self) -> u32 {
        self.sent
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: u64) -> Instant {
        Instant::from_micros(millis * 1000)
    }

    fn pace(mode: Mode, number: u16, limit: u32) -> Pace {
        let span = Span {
            from: at(100),
            until: at(200),
        };
        Pace::new(mode, span, number, 2, limit)
    }

    #[test]
    fn a_closed_loop_waits_for_its_own_messages() {
        let mut pace = pace(Mode::Closed { window: 1 }, 0, u32::MAX);
        assert_eq!(pace.due(true, at(0)), Due::At(at(100)));
        assert_eq!(pace.due(true, at(100)), Due::Now(at(100)));
        pace.sent();
        assert_eq!(pace.due(true, at(101)), Due::Later);
        pace.returned();
        assert_eq!(pace.due(true, at(102)), Due::Now(at(102)));
        assert_eq!(pace.due(true, at(200)), Due::Never);
    }

    #[test]
    fn a_flood_waits_only_for_its_connection() {
        let mut pace = pace(Mode::Flood, 0, 2);
        assert_eq!(pace.due(false, at(150)), Due::Later);
        assert_eq!(pace.due(true, at(150)), Due::Now(at(150)));
        pace.sent();
        pace.sent();
        assert_eq!(pace.due(true, at(150)), Due::Never, "the limit");
    }

    #[test]
    fn paced_senders_take_turns_and_catch_up() {
        let mut pace = pace(Mode::Paced { rate: 100 }, 1, u32::MAX);
        assert_eq!(pace.due(true, at(100)), Due::At(at(110)));
        assert_eq!(pace.due(true, at(140)), Due::Now(at(110)));
        pace.sent();
        assert_eq!(pace.due(true, at(140)), Due::Now(at(130)));
        pace.sent();
        assert_eq!(pace.due(true, at(140)), Due::At(at(150)));
        pace.sent();
        pace.sent();
        pace.sent();
        assert_eq!(pace.due(true, at(260)), Due::Never, "after the end");
    }
}
