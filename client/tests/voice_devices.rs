//! Voice through a real sound server: when the microphone is open, what it sends, and what becomes of it when the
//! server dies or another microphone is chosen.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stderr,
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    reason = "in a test a failure ends the test"
)]

#[allow(dead_code, reason = "the daemon's own tests use the rest")]
#[path = "../../voice/tests/daemon_socket/client.rs"]
mod client;
#[allow(dead_code, reason = "other tests use the rest")]
mod common;
#[allow(dead_code, reason = "other tests use the rest")]
#[path = "voice/people.rs"]
mod people;
#[allow(dead_code, reason = "other tests use the rest")]
#[path = "../../voice/tests/sound_server/pulse.rs"]
mod pulse;
#[allow(dead_code, reason = "other tests use the rest")]
#[path = "voice/sound.rs"]
mod sound;

use std::fs;
use std::ops::Range;
use std::path::Path;
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use client::Client;
use common::{PATIENCE, Person, Running, daemon_binary, founded, invited};
use people::{Voice, log_of};
use pulse::Pulse;
use sound::{likeness, read, syllables, write};

/// For how long something is said, or nothing.
const SPAN: Duration = Duration::from_secs(3);

/// Samples of a second.
const SECOND: usize = 48_000;

/// Somebody who enters the room with the microphone and the loudspeaker of a sound server.
fn enter(person: &Person, pulse: &Pulse, more: &[&str]) -> Command {
    let mut command = Voice::command(person, more);
    command.env("PULSE_SERVER", pulse.address());
    // There is no desktop to ask, not even on a machine that has one.
    command.env("DBUS_SESSION_BUS_ADDRESS", "unix:path=/nowhere");
    command
}

/// How like the words, which are said again and again, a second of a recording is.
fn heard(recorded: &[f32], words: &[f32]) -> f64 {
    likeness(recorded, &[words, &words[..2 * SECOND]].concat())
}

/// The last second of a recording but one: at the end somebody leaves.
fn last(recorded: &[f32]) -> &[f32] {
    let end = recorded.len() - SECOND;
    &recorded[end - SECOND..end]
}

// spec 11.61
#[test]
fn a_key_that_nobody_can_watch_leaves_the_microphone_silent_until_it_is_pressed() {
    let (_server, alice) = founded("smol");
    let bob = invited("bob", "smol", &alice);
    let folder = tempfile::tempdir().unwrap();
    let pulse = Pulse::start(folder.path(), &["mic", "loud"]);
    let words = syllables(10 * SECOND);
    let _talks = pulse.play("mic", &words);
    let alice_hears = Voice::start(&alice, &[]);
    alice_hears.running.until_err("in the room");
    let key = ["--voice-ptt", "ctrl+v", "--voice-ptt-backend", "portal"];
    let more = [&key[..], &["--voice-meter", "--json"]].concat();
    let bob_talks = Running::new(&mut enter(&bob, &pulse, &more));
    bob_talks.until_out("ptt_failed");
    alice_hears.running.until_err("bob is heard");
    until_loud(&bob);
    thread::sleep(SPAN);
    // Whoever binds the command to a key talks all the same.
    let mut held = Vec::new();
    for [begin, end] in [["down", "up"], ["toggle", "toggle"]] {
        let began = Instant::now();
        assert_eq!(bob.run(["ptt", begin]).code(), 0);
        thread::sleep(SPAN);
        assert_eq!(bob.run(["ptt", end]).code(), 0);
        held.push(began.elapsed());
        thread::sleep(SPAN);
    }
    let refused = alice.run(["ptt", "down"]);
    assert!(refused.err.contains("--voice-ptt"), "{refused:#?}");
    // Until the end the microphone hears, and nothing of it is sent.
    until_loud(&bob);
    let recorded = alice_hears.recording();
    let gone = alice.run(["ptt", "down"]);
    assert_eq!(gone.code(), 1);
    assert!(gone.err.contains("no voice daemon"), "{gone:#?}");
    bob_talks.signal("INT");
    assert_eq!(bob_talks.wait().code(), 0);

    let spoken = spoken(&recorded);
    assert_eq!(spoken.len(), 2, "{spoken:?}");
    let second = |it: &Range<usize>| it.start as f64 / SECOND as f64;
    assert!(second(&spoken[0]) > SPAN.as_secs_f64() - 1.0, "{spoken:?}");
    assert!(spoken[1].end + SECOND < recorded.len(), "{spoken:?}");
    for (part, held) in spoken.iter().zip(held) {
        let lasted = part.len() as f64 / SECOND as f64;
        // What waits in the network's buffers, and a busy machine. Noise suppression takes some of it away.
        let longest = held.as_secs_f64() + 1.0;
        assert!((0.5..longest).contains(&lasted), "{lasted} of {held:?}");
    }
}

