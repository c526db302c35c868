//! Sound for tests: tones, noise, and something like speech.

#![allow(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::indexing_slicing,
    reason = "tests"
)]

use core::f32::consts::TAU;

use super::RATE;

/// Repeatable noise.
pub(crate) struct Noise(u64);

impl Noise {
    pub(crate) const fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// SplitMix64.
    pub(crate) const fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut it = self.0;
        it = (it ^ (it >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        it = (it ^ (it >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        it ^ (it >> 31)
    }

    pub(crate) const fn byte(&mut self) -> u8 {
        (self.next() >> 56) as u8
    }

    /// Between 0 and 1.
    pub(crate) fn share(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1_u64 << 53) as f64
    }
}

pub(crate) fn sine(hertz: f32, amplitude: f32, samples: usize) -> Vec<f32> {
    (0..samples)
        .map(|at| amplitude * (TAU * hertz * at as f32 / RATE as f32).sin())
        .collect()
}

/// Vowels of changing pitch with pauses between them: a train of pulses through two resonances.
pub(crate) fn speech(samples: usize) -> Vec<f32> {
    let vowels = [
        (730.0, 1090.0),
        (270.0, 2290.0),
        (300.0, 870.0),
        (530.0, 1840.0),
    ];
    let mut out = Vec::with_capacity(samples);
    let (mut phase, mut first, mut second) = (0.0_f32, [0.0; 2], [0.0; 2]);
    for at in 0..samples {
        let seconds = at as f32 / RATE as f32;
        let word = (seconds / 0.45) as usize;
        let within = seconds / 0.45 - word as f32;
        let loud = if within < 0.7 {
            (within / 0.7 * core::f32::consts::PI).sin()
        } else {
            0.0
        };
        phase += (110.0 + 25.0 * (seconds * 2.3).sin()) / RATE as f32;
        let pulse = if phase >= 1.0 {
            phase -= 1.0;
            1.0
        } else {
            0.0
        };
        let (one, two) = vowels[word % vowels.len()];
        let sound = resonate(&mut first, one, pulse) + 0.6 * resonate(&mut second, two, pulse);
        out.push((sound * loud * 0.25).clamp(-0.9, 0.9));
    }
    out
}

fn resonate(state: &mut [f32; 2], hertz: f32, input: f32) -> f32 {
    let radius = 0.985_f32;
    let turn = TAU * hertz / RATE as f32;
    let out = input + 2.0 * radius * turn.cos() * state[0] - radius * radius * state[1];
    *state = [out, state[0]];
    out * 0.1
}

pub(crate) fn power(samples: &[f32]) -> f64 {
    let sum: f64 = samples.iter().map(|it| f64::from(*it).powi(2)).sum();
    sum / samples.len().max(1) as f64
}

/// How far the second lies behind the first, in samples, and how alike they are then, 0 to 1.
pub(crate) fn align(reference: &[f32], other: &[f32], most: usize) -> (usize, f64) {
    let mut best = (0, 0.0);
    for lag in (0..most).step_by(8) {
        let alike = likeness(reference, other.get(lag..).unwrap_or_default(), 8);
        if alike > best.1 {
            best = (lag, alike);
        }
    }
    let around = best.0.saturating_sub(8)..best.0 + 9;
    for lag in around {
        let alike = likeness(reference, other.get(lag..).unwrap_or_default(), 1);
        if alike > best.1 {
            best = (lag, alike);
        }
    }
    best
}

fn likeness(one: &[f32], other: &[f32], step: usize) -> f64 {
    let pairs = one.iter().zip(other).step_by(step);
    let (mut both, mut first, mut second) = (0.0, 1e-9, 1e-9);
    for (a, b) in pairs {
        let (a, b) = (f64::from(*a), f64::from(*b));
        both += a * b;
        first += a * a;
        second += b * b;
    }
    both / (first * second).sqrt()
}

/// The mean signal-to-noise ratio of segments of 20 ms with sound in them, in decibels, each held between -10 and 35.
pub(crate) fn segmental_snr(reference: &[f32], other: &[f32]) -> f64 {
    let segments = reference.chunks_exact(960).zip(other.chunks_exact(960));
    let mut all = Vec::new();
    for (one, two) in segments {
        let loud = power(one);
        if loud < 1e-5 {
            continue;
        }
        let error: Vec<f32> = one.iter().zip(two).map(|(a, b)| a - b).collect();
        let ratio = 10.0 * (loud / power(&error).max(1e-12)).log10();
        all.push(ratio.clamp(-10.0, 35.0));
    }
    all.iter().sum::<f64>() / all.len().max(1) as f64
}
