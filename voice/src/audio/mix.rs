//! All that is heard at once.

use dialtone_protocol::voice::ipc::{MAX_VOLUME, NORMAL_VOLUME};

use super::PIECE;
use super::limiter::Limiter;

/// Adds up what is heard at once, and keeps it within bounds.
#[derive(Clone, Debug)]
pub struct Mixer {
    sum: [f32; PIECE],
    limiter: Limiter,
}

impl Default for Mixer {
    fn default() -> Self {
        Self {
            sum: [0.0; PIECE],
            limiter: Limiter::default(),
        }
    }
}

impl Mixer {
    /// Adds a piece, at a volume in percent.
    pub fn add(&mut self, piece: &[f32; PIECE], volume: u16) {
        let gain = f32::from(volume.min(MAX_VOLUME)) / f32::from(NORMAL_VOLUME);
        for (sum, sample) in self.sum.iter_mut().zip(piece) {
            *sum += sample * gain;
        }
    }

    /// What all pieces that were added are together.
    pub fn take(&mut self) -> [f32; PIECE] {
        let mut piece = core::mem::replace(&mut self.sum, [0.0; PIECE]);
        self.limiter.apply(&mut piece);
        piece
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use super::super::testing::{power, sine};
    use super::*;

    fn piece(hertz: f32, amplitude: f32) -> [f32; PIECE] {
        sine(hertz, amplitude, PIECE).try_into().unwrap()
    }

    #[test]
    fn two_are_heard_at_once() {
        let mut mixer = Mixer::default();
        let (one, two) = (piece(300.0, 0.3), piece(700.0, 0.2));
        mixer.add(&one, NORMAL_VOLUME);
        mixer.add(&two, NORMAL_VOLUME);
        let sum = mixer.take();
        let mut pairs = one.iter().zip(&two).zip(&sum);
        assert!(pairs.all(|((a, b), sum)| (a + b - sum).abs() < 1e-6));
        assert_eq!(mixer.take(), [0.0; PIECE]);
    }

    #[test]
    fn sixteen_who_shout_do_not_distort_beyond_bounds() {
        let mut mixer = Mixer::default();
        for _ in 0..50 {
            for _ in 0..16 {
                mixer.add(&piece(300.0, 0.9), MAX_VOLUME);
            }
            assert!(mixer.take().iter().all(|it| it.abs() < 1.0));
        }
    }

    #[test]
    fn volume_is_in_percent() {
        let mut mixer = Mixer::default();
        for (volume, factor) in [(0, 0.0), (50, 0.25), (100, 1.0), (200, 4.0), (999, 4.0)] {
            mixer.add(&piece(300.0, 0.2), volume);
            let ratio = power(&mixer.take()) / power(&piece(300.0, 0.2));
            assert!((ratio - factor).abs() < 1e-3, "{volume}: {ratio}");
        }
    }
}
