//! A key that is being watched, and the thread on which that happens.

use std::convert::Infallible;
use std::fmt;
use std::future::Future;
use std::pin::pin;
use std::thread;
use std::time::Duration;

use async_channel::{Receiver, Sender, bounded};
use async_io::Timer;
use futures_util::future::{Either, select};

use super::choice::Backend;
use super::hotkey::HotkeyError;

/// As many presses and releases wait for a slow reader; with more, who watches waits too.
const MAX_WAITING_EVENTS: usize = 16;

/// As much of what another process says as is told to a person, in characters.
const MAX_TOLD_CHARS: usize = 200;

/// What happens to the key.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event {
    /// It is held from now on. Never twice without [`Event::Up`] in between.
    Down,
    /// It is not held any more. Never without [`Event::Down`] before.
    Up,
    /// Nobody watches it any more: it does not count as held. Nothing follows.
    Ended(Ended),
}

/// Why a key is not watched any more.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Ended {
    /// The session's bus closed the connection.
    BusGone,
    /// The portal ended or was replaced.
    PortalGone,
    /// The desktop took the shortcut back.
    SessionClosed,
    /// The X server ended.
    DisplayGone,
    /// The keyboard changed, and the key cannot be watched on the new one.
    KeyboardChanged(HotkeyError),
}

/// A key that is being watched until this is dropped.
#[derive(Debug)]
pub struct Watch {
    backend: Backend,
    key: String,
    events: Receiver<Event>,
    /// Its closing ends the thread.
    _stop: Sender<Infallible>,
    /// Without a thread: keeps `events` open.
    _open: Option<Sender<Event>>,
}

impl Watch {
    /// Watches nothing: presses come over the daemon's socket.
    pub(super) fn nobody() -> Self {
        let (sender, events) = bounded(1);
        Self {
            backend: Backend::Command,
            key: Backend::Command.to_string(),
            events,
            _stop: bounded(1).0,
            _open: Some(sender),
        }
    }

    /// Who watches the key.
    #[must_use]
    pub const fn backend(&self) -> Backend {
        self.backend
    }

    /// What happens to the key, in its order. When this is closed without [`Event::Ended`], nobody watches any more
    /// either.
    #[must_use]
    pub const fn events(&self) -> &Receiver<Event> {
        &self.events
    }

    /// The key and who watches it, for people: a desktop may have given another key than it was asked for.
    #[must_use]
    pub fn key(&self) -> &str {
        &self.key
    }
}

impl fmt::Display for Ended {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::BusGone => f.write_str("the session's bus closed the connection"),
            Self::PortalGone => f.write_str("the desktop portal ended"),
            Self::SessionClosed => f.write_str("the desktop took the key back"),
            Self::DisplayGone => f.write_str("the X server ended"),
            Self::KeyboardChanged(error) => write!(f, "the keyboard changed: {error}"),
        }
    }
}

/// The end of the line at which a key is watched.
pub(super) struct Line {
    events: Sender<Event>,
    held: bool,
}

impl Line {
    /// The key went down; nothing happens if it was.
    pub(super) async fn down(&mut self) {
        if !self.held {
            self.held = true;
            self.say(Event::Down).await;
        }
    }

    /// The key went up; nothing happens if it was.
    pub(super) async fn up(&mut self) {
        if self.held {
            self.held = false;
            self.say(Event::Up).await;
        }
    }

    pub(super) async fn ended(self, why: Ended) {
        self.say(Event::Ended(why)).await;
    }

    async fn say(&self, event: Event) {
        // Nobody listens any more: the thread is about to be stopped.
        let _ = self.events.send(event).await;
    }
}

/// Where a thread says, once, whether it watches the key, and which key that is.
pub(super) struct Ready<E>(Sender<Result<String, E>>);

impl<E> Ready<E> {
    pub(super) async fn say(self, result: Result<String, E>) {
        // Nobody waits any more: the thread is about to be stopped.
        let _ = self.0.send(result).await;
    }
}

/// Why a thread did not come to watch the key.
pub(super) enum NotReady<E> {
    /// What the thread says.
    Said(E),
    /// The thread cannot be started, or ended without a word.
    Thread,
    /// It said nothing in time.
    Late,
}

/// Runs `work` on a thread of its own until the key is watched, for as long as the result lives, and not a moment
/// longer than `patience` until then.
pub(super) async fn start<E, W, F>(
    backend: Backend,
    patience: Duration,
    work: W,
) -> Result<Watch, NotReady<E>>
where
    E: Send + 'static,
    W: FnOnce(Ready<E>, Line) -> F + Send + 'static,
    F: Future<Output = ()>,
{
    let (say, ready) = bounded(1);
    let (stop, stopped) = bounded::<Infallible>(1);
    let (sender, events) = bounded(MAX_WAITING_EVENTS);
    let line = Line {
        events: sender,
        held: false,
    };
    thread::Builder::new()
        .name("dialtone-ptt".to_owned())
        .spawn(move || {
            let work = work(Ready(say), line);
            async_io::block_on(select(pin!(work), pin!(stopped.recv())));
        })
        .map_err(|_| NotReady::Thread)?;
    match within(patience, ready.recv()).await {
        Some(Ok(Ok(key))) => Ok(Watch {
            backend,
            key: format!("{key} ({backend})"),
            events,
            _stop: stop,
            _open: None,
        }),
        Some(Ok(Err(error))) => Err(NotReady::Said(error)),
        Some(Err(_)) => Err(NotReady::Thread),
        None => Err(NotReady::Late),
    }
}

/// What comes of `work`, unless it takes too long.
pub(super) async fn within<T>(patience: Duration, work: impl Future<Output = T>) -> Option<T> {
    match select(pin!(work), Timer::after(patience)).await {
        Either::Left((result, _)) => Some(result),
        Either::Right(_) => None,
    }
}

/// Makes what another process says fit to be told: short, and without what a terminal would obey.
pub(super) fn told(text: &str) -> String {
    text.chars()
        .map(|it| if it.is_control() { ' ' } else { it })
        .take(MAX_TOLD_CHARS)
        .collect()
}
