//! Bytes as text: standard padded base64, as the base API writes keys and ciphertexts.

use alloc::string::String;
use alloc::vec::Vec;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};

/// Writes bytes as standard padded base64.
#[must_use]
pub fn encode(bytes: &[u8]) -> String {
    STANDARD.encode(bytes)
}

/// Reads standard padded base64. One text for one byte string: stray bits at the end are refused.
#[must_use]
pub fn decode(text: &str) -> Option<Vec<u8>> {
    STANDARD.decode(text).ok()
}

/// Reads exactly `N` bytes of standard padded base64.
#[must_use]
pub fn decode_array<const N: usize>(text: &str) -> Option<[u8; N]> {
    decode(text)?.try_into().ok()
}

/// Writes bytes as unpadded URL-safe base64, the form of tokens.
#[must_use]
pub fn encode_url(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn decode_undoes_encode(bytes: [u8; 32]) {
            prop_assert_eq!(decode_array(&encode(&bytes)), Some(bytes));
        }
    }

    #[test]
    fn one_text_for_one_byte_string() {
        assert_eq!(decode("AA=="), Some([0].into()));
        assert_eq!(decode("AB=="), None);
        assert_eq!(decode("AA"), None);
        assert_eq!(decode_array::<2>("AA=="), None);
    }
}
