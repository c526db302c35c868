//! What the server keeps instead of passwords, tokens and usernames.

use alloc::format;
use alloc::string::String;

use base64::Engine;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use super::hash::hash;
use super::labels::Label;
use super::password::{KdfError, KdfMemory, KdfParams, normal_username, stretch};
use super::secret::Secret;

/// Hashes an account's password into the PHC form `$argon2id$v=19$m=..,t=..,p=..$salt$hash`.
///
/// # Errors
///
/// When the costs are refused.
pub fn hash_password(
    password: &str,
    salt: &[u8; 16],
    params: KdfParams,
    memory: &mut KdfMemory,
) -> Result<String, KdfError> {
    let stretched = stretch(password, salt, params, memory)?;
    let KdfParams {
        memory_kib,
        passes,
        lanes,
    } = params;
    let salt = STANDARD_NO_PAD.encode(salt);
    let hash = STANDARD_NO_PAD.encode(stretched.expose());
    Ok(format!(
        "$argon2id$v=19$m={memory_kib},t={passes},p={lanes}${salt}${hash}"
    ))
}

/// Whether a password is the one that was hashed. What [`hash_password`] cannot have made fits no password.
#[must_use]
pub fn verify_password(password: &str, phc: &str, memory: &mut KdfMemory) -> bool {
    parse(phc).is_some_and(|(params, salt, expected)| {
        stretch(password, &salt, params, memory).is_ok_and(|stretched| stretched == expected)
    })
}

/// A bearer token as the server stores it. The token is 256 random bits, so a plain hash is enough.
#[must_use]
pub fn token_hash(token: &str) -> [u8; 32] {
    hash(Label::Token, &[token.as_bytes()])
}

/// A username as the server stores it: HMAC-SHA256 with the server's pepper over its normal form.
#[must_use]
pub fn username_hash(pepper: &[u8], username: &str) -> [u8; 32] {
    let normal = normal_username(username);
    // HMAC takes a key of any length.
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(pepper) else {
        return [0; 32];
    };
    mac.update(normal.as_bytes());
    mac.finalize().into_bytes().into()
}

fn parse(phc: &str) -> Option<(KdfParams, [u8; 16], Secret<32>)> {
    let rest = phc.strip_prefix("$argon2id$v=19$m=")?;
    let (memory_kib, rest) = rest.split_once(",t=")?;
    let (passes, rest) = rest.split_once(",p=")?;
    let (lanes, rest) = rest.split_once('$')?;
    let (salt, hash) = rest.split_once('$')?;
    let params = KdfParams {
        memory_kib: memory_kib.parse().ok()?,
        passes: passes.parse().ok()?,
        lanes: lanes.parse().ok()?,
    };
    let salt = STANDARD_NO_PAD.decode(salt).ok()?.try_into().ok()?;
    let hash = Secret::from_slice(&STANDARD_NO_PAD.decode(hash).ok()?)?;
    Some((params, salt, hash))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    // spec 3.74
    #[test]
    fn only_the_password_that_was_hashed_fits() {
        // One memory for passwords of other costs, smaller and larger.
        let memory = &mut KdfMemory::default();
        let small = KdfParams {
            memory_kib: 64,
            ..KdfParams::SERVER
        };
        let cheap = hash_password("correct horse", &[1; 16], small, memory).unwrap();
        let phc = hash_password("correct horse", &[1; 16], KdfParams::SERVER, memory).unwrap();
        assert!(verify_password("correct horse", &cheap, memory));
        assert!(
            phc.starts_with("$argon2id$v=19$m=19456,t=2,p=1$AQEBAQEBAQEBAQEBAQEBAQ$"),
            "{phc}"
        );
        assert!(verify_password("correct horse", &phc, memory));
        assert!(!verify_password("correct house", &phc, memory));
        assert!(!verify_password(
            "correct horse",
            &phc[..phc.len() - 1],
            memory
        ));
    }

    #[test]
    fn a_planted_hash_cannot_take_all_memory() {
        let phc = "$argon2id$v=19$m=4294967295,t=2,p=1$AQEBAQEBAQEBAQEBAQEBAQ$\
                   AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
        assert!(parse(phc).is_some());
        let memory = &mut KdfMemory::default();
        assert!(!verify_password("x", phc, memory));
        assert_eq!(format!("{memory:?}"), "KdfMemory(0 KiB)");
    }

    // The pepper and the form are those of the original (behaviour of `username_hash`).
    #[test]
    fn a_username_hash_is_a_plain_hmac() {
        let hash = username_hash(b"key", " The Quick Brown Fox ");
        assert_eq!(hash, username_hash(b"key", "the quick brown fox"));
        // RFC 4231, test case 2.
        let known = username_hash(b"Jefe", "what do ya want for nothing?");
        assert_eq!(known[..4], [0x5b, 0xdc, 0xc1, 0x46]);
        assert_eq!(known[28..], [0x64, 0xec, 0x38, 0x43]);
    }

    proptest! {
        #[test]
        fn no_text_panics(text: String) {
            let _ = parse(&text);
            prop_assert!(!verify_password("x", &text, &mut KdfMemory::default()));
        }
    }
}
