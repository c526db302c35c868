//! The corpora of the fuzz targets, replayed on stable: what once crashed stays mended.

#![expect(clippy::panic, clippy::unwrap_used, reason = "helpers of tests")]

use std::fs;
use std::path::Path;

fn replay(target: &str, run: impl Fn(&[u8])) {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../corpus")
        .join(target);
    let mut cases = 0;
    for case in
        fs::read_dir(&corpus).unwrap_or_else(|error| panic!("{}: {error}", corpus.display()))
    {
        run(&fs::read(case.unwrap().path()).unwrap());
        cases += 1;
    }
    assert!(cases > 0, "{} is empty", corpus.display());
}

#[test]
fn decode() {
    replay("decode", dialtone_sim::targets::decode::run);
}

#[test]
fn open() {
    replay("open", dialtone_sim::targets::open::run);
}

#[test]
fn sigchain() {
    replay("sigchain", dialtone_sim::targets::sigchain::run);
}

#[test]
fn client() {
    replay("client", dialtone_sim::targets::client::run);
}

#[test]
fn hub() {
    replay("hub", dialtone_sim::targets::hub::run);
}

#[test]
fn room() {
    replay("room", dialtone_sim::targets::room::run);
}
