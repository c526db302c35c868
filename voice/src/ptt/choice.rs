//! Who is asked to watch the key: a choice of settings and surroundings alone.

use std::fmt;
use std::time::Duration;

use clap::ValueEnum;

/// How long the desktop may take to begin a session, which may mean that its portal has to be started first.
const SESSION_PATIENCE: Duration = Duration::from_secs(45);

/// How long the desktop may take to bind the key: it may ask a person.
const BIND_PATIENCE: Duration = Duration::from_secs(45);

/// How long the X server may take until the key is watched. It asks nobody.
const HOTKEY_PATIENCE: Duration = Duration::from_secs(10);

/// Which way the settings want the key to be watched.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
#[non_exhaustive]
pub enum Choice {
    /// The first way that works
    #[default]
    Auto,
    /// The desktop's portal and nothing else
    Portal,
    /// An X11 hotkey and nothing else
    Hotkey,
    /// `dialtone ptt down|up|toggle`, which the desktop can bind to a key
    Command,
}

/// A way to watch a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Backend {
    /// The desktop's portal for global shortcuts.
    Portal,
    /// A key grabbed from the X server.
    Hotkey,
    /// Presses come over the daemon's socket.
    Command,
}

/// What the surroundings of the process say.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Environment {
    /// The session's desktop is a Wayland compositor, under which an X11 hotkey is rarely seen.
    pub wayland: bool,
    /// A hotkey may be tried under Wayland all the same.
    pub hotkey_under_wayland: bool,
    /// The window for which the portal asks, as the portal wants it named; empty if it is not known.
    pub parent_window: String,
    /// The address of the session's bus; `None` for the usual one.
    pub bus: Option<String>,
    /// The X server.
    pub display: Option<String>,
    /// How long the other sides may take.
    pub patience: Patience,
}

/// How long the other sides may take to answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Patience {
    /// The portal, to begin a session: 45 s.
    pub session: Duration,
    /// The portal, to bind the key: 45 s, for it may ask a person.
    pub bind: Duration,
    /// The X server, to let the key be watched: 10 s.
    pub hotkey: Duration,
}

impl Choice {
    /// The ways to try, in their order.
    #[must_use]
    pub const fn backends(self, environment: &Environment) -> &'static [Backend] {
        match self {
            Self::Auto if environment.wayland && !environment.hotkey_under_wayland => {
                &[Backend::Portal]
            }
            Self::Auto => &[Backend::Portal, Backend::Hotkey],
            Self::Portal => &[Backend::Portal],
            Self::Hotkey => &[Backend::Hotkey],
            Self::Command => &[Backend::Command],
        }
    }
}

impl fmt::Display for Backend {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Portal => "desktop portal",
            Self::Hotkey => "X11 hotkey",
            Self::Command => "dialtone ptt",
        })
    }
}

impl Environment {
    /// Reads the surroundings of this process.
    #[must_use]
    pub fn of_process() -> Self {
        Self::read(|name| std::env::var(name).ok())
    }

    /// Reads surroundings in which `variable` looks up what stands in a variable.
    #[must_use]
    pub fn read(variable: impl Fn(&str) -> Option<String>) -> Self {
        let set = |name: &str| variable(name).filter(|value| !value.is_empty());
        let is = |name: &str, words: &[&str]| {
            set(name).is_some_and(|value| {
                let value = value.trim();
                words.iter().any(|word| value.eq_ignore_ascii_case(word))
            })
        };
        let windows = [
            "DIALTONE_PORTAL_PARENT_WINDOW",
            "WINDOWID",
            "ALACRITTY_WINDOW_ID",
        ];
        Self {
            wayland: set("WAYLAND_DISPLAY").is_some() || is("XDG_SESSION_TYPE", &["wayland"]),
            hotkey_under_wayland: is(
                "DIALTONE_PTT_WAYLAND_HOTKEY_FALLBACK",
                &["1", "true", "yes", "on"],
            ),
            parent_window: windows
                .into_iter()
                .find_map(|name| window(&set(name)?))
                .unwrap_or_default(),
            bus: set("DBUS_SESSION_BUS_ADDRESS"),
            display: set("DISPLAY"),
            patience: Patience::default(),
        }
    }
}

