//! From the rate of a device to 48 kHz.

use core::fmt;

use rubato::audioadapter_buffers::direct::InterleavedSlice;
use rubato::{Async, FixedAsync, PolynomialDegree, Resampler as _};

use super::RATE;

/// Samples of the device that are resampled at once: 5 ms at 48 kHz.
const CHUNK: usize = 240;

/// The rates that devices and files have.
const RATES: core::ops::RangeInclusive<u32> = 8_000..=384_000;

/// A rate that is not resampled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ResampleError {
    /// The rate, in hertz.
    pub rate: u32,
}

impl fmt::Display for ResampleError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "a rate of {} Hz cannot be used: {} to {}",
            self.rate,
            RATES.start(),
            RATES.end()
        )
    }
}

impl core::error::Error for ResampleError {}

/// Brings sound from one rate to 48 kHz, or from 48 kHz to another rate.
pub struct Resampler {
    inner: Option<Async<f32>>,
    waiting: Vec<f32>,
    out: Vec<f32>,
}

impl Resampler {
    /// From one rate to another, both in hertz.
    ///
    /// # Errors
    ///
    /// When one of them is not a device's.
    pub fn new(from: u32, to: u32) -> Result<Self, ResampleError> {
        for rate in [from, to] {
            if !RATES.contains(&rate) {
                return Err(ResampleError { rate });
            }
        }
        let ratio = f64::from(to) / f64::from(from);
        let (degree, fixed) = (PolynomialDegree::Septic, FixedAsync::Input);
        let inner = match from == to {
            true => None,
            false => Some(
                Async::new_poly(ratio, 1.0, degree, CHUNK, 1, fixed)
                    .map_err(|_| ResampleError { rate: from })?,
            ),
        };
        Ok(Self {
            inner,
            waiting: Vec::new(),
            out: Vec::new(),
        })
    }

    /// From a rate to 48 kHz.
    ///
    /// # Errors
    ///
    /// When the rate is not a device's.
    pub fn to_own(from: u32) -> Result<Self, ResampleError> {
        Self::new(from, RATE)
    }

    /// Takes in samples, and hands on what can be made of them.
    pub fn push(&mut self, samples: &[f32], mut take: impl FnMut(&[f32])) {
        let Some(inner) = &mut self.inner else {
            take(samples);
            return;
        };
        self.waiting.extend_from_slice(samples);
        let mut used = 0;
        while let Some(chunk) = self.waiting.get(used..used + CHUNK) {
            used += CHUNK;
            let frames = inner.output_frames_next();
            self.out.resize(frames, 0.0);
            let Ok(from) = InterleavedSlice::new(chunk, 1, CHUNK) else {
                continue;
            };
            let Ok(mut to) = InterleavedSlice::new_mut(&mut self.out, 1, frames) else {
                continue;
            };
            if let Ok((_, made)) = inner.process_into_buffer(&from, &mut to, None) {
                take(self.out.get(..made).unwrap_or_default());
            }
        }
        self.waiting.drain(..used);
    }
}

impl fmt::Debug for Resampler {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Resampler").finish_non_exhaustive()
    }
}

/// One channel of several that lie side by side: their mean.
pub(crate) fn downmix(samples: &[f32], channels: usize) -> Vec<f32> {
    #[expect(clippy::cast_precision_loss, reason = "it is small")]
    let share = 1.0 / channels.max(1) as f32;
    let frames = samples.chunks_exact(channels.max(1));
    frames.map(|it| it.iter().sum::<f32>() * share).collect()
}

#[cfg(test)]
mod tests {
    #![allow(
        clippy::unwrap_used,
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "tests"
    )]

    use super::super::testing::power;
    use super::*;

    /// The frequency of a tone by its crossings of zero.
    fn pitch(samples: &[f32]) -> f32 {
        let crossings = samples.windows(2).filter(|it| it[0] < 0.0 && it[1] >= 0.0);
        crossings.count() as f32 * RATE as f32 / samples.len() as f32
    }

    #[test]
    fn a_tone_keeps_its_pitch_and_its_loudness() {
        for rate in [8_000, 16_000, 44_100, 48_000, 96_000] {
            let tone: Vec<f32> = (0..rate)
                .map(|at| 0.5 * (core::f32::consts::TAU * 440.0 * at as f32 / rate as f32).sin())
                .collect();
            let mut resampler = Resampler::to_own(rate).unwrap();
            let mut out = Vec::new();
            for part in tone.chunks(77) {
                resampler.push(part, |made| out.extend_from_slice(made));
            }
            let length = out.len() as f32 / RATE as f32;
            assert!((0.95..=1.0).contains(&length), "{rate}: {length}");
            let middle = &out[4800..out.len() - 4800];
            assert!((pitch(middle) - 440.0).abs() < 3.0, "{rate}");
            assert!((power(middle) / 0.125 - 1.0).abs() < 0.03, "{rate}");
        }
    }

    #[test]
    fn rates_of_no_device_are_named() {
        for rate in [0, 7_999, 400_000] {
            assert_eq!(Resampler::to_own(rate).err(), Some(ResampleError { rate }));
        }
    }

    #[test]
    fn channels_become_their_mean() {
        assert_eq!(downmix(&[1.0, 0.0, 0.5, 0.5], 2), [0.5, 0.5]);
        assert_eq!(downmix(&[1.0, 0.5], 1), [1.0, 0.5]);
    }
}
