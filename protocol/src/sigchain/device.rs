//! A device as the log introduces it.

use alloc::vec::Vec;

use minicbor::Encode;

use super::decode::Fields;
use super::error::{DecodeError, Newer};
use crate::crypto::device::SignatureError;
use crate::crypto::{DevicePublic, DeviceSecret, DhPublic, Label, Signature, Suite, VerifyKey};
use crate::ids::{CommunityId, DeviceId, UserId};
use crate::wire::cbor;

/// A new device's keys with its own signature over them: nobody can bring in keys that are not theirs.
#[derive(Clone, Debug, PartialEq, Eq, Encode)]
#[cbor(map)]
#[non_exhaustive]
pub struct DeviceRecord {
    /// The device.
    #[n(0)]
    pub device: DeviceId,
    /// How keys are sealed to it.
    #[n(1)]
    pub suite: Suite,
    /// Checks its signatures.
    #[n(2)]
    pub sign: VerifyKey,
    /// Receives keys.
    #[n(3)]
    pub dh: DhPublic,
    /// Its signature over community, user and all of the above.
    #[n(4)]
    pub proof: Signature,
}

/// What the proof signs.
#[derive(Encode)]
#[cbor(map)]
struct Claim<'a> {
    #[n(0)]
    community: &'a CommunityId,
    #[n(1)]
    user: UserId,
    #[n(2)]
    device: DeviceId,
    #[n(3)]
    suite: Suite,
    #[n(4)]
    sign: VerifyKey,
    #[n(5)]
    dh: DhPublic,
}

impl DeviceRecord {
    /// Introduces the device that holds `secret` (spec 4.6). The community is all zeros in `Genesis`.
    #[must_use]
    pub fn new(
        community: &CommunityId,
        user: UserId,
        device: DeviceId,
        secret: &DeviceSecret,
    ) -> Self {
        let public = secret.public();
        let claim = claim(community, user, device, &public);
        Self {
            device,
            suite: public.suite,
            sign: public.sign,
            dh: public.dh,
            proof: secret.sign(Label::DeviceRecord, &claim),
        }
    }

    /// Decodes a record that stands alone, as a newcomer posts it.
    ///
    /// # Errors
    ///
    /// When the bytes are no record, or one that only a newer version knows.
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        cbor::check(bytes)?;
        Self::from_fields(bytes)
    }

    /// The bytes of a record that stands alone.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        cbor::encode(self)
    }

    /// Checks that the device signed for itself as one of `user` in `community` (spec 4.6).
    ///
    /// # Errors
    ///
    /// When it did not.
    pub fn verify(&self, community: &CommunityId, user: UserId) -> Result<(), SignatureError> {
        let claim = claim(community, user, self.device, &self.public());
        self.sign.verify(Label::DeviceRecord, &claim, &self.proof)
    }

    /// The device's public keys.
    #[must_use]
    pub fn public(&self) -> DevicePublic {
        DevicePublic {
            suite: self.suite,
            sign: self.sign,
            dh: self.dh,
        }
    }

    /// Reads a record from checked CBOR. The suite comes first: that of a newer version may have longer keys.
    pub(super) fn from_fields(bytes: &[u8]) -> Result<Self, DecodeError> {
        let fields = Fields::read(bytes)?;
        let suite = match fields.take(1)? {
            1u64 => Suite::X25519,
            other => return Err(DecodeError::NeedsNewer(Newer::Suite(other))),
        };
        Ok(Self {
            device: fields.take(0)?,
            suite,
            sign: VerifyKey::parse(fields.bytes(2)?)?,
            dh: DhPublic::parse(fields.bytes(3)?)?,
            proof: fields.take(4)?,
        })
    }
}

fn claim(
    community: &CommunityId,
    user: UserId,
    device: DeviceId,
    public: &DevicePublic,
) -> Vec<u8> {
    cbor::encode(&Claim {
        community,
        user,
        device,
        suite: public.suite,
        sign: public.sign,
        dh: public.dh,
    })
}
