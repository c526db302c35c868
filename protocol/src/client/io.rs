//! What goes into the client's engine and what comes out of it.

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use super::event::Event;
use super::records::Change;
pub use crate::wire::http::HttpCall;

/// Names a call until its answer comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CallId(pub u64);

/// An answer of the server to an HTTP call, whatever its status is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HttpAnswer<'a> {
    /// The status, such as 201.
    pub status: u16,
    /// The whole body.
    pub body: &'a [u8],
}

/// Why a call had no answer, or a socket ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum LinkFailure {
    /// No connection to the server could be made.
    Unreachable,
    /// The connection ended before the answer, or while the socket was open.
    Lost,
    /// Nothing came in time.
    TimedOut,
    /// What came was not HTTP or WebSocket, or larger than the protocol's limits.
    Garbled,
    /// The server answered the upgrade to a WebSocket with this status.
    Refused(u16),
    /// The certificate of the server could not be verified.
    Untrusted,
}

impl fmt::Display for LinkFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreachable => f.write_str("the server cannot be reached"),
            Self::Lost => f.write_str("the connection was lost"),
            Self::TimedOut => f.write_str("the server did not answer in time"),
            Self::Garbled => f.write_str("the server's answer makes no sense"),
            Self::Refused(status) => {
                write!(f, "the server refused the socket with status {status}")
            }
            Self::Untrusted => f.write_str("the server's certificate cannot be trusted"),
        }
    }
}

impl core::error::Error for LinkFailure {}

/// What happened outside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Input<'a> {
    /// The socket that [`Transmit::OpenSocket`] asked for is open.
    SocketOpened,
    /// A text frame came over the socket.
    Frame(&'a [u8]),
    /// The socket ended, or could not be opened.
    SocketClosed {
        /// Why.
        reason: LinkFailure,
    },
    /// A call ended.
    Answer {
        /// The call of [`Transmit::Call`].
        id: CallId,
        /// Its answer, whatever the status, or why there is none.
        result: Result<HttpAnswer<'a>, LinkFailure>,
    },
}

/// What the driver has to do, in order.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Output {
    /// One atomic batch: durable, all of it, before the next output is carried out.
    Persist(Vec<Change>),
    /// Something for the server.
    Transmit(Transmit),
    /// Something for whoever looks at the account.
    Event(Event),
}

/// Something for the server.
#[derive(Clone, PartialEq)]
#[non_exhaustive]
pub enum Transmit {
    /// Make this HTTP call and hand back its answer. Calls may run side by side.
    Call {
        /// Names the call in the answer.
        id: CallId,
        /// What to ask.
        call: HttpCall,
        /// The bearer token to send along.
        token: Option<String>,
    },
    /// Open the WebSocket with this bearer token.
    OpenSocket {
        /// The bearer token.
        token: String,
    },
    /// Send this text frame over the socket.
    Frame(String),
    /// Close the socket. No [`Input::SocketClosed`] needs to follow.
    CloseSocket,
}

impl fmt::Debug for Transmit {
    /// Without tokens and bodies: a log of outputs gives nothing away.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Call { id, .. } => f
                .debug_struct("Call")
                .field("id", id)
                .finish_non_exhaustive(),
            Self::OpenSocket { .. } => f.debug_struct("OpenSocket").finish_non_exhaustive(),
            Self::Frame(frame) => f.debug_tuple("Frame").field(&frame.len()).finish(),
            Self::CloseSocket => f.write_str("CloseSocket"),
        }
    }
}

/// An input that the engine refused. Nothing changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum InputError {
    /// The answer of a call that nobody waits for: it came twice, or too late.
    UnknownCall(CallId),
    /// A frame, an opening or an end of a socket that the engine did not ask for.
    NoSocket,
}

impl fmt::Display for InputError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UnknownCall(CallId(id)) => write!(f, "nobody waits for the answer of call {id}"),
            Self::NoSocket => f.write_str("no socket was asked for"),
        }
    }
}

impl core::error::Error for InputError {}
