//! Sound through a real sound server: PulseAudio on a socket of its own, with a null sink in place of a loudspeaker and
//! its monitor in place of a microphone.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::cast_precision_loss,
    reason = "in a test a failure ends the test"
)]

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

/// How long anything may take. Only a broken build or a very slow machine reaches it.
const PATIENCE: Duration = Duration::from_secs(90);

/// PulseAudio, as long as this lives.
struct Server<'a> {
    folder: &'a Path,
    process: Child,
}

impl<'a> Server<'a> {
    fn start(folder: &'a Path) -> Self {
        let mut command = Command::new("pulseaudio");
        let process = at(&mut command, folder)
            .args(["-n", "--daemonize=no", "--exit-idle-time=-1"])
            .args(["-L", "module-native-protocol-unix"])
            .args([
                "-L",
                "module-null-sink sink_name=loud rate=48000 channels=1",
            ])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap_or_else(|error| panic!("pulseaudio (Debian package pulseaudio): {error}"));
        let server = Self { folder, process };
        let give_up = Instant::now() + PATIENCE;
        while server
            .ask(&["set-default-source", "loud.monitor"])
            .is_none()
        {
            assert!(Instant::now() < give_up, "no sound server");
            thread::sleep(Duration::from_millis(50));
        }
        server.ask(&["set-default-sink", "loud"]).unwrap();
        server
    }

    fn ask(&self, what: &[&str]) -> Option<String> {
        let mut command = Command::new("pactl");
        let output = at(&mut command, self.folder)
            .args(what)
            .output()
            .unwrap_or_else(|error| panic!("pactl (Debian package pulseaudio-utils): {error}"));
        let text = String::from_utf8(output.stdout).unwrap();
        output.status.success().then_some(text)
    }

    /// How many programs listen to a microphone.
    fn listeners(&self) -> usize {
        let list = self.ask(&["list", "source-outputs", "short"]);
        list.unwrap().lines().count()
    }
}

impl Drop for Server<'_> {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Where a program finds the sound server of a test, and nothing else of the machine.
fn at<'a>(command: &'a mut Command, folder: &Path) -> &'a mut Command {
    let path = env::var_os("PATH").unwrap_or_default();
    command
        .env_clear()
        .env("PATH", path)
        .env("HOME", folder)
        .env("XDG_RUNTIME_DIR", folder)
}

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
    let give_up = Instant::now() + 3 * PATIENCE;
    while Instant::now() < give_up {
        thread::sleep(Duration::from_secs(1));
        while let Ok(happened) = said.try_recv() {
            if let Happened::Trouble { end, what } = happened {
                println!("player: trouble {end}: {what}");
            }
        }
        let samples = std::mem::take(&mut *heard.lock().unwrap());
        let (loudness, pitch) = measure(&samples);
        println!("player: heard {loudness:.3} {pitch:.0}");
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
    let server = Server::start(folder.path());
    let mut player = Player::start(folder.path());
    player.until_tone();
    assert_eq!(server.listeners(), 1);
    drop(server);
    player.until("trouble ");
    let server = Server::start(folder.path());
    player.until_tone();
    drop(player);
    let give_up = Instant::now() + PATIENCE;
    while server.listeners() > 0 {
        assert!(Instant::now() < give_up, "the microphone is still open");
        thread::sleep(Duration::from_millis(50));
    }
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
