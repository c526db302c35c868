//! A group's key: what the log says of it, and how the next one carries it on.

use alloc::vec::Vec;
use core::fmt;

use minicbor::Encode;

use super::aead::{self, NONCE};
use super::device::DeviceSecret;
use super::hash::{derive, hash};
use super::labels::Label;
use super::random::Entropy;
use super::secret::Secret;
use crate::ids::{Commitment, CommunityId, Epoch, GroupId};
use crate::wire::cbor;

/// The key of a group in one epoch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupKey(Secret<32>);

/// Where a key belongs, as associated data.
#[derive(Encode)]
#[cbor(map)]
struct Place {
    #[n(0)]
    community: CommunityId,
    #[n(1)]
    group: GroupId,
    #[n(2)]
    epoch: Epoch,
}

/// Why a sealed previous key was not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum PreviousKeyError {
    /// Not sealed under this key for this place.
    NotAuthentic,
    /// Not of the length of a sealed key.
    Truncated,
    /// The key is not the one that the log commits to.
    WrongCommitment,
}

impl fmt::Display for PreviousKeyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotAuthentic => "previous key is not authentic",
            Self::Truncated => "previous key is truncated",
            Self::WrongCommitment => "previous key is not the one of the log",
        })
    }
}

impl core::error::Error for PreviousKeyError {}

impl GroupKey {
    /// Makes the key of a new epoch. `sealer` is the device that rotates: its secret keeps a repeated seed harmless.
    #[must_use]
    pub fn generate(
        community: &CommunityId,
        group: GroupId,
        epoch: Epoch,
        sealer: &DeviceSecret,
        entropy: &mut Entropy,
    ) -> Self {
        let place = place(community, group, epoch);
        let secret = sealer.seed().expose();
        Self(entropy.hedged(Label::FreshGroupKey, secret, &place, &[]))
    }

    /// Takes in a key that was kept.
    #[must_use]
    pub fn from_secret(secret: Secret<32>) -> Self {
        Self(secret)
    }

    /// What the log says of this key (spec 3.10).
    #[must_use]
    pub fn commitment(&self, community: &CommunityId, group: GroupId, epoch: Epoch) -> Commitment {
        let place = place(community, group, epoch);
        Commitment(hash(Label::GroupKey, &[&place, self.0.expose()]))
    }

    /// Seals the key of the epoch before under this one, which is the key of `epoch` (spec 3.11).
    #[must_use]
    pub fn seal_previous(
        &self,
        community: &CommunityId,
        group: GroupId,
        epoch: Epoch,
        previous: &Self,
        sealer: &DeviceSecret,
        entropy: &mut Entropy,
    ) -> Vec<u8> {
        let place = place(community, group, epoch);
        let plaintext = previous.0.expose();
        let secret = sealer.seed().expose();
        let nonce: Secret<NONCE> = entropy.hedged(Label::Nonce, secret, &place, plaintext);
        let mut sealed = Vec::with_capacity(NONCE + plaintext.len() + aead::TAG);
        sealed.extend_from_slice(nonce.expose());
        sealed.extend_from_slice(plaintext);
        let key = derive(Label::PreviousKey, None, self.0.expose(), &[]);
        aead::seal_tail(key.expose(), nonce.expose(), &place, &mut sealed, NONCE);
        sealed
    }

    /// Opens the key of the epoch before, which must be the one that the log commits to.
    ///
    /// # Errors
    ///
    /// When it was not sealed under this key for this place, or is another key than the log's.
    pub fn open_previous(
        &self,
        community: &CommunityId,
        group: GroupId,
        epoch: Epoch,
        sealed: &[u8],
        commitment: &Commitment,
    ) -> Result<Self, PreviousKeyError> {
        let (nonce, ciphertext) = sealed
            .split_first_chunk::<NONCE>()
            .ok_or(PreviousKeyError::Truncated)?;
        let key = derive(Label::PreviousKey, None, self.0.expose(), &[]);
        let place = place(community, group, epoch);
        let opened = aead::open(key.expose(), nonce, &place, ciphertext)
            .map_err(|_| PreviousKeyError::NotAuthentic)?;
        let previous = Secret::from_slice(&opened)
            .map(Self)
            .ok_or(PreviousKeyError::Truncated)?;
        let before = epoch
            .0
            .checked_sub(1)
            .ok_or(PreviousKeyError::WrongCommitment)?;
        if previous.commitment(community, group, Epoch(before)) != *commitment {
            return Err(PreviousKeyError::WrongCommitment);
        }
        Ok(previous)
    }

