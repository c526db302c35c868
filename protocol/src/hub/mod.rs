//! The engine of the server: all of its rules, over a store that a driver carries out.
//!
//! # Boot
//!
//! [`Input::Started`] makes the hub ask the store for its ids and for the whole log, page by page. [`Output::Ready`]
//! says that requests are served from now on; until then they are answered with 503. [`Output::Failed`] says that the
//! stored log cannot be followed: the driver ends.
//!
//! # A connection
//!
//! `GET /ws` is a request like any other. Where its answer is [`Output::Accept`], the driver upgrades the connection
//! and says [`Input::Connected`] with the session that the answer brought; any other answer is an ordinary one.

mod access;
mod accounts;
mod announcements;
mod challenges;
mod channels;
mod config;
mod connections;
mod engine;
mod envelopes;
mod history;
mod ice;
mod judging;
mod limiter;
mod log;
mod membership;
pub mod memory;
mod messages;
mod owed;
mod pending;
mod presence;
mod pressure;
mod rooms;
mod rules;
mod sessions;
mod sharing;
mod sockets;
pub mod store;
#[doc(hidden)]
pub mod store_suite;
mod tickets;
mod voice;
mod work;

use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;
use core::net::IpAddr;

pub use config::Config;
pub use engine::Hub;
pub use ice::{Ice, TurnLogin};
pub use judging::{Judged, Judging};
pub use limiter::neighbourhood;
pub use sockets::PROTOCOL;
pub use work::{Work, WorkAnswer};

use crate::wire::http::{Request, Response};
use store::{Answer, Op, StoreError};

/// A request's name, given by the driver.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RequestId(pub u64);

/// A connection's name, given by the driver, never twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ConnId(pub u64);

/// A store operation's name, given by the hub.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct OpId(pub u64);

/// A piece of work's name, given by the hub.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct WorkId(pub u64);

/// The permission to connect once, soon, that [`Output::Accept`] brings.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SessionKey(pub(crate) u64);

/// What a driver tells the hub.
#[derive(Debug)]
#[non_exhaustive]
pub enum Input<'a> {
    /// A connection is gone. Said once for each [`Input::Connected`], also after [`Output::Close`].
    Closed {
        /// Which one.
        conn: ConnId,
    },
    /// A WebSocket is open.
    Connected {
        /// Its name.
        conn: ConnId,
        /// The permission.
        session: SessionKey,
    },
    /// Bytes of sent frames have left for the network.
    Flushed {
        /// On which connection.
        conn: ConnId,
        /// How many, counted as the lengths of the frames.
        bytes: usize,
    },
    /// A WebSocket message came.
    Frame {
        /// On which connection.
        conn: ConnId,
        /// Its content.
        bytes: &'a [u8],
    },
    /// A request came.
    Request {
        /// Its name.
        id: RequestId,
        /// What it asks.
        call: Request,
        /// Its `Authorization` header.
        auth: Option<&'a str>,
        /// Its `X-Admin-Token` header.
        admin_token: Option<&'a str>,
        /// Where it came from, if that is known.
        peer: Option<IpAddr>,
    },
    /// The driver runs. The first input.
    Started,
    /// An operation was carried out.
    Stored {
        /// Which one.
        id: OpId,
        /// What came of it.
        result: Result<Answer, StoreError>,
    },
    /// A piece of work was carried out.
    Worked {
        /// Which one.
        id: WorkId,
        /// What came of it.
        result: WorkAnswer,
    },
}

/// What the hub tells its driver to do.
#[allow(
    clippy::large_enum_variant,
    reason = "outputs are taken one by one and not kept"
)]
#[derive(Debug)]
#[non_exhaustive]
pub enum Output {
    /// Upgrade the connection of this request.
    Accept {
        /// The request.
        id: RequestId,
        /// What to say with [`Input::Connected`].
        session: SessionKey,
    },
    /// Close a connection.
    Close {
        /// Which one.
        conn: ConnId,
        /// The code of the close frame.
        code: u16,
        /// Its reason.
        reason: &'static str,
    },
    /// The hub cannot go on.
    Failed(HubFailure),
    /// Tell the host.
    Log(LogEvent),
    /// Give the hub no more [`Input::Frame`] until [`Output::Resume`]: it has enough to do, or the readers have. What
    /// comes waits in the sockets, whose senders feel it.
    Pause,
    /// Boot has finished.
    Ready,
    /// Answer a request.
    Respond {
        /// Which one.
        id: RequestId,
        /// With what.
        response: Response,
    },
    /// Frames are welcome again.
    Resume,
    /// Send a text frame.
    Send {
        /// To whom.
        to: Vec<ConnId>,
        /// What: serialised once for all.
        frame: Arc<str>,
    },
    /// Carry out a store operation and say [`Input::Stored`].
    Store {
        /// Its name.
        id: OpId,
        /// The operation.
        op: Op,
    },
    /// Carry out work on a pool of threads made for it and say [`Input::Worked`].
    Work {
        /// Its name.
        id: WorkId,
        /// The work.
        work: Work,
    },
}

/// An input that the driver should not have given. The hub is as it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum HubError {
    /// The hub was started before.
    AlreadyStarted,
    /// The name belongs to another connection.
    ConnectionTaken,
    /// There is no such connection.
    UnknownConnection,
    /// No such operation is outstanding.
    UnknownOp,
    /// No such work is outstanding.
    UnknownWork,
}

impl fmt::Display for HubError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::AlreadyStarted => "the hub was started before",
            Self::ConnectionTaken => "the name belongs to another connection",
            Self::UnknownConnection => "there is no such connection",
            Self::UnknownOp => "no such operation is outstanding",
            Self::UnknownWork => "no such work is outstanding",
        })
    }
}

impl core::error::Error for HubError {}

/// Why the hub cannot go on.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum HubFailure {
    /// The store failed at boot.
    Store(StoreError),
    /// An entry of the stored log does not follow from those before it.
    Log {
        /// The entry's index.
        index: u64,
    },
}

/// What a host may want to know. Nothing secret is in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum LogEvent {
    /// An answer of the store that its operation does not have.
    AnswerUnexpected,
    /// A login was refused.
    LoginRefused,
    /// Attempts at logging in or registering came too fast.
    TooManyAttempts,
    /// The store failed.
    StoreFailed(StoreError),
}
