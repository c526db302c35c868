//! The key to talk, held and let go of in a terminal that says so and in one that does not: the real program on a
//! pseudo-terminal, and what it tells its daemon.

#![cfg(feature = "tui")]
#![expect(
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "in a test a failure ends the test"
)]

#[allow(dead_code, reason = "other tests use the rest")]
mod common;

use std::fs::{self, File};
use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use common::{PATIENCE, Person, founded};
use dialtone_protocol::ids::ChannelId;
use dialtone_protocol::voice::ipc::{self, Event, Gate, Press};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{Winsize, tcsetwinsize};

/// ctrl+v, and letting go of v after ctrl, as the kitty keyboard protocol says it.
const PRESSED: &str = "\x1b[118;5u";
const RELEASED: &str = "\x1b[118;1:3u";

/// What asks for that, and what takes it back.
const ASKED: &str = "\x1b[>3u";
const TAKEN_BACK: &str = "\x1b[<1u";

/// A terminal, and the screen of somebody in it.
struct Terminal {
    keyboard: File,
    shown: Arc<Mutex<String>>,
    program: Child,
}

impl Terminal {
    /// Opens the screen. `tells` is whether the terminal says when a key is let go of.
    fn open(person: &Person, tells: bool, args: &[&str]) -> Self {
        let terminal = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
        grantpt(&terminal).unwrap();
        unlockpt(&terminal).unwrap();
        let size = Winsize {
            ws_row: 24,
            ws_col: 80,
            ws_xpixel: 0,
            ws_ypixel: 0,
        };
        tcsetwinsize(&terminal, size).unwrap();
        let path = ptsname(&terminal, Vec::new()).unwrap();
        let inner = || {
            let mut options = fs::OpenOptions::new();
            let file = options.read(true).write(true).open(path.to_str().unwrap());
            Stdio::from(file.unwrap())
        };
        // It becomes the terminal that the program controls.
        let mut command = Command::new("setsid");
        command
            .args(["--ctty", "--wait", env!("CARGO_BIN_EXE_dialtone")])
            .args(args)
            .arg("--home")
            .arg(person.home())
            .env("TERM", "xterm-256color")
            .stdin(inner())
            .stdout(inner())
            .stderr(inner());
        let program = command.spawn().unwrap();
        drop(command);
        let keyboard = File::from(terminal);
        let shown = Arc::new(Mutex::new(String::new()));
        let (mut screen, mut answers) =
            (keyboard.try_clone().unwrap(), keyboard.try_clone().unwrap());
        let seen = Arc::clone(&shown);
        thread::spawn(move || {
            let mut chunk = [0; 4096];
            let mut asked = 0;
            while let Ok(many @ 1..) = screen.read(&mut chunk) {
                let mut all = seen.lock().unwrap();
                all.push_str(&String::from_utf8_lossy(chunk.get(..many).unwrap()));
                let asks = all.matches("\x1b[c").count();
                drop(all);
                if asks > asked {
                    asked = asks;
                    let answer = if tells {
                        "\x1b[?0u\x1b[?62c"
                    } else {
                        "\x1b[?62c"
                    };
                    answers.write_all(answer.as_bytes()).unwrap();
                }
            }
        });
        Self {
            keyboard,
            shown,
            program,
        }
    }

    fn type_in(&mut self, keys: &str) {
        self.keyboard.write_all(keys.as_bytes()).unwrap();
    }

    fn shown(&self) -> String {
        self.shown.lock().unwrap().clone()
    }

    #[track_caller]
    fn until(&self, wanted: &str) {
        let give_up = Instant::now() + PATIENCE;
        while !self.shown().contains(wanted) {
            assert!(Instant::now() < give_up, "no {wanted:?}");
            thread::sleep(Duration::from_millis(20));
        }
    }

    /// Unlocks the account and enters the room.
    fn join(&mut self, person: &Person) {
        self.until("[unlock]");
        self.type_in(&format!("the password of {}\r", person.name));
        self.until("online");
        self.type_in("/voice join general\r");
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        if thread::panicking() {
            eprintln!("--- the terminal was told {:?}", self.shown());
        }
        let _ = self.program.kill();
        let _ = self.program.wait();
    }
}

/// The daemon's end of the socket: what it is told, and what it says of itself.
struct Daemon {
    told: BufReader<UnixStream>,
}

impl Daemon {
    fn accept(listener: &UnixListener) -> Self {
        let (stream, _) = listener.accept().unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        let told = BufReader::new(stream);
        Self { told }
    }

    fn say(&self, event: &Event) {
        let mut stream = self.told.get_ref();
        stream.write_all(event.to_line().as_bytes()).unwrap();
    }

