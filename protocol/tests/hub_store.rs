//! The reference store against the tests that every store passes.

use dialtone_protocol::hub::memory::MemoryStore;
use dialtone_protocol::hub::store_suite::{cases, normal, script};

#[test]
fn every_case_holds() {
    for case in cases() {
        let mut store = MemoryStore::new();
        (case.run)(&mut |op| store.apply(op));
    }
}

#[test]
fn a_script_is_long_and_reaches_what_it_names() {
    let mut store = MemoryStore::new();
    let answers: Vec<String> = script([1; 32], 2000)
        .into_iter()
        .map(|op| format!("{:?}", normal(store.apply(op).unwrap())))
        .collect();
    for word in [
        "Registered",
        "LoggedIn",
        "KeyEnvelope(Some",
        "Held([(",
        "TooMany",
        "Used",
        "Appended",
        "UsernameTaken",
    ] {
        assert!(answers.iter().any(|it| it.starts_with(word)), "{word}");
    }
    assert_eq!(script([1; 32], 10), script([1; 32], 10));
}
