//! What is asked of voice beside taking part: who is there, what there is to hear with, where the daemon is found, and
//! what other programs tell it.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    reason = "in a test a failure ends the test"
)]

#[allow(dead_code, reason = "other tests use the rest")]
mod common;
#[allow(dead_code, reason = "other tests use the rest")]
#[path = "voice/people.rs"]
mod people;
#[allow(dead_code, reason = "other tests use the rest")]
#[path = "voice/sound.rs"]
mod sound;

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use common::{PATIENCE, Running, daemon_binary, founded, invited};
use people::{Voice, log_of, moment, words};
use sound::likeness;

#[test]
fn who_is_in_which_room_is_said() {
    let (_server, alice) = founded("smol");
    let bob = invited("bob", "smol", &alice);
    assert!(bob.run(["voice", "who"]).lines().is_empty());
    let talks = Voice::start(&alice, &[]);
    talks.running.until_err("in the room");
    assert_eq!(bob.run(["voice", "who"]).lines(), ["#general\talice"]);
    let rooms = bob.run(["voice", "who", "--json"]).objects();
    let [room] = &rooms[..] else {
        panic!("{rooms:?}");
    };
    assert_eq!(room["channel"], "general");
    assert_eq!(room["users"][0]["name"], "alice");
    talks.running.signal("INT");
    assert_eq!(talks.running.wait().code(), 0);
    let give_up = Instant::now() + PATIENCE;
    while !bob.run(["voice", "who"]).lines().is_empty() {
        assert!(Instant::now() < give_up, "alice is still there");
    }
}

#[test]
fn the_daemon_is_found_where_it_is_named_and_says_what_it_does() {
    let (_server, alice) = founded("smol");
    let voiced = daemon_binary();
    let devices = |change: &dyn Fn(&mut Command)| {
        let mut command = alice.command(["voice", "devices"]);
        change(&mut command);
        Running::new(&mut command).wait()
    };
    let nowhere = "/nowhere/dialtone-voiced";
    let failed = devices(&|command| {
        command.env("DIALTONE_VOICE_DAEMON", nowhere);
    });
    assert_eq!(failed.code(), 1, "{failed:#?}");
    let told = format!("{failed:#?}");
    assert!(
        told.contains(nowhere) && told.contains("--voiced"),
        "{told}"
    );
    // What the command line says counts for more than the environment, and of that the newer name.
    let found = devices(&|command| {
        command.env("DIALTONE_VOICE_DAEMON", nowhere);
        command.arg("--voiced").arg(&voiced);
    });
    assert_eq!(found.code(), 0, "{found:#?}");
    let found = devices(&|command| {
        command.env("DIALTONE_VOICED", nowhere);
        command.env("DIALTONE_VOICE_DAEMON", &voiced);
    });
    assert_eq!(found.code(), 0, "{found:#?}");

    let log = alice.home().join("voiced.log");
    assert!(!log.exists(), "nobody asked for it");
    let found = devices(&|command| {
        command.env("DIALTONE_VOICED", &voiced);
        command.arg("--voice-debug");
    });
    assert_eq!(found.code(), 0, "{found:#?}");
    let mode = fs::metadata(&log).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
}

#[test]
fn why_a_daemon_does_not_begin_is_said() {
    let (_server, alice) = founded("smol");
    let log = alice.home().join("voiced.log");
    let log = log.to_str().unwrap();
    let voiced = daemon_binary();
    let voiced = voiced.to_str().unwrap();
    for (flags, why) in [
        (vec!["--input", "/nowhere.wav"], "/nowhere.wav"),
        (vec!["--voice-ptt", "nonsense"], "nonsense"),
        (
            vec!["--voice-ptt", "nonsense", "--voice-log", log],
            "nonsense",
        ),
    ] {
        let mut command = alice.command(["voice", "join", "#general", "--voiced", voiced]);
        let failed = Running::new(command.args(flags)).wait();
        assert_eq!(failed.code(), 1, "{failed:#?}");
        let does_not = failed.err.lines().find(|it| it.contains("does not begin"));
        assert!(does_not.is_some_and(|it| it.contains(why)), "{failed:#?}");
    }
}

