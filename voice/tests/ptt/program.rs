//! Another program that a test needs, for as long as the test needs it.

use std::future::Future;
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use async_io::Timer;
use dialtone_voice::ptt::{Event, Watch};
use futures_util::future::{Either, select};
use rustix::process::{Pid, Signal, kill_process};

/// What happens at once may take as long on a busy machine, and no longer.
pub(crate) const SOON: Duration = Duration::from_secs(20);

/// How often a program that was asked to end is looked after, 10 ms apart.
const ASKED_TRIES: u32 = 200;

/// A running program. It is ended when this is dropped.
pub(crate) struct Program(Child);

impl Program {
    /// Starts a program of a Debian package and waits for the first line that it prints.
    pub(crate) fn start(package: &str, command: &mut Command) -> (Self, String) {
        let name = command.get_program().to_owned();
        let started = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn();
        let mut child = started.unwrap_or_else(|error| {
            panic!("{name:?} does not start ({error}): this test needs Debian's package {package}")
        });
        let output = child.stdout.take().unwrap();
        let program = Self(child);
        let (say, said) = mpsc::channel();
        thread::spawn(move || {
            let mut line = String::new();
            let _ = BufReader::new(output).read_line(&mut line);
            let _ = say.send(line.trim().to_owned());
        });
        let line = said.recv_timeout(SOON).unwrap_or_default();
        assert!(!line.is_empty(), "{name:?} ended or says nothing");
        (program, line)
    }

    /// Ends it, as if it had crashed.
    pub(crate) fn kill(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // Once it has ended and was waited for, its number may be another program's.
        if !matches!(self.0.try_wait(), Ok(None)) {
            return;
        }
        // It is asked first: an X server takes its socket away with it then.
        let _ = kill_process(Pid::from_child(&self.0), Signal::TERM);
        for _ in 0..ASKED_TRIES {
            match self.0.try_wait() {
                Ok(None) => thread::sleep(Duration::from_millis(10)),
                Ok(Some(_)) | Err(_) => return,
            }
        }
        self.kill();
    }
}

/// What comes of `work`, which is due at once.
pub(crate) async fn soon<T>(what: &str, work: impl Future<Output = T>) -> T {
    match select(std::pin::pin!(work), Timer::after(SOON)).await {
        Either::Left((result, _)) => result,
        Either::Right(_) => panic!("{what} takes longer than {SOON:?}"),
    }
}

/// The next event of a key.
pub(crate) async fn next(watch: &Watch) -> Event {
    soon("the next event", watch.events().recv()).await.unwrap()
}
