//! Sound that goes nowhere, at the speed at which it would be played.

use std::sync::mpsc;
use std::time::{Duration, Instant};

use super::Fill;
use crate::audio::PIECE;

/// How long a piece lasts.
const STEP: Duration = Duration::from_millis(10);

/// So far behind, time is let go of: the machine slept.
const BEHIND: Duration = Duration::from_millis(500);

/// Says when the next step is due, without drifting.
pub(super) struct Pace {
    due: Instant,
    step: Duration,
}

impl Pace {
    pub(super) fn new(step: Duration) -> Self {
        let due = Instant::now() + step;
        Self { due, step }
    }

    /// Waits for the next step. `false` if it is to end.
    pub(super) fn wait(&mut self, stop: &mpsc::Receiver<()>) -> bool {
        let now = Instant::now();
        if now > self.due + BEHIND {
            self.due = now;
        }
        let left = self.due.saturating_duration_since(now);
        self.due += self.step;
        matches!(
            stop.recv_timeout(left),
            Err(mpsc::RecvTimeoutError::Timeout)
        )
    }
}

pub(super) fn play(mut fill: Fill, stop: &mpsc::Receiver<()>) {
    let mut pace = Pace::new(STEP);
    let mut piece = [0.0; PIECE];
    while pace.wait(stop) {
        fill(&mut piece);
    }
}
