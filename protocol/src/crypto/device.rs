//! A device's keys: Ed25519 to sign, X25519 to receive keys.

use core::fmt;

use ed25519_dalek::{Signer, SigningKey, VerifyingKey};
use minicbor::decode::Error as DecodeError;
use minicbor::encode::{Error as EncodeError, Write};
use minicbor::{Decode, Decoder, Encode, Encoder};
use x25519_dalek::{PublicKey, StaticSecret};

use super::hash::derive;
use super::labels::Label;
use super::random::Entropy;
use super::secret::Secret;

/// The u-coordinates of low order in canonical form, little-endian: 0, 1, p-1 and the two of order eight.
const LOW_ORDER: [[u8; 32]; 5] = [
    [0; 32],
    {
        let mut one = [0; 32];
        one[0] = 1;
        one
    },
    [
        0xe0, 0xeb, 0x7a, 0x7c, 0x3b, 0x41, 0xb8, 0xae, 0x16, 0x56, 0xe3, 0xfa, 0xf1, 0x9f, 0xc4,
        0x6a, 0xda, 0x09, 0x8d, 0xeb, 0x9c, 0x32, 0xb1, 0xfd, 0x86, 0x62, 0x05, 0x16, 0x5f, 0x49,
        0xb8, 0x00,
    ],
    [
        0x5f, 0x9c, 0x95, 0xbc, 0xa3, 0x50, 0x8c, 0x24, 0xb1, 0xd0, 0xb1, 0x55, 0x9c, 0x83, 0xef,
        0x5b, 0x04, 0x44, 0x5c, 0xc4, 0x58, 0x1c, 0x8e, 0x86, 0xd8, 0x22, 0x4e, 0xdd, 0xd0, 0x9f,
        0x11, 0x57,
    ],
    {
        let mut minus_one = FIELD_PRIME;
        minus_one[0] -= 1;
        minus_one
    },
];

/// 2^255 - 19, little-endian.
const FIELD_PRIME: [u8; 32] = {
    let mut prime = [0xff; 32];
    prime[0] = 0xed;
    prime[31] = 0x7f;
    prime
};

/// Why bytes are not a public key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum KeyError {
    /// Not 32 bytes.
    Length,
    /// A point of low order: any secret gives the same result with it.
    LowOrder,
    /// Not the one canonical form of a point: a second form would let one key pass for two.
    NotCanonical,
}

impl fmt::Display for KeyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Length => "a public key has 32 bytes",
            Self::LowOrder => "public key of low order",
            Self::NotCanonical => "public key not in canonical form",
        })
    }
}

impl core::error::Error for KeyError {}

/// A signature that is not this key's over these bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SignatureError;

impl fmt::Display for SignatureError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("signature does not verify")
    }
}

impl core::error::Error for SignatureError {}

/// A shared secret of all zeros: the other key was of low order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ZeroSecret;

impl fmt::Display for ZeroSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("key agreement gave all zeros")
    }
}

impl core::error::Error for ZeroSecret {}

/// The kinds of keys that a device has and how keys are sealed to it. Its record in the log fixes it for ever.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(index_only)]
#[non_exhaustive]
pub enum Suite {
    /// Ed25519, X25519, HKDF-SHA256, XChaCha20-Poly1305.
    #[n(1)]
    X25519,
}

impl Suite {
    /// The suite's number on the wire.
    #[must_use]
    pub const fn number(self) -> u8 {
        match self {
            Self::X25519 => 1,
        }
    }
}

/// An Ed25519 signature.
#[derive(Clone, Copy, PartialEq, Eq, Encode, Decode)]
#[cbor(transparent)]
pub struct Signature(#[cbor(n(0), with = "minicbor::bytes")] pub [u8; 64]);

impl fmt::Debug for Signature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Signature(")?;
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))?;
        f.write_str(")")
    }
}

/// An Ed25519 public key: canonical and not of low order.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct VerifyKey(VerifyingKey);

impl VerifyKey {
    /// Takes in 32 bytes (spec 3.6).
    ///
    /// # Errors
    ///
    /// When they are no point in canonical form, or one of low order.
    pub fn parse(bytes: &[u8]) -> Result<Self, KeyError> {
        let bytes: &[u8; 32] = bytes.try_into().map_err(|_| KeyError::Length)?;
        let key = VerifyingKey::from_bytes(bytes).map_err(|_| KeyError::NotCanonical)?;
        if key.to_edwards().compress().as_bytes() != bytes {
            return Err(KeyError::NotCanonical);
        }
        if key.is_weak() {
            return Err(KeyError::LowOrder);
        }
        Ok(Self(key))
    }

    /// Checks a signature over `message` under `label`, strictly (spec 3.5).
    ///
    /// # Errors
    ///
    /// When it is not this key's.
    pub fn verify(
        &self,
        label: Label,
        message: &[u8],
        signature: &Signature,
    ) -> Result<(), SignatureError> {
        let signature = ed25519_dalek::Signature::from_bytes(&signature.0);
        self.0
            .verify_strict(&signed_bytes(label, message), &signature)
            .map_err(|_| SignatureError)
    }

