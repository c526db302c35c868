//! Push-to-talk: a key that is watched whatever window has the focus.
//!
//! [`start`] has a [`Binding`] watched by one of the [`Backend`]s that a [`Choice`] allows: by the desktop's portal for
//! shortcuts, or by a key grabbed from the X server. Each has a thread of its own, and so none of them cares which
//! runtime the program has. What comes of it is a [`Watch`], whose [`Event`]s say when the key is held.
//!
//! # A microphone is never opened by a failure
//!
//! Who wants push-to-talk wants to be heard only while a key is held. So whoever uses this sends nothing
//!
//! - until [`start`] has come to an end, which can take as long as a person takes to answer the desktop's question;
//! - when [`start`] fails;
//! - from [`Event::Ended`] on: the key counts as released with it;
//! - when [`Watch::events`] is closed without [`Event::Ended`], which a thread that broke down leaves behind.
//!
//! ```
//! use dialtone_voice::ptt::{Binding, Choice, Environment, HotkeyError, StartError, start};
//!
//! let binding: Binding = "ctrl+shift+space".parse()?;
//! let nothing_there = Environment::default();
//! let error = async_io::block_on(start(binding, Choice::Hotkey, &nothing_there)).unwrap_err();
//! assert_eq!(error, StartError::Hotkey(HotkeyError::NoDisplay));
//! # Ok::<(), dialtone_voice::ptt::BindingError>(())
//! ```

mod binding;
mod choice;
mod hotkey;
mod key;
mod portal;
mod watch;

use std::fmt;

pub use binding::{Binding, BindingError};
pub use choice::{Backend, Choice, Environment, Patience};
pub use hotkey::HotkeyError;
pub use portal::{PortalError, Step};
pub use watch::{Ended, Event, Watch};

/// Why nobody watches the key.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum StartError {
    /// The portal does not, and nobody else was asked.
    Portal(PortalError),
    /// The X server does not, and nobody else was asked.
    Hotkey(HotkeyError),
    /// Neither of the two does.
    Both {
        /// Why the portal does not.
        portal: PortalError,
        /// Why the X server does not.
        hotkey: HotkeyError,
    },
    /// The portal does not, and an X11 hotkey is rarely seen under Wayland.
    Wayland(PortalError),
}

/// Has a key watched by the first of the allowed ways that works. A person who says no to the portal is not passed over:
/// no other way is tried then.
///
/// # Errors
///
/// When no way works.
pub async fn start(
    binding: Binding,
    choice: Choice,
    environment: &Environment,
) -> Result<Watch, StartError> {
    let mut failed = None;
    for backend in choice.backends(environment) {
        failed = match backend {
            Backend::Command => return Ok(Watch::nobody()),
            Backend::Portal => match portal::watch(binding, environment).await {
                Ok(watch) => return Ok(watch),
                Err(PortalError::Refused) => {
                    return Err(StartError::Portal(PortalError::Refused));
                }
                Err(error) => Some(error),
            },
            Backend::Hotkey => match hotkey::watch(binding, environment).await {
                Ok(watch) => return Ok(watch),
                Err(hotkey) => {
                    return Err(match failed {
                        Some(portal) => StartError::Both { portal, hotkey },
                        None => StartError::Hotkey(hotkey),
                    });
                }
            },
        };
    }
    let portal = failed.unwrap_or(PortalError::Missing);
    Err(match choice {
        Choice::Auto => StartError::Wayland(portal),
        _ => StartError::Portal(portal),
    })
}

impl fmt::Display for StartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Portal(error) => error.fmt(f),
            Self::Hotkey(error) => error.fmt(f),
            Self::Both { portal, hotkey } => write!(f, "{portal}, and {hotkey}"),
            Self::Wayland(error) => write!(
                f,
                "{error}, and an X11 hotkey is rarely seen under Wayland \
                 (DIALTONE_PTT_WAYLAND_HOTKEY_FALLBACK=1 tries it)"
            ),
        }
    }
}

impl std::error::Error for StartError {}
