//! The daemon as a program of its own, spoken to over its socket by JSON lines.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    missing_docs,
    reason = "tests"
)]

use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStderr, Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

/// What happens at once may take as long on a busy machine, and no longer.
const SOON: Duration = Duration::from_secs(20);

/// A daemon that nobody started but the test. Its server is not there, which does not matter here.
struct Daemon {
    child: Child,
    socket: PathBuf,
    log: mpsc::Receiver<String>,
    _folder: tempfile::TempDir,
}

impl Daemon {
    fn start(more: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let socket = folder.path().join("voice.sock");
        let mut child = Command::new(env!("CARGO_BIN_EXE_dialtone-voiced"))
            .args(["--server", "http://127.0.0.1:1", "--silent", "--ipc"])
            .arg(&socket)
            .args(more)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let log = follow(child.stderr.take().unwrap());
        Self {
            child,
            socket,
            log,
            _folder: folder,
        }
    }

    fn client(&self) -> Client {
        let give_up = Instant::now() + SOON;
        loop {
            if let Some(client) = Client::connect(&self.socket) {
                return client;
            }
            assert!(Instant::now() < give_up, "the daemon does not listen");
            thread::sleep(Duration::from_millis(10));
        }
    }

    /// The next thing that it says of the key to talk.
    fn key(&self) -> String {
        let give_up = Instant::now() + SOON;
        loop {
            let left = give_up.saturating_duration_since(Instant::now());
            let line = self.log.recv_timeout(left).expect("nothing of the key");
            if let Some((_, key)) = line.split_once("the key to talk is ") {
                return key.to_owned();
            }
        }
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = kill_process(Pid::from_child(&self.child), Signal::INT);
        let _ = self.child.wait();
    }
}

fn follow(log: ChildStderr) -> mpsc::Receiver<String> {
    let (say, said) = mpsc::channel();
    thread::spawn(move || {
        for line in BufReader::new(log).lines().map_while(Result::ok) {
            if say.send(line).is_err() {
                return;
            }
        }
    });
    said
}

struct Client(BufReader<UnixStream>);

impl Client {
    fn connect(socket: &Path) -> Option<Self> {
        let stream = UnixStream::connect(socket).ok()?;
        stream.set_read_timeout(Some(SOON)).unwrap();
        Some(Self(BufReader::new(stream)))
    }

    fn say(&mut self, line: &str) {
        writeln!(self.0.get_mut(), "{line}").unwrap();
    }

    /// Waits for an event: whatever was said before it is done then.
    fn until(&mut self, wanted: &str) -> String {
        loop {
            let mut line = String::new();
            assert_ne!(self.0.read_line(&mut line).unwrap(), 0, "it hung up");
            if line.contains(wanted) {
                return line;
            }
        }
    }

    fn press(&mut self, action: &str) {
        self.say(&format!(r#"{{"cmd":"ptt","action":"{action}"}}"#));
        self.say(r#"{"cmd":"ping"}"#);
        self.until(r#""event":"pong""#);
    }
}

// spec 11.61
#[test]
fn a_key_that_the_client_held_is_let_go_of_when_it_dies_and_one_that_a_command_held_is_not() {
    let daemon = Daemon::start(&["--ptt", "v", "--ptt-backend", "command"]);
    let mut screen = daemon.client();
    let user = "00000000-0000-0000-0000-000000000001";
    screen.say(&format!(
        r#"{{"cmd":"identify","user":"{user}","answers":true}}"#
    ));
    // As `dialtone ptt down` does it: it says so, and is gone.
    let mut command = daemon.client();
    command.press("down");
    assert_eq!(daemon.key(), "held");
    drop(command);
    let mut command = daemon.client();
    command.press("toggle");
    assert_eq!(
        daemon.key(),
        "let go of",
        "it was held all the while: the toggle let go of it"
    );
    screen.press("down");
    assert_eq!(daemon.key(), "held");
    drop(screen);
    assert_eq!(daemon.key(), "let go of");
}

// spec 11.60
#[test]
fn what_is_no_command_is_answered_and_the_next_one_is_heard() {
    let daemon = Daemon::start(&[]);
    let mut client = daemon.client();
    client.until(r#""event":"voice_ready""#);
    for wrong in ["no json", r#"{"cmd":"dance"}"#, r#"{"cmd":"volume"}"#, "[]"] {
        client.say(wrong);
        client.until(r#""event":"error""#);
    }
    client.say(r#"{"cmd":"status"}"#);
    let state = client.until(r#""event":"voice_state""#);
    assert!(!state.contains(r#""microphone":true"#), "{state}");
    client.say(r#"{"cmd":"ptt","action":"down"}"#);
    let refused = client.until(r#""event":"error""#);
    assert!(refused.contains("--voice-ptt"), "{refused}");
}
