//! A conversation as two people hold it: each at a screen, with a microphone and a loudspeaker of a real sound server.

#![cfg(feature = "tui")]
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr,
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    reason = "in a test a failure ends the test"
)]

#[allow(dead_code, reason = "other tests use the rest")]
mod common;
#[allow(dead_code, reason = "other tests use the rest")]
#[path = "tui_pty/pane.rs"]
mod pane;
#[allow(dead_code, reason = "other tests use the rest")]
#[path = "../../voice/tests/sound_server/pulse.rs"]
mod pulse;
#[allow(dead_code, reason = "other tests use the rest")]
#[path = "voice/sound.rs"]
mod sound;

use std::thread;
use std::time::Duration;

use common::{Person, daemon_binary, founded, hold, invited};
use pane::Pane;
use pulse::{Pulse, Recorded};
use sound::{find, likeness, syllables};

/// Samples of a second.
const SECOND: usize = 48_000;

/// How long somebody talks before it is measured: the stages of the microphone learn the voice.
const BEGINS: Duration = Duration::from_secs(5);

/// For how many seconds it is measured.
const MEASURED: usize = 5;

/// What is promised from mouth to ear, in milliseconds.
const PROMISED: f64 = 100.0;

/// Opens the screen of somebody, and enters the room of `#general`.
fn enter(person: &Person, pulse: &Pulse) -> Pane {
    let variables = format!("PULSE_SERVER='{}'", pulse.address());
    let args = format!("--voiced '{}'", daemon_binary().display());
    let pane = Pane::open_where(&variables, person, 100, 26, &args);
    pane.until("passphrase");
    pane.say(&format!("the password of {}", person.name));
    pane.until("online");
    pane.say("/join general");
    pane.until("> #general");
    pane.say("/voice join");
    pane.until("♪ #general");
    pane
}

// spec 11.40, 11.41
#[test]
fn two_people_hold_a_conversation_through_a_sound_server() {
    let (_server, alice) = founded("smol");
    let bob = invited("bob", "smol", &alice);
    let folder = tempfile::tempdir().unwrap();
    let pulse = Pulse::start(folder.path(), &["mic-a", "loud-a", "mic-b", "loud-b"]);
    let panes = [enter(&alice, &pulse), enter(&bob, &pulse)];
    for (pane, end) in panes.iter().zip(["a", "b"]) {
        pane.say(&format!("/voice device in pulseaudio:mic-{end}.monitor"));
        pane.say(&format!("/voice device out pulseaudio:loud-{end}"));
    }
    pulse.until_listeners(&["mic-a.monitor", "mic-b.monitor"]);
    pulse.until_players(&["loud-a", "loud-b"]);
    let all = syllables(SECOND * 30);
    let (alices, bobs) = all.split_at(SECOND * 15);
    let [alices_screen, bobs_screen] = &panes;
    let there = talk(&pulse, ["mic-a", "loud-b"], alices, bobs_screen, "alice");
    let back = talk(&pulse, ["mic-b", "loud-a"], bobs, alices_screen, "bob");
    for pane in &panes {
        pane.say("/voice leave");
    }
    pulse.until_listeners(&[]);
    for pane in &panes {
        pane.press("C-q");
        pane.until("ended with 0");
    }
    for (alike, mut delays) in [there, back] {
        delays.sort_by(f64::total_cmp);
        eprintln!("how alike: {alike:.3}; from mouth to ear, in ms: {delays:.1?}");
        assert!(alike > 0.7, "{alike}");
        hold("half of it in ms", delays[MEASURED / 2], PROMISED);
    }
}

/// Lets one talk, whom the screen of the other shows. Answers how alike that is which is heard there, and how much later
/// each second of it is heard, in milliseconds.
fn talk(
    pulse: &Pulse,
    [microphone, loudspeaker]: [&str; 2],
    words: &[f32],
    screen: &Pane,
    name: &str,
) -> (f64, Vec<f64>) {
    let talks = pulse.play(microphone, words);
    screen.until(&format!("♪ {name}"));
    thread::sleep(BEGINS);
    let ends = [microphone, loudspeaker].map(|it| pulse.record(&format!("{it}.monitor")));
    // What is said last is heard a little later.
    thread::sleep(Duration::from_secs(MEASURED as u64 + 2));
    let [mouth, ear] = ends.each_ref().map(|it| it.so_far());
    drop(talks);
    let from = SECOND / 2;
    let alike = likeness(&mouth.samples[from..from + SECOND], &ear.samples);
    let delays = (0..MEASURED).map(|it| delay(&mouth, &ear, from + it * SECOND));
    (alike, delays.collect())
}

/// From when something is said until it is heard, in milliseconds.
fn delay(mouth: &Recorded, ear: &Recorded, from: usize) -> f64 {
    let words = &mouth.samples[from..from + SECOND * 3 / 10];
    let at = find(words, &ear.samples);
    let moment = |end: &Recorded, at: usize| {
        let since = end.began.unwrap() - mouth.began.unwrap().min(ear.began.unwrap());
        since.as_secs_f64() + at as f64 / SECOND as f64
    };
    (moment(ear, at) - moment(mouth, from)) * 1000.0
}
