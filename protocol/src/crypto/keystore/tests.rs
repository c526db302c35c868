use alloc::format;

use proptest::prelude::*;

use super::*;

fn created() -> (FileKey, Vec<u8>) {
    create(
        "passphrase",
        KdfParams::FLOOR,
        &mut Entropy::from_seed([1; 32]),
    )
    .unwrap()
}

/// A file with a header of our choice and a fitting checksum, as an attacker would write it.
fn planted(header: &[u8]) -> Vec<u8> {
    let wrapped = &[0; 48];
    cbor::encode(&File {
        header,
        wrapped,
        checksum: hash(Label::Keystore, &[header, wrapped]),
    })
}

fn header(version: u8, params: KdfParams) -> Vec<u8> {
    cbor::encode(&Header {
        version,
        params,
        salt: [0; 16],
        nonce: [0; NONCE],
    })
}

// spec 3.72
#[test]
fn only_its_passphrase_unlocks_a_keystore() {
    let (key, file) = created();
    assert_eq!(unlock(&file, "passphrase"), Ok(key.clone()));
    assert_eq!(
        unlock(&file, "Passphrase"),
        Err(KeystoreError::WrongPassphrase)
    );
    assert_eq!(format!("{key:?}"), "FileKey(Secret(..))");
}

// spec 3.72
#[test]
fn a_damaged_file_is_not_a_wrong_passphrase() {
    let (_, file) = created();
    for at in 0..file.len() {
        let mut file = file.clone();
        file[at] ^= 1;
        let error = unlock(&file, "passphrase").unwrap_err();
        assert_ne!(error, KeystoreError::WrongPassphrase, "byte {at}");
    }
    let cut = unlock(&file[..file.len() - 1], "passphrase");
    assert_eq!(cut, Err(KeystoreError::Malformed(CborError::Truncated)));
}

// spec 3.70
#[test]
fn costs_are_judged_before_they_are_paid() {
    let floor = KdfParams::FLOOR;
    let costly = KdfParams {
        memory_kib: u32::MAX,
        ..floor
    };
    let refused = unlock(&planted(&header(1, costly)), "x");
    assert_eq!(refused, Err(KeystoreError::TooCostly(costly)));
    let cheap = KdfParams {
        memory_kib: floor.memory_kib - 1,
        ..floor
    };
    let refused = unlock(&planted(&header(1, cheap)), "x");
    assert_eq!(refused, Err(KeystoreError::TooCheap(cheap)));
    let created = create("x", cheap, &mut Entropy::from_seed([1; 32]));
    assert_eq!(created, Err(KeystoreError::TooCheap(cheap)));
}

// spec 3.72
#[test]
fn a_newer_keystore_is_named() {
    let refused = unlock(&planted(&header(2, KdfParams::FLOOR)), "x");
    assert_eq!(refused, Err(KeystoreError::UnknownVersion(2)));
}

// spec 3.72
#[test]
fn the_header_is_authenticated() {
    let (_, file) = created();
    let File {
        header, wrapped, ..
    } = cbor::decode(&file).unwrap();
    let mut stronger: Header = cbor::decode(header).unwrap();
    stronger.params.passes += 1;
    let header = cbor::encode(&stronger);
    let changed = cbor::encode(&File {
        header: &header,
        wrapped,
        checksum: hash(Label::Keystore, &[&header, wrapped]),
    });
    assert_eq!(
        unlock(&changed, "passphrase"),
        Err(KeystoreError::WrongPassphrase)
    );
}

fn file_key() -> FileKey {
    FileKey::from_secret(Secret::from_bytes([2; 32]))
}

fn record(value: &[u8]) -> Vec<u8> {
    file_key().seal_record("keys", b"key", value, &mut Entropy::from_seed([3; 32]))
}

// spec 3.73
#[test]
fn a_record_opens_in_its_place_only() {
    let bytes = record(b"value");
    let open = |table, key| file_key().open_record(table, key, &bytes);
    assert_eq!(
        open("keys", b"key").as_deref().map(Vec::as_slice),
        Ok(&b"value"[..])
    );
    assert_eq!(open("names", b"key"), Err(RecordError::NotAuthentic));
    assert_eq!(open("keys", b"kex"), Err(RecordError::NotAuthentic));
    let other = FileKey::from_secret(Secret::from_bytes([9; 32]));
    let refused = other.open_record("keys", b"key", &bytes);
    assert_eq!(refused, Err(RecordError::NotAuthentic));
}

proptest! {
    #[test]
    fn records_survive(value: Vec<u8>) {
        let opened = file_key().open_record("keys", b"key", &record(&value));
        prop_assert_eq!(opened.as_deref(), Ok(&value));
    }

    #[test]
    fn no_bytes_panic_or_open(bytes: Vec<u8>) {
        prop_assert!(file_key().open_record("keys", b"key", &bytes).is_err());
        prop_assert!(unlock(&bytes, "x").is_err());
    }

    #[test]
    fn a_flipped_bit_is_refused(value: Vec<u8>, at: prop::sample::Index, bit in 0..8u8) {
        let mut bytes = record(&value);
        let at = at.index(bytes.len());
        bytes[at] ^= 1 << bit;
        prop_assert!(file_key().open_record("keys", b"key", &bytes).is_err());
    }
}
