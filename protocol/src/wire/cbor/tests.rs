use alloc::vec;

use proptest::prelude::*;

use super::*;
use crate::ids::{EntryHash, Head};

// spec 2.1
#[test]
fn each_broken_rule_is_named() {
    for (bytes, error) in [
        (&[][..], CborError::Truncated),
        (&[0x00, 0x00], CborError::Trailing),
        (&[0x18, 0x17], CborError::NotMinimal),
        (&[0x19, 0x00, 0xff], CborError::NotMinimal),
        (&[0x1a, 0, 0, 0xff, 0xff], CborError::NotMinimal),
        (
            &[0x1b, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff],
            CborError::NotMinimal,
        ),
        (&[0x58, 0x01, 0x00], CborError::NotMinimal),
        (&[0x1c], CborError::Unsupported),
        (&[0x42, 0x00], CborError::Truncated),
        (
            &[0x5b, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff],
            CborError::Truncated,
        ),
        (
            &[0x9b, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff],
            CborError::Truncated,
        ),
        (&[0x5f, 0xff], CborError::Indefinite),
        (&[0x9f, 0xff], CborError::Indefinite),
        (&[0xbf, 0xff], CborError::Indefinite),
        (&[0xff], CborError::Indefinite),
        (&[0x61, 0xff], CborError::NotUtf8),
        (&[0xa2, 0x01, 0x00, 0x00, 0x00], CborError::KeyOrder),
        (&[0xa2, 0x01, 0x00, 0x01, 0x00], CborError::KeyOrder),
        (&[0xa1, 0x01], CborError::Truncated),
        (&[0xc0, 0x00], CborError::Unsupported),
        (&[0xf7], CborError::Unsupported),
        (&[0xf8, 0x20], CborError::Unsupported),
        (&[0xf9, 0x00, 0x00], CborError::Unsupported),
        (&[0x81; MAX_DEPTH], CborError::Depth),
    ] {
        assert_eq!(check(bytes), Err(error), "{bytes:02x?}");
    }
}

// spec 2.1
#[test]
fn what_keeps_the_rules_passes() {
    let mut deepest = vec![0x81; MAX_DEPTH - 1];
    deepest.push(0x00);
    for bytes in [
        &[0x17][..],
        &[0x18, 0x18],
        &[0x38, 0x18],
        &[0x40],
        &[0x61, 0x61],
        &[0xf4],
        &[0xf5],
        &[0xf6],
        // Keys of several lengths, in the order of their encodings.
        &[0xa3, 0x00, 0xf6, 0x18, 0x18, 0xf6, 0x41, 0x00, 0xf6],
        &deepest,
    ] {
        assert_eq!(check(bytes), Ok(()), "{bytes:02x?}");
    }
}

// spec 2.2
#[test]
fn unknown_fields_are_left_alone() {
    #[derive(Debug, PartialEq, Encode, Decode)]
    #[cbor(map)]
    struct Old {
        #[n(0)]
        field: u8,
    }
    let newer = [0xa2, 0x00, 0x07, 0x01, 0x81, 0xf6];
    assert_eq!(decode::<Old>(&newer), Ok(Old { field: 7 }));
    assert_eq!(decode::<Old>(&[0xf6]), Err(CborError::WrongShape));
}

proptest! {
    #[test]
    fn no_bytes_panic(bytes: Vec<u8>) {
        let _ = check(&bytes);
        let _ = decode::<Head>(&bytes);
    }

    #[test]
    fn what_we_encode_is_strict(index: u64, hash: [u8; 32]) {
        let head = Head { index, hash: EntryHash(hash) };
        prop_assert_eq!(decode::<Head>(&encode(&head)), Ok(head));
    }

    // One item has one form: whatever passes and means an integer is written in no other way.
    #[test]
    fn integers_have_one_form(bytes in prop::collection::vec(any::<u8>(), 1..10)) {
        if let Ok(number) = decode::<u64>(&bytes) {
            prop_assert_eq!(encode(&number), bytes);
        }
    }
}