/// Whether the microphone of somebody hears speech by now, and the daemon sends nothing of it.
fn is_loud(person: &Person) -> bool {
    let log = log_of(person);
    let level = log
        .lines()
        .rfind(|it| it.contains(" level "))
        .unwrap_or_default();
    let words: Vec<&str> = level.split(' ').collect();
    let after = |name: &str| {
        let at = words.iter().position(|it| *it == name)?;
        words.get(at + 1).copied()
    };
    let figure = |name| after(name).and_then(|it| it.parse::<u32>().ok());
    figure("level") > figure("threshold") && after("sending") == Some("false")
}

fn until_loud(person: &Person) {
    let give_up = Instant::now() + PATIENCE;
    while !is_loud(person) {
        assert!(Instant::now() < give_up, "{}", log_of(person));
        thread::sleep(Duration::from_millis(50));
    }
}

/// Where in a recording there is any sound. What is silent for less than two seconds belongs to it.
fn spoken(recorded: &[f32]) -> Vec<Range<usize>> {
    let part = SECOND / 50;
    let mut all: Vec<Range<usize>> = Vec::new();
    for (number, samples) in recorded.chunks(part).enumerate() {
        // The least that a file of 16 bits can hold is already no silence.
        if samples.iter().all(|it| *it == 0.0) {
            continue;
        }
        let (start, end) = (number * part, (number + 1) * part);
        match all.last_mut() {
            Some(last) if start < last.end + 2 * SECOND => last.end = end,
            _ => all.push(start..end),
        }
    }
    all
}

