//! The microphone is tried out: one hears oneself, sees how loud it is, and moves the mark from which on sound counts
//! as speech.

use dialtone_protocol::voice::ipc::MAX_LEVEL;
use tuirealm::ratatui::text::Line;

use super::Chat;
use super::overlay::Overlay;
use super::view::indented;
use crate::tui::msg::{Effect, OverlayMsg};
use crate::tui::picture::Row;
use crate::tui::port::Request;
use crate::tui::theme::{Role, Theme};
use crate::tui::voice::Ask;

/// The meter begins here: what is softer is silence.
const SOFTEST: u32 = 16;

/// Steps of the meter: each is 1.5 dB.
const STEPS: u32 = 44;

impl Chat {
    pub(super) fn begin_test(&mut self) -> Vec<Effect> {
        self.notice = None;
        self.overlay = Some(Overlay::Microphone { began: false });
        vec![Effect::Ask(Request::Voice(Ask::Test(true)))]
    }

    /// The test began, or it is over, or it cannot begin.
    pub(super) fn follow_test(&mut self) {
        let Some(Overlay::Microphone { began }) = &mut self.overlay else {
            return;
        };
        if self.voice.testing {
            *began = true;
        } else if *began || self.voice.gone {
            self.overlay = None;
        }
    }

    pub(super) fn test_key(&mut self, began: bool, key: OverlayMsg) -> Vec<Effect> {
        let before = self.voice.threshold.clamp(1, MAX_LEVEL);
        let level = match key {
            OverlayMsg::Cancel | OverlayMsg::Accept => {
                return vec![Effect::Ask(Request::Voice(Ask::Test(false)))];
            }
            OverlayMsg::Up | OverlayMsg::Char('k') => before + before.div_ceil(8),
            OverlayMsg::Down | OverlayMsg::Char('j') => before - before.div_ceil(9).min(before - 1),
            OverlayMsg::PageUp => before * 2,
            OverlayMsg::PageDown => before / 2,
            OverlayMsg::Char(_) | OverlayMsg::Copy => before,
        };
        self.overlay = Some(Overlay::Microphone { began });
        let level = level.clamp(1, MAX_LEVEL);
        if !began || level == before {
            return Vec::new();
        }
        // The next key comes before the daemon's answer.
        self.voice.threshold = level;
        vec![Effect::Ask(Request::Voice(Ask::Threshold(level)))]
    }

    pub(super) fn test_lines(
        &self,
        began: bool,
        columns: usize,
        theme: Theme,
    ) -> Vec<Line<'static>> {
        let row = || Row::new(theme, columns).then(" ", Role::Plain);
        let title = row().then("The microphone", Role::Strong).line();
        if !began {
            let waits = row().then("it is being opened", Role::Faint).line();
            return vec![title, Line::default(), waits];
        }
        let voice = &self.voice;
        let loud = voice.level >= voice.threshold;
        let role = if loud { Role::Online } else { Role::Faint };
        let (level, mark) = (steps(voice.level), steps(voice.threshold).saturating_sub(1));
        let mut meter = row();
        for step in 0..STEPS {
            let (cell, role) = match (step == mark, step < level) {
                (true, _) => ("│", Role::Caution),
                (false, true) => ("▮", role),
                (false, false) => ("·", Role::Faint),
            };
            meter = meter.then(cell, role);
        }
        let figures = format!("{:>5} now, {:>5} at the mark", voice.level, voice.threshold);
        let heard = match (&voice.key, loud) {
            _ if !voice.microphone => "there is no microphone: /voice devices lists what there is",
            (Some(_), _) => "sound is sent while the key is held, however loud it is",
            (None, true) => "this would be sent",
            (None, false) => "this would not be sent",
        };
        let mut lines = vec![
            title,
            Line::default(),
            meter.line(),
            row().then(&figures, Role::Plain).line(),
            row().then(heard, role).line(),
            Line::default(),
        ];
        lines.extend(indented(
            "You hear yourself; nobody else does. Speak: the mark should stand below your voice and above the noise of \
             the room. up and down move it, pgup and pgdn by far, esc ends.",
            1,
            columns,
            Role::Faint,
            theme,
        ));
        lines
    }
}

/// How many steps of the meter a level fills: a step is four times 1.5 dB for an octave.
fn steps(level: u32) -> u32 {
    let level = level.min(MAX_LEVEL);
    let Some(octaves) = (level / SOFTEST).checked_ilog2() else {
        return 0;
    };
    // Within an octave the steps are as wide as each other.
    let base = SOFTEST << octaves;
    let within = level.saturating_sub(base) * 4 / base;
    (octaves * 4 + within + 1).min(STEPS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_meter_goes_from_silence_to_the_loudest() {
        assert_eq!(steps(0), 0);
        assert_eq!(steps(SOFTEST), 1);
        assert_eq!(steps(MAX_LEVEL), STEPS);
        assert_eq!(steps(u32::MAX / 4), STEPS);
        for level in 1..MAX_LEVEL {
            assert!(steps(level) <= steps(level + 1), "{level}");
        }
    }
}
