//! What can be wrong with a relay, in words for whoever uses or runs it.

use core::fmt;

/// Why a relay gives no address.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Trouble {
    /// The name or the password is wrong.
    Login,
    /// The server refuses, with this code (RFC 8656, section 19).
    Refused(u16),
    /// It does not answer.
    Silent,
    /// There is no stream to it, or none that holds.
    Stream(String),
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Login => f.write_str(
                "it refuses the name or the password: correct --voice-turn-user and --voice-turn-pass if you set them, \
                 or let the server's host look at TURN_SECRET, or TURN_USER and TURN_PASS",
            ),
            Self::Refused(code) => write!(
                f,
                "it refuses this device with code {code}: let the relay's host look at its log"
            ),
            Self::Silent => f.write_str("it does not answer"),
            Self::Stream(why) => write!(f, "there is no connection to it ({why})"),
        }
    }
}
