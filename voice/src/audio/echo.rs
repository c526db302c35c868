//! Takes what the loudspeaker plays out of what the microphone hears, so that others do not hear themselves.
//!
//! The work is done by AEC3, WebRTC's canceller: it finds by itself how far the echo lies behind what was played.

use core::fmt;

use sonora::config::EchoCanceller as Settings;
use sonora::{AudioProcessing, Config, StreamConfig};

use super::{PIECE, RATE};

/// An echo canceller.
pub struct EchoCanceller {
    inner: AudioProcessing,
}

impl EchoCanceller {
    pub(super) fn new() -> Self {
        let config = Config {
            echo_canceller: Some(Settings::default()),
            ..Config::default()
        };
        let mono = StreamConfig::new(RATE, 1);
        let inner = AudioProcessing::builder()
            .config(config)
            .capture_config(mono)
            .render_config(mono)
            .build();
        Self { inner }
    }

    /// This was played.
    pub(super) fn played(&mut self, piece: &[f32; PIECE]) {
        let mut unused = [0.0; PIECE];
        // It fails for pieces of another length alone, and there are none.
        let _ = self.inner.process_render_f32(&[piece], &mut [&mut unused]);
    }

    /// Takes the echo out of what was heard: whole pieces of it.
    pub(super) fn cancel(&mut self, heard: &mut [f32]) {
        for piece in heard.chunks_exact_mut(PIECE) {
            let mut out = [0.0; PIECE];
            let done = self.inner.process_capture_f32(&[&*piece], &mut [&mut out]);
            if done.is_ok() {
                for (to, from) in piece.iter_mut().zip(out) {
                    *to = from.clamp(-1.0, 1.0);
                }
            }
        }
    }
}

impl fmt::Debug for EchoCanceller {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EchoCanceller").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

    use super::super::FRAME;
    use super::super::testing::{align, power, sine, speech};
    use super::*;

    /// What a room makes of sound: it comes late, and from the walls once more.
    const WALLS: [(usize, f32); 4] = [(0, 0.4), (350, 0.15), (1100, -0.1), (2300, 0.05)];

    fn room(played: &[f32], late: usize) -> Vec<f32> {
        let mut heard = vec![0.0; played.len()];
        for (delay, share) in WALLS {
            for (to, from) in heard.iter_mut().skip(late + delay).zip(played) {
                *to += share * from;
            }
        }
        heard
    }

    /// Somebody else's voice: the same sounds at other times.
    fn other(samples: usize) -> Vec<f32> {
        let all = speech(samples + 30_000);
        all[30_000..].iter().map(|it| it * 0.8).collect()
    }

    /// `together`: pieces that the loudspeaker takes at once.
    fn cancelled(played: &[f32], heard: &[f32], together: usize) -> Vec<f32> {
        let mut canceller = EchoCanceller::new();
        let mut out = heard.to_vec();
        let blocks = out.chunks_exact_mut(PIECE * together);
        for (heard, played) in blocks.zip(played.chunks_exact(PIECE * together)) {
            for piece in played.chunks_exact(PIECE) {
                canceller.played(piece.try_into().unwrap());
            }
            canceller.cancel(heard);
        }
        out
    }

    #[test]
    fn an_echo_is_taken_away_also_where_the_loudspeaker_takes_much_at_once() {
        let played = other(FRAME * 400);
        for together in [1, 2, 4] {
            let heard = room(&played, 2880);
            let left = cancelled(&played, &heard, together);
            // It learns for a while.
            let late = FRAME * 200;
            let share = power(&left[late..]) / power(&heard[late..]);
            assert!(share < 0.02, "{together}: {share}");
        }
    }

    #[test]
    fn who_speaks_where_nothing_is_played_is_left_alone() {
        // Above the lowest tones, which are taken away with the hum of the mains.
        let words = sine(400.0, 0.3, FRAME * 100);
        let out = cancelled(&vec![0.0; words.len()], &words, 1);
        let (lag, alike) = align(&words[FRAME * 5..], &out[FRAME * 5..], FRAME / 4);
        assert!(alike > 0.99, "{alike}");
        assert!(lag < FRAME / 4, "{lag}");
        let kept = power(&out[FRAME * 5..]) / power(&words[FRAME * 5..]);
        assert!((0.9..1.1).contains(&kept), "{kept}");
    }

    #[test]
    fn who_speaks_while_others_are_heard_is_heard() {
        let (played, words) = (other(FRAME * 400), speech(FRAME * 400));
        let echo = room(&played, 2880);
        let heard: Vec<f32> = words.iter().zip(&echo).map(|(a, b)| a + b).collect();
        // What the canceller makes of the words where there is no echo: it takes their lowest tones away.
        let alone = cancelled(&vec![0.0; words.len()], &words, 1);
        let out = cancelled(&played, &heard, 1);
        let late = FRAME * 200;
        let (_, alike) = align(&alone[late..], &out[late..], FRAME / 4);
        assert!(alike > 0.8, "{alike}");
        let kept = power(&out[late..]) / power(&alone[late..]);
        assert!((0.5..1.1).contains(&kept), "{kept}");
    }
}
