//! Voice without a screen: real servers, real daemons, real sockets, and what is heard at the other end.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    reason = "in a test a failure ends the test"
)]

#[allow(dead_code, reason = "other tests use the rest")]
mod common;
#[allow(dead_code, reason = "the daemon's own tests use the rest")]
#[path = "../../voice/tests/media/coturn.rs"]
mod coturn;
#[path = "voice/log.rs"]
mod log;
#[path = "voice/people.rs"]
mod people;
#[allow(dead_code, reason = "other tests use the rest")]
#[path = "voice/sound.rs"]
mod sound;

use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use common::{PATIENCE, Person, Running, daemon_binary, founded, free_port, hold, invited};
use coturn::Coturn;
use dialtone_protocol::sigchain::Payload;
use log::Authority;
use people::{Voice, kill_daemon_of, log_of, moment, words};
use sound::{find, likeness, read, read_any, speech, write};

/// How like the words is what was heard, wherever it begins.
fn heard(words: &[f32], recorded: &[f32]) -> f64 {
    likeness(words, recorded)
}

macro_rules! on_both_runtimes {
    ($($test:ident;)*) => {
        mod smol {$(
            #[test]
            fn $test() {
                super::$test("smol");
            }
        )*}
        mod tokio {$(
            #[test]
            fn $test() {
                super::$test("tokio");
            }
        )*}
    };
}

on_both_runtimes! {
    what_one_says_the_other_hears;
    what_one_says_the_other_hears_through_a_relay_alone;
}

// spec 11.40, 11.41
fn what_one_says_the_other_hears(runtime: &'static str) {
    let (_server, alice) = founded(runtime);
    let bob = invited("bob", runtime, &alice);
    let (path, words) = words(&bob, 5);
    let alice_hears = Voice::start(&alice, &[]);
    alice_hears.running.until_err("in the room");
    let bob_speaks = Voice::start(&bob, &["--input", path.to_str().unwrap()]);
    alice_hears.running.until_err("bob is heard");
    alice_hears.running.until_err("bob speaks");
    bob_speaks.running.until_err("the file is at its end");
    bob_speaks.running.signal("INT");
    assert_eq!(bob_speaks.running.wait().code(), 0);
    alice_hears.running.until_err("bob left");
    let file = &alice_hears.until_heard(1)[0];
    let recorded_in = format!("recorded in {}", file.display());
    alice_hears.running.until_err(&recorded_in);
    let recorded = alice_hears.recording();
    // The first moments are spoken before the connection stands.
    let likeness = heard(&words[48_000 * 2..48_000 * 4], &recorded);
    assert!(likeness > 0.8, "{likeness}");
    let delay = delay(&alice, &bob, &words, &recorded);
    hold("from mouth to ear, in ms", delay, 60.0);
}

/// Somebody in the room who is reached through the relay alone.
fn start_by(coturn: &Coturn, by: &str, person: &Person, more: &[&str]) -> Voice {
    let (stun, turn, authority) = (coturn.url("stun"), coturn.url(by), coturn.authority());
    let flags = [
        ["--voice-stun", &stun],
        ["--voice-turn", &turn],
        ["--voice-turn-user", "ann"],
        ["--voice-turn-pass", "secret"],
        ["--ca", authority.to_str().unwrap()],
    ];
    let flags = flags.as_flattened().iter().chain(&["--voice-relay-only"]);
    let flags: Vec<&str> = flags.chain(more).copied().collect();
    Voice::start(person, &flags)
}

// spec 11.51, 11.54, 11.55
fn what_one_says_the_other_hears_through_a_relay_alone(runtime: &'static str) {
    let mut coturn = Coturn::start([free_port(), free_port()]);
    let (_server, alice) = founded(runtime);
    let bob = invited("bob", runtime, &alice);
    let (path, words) = words(&bob, 5);
    let input = ["--input", path.to_str().unwrap()];
    for by in ["udp", "tcp", "tls"] {
        let alice_hears = start_by(&coturn, by, &alice, &[]);
        alice_hears.running.until_err("in the room");
        let bob_speaks = start_by(&coturn, by, &bob, &input);
        bob_speaks.running.until_err("the file is at its end");
        bob_speaks.running.signal("INT");
        assert_eq!(bob_speaks.running.wait().code(), 0);
        let folder = alice_hears.folder.clone();
        let recorded = alice_hears.recording();
        let likeness = heard(&words[48_000 * 3..48_000 * 4], &recorded);
        assert!(likeness > 0.8, "{by}: {likeness} {}", log_of(&alice));
        fs::remove_dir_all(folder).unwrap();
    }
    // It was the relay: without it nothing is heard.
    coturn.kill();
    let alice_hears = start_by(&coturn, "tcp", &alice, &[]);
    alice_hears.running.until_err("in the room");
    let bob_speaks = start_by(&coturn, "tcp", &bob, &input);
    for voice in [&alice_hears, &bob_speaks] {
        voice
            .running
            .until_err("cannot be used: there is no connection to it");
    }
    bob_speaks.running.until_err("the file is at its end");
    for voice in [&alice_hears, &bob_speaks] {
        voice.running.signal("INT");
    }
    let heard = fs::read_dir(&alice_hears.folder).map(Iterator::count);
    assert_eq!(heard.unwrap_or(0), 0);
    for voice in [alice_hears, bob_speaks] {
        assert_eq!(voice.running.wait().code(), 0);
    }
}

