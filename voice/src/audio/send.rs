//! What the microphone hears, made ready to be sent.

use core::fmt;

use nnnoiseless::DenoiseState;

use super::codec::{CodecError, Encoder};
use super::echo::EchoCanceller;
use super::gain::AutoGain;
use super::gate::{Decision, Gate};
use super::{FRAME, PIECE, level};

/// Of samples of 16 bits, which the noise suppressor was trained on.
const FULL_SCALE: f32 = 32_768.0;

/// Which stages sound goes through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SendSettings {
    /// What the loudspeaker plays is taken out.
    pub cancel_echo: bool,
    /// Noise is suppressed.
    pub suppress: bool,
    /// Speech is brought to one level.
    pub gain: bool,
}

impl Default for SendSettings {
    fn default() -> Self {
        Self {
            cancel_echo: true,
            suppress: true,
            gain: true,
        }
    }
}

impl SendSettings {
    /// Sound is sent as it is: it comes from a file.
    #[must_use]
    pub const fn as_it_is() -> Self {
        Self {
            cancel_echo: false,
            suppress: false,
            gain: false,
        }
    }
}

/// A frame of Opus with what its packet needs (RFC 7587).
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Frame {
    /// The frame.
    pub payload: Vec<u8>,
    /// When it was heard, in samples from any beginning; it wraps. Time goes on while nothing is sent.
    pub time: u32,
    /// It is the first after a silence.
    pub marker: bool,
}

/// What became of 20 ms of sound.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Sent {
    /// What is sent: nothing, a frame, or the one before it too.
    pub frames: Vec<Frame>,
    /// How loud it was.
    pub level: u32,
    /// Whether it is sent, though Opus may find nothing in it.
    pub sending: bool,
}

/// The way of sound from the microphone to the network.
pub struct SendChain {
    settings: SendSettings,
    /// What decides when sound is sent.
    pub gate: Gate,
    echo: Option<EchoCanceller>,
    /// Others were heard during this frame.
    others_speak: bool,
    suppressor: Box<DenoiseState<'static>>,
    gain: AutoGain,
    encoder: Encoder,
    /// Samples that do not fill a frame yet.
    waiting: Vec<f32>,
    /// The last frame, in case it is the beginning of a word.
    last: Vec<f32>,
    time: u32,
    was_sending: bool,
}

impl SendChain {
    /// Sets everything up.
    ///
    /// # Errors
    ///
    /// When Opus cannot be set up.
    pub fn new(settings: SendSettings, gate: Gate) -> Result<Self, CodecError> {
        Ok(Self {
            settings,
            gate,
            echo: settings.cancel_echo.then(EchoCanceller::new),
            others_speak: false,
            suppressor: DenoiseState::new(),
            gain: AutoGain::default(),
            encoder: Encoder::new()?,
            waiting: Vec::new(),
            last: Vec::new(),
            time: 0,
            was_sending: false,
        })
    }

    /// How much of what is sent gets lost, in percent.
    pub fn expect_loss(&mut self, percent: u8) {
        self.encoder.expect_loss(percent);
    }

    /// Whether it wants to know what is played.
    #[must_use]
    pub const fn cancels_echo(&self) -> bool {
        self.echo.is_some()
    }

    /// This was played: it may be heard in what comes next.
    pub fn played(&mut self, piece: &[f32; PIECE]) {
        if let Some(echo) = &mut self.echo {
            echo.played(piece);
            self.others_speak |= self.is_speech(level(piece));
        }
    }

    /// Takes in sound at 48 kHz, and says what became of each 20 ms of it.
    pub fn push(&mut self, samples: &[f32], mut take: impl FnMut(Sent, &[f32])) {
        self.waiting.extend_from_slice(samples);
        while self.waiting.len() >= FRAME {
            let rest = self.waiting.split_off(FRAME);
            let frame = core::mem::replace(&mut self.waiting, rest);
            let (sent, frame) = self.frame(frame);
            take(sent, &frame);
        }
    }

    /// Forgets what waits: the microphone was closed.
    pub fn clear(&mut self) {
        self.waiting.clear();
        self.last.clear();
        // Another microphone may hear the loudspeaker in another way.
        self.echo = self.settings.cancel_echo.then(EchoCanceller::new);
        self.others_speak = false;
        self.was_sending = false;
    }