    /// The key's bytes, to be kept.
    #[must_use]
    pub fn secret(&self) -> &Secret<32> {
        &self.0
    }
}

fn place(community: &CommunityId, group: GroupId, epoch: Epoch) -> Vec<u8> {
    cbor::encode(&Place {
        community: *community,
        group,
        epoch,
    })
}

#[cfg(test)]
mod tests {
    use alloc::format;

    use proptest::prelude::*;

    use super::*;
    use crate::ids::ChannelId;

    const COMMUNITY: CommunityId = CommunityId([1; 32]);
    const GROUP: GroupId = GroupId::Channel(ChannelId([2; 16]));

    fn key(byte: u8) -> GroupKey {
        GroupKey::from_secret(Secret::from_bytes([byte; 32]))
    }

    fn sealed() -> (Vec<u8>, Commitment) {
        let device = DeviceSecret::from_seed(Secret::from_bytes([3; 32]));
        let mut entropy = Entropy::from_seed([4; 32]);
        let (new, old) = (key(2), key(1));
        let sealed = new.seal_previous(&COMMUNITY, GROUP, Epoch(5), &old, &device, &mut entropy);
        (sealed, old.commitment(&COMMUNITY, GROUP, Epoch(4)))
    }

    #[test]
    fn a_key_is_never_printed() {
        assert_eq!(format!("{:?}", key(1)), "GroupKey(Secret(..))");
    }

    // spec 3.10
    #[test]
    fn a_commitment_is_bound_to_its_place() {
        let base = key(1).commitment(&COMMUNITY, GROUP, Epoch(0));
        assert_ne!(base, key(2).commitment(&COMMUNITY, GROUP, Epoch(0)));
        assert_ne!(base, key(1).commitment(&COMMUNITY, GROUP, Epoch(1)));
        assert_ne!(base, key(1).commitment(&COMMUNITY, GroupId::Open, Epoch(0)));
        assert_ne!(
            base,
            key(1).commitment(&CommunityId([9; 32]), GROUP, Epoch(0))
        );
    }

    // spec 3.11
    #[test]
    fn the_previous_key_opens_at_its_place_only() {
        let (bytes, commitment) = sealed();
        let open = |key: &GroupKey, community, group, epoch| {
            key.open_previous(&community, group, epoch, &bytes, &commitment)
        };
        assert_eq!(open(&key(2), COMMUNITY, GROUP, Epoch(5)), Ok(key(1)));
        let refused = Err(PreviousKeyError::NotAuthentic);
        assert_eq!(open(&key(3), COMMUNITY, GROUP, Epoch(5)), refused);
        assert_eq!(
            open(&key(2), CommunityId([9; 32]), GROUP, Epoch(5)),
            refused
        );
        assert_eq!(open(&key(2), COMMUNITY, GroupId::Open, Epoch(5)), refused);
        assert_eq!(open(&key(2), COMMUNITY, GROUP, Epoch(6)), refused);
    }

    // spec 3.11
    #[test]
    fn a_previous_key_that_the_log_does_not_know_is_refused() {
        let (bytes, _) = sealed();
        let opened =
            key(2).open_previous(&COMMUNITY, GROUP, Epoch(5), &bytes, &Commitment([0; 32]));
        assert_eq!(opened, Err(PreviousKeyError::WrongCommitment));
    }

    proptest! {
        #[test]
        fn no_bytes_panic_or_open(bytes: Vec<u8>) {
            let (_, commitment) = sealed();
            prop_assert!(key(2).open_previous(&COMMUNITY, GROUP, Epoch(5), &bytes, &commitment).is_err());
        }

        #[test]
        fn a_flipped_bit_is_refused(bit in 0..72 * 8usize) {
            let (mut bytes, commitment) = sealed();
            bytes[bit / 8] ^= 1 << (bit % 8);
            let opened = key(2).open_previous(&COMMUNITY, GROUP, Epoch(5), &bytes, &commitment);
            prop_assert_eq!(opened, Err(PreviousKeyError::NotAuthentic));
        }
    }
}
