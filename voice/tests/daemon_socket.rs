//! The daemon as a program of its own, spoken to over its socket by JSON lines.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    missing_docs,
    reason = "tests"
)]

#[path = "daemon_socket/client.rs"]
mod client;

use std::fs;
use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStderr, Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::Instant;

use client::{Client, SOON};
use rustix::process::{Pid, Signal, kill_process};

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
        let mut command = program(more);
        command.arg("--ipc").arg(&socket);
        Self::start_by(&mut command, socket, folder)
    }

    /// A daemon that will listen on `socket`, which lies somewhere in `folder`.
    fn start_by(command: &mut Command, socket: PathBuf, folder: tempfile::TempDir) -> Self {
        let mut child = command
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
        Client::connect(&self.socket)
    }

    /// The next thing that it says of the key to talk.
    fn key(&self) -> String {
        self.logged("the key to talk is ")
    }

    /// What stands behind a text in the next line of the log that has it.
    fn logged(&self, wanted: &str) -> String {
        let give_up = Instant::now() + SOON;
        loop {
            let left = give_up.saturating_duration_since(Instant::now());
            let line = self.log.recv_timeout(left).expect("it is not in the log");
            if let Some((_, rest)) = line.split_once(wanted) {
                return rest.to_owned();
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

fn program(more: &[&str]) -> Command {
    program_for("http://127.0.0.1:1", more)
}

fn program_for(server: &str, more: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_dialtone-voiced"));
    command.args(["--server", server, "--silent"]).args(more);
    command
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

/// It is the client that answers questions from now on, though no test here asks any that needs an answer.
fn answers(client: &mut Client) {
    let user = "00000000-0000-0000-0000-000000000001";
    client.say(&format!(
        r#"{{"cmd":"identify","user":"{user}","answers":true}}"#
    ));
}

fn joins(client: &mut Client) {
    let room = "00000000-0000-0000-0000-000000000002";
    client.say(&format!(r#"{{"cmd":"voice_join","room":"{room}"}}"#));
}

// spec 11.61
#[test]
fn a_key_that_the_client_held_is_let_go_of_when_it_dies_and_one_that_a_command_held_is_not() {
    let daemon = Daemon::start(&["--ptt", "v", "--ptt-backend", "command"]);
    let mut screen = daemon.client();
    answers(&mut screen);
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

// spec 11.42
#[test]
fn a_room_that_nobody_signs_for_is_given_up_in_words() {
    let daemon = Daemon::start(&[]);
    let mut client = daemon.client();
    joins(&mut client);
    let left = client.until(r#""event":"voice_left""#);
    assert!(left.contains("open dialtone"), "{left}");
    // A client that answers is waited for again once it is gone.
    let mut screen = daemon.client();
    answers(&mut screen);
    joins(&mut client);
    drop(screen);
    client.until(r#""event":"voice_left""#);
}

// spec 11.42
#[test]
fn a_test_of_the_microphone_ends_with_the_client_that_wanted_it() {
    let daemon = Daemon::start(&[]);
    let mut client = daemon.client();
    client.until(r#""event":"voice_ready""#);
    let mut screen = daemon.client();
    screen.say(r#"{"cmd":"test","on":true}"#);
    client.until(r#""microphone":true,"testing":true"#);
    drop(screen);
    let state = client.until(r#""event":"voice_state""#);
    assert!(!state.contains("testing"), "{state}");
    assert!(!state.contains("microphone"), "{state}");
}

#[test]
fn the_meter_says_how_loud_it_is_beside_a_screen_that_shows_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("tone.wav");
    let spec = hound::WavSpec {
        channels: 1,
        sample_rate: 48_000,
        bits_per_sample: 16,
        sample_format: hound::SampleFormat::Int,
    };
    let mut tone = hound::WavWriter::create(&path, spec).unwrap();
    for at in 0..480_000 {
        let sample = if at % 100 < 50 { 9_000_i16 } else { -9_000 };
        tone.write_sample(sample).unwrap();
    }
    tone.finalize().unwrap();
    let daemon = Daemon::start(&["--meter", "--input", path.to_str().unwrap()]);
    let mut screen = daemon.client();
    screen.say(r#"{"cmd":"meter","on":true}"#);
    screen.say(r#"{"cmd":"test","on":true}"#);
    // A wave that is as high everywhere, but for what rounding takes.
    screen.until(r#""event":"level","level":8999"#);
    // The first second may have ended before the file began.
    let levels = [(); 3].map(|()| daemon.logged("level "));
    assert!(
        levels.iter().any(|it| it.starts_with("8999 ")),
        "{levels:?}"
    );
}

// spec 11.62
#[test]
fn without_a_runtime_directory_the_socket_is_in_the_home() {
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("data/dialtone/voice.sock");
    let mut command = program(&[]);
    command
        .env_remove("DIALTONE_HOME")
        .env("XDG_DATA_HOME", folder.path().join("data"))
        .env("XDG_RUNTIME_DIR", "");
    let daemon = Daemon::start_by(&mut command, socket, folder);
    daemon.client().until(r#""event":"voice_ready""#);
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&daemon.socket), 0o600);
    assert_eq!(mode(daemon.socket.parent().unwrap()), 0o700);
}

#[test]
fn with_a_runtime_directory_the_socket_is_there() {
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("dialtone/voice.sock");
    let mut command = program(&[]);
    command.env("XDG_RUNTIME_DIR", folder.path());
    let daemon = Daemon::start_by(&mut command, socket, folder);
    daemon.client().until(r#""event":"voice_ready""#);
}

// spec 11.34
#[test]
fn a_token_comes_from_a_file_or_the_environment() {
    let server = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", server.local_addr().unwrap());
    // What the daemon says first to its server.
    let asked = |command: &mut Command, folder: tempfile::TempDir| {
        let socket = folder.path().join("voice.sock");
        let _daemon = Daemon::start_by(command.arg("--ipc").arg(&socket), socket, folder);
        let (stream, _) = server.accept().unwrap();
        stream.set_read_timeout(Some(SOON)).unwrap();
        let lines = BufReader::new(stream).lines().map_while(Result::ok);
        let head: Vec<String> = lines.take_while(|line| !line.is_empty()).collect();
        head.join("\n")
    };
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("token");
    fs::write(&path, "one-token\n").unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    let mut command = program_for(&url, &["--token-file"]);
    // The file counts for more.
    command.arg(path).env("DIALTONE_TOKEN", "another-token");
    let head = asked(&mut command, folder);
    assert!(head.contains("Bearer one-token"), "{head}");
    let mut command = program_for(&url, &[]);
    command.env("DIALTONE_TOKEN", "another-token");
    let head = asked(&mut command, tempfile::tempdir().unwrap());
    assert!(head.contains("Bearer another-token"), "{head}");
}

// spec 11.63
#[test]
fn a_token_that_others_can_read_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let token = folder.path().join("token");
    let refused = |mode: u32| {
        fs::set_permissions(&token, fs::Permissions::from_mode(mode)).unwrap();
        let mut command = program(&["--ipc"]);
        command.arg(folder.path().join("voice.sock"));
        let output = command.arg("--token-file").arg(&token).output().unwrap();
        assert_eq!(output.status.code(), Some(1), "{output:?}");
        String::from_utf8(output.stderr).unwrap()
    };
    fs::write(&token, "a token\n").unwrap();
    for mode in [0o640, 0o604, 0o620, 0o777] {
        let told = refused(mode);
        let wanted = format!("chmod 600 {}", token.display());
        assert!(told.contains(&wanted), "{mode:o}: {told}");
    }
    fs::write(&token, "\n").unwrap();
    assert!(refused(0o600).contains("it is empty"));

    let socket = folder.path().join("voice.sock");
    fs::write(&token, "a token\n").unwrap();
    let mut command = program(&["--ipc"]);
    command.arg(&socket).arg("--token-file").arg(&token);
    let daemon = Daemon::start_by(&mut command, socket, folder);
    daemon.client().until(r#""event":"voice_ready""#);
}

#[test]
fn a_microphone_that_is_not_there_is_not_said_to_be_open() {
    let daemon = Daemon::start(&[]);
    let mut client = daemon.client();
    client.say(r#"{"cmd":"device","input":"no such microphone"}"#);
    client.say(r#"{"cmd":"test","on":true}"#);
    let trouble = client.until(r#""event":"error""#);
    assert!(trouble.contains("no such microphone"), "{trouble}");
    client.say(r#"{"cmd":"status"}"#);
    let state = client.until(r#""testing":true"#);
    assert!(!state.contains("microphone"), "{state}");
}
