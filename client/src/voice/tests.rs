#![allow(clippy::unwrap_used, reason = "tests")]

use std::path::{Path, PathBuf};

use clap::Parser;

use super::*;
use crate::cli::Cli;

fn arguments(more: &[&str]) -> Vec<String> {
    let line = ["dialtone"].iter().chain(more);
    let cli = Cli::try_parse_from(line).unwrap();
    let socket = Path::new("/run/voice.sock");
    let all = daemon::arguments(&cli.voice, &cli.shared, "https://chat.example", socket);
    all.into_iter()
        .map(|it| it.into_string().unwrap())
        .collect()
}

#[test]
fn the_daemon_is_told_what_the_user_said_and_no_secret() {
    let usual = arguments(&[]);
    let wanted = [
        "--server",
        "https://chat.example",
        "--ipc",
        "/run/voice.sock",
        "--ends-with-client",
    ];
    assert_eq!(usual.get(..5).unwrap(), wanted);
    assert!(
        !usual
            .iter()
            .any(|it| ["ptt", "vad", "keep"].iter().any(|word| it.contains(word)))
    );
    let all = arguments(&[
        "--voice-ptt",
        "ctrl+v",
        "--voice-ptt-backend",
        "command",
        "--voice-vad",
        "800",
        "--voice-stun",
        "stun.example",
        "--voice-turn",
        "turn.example",
        "--voice-turn-user",
        "ann",
        "--voice-turn-pass",
        "secret",
        "--voice-keep-echo",
        "--voice-keep-noise",
        "--voice-keep-level",
        "--voice-relay-only",
        "--voice-meter",
    ]);
    let said = all.join(" ");
    for wanted in [
        "--ptt ctrl+v",
        "--ptt-backend command",
        "--vad-threshold 800",
        "--stun stun.example",
        "--turn turn.example",
        "--turn-user ann",
        "--keep-echo",
        "--keep-noise",
        "--keep-level",
        "--relay-only",
        "--meter",
    ] {
        assert!(said.contains(wanted), "{wanted}: {said}");
    }
    assert!(!said.contains("secret"));
    // The client watches it itself.
    let all = arguments(&["--voice-ptt", "f9", "--voice-ptt-backend", "terminal"]);
    assert!(all.join(" ").contains("--ptt-backend command"), "{all:?}");
}

#[test]
fn each_home_and_account_has_a_socket_of_its_own() {
    let path = |runtime: Option<&str>, home: &str, account: &str| {
        socket::path_in(runtime.map(PathBuf::from), Path::new(home), account).unwrap()
    };
    let one = path(Some("/run/user/1"), "/a", "ann@x");
    assert!(one.starts_with("/run/user/1"));
    assert_eq!(one, path(Some("/run/user/1"), "/a", "ann@x"));
    assert_ne!(one, path(Some("/run/user/1"), "/b", "ann@x"));
    assert_ne!(one, path(Some("/run/user/1"), "/a", "bob@x"));
    // Where the system has no place for it, it lies in the home.
    assert!(path(None, "/a", "ann@x").starts_with("/a"));
    let long = format!("/{}", "x".repeat(100));
    let refused = socket::path_in(None, Path::new(&long), "ann@x");
    assert!(matches!(refused, Err(SocketError::TooLong(_))));
}