// spec 11.51, 11.56
#[test]
fn a_relay_that_died_and_is_there_again_carries_the_room_again() {
    let mut coturn = Coturn::start([free_port(), free_port()]);
    let (_server, alice) = founded("smol");
    let bob = invited("bob", "smol", &alice);
    let (path, words) = words(&bob, 60);
    let alice_hears = start_by(&coturn, "udp", &alice, &[]);
    alice_hears.running.until_err("in the room");
    let input = ["--input", path.to_str().unwrap()];
    let bob_speaks = start_by(&coturn, "udp", &bob, &input);
    alice_hears.running.until_err("bob speaks");
    coturn.kill();
    alice_hears
        .running
        .until_err("nothing comes from bob any more");
    for voice in [&alice_hears, &bob_speaks] {
        voice
            .running
            .until_err("Who cannot be reached directly is not heard; it is tried again");
    }
    let before = alice_hears.running.times("bob is heard");
    coturn.go_on();
    alice_hears.running.until_err_again("bob is heard", before);
    bob_speaks.running.until_err("the file is at its end");
    let recorded = alice_hears.recording();
    bob_speaks.running.signal("INT");
    assert_eq!(bob_speaks.running.wait().code(), 0);
    let likeness = heard(&words[48_000 * 57..48_000 * 59], &recorded);
    assert!(likeness > 0.8, "{likeness} {}", log_of(&alice));
}

/// From when something is said until it is heard, in milliseconds, by what both daemons say of their clocks.
fn delay(hears: &Person, says: &Person, words: &[f32], recorded: &[f32]) -> f64 {
    let ear = moment(&log_of(hears), "recording begins");
    let mouth = moment(&log_of(says), "the microphone is open");
    let from = 48_000 * 3;
    let at = find(&words[from..from + 4800], recorded);
    (ear + at as f64 / 48_000.0 - mouth - from as f64 / 48_000.0) * 1000.0
}

// spec 11.45
#[test]
fn people_go_on_talking_while_the_server_is_away() {
    let (mut server, alice) = founded("smol");
    let bob = invited("bob", "smol", &alice);
    let (path, words) = words(&bob, 14);
    let alice_hears = Voice::start(&alice, &[]);
    alice_hears.running.until_err("in the room");
    let bob_speaks = Voice::start(&bob, &["--input", path.to_str().unwrap()]);
    alice_hears.running.until_err("bob speaks");
    let began = Instant::now();
    server.kill();
    thread::sleep(Duration::from_secs(4));
    server.go_on();
    bob_speaks.running.until_err("the file is at its end");
    assert!(began.elapsed() > Duration::from_secs(8));
    let recorded = alice_hears.recording();
    bob_speaks.running.signal("INT");
    bob_speaks.running.wait();
    // What was said while the server was dead, and after it came back.
    for second in [3, 5, 9, 11] {
        let part = &words[48_000 * second..48_000 * (second + 1)];
        let likeness = heard(part, &recorded);
        let logs = [log_of(&alice), log_of(&bob)];
        assert!(likeness > 0.8, "{second}: {likeness} {logs:#?}");
    }
}

#[test]
fn a_daemon_that_is_killed_is_started_again_and_the_room_entered() {
    let (_server, alice) = founded("smol");
    let bob = invited("bob", "smol", &alice);
    let alice_hears = Voice::start(&alice, &[]);
    alice_hears.running.until_err("in the room");
    let (path, words) = words(&bob, 20);
    let bob_speaks = Voice::start(&bob, &["--input", path.to_str().unwrap()]);
    alice_hears.running.until_err("bob is heard");
    kill_daemon_of(&bob);
    bob_speaks.running.until_err("it is started again in 2 s");
    // It begins the file anew.
    bob_speaks.running.until_err("the file is at its end");
    let recorded = alice_hears.recording();
    bob_speaks.running.signal("INT");
    assert_eq!(bob_speaks.running.wait().code(), 0);
    let likeness = heard(&words[48_000 * 12..48_000 * 14], &recorded);
    assert!(likeness > 0.8, "{likeness}");
}

