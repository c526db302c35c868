//! A client of the daemon: JSON lines over its socket.

use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

/// What happens at once may take as long on a busy machine, and no longer.
pub(crate) const SOON: Duration = Duration::from_secs(20);

pub(crate) struct Client(BufReader<UnixStream>);

impl Client {
    /// Connects, as soon as the daemon listens.
    #[track_caller]
    pub(crate) fn connect(socket: &Path) -> Self {
        let give_up = Instant::now() + SOON;
        loop {
            if let Ok(stream) = UnixStream::connect(socket) {
                stream.set_read_timeout(Some(SOON)).unwrap();
                return Self(BufReader::new(stream));
            }
            assert!(Instant::now() < give_up, "the daemon does not listen");
            thread::sleep(Duration::from_millis(10));
        }
    }

    pub(crate) fn say(&mut self, line: &str) {
        writeln!(self.0.get_mut(), "{line}").unwrap();
    }

    /// Waits for an event: whatever was said before it is done then.
    #[track_caller]
    pub(crate) fn until(&mut self, wanted: &str) -> String {
        let give_up = Instant::now() + SOON;
        loop {
            assert!(Instant::now() < give_up, "it never says {wanted}");
            let mut line = String::new();
            assert_ne!(self.0.read_line(&mut line).unwrap(), 0, "it hung up");
            if line.contains(wanted) {
                return line;
            }
        }
    }

    /// Waits until all that was said is done.
    #[track_caller]
    pub(crate) fn ping(&mut self) {
        self.say(r#"{"cmd":"ping"}"#);
        self.until(r#""event":"pong""#);
    }

    /// Does with the key to talk what `dialtone ptt` does.
    #[track_caller]
    pub(crate) fn press(&mut self, action: &str) {
        self.say(&format!(r#"{{"cmd":"ptt","action":"{action}"}}"#));
        self.ping();
    }
}
