//! The key to talk, watched by the terminal itself: one that speaks the kitty keyboard protocol says when a key is let
//! go of.
//!
//! Nothing of it opens the microphone by mistake: a terminal that is left while the key is held has let go of it, and
//! one that cannot say so is not asked.

use core::fmt;

use crossterm::event::{Event, KeyCode, KeyEvent, KeyEventKind, KeyModifiers};

/// Letters that do something with ctrl on the screens, or are another key to a terminal.
const TAKEN: &str = "acdehijklmquwy";

/// What a key can be held with.
const HELD_WITH: KeyModifiers = KeyModifiers::CONTROL
    .union(KeyModifiers::ALT)
    .union(KeyModifiers::SHIFT)
    .union(KeyModifiers::SUPER);

/// A key that a terminal can watch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct TalkKey {
    code: KeyCode,
    modifiers: KeyModifiers,
}

/// Why the terminal cannot watch a key.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub(super) enum TalkKeyError {
    /// No key is called so.
    Unknown(String),
    /// It types something, or does something else here.
    Taken(String),
    /// Terminals do not say when it is let go of.
    Unwatched(String),
}

impl fmt::Display for TalkKeyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unknown(key) => write!(
                f,
                "there is no key {key}: try ctrl+v, ctrl+space, f9 or insert"
            ),
            Self::Taken(key) => write!(
                f,
                "{key} does something else on this screen: take ctrl+v, ctrl+space, f9 or insert to talk"
            ),
            Self::Unwatched(key) => write!(
                f,
                "no terminal says when {key} is let go of: take ctrl+v, ctrl+space, f9 or insert to talk"
            ),
        }
    }
}

impl core::error::Error for TalkKeyError {}

impl TalkKey {
    /// Reads a key as it is named on the command line: `ctrl+v`, `ctrl+shift+space`, `f9`.
    pub(super) fn parse(text: &str) -> Result<Self, TalkKeyError> {
        let name = text.trim().to_lowercase();
        let unknown = || TalkKeyError::Unknown(name.clone());
        let mut modifiers = KeyModifiers::NONE;
        let mut code = None;
        for word in name.split('+').map(str::trim) {
            let modifier = match word {
                "ctrl" | "control" => KeyModifiers::CONTROL,
                "alt" => KeyModifiers::ALT,
                "shift" => KeyModifiers::SHIFT,
                "super" | "logo" | "win" => KeyModifiers::SUPER,
                _ => KeyModifiers::NONE,
            };
            if !modifier.is_empty() {
                modifiers |= modifier;
            } else if code.replace(key(word, &name)?).is_some() {
                return Err(unknown());
            }
        }
        let code = code.ok_or_else(unknown)?;
        let letter = match code {
            KeyCode::Char(letter) => Some(letter),
            _ => None,
        };
        let types =
            letter.is_some() && !modifiers.intersects(KeyModifiers::CONTROL | KeyModifiers::SUPER);
        let edits =
            letter.is_some_and(|it| TAKEN.contains(it)) && modifiers == KeyModifiers::CONTROL;
        // AltGr is ctrl and alt to many terminals.
        let alt_gr =
            letter.is_some() && modifiers.contains(KeyModifiers::CONTROL | KeyModifiers::ALT);
        match types || edits || alt_gr || code == KeyCode::F(1) {
            true => Err(TalkKeyError::Taken(name)),
            false => Ok(Self { code, modifiers }),
        }
    }

    fn is_pressed_by(self, event: &KeyEvent) -> bool {
        self.is_code_of(event) && event.modifiers & HELD_WITH == self.modifiers
    }

    /// Whatever else is held or not any more: a hand does not let go of two keys at once.
    fn is_code_of(self, event: &KeyEvent) -> bool {
        match (self.code, event.code) {
            (KeyCode::Char(own), KeyCode::Char(other)) => {
                core::iter::once(own).eq(other.to_lowercase())
            }
            (own, other) => own == other,
        }
    }
}

fn key(word: &str, whole: &str) -> Result<KeyCode, TalkKeyError> {
    let mut letters = word.chars();
    if let (Some(letter), None) = (letters.next(), letters.next())
        && letter.is_ascii_alphanumeric()
    {
        return Ok(KeyCode::Char(letter));
    }
    let function = word.strip_prefix('f').and_then(|it| it.parse::<u8>().ok());
    match word {
        "space" => Ok(KeyCode::Char(' ')),
        "insert" => Ok(KeyCode::Insert),
        "menu" => Ok(KeyCode::Menu),
        "pause" => Ok(KeyCode::Pause),
        "scrolllock" => Ok(KeyCode::ScrollLock),
        "delete" | "home" | "end" | "pageup" | "pagedown" => {
            Err(TalkKeyError::Taken(whole.to_owned()))
        }
        "caps" | "capslock" | "caps_lock" | "enter" | "tab" | "backspace" | "esc" => {
            Err(TalkKeyError::Unwatched(whole.to_owned()))
        }
        _ => match function {
            Some(number @ 1..=24) => Ok(KeyCode::F(number)),
            _ => Err(TalkKeyError::Unknown(whole.to_owned())),
        },
    }
}

/// What an event of the terminal means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Pressed {
    /// The key to talk is held from now on, or not any more.
    Talk(bool),
    /// Something for the screens.
    Other(Event),
    /// Nothing.
    Nothing,
}

/// Watches the key to talk among all that the terminal says.
#[derive(Clone, Copy, Debug)]
pub(super) struct Watch {
    key: Option<TalkKey>,
    held: bool,
}

impl Watch {
    /// Watches a key, if there is one.
    pub(super) const fn new(key: Option<TalkKey>) -> Self {
        Self { key, held: false }
    }

