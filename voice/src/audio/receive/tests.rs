#![allow(
    clippy::unwrap_used,
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    clippy::indexing_slicing,
    reason = "tests"
)]

use proptest::prelude::*;

use super::super::codec::Encoder;
use super::super::testing::{Noise, align, power, segmental_snr, sine, speech};
use super::*;

/// Packets of a sound, and what becomes of them on their way.
struct Way {
    loss: f64,
    jitter: u64,
}

fn packets(sound: &[f32]) -> Vec<Option<Vec<u8>>> {
    let mut encoder = Encoder::new().unwrap();
    encoder.expect_loss(20);
    let frames = sound.chunks_exact(FRAME);
    frames.map(|frame| encoder.encode(frame).unwrap()).collect()
}

/// When each packet arrives that does, in microseconds.
fn arrivals(packets: &[Option<Vec<u8>>], way: &Way, seed: u64) -> Vec<(u64, u64, Arc<[u8]>)> {
    let mut noise = Noise::new(seed);
    let mut all = Vec::new();
    let mut seq = 0;
    for (at, packet) in (0_u64..).zip(packets) {
        let Some(packet) = packet else { continue };
        let lost = noise.share() < way.loss;
        let late = noise.next() % (way.jitter * 1000 + 1);
        if !lost {
            all.push((seq, at * 20_000 + 40_000 + late, packet.as_slice().into()));
        }
        seq += 1;
    }
    all.sort_by_key(|(_, at, _)| *at);
    all
}

fn hear(packets: &[Option<Vec<u8>>], way: &Way, seed: u64) -> Vec<f32> {
    // The numbers count packets that were sent, the time counts frames.
    let times: Vec<u32> = (0..)
        .zip(packets)
        .filter(|(_, it)| it.is_some())
        .map(|(at, _)| at * 960)
        .collect();
    let mut receiver = Receiver::new().unwrap();
    let mut arrivals = arrivals(packets, way, seed).into_iter().peekable();
    let mut out = Vec::new();
    for now in (0..packets.len() as u64 * 20_000 + 600_000).step_by(10_000) {
        while let Some((seq, at, payload)) = arrivals.next_if(|(_, at, _)| *at <= now) {
            let at = Instant::ZERO + Duration::from_micros(at);
            receiver.push(seq, times[seq as usize], payload, at);
        }
        out.extend(receiver.pull(Instant::ZERO + Duration::from_micros(now)));
    }
    out
}

/// What is heard of packets that are played as they come, with silence for those that do not come in time.
fn hear_plainly(packets: &[Option<Vec<u8>>], way: &Way, seed: u64) -> Vec<f32> {
    let mut decoder = Decoder::new().unwrap();
    let mut fifo = VecDeque::new();
    let mut arrivals = arrivals(packets, way, seed).into_iter().peekable();
    let mut out = Vec::new();
    for now in (0..packets.len() as u64 * 20_000 + 600_000).step_by(10_000) {
        while let Some((_, _, payload)) = arrivals.next_if(|(_, at, _)| *at <= now) {
            fifo.extend(decoder.decode(&payload).unwrap());
        }
        for _ in 0..PIECE {
            out.push(fifo.pop_front().unwrap_or(0.0));
        }
    }
    out
}

/// How like the words what is heard is, and how long it took.
fn judge(words: &[f32], heard: &[f32]) -> (f64, f64) {
    // In stretches, since the delay may change.
    let stretch = 24_000;
    let mut alike = Vec::new();
    let mut lags = Vec::new();
    for (at, part) in words.chunks_exact(stretch).enumerate() {
        let from = at * stretch;
        let (lag, _) = align(part, &heard[from..], 9_600);
        lags.push(lag as f64 / 48.0);
        alike.push(segmental_snr(part, &heard[from + lag..]));
    }
    let mean = |all: &[f64]| all.iter().sum::<f64>() / all.len() as f64;
    (mean(&alike), mean(&lags))
}

#[test]
fn speech_comes_out_as_it_went_in_and_soon() {
    let words = speech(48_000 * 3);
    let heard = hear(
        &packets(&words),
        &Way {
            loss: 0.0,
            jitter: 0,
        },
        1,
    );
    let (snr, lag) = judge(&words, &heard);
    assert!(snr > 8.0, "{snr}");
    // 40 ms of it are the way, 6.5 ms are Opus.
    assert!(lag - 40.0 < 35.0, "{lag}");
}

#[test]
fn it_beats_playing_what_comes_at_every_loss() {
    let words = speech(48_000 * 4);
    let packets = packets(&words);
    for loss in [0.05, 0.10, 0.20, 0.30] {
        let way = Way { loss, jitter: 20 };
        let (ours, _) = judge(&words, &hear(&packets, &way, 7));
        let (plain, _) = judge(&words, &hear_plainly(&packets, &way, 7));
        assert!(ours > plain, "{loss}: {ours} {plain}");
    }
}

#[test]
fn what_is_no_opus_is_counted_and_ends_nothing() {
    let mut receiver = Receiver::new().unwrap();
    let mut noise = Noise::new(9);
    let mut now = Instant::ZERO;
    for seq in 0..500_u64 {
        let payload: Vec<u8> = (0..noise.next() % 60).map(|_| noise.byte()).collect();
        receiver.push(seq, seq as u32 * 960, payload.into(), now);
        for _ in 0..2 {
            now = now + Duration::from_millis(10);
            assert!(receiver.pull(now).iter().all(|it| it.is_finite()));
        }
    }
    assert!(receiver.stats().invalid > 0);
    assert!(receiver.ready.len() < 2 * super::super::codec::MAX_DECODED);
}

