//! The keys of the terminal as a source of events, and what the terminal is asked to tell of them.

use std::io::{self, Write as _};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crossterm::event::{
    EnableFocusChange, KeyboardEnhancementFlags, PushKeyboardEnhancementFlags, poll, read,
};
use crossterm::{execute, terminal};
use dialtone_protocol::voice::ipc::Gate;
use tuirealm::event::Event;
use tuirealm::listener::{Poll, PortError, PortResult};

use super::components::UserEvent;
use super::talk_key::{Pressed, TalkKey, TalkKeyError, Watch};
use super::text::sanitize_line;
use crate::voice::{PttBackend, VoiceOptions};

/// What takes back that keys are told of in full, and that it is told when the terminal is left.
const AS_BEFORE: &[u8] = b"\x1b[<1u\x1b[?1004l";

/// Whether the terminal was asked for more than it tells by itself.
static ASKED: AtomicBool = AtomicBool::new(false);

/// The keys of the terminal.
#[derive(Debug)]
pub(super) struct Keys {
    patience: Duration,
    watch: Watch,
}

impl Keys {
    /// Waits at most this long for the next event.
    pub(super) const fn new(patience: Duration, key: Option<TalkKey>) -> Self {
        let watch = Watch::new(key);
        Self { patience, watch }
    }
}

impl Poll<UserEvent> for Keys {
    fn poll(&mut self) -> PortResult<Option<Event<UserEvent>>> {
        if !poll(self.patience).map_err(broken)? {
            return Ok(None);
        }
        Ok(Some(match self.watch.take(read().map_err(broken)?) {
            Pressed::Talk(held) => Event::User(UserEvent::Talk(held)),
            Pressed::Other(event) => event.into(),
            Pressed::Nothing => Event::None,
        }))
    }
}

/// What this terminal has to do with the key to talk.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Talking {
    /// The key that this terminal watches.
    pub(super) key: Option<TalkKey>,
    /// Its name, for people.
    name: String,
    /// Whether nobody else watches one.
    alone: bool,
}

impl Talking {
    /// Finds out whether the terminal watches the key to talk. `tells` asks it whether it says when a key is let go
    /// of; it is asked only if that matters, since it takes a while where nobody answers.
    ///
    /// # Errors
    ///
    /// When the user wants the terminal to watch a key that it cannot watch.
    pub(super) fn settle(
        options: &VoiceOptions,
        tells: impl FnOnce() -> bool,
    ) -> Result<Self, TalkKeyError> {
        let alone = match options.ptt_backend {
            Some(PttBackend::Terminal) => true,
            Some(PttBackend::Auto) | None => false,
            Some(_) => return Ok(Self::default()),
        };
        let name = options.ptt.as_deref().unwrap_or_default().trim();
        if name.is_empty() {
            return Ok(Self::default());
        }
        let key = match TalkKey::parse(name) {
            Ok(key) => key,
            Err(error) if alone => return Err(error),
            // The desktop may be able to.
            Err(_) => return Ok(Self::default()),
        };
        Ok(Self {
            key: tells().then_some(key),
            name: sanitize_line(name),
            alone,
        })
    }

    /// How it is decided when to send, when what the daemon does not know of this terminal is added.
    pub(super) fn amend(&self, gate: Gate) -> Gate {
        let key = self.name.clone();
        match (gate, self.key, self.alone) {
            (Gate::Ptt { .. }, Some(_), true) | (Gate::PttFailed { .. }, Some(_), _) => Gate::Ptt { key },
            (Gate::Ptt { .. }, None, true) => Gate::PttFailed {
                why: "this terminal does not say when a key is let go of, so nothing is sent: use one that speaks the \
                      kitty keyboard protocol (kitty, foot, ghostty, wezterm), or bind `dialtone ptt toggle` to a key \
                      of the desktop"
                    .to_owned(),
            },
            (gate, ..) => gate,
        }
    }
}

/// Whether the terminal says when a key is let go of. Blocks until it answers, or does not.
pub(super) fn tells_of_releases() -> bool {
    terminal::supports_keyboard_enhancement().unwrap_or(false)
}

