//! Names of users and channels: the log commits to them, and they travel sealed under a group's key.

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use minicbor::Encode;
use zeroize::Zeroizing;

use super::aead::{self, NONCE, TAG};
use super::device::DeviceSecret;
use super::group::GroupKey;
use super::hash::{derive, hash};
use super::labels::Label;
use super::random::Entropy;
use super::secret::Secret;
pub use crate::ids::Subject;
use crate::ids::{Commitment, CommunityId, Epoch, GroupId};
use crate::limits::MAX_NAME_BYTES;
use crate::wire::cbor;

/// The version of the format.
const VERSION: u8 = 1;

/// Version and nonce.
const HEADER: usize = 1 + NONCE;

/// Bytes of the salt that keeps a commitment from being guessed.
const SALT: usize = 16;

/// Salt, length and name: always as long as with the longest name.
const PLAINTEXT: usize = SALT + 1 + MAX_NAME_BYTES;

/// Where a name is sealed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode)]
#[cbor(map)]
pub struct NamePlace {
    /// The community.
    #[n(0)]
    pub community: CommunityId,
    /// Whose name it is.
    #[n(1)]
    pub subject: Subject,
    /// The group whose members may read it.
    #[n(2)]
    pub group: GroupId,
    /// The epoch of that group.
    #[n(3)]
    pub epoch: Epoch,
}

/// Why a name was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum NameError {
    /// It has a control character, or one that turns the direction of writing or shows nothing.
    Control,
    /// It is empty.
    Empty,
    /// Sealed and authentic, but not a salt and a name.
    Malformed,
    /// Not sealed under this key at this place.
    NotAuthentic,
    /// It begins or ends with white space.
    NotTrimmed,
    /// Longer than a name may be.
    TooLong {
        /// Its bytes.
        got: usize,
        /// The most there may be.
        max: usize,
    },
    /// Not of the length of a sealed name.
    Truncated,
    /// A newer format.
    UnknownVersion(u8),
    /// Not the name that the log commits to.
    WrongCommitment,
}

impl fmt::Display for NameError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Control => f.write_str("name with an invisible or control character"),
            Self::Empty => f.write_str("name is empty"),
            Self::Malformed => f.write_str("malformed name"),
            Self::NotAuthentic => f.write_str("name is not authentic"),
            Self::NotTrimmed => f.write_str("name begins or ends with white space"),
            Self::TooLong { got, max } => write!(f, "name of {got} bytes, at most {max}"),
            Self::Truncated => f.write_str("sealed name is truncated"),
            Self::UnknownVersion(version) => write!(f, "unknown name version {version}"),
            Self::WrongCommitment => f.write_str("name is not the one of the log"),
        }
    }
}

impl core::error::Error for NameError {}

/// A name that keeps the rules (spec 3.50), with the salt of its commitment.
#[derive(Clone, PartialEq, Eq)]
pub struct NameSecret {
    name: String,
    salt: Secret<SALT>,
}

impl NameSecret {
    /// Takes a name with a fresh salt.
    ///
    /// # Errors
    ///
    /// When the name breaks a rule.
    pub fn generate(name: &str, entropy: &mut Entropy) -> Result<Self, NameError> {
        let salt = entropy.hedged(Label::Name, &[], &[], name.as_bytes());
        Self::new(name, salt)
    }

    /// Takes a name with the salt that it was committed with.
    ///
    /// # Errors
    ///
    /// When the name breaks a rule.
    pub fn new(name: &str, salt: Secret<SALT>) -> Result<Self, NameError> {
        check(name)?;
        let name = String::from(name);
        Ok(Self { name, salt })
    }

    /// Opens a sealed name, which must be the one that the log commits to.
    ///
    /// # Errors
    ///
    /// When it was not sealed under this key at this place, breaks a rule, or is another than the log's.
    pub fn open(
        sealed: &[u8],
        place: &NamePlace,
        group: &GroupKey,
        commitment: &Commitment,
    ) -> Result<Self, NameError> {
        let (version, rest) = sealed.split_first().ok_or(NameError::Truncated)?;
        if *version != VERSION {
            return Err(NameError::UnknownVersion(*version));
        }
        let (nonce, ciphertext) = rest.split_first_chunk().ok_or(NameError::Truncated)?;
        if ciphertext.len() != PLAINTEXT + TAG {
            return Err(NameError::Truncated);
        }
        let key = name_key(group);
        let plaintext = aead::open(key.expose(), nonce, &cbor::encode(place), ciphertext)
            .map_err(|_| NameError::NotAuthentic)?;
        let (salt, name) = take_apart(&plaintext).ok_or(NameError::Malformed)?;
        let opened = Self::new(name, salt)?;
        if opened.commitment() != *commitment {
            return Err(NameError::WrongCommitment);
        }
        Ok(opened)
    }

