//! The key to talk, as a person writes it: `ctrl+v`, `ctrl+shift+space`, `caps`.

use std::fmt;
use std::str::FromStr;

use super::key::Key;

/// As much of a part that is no key as is said of it, in characters.
const MAX_TOLD_CHARS: usize = 32;

/// A key to talk, with the modifiers that are held with it.
///
/// ```
/// use dialtone_voice::ptt::Binding;
///
/// let binding: Binding = "Control + V".parse()?;
/// assert_eq!(binding.to_string(), "ctrl+v");
/// assert_eq!(binding.trigger(), "CTRL+v");
/// assert_eq!(Binding::parse("")?, None);
/// # Ok::<(), dialtone_voice::ptt::BindingError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Binding {
    held: Held,
    key: Key,
}

/// The modifiers of a binding.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct Held {
    pub(super) ctrl: bool,
    pub(super) alt: bool,
    pub(super) shift: bool,
    /// The key with the mark of the keyboard's maker on it.
    pub(super) logo: bool,
}

/// A text that names no key to talk.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum BindingError {
    /// Nothing stands before, after or between the plus signs.
    EmptyPart,
    /// There are modifiers, but no key.
    NoKey,
    /// Two keys; only modifiers can be held together with one.
    TwoKeys {
        /// The first.
        first: String,
        /// The second.
        second: String,
    },
    /// A part that is neither modifier nor key.
    Unknown(String),
}

impl Binding {
    /// Reads a binding; case and spaces around the parts do not matter. Empty text is `None`: no push-to-talk.
    ///
    /// Modifiers are `ctrl` (`control`), `alt`, `shift` and `super` (`logo`, `win`). Keys are the letters `a` to `z`,
    /// the digits, `f1` to `f24`, `space`, `caps` (`capslock`, `caps_lock`), `insert`, `delete`, `home`, `end`,
    /// `pageup`, `pagedown`, `pause`, `scrolllock`, `print`, `menu`, `tab` and `grave`.
    ///
    /// # Errors
    ///
    /// When the text names no key.
    pub fn parse(text: &str) -> Result<Option<Self>, BindingError> {
        match text.trim() {
            "" => Ok(None),
            text => text.parse().map(Some),
        }
    }

    /// The text by which the desktop's portal is asked for this key (XDG shortcuts specification, version 0.1).
    #[must_use]
    pub fn trigger(&self) -> String {
        self.join(["CTRL", "ALT", "SHIFT", "LOGO"], &self.key.keysym_name())
    }

    /// The key's keysym in X11, without the modifiers.
    #[must_use]
    pub const fn keysym(&self) -> u32 {
        self.key.keysym()
    }

    pub(super) const fn held(&self) -> Held {
        self.held
    }

    fn join(&self, modifiers: [&str; 4], key: &str) -> String {
        let Held {
            ctrl,
            alt,
            shift,
            logo,
        } = self.held;
        let held = [ctrl, alt, shift, logo].into_iter().zip(modifiers);
        let mut text = String::new();
        for (_, modifier) in held.filter(|(held, _)| *held) {
            text.push_str(modifier);
            text.push('+');
        }
        text.push_str(key);
        text
    }
}

impl FromStr for Binding {
    type Err = BindingError;

    fn from_str(text: &str) -> Result<Self, BindingError> {
        let mut held = Held::default();
        let mut key: Option<Key> = None;
        for part in text.split('+') {
            let part = part.trim().to_lowercase();
            match part.as_str() {
                "" => return Err(BindingError::EmptyPart),
                "ctrl" | "control" => held.ctrl = true,
                "alt" => held.alt = true,
                "shift" => held.shift = true,
                "super" | "logo" | "win" => held.logo = true,
                name => {
                    let told = || name.chars().take(MAX_TOLD_CHARS).collect();
                    let second = Key::parse(name).ok_or_else(|| BindingError::Unknown(told()))?;
                    if let Some(first) = key.replace(second) {
                        return Err(BindingError::TwoKeys {
                            first: first.name(),
                            second: second.name(),
                        });
                    }
                }
            }
        }
        let key = key.ok_or(BindingError::NoKey)?;
        Ok(Self { held, key })
    }
}

