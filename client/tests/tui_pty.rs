//! The screen in a real terminal, against a real server: two people meet by a link and talk.
//!
//! The terminal is tmux. Where there is none, nothing was tried, and the tests fail.

#![cfg(feature = "tui")]
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stderr,
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    reason = "in a test a failure ends the test"
)]

#[allow(dead_code, reason = "other tests use the rest")]
mod common;
#[path = "tui_pty/pane.rs"]
mod pane;
#[allow(dead_code, reason = "other tests use the rest")]
#[path = "voice/sound.rs"]
mod sound;

use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use common::{PATIENCE, Person, Running, Server, daemon_binary, founded, invited, signal};
use pane::Pane;

#[test]
fn a_signal_leaves_the_terminal_as_it_was() {
    for name in ["TERM", "HUP"] {
        let person = Person::new("ann", "smol");
        let pane = Pane::open(&person, 80, 24, "");
        pane.until("paste the link");
        signal(&pane.program(), name);
        let after = pane.until("ended with");
        assert!(after.contains("before"), "{after}");
        assert!(!after.contains("paste the link"), "{after}");
        // What is typed is shown and taken in lines again.
        pane.say("typed");
        pane.until("typed");
        assert_eq!(pane.modes(), "icanon echo");
    }
}

#[test]
fn two_people_meet_by_a_link_and_talk() {
    let mut server = Server::start("smol");
    let (ann, bob) = (Person::new("ann", "smol"), Person::new("bob", "smol"));

    let first = Pane::open(&ann, 80, 24, &format!("--link '{}'", server.invite()));
    first.until("this link founds a new community");
    first.join("ann");
    first.until("● online");
    first.until("there is no channel yet");
    first.say("/channel create general");
    first.until("> #general");
    first.say("hello, whoever comes");
    first.until("] ann: hello, whoever comes");

    first.say("/server invite");
    first.until("An invite for one person");
    // It stands below the link: the whole of it is drawn.
    let screen = first.until("c puts it on the clipboard");
    let link: String = screen
        .lines()
        .skip_while(|row| !row.starts_with("http"))
        .take_while(|row| !row.is_empty())
        .collect();
    first.press("Escape");

    // As it is copied from a screen: in rows.
    let second = Pane::open(&bob, 120, 40, "--runtime tokio");
    second.until("paste the link");
    let (front, back) = link.split_at(60);
    second.paste(&format!("{front}\n  {back}\n"));
    second.press("Tab");
    second.until("an invite: you can read and write at once");
    second.join("bob");
    second.until("] ann: hello, whoever comes");
    second.paste("two\nlines");
    second.until("   lines");
    second.press("Enter");
    first.until("] bob: two");

    // The server dies, and comes back.
    server.kill();
    first.until("○");
    first.say("written without a server");
    first.until("[  …  ] ann: written without a server");
    server.go_on();
    second.until("] ann: written without a server");
    first.until("● online");

    // A smaller terminal, then leaving: the terminal is as it was.
    second.resize(50, 14);
    second.until("] ann: written without a server");
    second.press("C-q");
    let after = second.until("ended with 0");
    assert!(
        after.contains("before") && !after.contains("● online"),
        "{after}"
    );

    // A second start shows the past.
    drop(second);
    let again = Pane::open(&bob, 80, 24, "");
    again.until("[unlock]");
    again.say("wrong horse");
    again.until("✗");
    again.press("C-u");
    again.say("correct horse");
    again.until("] ann: written without a server");
    again.say("/quit");
    again.until("ended with 0");
}

