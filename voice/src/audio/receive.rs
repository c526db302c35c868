//! What comes from one device, made ready to be heard.

use core::time::Duration;
use std::collections::VecDeque;
use std::sync::Arc;

use dialtone_protocol::Instant;

use super::codec::{CodecError, Decoder};
use super::jitter::{Counts, JitterBuffer, Next};
use super::{FRAME, PIECE};

/// How long somebody still counts as speaking after the last sound: the original's figure.
const SPEAKING: Duration = Duration::from_millis(600);

/// A packet of so many bytes holds no speech: what Opus sends now and then to say that nothing is said.
const SILENT_PACKET: usize = 10;

/// Over how many samples sound fades where it begins or ends in the middle, and where a part is left out: 2.5 ms.
const FADE: usize = 120;

/// The sound of one device.
#[derive(Debug)]
pub struct Receiver {
    buffer: JitterBuffer,
    decoder: Decoder,
    /// Samples that were decoded and not played yet.
    ready: VecDeque<f32>,
    /// How long the last frame was.
    frame: usize,
    silent: bool,
    spoke: Option<Instant>,
    invalid: u64,
}

/// How well the sound of a device comes in.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct Stats {
    /// What happened to packets.
    pub counts: Counts,
    /// Packets that are no Opus.
    pub invalid: u64,
    /// How unevenly packets arrive, in milliseconds.
    pub jitter: f64,
    /// How long packets wait, in milliseconds.
    pub delay: f64,
}

impl Receiver {
    /// Begins with nothing.
    ///
    /// # Errors
    ///
    /// When Opus cannot be set up.
    pub fn new() -> Result<Self, CodecError> {
        Ok(Self {
            buffer: JitterBuffer::default(),
            decoder: Decoder::new()?,
            ready: VecDeque::new(),
            frame: FRAME,
            silent: true,
            spoke: None,
            invalid: 0,
        })
    }

    /// A packet came. `seq` does not wrap; `time` is in samples and does.
    pub fn push(&mut self, seq: u64, time: u32, payload: Arc<[u8]>, arrived: Instant) {
        if payload.len() > SILENT_PACKET {
            self.spoke = Some(arrived);
        }
        self.buffer.push(seq, time, payload, arrived);
    }

    /// The next piece that is played.
    pub fn pull(&mut self, now: Instant) -> [f32; PIECE] {
        while self.ready.len() < PIECE {
            self.next_frame(now);
        }
        let mut piece = [0.0; PIECE];
        for (sample, ready) in piece.iter_mut().zip(self.ready.drain(..PIECE)) {
            *sample = ready;
        }
        piece
    }

    /// Whether the device sends sound.
    #[must_use]
    pub fn is_speaking(&self, now: Instant) -> bool {
        self.spoke.is_some_and(|at| now - at < SPEAKING)
    }

    /// How well the sound comes in.
    #[must_use]
    pub fn stats(&self) -> Stats {
        Stats {
            counts: self.buffer.counts(),
            invalid: self.invalid,
            jitter: self.buffer.jitter(),
            delay: self.buffer.delay().as_secs_f64() * 1000.0,
        }
    }

    fn next_frame(&mut self, now: Instant) {
        let next = self.buffer.pull(self.frame, now);
        let made = match &next {
            Next::Silence => {
                // Half a frame at a time, so that a beginning is not waited for longer than a piece.
                self.silence();
                return;
            }
            Next::Frame(packet) => match self.decoder.decode(packet) {
                Ok(samples) => Ok(samples),
                Err(_) => {
                    self.invalid += 1;
                    self.decoder.conceal(self.frame)
                }
            },
            Next::Recover(packet) => self.decoder.recover(packet, self.frame),
            Next::Conceal => self.decoder.conceal(self.frame),
        };
        let Ok(samples) = made else {
            self.silence();
            return;
        };
        let (length, mut samples) = (samples.len(), samples.to_vec());
        if matches!(next, Next::Frame(_)) {
            self.frame = length.max(PIECE);
            self.buffer.played(length);
            if self.buffer.is_behind(now) {
                self.buffer.caught_up();
                shorten(&mut samples);
            }
        }
        if core::mem::take(&mut self.silent) {
            fade_in(&mut samples);
        }
        self.ready.extend(samples);
    }

    fn silence(&mut self) {
        if !core::mem::replace(&mut self.silent, true) {
            // What was made up last has faded by itself; the rest is cut softly.
            let many = self.ready.len();
            for (at, sample) in self.ready.iter_mut().rev().take(FADE).enumerate() {
                #[expect(clippy::cast_precision_loss, reason = "it is small")]
                let share = at as f32 / FADE.min(many.max(1)) as f32;
                *sample *= share.min(1.0);
            }
        }
        self.ready.extend([0.0; PIECE]);
    }
}

fn fade_in(samples: &mut [f32]) {
    for (at, sample) in samples.iter_mut().take(FADE).enumerate() {
        #[expect(clippy::cast_precision_loss, reason = "it is small")]
        let share = at as f32 / FADE as f32;
        *sample *= share;
    }
}

/// Leaves 10 ms of a frame out, where its two halves are most alike, and blends the ends into each other.
fn shorten(samples: &mut Vec<f32>) {
    if samples.len() < 2 * PIECE {
        return;
    }
    let mut out = samples.get(..PIECE).unwrap_or_default().to_vec();
    let rest = samples.get(PIECE..).unwrap_or_default();
    let from = PIECE - FADE;
    for at in 0..FADE {
        #[expect(clippy::cast_precision_loss, reason = "it is small")]
        let share = at as f32 / FADE as f32;
        let later = rest.get(from + at).copied().unwrap_or_default();
        if let Some(sample) = out.get_mut(from + at) {
            *sample = *sample * (1.0 - share) + later * share;
        }
    }
    out.extend_from_slice(rest.get(PIECE..).unwrap_or_default());
    *samples = out;
}

#[cfg(test)]
mod tests;
