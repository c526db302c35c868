//! What a full room costs a participant. A measurement: `docs/performance.md` says how it is run.

#![expect(
    clippy::unwrap_used,
    clippy::cast_precision_loss,
    clippy::print_stderr,
    reason = "in a test a failure ends the test"
)]

#[allow(dead_code, reason = "other tests use the rest")]
mod common;
#[allow(dead_code, reason = "other tests use the rest")]
#[path = "voice/sound.rs"]
mod sound;

use std::fs;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use common::{PATIENCE, Person, Running, daemon_binary, founded, invited};
use sound::{speech, write};

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
    let rooms: Vec<Running> = people.iter().map(|it| enter(it)).collect();
    for person in &people {
        until_everybody_is_heard(&person.home().join("heard"));
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
        room.signal("INT");
        assert_eq!(room.wait().code(), 0);
    }
    // Nobody was measured who was not there.
    assert!(costs.iter().all(|it| *it > 0.1));
}

fn enter(person: &Person) -> Running {
    let words = person.home().join("words.wav");
    write(&words, &speech(48_000 * 90));
    let mut command = person.command(["voice", "join", "#general", "--input"]);
    command
        .arg(words)
        .arg("--output")
        .arg(person.home().join("heard"))
        .arg("--voiced")
        .arg(daemon_binary());
    Running::new(&mut command)
}

fn until_everybody_is_heard(folder: &Path) {
    let give_up = Instant::now() + PATIENCE;
    let many = || fs::read_dir(folder).map_or(0, Iterator::count);
    while many() < NAMES.len() {
        assert!(Instant::now() < give_up, "{} are heard", many());
        thread::sleep(Duration::from_millis(50));
    }
}

fn daemon_of(person: &Person) -> String {
    let home = person.home().to_str().unwrap();
    let found = fs::read_dir("/proc").unwrap().find_map(|entry| {
        let entry = entry.ok()?;
        let line = fs::read(entry.path().join("cmdline")).ok()?;
        let line = String::from_utf8_lossy(&line).into_owned();
        let is_it = line.contains("dialtone-voiced\0") && line.contains(home);
        let is_it = is_it && line.contains("--ends-with-client");
        is_it.then(|| entry.file_name().to_string_lossy().into_owned())
    });
    found.unwrap()
}

/// How much of a processor a process has taken so far, by `proc(5)`: fields 14 and 15 are hundredths of a second.
fn seconds_of(process: &str) -> f64 {
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).unwrap();
    let (_, rest) = stat.rsplit_once(") ").unwrap();
    let ticks = |field: usize| -> u64 { rest.split(' ').nth(field - 3).unwrap().parse().unwrap() };
    (ticks(14) + ticks(15)) as f64 / 100.0
}
