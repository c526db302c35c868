//! What 20 ms of sound cost on their way: one frame, of which there are 50 in a second for each speaker.
//!
//! `cargo bench -p dialtone-voice --bench chains`

#![expect(
    clippy::unwrap_used,
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    clippy::indexing_slicing,
    reason = "a bench that cannot go on should stop"
)]

use core::f32::consts::TAU;
use core::time::Duration;
use std::hint::black_box;
use std::sync::Arc;

use criterion::{Criterion, criterion_group, criterion_main};
use dialtone_protocol::Instant;
use dialtone_protocol::voice::ipc::NORMAL_VOLUME;
use dialtone_voice::audio::{
    Encoder, FRAME, Gate, Mixer, Opening, PIECE, Receiver, Resampler, SendChain, SendSettings,
};

/// How many frames of sound there are; they are sent again and again.
const FRAMES: usize = 500;

/// How long a frame lasts, in microseconds.
const STEP: u64 = 20_000;

/// Ten harmonics of a pitch that glides, loud and soft as syllables are.
fn voice(samples: usize, rate: f32) -> Vec<f32> {
    let mut phase = 0.0_f32;
    (0..samples)
        .map(|at| {
            let seconds = at as f32 / rate;
            phase = (phase + (120.0 + 30.0 * (seconds * 2.1).sin()) / rate).fract();
            let loud = 0.15 + 0.15 * (seconds * 22.0).sin();
            let tone: f32 = (1_u8..=10)
                .map(|partial| (TAU * phase * f32::from(partial)).sin() / f32::from(partial))
                .sum();
            loud * tone
        })
        .collect()
}

/// A sender and its network, which repeat themselves.
struct Way {
    packets: Vec<Arc<[u8]>>,
    /// Which packets arrive in each frame's time: how many frames before they were sent, and how long after it began.
    arrivals: Vec<Vec<(u64, u64)>>,
}

impl Way {
    /// `loss` in percent, `jitter` in microseconds.
    fn new(loss: u64, jitter: u64) -> Self {
        let mut encoder = Encoder::new().unwrap();
        encoder.expect_loss(loss as u8);
        let sound = voice(FRAMES * FRAME, 48_000.0);
        let packets = sound.chunks_exact(FRAME);
        let packets = packets.map(|it| encoder.encode(it).unwrap().unwrap().into());
        let mut arrivals = vec![Vec::new(); FRAMES];
        for sent in 0..FRAMES as u64 {
            // Numbers without a pattern, the same in each run.
            let chance = (sent + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 33;
            if chance % 100 >= loss {
                let late = chance / 100 % (jitter + 1);
                let place = (sent + late / STEP) as usize % FRAMES;
                arrivals[place].push((late / STEP, late % STEP));
            }
        }
        Self {
            packets: packets.collect(),
            arrivals,
        }
    }
}

fn receive(c: &mut Criterion) {
    let mut group = c.benchmark_group("receive");
    for (name, loss, jitter) in [("even", 0, 0), ("lossy", 10, 50_000)] {
        let way = Way::new(loss, jitter);
        let mut receiver = Receiver::new().unwrap();
        let mut frame = 1000_u64;
        group.bench_function(name, |b| {
            b.iter(|| {
                let begin = Instant::ZERO + Duration::from_micros(frame * STEP);
                for (ago, after) in &way.arrivals[frame as usize % FRAMES] {
                    let seq = frame - ago;
                    let payload = Arc::clone(&way.packets[seq as usize % FRAMES]);
                    let time = (seq * FRAME as u64) as u32;
                    receiver.push(seq, time, payload, begin + Duration::from_micros(*after));
                }
                frame += 1;
                let end = begin + Duration::from_micros(STEP);
                let half = begin + Duration::from_micros(STEP / 2);
                (receiver.pull(half), receiver.pull(end))
            });
        });
        // Where it was measured, and not passed over.
        let stats = receiver.stats();
        assert!(frame == 1000 || stats.counts.played > 0, "{stats:?}");
    }
    group.finish();
}

fn mix(c: &mut Criterion) {
    let sound = voice(16 * PIECE, 48_000.0);
    let pieces: Vec<[f32; PIECE]> = sound
        .chunks_exact(PIECE)
        .map(|it| it.try_into().unwrap())
        .collect();
    let mut mixer = Mixer::default();
    c.bench_function("mix/16", |b| {
        b.iter(|| {
            for _ in 0..FRAME / PIECE {
                for piece in &pieces {
                    mixer.add(black_box(piece), NORMAL_VOLUME);
                }
                black_box(mixer.take());
            }
        });
    });
}

fn send(c: &mut Criterion) {
    let sound = voice(FRAMES * FRAME, 48_000.0);
    let mut group = c.benchmark_group("send");
    let clean = SendSettings::default();
    for (name, settings) in [("as it is", SendSettings::as_it_is()), ("cleaned", clean)] {
        let mut chain = SendChain::new(settings, Gate::new(Opening::Open, 500)).unwrap();
        let mut frames = sound.chunks_exact(FRAME).cycle();
        group.bench_function(name, |b| {
            b.iter(|| {
                let frame = frames.next().unwrap();
                // Somebody else is heard meanwhile; only where the echo is cancelled does that matter.
                for piece in frame.chunks_exact(PIECE) {
                    chain.played(piece.try_into().unwrap());
                }
                chain.push(frame, |sent, _| {
                    black_box(sent);
                });
            });
        });
    }
    group.finish();
}

fn resample(c: &mut Criterion) {
    let sound = voice(44_100 / 50, 44_100.0);
    let mut resampler = Resampler::to_own(44_100).unwrap();
    c.bench_function("resample/44100", |b| {
        b.iter(|| {
            resampler.push(black_box(&sound), |made| {
                black_box(made);
            });
        });
    });
}

criterion_group!(benches, receive, mix, send, resample);
criterion_main!(benches);
