//! What the base API allows in fields of requests.

use alloc::format;
use alloc::string::{String, ToString};

use crate::crypto::DhPublic;
use crate::crypto::VerifyKey;
use crate::limits;
use crate::wire::base64;
use crate::wire::http::Response;

/// 400 with a reason after the words that original clients know.
pub(super) fn invalid(reason: &str) -> Response {
    Response::error(400, format!("invalid input: {reason}"))
}

/// 404 in the words that original clients look for.
pub(super) fn not_found() -> Response {
    Response::error(404, "not found")
}

/// The username's normal form.
pub(super) fn username(text: &str) -> Result<String, Response> {
    let name = text.trim().to_lowercase();
    if !limits::USERNAME_BYTES.contains(&name.len()) {
        return Err(invalid("username must have 2 to 20 bytes"));
    }
    if name.chars().any(char::is_control) {
        return Err(invalid("username has control characters"));
    }
    Ok(name)
}

/// A password of a login: it need only be one that registering could have taken.
pub(super) fn password(text: &str) -> Result<(), Response> {
    if text.trim().is_empty() || text.len() < limits::MIN_PASSWORD_BYTES {
        return Err(invalid("password must have at least 8 bytes"));
    }
    if text.len() > limits::MAX_PASSWORD_BYTES {
        return Err(invalid("password is too long"));
    }
    Ok(())
}

/// A password of a new account.
pub(super) fn new_password(text: &str) -> Result<(), Response> {
    password(text)?;
    if !text.chars().any(char::is_alphabetic) {
        return Err(invalid("password must have a letter"));
    }
    if !text.chars().any(char::is_numeric) {
        return Err(invalid("password must have a digit"));
    }
    Ok(())
}

/// A device's X25519 key. One that is malformed would stop every original client's key sharing, so it is refused.
pub(super) fn public_key(text: &str) -> Result<[u8; 32], Response> {
    let text = text.trim();
    if text.is_empty() {
        return Err(invalid("public_key is required"));
    }
    base64::decode_array::<32>(text)
        .and_then(|bytes| DhPublic::parse(&bytes).ok().map(|_| bytes))
        .ok_or_else(|| invalid("public_key is no x25519 key in base64"))
}

/// A device's Ed25519 key.
pub(super) fn signing_key(text: &str) -> Result<[u8; 32], Response> {
    base64::decode_array::<32>(text.trim())
        .and_then(|bytes| VerifyKey::parse(&bytes).ok().map(|_| bytes))
        .ok_or_else(|| invalid("signing_key is no ed25519 key in base64"))
}

/// A sealed name. The bound keeps every event that carries it within a frame.
pub(super) fn name_enc(text: &str) -> Result<String, Response> {
    let name = text.trim();
    if name.is_empty() {
        return Err(invalid("name_enc is required"));
    }
    if name.len() > limits::MAX_NAME_ENC_BYTES {
        return Err(invalid("name_enc is too long"));
    }
    Ok(name.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn usernames_are_normalised_and_bounded() {
        assert_eq!(username("  AnNa "), Ok("anna".to_string()));
        for bad in ["", "a", "a\u{7}b", "123456789012345678901"] {
            assert_eq!(username(bad).map_err(|it| it.status), Err(400), "{bad:?}");
        }
    }

    #[test]
    fn new_passwords_have_a_letter_and_a_digit() {
        assert_eq!(new_password("pässwort1"), Ok(()));
        for bad in ["        ", "short1", "lettersonly", "1234567890"] {
            assert_eq!(
                new_password(bad).map_err(|it| it.status),
                Err(400),
                "{bad:?}"
            );
        }
        assert_eq!(password("lettersonly"), Ok(()));
    }

    #[test]
    fn keys_must_be_usable() {
        let key = |bytes: [u8; 32]| public_key(&base64::encode(&bytes)).map_err(|it| it.status);
        assert_eq!(key([9; 32]), Ok([9; 32]));
        // Low order: everybody could compute the shared secret.
        assert_eq!(key([0; 32]), Err(400));
        assert_eq!(public_key("CQkJ").map_err(|it| it.status), Err(400));
        assert_eq!(public_key(" ").map_err(|it| it.status), Err(400));
    }
}