    /// Seals the name for the members of a group (spec 3.52). `sealer` only keeps a repeated seed harmless.
    #[must_use]
    pub fn seal(
        &self,
        place: &NamePlace,
        group: &GroupKey,
        sealer: &DeviceSecret,
        entropy: &mut Entropy,
    ) -> Vec<u8> {
        let mut plaintext = Zeroizing::new(Vec::with_capacity(PLAINTEXT));
        plaintext.extend_from_slice(self.salt.expose());
        plaintext.push(u8::try_from(self.name.len()).unwrap_or(u8::MAX));
        plaintext.extend_from_slice(self.name.as_bytes());
        plaintext.resize(PLAINTEXT, 0);

        let place = cbor::encode(place);
        let secret = sealer.seed().expose();
        let nonce: Secret<NONCE> = entropy.hedged(Label::Nonce, secret, &place, &plaintext);
        let mut sealed = Vec::with_capacity(HEADER + PLAINTEXT + TAG);
        sealed.push(VERSION);
        sealed.extend_from_slice(nonce.expose());
        sealed.extend_from_slice(&plaintext);
        let key = name_key(group);
        aead::seal_tail(key.expose(), nonce.expose(), &place, &mut sealed, HEADER);
        sealed
    }

    /// What the log says of the name (spec 3.51).
    #[must_use]
    pub fn commitment(&self) -> Commitment {
        Commitment(hash(
            Label::Name,
            &[self.salt.expose(), self.name.as_bytes()],
        ))
    }

    /// The name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The salt, to be kept beside the name.
    #[must_use]
    pub fn salt(&self) -> &Secret<SALT> {
        &self.salt
    }
}

impl fmt::Debug for NameSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("NameSecret(..)")
    }
}

/// Checks the rules of a name (spec 3.50).
///
/// # Errors
///
/// Names the first rule that is broken.
pub fn check(name: &str) -> Result<(), NameError> {
    if name.is_empty() {
        return Err(NameError::Empty);
    }
    if name.len() > MAX_NAME_BYTES {
        return Err(NameError::TooLong {
            got: name.len(),
            max: MAX_NAME_BYTES,
        });
    }
    if name.trim() != name {
        return Err(NameError::NotTrimmed);
    }
    if name.chars().any(misleads) {
        return Err(NameError::Control);
    }
    Ok(())
}

/// Whether a character draws nothing of its own but changes what is seen. The two joiners may stay: some scripts
/// cannot be written without them.
fn misleads(character: char) -> bool {
    character.is_control()
        || matches!(
            character,
            '\u{ad}'
                | '\u{61c}'
                | '\u{180e}'
                | '\u{200b}'
                | '\u{200e}'..='\u{200f}'
                | '\u{2028}'..='\u{202e}'
                | '\u{2060}'..='\u{206f}'
                | '\u{feff}'
                | '\u{fff9}'..='\u{fffb}'
                | '\u{e0000}'..='\u{e007f}'
        )
}

/// Salt and name of a plaintext in its one form.
fn take_apart(plaintext: &[u8]) -> Option<(Secret<SALT>, &str)> {
    let (salt, rest) = plaintext.split_first_chunk()?;
    let (length, rest) = rest.split_first()?;
    let (name, padding) = rest.split_at_checked(usize::from(*length))?;
    if padding.iter().any(|byte| *byte != 0) {
        return None;
    }
    let name = core::str::from_utf8(name).ok()?;
    Some((Secret::from_bytes(*salt), name))
}

fn name_key(group: &GroupKey) -> Secret<32> {
    derive(Label::NameKey, None, group.secret().expose(), &[])
}

#[cfg(test)]
mod tests;
