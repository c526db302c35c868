//! The keys that can be held to talk, and what they are called here, by the desktop and by X11.

/// Keysym of F1. The others follow it, one by one.
const F1: u32 = 0xffbe;

/// Keyboards know no more function keys than these.
const FUNCTION_KEYS: u32 = 24;

/// A key that is no letter, digit or function key.
struct Special {
    /// Its name here, and the other names that are understood.
    names: &'static [&'static str],
    /// Its name among X11's keysyms, which is the name that desktops know it by.
    keysym_name: &'static str,
    /// Its keysym.
    keysym: u32,
}

const fn special(
    names: &'static [&'static str],
    keysym_name: &'static str,
    keysym: u32,
) -> Special {
    Special {
        names,
        keysym_name,
        keysym,
    }
}

/// Keysyms as `keysymdef.h` has them.
const SPECIALS: &[Special] = &[
    special(&["space"], "space", 0x20),
    special(&["grave", "backtick"], "grave", 0x60),
    special(&["tab"], "Tab", 0xff09),
    special(&["pause", "break"], "Pause", 0xff13),
    special(
        &["scrolllock", "scroll_lock", "scroll"],
        "Scroll_Lock",
        0xff14,
    ),
    special(&["home"], "Home", 0xff50),
    special(&["pageup", "page_up", "prior"], "Prior", 0xff55),
    special(&["pagedown", "page_down", "next"], "Next", 0xff56),
    special(&["end"], "End", 0xff57),
    special(&["print", "printscreen"], "Print", 0xff61),
    special(&["insert", "ins"], "Insert", 0xff63),
    special(&["menu"], "Menu", 0xff67),
    special(&["caps", "capslock", "caps_lock"], "Caps_Lock", 0xffe5),
    special(&["delete", "del"], "Delete", 0xffff),
];

/// One key, without modifiers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Key {
    keysym: u32,
}

impl Key {
    /// Reads a name in lower case.
    pub(super) fn parse(name: &str) -> Option<Self> {
        let keysym = match name.as_bytes() {
            // The keysyms of these are their codes in ASCII.
            [one] if one.is_ascii_lowercase() || one.is_ascii_digit() => u32::from(*one),
            [b'f', digits @ ..]
                if !digits.starts_with(b"0") && digits.iter().all(u8::is_ascii_digit) =>
            {
                let number: u32 = name.get(1..)?.parse().ok()?;
                let number = (1..=FUNCTION_KEYS).contains(&number).then_some(number)?;
                F1 + number - 1
            }
            _ => {
                SPECIALS
                    .iter()
                    .find(|special| special.names.contains(&name))?
                    .keysym
            }
        };
        Some(Self { keysym })
    }

    /// Its keysym in X11.
    pub(super) const fn keysym(self) -> u32 {
        self.keysym
    }

    /// Its name here: [`Key::parse`] understands it.
    pub(super) fn name(self) -> String {
        match self.special() {
            Some(special) => special
                .names
                .first()
                .copied()
                .unwrap_or_default()
                .to_owned(),
            None => self.plain("f"),
        }
    }

    /// Its name among X11's keysyms.
    pub(super) fn keysym_name(self) -> String {
        match self.special() {
            Some(special) => special.keysym_name.to_owned(),
            None => self.plain("F"),
        }
    }

    fn special(self) -> Option<&'static Special> {
        SPECIALS
            .iter()
            .find(|special| special.keysym == self.keysym)
    }

    /// The name of a letter, digit or function key.
    fn plain(self, function: &str) -> String {
        match char::from_u32(self.keysym) {
            Some(it) if it.is_ascii_alphanumeric() => it.to_string(),
            _ => format!("{function}{}", self.keysym.saturating_sub(F1) + 1),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_means_its_own_key() {
        for special in SPECIALS {
            for name in special.names {
                let key = Key::parse(name).unwrap();
                assert_eq!(key.keysym(), special.keysym, "{name}");
                assert_eq!(Key::parse(&key.name()), Some(key), "{name}");
            }
        }
        let mut keysyms: Vec<u32> = SPECIALS.iter().map(|special| special.keysym).collect();
        keysyms.sort_unstable();
        keysyms.dedup();
        assert_eq!(keysyms.len(), SPECIALS.len());
    }

    #[test]
    fn letters_digits_and_function_keys_have_the_keysyms_of_x11() {
        let known = [
            ("v", 0x76, "v"),
            ("0", 0x30, "0"),
            ("f", 0x66, "f"),
            ("f1", 0xffbe, "F1"),
            ("f12", 0xffc9, "F12"),
            ("f24", 0xffd5, "F24"),
        ];
        for (name, keysym, keysym_name) in known {
            let key = Key::parse(name).unwrap();
            assert_eq!(key.keysym(), keysym);
            assert_eq!(key.keysym_name(), keysym_name);
            assert_eq!(key.name(), name);
        }
    }

    #[test]
    fn what_is_no_key_is_none() {
        for name in [
            "",
            "f0",
            "f25",
            "f01",
            "f99999999999",
            "V",
            "vv",
            "é",
            "ctrl",
        ] {
            assert_eq!(Key::parse(name), None, "{name:?}");
        }
    }
}
