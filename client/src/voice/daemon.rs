//! The daemon's process: where it is found, how it is started, and how it ends.

use core::fmt;
use std::env;
use std::ffi::OsString;
use std::fs::{self, OpenOptions};
use std::io::{self, BufRead, BufReader, Read};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStderr, Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use dialtone_protocol::runtime::Runtime;
use rustix::process::{Pid, Signal, kill_process};

use super::options::VoiceOptions;
use crate::cli::Shared;

/// The daemon's name.
const NAME: &str = "dialtone-voiced";

/// What a desktop tells the program that it launched, and no other.
const LAUNCH: [&str; 6] = [
    "XDG_ACTIVATION_TOKEN",
    "DESKTOP_STARTUP_ID",
    "GIO_LAUNCHED_DESKTOP_FILE",
    "GIO_LAUNCHED_DESKTOP_FILE_PID",
    "BAMF_DESKTOP_FILE_HINT",
    "BAMF_DESKTOP_FILE_HINT_PID",
];

/// What is kept at most of a line that it says, in bytes.
const MAX_LINE: u64 = 1024;

/// How long it may take to end by itself.
const GRACE: Duration = Duration::from_secs(2);

/// How often it is looked whether it has ended.
const LOOK: Duration = Duration::from_millis(20);

/// Why the daemon cannot be started.
#[derive(Debug)]
#[non_exhaustive]
pub enum DaemonError {
    /// It is nowhere.
    NotFound,
    /// It is not started by this program, and is not there.
    NotStarted,
    /// What was named is not there, or cannot be run.
    Unusable(PathBuf, io::Error),
    /// Its log cannot be written.
    Log(PathBuf, io::Error),
}

impl fmt::Display for DaemonError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotFound => write!(
                f,
                "the voice daemon {NAME} is neither beside this program nor in the PATH: install it, or say where it \
                 is by --voiced or DIALTONE_VOICE_DAEMON"
            ),
            Self::NotStarted => f.write_str(
                "no voice daemon is running: start dialtone-voiced, or leave it to this program (--voice-auto true)",
            ),
            Self::Unusable(path, error) => write!(
                f,
                "the voice daemon {} cannot be started ({error}): install {NAME} there, or say where it is by --voiced \
                 or DIALTONE_VOICE_DAEMON",
                path.display()
            ),
            Self::Log(path, error) => write!(
                f,
                "the voice daemon's log {} cannot be written ({error}): choose another file by --voice-log, or leave \
                 out --voice-log and --voice-debug",
                path.display()
            ),
        }
    }
}

impl core::error::Error for DaemonError {}

/// How a daemon is started.
#[derive(Clone, Default)]
#[non_exhaustive]
pub struct Daemon {
    /// The program.
    pub program: PathBuf,
    /// What it is told.
    pub arguments: Vec<OsString>,
    /// Where what it says of itself goes.
    pub log: Option<PathBuf>,
    /// The password for its relays: it stands in the environment, where others cannot read it.
    pub turn_pass: Option<String>,
}

impl Daemon {
    /// The daemon of an account on a server. `logs`: where it writes what it says of itself, if that is wanted.
    ///
    /// # Errors
    ///
    /// When it is nowhere.
    pub fn find(
        options: &VoiceOptions,
        shared: &Shared,
        server: &str,
        socket: &Path,
        logs: &Path,
    ) -> Result<Self, DaemonError> {
        let named = || {
            let names = ["DIALTONE_VOICE_DAEMON", "DIALTONE_VOICED"];
            let mut values = names.into_iter().filter_map(env::var_os);
            values.find(|it| !it.is_empty()).map(PathBuf::from)
        };
        let program = options.daemon.clone().or_else(named).or_else(search);
        let program = program.ok_or(DaemonError::NotFound)?;
        let debug = options.debug.then(|| logs.join("voiced.log"));
        Ok(Self {
            program,
            arguments: arguments(options, shared, server, socket),
            log: options.log.clone().or(debug),
            turn_pass: options.turn_pass.clone(),
        })
    }

    /// Adds something that the daemon is told.
    #[must_use]
    pub fn with(mut self, more: impl IntoIterator<Item = OsString>) -> Self {
        self.arguments.extend(more);
        self
    }

    /// Starts it. What it says last stands in the answer's second part, so that it can be said why it ended.
    pub(super) fn start(&self) -> Result<(Child, LastWords), DaemonError> {
        let log = match &self.log {
            None => Stdio::piped(),
            Some(path) => {
                let failed = |error| DaemonError::Log(path.clone(), error);
                if let Some(folder) = path.parent() {
                    fs::create_dir_all(folder).map_err(failed)?;
                }
                let mut options = OpenOptions::new();
                let file = options.create(true).append(true).mode(0o600).open(path);
                file.map_err(failed)?.into()
            }
        };
        let mut command = Command::new(&self.program);
        command
            .args(&self.arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log);
        if let Some(password) = &self.turn_pass {
            command.env("DIALTONE_TURN_PASS", password);
        }
        for name in LAUNCH {
            command.env_remove(name);
        }
        let unusable = |error| DaemonError::Unusable(self.program.clone(), error);
        let mut child = command.spawn().map_err(unusable)?;
        let words = match (&self.log, child.stderr.take()) {
            (Some(path), _) => LastWords::Log(path.clone()),
            (None, Some(pipe)) => LastWords::listen(pipe),
            (None, None) => LastWords::Heard(Arc::default()),
        };
        Ok((child, words))
    }
}