    /// The key's 32 bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8; 32] {
        self.0.as_bytes()
    }
}

/// An X25519 public key: canonical and not of low order.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DhPublic([u8; 32]);

impl DhPublic {
    /// Takes in 32 bytes (spec 3.6).
    ///
    /// # Errors
    ///
    /// When they are not below the field's prime, or a point of low order.
    pub fn parse(bytes: &[u8]) -> Result<Self, KeyError> {
        let key: [u8; 32] = bytes.try_into().map_err(|_| KeyError::Length)?;
        if key.iter().rev().ge(FIELD_PRIME.iter().rev()) {
            return Err(KeyError::NotCanonical);
        }
        if LOW_ORDER.contains(&key) {
            return Err(KeyError::LowOrder);
        }
        Ok(Self(key))
    }

    /// The key's 32 bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

macro_rules! key_traits {
    ($($name:ident),*) => {$(
        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(concat!(stringify!($name), "("))?;
                self.as_bytes().iter().try_for_each(|byte| write!(f, "{byte:02x}"))?;
                f.write_str(")")
            }
        }

        impl<C> Encode<C> for $name {
            fn encode<W: Write>(
                &self,
                e: &mut Encoder<W>,
                _: &mut C,
            ) -> Result<(), EncodeError<W::Error>> {
                e.bytes(self.as_bytes())?.ok()
            }
        }

        impl<'b, C> Decode<'b, C> for $name {
            fn decode(d: &mut Decoder<'b>, _: &mut C) -> Result<Self, DecodeError> {
                Self::parse(d.bytes()?).map_err(|_| DecodeError::message("not a usable public key"))
            }
        }
    )*};
}

key_traits!(VerifyKey, DhPublic);

/// An X25519 secret key.
#[derive(Clone)]
pub struct DhSecret(StaticSecret);

impl DhSecret {
    /// Takes in 32 secret bytes.
    #[must_use]
    pub fn from_bytes(bytes: &Secret<32>) -> Self {
        Self(StaticSecret::from(*bytes.expose()))
    }

    /// The public key.
    #[must_use]
    pub fn public(&self) -> DhPublic {
        // A clamped secret is no multiple of the group's order: its public key is neither of low order nor, being
        // computed here, in any but the canonical form.
        DhPublic(PublicKey::from(&self.0).to_bytes())
    }

    /// Agrees on a secret with the owner of `other`.
    ///
    /// # Errors
    ///
    /// When the result is all zeros.
    pub fn agree(&self, other: &DhPublic) -> Result<Secret<32>, ZeroSecret> {
        let shared = self.0.diffie_hellman(&PublicKey::from(other.0));
        if !shared.was_contributory() {
            return Err(ZeroSecret);
        }
        Ok(Secret::from_bytes(shared.to_bytes()))
    }
}

impl fmt::Debug for DhSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("DhSecret(..)")
    }
}

/// A device's public keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DevicePublic {
    /// How keys are sealed to the device.
    pub suite: Suite,
    /// Checks its signatures.
    pub sign: VerifyKey,
    /// Receives keys.
    pub dh: DhPublic,
}

/// A device's secret keys, both derived from one seed.
#[derive(Clone)]
pub struct DeviceSecret {
    seed: Secret<32>,
    sign: SigningKey,
    dh: DhSecret,
}

impl DeviceSecret {
    /// Makes the keys of a new device.
    #[must_use]
    pub fn generate(entropy: &mut Entropy) -> Self {
        Self::from_seed(entropy.hedged(Label::FreshDevice, &[], &[], &[]))
    }

    /// Derives the keys of a device from its seed (spec 3.7).
    #[must_use]
    pub fn from_seed(seed: Secret<32>) -> Self {
        let sign = derive::<32>(Label::DeviceSigning, None, seed.expose(), &[]);
        let dh = derive::<32>(Label::DeviceExchange, None, seed.expose(), &[]);
        Self {
            sign: SigningKey::from_bytes(sign.expose()),
            dh: DhSecret::from_bytes(&dh),
            seed,
        }
    }

    /// Signs `message` under `label` (spec 3.5).
    #[must_use]
    pub fn sign(&self, label: Label, message: &[u8]) -> Signature {
        Signature(self.sign.sign(&signed_bytes(label, message)).to_bytes())
    }

    /// The public keys.
    #[must_use]
    pub fn public(&self) -> DevicePublic {
        DevicePublic {
            suite: Suite::X25519,
            sign: VerifyKey(self.sign.verifying_key()),
            dh: self.dh.public(),
        }
    }

    /// The secret key that receives keys.
    #[must_use]
    pub fn dh(&self) -> &DhSecret {
        &self.dh
    }

    /// The seed: all that must be kept of the device.
    #[must_use]
    pub fn seed(&self) -> &Secret<32> {
        &self.seed
    }
}

impl fmt::Debug for DeviceSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("DeviceSecret(..)")
    }
}

/// What is really signed: the label, a zero byte and the message.
fn signed_bytes(label: Label, message: &[u8]) -> alloc::vec::Vec<u8> {
    [label.as_bytes(), &[0], message].concat()
}

#[cfg(test)]
mod tests;
