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
use x11rb::rust_connection::RustConnection;

use super::binding::Binding;
use super::choice::{Backend, Environment};
use super::watch::{Ended, Line, NotReady, Ready, Watch, start, told};
use grab::{Grab, GrabError};

/// The last display that can be meant: each has the port 6000 above its number, and a library that is used here adds
/// the two without a look at the sum.
const LAST_DISPLAY: u32 = u16::MAX as u32 - 6000;

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
        if number(display).is_some_and(|number| number > LAST_DISPLAY) {
            return Err(unreachable(format!("{display:?} is no display")));
        }
        let (server, _) = RustConnection::connect(Some(display))
            .map_err(|error| unreachable(error.to_string()))?;
        let socket = server
            .stream()
            .as_fd()
            .try_clone_to_owned()
            .and_then(Async::new)
            .map_err(|error| unreachable(error.to_string()))?;
        let grabbed = || {
            grab::prepare(&server)?;
            let grab = Grab::find(&server, binding)?;
            grab.take(&server)?;
            Ok(grab)
        };
        let grab = grabbed().map_err(|error| named(binding, error))?;
        Ok(Self {
            binding,
            server,
            socket,
            grab,
        })
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
                    Ok(Some(Event::XkbMapNotify(_) | Event::XkbNewKeyboardNotify(_))) => {
                        changed = true;
                    }
                    Ok(Some(_)) => {}
                    Ok(None) => break,
                    Err(_) => return Ended::DisplayGone,
                }
            }
            if changed {
                match self.grab_anew(line).await {
                    Ok(()) => {}
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

    /// Grabs the key where it is now. A keyboard often becomes another, as when a person types on a second one, without
    /// any change to the key: that does not end a press.
    async fn grab_anew(&mut self, line: &mut Line) -> Result<(), GrabError> {
        let found = match Grab::find(&self.server, self.binding) {
            Err(error @ GrabError::Lost(_)) => return Err(error),
            found => found,
        };
        if found.as_ref() != Ok(&self.grab) {
            // The release may come under another number now, and would not be known for one.
            line.up().await;
            self.grab.release(&self.server);
            self.grab = found?;
            self.grab.take(&self.server)?;
        }
        Ok(())
    }
}

/// The number in the name of a display, `host:number.screen`.
fn number(display: &str) -> Option<u32> {
    let (_, number) = display.rsplit_once(':')?;
    let digits = number.split('.').next()?;
    digits.parse().ok()
}

fn named(binding: Binding, error: GrabError) -> HotkeyError {
    match error {
        GrabError::Lost(why) | GrabError::Refused(why) => HotkeyError::Failed(told(&why)),
        GrabError::NoDetectableRepeat => HotkeyError::NoDetectableRepeat,
        GrabError::NoSuchKey => HotkeyError::NoSuchKey(binding.to_string()),
        GrabError::Taken => HotkeyError::Taken(binding.to_string()),
    }
}
