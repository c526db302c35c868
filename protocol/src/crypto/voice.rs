//! What devices sign about their voice: that they are in a room, and the descriptions of their connections.
//!
//! The server relays descriptions, and whoever can change one can listen. So the exact text is signed, together with
//! where and between whom it holds, and with what both made anew when they entered the room: what was signed for
//! another call, another pair or another direction fits nowhere else.

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use minicbor::{Decode, Encode};

use super::device::{DeviceSecret, Signature, SignatureError, VerifyKey};
use super::hash::hash;
use super::labels::Label;
use crate::ids::{ChannelId, CommunityId, DeviceId, Head, UserId};
use crate::limits::MAX_PROOF_BYTES;
use crate::wire::base64;
use crate::wire::cbor::{self, CborError};

/// The version of the format.
const VERSION: u8 = 1;

/// What a device makes anew whenever it enters a room.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Encode, Decode)]
#[cbor(transparent)]
pub struct VoiceNonce(#[cbor(n(0), with = "minicbor::bytes")] pub [u8; 16]);

/// The name of an offer, made anew for each.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Encode, Decode)]
#[cbor(transparent)]
pub struct OfferId(#[cbor(n(0), with = "minicbor::bytes")] pub [u8; 16]);

/// A room of a community.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode)]
#[cbor(map)]
pub struct VoiceRoom {
    /// The community.
    #[n(0)]
    pub community: CommunityId,
    /// The channel of the room.
    #[n(1)]
    pub channel: ChannelId,
}

/// A device of a user.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Encode)]
#[cbor(map)]
pub struct Speaker {
    /// The user.
    #[n(0)]
    pub user: UserId,
    /// The device.
    #[n(1)]
    pub device: DeviceId,
}

/// A device in a room, from when it enters until it leaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode)]
#[cbor(map)]
pub struct Seat {
    /// The device.
    #[n(0)]
    pub speaker: Speaker,
    /// What it made when it entered.
    #[n(1)]
    pub nonce: VoiceNonce,
}

/// Between whom and where a description holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode)]
#[cbor(map)]
pub struct Leg {
    /// The room.
    #[n(0)]
    pub room: VoiceRoom,
    /// Who offers.
    #[n(1)]
    pub from: Seat,
    /// Who answers.
    #[n(2)]
    pub to: Seat,
}

/// That a device is in a room. Only [`verify_join`] makes one of another's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Joined {
    /// The device, and what it made when it entered.
    pub seat: Seat,
    /// The last entry of the log that it knew.
    pub head: Head,
}

/// An offer of a connection. Only [`verify_offer`] makes one of another's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Offered {
    /// Its name.
    pub id: OfferId,
    /// 0 for a new connection, one more for each restart of ICE (RFC 8839, section 4.4.1.1.1).
    pub generation: u32,
    /// The last entry of the log that its maker knew.
    pub head: Head,
    /// What an answer signs of it.
    hash: [u8; 32],
}

/// An answer to an offer. Only [`verify_answer`] makes one of another's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Answered {
    /// The last entry of the log that its maker knew.
    pub head: Head,
}

/// Why a proof is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ProofError {
    /// The device did not sign this, here, for this recipient.
    Forged,
    /// Not base64 of strict CBOR of the right shape.
    Malformed(Option<CborError>),
    /// Longer than a proof can be.
    TooLong {
        /// Its length in bytes.
        got: usize,
        /// The longest.
        max: usize,
    },
    /// A newer format.
    UnknownVersion(u8),
}

impl fmt::Display for ProofError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Forged => f.write_str("the device did not sign this"),
            Self::Malformed(Some(error)) => write!(f, "malformed proof: {error}"),
            Self::Malformed(None) => f.write_str("proof is not base64"),
            Self::TooLong { got, max } => write!(f, "proof of {got} bytes, at most {max}"),
            Self::UnknownVersion(version) => write!(f, "unknown proof version {version}"),
        }
    }
}

impl core::error::Error for ProofError {}

impl From<SignatureError> for ProofError {
    fn from(_: SignatureError) -> Self {
        Self::Forged
    }
}

/// What of a proof is written down: the rest both sides know.
#[derive(Encode, Decode)]
#[cbor(map)]
struct Written {
    #[n(0)]
    version: u8,
    #[n(1)]
    nonce: Option<VoiceNonce>,
    #[n(2)]
    offer: Option<OfferId>,
    #[n(3)]
    generation: Option<u32>,
    #[n(4)]
    head: Head,
    #[n(5)]
    signature: Signature,
}

#[derive(Decode)]
#[cbor(map)]
struct Version {
    #[n(0)]
    version: u8,
}

#[derive(Encode)]
#[cbor(map)]
struct JoinClaim {
    #[n(0)]
    version: u8,
    #[n(1)]
    room: VoiceRoom,
    #[n(2)]
    seat: Seat,
    #[n(3)]
    head: Head,
}

#[derive(Encode)]
#[cbor(map)]
struct OfferClaim {
    #[n(0)]
    version: u8,
    #[n(1)]
    leg: Leg,
    #[n(2)]
    id: OfferId,
    #[n(3)]
    generation: u32,
    #[cbor(n(4), with = "minicbor::bytes")]
    sdp: [u8; 32],
    #[n(5)]
    head: Head,
}

#[derive(Encode)]
#[cbor(map)]
struct AnswerClaim {
    #[n(0)]
    version: u8,
    #[n(1)]
    leg: Leg,
    #[cbor(n(2), with = "minicbor::bytes")]
    offer: [u8; 32],
    #[cbor(n(3), with = "minicbor::bytes")]
    sdp: [u8; 32],
    #[n(4)]
    head: Head,
}

