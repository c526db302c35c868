//! Sound for tests: something like speech, files, and how alike two sounds are.

use std::f32::consts::TAU;
use std::path::Path;

/// Samples at 48 kHz.
pub(crate) type Wav = Vec<f32>;

pub(crate) fn write(path: &Path, samples: &[f32]) {
    let spec = hound::WavSpec {
        channels: 1,
        sample_rate: 48_000,
        bits_per_sample: 16,
        sample_format: hound::SampleFormat::Int,
    };
    let mut file = hound::WavWriter::create(path, spec).unwrap();
    for sample in samples {
        file.write_sample((sample * 32_767.0) as i16).unwrap();
    }
    file.finalize().unwrap();
}

pub(crate) fn read(path: &Path) -> Wav {
    let mut file = hound::WavReader::open(path).unwrap();
    let samples = file.samples::<i16>();
    samples
        .map(|it| f32::from(it.unwrap()) / 32_768.0)
        .collect()
}

/// Reads a file of any channels: the first of them.
pub(crate) fn read_any(path: &Path) -> Wav {
    let mut file = hound::WavReader::open(path).unwrap();
    let channels = usize::from(file.spec().channels);
    let samples = file.samples::<i16>().step_by(channels);
    samples
        .map(|it| f32::from(it.unwrap()) / 32_768.0)
        .collect()
}

/// How long a note of the voice lasts, in samples: 120 ms.
const NOTE: usize = 5760;

/// A voice that sings notes by chance, so that what it sings is found at one place alone.
pub(crate) fn speech(samples: usize) -> Wav {
    let (mut phase, mut hertz) = (0.0_f32, 150.0_f32);
    (0..samples)
        .map(|at| {
            let seconds = at as f32 / 48_000.0;
            // It glides from note to note.
            hertz += (note(at / NOTE) - hertz) * 0.001;
            phase = (phase + hertz / 48_000.0).fract();
            let loud = 0.25 + 0.15 * (seconds * 9.0).sin();
            let tone: f32 = (1_u8..6)
                .map(|partial| {
                    (TAU * phase * f32::from(partial)).sin() / f32::from(partial).powi(2)
                })
                .sum();
            loud * tone * 0.5
        })
        .collect()
}

/// The same, said in syllables, four a second: what is sung without a pause may pass for noise at a microphone.
pub(crate) fn syllables(samples: usize) -> Wav {
    let mut words = speech(samples);
    for (at, sample) in words.iter_mut().enumerate() {
        let turn = (at % 12_000) as f32 / 12_000.0;
        *sample *= 1.0 - (TAU * turn).cos();
    }
    words
}

/// 110 to 260 Hz, by SplitMix64 of the note's number.
fn note(number: usize) -> f32 {
    let mut it = (number as u64)
        .wrapping_add(1)
        .wrapping_mul(0x9e37_79b9_7f4a_7c15);
    it = (it ^ (it >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    it = (it ^ (it >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    110.0 + ((it ^ (it >> 31)) >> 40) as f32 / (1_u64 << 24) as f32 * 150.0
}

/// How alike a sound and the best-fitting part of another are, 0 to 1: parts of 100 ms may lie a little apart, since
/// what comes over a network is stretched and shortened.
pub(crate) fn likeness(sound: &[f32], other: &[f32]) -> f64 {
    let part = 4800;
    // A part alone is like some other place, too.
    let first = &sound[..sound.len().min(4 * part)];
    let (start, _) = best(first, other, 0..other.len().saturating_sub(first.len()));
    let mut all = Vec::new();
    for (number, chunk) in sound.chunks_exact(part).enumerate() {
        let around = start + number * part;
        let range =
            around.saturating_sub(2400)..(around + 2400).min(other.len().saturating_sub(part));
        all.push(best(chunk, other, range).1);
    }
    all.iter().sum::<f64>() / all.len() as f64
}

/// Where a sound is in another.
pub(crate) fn find(sound: &[f32], other: &[f32]) -> usize {
    best(sound, other, 0..other.len().saturating_sub(sound.len())).0
}

fn best(sound: &[f32], other: &[f32], range: std::ops::Range<usize>) -> (usize, f64) {
    let mut best = (range.start, 0.0);
    // Sound of these pitches changes little in half a millisecond.
    for at in range.clone().step_by(24) {
        let alike = correlation(sound, &other[at..], 24);
        if alike > best.1 {
            best = (at, alike);
        }
    }
    for at in best.0.saturating_sub(24).max(range.start)..(best.0 + 25).min(range.end) {
        let alike = correlation(sound, &other[at..], 4);
        if alike > best.1 {
            best = (at, alike);
        }
    }
    best
}

fn correlation(one: &[f32], other: &[f32], step: usize) -> f64 {
    let (mut both, mut first, mut second) = (0.0_f64, 1e-9_f64, 1e-9_f64);
    for (a, b) in one.iter().zip(other).step_by(step) {
        let (a, b) = (f64::from(*a), f64::from(*b));
        both += a * b;
        first += a * a;
        second += b * b;
    }
    both / (first * second).sqrt()
}
