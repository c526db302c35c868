//! Real servers and real people: the binaries, run as anybody would run them.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stderr,
    unreachable_pub,
    reason = "in a test a failure ends the test, and nothing is published"
)]

use std::env;
use std::ffi::OsStr;
use std::fs;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex, Once};
use std::thread;
use std::time::{Duration, Instant};

#[path = "../../../server/tests/support/port.rs"]
mod port;

mod place;

pub(crate) use place::Place;
pub(crate) use port::free_port;

/// How long anything may take. Only a broken build or a very slow machine reaches it.
pub const PATIENCE: Duration = Duration::from_secs(120);

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

    fn start_at(place: &Place, runtime: &'static str, tls: Option<Certificate>) -> Self {
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

/// Somebody with a home of their own.
pub struct Person {
    folder: tempfile::TempDir,
    place: Place,
    runtime: &'static str,
    pub name: &'static str,
}

/// What a command left behind.
#[derive(Debug)]
pub struct Ended {
    pub status: ExitStatus,
    pub out: String,
    pub err: String,
}

impl Ended {
    pub fn code(&self) -> i32 {
        self.status.code().unwrap()
    }

    /// The lines of the result of a command that must have been done.
    #[track_caller]
    pub fn lines(&self) -> Vec<&str> {
        assert_eq!(self.code(), 0, "{self:#?}");
        self.out.lines().collect()
    }

    /// The objects of the result of a command that must have been done.
    #[track_caller]
    pub fn objects(&self) -> Vec<serde_json::Value> {
        let parse = |line: &str| serde_json::from_str(line).unwrap();
        self.lines().into_iter().map(parse).collect()
    }
}

impl Person {
    pub fn new(name: &'static str, runtime: &'static str) -> Self {
        Self::at(&Place::here(), name, runtime)
    }

    pub fn at(place: &Place, name: &'static str, runtime: &'static str) -> Self {
        Self {
            folder: tempfile::tempdir().unwrap(),
            place: place.clone(),
            runtime,
            name,
        }
    }

    pub fn home(&self) -> &Path {
        self.folder.path()
    }

    /// The password of its accounts, at the server and of the keystore.
    pub fn password(&self) -> String {
        format!("the password of {}", self.name)
    }

    pub fn join(&self, link: &str) -> Ended {
        self.run(["join", link, "--username", self.name])
    }

    pub fn run(&self, args: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Ended {
        self.start(args).wait()
    }

    /// Starts a command whose standard input is empty.
    pub fn start(&self, args: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Running {
        Running::new(self.command(args).stdin(Stdio::null()))
    }

    /// Starts a command that reads these lines.
    pub fn start_with_input(
        &self,
        args: impl IntoIterator<Item = impl AsRef<OsStr>>,
        input: String,
    ) -> Running {
        let mut running = Running::new(self.command(args).stdin(Stdio::piped()));
        let mut pipe = running.process.stdin.take().unwrap();
        thread::spawn(move || pipe.write_all(input.as_bytes()));
        running
    }

    pub fn command(&self, args: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Command {
        let mut command = self.place.command(env!("CARGO_BIN_EXE_dialtone"));
        command
            .args(args)
            .args(self.place.is_other().then_some("--insecure-http"))
            .args(["--runtime", self.runtime])
            .arg("--home")
            .arg(self.home())
            .env_clear()
            .env("DIALTONE_PASSWORD", self.password());
        command
    }
}

/// A server, and its founder with the channel `#general`.
pub fn founded(runtime: &'static str) -> (Server, Person) {
    founded_at(&Place::here(), runtime)
}

/// The same, somewhere else.
pub fn founded_at(place: &Place, runtime: &'static str) -> (Server, Person) {
    let server = Server::start_at(place, runtime, None);
    let alice = Person::at(place, "alice", runtime);
    alice.join(&server.invite()).lines();
    alice.run(["channels", "create", "general"]).lines();
    (server, alice)
}

/// Somebody who joined by an invite of `host`.
pub fn invited(name: &'static str, runtime: &'static str, host: &Person) -> Person {
    invited_at(&Place::here(), name, runtime, host)
}

/// The same, somewhere else.
pub fn invited_at(
    place: &Place,
    name: &'static str,
    runtime: &'static str,
    host: &Person,
) -> Person {
    let made = host.run(["invite"]);
    let link = made.lines().concat();
    // As it is copied from a narrow terminal.
    let (front, back) = link.split_at(link.len() / 2);
    let link = format!("{front}\n  {back}");
    let guest = Person::at(place, name, runtime);
    guest.join(&link).lines();
    guest
}

#[test]
fn once_somebody_has_founded_no_start_prints_a_founding_link() {
    let (mut server, alice) = founded("smol");
    let before = server.log_text().matches("#found").count();
    server.kill();
    server.go_on();
    alice.run(["channels"]).lines();
    assert_eq!(
        (before, server.log_text().matches("#found").count()),
        (1, 1)
    );
}

/// A command that runs.
pub struct Running {
    process: Child,
    out: Said,
    err: Said,
    what: String,
}

impl Running {
    pub fn new(command: &mut Command) -> Self {
        let what = format!("{command:?}");
        let mut process = command
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let out = Said::new(process.stdout.take().unwrap());
        let err = Said::new(process.stderr.take().unwrap());
        Self {
            process,
            out,
            err,
            what,
        }
    }

    /// Gives it a line to read, if it was started with a pipe to its standard input.
    pub fn read_line(&mut self, line: &str) {
        writeln!(self.process.stdin.as_mut().unwrap(), "{line}").unwrap();
    }

    /// The first line that it has printed.
    pub fn first_line(&self) -> String {
        let so_far = self.out.so_far();
        so_far.lines().next().unwrap_or_default().to_owned()
    }

    /// The last line that it has printed.
    pub fn last_line(&self) -> String {
        let so_far = self.out.so_far();
        so_far.lines().next_back().unwrap_or_default().to_owned()
    }

    /// Sends it a signal, such as `TERM`.
    pub fn signal(&self, name: &str) {
        signal(&self.process.id().to_string(), name);
    }

    /// Waits until it has printed a text.
    #[track_caller]
    pub fn until_out(&self, wanted: &str) {
        self.until(wanted, |out| out.contains(wanted));
    }

    /// Waits until it has said something that is no result.
    #[track_caller]
    pub fn until_err(&self, wanted: &str) {
        self.until_err_again(wanted, 0);
    }

    /// Waits until it has said something more often than so many times.
    #[track_caller]
    pub fn until_err_again(&self, wanted: &str, times: usize) {
        let give_up = Instant::now() + PATIENCE;
        while self.times(wanted) <= times {
            assert!(Instant::now() < give_up, "no {wanted} from {}", self.what);
            thread::sleep(Duration::from_millis(10));
        }
    }

    /// How often it has said something that is no result.
    pub fn times(&self, wanted: &str) -> usize {
        self.err.so_far().matches(wanted).count()
    }

    /// Waits until it has printed so many lines.
    #[track_caller]
    pub fn until_lines(&self, many: usize) {
        self.until("more lines", |out| out.matches('\n').count() >= many);
    }

    #[track_caller]
    fn until(&self, wanted: &str, is_there: impl Fn(&str) -> bool) {
        let give_up = Instant::now() + PATIENCE;
        while !is_there(&self.out.so_far()) {
            assert!(Instant::now() < give_up, "no {wanted} from {}", self.what);
            thread::sleep(Duration::from_millis(10));
        }
    }

    pub fn has_ended(&mut self) -> bool {
        self.process.try_wait().unwrap().is_some()
    }

    /// Waits for its end, which must come.
    #[track_caller]
    pub fn wait(mut self) -> Ended {
        let give_up = Instant::now() + PATIENCE;
        while !self.has_ended() {
            if Instant::now() > give_up {
                self.process.kill().unwrap();
                let (out, err) = (self.out.all(), self.err.all());
                panic!("{} did not end\nstdout: {out}\nstderr: {err}", self.what);
            }
            thread::sleep(Duration::from_millis(10));
        }
        Ended {
            status: self.process.wait().unwrap(),
            out: self.out.all(),
            err: self.err.all(),
        }
    }

    pub fn kill(mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }
}

impl Drop for Running {
    /// Nothing goes on when a test has failed.
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Sends a signal, such as `TERM`, to a process.
pub fn signal(process: &str, name: &str) {
    // A shell always has it; a program of that name is not on every machine.
    let kill = format!("kill -s {name} {process}");
    let sent = Command::new("sh").args(["-c", &kill]).status();
    assert!(sent.unwrap().success());
}

/// Whether any file under a folder holds these bytes.
pub fn holds(folder: &Path, bytes: &[u8]) -> bool {
    fs::read_dir(folder).unwrap().any(|entry| {
        let path = entry.unwrap().path();
        if path.is_dir() {
            return holds(&path, bytes);
        }
        let file = fs::read(&path).unwrap();
        file.windows(bytes.len()).any(|part| part == bytes)
    })
}

/// What a program says on one of its outputs.
struct Said {
    bytes: Arc<Mutex<Vec<u8>>>,
    reader: Option<thread::JoinHandle<()>>,
}

impl Said {
    fn new(mut pipe: impl Read + Send + 'static) -> Self {
        let bytes = Arc::new(Mutex::new(Vec::new()));
        let heard = Arc::clone(&bytes);
        let reader = thread::spawn(move || {
            let mut chunk = [0; 4096];
            while let Ok(count @ 1..) = pipe.read(&mut chunk) {
                heard
                    .lock()
                    .unwrap()
                    .extend_from_slice(chunk.get(..count).unwrap());
            }
        });
        let reader = Some(reader);
        Self { bytes, reader }
    }

    fn so_far(&self) -> String {
        String::from_utf8_lossy(&self.bytes.lock().unwrap()).into_owned()
    }

    /// All of it, once the program has ended.
    fn all(&mut self) -> String {
        if let Some(reader) = self.reader.take() {
            reader.join().unwrap();
        }
        self.so_far()
    }
}

/// The server's binary.
fn server_binary() -> PathBuf {
    static BUILT: Once = Once::new();
    binary("dialtone-server", "dialtone-server", &BUILT)
}

/// The voice daemon's binary.
pub fn daemon_binary() -> PathBuf {
    static BUILT: Once = Once::new();
    binary("dialtone-voiced", "dialtone-voice", &BUILT)
}

/// A binary of another crate. It stands beside the client's; where only the client was built, it is built now.
fn binary(name: &str, package: &str, built: &Once) -> PathBuf {
    let path = Path::new(env!("CARGO_BIN_EXE_dialtone")).with_file_name(name);
    built.call_once(|| {
        // `make test` has built it already.
        if env::var_os("DIALTONE_BINARIES_BUILT").is_some() {
            assert!(path.exists(), "{} is missing", path.display());
            return;
        }
        let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        let mut build = Command::new(cargo);
        build.args(["build", "-q", "-p", package]);
        build.args([
            "--manifest-path",
            concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml"),
        ]);
        if !cfg!(debug_assertions) {
            build.arg("--release");
        }
        assert!(
            build.status().unwrap().success(),
            "{package} does not build"
        );
    });
    path
}
