//! What goes into the machine of a room and what comes out of it.

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use crate::crypto::voice::Speaker;
use crate::ids::ChannelId;
use crate::session;
use crate::voice::ask::{Answer, Question, Refusal};
use crate::voice::{Command, Input as PairInput, PairError};
use crate::wire::event::IceServer;
use crate::wire::sensitive::Sensitive;

/// Names a question in its answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AskId(pub u64);

/// Names the connection with one device. When the device enters anew, that is another connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PeerId(pub u64);

/// What the machine is told.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum Input<'a> {
    /// An answer.
    Answered {
        /// To this question.
        id: AskId,
        /// It.
        answer: &'a Answer,
    },
    /// A frame of the server.
    Frame(&'a [u8]),
    /// The addresses of this device changed.
    NetworkChanged,
    /// Something of a connection, as [`Pair`](crate::voice::Pair) takes it in: only what its carrier says of it.
    Peer {
        /// Which.
        peer: PeerId,
        /// What.
        input: PairInput<'a>,
    },
    /// The log does not let a device into a room any more, which may be this one.
    Revoked {
        /// The room's channel.
        room: ChannelId,
        /// The device.
        speaker: Speaker,
    },
    /// The socket ended, or could not be opened.
    SocketClosed {
        /// The status with which the server refused to open it.
        status: Option<u16>,
    },
    /// The socket is open.
    SocketOpened,
}

/// What is to be done, in order.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Output {
    /// To be asked of who holds the device's key and the log.
    Ask {
        /// To be named in the answer. The same question may be put out again, under the same name.
        id: AskId,
        /// It.
        question: Question,
    },
    /// For people.
    Event(Event),
    /// The servers by which connections find their way. They replace those before.
    IceServers(Vec<IceServer>),
    /// For what carries the sound.
    Media {
        /// Of which connection.
        peer: PeerId,
        /// What is to be done with it.
        command: Command,
    },
    /// For the server.
    Transmit(Transmit),
}

/// Something for the server.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Transmit {
    /// Close the socket, or stop opening it.
    CloseSocket,
    /// Send a frame.
    Frame(String),
    /// Open the socket.
    OpenSocket {
        /// The bearer token.
        token: Sensitive,
    },
}

/// Something that happened.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Event {
    /// This device is in the room, also when it comes back after its connection to the server was lost.
    Entered {
        /// The room's channel.
        room: ChannelId,
    },
    /// This device is not in the room any more, or did not come in.
    Left {
        /// The room's channel.
        room: ChannelId,
        /// Why.
        why: Leaving,
    },
    /// The link to the server stands elsewhere.
    Link(session::State),
    /// Somebody came, left, or can be heard or not: see [`Room::members`](super::Room::members).
    MembersChanged,
    /// Something that is said of or by a device is not believed. It is as if it had not been said.
    Refused {
        /// The device, by the server's word.
        speaker: Speaker,
        /// Why.
        reason: Refusal,
    },
}

/// Why this device is not in a room.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Leaving {
    /// It was asked to leave.
    Asked,
    /// It may not be there by the log.
    NotAllowed(Refusal),
    /// The server does not let it in. These are its words.
    Refused(String),
    /// The server put it out.
    TurnedOut,
    /// Nobody was there to answer what was asked.
    Unanswered,
}

impl fmt::Display for Leaving {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Asked => f.write_str("you left"),
            Self::NotAllowed(refusal) => refusal.fmt(f),
            Self::Refused(words) => write!(f, "the server refuses: {words}"),
            Self::TurnedOut => f.write_str(
                "the server put this device out of the room: its channel was deleted, or you may not be in it any more",
            ),
            Self::Unanswered => f.write_str(
                "no client is there to sign, and to watch over who may be heard: open dialtone and enter again",
            ),
        }
    }
}

/// How a device in the room stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Standing {
    /// Whether it may be heard is being judged.
    Judging,
    /// It may not be heard.
    Refused(Refusal),
    /// A connection is being made.
    Connecting,
    /// It is heard, as far as it speaks.
    Connected,
    /// The connection is broken and is being made again.
    Reconnecting,
}

/// A device in the room.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct MemberView {
    /// The device. Only if it is verified, this is more than the server's word.
    pub speaker: Speaker,
    /// How it stands.
    pub standing: Standing,
    /// Whether the log knows it and it signed that it is here.
    pub verified: bool,
    /// Its connection.
    pub peer: Option<PeerId>,
    /// Whether the server lost it from sight: it is heard on, for a while.
    pub absent: bool,
}

/// An input that does not fit. The machine is as it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RoomError {
    /// No socket is wanted now.
    NoSocket,
    /// The connection's carrier said something that it was not asked for.
    Pair(PairError),
    /// There is no such question.
    UnknownAsk,
    /// There is no such connection.
    UnknownPeer,
}

impl fmt::Display for RoomError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoSocket => f.write_str("no socket is wanted now"),
            Self::Pair(error) => error.fmt(f),
            Self::UnknownAsk => f.write_str("there is no such question"),
            Self::UnknownPeer => f.write_str("there is no such connection"),
        }
    }
}

impl core::error::Error for RoomError {}
