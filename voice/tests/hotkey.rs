//! The key to talk, watched by way of a real X server, which needs no screen.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "in a test a failure ends the test"
)]

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use dialtone_voice::ptt::{
    Binding, Choice, Ended, Environment, Event, HotkeyError, StartError, Watch, start,
};
use x11rb::connection::Connection;
use x11rb::protocol::xproto::{ConnectionExt as _, KEY_PRESS_EVENT, KEY_RELEASE_EVENT};
use x11rb::protocol::xtest::ConnectionExt as _;
use x11rb::rust_connection::RustConnection;

/// How long anything may take. Only a broken build or a very slow machine reaches it.
const PATIENCE: Duration = Duration::from_secs(60);

/// How long it is looked that nothing happens: longer than a held key waits before it repeats (660 ms).
const QUIET: Duration = Duration::from_millis(1_500);

const CONTROL: u32 = 0xffe3;
const CAPS_LOCK: u32 = 0xffe5;
const V: u32 = 0x76;

/// An X server, as long as this lives.
struct Server {
    process: Child,
    display: String,
}

impl Server {
    fn start() -> Self {
        // It takes a number that nobody has, and says which.
        let mut process = Command::new("Xvfb")
            .args(["-displayfd", "1", "-screen", "0", "640x480x24"])
            .args(["-nolisten", "tcp"])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap_or_else(|error| panic!("Xvfb (Debian package xvfb): {error}"));
        let mut number = String::new();
        let said = process.stdout.take().unwrap();
        BufReader::new(said).read_line(&mut number).unwrap();
        let display = format!(":{}", number.trim());
        Self { process, display }
    }

    fn surroundings(&self) -> Environment {
        Environment {
            display: Some(self.display.clone()),
            ..Environment::default()
        }
    }

    fn watch(&self) -> Result<Watch, StartError> {
        let binding: Binding = "ctrl+v".parse().unwrap();
        async_io::block_on(start(binding, Choice::Hotkey, &self.surroundings()))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Hands on a keyboard.
struct Hands {
    server: RustConnection,
}

impl Hands {
    fn on(server: &Server) -> Self {
        let (server, _) = RustConnection::connect(Some(&server.display)).unwrap();
        Self { server }
    }

    fn code(&self, keysym: u32) -> u8 {
        let setup = self.server.setup();
        let (first, last) = (setup.min_keycode, setup.max_keycode);
        let mapping = self.server.get_keyboard_mapping(first, last - first + 1);
        let mapping = mapping.unwrap().reply().unwrap();
        let per_key = usize::from(mapping.keysyms_per_keycode);
        let mut keys = (first..=last).zip(mapping.keysyms.chunks(per_key));
        let key = keys.find(|(_, keysyms)| keysyms.first() == Some(&keysym));
        key.unwrap_or_else(|| panic!("no key makes {keysym:#x}")).0
    }

    fn send(&self, kind: u8, keysym: u32) {
        let code = self.code(keysym);
        let sent = self.server.xtest_fake_input(kind, code, 0, 0, 0, 0, 0);
        sent.unwrap().check().unwrap();
    }

    fn press(&self, keysym: u32) {
        self.send(KEY_PRESS_EVENT, keysym);
    }

    fn release(&self, keysym: u32) {
        self.send(KEY_RELEASE_EVENT, keysym);
    }
}

fn next(watch: &Watch, patience: Duration) -> Option<Event> {
    let give_up = Instant::now() + patience;
    loop {
        match watch.events().try_recv() {
            Ok(event) => return Some(event),
            Err(_) if Instant::now() >= give_up => return None,
            Err(_) => thread::sleep(Duration::from_millis(5)),
        }
    }
}

#[test]
fn a_key_is_held_from_its_press_to_its_release_whatever_lock_is_on() {
    let server = Server::start();
    let watch = server.watch().unwrap();
    assert_eq!(watch.key(), "ctrl+v");
    let hands = Hands::on(&server);
    // Without its modifier it is another key.
    hands.press(V);
    hands.release(V);
    for _ in 0..2 {
        hands.press(CONTROL);
        hands.press(V);
        assert_eq!(next(&watch, PATIENCE), Some(Event::Down));
        // A held key repeats, and is neither released nor pressed anew by that.
        assert_eq!(next(&watch, QUIET), None);
        // Whoever lets go of the modifier first still holds the key.
        hands.release(CONTROL);
        assert_eq!(next(&watch, QUIET), None);
        hands.release(V);
        assert_eq!(next(&watch, PATIENCE), Some(Event::Up));
        hands.press(CAPS_LOCK);
        hands.release(CAPS_LOCK);
    }
}

#[test]
fn a_key_that_another_program_has_is_said_and_is_given_back() {
    let server = Server::start();
    let watch = server.watch().unwrap();
    let taken = server.watch().unwrap_err();
    let key = "ctrl+v".to_owned();
    assert_eq!(taken, StartError::Hotkey(HotkeyError::Taken(key)));
    drop(watch);
    let give_up = Instant::now() + PATIENCE;
    while let Err(error) = server.watch() {
        assert!(Instant::now() < give_up, "{error}");
        thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn an_x_server_that_ends_ends_the_watch() {
    let mut server = Server::start();
    let watch = server.watch().unwrap();
    server.process.kill().unwrap();
    let ended = Event::Ended(Ended::DisplayGone);
    assert_eq!(next(&watch, PATIENCE), Some(ended));
    let gone = server.watch().unwrap_err();
    assert!(matches!(
        gone,
        StartError::Hotkey(HotkeyError::Unreachable(_))
    ));
}
