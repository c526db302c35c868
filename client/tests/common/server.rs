//! A real server.

use std::fs;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use super::{PATIENCE, Place, free_port, server_binary};

/// A server in a folder of its own, on a port that stays its own.
pub struct Server {
    folder: tempfile::TempDir,
    place: Place,
    port: u16,
    runtime: &'static str,
    tls: Option<Certificate>,
    process: Option<Child>,
}

/// The files of a certificate and its key.
pub struct Certificate {
    pub chain: PathBuf,
    pub key: PathBuf,
}

impl Server {
    pub fn start(runtime: &'static str) -> Self {
        Self::start_at(&Place::here(), runtime, None)
    }

    pub fn start_with_tls(runtime: &'static str, certificate: Certificate) -> Self {
        Self::start_at(&Place::here(), runtime, Some(certificate))
    }

    pub(super) fn start_at(place: &Place, runtime: &'static str, tls: Option<Certificate>) -> Self {
        let mut server = Self {
            folder: tempfile::tempdir().unwrap(),
            place: place.clone(),
            port: free_port(),
            runtime,
            tls,
            process: None,
        };
        server.go_on();
        server
    }

    /// Starts the server again after it ended.
    pub fn go_on(&mut self) {
        assert!(self.process.is_none());
        let before = self.log_text().len();
        let log = fs::OpenOptions::new()
            .append(true)
            .create(true)
            .open(self.log())
            .unwrap();
        let mut command = self.place.command(server_binary());
        if let Some(tls) = &self.tls {
            command.arg("--tls-cert").arg(&tls.chain);
            command.arg("--tls-key").arg(&tls.key);
        }
        let process = command
            .args([
                "--listen",
                &format!("{}:{}", self.place.address(), self.port),
            ])
            .args(["--runtime", self.runtime])
            .arg("--data-dir")
            .arg(self.data())
            .env_clear()
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn()
            .unwrap();
        self.process = Some(process);
        let give_up = Instant::now() + PATIENCE;
        // It may be where this test cannot connect to it.
        while !self.log_text()[before..].contains(" serving ") {
            let ended = self.process.as_mut().unwrap().try_wait().unwrap();
            let lives = ended.is_none() && Instant::now() < give_up;
            assert!(lives, "no server: {}", self.log_text());
            thread::sleep(Duration::from_millis(20));
        }
    }

    /// Ends the server as `kill -9` does.
    pub fn kill(&mut self) {
        let mut process = self.process.take().unwrap();
        process.kill().unwrap();
        process.wait().unwrap();
    }

    /// What `dialtone-server invite` prints: the founding link, or later a host's link.
    pub fn invite(&self) -> String {
        let output = Command::new(server_binary())
            .arg("invite")
            .arg("--data-dir")
            .arg(self.data())
            .env_clear()
            .output()
            .unwrap();
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{errors}\n{}", self.log_text());
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    }

    pub fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    pub fn log_text(&self) -> String {
        fs::read_to_string(self.log()).unwrap_or_default()
    }

    fn log(&self) -> PathBuf {
        self.folder.path().join("log")
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Some(mut process) = self.process.take() {
            let _ = process.kill();
            let _ = process.wait();
        }
        if thread::panicking() {
            eprintln!("--- the server said:\n{}", self.log_text());
        }
    }
}
