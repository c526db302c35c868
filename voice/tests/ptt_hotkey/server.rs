//! An X server of the test's own without a screen, and a client that presses its keys.

use std::process::Command;
use std::time::{Duration, Instant};

use async_io::Timer;
use dialtone_voice::ptt::Environment;
use x11rb::connection::Connection;
use x11rb::protocol::Event;
use x11rb::protocol::xproto::{ConnectionExt as _, GrabMode, KEY_PRESS_EVENT, KEY_RELEASE_EVENT};
use x11rb::protocol::xproto::{ModMask, Window};
use x11rb::protocol::xtest::ConnectionExt as _;
use x11rb::rust_connection::RustConnection;

use crate::program::Program;

/// An X server.
pub(crate) struct Server {
    pub(crate) program: Program,
    display: String,
    pub(crate) client: RustConnection,
    root: Window,
}

impl Server {
    pub(crate) fn start() -> Self {
        // The server itself takes a number that is free, and prints it.
        let (program, number) = Program::start(
            "xvfb",
            Command::new("Xvfb")
                .args("-displayfd 1 -screen 0 64x64x24 -nolisten tcp -noreset".split(' ')),
        );
        let display = format!(":{number}");
        let (client, screen) = RustConnection::connect(Some(&display)).unwrap();
        let root = client.setup().roots[screen].root;
        Self {
            program,
            display,
            client,
            root,
        }
    }

    /// Surroundings in which this is the X server, and nothing else is there.
    pub(crate) fn environment(&self) -> Environment {
        Environment {
            bus: Some("unix:path=/nonexistent/bus".to_owned()),
            display: Some(self.display.clone()),
            ..Environment::default()
        }
    }

    /// The code of the key that makes a keysym.
    pub(crate) fn code(&self, keysym: u32) -> u8 {
        let (first, per_key, keysyms) = self.keysyms();
        let key = keysyms.chunks(per_key).position(|it| it[0] == keysym);
        first + u8::try_from(key.unwrap()).unwrap()
    }

    /// Changes what a key makes.
    pub(crate) fn change(&self, code: u8, keysym: u32) {
        let (_, per_key, _) = self.keysyms();
        let keysyms = vec![keysym; per_key];
        self.client
            .change_keyboard_mapping(1, code, u8::try_from(per_key).unwrap(), &keysyms)
            .unwrap()
            .check()
            .unwrap();
    }

    pub(crate) fn press(&self, code: u8) {
        self.fake(KEY_PRESS_EVENT, code);
    }

    pub(crate) fn release(&self, code: u8) {
        self.fake(KEY_RELEASE_EVENT, code);
    }

    pub(crate) fn tap(&self, code: u8) {
        self.press(code);
        self.release(code);
    }

    /// Whether this client gets a key for itself.
    pub(crate) fn grabs(&self, code: u8, state: ModMask) -> bool {
        let mode = GrabMode::ASYNC;
        self.client
            .grab_key(false, self.root, state, code, mode, mode)
            .unwrap()
            .check()
            .is_ok()
    }

    pub(crate) fn ungrab(&self, code: u8, state: ModMask) {
        let request = self.client.ungrab_key(code, self.root, state);
        request.unwrap().check().unwrap();
    }

    /// How many presses this client sees in a while.
    pub(crate) async fn presses_seen(&self, during: Duration) -> usize {
        let end = Instant::now() + during;
        let mut seen = 0;
        while Instant::now() < end {
            match self.client.poll_for_event().unwrap() {
                Some(Event::KeyPress(_)) => seen += 1,
                Some(_) => {}
                None => {
                    Timer::after(Duration::from_millis(5)).await;
                }
            }
        }
        seen
    }

    fn fake(&self, kind: u8, code: u8) {
        self.client
            .xtest_fake_input(kind, code, 0, self.root, 0, 0, 0)
            .unwrap()
            .check()
            .unwrap();
    }

    fn keysyms(&self) -> (u8, usize, Vec<u32>) {
        let setup = self.client.setup();
        let (first, last) = (setup.min_keycode, setup.max_keycode);
        let mapping = self.client.get_keyboard_mapping(first, last - first + 1);
        let mapping = mapping.unwrap().reply().unwrap();
        let per_key = usize::from(mapping.keysyms_per_keycode);
        (first, per_key, mapping.keysyms)
    }
}
