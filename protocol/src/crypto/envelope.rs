//! Envelopes: keys of groups, sealed to one device or to one open invite.
//!
//! Anyone may deliver an envelope, since the log decides what a key is: each key inside must match the commitment
//! that stands there.

use alloc::vec::Vec;
use core::fmt;

use minicbor::{Decode, Encode};
use zeroize::Zeroizing;

use super::device::{DeviceSecret, DhPublic, DhSecret, KeyError, Suite, ZeroSecret};
use super::direct::{self, DirectError};
use super::group::GroupKey;
use super::labels::Label;
use super::random::Entropy;
use super::secret::Secret;
pub use crate::ids::RecipientId;
use crate::ids::{Commitment, CommunityId, Epoch, GroupId};
use crate::limits::{MAX_ENVELOPE_BYTES, MAX_ENVELOPE_KEYS};
use crate::wire::cbor::{self, CborError};

/// The version of the format.
const VERSION: u8 = 1;

/// A recipient and its public key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Recipient {
    /// Who it is.
    pub id: RecipientId,
    /// What is sealed to.
    pub dh: DhPublic,
}

/// A key and where it belongs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyRecord {
    /// The group.
    pub group: GroupId,
    /// Its epoch.
    pub epoch: Epoch,
    /// The key.
    pub key: GroupKey,
}

/// What anyone can read of an envelope.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EnvelopeHeader {
    /// Whom it is for.
    pub recipient: RecipientId,
    /// Which keys it claims to hold.
    pub records: Vec<(GroupId, Epoch, Commitment)>,
}

/// Why an envelope was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum EnvelopeError {
    /// Not strict CBOR of the right shape.
    Malformed(CborError),
    /// Not sealed to this recipient in this community.
    NotAuthentic,
    /// The log has no such epoch (yet).
    NotInLog {
        /// The group.
        group: GroupId,
        /// The epoch.
        epoch: Epoch,
    },
    /// Longer than one with all the keys that it may hold.
    TooLong {
        /// Its length in bytes.
        got: usize,
        /// The longest.
        max: usize,
    },
    /// More keys than one envelope may hold.
    TooManyKeys {
        /// How many it claims.
        got: usize,
        /// How many it may.
        max: usize,
    },
    /// A newer format.
    UnknownVersion(u8),
    /// The ephemeral key is not a usable X25519 key.
    WeakKey(KeyError),
    /// A key is not the one that the log commits to.
    WrongCommitment {
        /// The group.
        group: GroupId,
        /// The epoch.
        epoch: Epoch,
    },
    /// The keys inside are not as many as the header says.
    WrongCount,
    /// It is for somebody else.
    WrongRecipient,
    /// The key agreement gave all zeros.
    ZeroSecret,
}

impl fmt::Display for EnvelopeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Malformed(error) => write!(f, "malformed envelope: {error}"),
            Self::NotAuthentic => f.write_str("envelope is not authentic"),
            Self::NotInLog { epoch, .. } => {
                write!(f, "the log has no epoch {} of the group", epoch.0)
            }
            Self::TooLong { got, max } => write!(f, "envelope of {got} bytes, at most {max}"),
            Self::TooManyKeys { got, max } => write!(f, "envelope of {got} keys, at most {max}"),
            Self::UnknownVersion(version) => write!(f, "unknown envelope version {version}"),
            Self::WeakKey(error) => write!(f, "ephemeral key: {error}"),
            Self::WrongCommitment { epoch, .. } => {
                write!(f, "key of epoch {} is not the one of the log", epoch.0)
            }
            Self::WrongCount => f.write_str("envelope holds another number of keys than it says"),
            Self::WrongRecipient => f.write_str("envelope is for somebody else"),
            Self::ZeroSecret => ZeroSecret.fmt(f),
        }
    }
}

impl core::error::Error for EnvelopeError {}

impl From<ZeroSecret> for EnvelopeError {
    fn from(_: ZeroSecret) -> Self {
        Self::ZeroSecret
    }
}

impl From<DirectError> for EnvelopeError {
    fn from(error: DirectError) -> Self {
        match error {
            DirectError::ZeroSecret => Self::ZeroSecret,
            DirectError::WeakKey(error) => Self::WeakKey(error),
            DirectError::NotAuthentic | DirectError::Truncated => Self::NotAuthentic,
        }
    }
}

/// `[header, sealed]`: the header is authenticated as the bytes that it came in (spec 3.20).
#[derive(Encode, Decode)]
struct Framed<'b> {
    #[cbor(n(0), with = "minicbor::bytes")]
    header: &'b [u8],
    #[cbor(n(1), with = "minicbor::bytes")]
    sealed: &'b [u8],
}

#[derive(Encode, Decode)]
#[cbor(map)]
struct Header {
    #[n(0)]
    version: u8,
    #[n(1)]
    suite: Suite,
    #[n(2)]
    recipient: RecipientId,
    #[cbor(n(3), with = "minicbor::bytes")]
    ephemeral: [u8; 32],
    #[n(4)]
    records: Vec<Record>,
}

#[derive(Clone, Copy, Encode, Decode)]
struct Record {
    #[n(0)]
    group: GroupId,
    #[n(1)]
    epoch: Epoch,
    #[n(2)]
    commitment: Commitment,
}

