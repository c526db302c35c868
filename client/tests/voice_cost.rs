//! What a full room costs a participant. A measurement: `docs/performance.md` says how it is run.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    clippy::print_stderr,
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
use std::thread;
use std::time::Duration;

use common::{Person, founded, hold, invited};
use people::{Voice, daemon_of, words};

/// Everybody in the room, all of whom speak all the time.
const NAMES: [&str; 7] = ["bob", "carol", "dave", "erin", "frank", "grace", "heidi"];

/// For how long it is measured.
const MEASURED: Duration = Duration::from_secs(20);

#[test]
#[ignore = "a measurement, which needs the machine for itself"]
fn eight_people_who_all_speak() {
    let (_server, alice) = founded("smol");
    let guests = NAMES.map(|name| invited(name, "smol", &alice));
    let people: Vec<&Person> = guests.iter().chain([&alice]).collect();
    let rooms: Vec<Voice> = people.iter().map(|it| enter(it)).collect();
    for room in &rooms {
        room.until_heard(NAMES.len());
    }
    let daemons: Vec<String> = people.iter().map(|it| daemon_of(it)).collect();
    let before: Vec<f64> = daemons.iter().map(|it| seconds_of(it)).collect();
    thread::sleep(MEASURED);
    let mut costs: Vec<f64> = daemons
        .iter()
        .zip(before)
        .map(|(daemon, before)| (seconds_of(daemon) - before) / MEASURED.as_secs_f64() * 100.0)
        .collect();
    costs.sort_by(f64::total_cmp);
    eprintln!("a daemon takes so much of a core, in percent: {costs:.1?}");
    for room in rooms {
        room.running.signal("INT");
        assert_eq!(room.running.wait().code(), 0);
    }
    // Nobody was measured who was not there.
    assert!(costs.iter().all(|it| *it > 0.1));
    let most = costs[costs.len() - 1];
    hold("what a daemon takes of a core, in percent", most, 25.0);
}

fn enter(person: &Person) -> Voice {
    let (path, _) = words(person, 90);
    Voice::start(person, &["--input", path.to_str().unwrap()])
}

/// How much of a processor a process has taken so far, by `proc(5)`: fields 14 and 15 are hundredths of a second.
fn seconds_of(process: &str) -> f64 {
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).unwrap();
    let (_, rest) = stat.rsplit_once(") ").unwrap();
    let ticks = |field: usize| -> u64 { rest.split(' ').nth(field - 3).unwrap().parse().unwrap() };
    (ticks(14) + ticks(15)) as f64 / 100.0
}