impl Default for Patience {
    fn default() -> Self {
        Self {
            session: SESSION_PATIENCE,
            bind: BIND_PATIENCE,
            hotkey: HOTKEY_PATIENCE,
        }
    }
}

/// How the portal wants a window named: with the kind of its handle, and X11's numbers in base 16.
fn window(text: &str) -> Option<String> {
    let text = text.trim();
    if text.starts_with("x11:") || text.starts_with("wayland:") {
        return Some(text.to_owned());
    }
    let number = match text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")) {
        Some(digits) => u64::from_str_radix(digits, 16).ok()?,
        None => text.parse().ok()?,
    };
    // No window has the number nought: terminals say it when they do not know.
    (number != 0).then(|| format!("x11:{number:#x}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn surroundings(variables: &[(&str, &str)]) -> Environment {
        Environment::read(|name| {
            let found = variables.iter().find(|(known, _)| *known == name);
            found.map(|(_, value)| (*value).to_owned())
        })
    }

    #[test]
    fn a_hotkey_follows_the_portal_except_under_wayland() {
        let tried = |variables: &[_]| Choice::Auto.backends(&surroundings(variables));
        let both = [Backend::Portal, Backend::Hotkey];
        let wayland = ("WAYLAND_DISPLAY", "wayland-0");
        let allowed = ("DIALTONE_PTT_WAYLAND_HOTKEY_FALLBACK", "yes");
        assert_eq!(tried(&[]), both);
        assert_eq!(tried(&[("XDG_SESSION_TYPE", "x11")]), both);
        assert_eq!(tried(&[("WAYLAND_DISPLAY", "")]), both);
        assert_eq!(tried(&[wayland]), [Backend::Portal]);
        assert_eq!(tried(&[("XDG_SESSION_TYPE", "Wayland")]), [Backend::Portal]);
        assert_eq!(tried(&[wayland, allowed]), both);
    }

    #[test]
    fn what_is_chosen_by_name_is_tried_alone() {
        let wayland = surroundings(&[("WAYLAND_DISPLAY", "wayland-0")]);
        for environment in [Environment::default(), wayland] {
            assert_eq!(Choice::Portal.backends(&environment), [Backend::Portal]);
            assert_eq!(Choice::Hotkey.backends(&environment), [Backend::Hotkey]);
            assert_eq!(Choice::Command.backends(&environment), [Backend::Command]);
        }
    }

    #[test]
    fn the_fallback_is_allowed_by_four_words_alone() {
        let allowed = |word| {
            surroundings(&[("DIALTONE_PTT_WAYLAND_HOTKEY_FALLBACK", word)]).hotkey_under_wayland
        };
        for word in ["1", "true", "yes", "on", "TRUE", " on "] {
            assert!(allowed(word), "{word:?}");
        }
        for word in ["", "0", "false", "no", "off", "2", "yes please"] {
            assert!(!allowed(word), "{word:?}");
        }
    }

    #[test]
    fn the_window_is_named_as_the_portal_wants_it() {
        let cases: [(&[(&str, &str)], &str); 8] = [
            (&[], ""),
            (&[("WINDOWID", "44040207")], "x11:0x2a0000f"),
            (&[("WINDOWID", "0x2a0000f")], "x11:0x2a0000f"),
            (&[("WINDOWID", "0")], ""),
            (
                &[("WINDOWID", "none"), ("ALACRITTY_WINDOW_ID", "31")],
                "x11:0x1f",
            ),
            (
                &[("WINDOWID", "32"), ("ALACRITTY_WINDOW_ID", "31")],
                "x11:0x20",
            ),
            (
                &[
                    ("DIALTONE_PORTAL_PARENT_WINDOW", "wayland:abc"),
                    ("WINDOWID", "32"),
                ],
                "wayland:abc",
            ),
            (
                &[("DIALTONE_PORTAL_PARENT_WINDOW", "16"), ("WINDOWID", "32")],
                "x11:0x10",
            ),
        ];
        for (variables, expected) in cases {
            assert_eq!(
                surroundings(variables).parent_window,
                expected,
                "{variables:?}"
            );
        }
    }
}