/// When the daemon of a person said something last, in seconds.
fn said(person: &Person, what: &str) -> Option<f64> {
    let log = log_of(person);
    let line = log.lines().rfind(|it| it.contains(what))?;
    line.split(' ').next()?.parse().ok()
}

fn now() -> f64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    now.as_secs_f64()
}

// spec 11.36, 11.44
#[test]
fn whom_the_log_puts_out_is_not_heard_any_more_and_the_others_are() {
    let (_server, alice) = founded("smol");
    let bob = invited("bob", "smol", &alice);
    let [out] = Authority::of(&alice).others()[..] else {
        panic!("bob is the only other one");
    };
    let (carol, dave) = (
        invited("carol", "smol", &alice),
        invited("dave", "smol", &alice),
    );
    let carol_hears = Voice::start(&carol, &[]);
    carol_hears.running.until_err("in the room");
    let (path, words) = words(&bob, 15);
    let speak = ["--input", path.to_str().unwrap()];
    let bob_speaks = Voice::start(&bob, &speak);
    carol_hears.running.until_err("bob speaks");
    let dave_speaks = Voice::start(&dave, &speak);
    carol_hears.running.until_err("dave speaks");

    let mut authority = Authority::of(&alice);
    let before = now();
    authority.append(Payload::RemoveUser { user: out });
    let give_up = Instant::now() + PATIENCE;
    let closed = loop {
        match said(&carol, "is closed").filter(|at| *at > before) {
            Some(at) => break at,
            None => assert!(Instant::now() < give_up, "{}", log_of(&carol)),
        }
        thread::sleep(Duration::from_millis(20));
    };
    let took = (closed - before) * 1000.0;
    hold("from the entry until nothing is heard, in ms", took, 200.0);
    assert!(said(&dave, "is closed").is_some());
    bob_speaks.running.signal("INT");
    bob_speaks.running.wait();

    dave_speaks.running.until_err("the file is at its end");
    let files = carol_hears.until_heard(2);
    carol_hears.running.signal("INT");
    assert_eq!(carol_hears.running.wait().code(), 0);
    let heard_of = |who: bool| {
        let is_it = |it: &&PathBuf| it.to_str().unwrap().contains(&out.to_string()) == who;
        read(files.iter().find(is_it).unwrap())
    };
    let (of_bob, of_dave) = (heard_of(true), heard_of(false));
    let late = &words[48_000 * 12..48_000 * 14];
    assert!(heard(late, &of_dave) > 0.8, "{}", heard(late, &of_dave));
    let last = closed - said(&bob, "the microphone is open").unwrap();
    assert!((of_bob.len() as f64) < (last + 2.0) * 48_000.0);
    assert!(of_bob.len() + 48_000 < of_dave.len());
    dave_speaks.running.signal("INT");
    dave_speaks.running.wait();
}

#[test]
fn a_deleted_channel_ends_its_room_in_words() {
    let (_server, alice) = founded("smol");
    let bob = invited("bob", "smol", &alice);
    let bob_is_there = Voice::start(&bob, &[]);
    bob_is_there.running.until_err("in the room");
    alice.run(["channels", "delete", "#general"]).lines();
    let ended = bob_is_there.running.wait();
    assert_ne!(ended.code(), 0, "{ended:#?}");
    assert!(ended.err.contains("its channel was deleted"), "{ended:#?}");
}

#[test]
fn what_cannot_be_done_is_said_in_words() {
    let (_server, alice) = founded("smol");
    let missing = alice.run(["voice", "join", "#general", "--voiced", "/nowhere/voiced"]);
    assert_eq!(missing.code(), 1);
    assert!(missing.err.contains("/nowhere/voiced"), "{missing:#?}");
    let mut command = Voice::command(&alice, &["--input", "/nowhere.wav"]);
    let ended = Running::new(&mut command).wait();
    assert_eq!(ended.code(), 1);
    assert!(
        log_of(&alice).contains("/nowhere.wav"),
        "{}",
        log_of(&alice)
    );
    let stranger = alice.run(["voice", "join", "#nowhere"]);
    assert!(stranger.err.contains("no channel called"), "{stranger:#?}");
}

