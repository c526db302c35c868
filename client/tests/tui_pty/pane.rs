//! A terminal: tmux, in which the program runs as anybody runs it.

use std::fs;
use std::process::{Command, Output};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use crate::common::{PATIENCE, Person};

/// A terminal in which a program runs.
pub(crate) struct Pane {
    socket: String,
}

impl Pane {
    /// Opens the screen of somebody, and what stands on the terminal when it ends.
    pub(crate) fn open(person: &Person, columns: u16, rows: u16, args: &str) -> Self {
        Self::open_where("", person, columns, rows, args)
    }

    /// The same, where variables of the environment are set: `NAME=value`.
    pub(crate) fn open_where(
        variables: &str,
        person: &Person,
        columns: u16,
        rows: u16,
        args: &str,
    ) -> Self {
        // A server that ends may still hold its socket: each has one of its own.
        static OPENED: AtomicUsize = AtomicUsize::new(0);
        let number = OPENED.fetch_add(1, Ordering::Relaxed);
        let socket = format!("dialtone-test-{}-{number}", std::process::id());
        let pane = Self { socket };
        let shell = format!(
            "echo before; {variables} '{}' --home '{}' {args}; echo ended with $?; sleep 600",
            env!("CARGO_BIN_EXE_dialtone"),
            person.home().display()
        );
        let (columns, rows) = (columns.to_string(), rows.to_string());
        pane.tmux(&[
            "-f",
            "/dev/null",
            "new-session",
            "-d",
            "-x",
            &columns,
            "-y",
            &rows,
            &shell,
        ]);
        pane
    }

    pub(crate) fn resize(&self, columns: u16, rows: u16) {
        let (columns, rows) = (columns.to_string(), rows.to_string());
        self.tmux(&["resize-window", "-x", &columns, "-y", &rows]);
    }

    fn tmux(&self, args: &[&str]) -> Output {
        let output = Command::new("tmux")
            .arg("-u")
            .args(["-L", &self.socket])
            .args(args)
            .output()
            .expect("these tests need tmux for a terminal: install it, as `.ci/setup test` does");
        assert!(
            output.status.success(),
            "{args:?}: {}",
            String::from_utf8_lossy(&output.stderr)
        );
        output
    }

    pub(crate) fn type_in(&self, text: &str) {
        self.tmux(&["send-keys", "-l", "--", text]);
    }

    pub(crate) fn press(&self, key: &str) {
        self.tmux(&["send-keys", key]);
    }

    /// Pastes as a terminal does for programs that asked to be told.
    pub(crate) fn paste(&self, text: &str) {
        self.tmux(&["set-buffer", "--", text]);
        self.tmux(&["paste-buffer", "-p"]);
    }

    /// Fills in the first screen from the username on, and joins.
    pub(crate) fn join(&self, name: &str) {
        for text in [name, "correct horse", "correct horse"] {
            self.type_in(text);
            self.press("Tab");
        }
        self.press("Enter");
    }

    pub(crate) fn say(&self, line: &str) {
        self.type_in(line);
        self.press("Enter");
    }

    pub(crate) fn text(&self) -> String {
        let output = self.tmux(&["capture-pane", "-p"]);
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    /// The process of the program: the child of the terminal's shell.
    pub(crate) fn program(&self) -> String {
        let shell = self.shown("#{pane_pid}");
        let children = format!("/proc/{shell}/task/{shell}/children");
        fs::read_to_string(children).unwrap().trim().to_owned()
    }

    /// Whether the terminal takes lines and shows what is typed.
    pub(crate) fn modes(&self) -> String {
        let terminal = self.shown("#{pane_tty}");
        let stty = Command::new("stty").args(["-a", "-F", &terminal]).output();
        let all = String::from_utf8(stty.unwrap().stdout).unwrap();
        let words = all.split([' ', ';', '\n']);
        let modes = words.filter(|word| ["icanon", "-icanon", "echo", "-echo"].contains(word));
        modes.collect::<Vec<_>>().join(" ")
    }

    fn shown(&self, format: &str) -> String {
        let output = self.tmux(&["display-message", "-p", format]);
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    }

    /// Waits until the screen shows a text, and answers the screen.
    #[track_caller]
    pub(crate) fn until(&self, wanted: &str) -> String {
        let give_up = Instant::now() + PATIENCE;
        loop {
            let text = self.text();
            if text.contains(wanted) {
                return text;
            }
            assert!(Instant::now() < give_up, "no {wanted:?} on\n{text}");
            thread::sleep(Duration::from_millis(50));
        }
    }
}

impl Drop for Pane {
    fn drop(&mut self) {
        let tmux = |args: &[&str]| {
            Command::new("tmux")
                .args(["-L", &self.socket])
                .args(args)
                .output()
        };
        if thread::panicking()
            && let Ok(screen) = tmux(&["capture-pane", "-p"])
        {
            eprintln!(
                "--- the screen was\n{}",
                String::from_utf8_lossy(&screen.stdout)
            );
        }
        let _ = tmux(&["kill-server"]);
    }
}
