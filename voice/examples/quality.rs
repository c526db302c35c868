//! Sends speech over a network that loses and delays, and writes what is heard: by dialtone's receiver, and by a
//! decoder that waits for as long as it is told and plays silence where a packet is missing. `quality.py` makes the
//! speech and judges what comes out.
//!
//! `quality OUT_DIR SPEECH.wav...`: the files are mono, of 16 bits at 48 kHz.

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::cast_possible_truncation,
    reason = "an experiment that cannot go on should stop"
)]

use core::time::Duration;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use dialtone_protocol::Instant;
use dialtone_voice::audio::{Decoder, Encoder, FRAME, PIECE, RATE, Receiver};

/// Shares of packets that get lost, in percent.
const LOSSES: [u8; 5] = [0, 5, 10, 20, 30];

/// How much longer than others packets are on their way, at most, in milliseconds: each a time of its own.
const JITTERS: [u64; 4] = [0, 20, 50, 100];

/// How long every packet is on its way, in microseconds.
const WAY: u64 = 40_000;

/// How long a frame lasts, in microseconds.
const STEP: u64 = 20_000;

/// How long the plain decoder waits before it plays, in microseconds.
const PLAIN_WAIT: u64 = 60_000;

/// How long it is listened on after the end, in microseconds.
const REST: u64 = 600_000;

/// A packet: its number, the number of its frame, when it arrives in microseconds, and what is in it.
struct Packet {
    seq: u64,
    frame: u64,
    at: u64,
    payload: Arc<[u8]>,
}

/// Repeatable numbers (SplitMix64).
struct Dice(u64);

impl Dice {
    const fn throw(&mut self, sides: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut it = self.0;
        it = (it ^ (it >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        it = (it ^ (it >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (it ^ (it >> 31)) % sides
    }
}

fn main() {
    let mut arguments = std::env::args_os().skip(1).map(PathBuf::from);
    let out = arguments.next().unwrap();
    for (seed, path) in (1..).zip(arguments) {
        let speech = read(&path);
        let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
        for loss in LOSSES {
            for jitter in JITTERS {
                let packets = send(&speech, loss, jitter, seed);
                let end = speech.len() as u64 / FRAME as u64 * STEP + WAY + REST;
                let (heard, waits) = receive(&packets, end);
                write(
                    &out.join(format!("{name}-{loss}-{jitter}-ours.wav")),
                    &heard,
                );
                let heard = decode(&packets, end);
                write(
                    &out.join(format!("{name}-{loss}-{jitter}-plain.wav")),
                    &heard,
                );
                println!("{name} {loss} {jitter} {waits:.1}");
            }
        }
    }
}

/// The packets that arrive, in their order. The encoder knows how many get lost, as the daemon tells it.
fn send(speech: &[f32], loss: u8, jitter: u64, seed: u64) -> Vec<Packet> {
    let mut encoder = Encoder::new().unwrap();
    encoder.expect_loss(loss);
    let (mut lose, mut delay) = (Dice(seed), Dice(seed << 32));
    let (mut packets, mut seq) = (Vec::new(), 0);
    for (frame, samples) in (0..).zip(speech.chunks_exact(FRAME)) {
        let Some(payload) = encoder.encode(samples).unwrap() else {
            continue;
        };
        let is_lost = lose.throw(100) < u64::from(loss);
        let at = frame * STEP + WAY + delay.throw(jitter * 1000 + 1);
        if !is_lost {
            packets.push(Packet {
                seq,
                frame,
                at,
                payload: payload.into(),
            });
        }
        seq += 1;
    }
    packets.sort_by_key(|it| it.at);
    packets
}

/// What dialtone's receiver makes of them, and how long packets waited in it, in milliseconds.
fn receive(packets: &[Packet], end: u64) -> (Vec<f32>, f64) {
    let mut receiver = Receiver::new().unwrap();
    let mut packets = packets.iter().peekable();
    let (mut heard, mut waits) = (Vec::new(), Vec::new());
    for now in (0..end).step_by(PIECE * 1_000_000 / RATE as usize) {
        while let Some(it) = packets.next_if(|it| it.at <= now) {
            let time = (it.frame * FRAME as u64) as u32;
            receiver.push(it.seq, time, Arc::clone(&it.payload), instant(it.at));
        }
        heard.extend(receiver.pull(instant(now)));
        waits.push(receiver.stats().delay);
    }
    let all = waits.len() as f64;
    (heard, waits.iter().sum::<f64>() / all)
}

/// What a decoder makes of them that knows neither FEC nor concealment: frames at their times, and silence.
fn decode(packets: &[Packet], end: u64) -> Vec<f32> {
    let mut decoder = Decoder::new().unwrap();
    let mut in_order: Vec<&Packet> = packets.iter().collect();
    in_order.sort_by_key(|it| it.seq);
    let mut heard = Vec::new();
    heard.resize((end * u64::from(RATE) / 1_000_000) as usize, 0.0);
    for packet in in_order {
        let due = packet.frame * STEP + WAY + PLAIN_WAIT;
        if packet.at > due {
            continue;
        }
        let from = (due * u64::from(RATE) / 1_000_000) as usize;
        let samples = decoder.decode(&packet.payload).unwrap();
        let place = heard.iter_mut().skip(from);
        place.zip(samples).for_each(|(to, sample)| *to = *sample);
    }
    heard
}

fn instant(micros: u64) -> Instant {
    Instant::ZERO + Duration::from_micros(micros)
}

fn read(path: &Path) -> Vec<f32> {
    let mut file = hound::WavReader::open(path).unwrap();
    let samples = file.samples::<i16>();
    samples
        .map(|it| f32::from(it.unwrap()) / 32_768.0)
        .collect()
}

fn write(path: &Path, samples: &[f32]) {
    let spec = hound::WavSpec {
        channels: 1,
        sample_rate: RATE,
        bits_per_sample: 16,
        sample_format: hound::SampleFormat::Int,
    };
    let mut file = hound::WavWriter::create(path, spec).unwrap();
    for sample in samples {
        let sample = (sample.clamp(-1.0, 1.0) * f32::from(i16::MAX)) as i16;
        file.write_sample(sample).unwrap();
    }
    file.finalize().unwrap();
}