    /// The next command that is none of the beginning.
    fn next(&mut self) -> ipc::Command {
        let mut line = String::new();
        assert!(self.told.read_line(&mut line).unwrap() > 0, "it is gone");
        ipc::Command::parse(line.trim().as_bytes())
            .unwrap()
            .unwrap()
    }

    /// Waits until the room is to be entered, and lets the client in.
    fn let_in(&mut self) -> ChannelId {
        let room = loop {
            if let ipc::Command::VoiceJoin { room } = self.next() {
                break room;
            }
        };
        self.say(&Event::VoiceConnected { room });
        self.say(&Event::VoiceState {
            muted: false,
            deafened: false,
            gate: Gate::Ptt {
                key: "dialtone ptt".to_owned(),
            },
            threshold: 500,
            microphone: true,
            testing: false,
        });
        room
    }
}

const fn ptt(action: Press) -> ipc::Command {
    ipc::Command::Ptt { action }
}

fn options<'a>(socket: &'a str, backend: &'a str) -> Vec<&'a str> {
    let mut all = vec!["--voice-auto", "false", "--voice-ipc", socket];
    all.extend(["--voice-ptt", "ctrl+v", "--voice-ptt-backend", backend]);
    all
}

#[test]
fn a_key_is_held_in_a_terminal_that_says_when_it_is_let_go_of() {
    let (_server, ann) = founded("smol");
    let socket = ann.home().join("voice.sock");
    let listener = UnixListener::bind(&socket).unwrap();
    let args = options(socket.to_str().unwrap(), "terminal");
    let mut terminal = Terminal::open(&ann, true, &args);
    terminal.join(&ann);
    let mut daemon = Daemon::accept(&listener);
    daemon.let_in();
    terminal.until("[ctrl+v]");
    assert!(terminal.shown().contains(ASKED));
    terminal.type_in(PRESSED);
    assert_eq!(daemon.next(), ptt(Press::Down));
    terminal.type_in(RELEASED);
    assert_eq!(daemon.next(), ptt(Press::Up));
    // Whoever goes to another window has let go.
    terminal.type_in(PRESSED);
    assert_eq!(daemon.next(), ptt(Press::Down));
    terminal.type_in("\x1b[O");
    assert_eq!(daemon.next(), ptt(Press::Up));
    // A v is still a v, however long it is held.
    terminal.type_in("/voice remo\x1b[111;1:3uve\r\x1b[118;1:3u");
    terminal.until("remove");
    terminal.type_in(PRESSED);
    assert_eq!(daemon.next(), ptt(Press::Down));
    // Leaving lets go, leaves the room and the terminal as they were.
    terminal.type_in("\x1b[113;5u");
    assert_eq!(daemon.next(), ptt(Press::Up));
    assert_eq!(daemon.next(), ipc::Command::VoiceLeave { room: None });
    assert!(terminal.program.wait().unwrap().success());
    terminal.until("\x1b[?1049l");
    let shown = terminal.shown();
    let at = |what: &str| shown.rfind(what).unwrap_or(usize::MAX);
    assert!(at(TAKEN_BACK) < at("\x1b[?1049l") && at("\x1b[?1004l") < at("\x1b[?1049l"));
    assert_eq!(shown.matches(TAKEN_BACK).count(), 1);
}

#[test]
fn where_it_cannot_be_held_nothing_is_sent_and_that_is_said() {
    let (_server, ann) = founded("smol");
    let socket = ann.home().join("voice.sock");
    let listener = UnixListener::bind(&socket).unwrap();
    let args = options(socket.to_str().unwrap(), "terminal");
    let mut terminal = Terminal::open(&ann, false, &args);
    terminal.join(&ann);
    let mut daemon = Daemon::accept(&listener);
    daemon.let_in();
    terminal.until("keyboard");
    assert!(!terminal.shown().contains(ASKED));
    // As such a terminal sends it.
    terminal.type_in("\x16");
    terminal.type_in("/voice mute\r");
    assert_eq!(daemon.next(), ipc::Command::Mute);
    terminal.type_in("\x11");
    assert_eq!(daemon.next(), ipc::Command::VoiceLeave { room: None });
    assert!(terminal.program.wait().unwrap().success());
    assert!(!terminal.shown().contains(TAKEN_BACK));
}

#[test]
fn a_key_that_no_terminal_can_watch_is_refused_at_once() {
    let ann = Person::new("ann", "smol");
    let args = options("/nowhere", "terminal");
    let mut args: Vec<_> = args.into_iter().collect();
    for (key, wanted) in [("v", "something else"), ("caps", "let go of")] {
        if let Some(it) = args.get_mut(5) {
            *it = key;
        }
        let mut terminal = Terminal::open(&ann, true, &args);
        terminal.until(wanted);
        assert_eq!(terminal.program.wait().unwrap().code(), Some(2));
        assert!(!terminal.shown().contains("\x1b[?1049h"));
    }
}
