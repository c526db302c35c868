//! Sealing to one X25519 key: under envelopes, and for what a newcomer tells a single device.

use alloc::vec::Vec;
use core::fmt;

use zeroize::Zeroizing;

use super::aead::{self, NONCE};
use super::device::{DeviceSecret, DhPublic, DhSecret, KeyError, ZeroSecret};
use super::hash::derive;
use super::labels::Label;
use super::random::Entropy;
use super::secret::Secret;

/// Why something sealed to a device did not open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum DirectError {
    /// Not sealed to this key in this context.
    NotAuthentic,
    /// Too short to be anything sealed.
    Truncated,
    /// The ephemeral key is not a usable X25519 key.
    WeakKey(KeyError),
    /// The key agreement gave all zeros.
    ZeroSecret,
}

impl fmt::Display for DirectError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotAuthentic => f.write_str("not sealed to this key"),
            Self::Truncated => f.write_str("sealed bytes are truncated"),
            Self::WeakKey(error) => write!(f, "ephemeral key: {error}"),
            Self::ZeroSecret => ZeroSecret.fmt(f),
        }
    }
}

impl core::error::Error for DirectError {}

impl From<ZeroSecret> for DirectError {
    fn from(_: ZeroSecret) -> Self {
        Self::ZeroSecret
    }
}

/// Seals `plaintext` to the owner of `to` (spec 3.30). `context` says what it is for, and must be the same at the
/// opening; `sealer` only keeps a repeated seed harmless, and does not show.
///
/// # Errors
///
/// When the key agreement gives all zeros, which no parsed key does.
pub fn seal_to_device(
    to: &DhPublic,
    context: &[u8],
    plaintext: &[u8],
    sealer: &DeviceSecret,
    entropy: &mut Entropy,
) -> Result<Vec<u8>, ZeroSecret> {
    let ephemeral = ephemeral(to, context, plaintext, sealer, entropy);
    let public = ephemeral.public();
    let shared = ephemeral.agree(to)?;
    let keys = one_time(Label::Direct, &shared, &public, to, context);
    let mut sealed = Vec::with_capacity(32 + plaintext.len() + aead::TAG);
    sealed.extend_from_slice(public.as_bytes());
    sealed.extend_from_slice(plaintext);
    keys.seal_tail(context, &mut sealed, 32);
    Ok(sealed)
}

/// Opens what [`seal_to_device`] sealed.
///
/// # Errors
///
/// When it was not sealed to this key in this context.
pub fn open_from_device(
    secret: &DhSecret,
    context: &[u8],
    sealed: &[u8],
) -> Result<Zeroizing<Vec<u8>>, DirectError> {
    let (public, ciphertext) = sealed
        .split_first_chunk::<32>()
        .ok_or(DirectError::Truncated)?;
    let public = DhPublic::parse(public).map_err(DirectError::WeakKey)?;
    let shared = secret.agree(&public)?;
    let keys = one_time(Label::Direct, &shared, &public, &secret.public(), context);
    keys.open(context, ciphertext)
}

/// Key and nonce of one sealing: the key is used once, so the nonce may be derived beside it.
pub(super) struct OneTime {
    key: Secret<32>,
    nonce: Secret<NONCE>,
}

impl OneTime {
    pub(super) fn seal_tail(&self, associated: &[u8], buffer: &mut Vec<u8>, start: usize) {
        let (key, nonce) = (self.key.expose(), self.nonce.expose());
        aead::seal_tail(key, nonce, associated, buffer, start);
    }

    pub(super) fn open(
        &self,
        associated: &[u8],
        sealed: &[u8],
    ) -> Result<Zeroizing<Vec<u8>>, DirectError> {
        aead::open(self.key.expose(), self.nonce.expose(), associated, sealed)
            .map_err(|_| DirectError::NotAuthentic)
    }
}

/// A key pair for one sealing.
pub(super) fn ephemeral(
    to: &DhPublic,
    context: &[u8],
    plaintext: &[u8],
    sealer: &DeviceSecret,
    entropy: &mut Entropy,
) -> DhSecret {
    let context = [to.as_bytes(), context].concat();
    let secret = sealer.seed().expose();
    DhSecret::from_bytes(&entropy.hedged(Label::Ephemeral, secret, &context, plaintext))
}

/// Derives key and nonce of one sealing from the agreed secret (spec 3.21).
pub(super) fn one_time(
    label: Label,
    shared: &Secret<32>,
    ephemeral: &DhPublic,
    recipient: &DhPublic,
    context: &[u8],
) -> OneTime {
    let (shared, ephemeral, recipient) =
        (shared.expose(), ephemeral.as_bytes(), recipient.as_bytes());
    OneTime {
        key: derive(
            label,
            None,
            shared,
            &[b"key", ephemeral, recipient, context],
        ),
        nonce: derive(
            label,
            None,
            shared,
            &[b"nonce", ephemeral, recipient, context],
        ),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn device(byte: u8) -> DeviceSecret {
        DeviceSecret::from_seed(Secret::from_bytes([byte; 32]))
    }

    fn sealed(plaintext: &[u8]) -> Vec<u8> {
        let mut entropy = Entropy::from_seed([3; 32]);
        let to = device(1).public().dh;
        seal_to_device(&to, b"context", plaintext, &device(2), &mut entropy).unwrap()
    }

    // spec 3.30
    #[test]
    fn only_the_recipient_opens_in_the_same_context() {
        let bytes = sealed(b"hello");
        let open = |byte, context: &[u8]| open_from_device(device(byte).dh(), context, &bytes);
        assert_eq!(
            open(1, b"context").as_deref().map(Vec::as_slice),
            Ok(&b"hello"[..])
        );
        assert_eq!(open(1, b"other"), Err(DirectError::NotAuthentic));
        assert_eq!(open(2, b"context"), Err(DirectError::NotAuthentic));
    }

    // spec 3.6
    #[test]
    fn an_ephemeral_key_of_low_order_is_refused() {
        let mut bytes = sealed(b"hello");
        bytes[..32].fill(0);
        let opened = open_from_device(device(1).dh(), b"context", &bytes);
        assert_eq!(opened, Err(DirectError::WeakKey(KeyError::LowOrder)));
    }

    proptest! {
        #[test]
        fn no_bytes_panic_or_open(bytes: Vec<u8>) {
            prop_assert!(open_from_device(device(1).dh(), b"context", &bytes).is_err());
        }

        #[test]
        fn a_flipped_bit_is_refused(plaintext: Vec<u8>, at: prop::sample::Index, bit in 0..8u8) {
            let mut bytes = sealed(&plaintext);
            let at = at.index(bytes.len());
            bytes[at] ^= 1 << bit;
            prop_assert!(open_from_device(device(1).dh(), b"context", &bytes).is_err());
        }
    }
}
