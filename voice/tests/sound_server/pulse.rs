//! A real sound server: PulseAudio on a socket of its own, with null sinks in place of loudspeakers and their monitors
//! in place of microphones.

use std::env;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

/// How long it may take to do anything. Only a very slow machine reaches it.
const ANSWERS: Duration = Duration::from_secs(90);

/// PulseAudio, as long as this lives.
pub(crate) struct Pulse {
    folder: PathBuf,
    process: Child,
}

impl Pulse {
    /// Starts it in a folder, with null sinks of these names. The monitor of the first is the system's microphone, and
    /// the last is its loudspeaker.
    pub(crate) fn start(folder: &Path, sinks: &[&str]) -> Self {
        let mut command = Command::new("pulseaudio");
        at(&mut command, folder)
            .args(["-n", "--daemonize=no", "--exit-idle-time=-1"])
            .args(["-L", "module-native-protocol-unix"]);
        for sink in sinks {
            let module = format!("module-null-sink sink_name={sink} rate=48000 channels=1");
            command.args(["-L", &module]);
        }
        let process = command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap_or_else(|error| panic!("pulseaudio (Debian package pulseaudio): {error}"));
        let folder = folder.to_owned();
        let pulse = Self { folder, process };
        let microphone = format!("{}.monitor", sinks.first().unwrap());
        let give_up = Instant::now() + ANSWERS;
        while pulse.ask(&["set-default-source", &microphone]).is_none() {
            assert!(Instant::now() < give_up, "no sound server");
            thread::sleep(Duration::from_millis(50));
        }
        pulse
            .ask(&["set-default-sink", sinks.last().unwrap()])
            .unwrap();
        pulse
    }

    /// Where programs find it: the value of `PULSE_SERVER`.
    pub(crate) fn address(&self) -> String {
        format!("unix:{}", self.folder.join("pulse/native").display())
    }

    fn ask(&self, what: &[&str]) -> Option<String> {
        let mut command = Command::new("pactl");
        let output = at(&mut command, &self.folder)
            .args(what)
            .output()
            .unwrap_or_else(|error| panic!("pactl (Debian package pulseaudio-utils): {error}"));
        let text = String::from_utf8(output.stdout).unwrap();
        output.status.success().then_some(text)
    }

    /// Plays on a loudspeaker what a microphone hears, a little later and by a clock of its own.
    pub(crate) fn lead(&self, source: &str, sink: &str) {
        let (source, sink) = (format!("source={source}"), format!("sink={sink}"));
        let module = ["load-module", "module-loopback", "latency_msec=50"];
        self.ask(&[&module[..], &[&source, &sink]].concat())
            .unwrap();
    }

    /// The microphones to which programs listen, one for each that does.
    pub(crate) fn listeners(&self) -> Vec<String> {
        self.used("sources", "source-outputs")
    }

    /// The loudspeakers on which programs play, one for each that does.
    pub(crate) fn players(&self) -> Vec<String> {
        self.used("sinks", "sink-inputs")
    }

    /// The names of devices, once for each stream of them.
    fn used(&self, devices: &str, streams: &str) -> Vec<String> {
        let list = |what: &str| self.ask(&["list", "short", what]).unwrap();
        let (streams, devices) = (list(streams), list(devices));
        let field = |line: &str, number| line.split('\t').nth(number).unwrap().to_owned();
        let name = |stream: &str| {
            let mut devices = devices.lines();
            let device = devices.find(|it| field(it, 0) == field(stream, 1));
            // Between the two answers it may have gone.
            device.map_or_else(String::new, |it| field(it, 1))
        };
        let mut names: Vec<String> = streams.lines().map(name).collect();
        names.sort();
        names
    }

    /// Waits until programs listen to just these microphones.
    #[track_caller]
    pub(crate) fn until_listeners(&self, wanted: &[&str]) {
        until(wanted, || self.listeners());
    }

    /// Waits until programs play on just these loudspeakers.
    #[track_caller]
    pub(crate) fn until_players(&self, wanted: &[&str]) {
        until(wanted, || self.players());
    }