/// Asks the terminal to say when a key is let go of, and when it is left.
///
/// # Errors
///
/// When the terminal cannot be written to.
pub(super) fn ask_for_releases() -> io::Result<()> {
    ASKED.store(true, Ordering::Relaxed);
    let flags = KeyboardEnhancementFlags::DISAMBIGUATE_ESCAPE_CODES
        | KeyboardEnhancementFlags::REPORT_EVENT_TYPES;
    execute!(
        io::stdout(),
        PushKeyboardEnhancementFlags(flags),
        EnableFocusChange
    )
}

/// Takes back what was asked, once, while the screen is still the one on which it was asked.
pub(super) fn ask_no_more() {
    if ASKED.swap(false, Ordering::Relaxed) {
        let mut out = io::stdout();
        // A terminal that is gone needs nothing.
        let _ = out.write_all(AS_BEFORE).and_then(|()| out.flush());
    }
}

fn broken(error: io::Error) -> PortError {
    match error.kind() {
        io::ErrorKind::Interrupted | io::ErrorKind::TimedOut => {
            PortError::IntermittentError(error.to_string())
        }
        _ => PortError::PermanentError(error.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(key: Option<&str>, backend: Option<PttBackend>) -> VoiceOptions {
        VoiceOptions {
            ptt: key.map(str::to_owned),
            ptt_backend: backend,
            ..VoiceOptions::default()
        }
    }

    fn settled(backend: Option<PttBackend>, tells: bool) -> Talking {
        Talking::settle(&options(Some("ctrl+v"), backend), || tells).expect("settled")
    }

    fn watched(key: &str) -> Gate {
        let key = key.to_owned();
        Gate::Ptt { key }
    }

    fn failed() -> Gate {
        let why = "no desktop".to_owned();
        Gate::PttFailed { why }
    }

    #[test]
    fn a_terminal_that_can_watches_the_key() {
        for backend in [None, Some(PttBackend::Auto), Some(PttBackend::Terminal)] {
            let talking = settled(backend, true);
            assert_eq!(talking.key, TalkKey::parse("ctrl+v").ok());
            // Nobody else does, but that is no reason to give up.
            assert_eq!(talking.amend(failed()), watched("ctrl+v"));
            assert_eq!(talking.amend(Gate::Voice), Gate::Voice);
        }
        let alone = settled(Some(PttBackend::Terminal), true);
        assert_eq!(alone.amend(watched("dialtone ptt")), watched("ctrl+v"));
        let desktop = watched("ctrl+v (desktop portal)");
        assert_eq!(settled(None, true).amend(desktop.clone()), desktop);
    }

    #[test]
    fn one_that_cannot_says_so_if_nobody_else_can() {
        let alone = settled(Some(PttBackend::Terminal), false);
        assert_eq!(alone.key, None);
        let gate = alone.amend(watched("dialtone ptt"));
        assert!(matches!(gate, Gate::PttFailed { .. }));
        let other = settled(None, false);
        assert_eq!(other.key, None);
        assert_eq!(other.amend(failed()), failed());
        assert_eq!(other.amend(watched("x")), watched("x"));
    }

    #[test]
    fn nobody_is_asked_for_what_does_not_matter() {
        let asked = |options: &VoiceOptions| {
            let mut asked = false;
            let talking = Talking::settle(options, || {
                asked = true;
                true
            });
            (talking, asked)
        };
        let nothing = (Ok(Talking::default()), false);
        let terminal = Some(PttBackend::Terminal);
        assert_eq!(asked(&options(None, terminal)), nothing);
        let command = Some(PttBackend::Command);
        assert_eq!(asked(&options(Some("ctrl+v"), command)), nothing);
        // A desktop may watch what a terminal cannot.
        assert_eq!(asked(&options(Some("caps"), None)), nothing);
        let (refused, was_asked) = asked(&options(Some("v"), terminal));
        assert!(refused.is_err() && !was_asked);
    }
}