impl fmt::Display for Binding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.join(["ctrl", "alt", "shift", "super"], &self.key.name()))
    }
}

impl fmt::Display for BindingError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::EmptyPart => {
                f.write_str("nothing stands beside a plus sign; write keys like ctrl+v")
            }
            Self::NoKey => {
                f.write_str("modifiers alone are no key to talk; write keys like ctrl+v")
            }
            Self::TwoKeys { first, second } => {
                write!(f, "{first} and {second} cannot be one key to talk")
            }
            Self::Unknown(part) => {
                write!(f, "unknown key {part:?}; write keys like ctrl+v or caps")
            }
        }
    }
}

impl std::error::Error for BindingError {}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_the_original_understands_is_understood() {
        let known = [
            ("ctrl+v", "ctrl+v", "CTRL+v", 0x76),
            ("Control+V", "ctrl+v", "CTRL+v", 0x76),
            (
                " ctrl + shift + space ",
                "ctrl+shift+space",
                "CTRL+SHIFT+space",
                0x20,
            ),
            ("shift+ctrl+v", "ctrl+shift+v", "CTRL+SHIFT+v", 0x76),
            ("caps", "caps", "Caps_Lock", 0xffe5),
            ("CapsLock", "caps", "Caps_Lock", 0xffe5),
            ("caps_lock", "caps", "Caps_Lock", 0xffe5),
        ];
        for (text, shown, trigger, keysym) in known {
            let binding = Binding::parse(text).unwrap().unwrap();
            assert_eq!(binding.to_string(), shown);
            assert_eq!(binding.trigger(), trigger);
            assert_eq!(binding.keysym(), keysym);
        }
    }

    #[test]
    fn more_keys_and_modifiers_are_understood() {
        let known = [
            ("super+f13", "LOGO+F13"),
            ("win+alt+insert", "ALT+LOGO+Insert"),
            ("logo+pause", "LOGO+Pause"),
            ("scrolllock", "Scroll_Lock"),
            ("ctrl+alt+shift+super+9", "CTRL+ALT+SHIFT+LOGO+9"),
        ];
        for (text, trigger) in known {
            assert_eq!(text.parse::<Binding>().unwrap().trigger(), trigger);
        }
    }

    #[test]
    fn empty_text_is_no_push_to_talk() {
        assert_eq!(Binding::parse(""), Ok(None));
        assert_eq!(Binding::parse(" \t"), Ok(None));
    }

    #[test]
    fn what_is_no_binding_is_said_in_words() {
        let unknown = |part: &str| BindingError::Unknown(part.to_owned());
        let two = BindingError::TwoKeys {
            first: "v".to_owned(),
            second: "space".to_owned(),
        };
        let bad = [
            ("ctrl+", BindingError::EmptyPart),
            ("+v", BindingError::EmptyPart),
            ("ctrl++v", BindingError::EmptyPart),
            ("ctrl+shift", BindingError::NoKey),
            ("v+space", two),
            ("hyper+v", unknown("hyper")),
            ("f25", unknown("f25")),
        ];
        for (text, error) in bad {
            assert_eq!(Binding::parse(text), Err(error), "{text:?}");
        }
        let long = "x".repeat(100_000);
        assert_eq!(Binding::parse(&long), Err(unknown(&"x".repeat(32))));
    }

    proptest! {
        #[test]
        fn no_text_panics_and_what_is_shown_is_read_again(text in "\\PC{0,40}") {
            if let Ok(Some(binding)) = Binding::parse(&text) {
                prop_assert_eq!(binding.to_string().parse(), Ok(binding));
            }
        }

        #[test]
        fn what_is_shown_is_read_again(
            parts in proptest::sample::subsequence(vec!["ctrl", "alt", "shift", "super"], 0..=4),
            key in "[a-z0-9]|f[1-9]|f1[0-9]|caps|space|insert|pause|pagedown",
        ) {
            let text = parts.into_iter().chain([key.as_str()]).collect::<Vec<_>>().join("+");
            let binding: Binding = text.parse().unwrap();
            prop_assert_eq!(binding.to_string(), text);
        }
    }
}
