use std::fs;

use dialtone_protocol::crypto::Secret;

use super::*;

fn file_key(fill: u8) -> FileKey {
    FileKey::from_secret(Secret::from_bytes([fill; 32]))
}

fn put(table: Table, key: &[u8], value: &[u8]) -> Change {
    Change::Put {
        table,
        key: key.to_vec(),
        value: value.to_vec(),
    }
}

fn delete(table: Table, key: &[u8]) -> Change {
    Change::Delete {
        table,
        key: key.to_vec(),
    }
}

struct Fixture {
    dir: tempfile::TempDir,
    key: FileKey,
}

impl Fixture {
    fn new() -> Self {
        Self {
            dir: tempfile::tempdir().unwrap(),
            key: file_key(7),
        }
    }

    fn path(&self) -> PathBuf {
        self.dir.path().join("store.redb")
    }

    fn create(&self) -> Store {
        Store::create(&self.path(), self.key.clone(), [1; 32]).unwrap()
    }

    fn open(&self) -> Result<Store, StoreError> {
        Store::open(&self.path(), self.key.clone(), [2; 32])
    }
}

/// Spec 10.6.
#[test]
fn records_come_back_after_a_restart() {
    let fixture = Fixture::new();
    let store = fixture.create();
    store
        .apply(&[
            put(Table::Messages, b"1", b"first"),
            put(Table::Messages, b"2", b"second"),
            put(Table::Keys, b"1", b"a key"),
        ])
        .unwrap();
    store
        .apply(&[
            delete(Table::Messages, b"1"),
            put(Table::Messages, b"2", b"again"),
            delete(Table::Outbox, b"never there"),
        ])
        .unwrap();
    drop(store);

    let mut records = fixture.open().unwrap().load().unwrap();
    records.sort();
    assert_eq!(
        records,
        [
            (Table::Keys, b"1".to_vec(), b"a key".to_vec()),
            (Table::Messages, b"2".to_vec(), b"again".to_vec()),
        ]
    );
}

/// Spec 10.5.
#[test]
fn nothing_in_the_file_can_be_read_without_the_key() {
    let fixture = Fixture::new();
    let store = fixture.create();
    store
        .apply(&[put(Table::Messages, b"1", b"the secret plan")])
        .unwrap();
    drop(store);
    let file = fs::read(fixture.path()).unwrap();
    assert!(!file.windows(10).any(|part| part == b"the secret"));
}

#[test]
fn a_missing_store_is_named_and_not_made_anew() {
    let fixture = Fixture::new();
    assert_eq!(
        fixture.open().unwrap_err(),
        StoreError::Missing(fixture.path())
    );
    assert!(!fixture.path().exists());
}

/// Spec 10.7.
#[test]
fn a_damaged_store_is_named_and_left_as_it_is() {
    let fixture = Fixture::new();
    let store = fixture.create();
    let many = (0_u32..2_000).map(|n| put(Table::Messages, &n.to_be_bytes(), &[0x5a; 100]));
    store.apply(&many.collect::<Vec<_>>()).unwrap();
    drop(store);
    let whole = fs::read(fixture.path()).unwrap();

    let mut flipped = whole.clone();
    let hit = whole.len() / 2;
    for byte in &mut flipped[hit..hit + 64] {
        *byte ^= 0xff;
    }
    let damages = [
        Vec::new(),
        b"not a database at all".to_vec(),
        whole[..whole.len() / 3].to_vec(),
        flipped,
    ];
    for (case, damage) in damages.into_iter().enumerate() {
        fs::write(fixture.path(), &damage).unwrap();
        let result = fixture.open().and_then(|store| store.load());
        assert!(
            matches!(
                result,
                Err(StoreError::Damaged { .. } | StoreError::Foreign { .. })
            ),
            "case {case}: {:?}",
            result.map(|records| records.len())
        );
    }
}

#[test]
fn a_record_that_another_key_sealed_is_named() {
    let fixture = Fixture::new();
    let store = fixture.create();
    store.apply(&[put(Table::Keys, b"1", b"a key")]).unwrap();
    drop(store);
    let store = Store::open(&fixture.path(), file_key(8), [3; 32]).unwrap();
    assert_eq!(
        store.load().unwrap_err(),
        StoreError::Foreign {
            path: fixture.path(),
            table: Table::Keys
        }
    );
}
