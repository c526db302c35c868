//! Names of things: users, devices, channels, messages, entries of the log.
//!
//! An id of 16 bytes is written as a UUID in JSON (the base API's form) and as a byte string in CBOR; a hash of 32
//! bytes is written as 64 hexadecimal digits in JSON.

use alloc::string::String;
use core::fmt;
use core::str::FromStr;

use minicbor::{Decode, Encode};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use uuid::Uuid;

/// A text that is not an id of the kind asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ParseIdError;

impl fmt::Display for ParseIdError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not an id")
    }
}

impl core::error::Error for ParseIdError {}

macro_rules! uuid_id {
    ($($(#[$doc:meta])* $name:ident;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Encode, Decode)]
        #[cbor(transparent)]
        pub struct $name(#[cbor(n(0), with = "minicbor::bytes")] pub [u8; 16]);

        impl $name {
            /// Makes an id of 16 random bytes: they become a UUID of version 4.
            #[must_use]
            pub fn from_random(bytes: [u8; 16]) -> Self {
                Self(*uuid::Builder::from_random_bytes(bytes).as_uuid().as_bytes())
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(&Uuid::from_bytes(self.0).as_hyphenated(), f)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self)
            }
        }

        impl FromStr for $name {
            type Err = ParseIdError;

            fn from_str(text: &str) -> Result<Self, ParseIdError> {
                Uuid::try_parse(text).map(|id| Self(*id.as_bytes())).map_err(|_| ParseIdError)
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
                to.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
                String::deserialize(from)?.parse().map_err(de::Error::custom)
            }
        }
    )*};
}

uuid_id! {
    /// A person's account on one server.
    UserId;
    /// One device of a user.
    DeviceId;
    /// A channel.
    ChannelId;
    /// A message, as the server numbered it: its name in the base API.
    MessageId;
    /// A sender's own name for a message before the server has numbered it: the idempotency key of a device in a
    /// channel.
    ClientId;
    /// A session of a device: its name where sessions are listed, never its token.
    SessionId;
    /// A server.
    ServerId;
    /// The store of a server: another one where a server was set up anew.
    StoreId;
}

macro_rules! hash_id {
    ($($(#[$doc:meta])* $name:ident;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Encode, Decode)]
        #[cbor(transparent)]
        pub struct $name(#[cbor(n(0), with = "minicbor::bytes")] pub [u8; 32]);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self)
            }
        }

        impl FromStr for $name {
            type Err = ParseIdError;

            fn from_str(text: &str) -> Result<Self, ParseIdError> {
                decode_hex(text).map(Self).ok_or(ParseIdError)
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
                to.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
                String::deserialize(from)?.parse().map_err(de::Error::custom)
            }
        }
    )*};
}

hash_id! {
    /// A community: the hash of its `Genesis` entry.
    CommunityId;
    /// The hash of an entry of the log, its signatures included.
    EntryHash;
    /// What a channel's messages were up to one of them: `T(seq)`.
    Transcript;
    /// What the log says of a group's key or of a name without saying it.
    Commitment;
}

/// Exactly 64 lower-case hexadecimal digits.
fn decode_hex(text: &str) -> Option<[u8; 32]> {
    let digits = text.as_bytes();
    if digits.len() != 64 {
        return None;
    }
    let mut bytes = [0; 32];
    for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
        for digit in pair {
            let value = match digit {
                b'0'..=b'9' => digit - b'0',
                b'a'..=b'f' => digit - b'a' + 10,
                _ => return None,
            };
            *byte = *byte << 4 | value;
        }
    }
    Some(bytes)
}

/// Who shares a key: everybody, or the members of one channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum GroupId {
    /// Everybody: the directory of names and every open channel with its whole history derive theirs from it.
    Open,
    /// The members of one channel.
    Channel(ChannelId),
}

impl fmt::Display for GroupId {
    /// Nothing for everybody, the channel's id else: the form in JSON.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Open => Ok(()),
            Self::Channel(channel) => fmt::Display::fmt(channel, f),
        }
    }
}

impl FromStr for GroupId {
    type Err = ParseIdError;

    fn from_str(text: &str) -> Result<Self, ParseIdError> {
        match text {
            "" => Ok(Self::Open),
            channel => channel.parse().map(Self::Channel),
        }
    }
}

impl<C> Encode<C> for GroupId {
    /// As a byte string: empty for everybody, the channel's 16 bytes else.
    fn encode<W: minicbor::encode::Write>(
        &self,
        e: &mut minicbor::Encoder<W>,
        _: &mut C,
    ) -> Result<(), minicbor::encode::Error<W::Error>> {
        match self {
            Self::Open => e.bytes(&[])?.ok(),
            Self::Channel(channel) => e.bytes(&channel.0)?.ok(),
        }
    }
}

impl<'b, C> Decode<'b, C> for GroupId {
    fn decode(d: &mut minicbor::Decoder<'b>, _: &mut C) -> Result<Self, minicbor::decode::Error> {
        match d.bytes()? {
            [] => Ok(Self::Open),
            bytes => bytes
                .try_into()
                .map(|id| Self::Channel(ChannelId(id)))
                .map_err(|_| minicbor::decode::Error::message("a group is named by 0 or 16 bytes")),
        }
    }
}