    fn frame(&mut self, mut frame: Vec<f32>) -> (Sent, Vec<f32>) {
        if let Some(echo) = &mut self.echo {
            echo.cancel(&mut frame);
        }
        if self.settings.suppress {
            self.suppress(&mut frame);
        }
        let level = level(&frame);
        let decision = self.gate.decide(level);
        if self.settings.gain {
            // While others are heard, what is left of their echo may pass for somebody who speaks softly.
            let speaks = decision != Decision::Hold && self.is_speech(level);
            let others_speak = core::mem::take(&mut self.others_speak);
            self.gain.apply(&mut frame, speaks && !others_speak);
        }
        let time = self.time;
        #[expect(clippy::cast_possible_truncation, reason = "a frame is short")]
        let step = FRAME as u32;
        self.time = time.wrapping_add(step);
        let mut frames = Vec::new();
        let last = core::mem::replace(&mut self.last, frame.clone());
        if decision == Decision::SendBoth && last.len() == FRAME {
            self.encode(&last, time.wrapping_sub(step), &mut frames);
        }
        let sending = decision != Decision::Hold;
        if sending {
            self.encode(&frame, time, &mut frames);
        } else {
            self.was_sending = false;
        }
        let sent = Sent {
            frames,
            level,
            sending,
        };
        (sent, frame)
    }

    /// Whether somebody may be speaking so softly.
    const fn is_speech(&self, level: u32) -> bool {
        level >= self.gate.threshold() / 2
    }

    fn encode(&mut self, frame: &[f32], time: u32, frames: &mut Vec<Frame>) {
        match self.encoder.encode(frame) {
            Ok(Some(payload)) => {
                let marker = !core::mem::replace(&mut self.was_sending, true);
                frames.push(Frame {
                    payload,
                    time,
                    marker,
                });
            }
            // Opus finds nothing in it.
            Ok(None) | Err(_) => self.was_sending = false,
        }
    }

    fn suppress(&mut self, frame: &mut [f32]) {
        let mut scaled = [0.0; DenoiseState::FRAME_SIZE];
        let mut out = [0.0; DenoiseState::FRAME_SIZE];
        for half in frame.chunks_exact_mut(DenoiseState::FRAME_SIZE) {
            for (to, from) in scaled.iter_mut().zip(half.iter()) {
                *to = from * FULL_SCALE;
            }
            self.suppressor.process_frame(&mut out, &scaled);
            for (to, from) in half.iter_mut().zip(out) {
                *to = (from / FULL_SCALE).clamp(-1.0, 1.0);
            }
        }
    }
}

