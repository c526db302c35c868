//! A PostgreSQL server of the tests' own, in a directory that goes with it.

use std::fs;
use std::os::unix::fs::{MetadataExt, chown};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::port::free_port;

/// A running server.
pub(crate) struct Postgres {
    dir: TempDir,
    port: u16,
    server: Child,
}

impl Postgres {
    /// Makes a cluster and starts a server on it. PostgreSQL refuses to run as root: root lends it another user.
    pub(crate) fn start() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let data = dir.path().join("data");
        fs::create_dir(&data).unwrap();
        if is_root() {
            let user = id_of("postgres").or_else(|| id_of("nobody")).unwrap();
            for path in [dir.path(), &data] {
                chown(path, Some(user.0), Some(user.1)).unwrap();
            }
        }
        let made = as_owner(&data, program("initdb"))
            .args(["--auth=trust", "--username=test", "--no-sync", "--pgdata"])
            .arg(&data)
            .stdout(Stdio::null())
            .status()
            .unwrap();
        assert!(made.success(), "initdb");
        let port = free_port();
        let server = as_owner(&data, program("postgres"))
            .arg("-D")
            .arg(&data)
            .args(["-p", &port.to_string(), "-c", "listen_addresses=127.0.0.1"])
            .args(["-c", "fsync=off", "-c", "unix_socket_directories="])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let postgres = Self { dir, port, server };
        postgres.wait();
        postgres
    }

    /// The URL of a database that is there.
    pub(crate) fn url(&self) -> String {
        format!("postgres://test@127.0.0.1:{}/postgres", self.port)
    }

    /// Makes an empty database; answers its URL.
    pub(crate) fn create(&self, name: &str) -> String {
        let made = self.psql(&format!("CREATE DATABASE {name}"));
        assert!(made, "create database");
        format!("postgres://test@127.0.0.1:{}/{name}", self.port)
    }

    fn wait(&self) {
        let start = Instant::now();
        while !self.psql("SELECT 1") {
            assert!(start.elapsed() < Duration::from_secs(60), "postgres starts");
            thread::sleep(Duration::from_millis(50));
        }
    }

    /// When the kernel next asks whether a client that is silent is still there.
    pub(crate) fn keepalive_in(&self) -> Duration {
        let start = Instant::now();
        loop {
            if let Some(timer) = self.keepalive_timer() {
                return timer;
            }
            // Until the last answer is confirmed the kernel waits for that instead.
            assert!(start.elapsed() < Duration::from_secs(60), "it asks");
            thread::sleep(Duration::from_millis(10));
        }
    }

    fn keepalive_timer(&self) -> Option<Duration> {
        let port = format!(":{:04X}", self.port);
        let connections = fs::read_to_string("/proc/net/tcp").unwrap();
        let mut timers = connections.lines().filter_map(|line| {
            let fields: Vec<_> = line.split_whitespace().collect();
            let (local, state, timer) = (fields.get(1)?, *fields.get(3)?, fields.get(5)?);
            // Established, with the second kind of timer; its time is in hundredths of a second.
            let hundredths = timer.strip_prefix("02:").filter(|_| state == "01")?;
            let hundredths = u64::from_str_radix(hundredths, 16).ok()?;
            local
                .ends_with(&port)
                .then(|| Duration::from_millis(10 * hundredths))
        });
        timers.next()
    }

    pub(crate) fn psql(&self, sql: &str) -> bool {
        let status = Command::new(program("psql"))
            .args([&self.url(), "-c", sql])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status();
        status.unwrap().success()
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        // Ended by force it would leave its shared memory behind, which a machine has little of.
        let pid = rustix::process::Pid::from_child(&self.server);
        rustix::process::kill_process(pid, rustix::process::Signal::QUIT).unwrap();
        let start = Instant::now();
        while self.server.try_wait().unwrap().is_none() {
            if start.elapsed() > Duration::from_secs(30) {
                self.server.kill().unwrap();
            }
            thread::sleep(Duration::from_millis(20));
        }
        fs::remove_dir_all(self.dir.path().join("data")).unwrap();
    }
}

/// A program of PostgreSQL: in the path, or where Debian keeps the versions.
fn program(name: &str) -> PathBuf {
    let versions = fs::read_dir("/usr/lib/postgresql").into_iter().flatten();
    let mut found: Vec<PathBuf> = versions
        .filter_map(|version| Some(version.ok()?.path().join("bin").join(name)))
        .filter(|path| path.exists())
        .collect();
    found.sort();
    found.pop().unwrap_or_else(|| PathBuf::from(name))
}

/// A command that runs as the user who owns `data`.
fn as_owner(data: &Path, program: PathBuf) -> Command {
    use std::os::unix::process::CommandExt;
    let mut command = Command::new(program);
    if is_root() {
        let owner = fs::metadata(data).unwrap();
        command.uid(owner.uid()).gid(owner.gid());
    }
    command.current_dir(data);
    command
}

fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

/// The ids of a user and its group, by its name.
fn id_of(name: &str) -> Option<(u32, u32)> {
    let users = fs::read_to_string("/etc/passwd").ok()?;
    let line = users
        .lines()
        .find(|line| line.split(':').next() == Some(name))?;
    let mut fields = line.split(':').skip(2);
    Some((fields.next()?.parse().ok()?, fields.next()?.parse().ok()?))
}