/// Whom keys are sealed to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum RecipientId {
    /// A device of the log.
    Device(DeviceId),
    /// An open invite, by the hash of its entry: whoever holds the link opens what is sealed to it.
    Invite(EntryHash),
}

impl fmt::Display for RecipientId {
    /// The device's id or the entry's hash: the form in JSON.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Device(device) => fmt::Display::fmt(device, f),
            Self::Invite(entry) => fmt::Display::fmt(entry, f),
        }
    }
}

impl FromStr for RecipientId {
    type Err = ParseIdError;

    fn from_str(text: &str) -> Result<Self, ParseIdError> {
        let invite = text.parse().map(Self::Invite);
        invite.or_else(|_| text.parse().map(Self::Device))
    }
}

impl<C> Encode<C> for RecipientId {
    /// As a byte string: 16 bytes for a device, 32 for an invite.
    fn encode<W: minicbor::encode::Write>(
        &self,
        e: &mut minicbor::Encoder<W>,
        _: &mut C,
    ) -> Result<(), minicbor::encode::Error<W::Error>> {
        match self {
            Self::Device(device) => e.bytes(&device.0)?.ok(),
            Self::Invite(entry) => e.bytes(&entry.0)?.ok(),
        }
    }
}

impl<'b, C> Decode<'b, C> for RecipientId {
    fn decode(d: &mut minicbor::Decoder<'b>, _: &mut C) -> Result<Self, minicbor::decode::Error> {
        let bytes = d.bytes()?;
        let device = bytes.try_into().map(|id| Self::Device(DeviceId(id)));
        device
            .or_else(|_| bytes.try_into().map(|hash| Self::Invite(EntryHash(hash))))
            .map_err(|_| minicbor::decode::Error::message("a recipient is named by 16 or 32 bytes"))
    }
}

macro_rules! text_in_json {
    ($($name:ident)*) => {$(
        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
                to.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
                String::deserialize(from)?.parse().map_err(de::Error::custom)
            }
        }
    )*};
}

text_in_json!(GroupId RecipientId);

/// What has a name of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Encode, Decode)]
#[non_exhaustive]
pub enum Subject {
    /// A person.
    #[n(0)]
    User(#[n(0)] UserId),
    /// A channel.
    #[n(1)]
    Channel(#[n(0)] ChannelId),
}

/// A generation of a group's key, counted from 0.
#[derive(
    Clone,
    Copy,
    Debug,
    Default,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Encode,
    Decode,
    Serialize,
    Deserialize,
)]
#[cbor(transparent)]
#[serde(transparent)]
pub struct Epoch(#[n(0)] pub u32);

impl Epoch {
    /// The epoch after this one.
    #[must_use]
    pub const fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }
}

/// A message's number in its channel, counted densely from 1. Zero stands before the first.
#[derive(
    Clone,
    Copy,
    Debug,
    Default,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Encode,
    Decode,
    Serialize,
    Deserialize,
)]
#[cbor(transparent)]
#[serde(transparent)]
pub struct Seq(#[n(0)] pub u64);

impl Seq {
    /// The number after this one.
    #[must_use]
    pub const fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }

    /// The number before this one, or zero.
    #[must_use]
    pub const fn previous(self) -> Self {
        Self(self.0.saturating_sub(1))
    }
}

/// A position in the log together with what stands there: the hash makes the position checkable.
#[derive(
    Clone,
    Copy,
    Debug,
    Default,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Encode,
    Decode,
    Serialize,
    Deserialize,
)]
pub struct Head {
    /// The entry's index, counted from 0 (`Genesis`).
    #[n(0)]
    pub index: u64,
    /// The entry's hash.
    #[n(1)]
    pub hash: EntryHash,
}

#[cfg(test)]
mod tests {
    use alloc::string::ToString;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn ids_survive_text_and_cbor(bytes: [u8; 16], hash: [u8; 32]) {
            let (channel, hash) = (ChannelId(bytes), EntryHash(hash));
            prop_assert_eq!(channel.to_string().parse(), Ok(channel));
            prop_assert_eq!(hash.to_string().parse(), Ok(hash));
            for group in [GroupId::Open, GroupId::Channel(channel)] {
                let encoded = minicbor::to_vec(group).unwrap();
                prop_assert_eq!(minicbor::decode::<GroupId>(&encoded).unwrap(), group);
                prop_assert_eq!(group.to_string().parse(), Ok(group));
            }
            for recipient in [RecipientId::Device(DeviceId(bytes)), RecipientId::Invite(hash)] {
                let encoded = minicbor::to_vec(recipient).unwrap();
                prop_assert_eq!(minicbor::decode::<RecipientId>(&encoded).unwrap(), recipient);
                prop_assert_eq!(recipient.to_string().parse(), Ok(recipient));
            }
        }

        #[test]
        fn no_text_panics(text: String) {
            let _ = text.parse::<UserId>();
            let _ = text.parse::<EntryHash>();
        }
    }
}