/// Signs that a device is in a room (spec 3.80). Answers the proof in base64.
#[must_use]
pub fn sign_join(room: VoiceRoom, seat: Seat, head: Head, secret: &DeviceSecret) -> String {
    let claim = join_claim(room, seat, head);
    write(Written {
        version: VERSION,
        nonce: Some(seat.nonce),
        offer: None,
        generation: None,
        head,
        signature: secret.sign(Label::VoiceJoin, &claim),
    })
}

/// Checks that a device signed that it is in a room.
///
/// # Errors
///
/// When it did not.
pub fn verify_join(
    proof: &str,
    room: VoiceRoom,
    speaker: Speaker,
    key: &VerifyKey,
) -> Result<Joined, ProofError> {
    let written = read(proof)?;
    let nonce = written.nonce.ok_or(MISSING)?;
    let head = written.head;
    let seat = Seat { speaker, nonce };
    let claim = join_claim(room, seat, head);
    key.verify(Label::VoiceJoin, &claim, &written.signature)?;
    Ok(Joined { seat, head })
}

/// Signs an offer (spec 3.81). Answers it and the proof in base64.
#[must_use]
pub fn sign_offer(
    leg: Leg,
    id: OfferId,
    generation: u32,
    sdp: &str,
    head: Head,
    secret: &DeviceSecret,
) -> (Offered, String) {
    let claim = offer_claim(leg, id, generation, sdp, head);
    let signature = secret.sign(Label::VoiceOffer, &claim);
    let proof = write(Written {
        version: VERSION,
        nonce: None,
        offer: Some(id),
        generation: Some(generation),
        head,
        signature,
    });
    let hash = offer_hash(&claim, &signature);
    let offered = Offered {
        id,
        generation,
        head,
        hash,
    };
    (offered, proof)
}

/// Checks that a device signed an offer of exactly this description.
///
/// # Errors
///
/// When it did not.
pub fn verify_offer(
    proof: &str,
    leg: Leg,
    sdp: &str,
    key: &VerifyKey,
) -> Result<Offered, ProofError> {
    let written = read(proof)?;
    let (id, generation) = (
        written.offer.ok_or(MISSING)?,
        written.generation.ok_or(MISSING)?,
    );
    let head = written.head;
    let claim = offer_claim(leg, id, generation, sdp, head);
    key.verify(Label::VoiceOffer, &claim, &written.signature)?;
    let hash = offer_hash(&claim, &written.signature);
    Ok(Offered {
        id,
        generation,
        head,
        hash,
    })
}

/// Signs an answer to an offer (spec 3.82). Answers the proof in base64.
#[must_use]
pub fn sign_answer(
    leg: Leg,
    offered: &Offered,
    sdp: &str,
    head: Head,
    secret: &DeviceSecret,
) -> String {
    let claim = answer_claim(leg, offered, sdp, head);
    write(Written {
        version: VERSION,
        nonce: None,
        offer: None,
        generation: None,
        head,
        signature: secret.sign(Label::VoiceAnswer, &claim),
    })
}

/// Checks that a device answered this offer by exactly this description.
///
/// # Errors
///
/// When it did not.
pub fn verify_answer(
    proof: &str,
    leg: Leg,
    offered: &Offered,
    sdp: &str,
    key: &VerifyKey,
) -> Result<Answered, ProofError> {
    let written = read(proof)?;
    let head = written.head;
    let claim = answer_claim(leg, offered, sdp, head);
    key.verify(Label::VoiceAnswer, &claim, &written.signature)?;
    Ok(Answered { head })
}

const MISSING: ProofError = ProofError::Malformed(Some(CborError::WrongShape));

fn join_claim(room: VoiceRoom, seat: Seat, head: Head) -> Vec<u8> {
    cbor::encode(&JoinClaim {
        version: VERSION,
        room,
        seat,
        head,
    })
}

fn offer_claim(leg: Leg, id: OfferId, generation: u32, sdp: &str, head: Head) -> Vec<u8> {
    cbor::encode(&OfferClaim {
        version: VERSION,
        leg,
        id,
        generation,
        sdp: hash(Label::VoiceDescription, &[sdp.as_bytes()]),
        head,
    })
}

fn answer_claim(leg: Leg, offered: &Offered, sdp: &str, head: Head) -> Vec<u8> {
    cbor::encode(&AnswerClaim {
        version: VERSION,
        leg,
        offer: offered.hash,
        sdp: hash(Label::VoiceDescription, &[sdp.as_bytes()]),
        head,
    })
}

fn offer_hash(claim: &[u8], signature: &Signature) -> [u8; 32] {
    hash(Label::VoiceOffer, &[claim, &signature.0])
}

fn write(written: Written) -> String {
    base64::encode(&cbor::encode(&written))
}

fn read(proof: &str) -> Result<Written, ProofError> {
    let (got, max) = (proof.len(), MAX_PROOF_BYTES);
    if got > max {
        return Err(ProofError::TooLong { got, max });
    }
    let malformed = |error| ProofError::Malformed(Some(error));
    let bytes = base64::decode(proof).ok_or(ProofError::Malformed(None))?;
    let Version { version } = cbor::decode(&bytes).map_err(malformed)?;
    if version != VERSION {
        return Err(ProofError::UnknownVersion(version));
    }
    cbor::decode(&bytes).map_err(malformed)
}

#[cfg(test)]
mod tests;
