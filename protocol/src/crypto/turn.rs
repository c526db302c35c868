//! Logins to TURN servers that were made from a secret which the server shares with them.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use sha1::Sha1;

use crate::wire::sensitive::Sensitive;

/// The password that goes with a username of the form `expiry:name` (draft-uberti-behave-turn-rest-00, section 2.2).
/// SHA-1 is what TURN servers use there; as the hash of an HMAC it is not broken.
#[must_use]
pub fn turn_password(secret: &str, username: &str) -> Sensitive {
    let Ok(mut mac) = Hmac::<Sha1>::new_from_slice(secret.as_bytes()) else {
        // An HMAC takes keys of any length.
        return Sensitive::default();
    };
    mac.update(username.as_bytes());
    Sensitive::new(STANDARD.encode(mac.finalize().into_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_password_is_what_a_turn_server_computes() {
        let username = "1433895918:506f1a2b-0000-4000-8000-000000000001";
        let password = turn_password("north", username);
        assert_eq!(password.expose(), "++2ny/Z1coJf1ox4hZEubjiE6cU=");
    }
}
