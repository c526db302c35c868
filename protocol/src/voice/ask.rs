//! What the machine of a room asks of who holds the device's key and the log, and the answers.
//!
//! The process that carries sound holds neither: it asks the client over a socket that only its owner can open, and
//! puts nothing into words for the network before the answer is there. Both sides of the question are plain JSON.

use alloc::string::String;
use core::fmt;

use serde::{Deserialize, Serialize};

use crate::ids::{ChannelId, DeviceId, UserId};
use crate::wire::sensitive::Sensitive;

/// A device that is said to be in the room.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Claim {
    /// Its user, by the server's word.
    pub user: UserId,
    /// The device, by the server's word.
    pub device: DeviceId,
    /// What it is said to have signed when it entered, in base64. Clients of the original sign nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub proof: Option<String>,
}

/// Where a description holds, and between whom.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Between {
    /// The room's channel.
    pub room: ChannelId,
    /// What this device signed when it entered.
    pub own: String,
    /// The other device.
    pub peer: Claim,
}

/// A description with the proof of who made it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Described {
    /// The description (RFC 8866).
    pub sdp: String,
    /// What was signed about it, in base64.
    pub proof: String,
}

/// What is asked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
#[non_exhaustive]
pub enum Question {
    /// Sign that this device enters a room: [`Answer::Entered`].
    Enter {
        /// The room's channel.
        room: ChannelId,
    },
    /// May this device be heard in the room? [`Answer::Admitted`].
    Admit {
        /// The room's channel.
        room: ChannelId,
        /// The device.
        peer: Claim,
    },
    /// Sign an offer: [`Answer::Signed`].
    SignOffer {
        /// Where and for whom.
        between: Between,
        /// Its generation.
        generation: u32,
        /// The description.
        sdp: String,
    },
    /// Did the other device make this offer, here and for this device? [`Answer::Offered`].
    CheckOffer {
        /// Where and from whom.
        between: Between,
        /// What is said to be its offer.
        offer: Described,
    },
    /// Sign the answer to an offer: [`Answer::Signed`].
    SignAnswer {
        /// Where and for whom.
        between: Between,
        /// The other device's offer.
        offer: Described,
        /// The description.
        sdp: String,
    },
    /// Did the other device answer this device's offer so? [`Answer::Good`].
    CheckAnswer {
        /// Where and from whom.
        between: Between,
        /// This device's offer.
        offer: Described,
        /// What is said to be the answer to it.
        answer: Described,
    },
    /// Bring a token for the server: [`Answer::Token`].
    Token,
}

/// What is answered. One that does not fit the question counts as [`Answer::NotYet`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
#[non_exhaustive]
pub enum Answer {
    /// The device, and what it signed.
    Entered {
        /// The user of this device.
        user: UserId,
        /// This device.
        device: DeviceId,
        /// What it signed, in base64.
        proof: String,
    },
    /// It may be heard.
    Admitted {
        /// Whether the log knows it and it signed that it is here. Only then is what it says checked, too.
        verified: bool,
    },
    /// What was signed, in base64.
    Signed {
        /// The proof.
        proof: String,
    },
    /// It did.
    Offered {
        /// The offer's generation.
        generation: u32,
    },
    /// It did.
    Good,
    /// The bearer token of this device's session.
    Token {
        /// The token.
        token: Sensitive,
    },
    /// It cannot be said yet: the question may be asked again later.
    NotYet,
    /// No, and why.
    Refused {
        /// Why.
        reason: Refusal,
    },
}

/// Why something about a room is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Refusal {
    /// The device did not sign this, here, for this device: somebody on the way changed it.
    Forged,
    /// What is said to be signed has no form that this version reads.
    Malformed,
    /// The log does not let the device into the channel.
    NotEntitled,
    /// The log does not let this device into the channel.
    OwnNotEntitled,
    /// It names an entry of a log that is not this community's.
    OtherLog,
    /// It is what was signed for an earlier stay in the room.
    Replayed,
    /// Nothing is signed, and nobody allowed that for this user.
    Unsigned,
    /// Nothing is signed, though the log knows the user: its devices sign.
    UnsignedMember,
    /// Nothing is signed, and the channel is private.
    UnsignedInPrivate,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Forged => {
                "that device did not sign what came in its name: join again, and if it stays so, tell the server's host"
            }
            Self::Malformed => {
                "what it signed cannot be read by this version: update dialtone here and there"
            }
            Self::NotEntitled => {
                "the community's log does not let that device into this channel: an admin can, by /channel add"
            }
            Self::OwnNotEntitled => {
                "the community's log does not let this device into this channel: ask an admin for /channel add"
            }
            Self::OtherLog => {
                "the server showed it another log of the community: ask its user who the members are there, and tell \
                 the server's host"
            }
            Self::Replayed => {
                "what it signed belongs to an earlier stay in this room: it has to leave the room and join again"
            }
            Self::Unsigned => {
                "its program signs nothing, so that nobody can say who it is; to talk to it all the same, allow it by \
                 --allow-unverified-voice"
            }
            Self::UnsignedMember => {
                "nothing is signed, though this member's devices sign: let the member join by dialtone"
            }
            Self::UnsignedInPrivate => {
                "its program signs nothing, and this channel is private: let it join by dialtone, or talk in an open one"
            }
        })
    }
}

impl core::error::Error for Refusal {}
