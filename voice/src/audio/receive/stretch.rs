//! Sound that takes a little more or less time and keeps its pitch: where it repeats itself after a while, one
//! repetition is left out or put in, and the ends are blended into each other (overlap-add of similar waveforms).

use super::super::FRAME;

/// The shortest and the longest repetition, in samples: 2.5 and 15 ms, the periods of 400 and of 67 Hz.
const SHORTEST: usize = 120;
const LONGEST: usize = 720;

/// Over how many samples the ends are blended, and by which it is judged how alike they are: 5 ms.
const OVERLAP: usize = 240;

/// It is looked for repetitions at every so many samples first.
const COARSE: usize = 4;

/// How alike repetitions are (from -1 to 1) of which nobody hears that one is missing or doubled.
const ALIKE: f32 = 0.9;

/// How alike they are at least if that may be heard.
const SOMEHOW_ALIKE: f32 = 0.5;

/// The mean square of what is so soft that it does not matter what is left out.
const SOFT: f32 = 1e-6;

/// How sure it must be that nobody hears it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Care {
    /// Only where sound repeats itself.
    Unheard,
    /// Also where it does so roughly.
    Hurry,
}

/// Leaves 2.5 to 15 ms of a frame out.
pub(super) fn shorten(samples: &mut Vec<f32>, care: Care) {
    let Some((head, _)) = samples.split_at_checked(FRAME) else {
        return;
    };
    // What comes after a repetition is like the beginning.
    let Some(period) = period(head, 0, care, |lag| lag) else {
        return;
    };
    for at in 0..OVERLAP {
        let later = samples.get(at + period).copied().unwrap_or_default();
        if let Some(sample) = samples.get_mut(at) {
            *sample = blend(*sample, later, at);
        }
    }
    samples.drain(OVERLAP..OVERLAP + period);
}

/// Says 2.5 to 15 ms of a frame twice.
pub(super) fn stretch(samples: &mut Vec<f32>, care: Care) {
    // From here on it goes back by a repetition.
    let end = FRAME - OVERLAP;
    let Some((head, _)) = samples.split_at_checked(FRAME) else {
        return;
    };
    let Some(period) = period(head, end, care, |lag| end - lag) else {
        return;
    };
    let again = head.get(end - period..).unwrap_or_default().to_vec();
    let mut blended = Vec::with_capacity(OVERLAP + period);
    for (at, earlier) in again.iter().enumerate() {
        let sample = samples.get(end + at).filter(|_| at < OVERLAP);
        blended.push(sample.map_or(*earlier, |sample| blend(*sample, *earlier, at)));
    }
    // What is said again ends where the frame did.
    samples.splice(end..FRAME, blended);
}

/// After how many samples sound repeats itself: what begins at `from` is like what begins at `place(period)`.
fn period(
    samples: &[f32],
    from: usize,
    care: Care,
    place: impl Fn(usize) -> usize,
) -> Option<usize> {
    let like = |lag: usize, step: usize| {
        let one = samples.get(from..).unwrap_or_default();
        let other = samples.get(place(lag)..).unwrap_or_default();
        likeness(one, other, step)
    };
    let best = |lags: &mut dyn Iterator<Item = usize>, step| {
        let judged = lags.map(|lag| (lag, like(lag, step)));
        judged.max_by(|one, other| one.1.total_cmp(&other.1))
    };
    let (rough, _) = best(&mut (SHORTEST..=LONGEST).step_by(COARSE), COARSE)?;
    let around = (rough - COARSE).max(SHORTEST)..=(rough + COARSE).min(LONGEST);
    let (lag, alike) = best(&mut around.into_iter(), 1)?;
    let soft = || mean_square(samples) < SOFT;
    let wanted = match care {
        Care::Unheard => ALIKE,
        Care::Hurry => SOMEHOW_ALIKE,
    };
    (alike >= wanted || soft()).then_some(lag)
}

/// The correlation of the first samples of both, normalized.
fn likeness(one: &[f32], other: &[f32], step: usize) -> f32 {
    let pairs = one.iter().zip(other).take(OVERLAP).step_by(step);
    let (mut both, mut first, mut second) = (0.0, 1e-9, 1e-9);
    for (a, b) in pairs {
        both += a * b;
        first += a * a;
        second += b * b;
    }
    both / f32::sqrt(first * second)
}