    /// Plays sound on a loudspeaker, again and again, until what this answers is dropped.
    pub(crate) fn play(&self, sink: &str, samples: &[f32]) -> Playing {
        let mut command = Command::new("pacat");
        let mut process = at(&mut command, &self.folder)
            .args(["--playback", "--format=s16le", "--rate=48000"])
            .args(["--channels=1", "--device", sink])
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap_or_else(|error| panic!("pacat (Debian package pulseaudio-utils): {error}"));
        let mut pipe = process.stdin.take().unwrap();
        let bytes: Vec<u8> = samples
            .iter()
            .flat_map(|it| ((it * 32_767.0) as i16).to_le_bytes())
            .collect();
        thread::spawn(move || while pipe.write_all(&bytes).is_ok() {});
        Playing(process)
    }

    /// Records what a microphone hears, until what this answers is dropped.
    pub(crate) fn record(&self, source: &str) -> Recording {
        let mut command = Command::new("pacat");
        let mut process = at(&mut command, &self.folder)
            .args(["--record", "--format=s16le", "--rate=48000"])
            .args(["--channels=1", "--latency-msec=10", "--device", source])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap_or_else(|error| panic!("pacat (Debian package pulseaudio-utils): {error}"));
        let recorded = Arc::new(Mutex::new(Recorded::default()));
        let (pipe, shared) = (process.stdout.take().unwrap(), Arc::clone(&recorded));
        thread::spawn(move || take_down(pipe, &shared));
        Recording { process, recorded }
    }
}

impl Drop for Pulse {
    /// As `kill -9` does it.
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Where a program finds the sound server of a test, and nothing else of the machine.
pub(crate) fn at<'a>(command: &'a mut Command, folder: &Path) -> &'a mut Command {
    let path = env::var_os("PATH").unwrap_or_default();
    command
        .env_clear()
        .env("PATH", path)
        .env("HOME", folder)
        .env("XDG_RUNTIME_DIR", folder)
}

#[track_caller]
fn until(wanted: &[&str], found: impl Fn() -> Vec<String>) {
    let give_up = Instant::now() + ANSWERS;
    loop {
        let found = found();
        if found == wanted {
            return;
        }
        assert!(Instant::now() < give_up, "{found:?} and not {wanted:?}");
        thread::sleep(Duration::from_millis(50));
    }
}

/// Sound that is played as long as this lives.
pub(crate) struct Playing(Child);

impl Drop for Playing {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Sound that is recorded as long as this lives.
pub(crate) struct Recording {
    process: Child,
    recorded: Arc<Mutex<Recorded>>,
}

#[derive(Clone, Default)]
pub(crate) struct Recorded {
    pub(crate) samples: Vec<f32>,
    /// When the first sample was there. What came over late by chance does not count: the earliest is nearest.
    pub(crate) began: Option<Instant>,
}

impl Recording {
    /// All that was recorded so far.
    pub(crate) fn so_far(&self) -> Recorded {
        self.recorded.lock().unwrap().clone()
    }
}

impl Drop for Recording {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn take_down(mut pipe: ChildStdout, recorded: &Mutex<Recorded>) {
    let mut chunk = [0; 4096];
    // A sample may come in two halves.
    let mut bytes = Vec::new();
    while let Ok(many @ 1..) = pipe.read(&mut chunk) {
        let now = Instant::now();
        bytes.extend(&chunk[..many]);
        let whole = bytes.len() / 2 * 2;
        let mut recorded = recorded.lock().unwrap();
        let samples = bytes.drain(..whole).collect::<Vec<u8>>();
        let samples = samples.chunks_exact(2);
        let samples = samples.map(|it| f32::from(i16::from_le_bytes([it[0], it[1]])) / 32_768.0);
        recorded.samples.extend(samples);
        let lasted = Duration::from_secs_f64(recorded.samples.len() as f64 / 48_000.0);
        let began = now - lasted;
        recorded.began = Some(recorded.began.map_or(began, |it| it.min(began)));
    }
}
