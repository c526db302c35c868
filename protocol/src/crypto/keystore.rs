//! The keystore: a random file key, wrapped under what its owner types, that seals all that a client keeps.

use alloc::vec::Vec;
use core::fmt;

use minicbor::{Decode, Encode};
use zeroize::Zeroizing;

use super::aead::{self, NONCE, TAG};
use super::hash::hash;
use super::labels::Label;
use super::password::{KdfError, KdfMemory, KdfParams, stretch};
use super::random::Entropy;
use super::secret::Secret;
use crate::wire::cbor::{self, CborError};

/// The version of the file and of sealed records.
const VERSION: u8 = 1;

/// Version and nonce of a sealed record.
const RECORD_HEADER: usize = 1 + NONCE;

/// Why a keystore did not open, or was not made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum KeystoreError {
    /// The file is not what was written.
    Damaged,
    /// Not a keystore.
    Malformed(CborError),
    /// It would be cheaper to attack than any that we write.
    TooCheap(KdfParams),
    /// Its key would cost more than is ever computed.
    TooCostly(KdfParams),
    /// A newer format.
    UnknownVersion(u8),
    /// Another passphrase than the one it was made with.
    WrongPassphrase,
}

impl fmt::Display for KeystoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Damaged => f.write_str("keystore is damaged"),
            Self::Malformed(error) => write!(f, "not a keystore: {error}"),
            Self::TooCheap(params) => write!(
                f,
                "keystore of {} KiB, {} passes and {} lanes is below the floor",
                params.memory_kib, params.passes, params.lanes
            ),
            Self::TooCostly(params) => KdfError::TooCostly(*params).fmt(f),
            Self::UnknownVersion(version) => write!(f, "unknown keystore version {version}"),
            Self::WrongPassphrase => f.write_str("wrong passphrase"),
        }
    }
}

impl core::error::Error for KeystoreError {}

/// Why a sealed record did not open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RecordError {
    /// Not sealed under this file key, for this table and key.
    NotAuthentic,
    /// Too short to be a record.
    Truncated,
    /// A newer format.
    UnknownVersion(u8),
}

impl fmt::Display for RecordError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotAuthentic => f.write_str("record is not authentic"),
            Self::Truncated => f.write_str("record is truncated"),
            Self::UnknownVersion(version) => write!(f, "unknown record version {version}"),
        }
    }
}

impl core::error::Error for RecordError {}

/// `[header, wrapped, checksum]` (spec 3.72). The checksum only tells damage from a wrong passphrase.
#[derive(Encode, Decode)]
struct File<'b> {
    #[cbor(n(0), with = "minicbor::bytes")]
    header: &'b [u8],
    #[cbor(n(1), with = "minicbor::bytes")]
    wrapped: &'b [u8],
    #[cbor(n(2), with = "minicbor::bytes")]
    checksum: [u8; 32],
}

#[derive(Encode, Decode)]
#[cbor(map)]
struct Header {
    #[n(0)]
    version: u8,
    #[n(1)]
    params: KdfParams,
    #[cbor(n(2), with = "minicbor::bytes")]
    salt: [u8; 16],
    #[cbor(n(3), with = "minicbor::bytes")]
    nonce: [u8; NONCE],
}

/// Read first, so that a newer format is named and not taken for damage.
#[derive(Decode)]
#[cbor(map)]
struct Version {
    #[n(0)]
    version: u8,
}

/// Where a record stands, as associated data.
#[derive(Encode)]
struct RecordPlace<'b> {
    #[n(0)]
    table: &'b str,
    #[cbor(n(1), with = "minicbor::bytes")]
    key: &'b [u8],
}

