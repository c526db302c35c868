//! Commands that run, and what they say.

use std::io::{Read, Write};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use super::PATIENCE;

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

    /// Gives it all that it will read, if it was started with a pipe to its standard input.
    pub(super) fn read(&mut self, input: String) {
        let mut pipe = self.process.stdin.take().unwrap();
        thread::spawn(move || pipe.write_all(input.as_bytes()));
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
