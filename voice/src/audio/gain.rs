//! Gain that follows how loud somebody speaks, slowly.

/// The level that speech is brought to: see [`level`](super::level). It is what people have who speak up.
const GOAL: f32 = 2600.0;

/// The most that is made louder and softer.
const MOST: f32 = 8.0;
const LEAST: f32 = 0.25;

/// How fast the gain changes, as a factor for each frame of 20 ms: about a quarter in a second.
const STEP: f32 = 1.006;

/// Brings speech to one level.
#[derive(Clone, Debug)]
pub struct AutoGain {
    gain: f32,
}

impl Default for AutoGain {
    fn default() -> Self {
        Self { gain: 1.0 }
    }
}

impl AutoGain {
    /// Applies the gain to a frame. Only where somebody speaks it is adapted: silence must not be made loud.
    pub fn apply(&mut self, frame: &mut [f32], speaks: bool) {
        #[expect(clippy::cast_precision_loss, reason = "a level is small")]
        let heard = super::level(frame) as f32 * self.gain;
        if speaks {
            let step = if heard < GOAL { STEP } else { 1.0 / STEP };
            self.gain = (self.gain * step).clamp(LEAST, MOST);
        }
        for sample in frame {
            *sample = (*sample * self.gain).clamp(-1.0, 1.0);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::sine;
    use super::super::{FRAME, level};
    use super::*;

    #[test]
    fn the_soft_and_the_loud_come_to_one_level() {
        for amplitude in [0.03, 0.5] {
            let mut gain = AutoGain::default();
            let mut frame = Vec::new();
            for _ in 0..1500 {
                frame = sine(300.0, amplitude, FRAME);
                gain.apply(&mut frame, true);
            }
            let heard = level(&frame);
            assert!((2400..2900).contains(&heard), "{amplitude}: {heard}");
        }
    }

    #[test]
    fn silence_is_not_made_loud() {
        let mut gain = AutoGain::default();
        for _ in 0..1000 {
            let mut frame = sine(300.0, 0.001, FRAME);
            gain.apply(&mut frame, false);
            assert!(level(&frame) < 50);
        }
    }
}
