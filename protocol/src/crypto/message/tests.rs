use alloc::vec;

use proptest::prelude::*;

use super::*;
use crate::ids::EntryHash;

fn group() -> GroupKey {
    GroupKey::from_secret(Secret::from_bytes([1; 32]))
}

fn device(byte: u8) -> DeviceSecret {
    DeviceSecret::from_seed(Secret::from_bytes([byte; 32]))
}

fn address() -> Address {
    Address {
        community: CommunityId([1; 32]),
        channel: ChannelId([2; 16]),
        epoch: Epoch(3),
        user: UserId([4; 16]),
        device: DeviceId([5; 16]),
        client_id: ClientId([6; 16]),
    }
}

fn plain(content: Vec<u8>) -> Plain {
    Plain {
        content,
        head: Head {
            index: 7,
            hash: EntryHash([8; 32]),
        },
        seen: Seen {
            seq: Seq(9),
            transcript: Transcript([10; 32]),
        },
    }
}

fn sealed(content: Vec<u8>) -> Vec<u8> {
    let mut entropy = Entropy::from_seed([11; 32]);
    seal(
        &address(),
        &plain(content),
        &group(),
        &device(1),
        &mut entropy,
    )
    .unwrap()
}

fn opened(bytes: &[u8]) -> Result<Plain, OpenError> {
    open(bytes, &address(), &group(), &device(1).public().sign)
}

// spec 3.31
#[test]
fn each_part_of_the_address_is_bound() {
    let bytes = sealed(vec![1]);
    let base = address();
    let moved = [
        Address {
            community: CommunityId([0; 32]),
            ..base
        },
        Address {
            channel: ChannelId([0; 16]),
            ..base
        },
        Address {
            user: UserId([0; 16]),
            ..base
        },
        Address {
            device: DeviceId([0; 16]),
            ..base
        },
        Address {
            client_id: ClientId([0; 16]),
            ..base
        },
    ];
    for address in moved {
        let opened = open(&bytes, &address, &group(), &device(1).public().sign);
        assert_eq!(opened, Err(OpenError::NotAuthentic), "{address:?}");
    }
    let later = Address {
        epoch: Epoch(4),
        ..base
    };
    let (got, expected) = (Epoch(3), Epoch(4));
    assert_eq!(
        open(&bytes, &later, &group(), &device(1).public().sign),
        Err(OpenError::WrongEpoch { got, expected })
    );
    // With the epoch on the outside changed too, the associated data still tells.
    let mut relabelled = bytes;
    relabelled[4] = 4;
    assert_eq!(
        open(&relabelled, &later, &group(), &device(1).public().sign),
        Err(OpenError::NotAuthentic)
    );
}

// spec 3.34
#[test]
fn a_member_cannot_write_as_another() {
    let mut entropy = Entropy::from_seed([1; 32]);
    let forged = seal(
        &address(),
        &plain(vec![1]),
        &group(),
        &device(2),
        &mut entropy,
    )
    .unwrap();
    assert_eq!(opened(&forged), Err(OpenError::ForgedSignature));
}

// spec 3.34
#[test]
fn a_member_cannot_seal_anothers_message_again_elsewhere() {
    let bytes = sealed(vec![1]);
    let (_, nonce, ciphertext) = read(&bytes).unwrap();
    let key = message_key(&group(), &address());
    let associated = cbor::encode(&address());
    let padded = aead::open(key.expose(), nonce, &associated, ciphertext).unwrap();

    let elsewhere = Address {
        channel: ChannelId([9; 16]),
        ..address()
    };
    let mut moved = bytes[..HEADER].to_vec();
    moved.extend_from_slice(&padded);
    let key = message_key(&group(), &elsewhere);
    aead::seal_tail(
        key.expose(),
        nonce,
        &cbor::encode(&elsewhere),
        &mut moved,
        HEADER,
    );
    let opened = open(&moved, &elsewhere, &group(), &device(1).public().sign);
    assert_eq!(opened, Err(OpenError::ForgedSignature));
}

// spec 3.33
#[test]
fn lengths_show_in_steps_only() {
    let lengths: Vec<usize> = [0, 1, 80, 400, 1024]
        .map(|n| sealed(vec![0; n]).len())
        .into();
    let overhead = HEADER + TAG;
    let expected = [256, 256, 256, 1024, 1536].map(|bucket| bucket + overhead);
    assert_eq!(lengths, expected);
}

