//! The real program, started on a directory of its own.

use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::port::free_port;

/// How long anything may take. Only a broken build or a very slow machine reaches it.
const PATIENCE: Duration = Duration::from_secs(120);

/// What a server runs on.
#[derive(Clone, Copy, Debug)]
pub(crate) struct On<'a> {
    pub(crate) runtime: &'a str,
    pub(crate) db_url: Option<&'a str>,
}

/// A server that can be stopped, killed and started again on the same data.
pub(crate) struct Server {
    dir: TempDir,
    runtime: String,
    db_url: Option<String>,
    /// Certificate and key.
    tls: Option<(PathBuf, PathBuf)>,
    process: Option<Child>,
    pub(crate) address: SocketAddr,
    /// What the start printed on stdout.
    pub(crate) link: Option<String>,
}

impl Server {
    pub(crate) fn start(on: On<'_>) -> Self {
        Self::start_on(on, None)
    }

    pub(crate) fn start_with_tls(on: On<'_>, cert: &Path, key: &Path) -> Self {
        Self::start_on(on, Some((cert.to_owned(), key.to_owned())))
    }

    fn start_on(on: On<'_>, tls: Option<(PathBuf, PathBuf)>) -> Self {
        let mut server = Self {
            tls,
            dir: tempfile::tempdir().unwrap(),
            runtime: on.runtime.to_owned(),
            db_url: on.db_url.map(str::to_owned),
            process: None,
            address: SocketAddr::from(([127, 0, 0, 1], free_port())),
            link: None,
        };
        server.restart();
        server
    }

    /// Starts the program and waits until it serves.
    pub(crate) fn restart(&mut self) {
        let mut command = self.command();
        command.args(["--listen", &self.address.to_string()]);
        let log = File::create(self.dir.path().join("test.log")).unwrap();
        let process = command.stdout(Stdio::piped()).stderr(log).spawn().unwrap();
        let process = self.process.insert(process);
        wait_for(|| {
            let ended = process.try_wait().unwrap();
            assert!(ended.is_none(), "the server ended: {ended:?}");
            TcpStream::connect(self.address).ok()
        });
        let stdout = process.stdout.take().unwrap();
        if self.link.is_none() {
            let mut line = String::new();
            BufReader::new(stdout).read_line(&mut line).unwrap();
            self.link = Some(line.trim().to_owned());
        }
    }

    /// Ends it without any warning, as a loss of power would end a process.
    pub(crate) fn kill(&mut self) {
        let mut process = self.process.take().unwrap();
        process.kill().unwrap();
        process.wait().unwrap();
    }

    /// Asks it to end; answers whether it did so without an error.
    pub(crate) fn stop(&mut self) -> bool {
        self.ask_to_end();
        self.end().success()
    }

    pub(crate) fn ask_to_end(&self) {
        ask_to_end(self.process.as_ref().unwrap());
    }

    /// Waits until it has ended.
    pub(crate) fn end(&mut self) -> ExitStatus {
        let mut process = self.process.take().unwrap();
        wait_for(|| process.try_wait().unwrap())
    }

    /// Waits until its log holds a text.
    pub(crate) fn wait_for_log(&self, text: &str) {
        let log = self.dir.path().join("test.log");
        wait_for(|| {
            fs::read_to_string(&log)
                .unwrap()
                .contains(text)
                .then_some(())
        });
    }

    /// Runs `dialtone-server invite` beside it, or after it.
    pub(crate) fn invite(&self) -> Output {
        self.command().arg("invite").output().unwrap()
    }

    /// The token of an invite that the host makes.
    pub(crate) fn invite_token(&self) -> String {
        let output = self.invite();
        assert!(output.status.success(), "{output:?}");
        let link = String::from_utf8(output.stdout).unwrap();
        let (_, token) = link.trim().split_once("/invite/").unwrap();
        token.split('#').next().unwrap().to_owned()
    }

    pub(crate) fn admin_token(&self) -> String {
        let secrets = fs::read_to_string(self.dir.path().join("secrets.toml")).unwrap();
        let (_, token) = secrets.split_once("admin_token = \"").unwrap();
        token.split('"').next().unwrap().to_owned()
    }

    pub(crate) fn dir(&self) -> &Path {
        self.dir.path()
    }

    /// The program with its settings, and nothing of this process' environment.
    pub(crate) fn command(&self) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_dialtone-server"));
        command
            .env_clear()
            .arg("--data-dir")
            .arg(self.dir.path())
            .args(["--runtime", &self.runtime]);
        if let Some((cert, key)) = &self.tls {
            command
                .arg("--tls-cert")
                .arg(cert)
                .arg("--tls-key")
                .arg(key);
        }
        if let Some(url) = &self.db_url {
            command.env("DIALTONE_DB_URL", url);
        }
        command
    }
}

#[expect(clippy::print_stderr, reason = "a test that failed says why")]
impl Drop for Server {
    fn drop(&mut self) {
        if let Some(mut process) = self.process.take() {
            process.kill().unwrap();
            process.wait().unwrap();
        }
        if thread::panicking()
            && let Ok(log) = fs::read_to_string(self.dir.path().join("test.log"))
        {
            eprintln!("--- the server said:\n{log}");
        }
    }
}

/// Asks a program to end in order.
pub(crate) fn ask_to_end(process: &Child) {
    let pid = rustix::process::Pid::from_child(process);
    rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
}

/// Waits for something, which must come.
pub(crate) fn wait_for<T>(mut what: impl FnMut() -> Option<T>) -> T {
    let start = Instant::now();
    loop {
        if let Some(what) = what() {
            return what;
        }
        assert!(start.elapsed() < PATIENCE, "the server acts");
        thread::sleep(Duration::from_millis(10));
    }
}