    /// Takes in an event of the terminal.
    pub(super) fn take(&mut self, event: Event) -> Pressed {
        let key = match event {
            Event::FocusLost if core::mem::take(&mut self.held) => return Pressed::Talk(false),
            Event::FocusLost | Event::FocusGained => return Pressed::Nothing,
            Event::Key(key) => key,
            other => return Pressed::Other(other),
        };
        let talks = |is: fn(TalkKey, &KeyEvent) -> bool| self.key.is_some_and(|it| is(it, &key));
        match key.kind {
            KeyEventKind::Release if self.held && talks(TalkKey::is_code_of) => {
                self.held = false;
                Pressed::Talk(false)
            }
            KeyEventKind::Release => Pressed::Nothing,
            // While it is held it repeats itself, with whatever else is held by then.
            _ if self.held && talks(TalkKey::is_code_of) => Pressed::Nothing,
            KeyEventKind::Press if talks(TalkKey::is_pressed_by) => {
                self.held = true;
                Pressed::Talk(true)
            }
            _ => {
                // To the screens, a key that repeats is one that is pressed again.
                let kind = KeyEventKind::Press;
                Pressed::Other(Event::Key(KeyEvent { kind, ..key }))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(code: KeyCode, modifiers: KeyModifiers, kind: KeyEventKind) -> Event {
        Event::Key(KeyEvent::new_with_kind(code, modifiers, kind))
    }

    fn letter(letter: char, modifiers: KeyModifiers, kind: KeyEventKind) -> Event {
        event(KeyCode::Char(letter), modifiers, kind)
    }

    const CTRL: KeyModifiers = KeyModifiers::CONTROL;
    const NONE: KeyModifiers = KeyModifiers::NONE;

    fn watch(key: &str) -> Watch {
        Watch::new(Some(TalkKey::parse(key).expect("a key")))
    }

    #[test]
    fn a_key_is_held_from_its_press_to_its_release() {
        let mut watch = watch("ctrl+v");
        let v = |modifiers, kind| letter('v', modifiers, kind);
        assert_eq!(
            watch.take(v(CTRL, KeyEventKind::Press)),
            Pressed::Talk(true)
        );
        assert_eq!(watch.take(v(CTRL, KeyEventKind::Repeat)), Pressed::Nothing);
        // The finger on ctrl is the first to leave.
        assert_eq!(watch.take(v(NONE, KeyEventKind::Repeat)), Pressed::Nothing);
        assert_eq!(
            watch.take(v(NONE, KeyEventKind::Release)),
            Pressed::Talk(false)
        );
        assert_eq!(watch.take(v(NONE, KeyEventKind::Release)), Pressed::Nothing);
    }

    #[test]
    fn whoever_leaves_the_terminal_has_let_go() {
        let mut watch = watch("f9");
        let f9 = |kind| event(KeyCode::F(9), NONE, kind);
        assert_eq!(watch.take(f9(KeyEventKind::Press)), Pressed::Talk(true));
        assert_eq!(watch.take(Event::FocusLost), Pressed::Talk(false));
        assert_eq!(watch.take(Event::FocusLost), Pressed::Nothing);
        assert_eq!(watch.take(f9(KeyEventKind::Release)), Pressed::Nothing);
        assert_eq!(watch.take(f9(KeyEventKind::Press)), Pressed::Talk(true));
    }

    #[test]
    fn all_other_keys_stay_what_they_are() {
        let mut watch = watch("ctrl+v");
        for modifiers in [NONE, KeyModifiers::SHIFT, CTRL | KeyModifiers::ALT] {
            let pressed = letter('v', modifiers, KeyEventKind::Press);
            assert_eq!(watch.take(pressed.clone()), Pressed::Other(pressed));
        }
        let repeated = event(KeyCode::Backspace, NONE, KeyEventKind::Repeat);
        let pressed = event(KeyCode::Backspace, NONE, KeyEventKind::Press);
        assert_eq!(watch.take(repeated), Pressed::Other(pressed));
        let released = event(KeyCode::Backspace, NONE, KeyEventKind::Release);
        assert_eq!(watch.take(released), Pressed::Nothing);
        let paste = Event::Paste("text".to_owned());
        assert_eq!(watch.take(paste.clone()), Pressed::Other(paste));
        // Without a key to talk nothing talks.
        let talk = letter('v', CTRL, KeyEventKind::Press);
        assert_eq!(Watch::new(None).take(talk.clone()), Pressed::Other(talk));
    }

    #[test]
    fn keys_are_named_as_people_name_them() {
        for name in [
            "ctrl+v",
            "Control + Shift + Space",
            "f9",
            "shift+F24",
            "insert",
            "super+m",
        ] {
            assert!(TalkKey::parse(name).is_ok(), "{name}");
        }
        assert_eq!(TalkKey::parse("control+V"), TalkKey::parse("ctrl+v"));
    }

    #[test]
    fn a_key_that_cannot_be_the_one_is_refused() {
        let error = |name| TalkKey::parse(name).expect_err(name);
        for name in [
            "v",
            "shift+v",
            "space",
            "alt+b",
            "ctrl+c",
            "ctrl+q",
            "ctrl+alt+e",
            "f1",
            "ctrl+home",
        ] {
            assert!(matches!(error(name), TalkKeyError::Taken(_)), "{name}");
        }
        for name in ["caps", "enter", "ctrl+tab"] {
            assert!(matches!(error(name), TalkKeyError::Unwatched(_)), "{name}");
        }
        for name in [
            "",
            "ctrl",
            "ctrl+",
            "v+w",
            "f25",
            "f0",
            "hyper+v",
            "ctrl+\u{1b}",
        ] {
            assert!(matches!(error(name), TalkKeyError::Unknown(_)), "{name:?}");
        }
    }
}