impl fmt::Debug for Daemon {
    /// Without the password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Daemon")
            .field("program", &self.program)
            .field("arguments", &self.arguments)
            .finish_non_exhaustive()
    }
}

/// The last line that a daemon said of itself.
pub(super) enum LastWords {
    /// In its log.
    Log(PathBuf),
    /// Heard, as long as it says anything.
    Heard(Arc<Mutex<String>>),
}

impl LastWords {
    fn listen(pipe: ChildStderr) -> Self {
        let last = Arc::new(Mutex::new(String::new()));
        let heard = Arc::clone(&last);
        thread::spawn(move || {
            let mut lines = BufReader::new(pipe);
            let mut line = Vec::new();
            // It has to be read to the end: whoever writes into a full pipe waits.
            while let Ok(1..) = (&mut lines).take(MAX_LINE).read_until(b'\n', &mut line) {
                let text = String::from_utf8_lossy(&line).trim().to_owned();
                line.clear();
                *heard.lock().unwrap_or_else(PoisonError::into_inner) = text;
            }
        });
        Self::Heard(last)
    }

    /// What it said, once it has ended.
    pub(super) async fn read<R: Runtime>(self, runtime: &R) -> String {
        match self {
            Self::Log(path) => {
                let text = fs::read(path).unwrap_or_default();
                let text = String::from_utf8_lossy(&text).into_owned();
                text.lines().last().unwrap_or_default().to_owned()
            }
            Self::Heard(last) => {
                // The thread may be a moment behind the process.
                runtime.sleep_until(runtime.now() + LOOK).await;
                last.lock().unwrap_or_else(PoisonError::into_inner).clone()
            }
        }
    }
}

/// What the daemon is told. Nothing of it is a secret: others can read it.
pub(super) fn arguments(
    options: &VoiceOptions,
    shared: &Shared,
    server: &str,
    socket: &Path,
) -> Vec<OsString> {
    let mut all: Vec<OsString> = Vec::new();
    let mut say = |name: &str, value: Option<OsString>| {
        all.push(name.into());
        all.extend(value);
    };
    say("--server", Some(server.into()));
    say("--ipc", Some(socket.into()));
    say("--ends-with-client", None);
    say("--runtime", Some(shared.runtime.name().into()));
    if let Some(ca) = &shared.ca {
        say("--ca", Some(ca.into()));
    }
    // The account has made sure that the user agreed.
    say("--insecure-http", None);
    if let Some(key) = &options.ptt {
        say("--ptt", Some(key.into()));
    }
    if let Some(backend) = options.ptt_backend {
        say("--ptt-backend", Some(backend.name().into()));
    }
    if let Some(level) = options.threshold {
        say("--vad-threshold", Some(level.to_string().into()));
    }
    if options.keep_echo {
        say("--keep-echo", None);
    }
    if options.keep_noise {
        say("--keep-noise", None);
    }
    if options.keep_level {
        say("--keep-level", None);
    }
    if let Some(servers) = &options.stun {
        say("--stun", Some(servers.into()));
    }
    if let Some(servers) = &options.turn {
        say("--turn", Some(servers.into()));
    }
    if let Some(name) = &options.turn_user {
        say("--turn-user", Some(name.into()));
    }
    if options.relay_only {
        say("--relay-only", None);
    }
    if options.meter {
        say("--meter", None);
    }
    all
}

/// Beside this program, then in the PATH; never in the current directory.
fn search() -> Option<PathBuf> {
    let beside = env::current_exe().ok()?.with_file_name(NAME);
    let path = env::var_os("PATH").unwrap_or_default();
    let folders = env::split_paths(&path).filter(|it| it.is_absolute());
    let mut places = core::iter::once(beside).chain(folders.map(|it| it.join(NAME)));
    places.find(|it| it.is_file())
}

/// Asks a process to end, as ctrl+c does, and ends it if it does not.
pub(super) async fn end<R: Runtime>(runtime: &R, mut child: Child) {
    // It may have ended by itself: it is not reaped yet, so the number is still its own.
    let _ = kill_process(Pid::from_child(&child), Signal::INT);
    let until = runtime.now() + GRACE;
    while runtime.now() < until {
        if !matches!(child.try_wait(), Ok(None)) {
            return;
        }
        runtime.sleep_until(runtime.now() + LOOK).await;
    }
    let _ = child.kill();
    let _ = child.wait();
}
