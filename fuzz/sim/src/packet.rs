//! What travels between people and the server.

use dialtone_protocol::client::{CallId, LinkFailure};
use dialtone_protocol::wire::http::{HttpCall, Response};
use std::sync::Arc;

use crate::net::Lane;

/// A person's place in the world.
pub type PersonIndex = usize;

/// What is on its way.
#[derive(Clone, Debug)]
pub enum Packet {
    /// An HTTP request.
    Call {
        /// Who asks.
        person: PersonIndex,
        /// Names the call to its engine.
        id: CallId,
        /// What is asked.
        call: HttpCall,
        /// The bearer token.
        token: Option<String>,
    },
    /// Its answer, or why there is none.
    Answer {
        /// Who asked.
        person: PersonIndex,
        /// Which call.
        id: CallId,
        /// The answer.
        result: Result<Response, LinkFailure>,
    },
    /// A request to open a WebSocket.
    Open {
        /// Who.
        person: PersonIndex,
        /// Which socket.
        socket: u64,
        /// The bearer token.
        token: String,
    },
    /// The socket is open.
    Opened {
        /// Whose.
        person: PersonIndex,
        /// Which.
        socket: u64,
    },
    /// A frame to the server.
    Up {
        /// Whose.
        person: PersonIndex,
        /// On which socket.
        socket: u64,
        /// The text.
        frame: String,
    },
    /// A frame from the server.
    Down {
        /// Whose.
        person: PersonIndex,
        /// On which socket.
        socket: u64,
        /// The text.
        frame: Arc<str>,
    },
    /// The person's side ended the socket.
    EndUp {
        /// Whose.
        person: PersonIndex,
        /// Which.
        socket: u64,
    },
    /// The server's side ended or refused the socket.
    EndDown {
        /// Whose.
        person: PersonIndex,
        /// Which.
        socket: u64,
        /// Why.
        reason: LinkFailure,
    },
}

/// The lane of a person's calls: they are TCP connections of their own, so nothing holds them in order.
#[must_use]
pub fn calls(person: PersonIndex) -> Lane {
    Lane::Loose(person as u64)
}

/// The lane of a person's socket towards the server.
#[must_use]
pub fn up(person: PersonIndex) -> Lane {
    Lane::Stream(person as u64 * 2)
}

/// The lane of a person's socket from the server.
#[must_use]
pub fn down(person: PersonIndex) -> Lane {
    Lane::Stream(person as u64 * 2 + 1)
}