// spec 3.33
#[test]
fn the_longest_content_fits_and_a_longer_one_is_named() {
    let mut entropy = Entropy::from_seed([1; 32]);
    let mut seal_of = |n| {
        seal(
            &address(),
            &plain(vec![0; n]),
            &group(),
            &device(1),
            &mut entropy,
        )
    };
    let overhead = cbor::encode(&plain(vec![0; 12_000])).len() - 12_000;
    let longest = 12_243 - PREFIX - overhead;
    assert_eq!(seal_of(longest).unwrap().len(), MAX_SEALED_BYTES);
    let (got, max) = (longest + overhead + 1, 12_243 - PREFIX);
    assert_eq!(seal_of(longest + 1), Err(SealError::TooLong { got, max }));
    assert!(seal_of(100_000).is_err());
}

// spec 3.35
#[test]
fn what_is_no_message_is_named() {
    let bytes = sealed(vec![1]);
    assert_eq!(opened(&[]), Err(OpenError::Truncated));
    assert_eq!(opened(&bytes[..HEADER + 10]), Err(OpenError::Truncated));
    assert_eq!(
        opened(&bytes[..bytes.len() - 1]),
        Err(OpenError::NotAuthentic)
    );
    let mut newer = bytes;
    newer[0] = 2;
    assert_eq!(opened(&newer), Err(OpenError::UnknownVersion(2)));
    let long = [&[VERSION][..], &[0; MAX_SEALED_BYTES]].concat();
    let (got, max) = (MAX_SEALED_BYTES + 1, MAX_SEALED_BYTES);
    assert_eq!(opened(&long), Err(OpenError::TooLong { got, max }));
}

/// Seals a plaintext that no honest client makes.
fn seal_raw(padded: &[u8]) -> Vec<u8> {
    let mut bytes = vec![VERSION, 0, 0, 0, 3];
    bytes.extend_from_slice(&[0; NONCE]);
    bytes.extend_from_slice(padded);
    let key = message_key(&group(), &address());
    let associated = cbor::encode(&address());
    aead::seal_tail(key.expose(), &[0; NONCE], &associated, &mut bytes, HEADER);
    bytes
}

// spec 3.33
#[test]
fn padding_has_one_form() {
    let said = cbor::encode(&plain(vec![1]));
    let signed = [cbor::encode(&address()), said.clone()].concat();
    let signature = device(1).sign(Label::Message, &signed);
    let mut padded = (said.len() as u16).to_be_bytes().to_vec();
    padded.extend_from_slice(&signature.0);
    padded.extend_from_slice(&said);
    padded.resize(256, 0);
    assert_eq!(opened(&seal_raw(&padded)), Ok(plain(vec![1])));
    assert_eq!(
        opened(&seal_raw(&padded[..255])),
        Err(OpenError::BadPadding)
    );
    padded[255] = 1;
    assert_eq!(opened(&seal_raw(&padded)), Err(OpenError::BadPadding));
    padded[0] = 0xff;
    assert_eq!(opened(&seal_raw(&padded)), Err(OpenError::BadPadding));
}

// spec 3.35
#[test]
fn a_signed_message_of_another_shape_is_malformed() {
    let said = [0xf6];
    let signed = [&cbor::encode(&address())[..], &said].concat();
    let mut padded = vec![0, 1];
    padded.extend_from_slice(&device(1).sign(Label::Message, &signed).0);
    padded.extend_from_slice(&said);
    padded.resize(256, 0);
    let refused = Err(OpenError::Malformed(CborError::WrongShape));
    assert_eq!(opened(&seal_raw(&padded)), refused);
}

// spec 3.4
#[test]
fn a_repeated_seed_repeats_a_nonce_only_for_the_same_message() {
    let nonce = |content| sealed(content)[5..HEADER].to_vec();
    assert_eq!(nonce(vec![1]), nonce(vec![1]));
    assert_ne!(nonce(vec![1]), nonce(vec![2]));
}

proptest! {
    #[test]
    fn what_was_sealed_opens(content in prop::collection::vec(any::<u8>(), 0..3000)) {
        prop_assert_eq!(opened(&sealed(content.clone())), Ok(plain(content)));
    }

    // spec 3.35
    #[test]
    fn no_bytes_panic_or_open(bytes: Vec<u8>, versioned: bool) {
        let bytes = if versioned { [vec![VERSION, 0, 0, 0, 3], bytes].concat() } else { bytes };
        prop_assert!(opened(&bytes).is_err());
        let _ = peek(&bytes);
    }

    #[test]
    fn a_flipped_bit_is_refused(at: prop::sample::Index, bit in 0..8u8) {
        let mut bytes = sealed(vec![1, 2, 3]);
        let at = at.index(bytes.len());
        bytes[at] ^= 1 << bit;
        prop_assert!(opened(&bytes).is_err());
    }
}