/// The frequency of a tone by its crossings of zero.
fn pitch(samples: &[f32]) -> f64 {
    let crossings = samples.windows(2).filter(|it| it[0] < 0.0 && it[1] >= 0.0);
    crossings.count() as f64 * 48_000.0 / samples.len() as f64
}

#[test]
fn a_clock_that_runs_wrong_changes_no_pitch() {
    let tone = sine(300.0, 0.4, 48_000 * 10);
    let packets = packets(&tone);
    // By 1 %: far more than any clock, so that time is made up for again and again.
    for tick in [9_900, 10_100] {
        let mut receiver = Receiver::new().unwrap();
        let mut out = Vec::new();
        let mut packets = (0..).zip(&packets).peekable();
        for now in (0..10_000_000).step_by(tick) {
            while let Some((seq, payload)) =
                packets.next_if(|(seq, _)| *seq * 20_000 + 30_000 <= now)
            {
                let payload = payload.as_deref().unwrap().into();
                let at = Instant::from_micros(seq * 20_000 + 30_000);
                receiver.push(seq, seq as u32 * 960, payload, at);
            }
            out.extend(receiver.pull(Instant::from_micros(now)));
        }
        let middle = &out[48_000..48_000 * 9];
        assert!(
            (pitch(middle) - 300.0).abs() < 0.5,
            "{tick}: {}",
            pitch(middle)
        );
        // No hole and no seam: a tone like this never steps further.
        let steps = middle.windows(2).map(|it| (it[1] - it[0]).abs());
        let most = steps.fold(0.0, f32::max);
        assert!(most < 0.03, "{tick}: {most}");
        let counts = receiver.stats().counts;
        assert_eq!((counts.missing, counts.late), (0, 0), "{tick}");
    }
}

#[test]
fn what_is_made_up_fades_into_silence() {
    let packets = packets(&sine(300.0, 0.4, FRAME * 50));
    let mut receiver = Receiver::new().unwrap();
    let mut out = Vec::new();
    for now in (0..1_400_000).step_by(10_000) {
        if now % 20_000 == 0
            && let Some(payload) = packets.get(now as usize / 20_000)
        {
            let (seq, payload) = (now / 20_000, payload.as_deref().unwrap().into());
            receiver.push(seq, seq as u32 * 960, payload, Instant::from_micros(now));
        }
        out.extend(receiver.pull(Instant::from_micros(now)));
    }
    // From the last piece that was said on.
    let end = out.len() - out.iter().rev().position(|it| *it != 0.0).unwrap();
    let last = 1_000 * 48 + 480;
    assert!((end - last).abs_diff(5_760) < 960, "{}", end - last);
    let loud: Vec<f64> = out[last..end].chunks(1_440).map(power).collect();
    assert!(loud.is_sorted_by(|one, other| one > other), "{loud:?}");
    let steps = out.windows(2).map(|it| (it[1] - it[0]).abs());
    assert!(steps.fold(0.0, f32::max) < 0.05);
}

#[test]
fn who_speaks_is_shown_until_a_while_after() {
    let mut receiver = Receiver::new().unwrap();
    assert!(!receiver.is_speaking(Instant::ZERO));
    receiver.push(0, 0, vec![0; 60].into(), Instant::ZERO);
    let after = |millis| Instant::ZERO + Duration::from_millis(millis);
    assert!(receiver.is_speaking(after(599)));
    assert!(!receiver.is_speaking(after(600)));
    // What says that nothing is said does not count.
    receiver.push(1, 960, vec![0; 8].into(), after(700));
    assert!(!receiver.is_speaking(after(701)));
}

#[test]
fn who_speaks_is_shown_though_nobody_listens() {
    // A machine without a loudspeaker asks for nothing.
    let mut receiver = Receiver::new().unwrap();
    for seq in 0..3_000 {
        let at = Instant::from_micros(seq * 20_000);
        receiver.push(seq, seq as u32 * 960, vec![0; 60].into(), at);
        assert!(receiver.is_speaking(at));
    }
}

proptest! {
    #[test]
    fn whatever_comes_what_is_heard_is_sound(
        packets in prop::collection::vec(
            (prop::collection::vec(any::<u8>(), 0..80), 0..5_u64, any::<u16>(), 0..4_usize),
            0..200,
        ),
    ) {
        let mut receiver = Receiver::new().unwrap();
        let (mut seq, mut time, mut now) = (0, 0_u32, Instant::ZERO);
        for (payload, skipped, step, pulls) in packets {
            seq += skipped;
            time = time.wrapping_add(u32::from(step));
            receiver.push(seq, time, payload.into(), now);
            for _ in 0..pulls {
                let piece = receiver.pull(now);
                prop_assert!(piece.iter().all(|it| (-1.0..=1.0).contains(it)));
                now = now + Duration::from_millis(10);
            }
            prop_assert!(receiver.ready.len() < 2 * super::super::codec::MAX_DECODED);
        }
    }
}
