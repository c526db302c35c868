//! `DIALTONE_CHANNEL_KEY`: message bodies and names sealed once more before they reach the database.

use std::fmt;

use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use chacha20poly1305::{Key, XChaCha20Poly1305, XNonce};

use super::sql::SqlError;
use crate::settings::ChannelKey;

const NONCE_BYTES: usize = 24;
/// What is sealed to recognise the key again.
const CHECK: &[u8] = b"dialtone/v1/channel-key";

/// Seals columns if there is a key, and opens those that are sealed.
#[derive(Clone)]
pub(crate) struct AtRest(Option<XChaCha20Poly1305>);

/// What a column holds. It is bound to the seal, so that nothing can be moved from one place to another.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place<'a> {
    /// The column.
    pub(crate) column: &'static str,
    /// The row.
    pub(crate) row: &'a [u8],
}

impl AtRest {
    pub(crate) fn new(key: Option<&ChannelKey>) -> Self {
        Self(key.map(|key| XChaCha20Poly1305::new(&Key::from(key.0))))
    }

    /// Whether new rows are sealed.
    pub(crate) fn is_on(&self) -> bool {
        self.0.is_some()
    }

    /// What is to be written into a column.
    pub(crate) fn seal(&self, place: Place<'_>, plain: Vec<u8>) -> Result<Vec<u8>, SqlError> {
        let Some(cipher) = &self.0 else {
            return Ok(plain);
        };
        let mut nonce = [0; NONCE_BYTES];
        getrandom::fill(&mut nonce).map_err(|_| SqlError::Corrupt("no randomness"))?;
        let aad = place.to_bytes();
        let payload = Payload {
            msg: &plain,
            aad: &aad,
        };
        let sealed = cipher
            .encrypt(&XNonce::from(nonce), payload)
            .map_err(|_| SqlError::Corrupt("too long to be sealed"))?;
        Ok([&nonce[..], &sealed].concat())
    }

    /// What a column held that was written under `sealed`.
    pub(crate) fn open(
        &self,
        place: Place<'_>,
        sealed: bool,
        stored: &[u8],
    ) -> Result<Vec<u8>, SqlError> {
        if !sealed {
            return Ok(stored.to_vec());
        }
        let wrong = || SqlError::Corrupt("sealed under another channel key");
        let cipher = self.0.as_ref().ok_or_else(wrong)?;
        let (nonce, sealed) = stored
            .split_first_chunk::<NONCE_BYTES>()
            .ok_or_else(wrong)?;
        let aad = place.to_bytes();
        let payload = Payload {
            msg: sealed,
            aad: &aad,
        };
        cipher
            .decrypt(&XNonce::from(*nonce), payload)
            .map_err(|_| wrong())
    }

    /// Like [`AtRest::open`], for a text.
    pub(crate) fn open_text(
        &self,
        place: Place<'_>,
        sealed: bool,
        stored: &[u8],
    ) -> Result<String, SqlError> {
        String::from_utf8(self.open(place, sealed, stored)?)
            .map_err(|_| SqlError::Corrupt("a name is not text"))
    }

    /// What shows this key to be the same one later; nothing without a key.
    pub(crate) fn check(&self) -> Result<Option<Vec<u8>>, SqlError> {
        if !self.is_on() {
            return Ok(None);
        }
        self.seal(CHECK_PLACE, CHECK.to_vec()).map(Some)
    }

    /// Whether rows that were sealed by the maker of `check` can be opened.
    pub(crate) fn matches(&self, check: &[u8]) -> bool {
        self.open(CHECK_PLACE, true, check).is_ok()
    }
}

const CHECK_PLACE: Place<'static> = Place {
    column: "server.key_check",
    row: &[],
};

impl Place<'_> {
    fn to_bytes(self) -> Vec<u8> {
        [self.column.as_bytes(), &[0], self.row].concat()
    }
}

impl fmt::Debug for AtRest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "AtRest({})", if self.is_on() { "on" } else { "off" })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLACE: Place<'static> = Place {
        column: "messages.body",
        row: b"row",
    };

    #[test]
    fn what_is_sealed_opens_under_the_same_key_in_the_same_place() {
        let rest = AtRest::new(Some(&ChannelKey([1; 32])));
        let sealed = rest.seal(PLACE, b"body".to_vec()).unwrap();
        assert!(!sealed.windows(4).any(|part| part == b"body"));
        assert_eq!(rest.open(PLACE, true, &sealed).unwrap(), b"body");

        let elsewhere = Place {
            row: b"other",
            ..PLACE
        };
        assert!(rest.open(elsewhere, true, &sealed).is_err());
        for other in [AtRest::new(None), AtRest::new(Some(&ChannelKey([2; 32])))] {
            assert!(other.open(PLACE, true, &sealed).is_err());
        }
        assert!(rest.open(PLACE, true, &sealed[..10]).is_err());
    }

    #[test]
    fn a_key_is_recognised() {
        let rest = AtRest::new(Some(&ChannelKey([1; 32])));
        let check = rest.check().unwrap().unwrap();
        assert!(rest.matches(&check));
        assert!(!AtRest::new(Some(&ChannelKey([2; 32]))).matches(&check));
        assert!(!AtRest::new(None).matches(&check));
        assert_eq!(AtRest::new(None).check().unwrap(), None);
    }

    #[test]
    fn without_a_key_columns_stay_as_they_are() {
        let rest = AtRest::new(None);
        assert_eq!(rest.seal(PLACE, b"body".to_vec()).unwrap(), b"body");
        assert_eq!(rest.open(PLACE, false, b"body").unwrap(), b"body");
    }
}
