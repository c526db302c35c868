//! Keeps the sum of all speakers within what a loudspeaker can play.

/// The loudest sample that comes out.
const CEILING: f32 = 0.97;

/// How fast the gain goes back to 1, as a factor for each piece of 10 ms: half in a third of a second.
const RELEASE: f32 = 1.02;

/// Over how many samples the gain goes down: 1 ms, too short to be heard and long enough not to click.
const ATTACK: usize = 48;

/// Keeps sound within bounds. It adds no delay.
#[derive(Clone, Debug)]
pub struct Limiter {
    gain: f32,
}

impl Default for Limiter {
    fn default() -> Self {
        Self { gain: 1.0 }
    }
}

impl Limiter {
    /// Limits a piece.
    pub fn apply(&mut self, piece: &mut [f32]) {
        let peak = piece.iter().fold(0.0_f32, |peak, it| peak.max(it.abs()));
        let before = self.gain;
        let most = if peak > CEILING { CEILING / peak } else { 1.0 };
        self.gain = (before * RELEASE).min(most);
        for (at, sample) in piece.iter_mut().enumerate() {
            let gain = if self.gain < before && at < ATTACK {
                #[expect(clippy::cast_precision_loss, reason = "it is small")]
                let share = at as f32 / ATTACK as f32;
                before + (self.gain - before) * share
            } else {
                self.gain
            };
            // What a loud beginning has too much is cut.
            *sample = (*sample * gain).clamp(-CEILING, CEILING);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::PIECE;
    use super::super::testing::{power, sine};
    use super::*;

    #[test]
    fn what_fits_is_not_touched() {
        let mut limiter = Limiter::default();
        let before = sine(440.0, 0.9, PIECE);
        let mut after = before.clone();
        limiter.apply(&mut after);
        assert_eq!(before, after);
    }

    #[test]
    fn what_is_too_loud_keeps_its_form() {
        let mut limiter = Limiter::default();
        let tone = sine(200.0, 6.0, PIECE * 50);
        let mut last = Vec::new();
        for piece in tone.chunks_exact(PIECE) {
            last = piece.to_vec();
            limiter.apply(&mut last);
            assert!(last.iter().all(|it| it.abs() <= CEILING));
        }
        // A sine that is cut off would hold more.
        let wanted = f64::from(CEILING).powi(2) / 2.0;
        assert!((power(&last) / wanted - 1.0).abs() < 0.1);
    }
}
