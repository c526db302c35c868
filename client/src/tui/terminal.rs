//! The thread of the screen: it owns the terminal, turns events into updates of the model, and draws.

use std::io::{self, Write as _};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_channel::{Receiver, Sender, TryRecvError};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use signal_hook::consts::{SIGHUP, SIGTERM};
use signal_hook::flag;
use tuirealm::event::Event;
use tuirealm::listener::{EventListenerCfg, Poll, PortError, PortResult};
use tuirealm::terminal::{CrosstermTerminalAdapter, TerminalAdapter, TerminalError};

use super::components::UserEvent;
use super::input::{Keys, ask_for_releases, ask_no_more};
use super::model::Model;
use super::msg::{Effect, Msg};
use super::port::{Request, Update};
use super::stage::Stage;
use super::talk_key::TalkKey;
use super::text::Clock;
use super::theme::Theme;
use super::welcome::Welcome;

/// How often keys and news are looked for. A tenth of what a hand notices, and few wake-ups for an idle program.
const LOOK_EVERY: Duration = Duration::from_millis(15);

/// Events taken at one look: a paste into a terminal that does not mark pastes comes as many keys.
const AT_ONE_LOOK: usize = 256;

/// How long the loop waits for an event before it looks whether it has to end.
const PATIENCE: Duration = Duration::from_millis(250);

/// What turns marked pastes off again. Leaving the screen does not.
const PASTE_OFF: &[u8] = b"\x1b[?2004l";

/// Why the screen ended before its time.
#[derive(Debug)]
pub(super) enum ScreenError {
    /// A part of the program panicked.
    Panicked,
    /// The terminal refused something or went away, or the account ended.
    Terminal(String),
}

impl std::fmt::Display for ScreenError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Panicked => f.write_str("a part of the program failed; the screen was closed"),
            Self::Terminal(reason) => write!(f, "the screen ended: {reason}"),
        }
    }
}

impl std::error::Error for ScreenError {}

/// Shows the screens until the user leaves. Blocks its thread.
pub(super) fn run(
    welcome: Welcome,
    talk: Option<TalkKey>,
    requests: Sender<Request>,
    updates: Receiver<Update>,
) -> Result<(), ScreenError> {
    let stop = watch_signals()?;
    let panicked = watch_panics();
    let mut terminal = Terminal::open(talk.is_some())?;
    let listener = EventListenerCfg::default()
        .add_port(
            Box::new(Keys::new(LOOK_EVERY / 2, talk)),
            LOOK_EVERY,
            AT_ONE_LOOK,
        )
        .add_port(Box::new(News(updates)), LOOK_EVERY, AT_ONE_LOOK)
        .tick_interval(Duration::from_secs(1));
    let mut stage = Stage::new(listener, Theme::from_env()).map_err(refused)?;
    let (columns, rows) = terminal.size()?;
    let mut model = Model::new(welcome, columns, rows, Clock::system());
    let mut is_changed = true;
    stage.focus(&model).map_err(refused)?;
    while !stop.load(Ordering::Relaxed) {
        if panicked.load(Ordering::Relaxed) {
            return Err(ScreenError::Panicked);
        }
        if std::mem::take(&mut is_changed) {
            terminal.draw(&mut stage, &mut model)?;
        }
        let mut wait = PATIENCE;
        // What has come already is taken in before the screen is drawn again.
        for _ in 0..AT_ONE_LOOK {
            let msgs = stage.next(wait).map_err(refused)?;
            if msgs.is_empty() {
                break;
            }
            wait = Duration::ZERO;
            is_changed = true;
            for msg in msgs {
                for effect in model.update(msg) {
                    match effect {
                        // An account that has ended hears nothing more.
                        Effect::Ask(request) => drop(requests.try_send(request)),
                        Effect::Copy(text) => Terminal::copy(&text)?,
                        Effect::Exit => return Ok(()),
                    }
                }
            }
            stage.focus(&model).map_err(refused)?;
        }
    }
    Ok(())
}

/// The terminal while the screens are shown. However it ends, the terminal is as it was before.
struct Terminal {
    adapter: CrosstermTerminalAdapter,
}

impl Terminal {
    /// Takes the terminal. `watches` asks it to say when a key is let go of.
    fn open(watches: bool) -> Result<Self, ScreenError> {
        let mut terminal = Self {
            adapter: CrosstermTerminalAdapter::new().map_err(refused)?,
        };
        let adapter = &mut terminal.adapter;
        adapter.enable_raw_mode().map_err(refused)?;
        adapter.enter_alternate_screen().map_err(refused)?;
        adapter.enable_bracketed_paste().map_err(refused)?;
        if watches {
            ask_for_releases().map_err(refused)?;
        }
        Ok(terminal)
    }

    fn size(&self) -> Result<(u16, u16), ScreenError> {
        let size = self.adapter.raw().size().map_err(refused)?;
        Ok((size.width, size.height))
    }

    fn draw(&mut self, stage: &mut Stage, model: &mut Model) -> Result<(), ScreenError> {
        // The terminal may have changed before its event was read.
        let (columns, rows) = self.size()?;
        if (columns, rows) != model.size() {
            model.update(Msg::Resize(columns, rows));
        }
        self.adapter
            .draw(|frame| stage.draw(model, frame))
            .map(drop)
            .map_err(|error: TerminalError| refused(error))
    }

    /// Asks the terminal to put a text on the clipboard (OSC 52).
    fn copy(text: &str) -> Result<(), ScreenError> {
        let mut out = io::stdout().lock();
        write!(out, "\x1b]52;c;{}\x07", STANDARD.encode(text))
            .and_then(|()| out.flush())
            .map_err(refused)
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        ask_no_more();
        // The adapter restores the rest. A terminal that is gone needs nothing.
        let _ = io::stdout().write_all(PASTE_OFF);
    }
}

/// News of the account as a source of events.
struct News(Receiver<Update>);

impl Poll<UserEvent> for News {
    fn poll(&mut self) -> PortResult<Option<Event<UserEvent>>> {
        match self.0.try_recv() {
            Ok(update) => Ok(Some(Event::User(UserEvent::Account(update)))),
            Err(TryRecvError::Empty) => Ok(None),
            Err(TryRecvError::Closed) => Err(PortError::PermanentError(
                "the account has ended".to_owned(),
            )),
        }
    }
}

/// Tells when the system wants the program to end.
fn watch_signals() -> Result<Arc<AtomicBool>, ScreenError> {
    let stop = Arc::new(AtomicBool::new(false));
    for signal in [SIGHUP, SIGTERM] {
        flag::register(signal, Arc::clone(&stop)).map_err(refused)?;
    }
    Ok(stop)
}

/// Tells when another thread panicked: its message would be drawn over, and the account may be gone.
fn watch_panics() -> Arc<AtomicBool> {
    let panicked = Arc::new(AtomicBool::new(false));
    let (seen, next) = (Arc::clone(&panicked), std::panic::take_hook());
    std::panic::set_hook(Box::new(move |info| {
        seen.store(true, Ordering::Relaxed);
        ask_no_more();
        let _ = io::stdout().write_all(PASTE_OFF);
        next(info);
    }));
    panicked
}

fn refused(error: impl ToString) -> ScreenError {
    ScreenError::Terminal(error.to_string())
}