fn mean_square(samples: &[f32]) -> f32 {
    let sum: f32 = samples.iter().map(|it| it * it).sum();
    #[expect(clippy::cast_precision_loss, reason = "it is small")]
    let many = samples.len().max(1) as f32;
    sum / many
}

/// From one sound to another, at a place of the overlap.
fn blend(from: f32, to: f32, at: usize) -> f32 {
    #[expect(clippy::cast_precision_loss, reason = "it is small")]
    let share = at as f32 / OVERLAP as f32;
    from * (1.0 - share) + to * share
}

#[cfg(test)]
mod tests {
    #![allow(
        clippy::cast_possible_truncation,
        clippy::cast_precision_loss,
        reason = "tests"
    )]

    use super::super::super::testing::{Noise, power, sine, speech};
    use super::*;

    /// The largest step between two samples.
    fn roughness(samples: &[f32]) -> f32 {
        let steps = samples.windows(2).map(|it| (it[1] - it[0]).abs());
        steps.fold(0.0, f32::max)
    }

    #[test]
    fn a_tone_is_shortened_and_stretched_by_its_periods_without_a_seam() {
        for hertz in [70.0, 110.0, 233.0, 380.0] {
            let tone = sine(hertz, 0.5, FRAME);
            for (change, longer) in [
                (shorten as fn(&mut Vec<f32>, Care), false),
                (stretch as fn(&mut Vec<f32>, Care), true),
            ] {
                let mut made = tone.clone();
                change(&mut made, Care::Unheard);
                let by = made.len().abs_diff(FRAME);
                assert_eq!(made.len() > FRAME, longer, "{hertz}");
                assert!((SHORTEST..=LONGEST).contains(&by), "{hertz}: {by}");
                let periods = by as f32 * hertz / 48_000.0;
                assert!(
                    (periods - periods.round()).abs() < 0.02,
                    "{hertz}: {periods}"
                );
                assert!(roughness(&made) < 1.02 * roughness(&tone), "{hertz}");
                // It begins and ends as it did, so that it fits what is before and after it.
                assert_eq!(made.first(), tone.first());
                assert_eq!(made.last(), tone.last());
            }
        }
    }

    #[test]
    fn what_does_not_repeat_itself_is_left_alone_and_what_does_so_roughly_where_there_is_time() {
        let mut noise = Noise::new(3);
        let mut hiss = |loud: f32| -> Vec<f32> {
            let hiss = (0..FRAME).map(|_| (noise.share() as f32 - 0.5) * loud);
            hiss.collect()
        };
        let (alone, under) = (hiss(0.5), hiss(0.8));
        let tone = sine(200.0, 0.3, FRAME);
        let rough: Vec<f32> = tone.iter().zip(under).map(|(a, b)| a + b).collect();
        for change in [shorten, stretch] {
            let mut made = alone.clone();
            change(&mut made, Care::Hurry);
            assert_eq!(made, alone);
            let mut made = rough.clone();
            change(&mut made, Care::Unheard);
            assert_eq!(made, rough);
            change(&mut made, Care::Hurry);
            assert_ne!(made.len(), FRAME);
        }
    }

    #[test]
    fn silence_gives_way_and_short_frames_are_left_alone() {
        let mut silence = vec![0.0; FRAME];
        shorten(&mut silence, Care::Unheard);
        assert!(silence.len() < FRAME);
        for length in [0, 1, FRAME - 1] {
            let mut short = vec![0.5; length];
            shorten(&mut short, Care::Hurry);
            stretch(&mut short, Care::Hurry);
            assert_eq!(short.len(), length);
        }
    }

    #[test]
    fn speech_keeps_its_loudness() {
        let words = speech(FRAME * 100);
        for change in [shorten, stretch] {
            let (mut out, mut changed) = (Vec::new(), 0);
            for frame in words.chunks_exact(FRAME) {
                let mut made = frame.to_vec();
                change(&mut made, Care::Unheard);
                changed += usize::from(made.len() != FRAME);
                out.extend(made);
            }
            assert!(changed > 30, "{changed}");
            let ratio = power(&out) / power(&words);
            assert!((0.8..1.25).contains(&ratio), "{ratio}");
        }
    }
}
