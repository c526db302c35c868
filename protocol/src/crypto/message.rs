//! Messages of a channel: sealed under the group's key, signed by the device that wrote them.
//!
//! Any member can seal as any other, since all share the group's key; only the signature says who wrote. It covers
//! where the message belongs, so that nobody can move it to another place either.

use alloc::vec::Vec;
use core::fmt;

use minicbor::{Decode, Encode};

use super::aead::{self, NONCE, TAG};
use super::device::{DeviceSecret, Signature, SignatureError, VerifyKey};
use super::group::GroupKey;
use super::hash::derive;
use super::labels::Label;
use super::random::Entropy;
use super::secret::Secret;
use crate::ids::{
    ChannelId, ClientId, CommunityId, DeviceId, Epoch, Head, Seq, Transcript, UserId,
};
use crate::limits::{MAX_SEALED_BYTES, MESSAGE_BUCKETS};
use crate::wire::cbor::{self, CborError};

/// The version of the format.
const VERSION: u8 = 1;

/// Version, epoch and nonce.
const HEADER: usize = 1 + 4 + NONCE;

/// The length of what was signed, and the signature.
const PREFIX: usize = 2 + 64;

/// The most that a plaintext takes, padded.
const LARGEST: usize = {
    let [.., largest] = MESSAGE_BUCKETS;
    largest
};

const _: () = assert!(HEADER + LARGEST + TAG == MAX_SEALED_BYTES);

/// Where a message belongs and who sends it: the associated data (spec 3.31).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Address {
    /// The community.
    #[n(0)]
    pub community: CommunityId,
    /// The channel.
    #[n(1)]
    pub channel: ChannelId,
    /// The epoch of the channel's group.
    #[n(2)]
    pub epoch: Epoch,
    /// The sender's user.
    #[n(3)]
    pub user: UserId,
    /// The sending device.
    #[n(4)]
    pub device: DeviceId,
    /// The device's own name for the message.
    #[n(5)]
    pub client_id: ClientId,
}

/// How far the sender had read the channel.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Seen {
    /// The newest number that it had processed.
    #[n(0)]
    pub seq: Seq,
    /// The transcript up to there.
    #[n(1)]
    pub transcript: Transcript,
}

/// What a message says.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Plain {
    /// The content, CBOR of its own.
    #[cbor(n(0), with = "minicbor::bytes")]
    pub content: Vec<u8>,
    /// The end of the log as the sender knew it.
    #[n(1)]
    pub head: Head,
    /// How far the sender had read.
    #[n(2)]
    pub seen: Seen,
}

/// What anyone can read of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MessageHeader {
    /// The version of its format.
    pub version: u8,
    /// The epoch that it is sealed in.
    pub epoch: Epoch,
}

/// Why a message could not be sealed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SealError {
    /// Its content is too long.
    TooLong {
        /// Bytes that it takes.
        got: usize,
        /// Bytes that there are.
        max: usize,
    },
}

impl fmt::Display for SealError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLong { got, max } => write!(f, "message of {got} bytes, at most {max}"),
        }
    }
}

impl core::error::Error for SealError {}

/// Why a message could not be opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum OpenError {
    /// Its padding is not as it must be.
    BadPadding,
    /// A member sealed it, but not the device that it names.
    ForgedSignature,
    /// Signed and sealed, but not a message.
    Malformed(CborError),
    /// Not sealed under this key at this address.
    NotAuthentic,
    /// Longer than any message.
    TooLong {
        /// Its bytes.
        got: usize,
        /// The most there may be.
        max: usize,
    },
    /// Shorter than any message.
    Truncated,
    /// A newer format.
    UnknownVersion(u8),
    /// Sealed in another epoch than its address says.
    WrongEpoch {
        /// What the message says.
        got: Epoch,
        /// What the address says.
        expected: Epoch,
    },
}

impl fmt::Display for OpenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::BadPadding => f.write_str("message is wrongly padded"),
            Self::ForgedSignature => f.write_str("message is not signed by its sender's device"),
            Self::Malformed(error) => write!(f, "malformed message: {error}"),
            Self::NotAuthentic => f.write_str("message is not authentic"),
            Self::TooLong { got, max } => write!(f, "message of {got} bytes, at most {max}"),
            Self::Truncated => f.write_str("message is truncated"),
            Self::UnknownVersion(version) => write!(f, "unknown message version {version}"),
            Self::WrongEpoch { got, expected } => {
                write!(f, "message of epoch {}, expected {}", got.0, expected.0)
            }
        }
    }
}

impl core::error::Error for OpenError {}

impl From<SignatureError> for OpenError {
    fn from(_: SignatureError) -> Self {
        Self::ForgedSignature
    }
}

