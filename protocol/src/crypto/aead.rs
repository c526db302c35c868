//! XChaCha20-Poly1305 in place.

use alloc::vec::Vec;

use chacha20poly1305::aead::AeadInOut;
use chacha20poly1305::{KeyInit, Tag, XChaCha20Poly1305};
use zeroize::Zeroizing;

/// Bytes of a nonce.
pub(super) const NONCE: usize = 24;

/// Bytes of a tag.
pub(super) const TAG: usize = 16;

/// The ciphertext is not what was sealed under this key with this associated data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct NotAuthentic;

/// Seals `buffer` from `start` on and appends the tag.
///
/// The cipher takes 256 GiB. What is longer is dropped whole, so that nothing can leave in the clear.
pub(super) fn seal_tail(
    key: &[u8; 32],
    nonce: &[u8; NONCE],
    associated: &[u8],
    buffer: &mut Vec<u8>,
    start: usize,
) {
    let cipher = XChaCha20Poly1305::new(key.into());
    let Some(tail) = buffer.get_mut(start..) else {
        return buffer.clear();
    };
    match cipher.encrypt_inout_detached(nonce.into(), associated, tail.into()) {
        Ok(tag) => buffer.extend_from_slice(&tag),
        Err(_) => buffer.clear(),
    }
}

/// Opens a ciphertext with its tag at the end.
pub(super) fn open(
    key: &[u8; 32],
    nonce: &[u8; NONCE],
    associated: &[u8],
    sealed: &[u8],
) -> Result<Zeroizing<Vec<u8>>, NotAuthentic> {
    let (ciphertext, tag) = sealed.split_last_chunk::<TAG>().ok_or(NotAuthentic)?;
    let mut plaintext = Zeroizing::new(ciphertext.to_vec());
    XChaCha20Poly1305::new(key.into())
        .decrypt_inout_detached(
            nonce.into(),
            associated,
            plaintext.as_mut_slice().into(),
            &Tag::from(*tag),
        )
        .map_err(|_| NotAuthentic)?;
    Ok(plaintext)
}
