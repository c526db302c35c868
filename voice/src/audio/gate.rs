//! When sound is sent: while somebody speaks, while a key is held, or always.

/// How long sound is sent on after the last frame that was loud, in frames of 20 ms: ends of words are soft.
const HANG: u32 = 15;

/// How it is decided when to send.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Opening {
    /// By how loud it is.
    Voice,
    /// While a key is held.
    Key,
    /// Never: a key was wanted, and nobody can watch it.
    Shut,
    /// Always.
    Open,
}

/// What is done with a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Decision {
    /// It is not sent.
    Hold,
    /// It is sent.
    Send,
    /// It is sent, and the one before it too: beginnings of words are soft.
    SendBoth,
}

/// Decides what is sent.
#[derive(Clone, Debug)]
pub struct Gate {
    opening: Opening,
    threshold: u32,
    muted: bool,
    held: bool,
    /// Frames that are still sent though they are not loud.
    hang: u32,
    sending: bool,
}

impl Gate {
    /// Sound of at least this level counts as speech. See [`level`](super::level).
    #[must_use]
    pub const fn new(opening: Opening, threshold: u32) -> Self {
        Self {
            opening,
            threshold,
            muted: false,
            held: false,
            hang: 0,
            sending: false,
        }
    }

    /// Decides by something else from now on.
    pub const fn set_opening(&mut self, opening: Opening) {
        self.opening = opening;
        self.hang = 0;
    }

    /// From which level on sound counts as speech.
    pub fn set_threshold(&mut self, threshold: u32) {
        self.threshold = threshold.max(1);
    }

    /// Sends nothing, or sends again. A key that is held must be pressed anew then.
    pub const fn set_muted(&mut self, muted: bool) {
        self.muted = muted;
        self.held = false;
        self.hang = 0;
    }

    /// The key is held, or not any more.
    pub const fn press(&mut self, held: bool) {
        self.held = held;
    }

    /// Whether the key is held.
    #[must_use]
    pub const fn is_held(&self) -> bool {
        self.held
    }

    /// How it is decided when to send.
    #[must_use]
    pub const fn opening(&self) -> Opening {
        self.opening
    }

    /// From which level on sound counts as speech.
    #[must_use]
    pub const fn threshold(&self) -> u32 {
        self.threshold
    }

    /// Whether nothing is sent.
    #[must_use]
    pub const fn is_muted(&self) -> bool {
        self.muted
    }

    /// Decides about a frame by its level.
    pub fn decide(&mut self, level: u32) -> Decision {
        let open = !self.muted
            && match self.opening {
                Opening::Open => true,
                Opening::Shut => false,
                Opening::Key => self.held,
                Opening::Voice => {
                    self.hang = match level >= self.threshold {
                        true => HANG,
                        false => self.hang.saturating_sub(1),
                    };
                    self.hang > 0
                }
            };
        let was_sending = core::mem::replace(&mut self.sending, open);
        match (open, was_sending, self.opening) {
            (false, ..) => Decision::Hold,
            (true, false, Opening::Voice) => Decision::SendBoth,
            (true, ..) => Decision::Send,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_keep_their_beginnings_and_their_ends() {
        let mut gate = Gate::new(Opening::Voice, 500);
        assert_eq!(gate.decide(499), Decision::Hold);
        assert_eq!(gate.decide(500), Decision::SendBoth);
        for _ in 1..HANG {
            assert_eq!(gate.decide(0), Decision::Send);
        }
        assert_eq!(gate.decide(0), Decision::Hold);
    }

    #[test]
    fn a_key_opens_whatever_the_level_and_nothing_else_does() {
        let mut gate = Gate::new(Opening::Key, 500);
        assert_eq!(gate.decide(9000), Decision::Hold);
        gate.press(true);
        assert_eq!(gate.decide(0), Decision::Send);
        gate.press(false);
        assert_eq!(gate.decide(9000), Decision::Hold);
        gate.set_opening(Opening::Shut);
        gate.press(true);
        assert_eq!(gate.decide(9000), Decision::Hold);
    }

    #[test]
    fn who_is_muted_sends_nothing_and_must_press_anew() {
        for opening in [Opening::Voice, Opening::Key, Opening::Open] {
            let mut gate = Gate::new(opening, 500);
            gate.press(true);
            gate.set_muted(true);
            assert_eq!(gate.decide(9000), Decision::Hold);
            gate.set_muted(false);
            let sends = gate.decide(9000) != Decision::Hold;
            assert_eq!(sends, opening != Opening::Key);
        }
    }
}
