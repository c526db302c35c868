//! A key grabbed from the X server: it sees the key whatever window has the focus, and no window sees it.
//!
//! A grab is for one state of the modifiers, so there is one for each state of the locks (CapsLock, NumLock,
//! ScrollLock), which are not to matter. The server is told to send releases only when a key is really released
//! (XKB's detectable auto-repeat): without that, a held key is released and pressed anew many times a second.

mod grab;
mod keyboard;

use std::fmt;
use std::os::fd::AsFd;

use async_io::Async;
use x11rb::connection::Connection;
use x11rb::protocol::Event;
use x11rb::protocol::xproto::Mapping;
use x11rb::rust_connection::RustConnection;

use super::binding::Binding;
use super::choice::{Backend, Environment};
use super::watch::{Ended, Line, NotReady, Ready, Watch, start, told};
use grab::{Grab, GrabError};

/// Why the X server does not let a key be watched.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum HotkeyError {
    /// No X server is known: `DISPLAY` is not set.
    NoDisplay,
    /// The X server cannot be reached.
    Unreachable(String),
    /// The keyboard has no such key, or lacks one of the modifiers.
    NoSuchKey(String),
    /// Another program has grabbed the key.
    Taken(String),
    /// The X server does not tell a key that is held from one that is pressed again and again.
    NoDetectableRepeat,
    /// The X server refused a request or ended.
    Failed(String),
    /// The X server said nothing in time.
    Unanswered,
    /// There is no thread to watch it.
    Thread,
}

impl fmt::Display for HotkeyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoDisplay => f.write_str("there is no X server (DISPLAY is not set)"),
            Self::Unreachable(why) => write!(f, "the X server cannot be reached: {why}"),
            Self::NoSuchKey(key) => write!(f, "the keyboard cannot make {key}"),
            Self::Taken(key) => write!(f, "another program has taken {key}"),
            Self::NoDetectableRepeat => {
                f.write_str("the X server does not tell a held key from a repeated one")
            }
            Self::Failed(why) => write!(f, "the X server failed: {why}"),
            Self::Unanswered => f.write_str("the X server does not answer"),
            Self::Thread => f.write_str("there is no thread to watch the key"),
        }
    }
}

impl std::error::Error for HotkeyError {}

/// Watches a key by way of the X server.
pub(super) async fn watch(
    binding: Binding,
    environment: &Environment,
) -> Result<Watch, HotkeyError> {
    let display = environment.display.clone().ok_or(HotkeyError::NoDisplay)?;
    let patience = environment.patience.hotkey;
    let work = move |ready, line| run(binding, display, ready, line);
    start(Backend::Hotkey, patience, work)
        .await
        .map_err(|error| match error {
            NotReady::Said(error) => error,
            NotReady::Thread => HotkeyError::Thread,
            NotReady::Late => HotkeyError::Unanswered,
        })
}

async fn run(binding: Binding, display: String, ready: Ready<HotkeyError>, mut line: Line) {
    match Hotkey::grab(binding, &display) {
        Ok(hotkey) => {
            ready.say(Ok(binding.to_string())).await;
            let why = hotkey.follow(&mut line).await;
            line.ended(why).await;
        }
        Err(error) => ready.say(Err(error)).await,
    }
}

/// A grabbed key. The end of the connection gives it back.
struct Hotkey {
    binding: Binding,
    server: RustConnection,
    /// Only tells when there is something to read.
    socket: Async<std::os::fd::OwnedFd>,
    grab: Grab,
}

impl Hotkey {
    fn grab(binding: Binding, display: &str) -> Result<Self, HotkeyError> {
        let unreachable = |why: String| HotkeyError::Unreachable(told(&why));
        let (server, _) = RustConnection::connect(Some(display))
            .map_err(|error| unreachable(error.to_string()))?;
        let socket = server
            .stream()
            .as_fd()
            .try_clone_to_owned()
            .and_then(Async::new)
            .map_err(|error| unreachable(error.to_string()))?;
        grab::make_repeat_detectable(&server)
            .and_then(|()| Grab::take(&server, binding))
            .map(|grab| Self {
                binding,
                server,
                socket,
                grab,
            })
            .map_err(|error| named(binding, error))
    }

    /// Tells what happens to the key until nobody watches it any more.
    async fn follow(mut self, line: &mut Line) -> Ended {
        loop {
            let mut changed = false;
            loop {
                match self.server.poll_for_event() {
                    Ok(Some(Event::KeyPress(key))) if self.grab.holds(key.detail) => {
                        line.down().await;
                    }
                    Ok(Some(Event::KeyRelease(key))) if self.grab.holds(key.detail) => {
                        line.up().await;
                    }
                    Ok(Some(Event::MappingNotify(what))) => {
                        changed |= what.request != Mapping::POINTER;
                    }
                    Ok(Some(_)) => {}
                    Ok(None) => break,
                    Err(_) => return Ended::DisplayGone,
                }
            }
            if changed {
                // The release may come under another number now, and would not be known for one.
                line.up().await;
                self.grab.release(&self.server);
                match Grab::take(&self.server, self.binding) {
                    Ok(grab) => self.grab = grab,
                    Err(GrabError::Lost(_)) => return Ended::DisplayGone,
                    Err(error) => return Ended::KeyboardChanged(named(self.binding, error)),
                }
                // Events may have come with the answers, and wait where the socket does not tell of them.
                continue;
            }
            if self.socket.readable().await.is_err() {
                return Ended::DisplayGone;
            }
        }
    }
}

fn named(binding: Binding, error: GrabError) -> HotkeyError {
    match error {
        GrabError::Lost(why) | GrabError::Refused(why) => HotkeyError::Failed(told(&why)),
        GrabError::NoDetectableRepeat => HotkeyError::NoDetectableRepeat,
        GrabError::NoSuchKey => HotkeyError::NoSuchKey(binding.to_string()),
        GrabError::Taken => HotkeyError::Taken(binding.to_string()),
    }
}
