//! From bytes to an entry.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;

use minicbor::{Decode, Decoder};

use super::device::DeviceRecord;
use super::error::{DecodeError, Newer};
use super::payload::{Payload, SEALED_KEY_BYTES};
use crate::crypto::{DhPublic, VerifyKey};
use crate::time::UnixMillis;
use crate::wire::cbor::CborError;

/// The fields of a map with integer keys, each still as bytes. Fields that are not asked for have no meaning.
pub(super) struct Fields<'b>(BTreeMap<u64, &'b [u8]>);

impl<'b> Fields<'b> {
    /// Reads the map at the start of `bytes`, which the strict walker has checked.
    pub(super) fn read(bytes: &'b [u8]) -> Result<Self, DecodeError> {
        let mut d = Decoder::new(bytes);
        let length = d.map().ok().flatten().ok_or(CborError::WrongShape)?;
        let mut fields = BTreeMap::new();
        for _ in 0..length {
            let key = d.u64().map_err(|_| CborError::WrongShape)?;
            let start = d.position();
            d.skip().map_err(|_| CborError::WrongShape)?;
            let value = bytes.get(start..d.position()).unwrap_or_default();
            fields.insert(key, value);
        }
        Ok(Self(fields))
    }

    /// The field with this number.
    pub(super) fn take<T: Decode<'b, ()>>(&self, key: u64) -> Result<T, DecodeError> {
        minicbor::decode(self.raw(key)?).map_err(|_| CborError::WrongShape.into())
    }

    /// The field with this number, if it is there.
    pub(super) fn optional<T: Decode<'b, ()>>(&self, key: u64) -> Result<Option<T>, DecodeError> {
        match self.0.contains_key(&key) {
            true => self.take(key).map(Some),
            false => Ok(None),
        }
    }

    /// The byte string with this number.
    pub(super) fn bytes(&self, key: u64) -> Result<&'b [u8], DecodeError> {
        self.take::<&minicbor::bytes::ByteSlice>(key)
            .map(|bytes| &**bytes)
    }

    /// The encoded field with this number.
    pub(super) fn raw(&self, key: u64) -> Result<&'b [u8], DecodeError> {
        self.0
            .get(&key)
            .copied()
            .ok_or_else(|| CborError::WrongShape.into())
    }
}

/// Reads the payload of a kind (spec 4.4).
pub(super) fn payload(kind: u64, bytes: &[u8]) -> Result<Payload, DecodeError> {
    if kind > LAST_KIND {
        return Err(DecodeError::NeedsNewer(Newer::Kind(kind)));
    }
    let fields = Fields::read(bytes)?;
    let record = |key| fields.raw(key).and_then(DeviceRecord::from_fields);
    Ok(match kind {
        0 => Payload::Genesis {
            user: fields.take(0)?,
            device: record(1)?,
        },
        1 => Payload::Invite {
            key: VerifyKey::parse(fields.bytes(0)?)?,
            dh: DhPublic::parse(fields.bytes(1)?)?,
            uses: fields.take(2)?,
            expires: UnixMillis(fields.take(3)?),
        },
        2 => Payload::RevokeInvite {
            invite: fields.take(0)?,
        },
        3 => Payload::Join {
            user: fields.take(0)?,
            device: record(1)?,
            invite: fields.take(2)?,
        },
        4 => Payload::Vouch {
            user: fields.take(0)?,
            device: record(1)?,
        },
        5 => Payload::SetRole {
            user: fields.take(0)?,
            role: fields.take(1)?,
        },
        6 => Payload::CreateChannel {
            channel: fields.take(0)?,
            access: fields.take(1)?,
            history: fields.take(2)?,
        },
        7 => Payload::DeleteChannel {
            channel: fields.take(0)?,
        },
        8 => Payload::AddDevice {
            user: fields.take(0)?,
            device: record(1)?,
        },
        9 => Payload::SetRecovery { device: record(0)? },
        10 => Payload::RevokeDevice {
            device: fields.take(0)?,
        },
        11 => Payload::RemoveUser {
            user: fields.take(0)?,
        },
        12 => Payload::AddToChannel {
            channel: fields.take(0)?,
            user: fields.take(1)?,
        },
        13 => Payload::RemoveFromChannel {
            channel: fields.take(0)?,
            user: fields.take(1)?,
        },
        14 => Payload::SetName {
            subject: fields.take(0)?,
            commitment: fields.take(1)?,
        },
        _ => Payload::RotateKey {
            group: fields.take(0)?,
            epoch: fields.take(1)?,
            commitment: fields.take(2)?,
            previous: previous(&fields)?,
        },
    })
}

/// The highest number of a kind that this version knows: `RotateKey`.
const LAST_KIND: u64 = 15;

fn previous(fields: &Fields<'_>) -> Result<Option<Vec<u8>>, DecodeError> {
    let sealed: Option<&minicbor::bytes::ByteSlice> = fields.optional(3)?;
    match sealed {
        Some(sealed) if sealed.len() != SEALED_KEY_BYTES => {
            Err(DecodeError::PreviousLength { got: sealed.len() })
        }
        sealed => Ok(sealed.map(|sealed| sealed.to_vec())),
    }
}
