//! The first start, the links it makes, and how the program ends.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "helpers of tests"
)]
#![expect(dead_code, reason = "each test uses a part of the support")]

#[path = "support/client.rs"]
mod client;
#[path = "support/port.rs"]
mod port;
#[path = "support/server.rs"]
mod server;

use std::fs;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use client::{User, request};
use port::free_port;
use server::{On, Server, ask_to_end, wait_for};

const ON: On<'static> = On {
    runtime: "smol",
    db_url: None,
};

/// A program that ends with its test, whatever becomes of that.
struct Process(Child);

impl Drop for Process {
    fn drop(&mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

#[test]
fn the_first_start_prints_the_founding_link() {
    let server = Server::start(ON);
    let link = server.link.clone().unwrap();
    let token = link
        .strip_prefix(&format!("http://{}/invite/", server.address))
        .and_then(|rest| rest.strip_suffix("#found"));
    User::register(server.address, "alice", token.unwrap());
}

#[test]
fn every_start_prints_a_founding_link_until_somebody_founds() {
    let dir = tempfile::tempdir().unwrap();
    let taken = TcpListener::bind(("127.0.0.1", free_port())).unwrap();
    let listen = taken.local_addr().unwrap();
    let start = || {
        let mut command = Command::new(env!("CARGO_BIN_EXE_dialtone-server"));
        let command = command.env_clear().arg("--data-dir").arg(dir.path());
        let command = command.args(["--listen", &listen.to_string()]);
        let command = command.stdout(Stdio::piped()).stderr(Stdio::piped());
        Process(command.spawn().unwrap())
    };
    let told = |process: &mut Process| {
        let (mut link, mut rest) = (String::new(), String::new());
        let (stdout, stderr) = (&mut process.0.stdout, &mut process.0.stderr);
        stdout.as_mut().unwrap().read_to_string(&mut link).unwrap();
        stderr.as_mut().unwrap().read_to_string(&mut rest).unwrap();
        (link, rest)
    };
    // The secrets are made, and then the port is in use.
    let mut failed = start();
    assert_eq!(failed.0.wait().unwrap().code(), Some(1));
    assert_eq!(told(&mut failed).0, "");
    drop(taken);
    for _ in 0..2 {
        let mut started = start();
        wait_for(|| TcpStream::connect(listen).ok());
        ask_to_end(&started.0);
        let (link, rest) = told(&mut started);
        assert!(link.ends_with("#found\n"), "{link}{rest}");
        assert_eq!(link.lines().count(), 1, "{link}");
        assert!(rest.contains("to found"), "{rest}");
        assert!(!rest.contains("were made"), "{rest}");
    }
}

#[test]
fn the_host_makes_links_beside_a_running_server_and_after_it() {
    let mut server = Server::start(ON);
    let (running, token) = (server.invite(), server.invite_token());
    User::register(server.address, "alice", &token);
    assert!(server.stop());
    let stopped = server.invite();
    let kept = server.invite_token();
    for output in [running, stopped] {
        assert!(output.status.success());
        let stdout = String::from_utf8(output.stdout).unwrap();
        let start = format!("http://{}/invite/", server.address);
        assert!(stdout.starts_with(&start), "{stdout}");
        assert!(stdout.ends_with("#found\n"), "nobody has founded: {stdout}");
        assert_eq!(stdout.lines().count(), 1, "{stdout}");
    }
    server.restart();
    User::register(server.address, "bob", &kept);
}

#[test]
fn the_address_is_written_down_before_anybody_can_connect() {
    let dir = tempfile::tempdir().unwrap();
    let listen = format!("127.0.0.1:{}", free_port());
    let process = Command::new(env!("CARGO_BIN_EXE_dialtone-server"))
        .env_clear()
        .args(["--listen", &listen, "--data-dir"])
        .arg(dir.path())
        .spawn();
    let _process = Process(process.unwrap());
    let start = Instant::now();
    while TcpStream::connect(&listen).is_err() {
        assert!(start.elapsed() < Duration::from_secs(30), "it listens");
    }
    let recorded = fs::read_to_string(dir.path().join("server.url"));
    assert_eq!(recorded.unwrap(), format!("http://{listen}\n"));
}

#[test]
fn a_directory_serves_one_server_at_a_time() {
    let server = Server::start(ON);
    let second = server
        .command()
        .args(["--listen", "127.0.0.1:0"])
        .output()
        .unwrap();
    assert_eq!(second.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&second.stderr).contains("another server"));
}

#[test]
fn a_stop_says_goodbye() {
    for runtime in ["smol", "tokio"] {
        let mut server = Server::start(On {
            runtime,
            db_url: None,
        });
        let user = User::register(server.address, "alice", &server.invite_token());
        let mut socket = user.socket();
        assert!(server.stop());
        assert_eq!(socket.close_code(), Some(1001));
    }
}

#[test]
fn a_second_signal_ends_at_once() {
    let mut server = Server::start(ON);
    // A request that never comes whole keeps an orderly end waiting.
    let mut half = TcpStream::connect(server.address).unwrap();
    let head = "POST /auth/login HTTP/1.1\r\nHost: x\r\nContent-Length: 50\r\nExpect: 100-continue\r\n\r\n";
    half.write_all(head.as_bytes()).unwrap();
    // The server says so once it reads the body.
    let mut said = [0; 12];
    half.read_exact(&mut said).unwrap();
    assert_eq!(&said, b"HTTP/1.1 100");
    server.ask_to_end();
    server.wait_for_log("stopping");
    let asked_again = Instant::now();
    server.ask_to_end();
    assert_eq!(server.end().code(), Some(1));
    assert!(asked_again.elapsed() < Duration::from_secs(5), "at once");
}

#[test]
fn the_variables_of_the_original_are_enough() {
    let dir = tempfile::tempdir().unwrap();
    let process = Command::new(env!("CARGO_BIN_EXE_dialtone-server"))
        .env_clear()
        .env("HOME", dir.path())
        .env("DIALTONE_LISTEN_ADDR", "127.0.0.1:0")
        .env(
            "DIALTONE_DB_URL",
            format!("sqlite://{}", dir.path().join("chat.db").display()),
        )
        .env("DIALTONE_USERNAME_PEPPER", "pepper")
        .env("DIALTONE_ADMIN_TOKEN", "admin")
        .env(
            "DIALTONE_CHANNEL_KEY",
            "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=",
        )
        .spawn();
    let _process = Process(process.unwrap());
    let recorded = dir.path().join(".local/share/dialtone-server/server.url");
    let start = Instant::now();
    let url = loop {
        if let Ok(url) = fs::read_to_string(&recorded) {
            break url;
        }
        assert!(start.elapsed().as_secs() < 30, "it serves");
        thread::sleep(Duration::from_millis(10));
    };
    let at = url.trim().trim_start_matches("http://").parse().unwrap();
    let invite = request(
        at,
        "POST",
        "/server/invites",
        &[("X-Admin-Token", "admin")],
        "",
    );
    assert_eq!(invite.status, 201);
    assert!(dir.path().join("chat.db").exists());
}

#[test]
fn wrong_settings_end_with_one_line() {
    let dir = tempfile::tempdir().unwrap();
    for (name, value) in [
        ("DIALTONE_LISTEN_ADDR", "nowhere"),
        ("DIALTONE_DB_URL", "mysql://x"),
        ("DIALTONE_TLS_CERT", "cert.pem"),
        ("DIALTONE_CHANNEL_KEY", "short"),
        ("DIALTONE_TURN", "https://turn.example"),
        ("TURN_USER", "turn"),
    ] {
        let output = Command::new(env!("CARGO_BIN_EXE_dialtone-server"))
            .env_clear()
            .env("DIALTONE_DATA_DIR", dir.path())
            .env(name, value)
            .output()
            .unwrap();
        assert_eq!(output.status.code(), Some(1), "{name}");
        let told = String::from_utf8(output.stderr).unwrap();
        assert_eq!(told.lines().count(), 1, "{told}");
        assert!(output.stdout.is_empty(), "{name}");
    }
}

// spec 11.54
#[test]
fn what_no_client_uses_is_said_at_the_start() {
    let dir = tempfile::tempdir().unwrap();
    let log = dir.path().join("log");
    let mut server = Command::new(env!("CARGO_BIN_EXE_dialtone-server"))
        .env_clear()
        .env("DIALTONE_DATA_DIR", dir.path())
        .env("DIALTONE_LISTEN_ADDR", "127.0.0.1:0")
        .env("DIALTONE_STUN", "stuns:stun.example")
        .env("DIALTONE_TURN", "turn.example")
        .stdout(Stdio::null())
        .stderr(fs::File::create(&log).unwrap())
        .spawn()
        .unwrap();
    let start = Instant::now();
    let told = loop {
        let told = fs::read_to_string(&log).unwrap();
        if told.contains("serving") || start.elapsed().as_secs() >= 30 {
            break told;
        }
        thread::sleep(Duration::from_millis(10));
    };
    server.kill().unwrap();
    server.wait().unwrap();
    assert!(told.contains("stuns:stun.example"), "{told}");
    assert!(
        told.contains("turn:turn.example") && told.contains("TURN_SECRET"),
        "{told}"
    );
}

#[test]
fn shells_and_manuals_are_served() {
    for (args, word) in [
        (&["completions", "bash"][..], "--data-dir"),
        (&["man"][..], "dialtone"),
        (&["--help"][..], "--runtime"),
    ] {
        let output = Command::new(env!("CARGO_BIN_EXE_dialtone-server"))
            .args(args)
            .output()
            .unwrap();
        assert!(output.status.success());
        let text = String::from_utf8(output.stdout)
            .unwrap()
            .replace("\\-", "-");
        assert!(text.contains(word), "{args:?}");
    }
}