/// Read first, so that a newer format is named and not taken for damage.
#[derive(Decode)]
#[cbor(map)]
struct Version {
    #[n(0)]
    version: u8,
}

/// Seals keys to a recipient (spec 3.20). `sealer` only keeps a repeated seed harmless, and does not show.
///
/// # Errors
///
/// [`EnvelopeError::TooManyKeys`], past [`MAX_ENVELOPE_KEYS`].
pub fn seal(
    community: &CommunityId,
    recipient: &Recipient,
    records: &[KeyRecord],
    sealer: &DeviceSecret,
    entropy: &mut Entropy,
) -> Result<Vec<u8>, EnvelopeError> {
    check_count(records.len())?;
    let mut keys = Zeroizing::new(Vec::with_capacity(32 * records.len() + super::aead::TAG));
    for record in records {
        keys.extend_from_slice(record.key.secret().expose());
    }
    let ephemeral = direct::ephemeral(&recipient.dh, &community.0, &keys, sealer, entropy);
    let public = ephemeral.public();
    let header = cbor::encode(&Header {
        version: VERSION,
        suite: Suite::X25519,
        recipient: recipient.id,
        ephemeral: *public.as_bytes(),
        records: records
            .iter()
            .map(|record| Record {
                group: record.group,
                epoch: record.epoch,
                commitment: record.key.commitment(community, record.group, record.epoch),
            })
            .collect(),
    });
    let shared = ephemeral.agree(&recipient.dh)?;
    one_time(community, &shared, &public, &recipient.dh).seal_tail(&header, &mut keys, 0);
    Ok(cbor::encode(&Framed {
        header: &header,
        sealed: &keys,
    }))
}

/// Reads what anyone can read of an envelope, without a key.
///
/// # Errors
///
/// When it is malformed or newer than this.
pub fn peek(bytes: &[u8]) -> Result<EnvelopeHeader, EnvelopeError> {
    let (_, header, _) = read(bytes)?;
    Ok(EnvelopeHeader {
        recipient: header.recipient,
        records: header
            .records
            .iter()
            .map(|record| (record.group, record.epoch, record.commitment))
            .collect(),
    })
}

/// Opens an envelope. `committed` answers what the log says of a group's epoch; every key must match that (spec
/// 3.22).
///
/// # Errors
///
/// Names what is wrong with it; then none of its keys is taken.
pub fn open(
    bytes: &[u8],
    community: &CommunityId,
    recipient: RecipientId,
    secret: &DhSecret,
    mut committed: impl FnMut(GroupId, Epoch) -> Option<Commitment>,
) -> Result<Vec<KeyRecord>, EnvelopeError> {
    let (framed, header, ephemeral) = read(bytes)?;
    if header.recipient != recipient {
        return Err(EnvelopeError::WrongRecipient);
    }
    let shared = secret.agree(&ephemeral)?;
    let keys = one_time(community, &shared, &ephemeral, &secret.public())
        .open(framed.header, framed.sealed)?;
    if keys.len() != 32 * header.records.len() {
        return Err(EnvelopeError::WrongCount);
    }
    let mut opened = Vec::with_capacity(header.records.len());
    for (record, key) in header.records.iter().zip(keys.chunks_exact(32)) {
        let (group, epoch) = (record.group, record.epoch);
        let key = Secret::from_slice(key).ok_or(EnvelopeError::WrongCount)?;
        let key = GroupKey::from_secret(key);
        let commitment = committed(group, epoch).ok_or(EnvelopeError::NotInLog { group, epoch })?;
        let own = key.commitment(community, group, epoch);
        if own != commitment || record.commitment != commitment {
            return Err(EnvelopeError::WrongCommitment { group, epoch });
        }
        opened.push(KeyRecord { group, epoch, key });
    }
    Ok(opened)
}

fn read(bytes: &[u8]) -> Result<(Framed<'_>, Header, DhPublic), EnvelopeError> {
    let (got, max) = (bytes.len(), MAX_ENVELOPE_BYTES);
    if got > max {
        return Err(EnvelopeError::TooLong { got, max });
    }
    let framed: Framed<'_> = cbor::decode(bytes).map_err(EnvelopeError::Malformed)?;
    let Version { version } = cbor::decode(framed.header).map_err(EnvelopeError::Malformed)?;
    if version != VERSION {
        return Err(EnvelopeError::UnknownVersion(version));
    }
    let header: Header = cbor::decode(framed.header).map_err(EnvelopeError::Malformed)?;
    check_count(header.records.len())?;
    let ephemeral = DhPublic::parse(&header.ephemeral).map_err(EnvelopeError::WeakKey)?;
    Ok((framed, header, ephemeral))
}

fn check_count(got: usize) -> Result<(), EnvelopeError> {
    let max = MAX_ENVELOPE_KEYS;
    if got > max {
        return Err(EnvelopeError::TooManyKeys { got, max });
    }
    Ok(())
}

fn one_time(
    community: &CommunityId,
    shared: &Secret<32>,
    ephemeral: &DhPublic,
    recipient: &DhPublic,
) -> direct::OneTime {
    let mut context = Vec::with_capacity(33);
    context.push(Suite::X25519.number());
    context.extend_from_slice(&community.0);
    direct::one_time(Label::Envelope, shared, ephemeral, recipient, &context)
}

#[cfg(test)]
mod tests;