// spec 11.40
#[test]
fn somebody_talks_on_the_screen_and_is_shown() {
    let (_server, alice) = founded("smol");
    let bob = invited("bob", "smol", &alice);
    let voiced = daemon_binary();
    let pane = Pane::open(&alice, 100, 26, &format!("--voiced '{}'", voiced.display()));
    pane.until("passphrase");
    pane.say("the password of alice");
    pane.until("online");
    pane.say("/join general");
    pane.say("/voice join");
    pane.until("♪ #general");
    let words = bob.home().join("words.wav");
    sound::write(&words, &sound::speech(48_000 * 60));
    let mut command = bob.command(["voice", "join", "#general"]);
    command.arg("--voiced").arg(voiced);
    command.arg("--input").arg(words);
    command.arg("--output").arg(bob.home().join("heard"));
    let talks = Running::new(&mut command);
    // The note before the name says that it speaks.
    pane.until("♪ bob");
    pane.say("/voice volume bob 0");
    pane.until("bob silenced");
    pane.say("/voice mute");
    pane.until("alice muted");
    talks.signal("INT");
    assert_eq!(talks.wait().code(), 0);
    let give_up = Instant::now() + PATIENCE;
    while pane.text().contains("bob silenced") {
        assert!(Instant::now() < give_up, "{}", pane.text());
        thread::sleep(Duration::from_millis(50));
    }
    pane.say("/voice leave");
    let give_up = Instant::now() + PATIENCE;
    while pane.text().contains("♪ #general") {
        assert!(Instant::now() < give_up, "{}", pane.text());
        thread::sleep(Duration::from_millis(50));
    }
    pane.press("C-q");
    pane.until("ended with 0");
}

/// How the daemon that listens there says that it is set.
fn voice_state(socket: &Path) -> String {
    let mut stream = UnixStream::connect(socket).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    writeln!(stream, r#"{{"cmd":"status"}}"#).unwrap();
    let mut lines = BufReader::new(stream).lines().map(Result::unwrap);
    lines.find(|it| it.contains("voice_state")).unwrap()
}

// spec 10.14
#[test]
fn what_was_set_for_voice_is_there_after_a_restart() {
    let (_server, alice) = founded("smol");
    let bob = invited("bob", "smol", &alice);
    let (voiced, socket) = (daemon_binary(), alice.home().join("voice.sock"));
    let open = |more: &str| {
        let (daemon, socket) = (voiced.display(), socket.display());
        let args = format!("--voiced '{daemon}' --voice-ipc '{socket}' {more}");
        let pane = Pane::open(&alice, 100, 26, &args);
        pane.until("passphrase");
        pane.say("the password of alice");
        pane.until("online");
        pane.say("/join general");
        pane.say("/voice join");
        pane.until("♪ #general");
        pane
    };
    let until_set = |wanted: &str| {
        let give_up = Instant::now() + PATIENCE;
        loop {
            let state = voice_state(&socket);
            if state.contains(wanted) {
                return state;
            }
            assert!(Instant::now() < give_up, "no {wanted}: {state}");
            thread::sleep(Duration::from_millis(50));
        }
    };
    let pane = open("");
    pane.say("/voice volume bob 0");
    pane.say("/voice mute");
    pane.say("/voice threshold 800");
    let state = until_set("\"threshold\":800");
    assert!(state.contains("\"muted\":true"), "{state}");
    pane.press("C-q");
    pane.until("ended with 0");
    drop(pane);

    let pane = open("");
    let state = until_set("\"threshold\":800");
    // Who starts anew is heard.
    assert!(!state.contains("muted"), "{state}");
    let words = bob.home().join("words.wav");
    sound::write(&words, &sound::speech(48_000 * 60));
    let mut command = bob.command(["voice", "join", "#general"]);
    command.arg("--voiced").arg(&voiced);
    command.arg("--input").arg(words);
    let talks = Running::new(&mut command);
    pane.until("bob silenced");
    talks.signal("INT");
    assert_eq!(talks.wait().code(), 0);
    pane.press("C-q");
    pane.until("ended with 0");
    drop(pane);

    // The command line counts for more, for as long as it stands there.
    let pane = open("--voice-vad 900");
    until_set("\"threshold\":900");
    pane.press("C-q");
    pane.until("ended with 0");
    drop(pane);
    let pane = open("");
    until_set("\"threshold\":800");
    pane.press("C-q");
    pane.until("ended with 0");
}
