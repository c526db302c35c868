//! A message as it is kept and shown.

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use minicbor::{Decode, Encode};

use crate::ids::{ClientId, DeviceId, Epoch, MessageId, Seq, Transcript, UserId};
use crate::time::UnixMillis;

/// A message that stands in its place.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
#[non_exhaustive]
pub struct Message {
    /// Its number.
    #[n(0)]
    pub seq: Seq,
    /// The server's name for it.
    #[n(1)]
    pub message_id: MessageId,
    /// The sender's user, by the log; none if the log does not know the device.
    #[n(2)]
    pub user: Option<UserId>,
    /// The sending device. Only an accepted message proves it.
    #[n(3)]
    pub device: DeviceId,
    /// The device's name for it.
    #[n(4)]
    pub client_id: ClientId,
    /// When the server took it, by its word.
    #[n(5)]
    pub sent_at: UnixMillis,
    /// The channel's transcript up to here.
    #[n(6)]
    pub transcript: Transcript,
    /// What it says, or why it says nothing.
    #[n(7)]
    pub body: Body,
}

/// What a message says, or why it says nothing.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[non_exhaustive]
pub enum Body {
    /// An accepted text.
    #[n(0)]
    Text {
        /// The text, as its writer made it: a screen strips control sequences.
        #[n(0)]
        text: String,
        /// Where its sender's log ended.
        #[n(1)]
        signed: Signed,
    },
    /// Its key is missing.
    #[n(1)]
    Locked {
        /// Why it cannot be opened.
        #[n(0)]
        reason: Locked,
        /// The epoch that it is sealed in.
        #[n(1)]
        epoch: Epoch,
        /// The sealed message.
        #[cbor(n(2), with = "minicbor::bytes")]
        sealed: Vec<u8>,
    },
    /// A newer version can show it.
    #[n(2)]
    NeedsNewer {
        /// Where its sender's log ended, if it could be opened.
        #[n(0)]
        signed: Option<Signed>,
    },
    /// It is not what it claims to be.
    #[n(3)]
    Refused(#[n(0)] Refused),
}

impl Body {
    /// What its device signed beside the content, of an accepted message.
    #[must_use]
    pub const fn signed(&self) -> Option<Signed> {
        match self {
            Self::Text { signed, .. } => Some(*signed),
            Self::NeedsNewer { signed } => *signed,
            Self::Locked { .. } | Self::Refused(_) => None,
        }
    }
}

/// What a device signed beside the content. Along a channel the head does not go back for a device, nor the epoch for
/// anybody.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Signed {
    /// The index of the last entry that the sender knew.
    #[n(0)]
    pub head: u64,
    /// The epoch of the message.
    #[n(1)]
    pub epoch: Epoch,
}

/// Why a message cannot be opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(index_only)]
#[non_exhaustive]
pub enum Locked {
    /// The key is from before one's time in the channel.
    #[n(0)]
    BeforeJoin,
    /// The key has not come yet: a member who holds it and is online helps.
    #[n(1)]
    NoKey,
}

impl fmt::Display for Locked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::BeforeJoin => "it was written before you came to the channel",
            Self::NoKey => "its key has not come yet: a member who has it must come online",
        })
    }
}

/// Why a message is not accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(index_only)]
#[non_exhaustive]
pub enum Refused {
    /// The device used this name for an earlier message: somebody replays it.
    #[n(0)]
    ClientIdReused,
    /// The epoch was not open where its sender's log ended.
    #[n(1)]
    EpochClosed,
    /// The device had sealed in a later epoch before.
    #[n(2)]
    EpochWentBack,
    /// Its sender's log is not this one.
    #[n(3)]
    Fork,
    /// The device that it names did not sign it.
    #[n(4)]
    ForgedSignature,
    /// The device had known more of the log before.
    #[n(5)]
    HeadWentBack,
    /// It is sealed and signed, but not a message.
    #[n(6)]
    Malformed,
    /// Nobody with the channel's key sealed it for this place.
    #[n(7)]
    NotAuthentic,
    /// The device might not write there where its sender's log ended.
    #[n(8)]
    NotEntitled,
    /// It is no sealed message at all.
    #[n(9)]
    NotSealed,
    /// It is longer than any message.
    #[n(10)]
    TooLong,
    /// It is shorter than any message.
    #[n(11)]
    Truncated,
    /// The log does not know the device.
    #[n(12)]
    UnknownDevice,
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::ClientIdReused => "an earlier message was sent again as a new one",
            Self::EpochClosed => "it uses a key that was not in use any more",
            Self::EpochWentBack => "it uses an older key than an earlier message of its device",
            Self::Fork => "it was signed on another log than this one",
            Self::ForgedSignature => "its sender did not sign it",
            Self::HeadWentBack => {
                "it was signed on an older log than an earlier message of its device"
            }
            Self::Malformed => "its content makes no sense",
            Self::NotAuthentic => "it was changed on its way, or is not of this channel",
            Self::NotEntitled => "its sender was not in the channel",
            Self::NotSealed => "it is not encrypted",
            Self::TooLong => "it is too long",
            Self::Truncated => "it is cut short",
            Self::UnknownDevice => "its sender is unknown",
        })
    }
}

/// A message of one's own that does not stand in its place yet.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
#[non_exhaustive]
pub struct Draft {
    /// This device's name for it.
    #[n(0)]
    pub client_id: ClientId,
    /// What it says.
    #[n(1)]
    pub text: String,
    /// When it was written, by this machine's clock.
    #[n(2)]
    pub written_at: UnixMillis,
    /// How far it has come.
    #[n(3)]
    pub delivery: Delivery,
}

/// How far a draft has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
#[non_exhaustive]
pub enum Delivery {
    /// It waits for its ack, or to be sent.
    #[n(0)]
    Sending,
    /// The server has it, durably, under this number; what stands before it is still to come.
    #[n(1)]
    Acked(#[n(0)] Seq),
    /// It will not be sent by itself.
    #[n(2)]
    Failed(#[n(0)] SendFailure),
}

/// Why a draft was not sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(index_only)]
#[non_exhaustive]
pub enum SendFailure {
    /// The server confirmed it and then lost it.
    #[n(0)]
    Lost,
    /// The server takes no such message.
    #[n(1)]
    Malformed,
    /// The channel does not exist any more.
    #[n(2)]
    NoChannel,
    /// One may not write there any more.
    #[n(3)]
    NotEntitled,
}

impl fmt::Display for SendFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Lost => "the server confirmed it and then lost it",
            Self::Malformed => "the server takes no such message",
            Self::NoChannel => "the channel does not exist any more",
            Self::NotEntitled => "you may not write in this channel any more",
        })
    }
}

/// Why a text is not queued.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SendError {
    /// There is nothing to send.
    Empty,
    /// Somebody in the channel follows another log: the user decides first.
    Forked,
    /// The log knows no such channel, or this device may not write there.
    NotEntitled,
    /// Too many messages wait.
    OutboxFull,
    /// The text is too long.
    TooLong {
        /// Its bytes.
        got: usize,
        /// The most there may be.
        max: usize,
    },
}

impl fmt::Display for SendError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => f.write_str("nothing to send"),
            Self::Forked => f.write_str("somebody in this channel follows another log"),
            Self::NotEntitled => f.write_str("you may not write in this channel"),
            Self::OutboxFull => f.write_str("too many messages wait to be sent"),
            Self::TooLong { got, max } => write!(f, "text of {got} bytes, at most {max}"),
        }
    }
}

impl core::error::Error for SendError {}
