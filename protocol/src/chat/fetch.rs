//! When a page is asked for, and when again.

use core::time::Duration;

use crate::crypto::Entropy;
use crate::limits::{CHAT_RETRY_FIRST, CHAT_RETRY_MOST};
use crate::time::Instant;

/// How far one fetch has come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Stage {
    /// It is not asked for.
    #[default]
    Idle,
    /// It waits for its answer.
    AwaitPage,
    /// It failed, and waits before the next try.
    AwaitRetry(Instant),
}

/// One kind of fetch of one channel: never twice at a time, and slower with each failure.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Fetching {
    stage: Stage,
    failures: u32,
}

impl Fetching {
    pub(super) fn is_idle(&self) -> bool {
        self.stage == Stage::Idle
    }

    pub(super) fn ask(&mut self) {
        self.stage = Stage::AwaitPage;
    }

    pub(super) fn succeed(&mut self) {
        *self = Self::default();
    }

    pub(super) fn fail(&mut self, entropy: &mut Entropy, now: Instant) {
        self.stage = Stage::AwaitRetry(now + delay(self.failures, entropy));
        self.failures = self.failures.saturating_add(1);
    }

    /// When the next try is due.
    pub(super) fn due(&self) -> Option<Instant> {
        match self.stage {
            Stage::AwaitRetry(at) => Some(at),
            Stage::Idle | Stage::AwaitPage => None,
        }
    }

    /// Ends the wait that is over by `now`.
    pub(super) fn wake(&mut self, now: Instant) {
        if self.due().is_some_and(|at| at <= now) {
            self.stage = Stage::Idle;
        }
    }
}

/// How long to wait after this many failures before: doubling up to a bound, and drawn from the upper half, so that
/// those who failed together do not come back together.
pub(super) fn delay(failures: u32, entropy: &mut Entropy) -> Duration {
    let most = CHAT_RETRY_FIRST
        .saturating_mul(1 << failures.min(16))
        .min(CHAT_RETRY_MOST);
    let half = most / 2;
    let share = u32::from(u16::from_be_bytes(entropy.bytes()));
    half + half * share / u32::from(u16::MAX)
}