#[test]
fn the_microphone_is_open_in_a_room_alone() {
    let (server, alice) = founded("smol");
    let folder = tempfile::tempdir().unwrap();
    let pulse = Pulse::start(folder.path(), &["mic", "loud"]);
    let socket = folder.path().join("voice.sock");
    let link = server.invite();
    let (address, _) = link.split_once("/invite/").unwrap();
    let mut daemon = Command::new(daemon_binary());
    daemon
        .args(["--server", address, "--ipc"])
        .arg(&socket)
        .env_clear()
        .env("PULSE_SERVER", pulse.address());
    let mut daemon = Running::new(&mut daemon);
    let mut client = Client::connect(&socket);
    client.ping();
    assert!(pulse.listeners().is_empty(), "{:?}", pulse.listeners());

    let socket = socket.to_str().unwrap();
    let more = ["--voice-auto", "false", "--voice-ipc", socket];
    let alice_is_there = Running::new(&mut enter(&alice, &pulse, &more));
    alice_is_there.until_err("in the room");
    pulse.until_listeners(&["mic.monitor"]);
    alice_is_there.signal("INT");
    assert_eq!(alice_is_there.wait().code(), 0);
    pulse.until_listeners(&[]);

    client.say(r#"{"cmd":"test","on":true}"#);
    pulse.until_listeners(&["mic.monitor"]);
    client.say(r#"{"cmd":"test","on":false}"#);
    pulse.until_listeners(&[]);
    client.ping();
    assert!(!daemon.has_ended());
}

#[test]
fn a_sound_server_that_dies_in_a_room_is_named_and_sound_goes_on_when_it_is_back() {
    let (_server, alice) = founded("smol");
    let bob = invited("bob", "smol", &alice);
    let folder = tempfile::tempdir().unwrap();
    let sinks = ["mic", "loud"];
    let pulse = Pulse::start(folder.path(), &sinks);
    // They say different things: else one would pass for the echo of the other.
    let all = syllables(100 * SECOND);
    let (alices, bobs) = all.split_at(90 * SECOND);
    let path = alice.home().join("words.wav");
    write(&path, alices);
    let _talks = pulse.play("mic", bobs);
    let alice_is_there = Voice::start(&alice, &["--input", path.to_str().unwrap()]);
    alice_is_there.running.until_err("in the room");
    // Both sing at once, and one singer is hard to tell from the other's echo.
    let bob_is_there = Running::new(&mut enter(&bob, &pulse, &["--voice-keep-echo"]));
    alice_is_there.running.until_err("bob speaks");
    bob_is_there.until_err("alice speaks");
    let times = alice_is_there.running.times("bob speaks");
    drop(pulse);
    for end in ["microphone", "loudspeaker"] {
        bob_is_there.until_err(&format!("the {end} cannot be used: "));
    }
    let pulse = Pulse::start(folder.path(), &sinks);
    let _talks = pulse.play("mic", bobs);
    for end in ["microphone", "loudspeaker"] {
        bob_is_there.until_err(&format!("the {end} is used again"));
    }
    alice_is_there.running.until_err_again("bob speaks", times);
    let loud = pulse.record("loud.monitor");
    thread::sleep(2 * SPAN);
    let at_bob = loud.so_far().samples;
    let (at_alice, said) = alice_is_there.ended();
    assert!(!said.err.contains("bob left"), "{said:#?}");
    bob_is_there.signal("INT");
    let said = bob_is_there.wait();
    assert_eq!(said.code(), 0);
    assert_eq!(said.err.matches("in the room").count(), 1, "{said:#?}");
    let likeness = [heard(last(&at_bob), alices), heard(last(&at_alice), bobs)];
    assert!(likeness.iter().all(|it| *it > 0.7), "{likeness:?}");
}

#[test]
fn another_microphone_is_chosen_without_leaving_the_room() {
    let (_server, alice) = founded("smol");
    let bob = invited("bob", "smol", &alice);
    let folder = tempfile::tempdir().unwrap();
    let pulse = Pulse::start(folder.path(), &["mic", "other", "loud"]);
    let all = syllables(20 * SECOND);
    let (first, second) = all.split_at(10 * SECOND);
    let _talks = [pulse.play("mic", first), pulse.play("other", second)];
    let alice_hears = Voice::start(&alice, &[]);
    alice_hears.running.until_err("in the room");
    let socket = folder.path().join("voice.sock");
    let more = ["--voice-ipc", socket.to_str().unwrap()];
    let bob_talks = Running::new(&mut enter(&bob, &pulse, &more));
    alice_hears.running.until_err("bob speaks");
    pulse.until_listeners(&["mic.monitor"]);
    thread::sleep(SPAN);
    let mut client = Client::connect(&socket);
    client.say(r#"{"cmd":"device","input":"pulseaudio:other.monitor"}"#);
    pulse.until_listeners(&["other.monitor"]);
    thread::sleep(SPAN);
    let (recorded, said) = alice_hears.ended();
    assert!(!said.err.contains("bob left"), "{said:#?}");
    assert_eq!(said.err.matches("bob is heard").count(), 1, "{said:#?}");
    bob_talks.signal("INT");
    assert_eq!(bob_talks.wait().code(), 0);
    let spoken = spoken(&recorded);
    let before = &recorded[spoken[0].start + SECOND..][..SECOND];
    let likeness = [heard(before, first), heard(last(&recorded), second)];
    assert!(likeness.iter().all(|it| *it > 0.7), "{likeness:?}");
}

/// Real words, for half a minute. An echo of sung notes alone is not learned: they hold too few tones.
const WORDS: &str = "The birch canoe slid on the smooth planks. Glue the sheet to the dark blue background. It is easy \
                     to tell the depth of a well. These days a chicken leg is a rare dish. Rice is often served in \
                     round bowls. The juice of lemons makes fine punch. The box was thrown beside the parked truck. \
                     The hogs were fed chopped corn and garbage. Four hours of steady work faced us. A large size in \
                     stockings is hard to sell.";

fn synthesise(path: &Path) {
    let mut synthesiser = Command::new("espeak-ng");
    synthesiser
        .args(["-v", "en-us", "-s", "150", "-w"])
        .arg(path);
    let said = synthesiser.arg(WORDS).status();
    let said = said.unwrap_or_else(|error| panic!("espeak-ng (Debian package espeak-ng): {error}"));
    assert!(said.success());
}

/// How loud what Alice says comes back from Bob, whose microphone hears his loudspeaker, once the canceller has had some
/// seconds: the root mean square of samples of 16 bits. What Bob himself says then has to come through.
fn comes_back(alice: &Person, bob: &Person, pulse: &Pulse, sink: &str, more: &[&str]) -> f64 {
    let path = alice.home().join("words.wav");
    synthesise(&path);
    let began = Instant::now();
    let alice_is_there = Voice::start(alice, &["--input", path.to_str().unwrap()]);
    alice_is_there.running.until_err("in the room");
    let bob_is_there = Running::new(&mut enter(bob, pulse, more));
    alice_is_there.running.until_err("bob is heard");
    thread::sleep(3 * SPAN);
    // What is recorded begins a moment later than this.
    let from = began.elapsed().as_secs() as usize * SECOND;
    thread::sleep(SPAN + SPAN / 3);
    let times = alice_is_there.running.times("bob speaks");
    let talks = pulse.play(sink, &syllables(10 * SECOND));
    if more.is_empty() {
        alice_is_there.running.until_err_again("bob speaks", times);
    }
    drop(talks);
    let folder = alice_is_there.folder.clone();
    for running in [alice_is_there.running, bob_is_there] {
        running.signal("INT");
        assert_eq!(running.wait().code(), 0);
    }
    // Who says nothing at all has no file.
    let files = fs::read_dir(&folder).into_iter().flatten();
    let recorded: Vec<f32> = files.flat_map(|it| read(&it.unwrap().path())).collect();
    let _ = fs::remove_dir_all(folder);
    let last = recorded.iter().skip(from).take(3 * SECOND);
    let sum = last.fold(0.0, |sum, it| sum + f64::from(*it).powi(2));
    (sum / (3 * SECOND) as f64).sqrt() * f64::from(i16::MAX)
}

// spec 11.57
#[test]
fn what_a_loudspeaker_plays_does_not_come_back() {
    let (_server, alice) = founded("smol");
    let bob = invited("bob", "smol", &alice);
    // The microphone hears the loudspeaker at once, or later and by a clock of its own.
    for drifts in [false, true] {
        let folder = tempfile::tempdir().unwrap();
        let sinks = if drifts {
            &["mic", "loud"][..]
        } else {
            &["room"]
        };
        let pulse = Pulse::start(folder.path(), sinks);
        if drifts {
            pulse.lead("loud.monitor", "mic");
        }
        let kept = comes_back(&alice, &bob, &pulse, sinks[0], &["--voice-keep-echo"]);
        let taken_out = comes_back(&alice, &bob, &pulse, sinks[0], &[]);
        eprintln!("drifts: {drifts}: of {kept:.0} comes back {taken_out:.0}");
        assert!(kept > 500.0, "{kept}");
        assert!(taken_out < kept / 10.0, "{taken_out} of {kept}");
    }
}
