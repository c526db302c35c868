//! What a mesh puts out.

use core::time::Duration;
use std::net::SocketAddr;
use std::sync::Arc;

use dialtone_protocol::Instant;
use dialtone_protocol::voice::Input;
use dialtone_protocol::voice::room::PeerId;

use super::{Server, Trouble};

/// Names a local socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SocketId(pub u64);

/// Names a stream to a server. None has the name of an earlier one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StreamId(pub u64);

/// What is to be done, in order.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Output {
    /// Close a stream, or stop opening it. Nothing more is to be said of it.
    CloseStream {
        /// Which.
        stream: StreamId,
    },
    /// Open a stream.
    OpenStream {
        /// By this name.
        stream: StreamId,
        /// To this server: with TLS if it says so.
        server: Server,
    },
    /// Something for the pair of a connection.
    Peer {
        /// Which connection.
        peer: PeerId,
        /// What.
        event: PeerEvent,
    },
    /// A relay gives this device no address. It is asked again by itself.
    RelayTrouble {
        /// Which.
        server: Server,
        /// Why.
        why: Trouble,
    },
    /// Sound came.
    Sound {
        /// Over which connection.
        peer: PeerId,
        /// It.
        packet: Packet,
    },
    /// Send a datagram.
    Transmit {
        /// From this socket.
        socket: SocketId,
        /// To whom.
        to: SocketAddr,
        /// It.
        bytes: Vec<u8>,
    },
    /// Write a message to a stream that stands. All of it or nothing: what does not go out is lost, as a datagram is.
    WriteStream {
        /// Which.
        stream: StreamId,
        /// It.
        bytes: Vec<u8>,
    },
}

/// What a connection says to its pair.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum PeerEvent {
    /// An answer was made.
    AnswerMade {
        /// To the offer of this generation.
        generation: u32,
        /// It.
        sdp: String,
    },
    /// Sound can flow.
    Connected,
    /// The connection is broken, or could not be made.
    Failed,
    /// This device may be reached by another way.
    LocalCandidate {
        /// The attribute, beginning with `candidate:`.
        candidate: String,
    },
    /// An offer was made.
    OfferMade {
        /// Of this generation.
        generation: u32,
        /// It.
        sdp: String,
    },
}

impl PeerEvent {
    /// As the pair takes it in.
    #[must_use]
    pub fn as_input(&self) -> Input<'_> {
        match self {
            Self::AnswerMade { generation, sdp } => Input::AnswerMade {
                generation: *generation,
                sdp,
            },
            Self::Connected => Input::Connected,
            Self::Failed => Input::Failed,
            Self::LocalCandidate { candidate } => Input::LocalCandidate { candidate },
            Self::OfferMade { generation, sdp } => Input::OfferMade {
                generation: *generation,
                sdp,
            },
        }
    }
}

/// A packet of sound (RFC 3550, RFC 7587).
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Packet {
    /// Its number, which does not wrap.
    pub seq: u64,
    /// When it is to be played, in samples at 48 kHz from any beginning; it wraps.
    pub time: u32,
    /// It is the first after a silence.
    pub marker: bool,
    /// A frame of Opus.
    pub payload: Arc<[u8]>,
    /// When it arrived.
    pub arrived: Instant,
}

/// How a connection does, as its two ends say.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct Health {
    /// The way there and back.
    pub round_trip: Option<Duration>,
    /// What of this device's packets the other one does not get, 0 to 1.
    pub loss_there: Option<f32>,
    /// Whether a relay carries it.
    pub relayed: bool,
    /// Whether it stands, but nothing has come over it for a while, not even a report (spec 11.56).
    pub stalled: bool,
}
