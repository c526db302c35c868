//! Real servers and real people: the binaries, run as anybody would run them.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stderr,
    unreachable_pub,
    reason = "in a test a failure ends the test, and nothing is published"
)]

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Once;
use std::time::Duration;

mod person;
mod place;
#[path = "../../../server/tests/support/port.rs"]
mod port;
mod running;
mod server;

#[allow(unused_imports, reason = "each test uses some of them")]
pub(crate) use {
    person::{Person, founded, founded_at, invited, invited_at},
    place::Place,
    port::free_port,
    running::{Ended, Running, signal},
    server::{Certificate, Server},
};

/// How long anything may take. Only a broken build or a very slow machine reaches it.
pub const PATIENCE: Duration = Duration::from_secs(120);

/// Holds a figure against what is promised. A machine that does other things too is given ten times as much, unless
/// `DIALTONE_HOLD_DEADLINES` is set, as `.ci/soak` does where nothing else runs.
#[track_caller]
pub fn hold(what: &str, figure: f64, promised: f64) {
    eprintln!("{what}: {figure:.1}, promised: less than {promised}");
    let strict = env::var_os("DIALTONE_HOLD_DEADLINES").is_some();
    let most = if strict { promised } else { promised * 10.0 };
    assert!((0.0..most).contains(&figure), "{what}: {figure}");
}

/// Whether any file under a folder holds these bytes.
pub fn holds(folder: &Path, bytes: &[u8]) -> bool {
    fs::read_dir(folder).unwrap().any(|entry| {
        let path = entry.unwrap().path();
        if path.is_dir() {
            return holds(&path, bytes);
        }
        let file = fs::read(&path).unwrap();
        file.windows(bytes.len()).any(|part| part == bytes)
    })
}

/// The server's binary.
fn server_binary() -> PathBuf {
    static BUILT: Once = Once::new();
    binary("dialtone-server", "dialtone-server", &BUILT)
}

/// The voice daemon's binary.
pub fn daemon_binary() -> PathBuf {
    static BUILT: Once = Once::new();
    binary("dialtone-voiced", "dialtone-voice", &BUILT)
}

/// A binary of another crate. It stands beside the client's; where only the client was built, it is built now.
fn binary(name: &str, package: &str, built: &Once) -> PathBuf {
    let path = Path::new(env!("CARGO_BIN_EXE_dialtone")).with_file_name(name);
    built.call_once(|| {
        // `make test` has built it already.
        if env::var_os("DIALTONE_BINARIES_BUILT").is_some() {
            assert!(path.exists(), "{} is missing", path.display());
            return;
        }
        let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        let mut build = Command::new(cargo);
        build.args(["build", "-q", "-p", package]);
        build.args([
            "--manifest-path",
            concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml"),
        ]);
        if !cfg!(debug_assertions) {
            build.arg("--release");
        }
        assert!(
            build.status().unwrap().success(),
            "{package} does not build"
        );
    });
    path
}