impl fmt::Debug for SendChain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SendChain")
            .field("settings", &self.settings)
            .field("gate", &self.gate)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use super::super::gate::Opening;
    use super::super::testing::{Noise, power, sine, speech};
    use super::*;

    fn chain(settings: SendSettings, opening: Opening) -> SendChain {
        SendChain::new(settings, Gate::new(opening, 500)).unwrap()
    }

    fn all(chain: &mut SendChain, sound: &[f32]) -> (Vec<Sent>, Vec<f32>) {
        let (mut sent, mut heard) = (Vec::new(), Vec::new());
        for part in sound.chunks(333) {
            chain.push(part, |one, frame| {
                sent.push(one);
                heard.extend_from_slice(frame);
            });
        }
        (sent, heard)
    }

    #[test]
    fn time_goes_on_while_nothing_is_said_and_a_beginning_is_marked() {
        let mut chain = chain(SendSettings::as_it_is(), Opening::Voice);
        let mut sound = vec![0.0; FRAME * 10];
        sound.extend(sine(300.0, 0.5, FRAME * 3));
        sound.extend(vec![0.0; FRAME * 30]);
        sound.extend(sine(300.0, 0.5, FRAME));
        let (sent, _) = all(&mut chain, &sound);
        assert_eq!(sent.len(), 44);
        let frames: Vec<&Frame> = sent.iter().flat_map(|it| &it.frames).collect();
        // The frame before the first loud one is sent, too.
        let first = frames.first().unwrap();
        assert_eq!(first.time, 9 * 960);
        let marked: Vec<u32> = frames
            .iter()
            .filter(|it| it.marker)
            .map(|it| it.time / 960)
            .collect();
        assert_eq!(marked.first(), Some(&9));
        assert!(matches!(marked.last(), Some(42 | 43)), "{marked:?}");
        assert!(sent.iter().filter(|it| it.sending).count() < 25);
    }

    #[test]
    fn noise_is_taken_away_and_speech_is_not() {
        let mut noise = Noise::new(3);
        let hiss: Vec<f32> = (0..FRAME * 150)
            .map(|_| (noise.share() as f32 - 0.5) * 0.06)
            .collect();
        let clean = SendSettings {
            cancel_echo: false,
            suppress: true,
            gain: false,
        };
        let mut quiet = chain(clean, Opening::Open);
        let (_, heard) = all(&mut quiet, &hiss);
        let half = FRAME * 75;
        let less = power(&heard[half..]) / power(&hiss[half..]);
        assert!(less < 0.3, "{less}");
        let words = speech(FRAME * 150);
        let mut speaking = chain(clean, Opening::Open);
        let (_, heard) = all(&mut speaking, &words);
        let kept = power(&heard[half..]) / power(&words[half..]);
        assert!(kept > 2.0 * less, "{kept} {less}");
    }

    // spec 11.57
    #[test]
    fn what_is_left_out_changes_nothing() {
        let mut noise = Noise::new(3);
        let mut sound = speech(FRAME * 50);
        for sample in &mut sound {
            *sample = *sample * 0.2 + (noise.share() as f32 - 0.5) * 0.06;
        }
        let through = |suppress, gain| {
            let settings = SendSettings {
                cancel_echo: false,
                suppress,
                gain,
            };
            let mut chain = chain(settings, Opening::Open);
            let (_, heard) = all(&mut chain, &sound);
            heard
        };
        assert_eq!(through(false, false), sound);
        let [clean, loud] = [through(true, false), through(false, true)];
        assert!(clean != sound && loud != sound && clean != loud);
        // With one level for all, it is the same sound but louder.
        let late = FRAME * 40;
        let (loud, plain) = (&loud[late..], &sound[late..]);
        let share = loud.iter().zip(plain).map(|(one, other)| one * other);
        let likeness = share.sum::<f32>().powi(2)
            / (loud.iter().map(|it| it * it).sum::<f32>()
                * plain.iter().map(|it| it * it).sum::<f32>());
        assert!(
            power(loud) > 1.5 * power(plain) && likeness > 0.95,
            "{likeness}"
        );
    }

    #[test]
    fn what_is_left_of_an_echo_is_not_made_louder() {
        let settings = SendSettings {
            cancel_echo: true,
            suppress: false,
            gain: true,
        };
        let soft = sine(700.0, 0.02, FRAME * 400);
        let others = speech(FRAME * 400);
        let louder = |others: &[f32]| {
            let mut chain = chain(settings, Opening::Open);
            let mut out = Vec::new();
            for (frame, played) in soft.chunks(FRAME).zip(others.chunks(FRAME)) {
                for piece in played.chunks_exact(PIECE) {
                    chain.played(piece.try_into().unwrap());
                }
                chain.push(frame, |_, frame| out.extend_from_slice(frame));
            }
            let late = FRAME * 300;
            power(&out[late..]) / power(&soft[late..])
        };
        assert!(louder(&vec![0.0; soft.len()]) > 4.0);
        // In the pauses of the others it may be somebody who speaks.
        let beside = louder(&others);
        assert!(beside < 4.0, "{beside}");
        let all_the_time = louder(&sine(300.0, 0.3, soft.len()));
        assert!(all_the_time < 1.1, "{all_the_time}");
    }

    #[test]
    fn who_is_muted_sends_nothing() {
        let mut chain = chain(SendSettings::default(), Opening::Open);
        chain.gate.set_muted(true);
        let (sent, _) = all(&mut chain, &sine(300.0, 0.5, FRAME * 20));
        assert!(sent.iter().all(|it| it.frames.is_empty() && !it.sending));
    }
}