/// Seals a message (spec 3.31 to 3.34).
///
/// # Errors
///
/// When the content is too long.
pub fn seal(
    address: &Address,
    plain: &Plain,
    group: &GroupKey,
    device: &DeviceSecret,
    entropy: &mut Entropy,
) -> Result<Vec<u8>, SealError> {
    let address_bytes = cbor::encode(address);
    let said = cbor::encode(plain);
    let (padded, length) = bucket(said.len())?;
    let signature = device.sign(Label::Message, &[address_bytes.as_slice(), &said].concat());

    // The signature stands for all of the plaintext: it depends on every bit of it and on the device's secret.
    let secret = device.seed().expose();
    let nonce: Secret<NONCE> = entropy.hedged(Label::Nonce, secret, &address_bytes, &signature.0);

    let mut sealed = Vec::with_capacity(HEADER + padded + TAG);
    sealed.push(VERSION);
    sealed.extend_from_slice(&address.epoch.0.to_be_bytes());
    sealed.extend_from_slice(nonce.expose());
    sealed.extend_from_slice(&length.to_be_bytes());
    sealed.extend_from_slice(&signature.0);
    sealed.extend_from_slice(&said);
    sealed.resize(HEADER + padded, 0);
    let key = message_key(group, address);
    aead::seal_tail(
        key.expose(),
        nonce.expose(),
        &address_bytes,
        &mut sealed,
        HEADER,
    );
    Ok(sealed)
}

/// Reads what anyone can read of a message, without a key.
///
/// # Errors
///
/// When it is newer than this, or shorter or longer than any message.
pub fn peek(bytes: &[u8]) -> Result<MessageHeader, OpenError> {
    read(bytes).map(|(header, _, _)| header)
}

/// Opens a message that `address` says who sent where, whose device signs with `key`.
///
/// # Errors
///
/// Names the first check that failed, in the order of spec 3.35.
pub fn open(
    bytes: &[u8],
    address: &Address,
    group: &GroupKey,
    key: &VerifyKey,
) -> Result<Plain, OpenError> {
    let (header, nonce, ciphertext) = read(bytes)?;
    if header.epoch != address.epoch {
        return Err(OpenError::WrongEpoch {
            got: header.epoch,
            expected: address.epoch,
        });
    }
    let address_bytes = cbor::encode(address);
    let message_key = message_key(group, address);
    let padded = aead::open(message_key.expose(), nonce, &address_bytes, ciphertext)
        .map_err(|_| OpenError::NotAuthentic)?;
    let (signature, said) = unpad(&padded)?;
    key.verify(Label::Message, &[&address_bytes, said].concat(), &signature)?;
    cbor::decode(said).map_err(OpenError::Malformed)
}

fn read(bytes: &[u8]) -> Result<(MessageHeader, &[u8; NONCE], &[u8]), OpenError> {
    let (version, rest) = bytes.split_first().ok_or(OpenError::Truncated)?;
    if *version != VERSION {
        return Err(OpenError::UnknownVersion(*version));
    }
    if bytes.len() > MAX_SEALED_BYTES {
        return Err(OpenError::TooLong {
            got: bytes.len(),
            max: MAX_SEALED_BYTES,
        });
    }
    let (epoch, rest) = rest.split_first_chunk().ok_or(OpenError::Truncated)?;
    let (nonce, ciphertext) = rest.split_first_chunk().ok_or(OpenError::Truncated)?;
    if ciphertext.len() < PREFIX + TAG {
        return Err(OpenError::Truncated);
    }
    let header = MessageHeader {
        version: *version,
        epoch: Epoch(u32::from_be_bytes(*epoch)),
    };
    Ok((header, nonce, ciphertext))
}

/// The size that a plaintext with `said` bytes to say is padded to, and that length as it is written (spec 3.33).
fn bucket(said: usize) -> Result<(usize, u16), SealError> {
    let too_long = SealError::TooLong {
        got: said,
        max: LARGEST - PREFIX,
    };
    let length = u16::try_from(said).map_err(|_| too_long)?;
    MESSAGE_BUCKETS
        .into_iter()
        .find(|bucket| *bucket >= said.saturating_add(PREFIX))
        .map(|bucket| (bucket, length))
        .ok_or(too_long)
}

/// Takes a plaintext apart into the signature and what was said.
fn unpad(padded: &[u8]) -> Result<(Signature, &[u8]), OpenError> {
    let (length, rest) = padded.split_first_chunk().ok_or(OpenError::BadPadding)?;
    let (signature, rest) = rest.split_first_chunk().ok_or(OpenError::BadPadding)?;
    let (said, padding) = rest
        .split_at_checked(usize::from(u16::from_be_bytes(*length)))
        .ok_or(OpenError::BadPadding)?;
    if !MESSAGE_BUCKETS.contains(&padded.len()) || padding.iter().any(|byte| *byte != 0) {
        return Err(OpenError::BadPadding);
    }
    Ok((Signature(*signature), said))
}

/// The key of one device's messages in one channel and epoch (spec 3.32).
fn message_key(group: &GroupKey, address: &Address) -> Secret<32> {
    derive(
        Label::MessageKey,
        None,
        group.secret().expose(),
        &[&address.channel.0, &address.device.0],
    )
}

#[cfg(test)]
mod tests;
