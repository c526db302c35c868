//! What a message says: deterministic CBOR, a map whose key 0 names the kind.

use alloc::string::String;
use alloc::vec::Vec;

use minicbor::{Decode, Encode};

use crate::wire::cbor::{self, CborError};

/// The kind of a text.
const TEXT: u64 = 0;

/// What a message says (spec 8.3).
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Content {
    /// A text.
    Text(String),
    /// A kind that this version does not know.
    Unknown {
        /// The kind's number.
        kind: u64,
    },
}

#[derive(Decode)]
#[cbor(map)]
struct Kind {
    #[n(0)]
    kind: u64,
}

#[derive(Encode, Decode)]
#[cbor(map)]
struct Text<'a> {
    #[n(0)]
    kind: u64,
    #[b(1)]
    text: &'a str,
}

impl Content {
    /// Reads a content.
    ///
    /// # Errors
    ///
    /// When it is not deterministic CBOR, has no kind, or is not what its kind asks for.
    pub fn decode(bytes: &[u8]) -> Result<Self, CborError> {
        match cbor::decode::<Kind>(bytes)?.kind {
            TEXT => Ok(Self::Text(cbor::decode::<Text<'_>>(bytes)?.text.into())),
            kind => Ok(Self::Unknown { kind }),
        }
    }
}

/// Writes a text as a content.
#[must_use]
pub fn encode_text(text: &str) -> Vec<u8> {
    cbor::encode(&Text { kind: TEXT, text })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        // spec 8.3
        #[test]
        fn a_text_survives(text: String) {
            prop_assert_eq!(Content::decode(&encode_text(&text)), Ok(Content::Text(text)));
        }

        #[test]
        fn no_bytes_panic(bytes: Vec<u8>) {
            let _ = Content::decode(&bytes);
        }
    }

    // spec 8.3
    #[test]
    fn an_unknown_kind_is_not_an_error() {
        let content = [0xa2, 0x00, 0x18, 0x63, 0x01, 0x80];
        assert_eq!(Content::decode(&content), Ok(Content::Unknown { kind: 99 }));
    }

    // spec 8.3
    #[test]
    fn a_content_without_a_kind_or_a_text_is_malformed() {
        assert_eq!(Content::decode(&[0xa0]), Err(CborError::WrongShape));
        assert_eq!(
            Content::decode(&[0xa1, 0x00, 0x00]),
            Err(CborError::WrongShape)
        );
        assert_eq!(Content::decode(&[]), Err(CborError::Truncated));
    }
}
