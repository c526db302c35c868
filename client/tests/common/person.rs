//! People, and what they run.

use std::ffi::OsStr;
use std::path::Path;
use std::process::{Command, Stdio};

use super::{Ended, Place, Running, Server};

/// Somebody with a home of their own.
pub struct Person {
    folder: tempfile::TempDir,
    place: Place,
    runtime: &'static str,
    pub name: &'static str,
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
        running.read(input);
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
