//! Hashing and deriving under a label.

use alloc::vec::Vec;

use hkdf::Hkdf;
use sha2::{Digest, Sha256};
use zeroize::Zeroize;

use super::labels::Label;
use super::secret::Secret;

/// SHA-256 over the label, a zero byte, and each part behind its length as four big-endian bytes (spec 3.2).
#[must_use]
pub fn hash(label: Label, parts: &[&[u8]]) -> [u8; 32] {
    let mut hasher = Sha256::new();
    hasher.update(label.as_bytes());
    hasher.update([0]);
    for part in parts {
        hasher.update(length(part));
        hasher.update(part);
    }
    hasher.finalize().into()
}

/// HKDF-SHA256 of `secret`; the info is framed as the input of [`hash`] is (spec 3.3).
#[must_use]
pub fn derive<const N: usize>(
    label: Label,
    salt: Option<&[u8]>,
    secret: &[u8],
    parts: &[&[u8]],
) -> Secret<N> {
    // HKDF refuses nothing but outputs past 255 blocks, and this proves at compile time that ours is none.
    const { assert!(N <= 255 * 32) };
    let mut info = Vec::with_capacity(64);
    info.extend_from_slice(label.as_bytes());
    info.push(0);
    for part in parts {
        info.extend_from_slice(&length(part));
        info.extend_from_slice(part);
    }
    let mut output = [0; N];
    let _proven = Hkdf::<Sha256>::new(salt, secret).expand(&info, &mut output);
    let derived = Secret::from_bytes(output);
    output.zeroize();
    derived
}

/// Nothing that is hashed here comes near four gibibytes; what did would share its length with the like of it, and
/// still be hashed whole.
fn length(part: &[u8]) -> [u8; 4] {
    u32::try_from(part.len()).unwrap_or(u32::MAX).to_be_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    // spec 3.2
    #[test]
    fn parts_cannot_be_regrouped() {
        let label = Label::Token;
        assert_ne!(hash(label, &[b"ab", b"c"]), hash(label, &[b"a", b"bc"]));
        assert_ne!(hash(label, &[b"abc"]), hash(label, &[b"abc", b""]));
        assert_ne!(hash(label, &[b"abc"]), hash(Label::Login, &[b"abc"]));
    }

    // spec 3.3
    #[test]
    fn salt_secret_and_parts_all_matter() {
        let derived = |salt, secret, part| derive::<32>(Label::Envelope, salt, secret, &[part]);
        let base = derived(None, b"secret", b"part");
        assert_ne!(base, derived(Some(b"salt"), b"secret", b"part"));
        assert_ne!(base, derived(None, b"other", b"part"));
        assert_ne!(base, derived(None, b"secret", b"other"));
    }
}
