//! What goes into the session and what comes out of it.

use alloc::vec::Vec;
use core::fmt;

use crate::client::Change;
use crate::ids::{ServerId, StoreId};
use crate::time::Instant;
use crate::wire::sensitive::Sensitive;

/// Where the session stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum State {
    /// No connection is wanted.
    Offline,
    /// The last attempt failed; the next one comes at this time.
    Waiting {
        /// When.
        until: Instant,
    },
    /// The device proves itself to the server.
    Authenticating,
    /// The socket is being opened.
    OpeningSocket,
    /// The hello is said.
    AwaitWelcome,
    /// Connected.
    Online,
    /// The server will not have it. Only [`Session::connect`](super::Session::connect) tries again.
    Stopped(Stop),
}

/// Why the session stopped for good.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Stop {
    /// The server does not know this device, or shut it out.
    Refused,
    /// The server speaks this version of the protocol only: a newer program is needed.
    NeedsNewer {
        /// The server's version.
        protocol: u32,
    },
}

impl fmt::Display for Stop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused => f.write_str("the server refuses this device"),
            Self::NeedsNewer { protocol } => write!(
                f,
                "the server speaks version {protocol} of the protocol: it needs a newer version"
            ),
        }
    }
}

/// Names an attempt to connect: an answer to an older one is nobody's.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Attempt(pub u64);

/// Why a call of a login brought nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum CallFailure {
    /// The server answered 401 or 403.
    Refused,
    /// No answer, or none that makes sense.
    Unavailable,
}

/// What happened outside.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Input {
    /// The answer to [`Transmit::AskChallenge`].
    Challenge {
        /// Which attempt it answers.
        attempt: Attempt,
        /// The challenge.
        result: Result<[u8; 32], CallFailure>,
    },
    /// The answer to [`Transmit::LogIn`].
    LoggedIn {
        /// Which attempt it answers.
        attempt: Attempt,
        /// The bearer token.
        result: Result<Sensitive, CallFailure>,
    },
    /// The socket is open.
    SocketOpened,
    /// The socket ended, or could not be opened.
    SocketClosed {
        /// The status with which the server refused to open it.
        status: Option<u16>,
    },
    /// The server said welcome.
    Welcome {
        /// The version that it chose.
        protocol: u32,
        /// Which server it is.
        server: ServerId,
        /// Which store it has.
        store: StoreId,
    },
    /// Any frame came. Said before what the frame itself means.
    Heard,
    /// The addresses of this device changed.
    NetworkChanged,
    /// A call with the session's token was answered with 401.
    TokenRefused,
}

/// An input that does not fit the state. Nothing changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum InputError {
    /// An answer to an older attempt, or to a question that was not asked.
    NotAsked,
    /// Something of a socket that is not wanted now.
    NoSocket,
}

impl fmt::Display for InputError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotAsked => "an answer to nothing that was asked",
            Self::NoSocket => "no socket is wanted now",
        })
    }
}

impl core::error::Error for InputError {}

/// What is to be done, in order.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Output {
    /// One atomic batch: durable before what follows it.
    Persist(Vec<Change>),
    /// Something for the server.
    Transmit(Transmit),
    /// Something for whoever looks at the account.
    Event(Event),
}

/// Something for the server.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Transmit {
    /// Ask for a challenge: `POST /auth/challenge`.
    AskChallenge {
        /// Names the attempt in the answer.
        attempt: Attempt,
    },
    /// Sign the challenge and log in with it: `POST /auth/device`.
    LogIn {
        /// Names the attempt in the answer.
        attempt: Attempt,
        /// The challenge.
        challenge: [u8; 32],
    },
    /// Open the socket.
    OpenSocket {
        /// The bearer token.
        token: Sensitive,
    },
    /// Say hello, with what is to be resumed, as the first frame.
    Hello {
        /// The newest version that is spoken here.
        protocol: u32,
    },
    /// Send a frame that the server answers, whatever the answer is.
    Ping,
    /// Close the socket, or stop opening it. Nothing more of it is wanted.
    CloseSocket,
}

/// Something that happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event {
    /// The session stands elsewhere.
    StateChanged(State),
    /// Something that a person should know.
    Warning(Warning),
}

/// Something that a person should know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Warning {
    /// Another server answers at this address than before.
    OtherServer,
    /// The server has another store than before, such as one restored from a backup: it may have lost messages.
    OtherStore,
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::OtherServer => "another server answers at this address than before",
            Self::OtherStore => {
                "the server has another store than before: it may have lost messages"
            }
        })
    }
}