/// Makes a keystore: its file key, and the bytes of its file.
///
/// # Errors
///
/// When the costs are below the floor or past the ceiling.
pub fn create(
    passphrase: &str,
    params: KdfParams,
    entropy: &mut Entropy,
) -> Result<(FileKey, Vec<u8>), KeystoreError> {
    let salt = entropy.bytes();
    let wrapping = wrapping_key(passphrase, &salt, params)?;
    // The passphrase's own key stands in for the device secret, which a new keystore has not got yet.
    let file_key: Secret<32> = entropy.hedged(Label::Keystore, wrapping.expose(), &salt, &[]);
    let nonce: Secret<NONCE> =
        entropy.hedged(Label::Nonce, wrapping.expose(), &salt, file_key.expose());
    let header = cbor::encode(&Header {
        version: VERSION,
        params,
        salt,
        nonce: *nonce.expose(),
    });
    let mut wrapped = Vec::with_capacity(32 + TAG);
    wrapped.extend_from_slice(file_key.expose());
    aead::seal_tail(wrapping.expose(), nonce.expose(), &header, &mut wrapped, 0);
    let file = cbor::encode(&File {
        header: &header,
        wrapped: &wrapped,
        checksum: hash(Label::Keystore, &[&header, &wrapped]),
    });
    Ok((FileKey(file_key), file))
}

/// Opens a keystore with its passphrase.
///
/// # Errors
///
/// Names what is wrong; the costs are checked before they are paid.
pub fn unlock(bytes: &[u8], passphrase: &str) -> Result<FileKey, KeystoreError> {
    let file: File<'_> = cbor::decode(bytes).map_err(KeystoreError::Malformed)?;
    let Version { version } = cbor::decode(file.header).map_err(KeystoreError::Malformed)?;
    if version != VERSION {
        return Err(KeystoreError::UnknownVersion(version));
    }
    if hash(Label::Keystore, &[file.header, file.wrapped]) != file.checksum {
        return Err(KeystoreError::Damaged);
    }
    let header: Header = cbor::decode(file.header).map_err(KeystoreError::Malformed)?;
    let wrapping = wrapping_key(passphrase, &header.salt, header.params)?;
    let opened = aead::open(wrapping.expose(), &header.nonce, file.header, file.wrapped)
        .map_err(|_| KeystoreError::WrongPassphrase)?;
    Secret::from_slice(&opened)
        .map(FileKey)
        .ok_or(KeystoreError::Damaged)
}

fn wrapping_key(
    passphrase: &str,
    salt: &[u8; 16],
    params: KdfParams,
) -> Result<Secret<32>, KeystoreError> {
    if !params.at_least(&KdfParams::FLOOR) {
        return Err(KeystoreError::TooCheap(params));
    }
    stretch(passphrase, salt, params, &mut KdfMemory::default())
        .map_err(|_| KeystoreError::TooCostly(params))
}

/// The key that seals records.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileKey(Secret<32>);

impl FileKey {
    /// Takes in a key that is kept elsewhere.
    #[must_use]
    pub fn from_secret(secret: Secret<32>) -> Self {
        Self(secret)
    }

    /// Seals the value of `key` in `table`: it opens only there (spec 3.73).
    #[must_use]
    pub fn seal_record(
        &self,
        table: &str,
        key: &[u8],
        value: &[u8],
        entropy: &mut Entropy,
    ) -> Vec<u8> {
        let place = cbor::encode(&RecordPlace { table, key });
        let nonce: Secret<NONCE> = entropy.hedged(Label::Nonce, self.0.expose(), &place, value);
        let mut sealed = Vec::with_capacity(RECORD_HEADER + value.len() + TAG);
        sealed.push(VERSION);
        sealed.extend_from_slice(nonce.expose());
        sealed.extend_from_slice(value);
        let (file_key, nonce) = (self.0.expose(), nonce.expose());
        aead::seal_tail(file_key, nonce, &place, &mut sealed, RECORD_HEADER);
        sealed
    }

    /// Opens the value of `key` in `table`.
    ///
    /// # Errors
    ///
    /// When it was not sealed for there under this key.
    pub fn open_record(
        &self,
        table: &str,
        key: &[u8],
        sealed: &[u8],
    ) -> Result<Zeroizing<Vec<u8>>, RecordError> {
        let (version, rest) = sealed.split_first().ok_or(RecordError::Truncated)?;
        if *version != VERSION {
            return Err(RecordError::UnknownVersion(*version));
        }
        let (nonce, ciphertext) = rest.split_first_chunk().ok_or(RecordError::Truncated)?;
        let place = cbor::encode(&RecordPlace { table, key });
        aead::open(self.0.expose(), nonce, &place, ciphertext)
            .map_err(|_| RecordError::NotAuthentic)
    }
}

#[cfg(test)]
mod tests;
