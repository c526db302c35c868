//! Sound through a real sound server: PulseAudio on a socket of its own, with a null sink in place of a loudspeaker and
//! its monitor in place of a microphone.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    reason = "in a test a failure ends the test"
)]

#[allow(dead_code, reason = "the client's tests use the rest")]
#[path = "sound_server/pulse.rs"]
mod pulse;

use std::env;
use std::f32::consts::TAU;
use std::io::{BufRead, BufReader, Lines};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use dialtone_voice::audio::PIECE;
use dialtone_voice::device::{Happened, Sink, Source, open_input, open_output};
use pulse::{Pulse, at};

/// How long anything may take. Only a broken build or a very slow machine reaches it.
const PATIENCE: Duration = Duration::from_secs(90);

/// This program, run anew: only so it has another environment.
struct Player {
    process: Child,
    said: Lines<BufReader<ChildStdout>>,
}

impl Player {
    fn start(folder: &Path) -> Self {
        let mut command = Command::new(env::current_exe().unwrap());
        let mut process = at(&mut command, folder)
            .env("DIALTONE_TEST_PLAYER", "1")
            .args(["--exact", "player", "--nocapture", "--test-threads=1"])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let said = BufReader::new(process.stdout.take().unwrap()).lines();
        Self { process, said }
    }

    /// Waits for a line that begins so, and answers its rest.
    fn until(&mut self, wanted: &str) -> String {
        let start = format!("player: {wanted}");
        for line in self.said.by_ref() {
            if let Some((_, rest)) = line.unwrap().split_once(&start) {
                return rest.trim().to_owned();
            }
        }
        panic!("the player ended before it said {wanted}");
    }

    /// The share of the sound that comes in at all, over some seconds.
    fn share(&mut self) -> f64 {
        let mut figures = || {
            let line = self.until("heard ");
            let mut figures = line.split(' ').skip(2).map(|it| it.parse::<f64>().unwrap());
            (figures.next().unwrap(), figures.next().unwrap())
        };
        let (_, from) = figures();
        let (mut samples, mut until) = (0.0, from);
        for _ in 0..6 {
            let (many, now) = figures();
            (samples, until) = (samples + many, now);
        }
        samples / 48.0 / (until - from)
    }

    /// Waits until the tone is heard as it is played: a sine of half the height at 1 kHz.
    fn until_tone(&mut self) {
        let give_up = Instant::now() + PATIENCE;
        loop {
            let line = self.until("heard ");
            let figures: Vec<f32> = line.split(' ').map(|it| it.parse().unwrap()).collect();
            // On a busy machine a moment of it may be missing.
            if (0.3..0.4).contains(&figures[0]) && (900.0..1010.0).contains(&figures[1]) {
                return;
            }
            assert!(Instant::now() < give_up, "{line}");
        }
    }
}

impl Drop for Player {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Plays a tone and says once a second what it hears of it; only the tests start it.
#[test]
#[expect(clippy::print_stdout, reason = "that is how it tells")]
fn player() {
    if env::var_os("DIALTONE_TEST_PLAYER").is_none() {
        return;
    }
    let (say, said) = async_channel::unbounded();
    let mut at = 0_u16;
    let fill = Box::new(move |piece: &mut [f32; PIECE]| {
        for sample in piece {
            *sample = 0.5 * (TAU * 1000.0 * f32::from(at) / 48_000.0).sin();
            at = (at + 1) % 48_000;
        }
    });
    let heard = Arc::new(Mutex::new(Vec::new()));
    let inner = Arc::clone(&heard);
    let take = Box::new(move |samples: &[f32]| inner.lock().unwrap().extend_from_slice(samples));
    let _output = open_output(&Sink::System, fill, say.clone()).unwrap();
    let _input = open_input(&Source::System, take, say).unwrap();
    let started = Instant::now();
    while started.elapsed() < 3 * PATIENCE {
        thread::sleep(Duration::from_secs(1));
        while let Ok(happened) = said.try_recv() {
            match happened {
                Happened::Trouble { end, what } => println!("player: trouble {end}: {what}"),
                Happened::Returned(end) => println!("player: returned {end}"),
                _ => {}
            }
        }
        let samples = std::mem::take(&mut *heard.lock().unwrap());
        let (loudness, pitch) = measure(&samples);
        let (many, now) = (samples.len(), started.elapsed().as_millis());
        println!("player: heard {loudness:.3} {pitch:.0} {many} {now}");
    }
}

/// How loud (the root of the mean square), and at which pitch.
fn measure(samples: &[f32]) -> (f32, f32) {
    let many = samples.len().max(1) as f32;
    let sum: f32 = samples.iter().map(|it| it * it).sum();
    let crossings = samples.windows(2).filter(|it| it[0] < 0.0 && it[1] >= 0.0);
    (
        (sum / many).sqrt(),
        crossings.count() as f32 * 48_000.0 / many,
    )
}

#[test]
fn what_is_played_is_heard_and_a_sound_server_that_dies_is_found_again() {
    let folder = tempfile::tempdir().unwrap();
    let server = Pulse::start(folder.path(), &["loud"]);
    let mut player = Player::start(folder.path());
    player.until_tone();
    assert_eq!(server.listeners(), ["loud.monitor"]);
    drop(server);
    player.until("trouble ");
    let server = Pulse::start(folder.path(), &["loud"]);
    player.until("returned");
    player.until_tone();
    drop(player);
    server.until_listeners(&[]);
}

#[test]
fn no_sound_of_a_microphone_gets_lost() {
    let folder = tempfile::tempdir().unwrap();
    let server = Pulse::start(folder.path(), &["microphone", "loud"]);
    // Whoever plays in long pieces makes the microphone hand out long ones, too.
    let tone: Vec<f32> = (0_u16..48_000)
        .map(|at| 0.5 * (TAU * 1000.0 * f32::from(at) / 48_000.0).sin())
        .collect();
    let _playing = server.play("microphone", &tone);
    let mut player = Player::start(folder.path());
    player.until_tone();
    // A busy machine may be late with some of it, but gets it.
    let share = player.share();
    assert!((0.985..1.015).contains(&share), "{share}");
}

#[test]
fn without_a_sound_server_it_is_said_in_words() {
    let folder = tempfile::tempdir().unwrap();
    let mut player = Player::start(folder.path());
    let trouble = player.until("trouble ");
    let names_it = ["loudspeaker:", "microphone:"]
        .iter()
        .any(|it| trouble.starts_with(it));
    assert!(names_it, "{trouble}");
}
