//! One entry of the log: its bytes, what they say, and their hash.

use alloc::vec::Vec;
use core::ops::Range;

use minicbor::{Decoder, Encode};

use super::decode::{self, Fields};
use super::error::{DecodeError, Newer};
use super::payload::Payload;
use crate::crypto::{Label, Signature, hash};
use crate::ids::{CommunityId, DeviceId, EntryHash, Head};
use crate::limits::MAX_ENTRY_BYTES;
use crate::time::UnixMillis;
use crate::wire::cbor::{self, CborError};

/// The version of the log's format that this crate writes and reads.
const VERSION: u64 = 1;

/// The most signatures that an entry has: a `Join` has two.
const MAX_SIGNATURES: u64 = 2;

/// What an entry says: its place and its payload.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Body {
    pub(super) community: CommunityId,
    pub(super) previous: EntryHash,
    pub(super) index: u64,
    pub(super) author: DeviceId,
    pub(super) time: UnixMillis,
    pub(super) payload: Payload,
}

/// An entry as received: well-formed, and not yet judged. Only [`Chain`](super::Chain) says whether it is valid.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    bytes: Vec<u8>,
    /// Where in `bytes` the signed body stands.
    signed: Range<usize>,
    hash: EntryHash,
    body: Body,
    signatures: Vec<Signature>,
}

impl Entry {
    /// Reads an entry (spec 4.1 to 4.4).
    ///
    /// # Errors
    ///
    /// When the bytes are no entry, or one that only a newer version knows.
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        if bytes.len() > MAX_ENTRY_BYTES {
            return Err(DecodeError::TooLong {
                got: bytes.len(),
                max: MAX_ENTRY_BYTES,
            });
        }
        cbor::check(bytes)?;
        let (signed, signatures) = envelope(bytes).ok_or(CborError::WrongShape)?;
        let body = Body::decode(bytes.get(signed.clone()).unwrap_or_default())?;
        Ok(Self {
            hash: EntryHash(hash(Label::EntryHash, &[bytes])),
            bytes: bytes.to_vec(),
            signed,
            body,
            signatures,
        })
    }

    /// Puts an entry together from a body that was encoded and signed here.
    pub(super) fn assemble(body: Body, signed: &[u8], signatures: Vec<Signature>) -> Self {
        let mut bytes = Vec::with_capacity(signed.len() + 80 * signatures.len());
        bytes.push(ARRAY_OF_TWO);
        bytes.extend_from_slice(&cbor::encode(&minicbor::bytes::ByteVec::from(
            signed.to_vec(),
        )));
        let end = bytes.len();
        bytes.extend_from_slice(&cbor::encode(&signatures));
        Self {
            hash: EntryHash(hash(Label::EntryHash, &[&bytes])),
            signed: end - signed.len()..end,
            bytes,
            body,
            signatures,
        }
    }

    /// The bytes, as received.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The hash over all of the bytes.
    #[must_use]
    pub fn hash(&self) -> EntryHash {
        self.hash
    }

    /// The head of a log that ends with this entry.
    #[must_use]
    pub fn head(&self) -> Head {
        Head {
            index: self.body.index,
            hash: self.hash,
        }
    }

    /// The community that the entry belongs to: of `Genesis` its own hash.
    #[must_use]
    pub fn community(&self) -> CommunityId {
        match self.is_genesis() {
            true => CommunityId(self.hash.0),
            false => self.body.community,
        }
    }

    /// The index that the entry claims.
    #[must_use]
    pub fn index(&self) -> u64 {
        self.body.index
    }

    /// The device that says to have written the entry.
    #[must_use]
    pub fn author(&self) -> DeviceId {
        self.body.author
    }

    /// When the author says to have written the entry. Never judged.
    #[must_use]
    pub fn time(&self) -> UnixMillis {
        self.body.time
    }

    /// What the entry says.
    #[must_use]
    pub fn payload(&self) -> &Payload {
        &self.body.payload
    }

    /// Whether the entry founds its community.
    pub(super) fn is_genesis(&self) -> bool {
        matches!(self.body.payload, Payload::Genesis { .. })
    }

    /// The entry's place and payload.
    pub(super) fn body(&self) -> &Body {
        &self.body
    }

    /// The bytes that are signed.
    pub(super) fn signed(&self) -> &[u8] {
        self.bytes.get(self.signed.clone()).unwrap_or_default()
    }

    /// The signatures, in their order.
    pub(super) fn signatures(&self) -> &[Signature] {
        &self.signatures
    }
}

/// The CBOR head of an array of two items.
const ARRAY_OF_TWO: u8 = 0x82;

/// Finds the body and the signatures in an entry's bytes.
fn envelope(bytes: &[u8]) -> Option<(Range<usize>, Vec<Signature>)> {
    let mut d = Decoder::new(bytes);
    if d.array().ok()? != Some(2) {
        return None;
    }
    let length = d.bytes().ok()?.len();
    let signed = d.position() - length..d.position();
    let count = d.array().ok()??;
    if count > MAX_SIGNATURES {
        return None;
    }
    let signatures = (0..count).map(|_| d.decode().ok()).collect::<Option<_>>()?;
    Some((signed, signatures))
}

impl Body {
    /// Reads a body. Its version comes first: a newer one may be different in all else.
    fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        cbor::check(bytes)?;
        let fields = Fields::read(bytes)?;
        let version = fields.take(0)?;
        if version != VERSION {
            return Err(DecodeError::NeedsNewer(Newer::Version(version)));
        }
        Ok(Self {
            community: fields.take(1)?,
            previous: fields.take(2)?,
            index: fields.take(3)?,
            author: fields.take(4)?,
            time: UnixMillis(fields.take(5)?),
            payload: decode::payload(fields.take(6)?, fields.raw(7)?)?,
        })
    }
}

impl<C> Encode<C> for Body {
    fn encode<W: minicbor::encode::Write>(
        &self,
        e: &mut minicbor::Encoder<W>,
        _: &mut C,
    ) -> Result<(), minicbor::encode::Error<W::Error>> {
        e.map(8)?.u8(0)?.u64(VERSION)?;
        e.u8(1)?.encode(self.community)?;
        e.u8(2)?.encode(self.previous)?;
        e.u8(3)?.u64(self.index)?;
        e.u8(4)?.encode(self.author)?;
        e.u8(5)?.u64(self.time.0)?;
        e.u8(6)?.u64(self.payload.kind())?;
        e.u8(7)?.encode(&self.payload)?.ok()
    }
}
