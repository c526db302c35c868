//! How speech arrives through bad networks: real servers, daemons and sockets, with a router between two people. A
//! measurement, which `voice/examples/quality.py network` runs and judges.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    clippy::cast_sign_loss,
    reason = "in a test a failure ends the test"
)]

#[allow(dead_code, reason = "other tests use the rest")]
mod common;
#[allow(dead_code, reason = "other tests use the rest")]
#[path = "voice/people.rs"]
mod people;
#[allow(dead_code, reason = "other tests use the rest")]
#[path = "network/shaped.rs"]
mod shaped;
#[allow(dead_code, reason = "other tests use the rest")]
#[path = "voice/sound.rs"]
mod sound;

use std::env;
use std::path::PathBuf;
use std::thread;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use common::{founded_at, invited_at};
use people::{Voice, log_of, moment};
use shaped::Network;
use sound::{read, write};

/// Shares of packets that get lost, in percent.
const LOSSES: [u8; 5] = [0, 5, 10, 20, 30];

/// How much longer than others packets are on their way, at most, in milliseconds.
const JITTERS: [u8; 4] = [0, 20, 50, 100];

#[test]
#[ignore = "a measurement, which needs the machine for itself"]
fn speech_through_every_network() {
    let folder = |name: &str| PathBuf::from(env::var_os(name).unwrap_or_else(|| panic!("{name}")));
    let (speech, heard) = (read(&folder("DIALTONE_SPEECH")), folder("DIALTONE_HEARD"));
    let networks: Vec<(u8, u8)> = LOSSES
        .iter()
        .flat_map(|loss| JITTERS.map(|jitter| (*loss, jitter)))
        .collect();

    let mut network = Network::new(7);
    let (_server, alice) = founded_at(&network.here, "smol");
    let bob = invited_at(&network.there, "bob", "smol", &alice);
    network.tell("delay 40");
    // It is said once while people come in, and once more after the end.
    let path = alice.home().join("speech.wav");
    write(&path, &speech.repeat(networks.len() + 3));
    let alice_speaks = Voice::start(&alice, &["--input", path.to_str().unwrap()]);
    alice_speaks.running.until_err("in the room");
    let bob_hears = Voice::start(&bob, &[]);
    bob_hears.running.until_err("alice speaks");

    let mouth = moment(&log_of(&alice), "the microphone is open");
    let seconds = speech.len() as f64 / 48_000.0;
    let first = ((now() - mouth) / seconds).ceil() as usize;
    for (number, (loss, jitter)) in networks.iter().enumerate() {
        wait_for(mouth + (first + number) as f64 * seconds);
        let loss = f64::from(*loss) / 100.0;
        network.tell(&format!("loss {loss} jitter {jitter}"));
    }
    wait_for(mouth + (first + networks.len()) as f64 * seconds + 1.0);
    network.tell("loss 0 jitter 0");

    let ear = moment(&log_of(&bob), "recording begins");
    let recording = bob_hears.recording();
    for (number, (loss, jitter)) in networks.iter().enumerate() {
        let at = (mouth - ear + (first + number) as f64 * seconds) * 48_000.0;
        let from = at as usize;
        let part = recording.get(from..from + speech.len()).unwrap();
        write(&heard.join(format!("network-{loss}-{jitter}.wav")), part);
    }
    alice_speaks.running.signal("INT");
    assert_eq!(alice_speaks.running.wait().code(), 0);
}

fn now() -> f64 {
    let time = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    time.as_secs_f64()
}

fn wait_for(moment: f64) {
    thread::sleep(Duration::from_secs_f64((moment - now()).max(0.0)));
}