/// The Python in which another WebRTC stack is installed: `.ci/setup test` makes it.
fn python() -> PathBuf {
    let target = daemon_binary();
    let target = target.ancestors().nth(2).unwrap();
    let python = std::env::var_os("DIALTONE_INTEROP_PYTHON").map(PathBuf::from);
    let python = python.unwrap_or_else(|| target.join("interop/bin/python"));
    assert!(
        python.exists(),
        "{} is missing: .ci/setup test installs aiortc there",
        python.display()
    );
    python
}

// spec 11.35, 11.47: who signs nothing, by another WebRTC stack, in both orders of coming.
#[test]
fn a_daemon_of_the_original_is_heard_and_hears_where_that_is_allowed() {
    for original_first in [true, false] {
        let (server, alice) = founded("smol");
        let channel = alice.run(["channels", "--json"]);
        let channel = channel.objects()[0]["id"].as_str().unwrap().to_owned();
        let link = server.invite();
        let (address, fragment) = link.split_once("/invite/").unwrap();
        let invite = fragment.split('#').next().unwrap();
        let folder = tempfile::tempdir().unwrap();
        let (theirs, recorded) = (
            folder.path().join("theirs.wav"),
            folder.path().join("heard.wav"),
        );
        let their_words = speech(48_000 * 12);
        write(&theirs, &their_words);
        let (path, words) = words(&alice, 12);
        let mut command = Command::new(python());
        command
            .arg(concat!(
                env!("CARGO_MANIFEST_DIR"),
                "/tests/voice/original.py"
            ))
            .args([address, invite, &channel])
            .args([&theirs, &recorded])
            .stdin(std::process::Stdio::piped());
        let mut otto = Running::new(&mut command);
        otto.until_out("user ");
        let user = otto.first_line().split(' ').nth(1).unwrap().to_owned();
        if original_first {
            otto.read_line("");
            otto.until_out("inside");
        }
        let input = path.to_str().unwrap();
        let more = ["--input", input, "--allow-unverified-voice", &user];
        let alice_talks = Voice::start(&alice, &more);
        alice_talks.running.until_err("in the room");
        if !original_first {
            otto.read_line("");
        }
        alice_talks.running.until_err("(not verified)");
        otto.until_out("state connected");
        thread::sleep(Duration::from_secs(6));
        let heard_here = alice_talks.recording();
        otto.until_out("closed");
        otto.read_line("");
        otto.wait();
        let here = heard(&their_words[48_000 * 2..48_000 * 4], &heard_here);
        let there = heard(&words[48_000 * 3..48_000 * 5], &read_any(&recorded));
        assert!(
            here > 0.8 && there > 0.8,
            "{original_first}: {here} {there}"
        );
    }
}

// spec 11.35
#[test]
fn a_daemon_that_signs_nothing_is_not_heard_unless_that_is_allowed() {
    let (server, alice) = founded("smol");
    let channel = alice.run(["channels", "--json"]);
    let channel = channel.objects()[0]["id"].as_str().unwrap().to_owned();
    let link = server.invite();
    let (address, fragment) = link.split_once("/invite/").unwrap();
    let invite = fragment.split('#').next().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let theirs = folder.path().join("theirs.wav");
    write(&theirs, &speech(48_000));
    let mut command = Command::new(python());
    command
        .arg(concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/tests/voice/original.py"
        ))
        .args([address, invite, &channel])
        .args([&theirs, &folder.path().join("heard.wav")])
        .stdin(std::process::Stdio::piped());
    let mut otto = Running::new(&mut command);
    otto.until_out("user ");
    otto.read_line("");
    otto.until_out("inside");
    let alice_talks = Voice::start(&alice, &[]);
    alice_talks.running.until_err("--allow-unverified-voice");
    alice_talks.running.signal("INT");
    let ended = alice_talks.running.wait();
    assert!(!ended.err.contains("is heard\n"), "{ended:#?}");
    otto.kill();
}

/// What the other tests go by: that a likeness is found says that just these words were heard.
#[test]
fn what_was_never_said_is_not_found() {
    let all = speech(48_000 * 12);
    let (said, other) = all.split_at(48_000 * 8);
    for second in [0, 2] {
        let words = &other[48_000 * second..48_000 * (second + 1)];
        let alike = likeness(words, said);
        assert!(alike < 0.5, "{second}: {alike}");
        assert!(likeness(words, other) > 0.999);
    }
}
