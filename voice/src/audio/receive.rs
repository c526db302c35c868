//! What comes from one device, made ready to be heard.

mod stretch;

use core::time::Duration;
use std::collections::VecDeque;
use std::sync::Arc;

use dialtone_protocol::Instant;

use super::codec::{CodecError, Decoder};
use super::jitter::{Counts, Fit, JitterBuffer, MAX_MADE_UP, Next};
use super::{FRAME, PIECE};
use stretch::{Care, shorten, stretch};

/// How long somebody still counts as speaking after the last sound: the original's figure.
const SPEAKING: Duration = Duration::from_millis(600);

/// A packet of so many bytes holds no speech: what Opus sends now and then to say that nothing is said.
const SILENT_PACKET: usize = 10;

/// Over how many samples sound fades where it begins or ends in the middle: 2.5 ms.
const FADE: usize = 120;

/// After so many samples what is made up begins to fade: 60 ms, after which it is a drone and no word.
const FADES_AFTER: usize = 2880;

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
    /// Samples that were made up in a row.
    concealed: usize,
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
            concealed: 0,
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
        let next = self.buffer.pull(self.frame, self.ready.len(), now);
        let made = match &next {
            Next::Silence => {
                // Half a frame at a time, so that a beginning is not waited for longer than a piece.
                self.silence();
                return;
            }
            Next::Frame(packet, _) => match self.decoder.decode(packet) {
                Ok(samples) => Ok(samples),
                Err(_) => {
                    self.invalid += 1;
                    self.decoder.conceal(self.frame)
                }
            },
            Next::Recover(packet) => self.decoder.recover(packet, self.frame),
            Next::Conceal(samples) => self.decoder.conceal(*samples),
        };
        let Ok(samples) = made else {
            self.silence();
            return;
        };
        let mut samples = samples.to_vec();
        if let Next::Conceal(_) = next {
            fade_out(&mut samples, self.concealed);
            self.concealed += samples.len();
        } else {
            self.concealed = 0;
        }
        if let Next::Frame(_, fit) = next {
            self.frame = samples.len();
            self.buffer.played(samples.len());
            match fit {
                Fit::Whole => {}
                Fit::Shorten => shorten(&mut samples, Care::Unheard),
                Fit::Hasten => shorten(&mut samples, Care::Hurry),
                Fit::Stretch => stretch(&mut samples, Care::Unheard),
            }
        }
        if core::mem::take(&mut self.silent) {
            fade_in(&mut samples);
        }
        // Opus may go a little beyond what it was given.
        let within = samples.iter().map(|it| it.clamp(-1.0, 1.0));
        self.ready.extend(within);
    }

    fn silence(&mut self) {
        if !core::mem::replace(&mut self.silent, true) {
            let many = FADE.min(self.ready.len());
            for (at, sample) in self.ready.iter_mut().rev().take(many).enumerate() {
                *sample *= share(at, many);
            }
        }
        self.concealed = 0;
        self.ready.extend([0.0; PIECE]);
    }
}

fn fade_in(samples: &mut [f32]) {
    for (at, sample) in samples.iter_mut().take(FADE).enumerate() {
        *sample *= share(at, FADE);
    }
}

/// Lets what is made up fade, of which there were so many samples before.
fn fade_out(samples: &mut [f32], before: usize) {
    for (at, sample) in samples.iter_mut().enumerate() {
        let left = MAX_MADE_UP.saturating_sub(before + at);
        *sample *= share(left, MAX_MADE_UP - FADES_AFTER).min(1.0);
    }
}

#[expect(clippy::cast_precision_loss, reason = "both are small")]
fn share(part: usize, whole: usize) -> f32 {
    part as f32 / whole.max(1) as f32
}

#[cfg(test)]
mod tests;