#[test]
fn who_wants_relays_alone_is_told_that_there_is_none() {
    let (_server, alice) = founded("smol");
    let hears = Voice::start(&alice, &["--voice-relay-only"]);
    hears.running.until_err("name one by --voice-turn");
    hears.running.signal("INT");
    assert_eq!(hears.running.wait().code(), 0);
}

#[test]
fn a_daemon_is_found_in_the_path() {
    let (_server, alice) = founded("smol");
    // Beside a program that lies elsewhere there is none.
    let folder = tempfile::tempdir().unwrap();
    let program = folder.path().join("dialtone");
    let built = Path::new(env!("CARGO_BIN_EXE_dialtone"));
    if fs::hard_link(built, &program).is_err() {
        fs::copy(built, &program).unwrap();
    }
    let devices = |path: &Path| {
        let mut command = Command::new(&program);
        command
            .args(["voice", "devices", "--home"])
            .arg(alice.home())
            .env_clear()
            .env("DIALTONE_PASSWORD", alice.password())
            .env("PATH", path);
        Running::new(&mut command).wait()
    };
    let failed = devices(folder.path());
    let told = format!("{failed:#?}");
    assert!(failed.code() == 1 && told.contains("install it"), "{told}");
    let voiced = daemon_binary();
    let found = devices(voiced.parent().unwrap());
    assert_eq!(found.code(), 0, "{found:#?}");
}

/// Another program that tells a daemon what to do.
struct Remote(BufReader<UnixStream>);

impl Remote {
    fn connect(socket: &Path) -> Self {
        let give_up = Instant::now() + PATIENCE;
        let stream = loop {
            match UnixStream::connect(socket) {
                Ok(stream) => break stream,
                Err(error) => assert!(Instant::now() < give_up, "{error}"),
            }
            thread::sleep(Duration::from_millis(20));
        };
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        Self(BufReader::new(stream))
    }

    /// Says a command, and waits until the daemon says that it is so.
    fn say(&mut self, command: &str, wanted: &str) {
        writeln!(self.0.get_mut(), "{command}").unwrap();
        let mut line = String::new();
        while !(line.contains("voice_state") && line.contains(wanted)) {
            line.clear();
            assert_ne!(self.0.read_line(&mut line).unwrap(), 0, "it hung up");
        }
    }
}

fn now() -> f64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    now.as_secs_f64()
}

// spec 11.60
#[test]
fn who_is_muted_is_not_heard_at_the_other_end_and_is_heard_again() {
    let (_server, alice) = founded("smol");
    let bob = invited("bob", "smol", &alice);
    let (path, words) = words(&bob, 14);
    let alice_hears = Voice::start(&alice, &[]);
    alice_hears.running.until_err("in the room");
    let socket: PathBuf = bob.home().join("voice.sock");
    let flags = [
        "--input",
        path.to_str().unwrap(),
        "--voice-ipc",
        socket.to_str().unwrap(),
    ];
    let bob_speaks = Voice::start(&bob, &flags);
    alice_hears.running.until_err("bob speaks");
    let mut remote = Remote::connect(&socket);
    remote.say(r#"{"cmd":"mute"}"#, r#""muted":true"#);
    let began = moment(&log_of(&bob), "the microphone is open");
    let muted = (now() - began).ceil() as usize;
    assert!(muted < 8, "this machine is too slow: {muted}");
    thread::sleep(Duration::from_secs(3));
    remote.say(r#"{"cmd":"unmute"}"#, r#""threshold""#);
    let unmuted = (now() - began).ceil() as usize;
    bob_speaks.running.until_err("the file is at its end");
    let recorded = alice_hears.recording();
    bob_speaks.running.signal("INT");
    bob_speaks.running.wait();
    let heard = |second: usize| {
        let part = &words[48_000 * second..48_000 * (second + 1)];
        likeness(part, &recorded)
    };
    let (silent, loud) = (heard(muted), heard(unmuted));
    assert!(
        loud > 0.8 && silent < loud - 0.3,
        "{muted}: {silent}, {unmuted}: {loud}"
    );
}
