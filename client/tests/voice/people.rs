//! People in the room of `#general`, what they say and what they hear.

use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use crate::common::{Ended, PATIENCE, Person, Running, daemon_binary, signal};
use crate::sound::{Wav, read, speech, write};

/// Somebody who takes part in the room of `#general`.
pub(crate) struct Voice {
    pub(crate) running: Running,
    pub(crate) folder: PathBuf,
}

impl Voice {
    pub(crate) fn start(person: &Person, more: &[&str]) -> Self {
        let folder = person.home().join("heard");
        let mut command = Self::command(person, more);
        command.arg("--output").arg(&folder);
        Self {
            running: Running::new(&mut command),
            folder,
        }
    }

    pub(crate) fn command(person: &Person, more: &[&str]) -> Command {
        let log = person.home().join("voiced.log");
        let mut command = person.command(["voice", "join", "#general"]);
        command
            .args(more)
            .arg("--voiced")
            .arg(daemon_binary())
            .arg("--voice-log")
            .arg(log);
        command
    }

    /// Waits until there is something to hear of everybody else.
    pub(crate) fn until_heard(&self, many: usize) -> Vec<PathBuf> {
        let give_up = Instant::now() + PATIENCE;
        loop {
            let files: Vec<PathBuf> = fs::read_dir(&self.folder)
                .map(|files| files.map(|it| it.unwrap().path()).collect())
                .unwrap_or_default();
            if files.len() >= many {
                return files;
            }
            assert!(Instant::now() < give_up, "nobody is heard");
            thread::sleep(Duration::from_millis(20));
        }
    }

    /// What was recorded of the only other speaker, once it has ended in order.
    pub(crate) fn recording(self) -> Wav {
        self.ended().0
    }

    /// The same, and what it said.
    pub(crate) fn ended(self) -> (Wav, Ended) {
        let files = self.until_heard(1);
        self.running.signal("INT");
        let ended = self.running.wait();
        assert_eq!(ended.code(), 0, "{ended:#?}");
        (read(&files[0]), ended)
    }
}

/// A file of speech for somebody, and what is in it.
pub(crate) fn words(person: &Person, seconds: usize) -> (PathBuf, Wav) {
    let path = person.home().join("words.wav");
    let words = speech(48_000 * seconds);
    write(&path, &words);
    (path, words)
}

/// What the daemon of a person said of itself.
pub(crate) fn log_of(person: &Person) -> String {
    fs::read_to_string(person.home().join("voiced.log")).unwrap()
}

/// When a daemon last said something in its log, in seconds since 1970.
pub(crate) fn moment(log: &str, what: &str) -> f64 {
    let line = log.lines().rfind(|it| it.ends_with(what)).unwrap();
    line.split(' ').next().unwrap().parse().unwrap()
}

/// The process of a person's daemon, which is known by its socket's folder.
pub(crate) fn daemon_of(person: &Person) -> String {
    let marker = person.home().to_str().unwrap();
    let found = fs::read_dir("/proc").unwrap().find_map(|entry| {
        let entry = entry.ok()?;
        let line = fs::read(entry.path().join("cmdline")).ok()?;
        let line = String::from_utf8_lossy(&line).into_owned();
        let is_it = line.contains("dialtone-voiced\0")
            && line.contains(marker)
            && line.contains("--ends-with-client");
        is_it.then(|| entry.file_name().to_string_lossy().into_owned())
    });
    found.unwrap()
}

/// Kills the daemon of a person.
pub(crate) fn kill_daemon_of(person: &Person) {
    signal(&daemon_of(person), "KILL");
}
