#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

use std::fs;
use std::num::NonZero;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::time::Duration;

use async_io::Async;
use dialtone_protocol::limits::MAX_IPC_LINE_BYTES;
use dialtone_protocol::voice::ask::{Answer, Question};
use dialtone_protocol::voice::ipc::Press;
use dialtone_protocol::wire::link::Link;
use dialtone_runtime_smol::Smol;
use futures_util::AsyncWriteExt;
use rustix::process::{Pid, test_kill_process};

use super::keeper::LOOK;
use super::*;
use crate::account::{Account, Newcomer, Options};
use crate::home::Home;
use crate::link::timing;
use crate::secrets::Passphrase;
use crate::voice::{Lines, SocketError, socket};

const ME: UserId = UserId([1; 16]);
const ROOM: ChannelId = ChannelId([2; 16]);

/// How long anything here may take, on a machine with much else to do.
const PATIENCE: Duration = Duration::from_secs(60);

/// A child that says which process it is, and then waits.
const CHILD: &str = r#"echo $$ >> "$0"; exec sleep 120"#;

/// A child that does not end when it is asked to.
const STUBBORN: &str = r#"trap "" INT; echo $$ >> "$0"; exec sleep 120"#;

struct Bench {
    runtime: Smol,
    account: Account<Smol>,
    folder: tempfile::TempDir,
}

fn run<F: Future<Output = ()>>(test: impl FnOnce(Bench) -> F) {
    let folder = tempfile::tempdir().unwrap();
    let main = async |runtime: Smol| {
        let home = Home::open(Some(folder.path().to_owned())).unwrap();
        let place = home.account(&"http://127.0.0.1:1".parse().unwrap(), "ann");
        let typed = || Passphrase::new("the passphrase".to_owned());
        let newcomer = Newcomer {
            link: Link::parse("http://127.0.0.1:1/invite/token").unwrap(),
            username: "ann".into(),
            password: typed(),
            passphrase: typed(),
            found: false,
        };
        let lock = place.try_lock().unwrap();
        let options = Options::default();
        let account = Account::create(&runtime, &home, &place, lock, newcomer, &options);
        let account = account.await.unwrap();
        let bench = Bench {
            runtime,
            account,
            folder,
        };
        test(bench).await;
    };
    Smol::run(NonZero::new(2).unwrap(), main).unwrap();
}

impl Bench {
    fn socket(&self) -> PathBuf {
        self.folder.path().join("voice.sock")
    }

    fn children(&self) -> PathBuf {
        self.folder.path().join("children")
    }

    fn call(&self, daemon: Option<Daemon>) -> Call {
        self.call_that_keeps(daemon, Keeping::default())
    }

    fn call_that_keeps(&self, daemon: Option<Daemon>, keeping: Keeping) -> Call {
        let visitor = self.account.visitor();
        Call::start(&self.runtime, visitor, ME, self.socket(), daemon, keeping)
    }

    /// A daemon that starts a process and does not listen: the test listens in its place.
    fn daemon(&self, script: &str) -> Daemon {
        Daemon {
            program: "/bin/sh".into(),
            arguments: vec!["-c".into(), script.into(), self.children().into()],
            ..Daemon::default()
        }
    }

    /// The process that was started as the so-manieth, counted from zero.
    async fn child(&self, index: usize) -> Pid {
        let give_up = self.runtime.now() + PATIENCE;
        loop {
            let text = fs::read_to_string(self.children()).unwrap_or_default();
            let line = text.split_inclusive('\n').nth(index);
            if let Some(line) = line.filter(|it| it.ends_with('\n')) {
                return Pid::from_raw(line.trim().parse().unwrap()).unwrap();
            }
            assert!(self.runtime.now() < give_up, "it was not started");
            self.runtime.sleep_until(self.runtime.now() + LOOK).await;
        }
    }

    async fn within<T>(&self, what: impl Future<Output = T>) -> T {
        let waited = timing::within(&self.runtime, PATIENCE, what).await;
        waited.unwrap_or_else(|| panic!("it took too long"))
    }

    async fn news(&self, call: &Call) -> News {
        self.within(call.news().recv()).await.unwrap()
    }

    /// The next news of a daemon that is not there.
    async fn down(&self, call: &Call) -> (String, Option<u64>) {
        loop {
            if let News::Down { what, again } = self.news(call).await {
                return (what, again);
            }
        }
    }

    async fn accept(&self, listener: &Async<UnixListener>) -> Peer {
        Peer {
            stream: self.within(listener.accept()).await.unwrap().0,
            lines: Lines::new(MAX_IPC_LINE_BYTES),
        }
    }

    /// What the client says, up to and with one command.
    async fn until(&self, peer: &mut Peer, wanted: &Command) -> Vec<Command> {
        let mut all = Vec::new();
        while all.last() != Some(wanted) {
            let line = self.within(peer.lines.next(&mut &peer.stream)).await;
            let line = line
                .unwrap()
                .unwrap_or_else(|| panic!("{wanted:?}: {all:?}"));
            all.push(Command::parse(&line.unwrap()).unwrap().unwrap());
        }
        all
    }

    async fn say(&self, peer: &Peer, event: &Event) {
        let mut stream = &peer.stream;
        let line = event.to_line();
        self.within(stream.write_all(line.as_bytes()))
            .await
            .unwrap();
    }
}

/// The daemon's end of the socket.
struct Peer {
    stream: Async<UnixStream>,
    lines: Lines,
}

fn listen(path: &Path) -> Async<UnixListener> {
    let _ = fs::remove_file(path);
    Async::<UnixListener>::bind(path).unwrap()
}

fn is_alive(pid: Pid) -> bool {
    test_kill_process(pid).is_ok()
}

#[test]
fn what_the_daemon_asks_is_answered_by_the_account() {
    run(async |bench| {
        let listener = listen(&bench.socket());
        let call = bench.call(None);
        call.tell(Command::Ping);
        let mut peer = bench.accept(&listener).await;
        bench.until(&mut peer, &Command::Ping).await;
        let (room, question) = (ROOM, Question::Token);
        bench
            .say(&peer, &Event::VoiceAsk { ask: 7, question })
            .await;
        // Without a session there is no token, and no way into a room.
        let answer = Answer::NotYet;
        bench
            .until(&mut peer, &Command::VoiceAnswer { ask: 7, answer })
            .await;
        let question = Question::Enter { room };
        bench
            .say(&peer, &Event::VoiceAsk { ask: 8, question })
            .await;
        let answer = Answer::NotYet;
        bench
            .until(&mut peer, &Command::VoiceAnswer { ask: 8, answer })
            .await;
        bench.say(&peer, &Event::VoiceLink { online: true }).await;
        let said = News::Said(Event::VoiceLink { online: true });
        assert_eq!(bench.news(&call).await, News::Up);
        assert_eq!(bench.news(&call).await, said);
    });
}

#[test]
fn a_daemon_that_dies_is_started_again_as_it_was() {
    run(async |bench| {
        let call = bench.call(Some(bench.daemon(CHILD)));
        call.tell(Command::Mute);
        let first = bench.child(0).await;
        let listener = listen(&bench.socket());
        let mut peer = bench.accept(&listener).await;
        let joined = Command::VoiceJoin { room: ROOM };
        call.tell(joined.clone());
        bench.until(&mut peer, &joined).await;
        drop((listener, peer));
        let (what, again) = bench.down(&call).await;
        assert_eq!((what.as_str(), again), ("the voice daemon ended", Some(2)));
        let second = bench.child(1).await;
        assert!(second != first && !is_alive(first), "the first still runs");
        let listener = listen(&bench.socket());
        let mut peer = bench.accept(&listener).await;
        let greeting = bench.until(&mut peer, &joined).await;
        assert!(greeting.contains(&Command::Mute), "{greeting:?}");
        bench.within(call.close()).await;
        assert!(!is_alive(second));
    });
}

// spec 10.14
#[test]
fn what_was_chosen_is_there_at_the_next_start() {
    run(async |bench| {
        let options = VoiceOptions::default();
        let keeping = || Keeping::of(bench.account.place(), &options);
        let listener = listen(&bench.socket());
        let call = bench.call_that_keeps(None, keeping());
        let volume = Command::Volume {
            user: ME,
            percent: 40,
        };
        for command in [Command::Mute, volume.clone(), Command::Ping] {
            call.tell(command);
        }
        let mut peer = bench.accept(&listener).await;
        bench.until(&mut peer, &Command::Ping).await;
        bench.within(call.close()).await;

        let call = bench.call_that_keeps(None, keeping());
        call.tell(Command::Ping);
        let mut peer = bench.accept(&listener).await;
        let greeting = bench.until(&mut peer, &Command::Ping).await;
        assert!(greeting.contains(&volume), "{greeting:?}");
        assert!(!greeting.contains(&Command::Mute), "{greeting:?}");
        bench.within(call.close()).await;
    });
}

// spec 10.14
#[test]
fn settings_that_cannot_be_read_are_named_and_left_as_they_are() {
    run(async |bench| {
        let options = VoiceOptions::default();
        let keeping = Keeping::of(bench.account.place(), &options);
        let path = keeping.file.clone().unwrap();
        fs::write(&path, "not this").unwrap();
        let listener = listen(&bench.socket());
        let call = bench.call_that_keeps(None, keeping);
        call.tell(Command::Threshold { level: 700 });
        let mut peer = bench.accept(&listener).await;
        let threshold = Command::Threshold { level: 700 };
        bench.until(&mut peer, &threshold).await;
        let News::NotKept(what) = bench.news(&call).await else {
            panic!("it is not said");
        };
        assert!(what.contains(path.to_str().unwrap()), "{what}");
        bench.within(call.close()).await;
        assert_eq!(fs::read(&path).unwrap(), b"not this");
    });
}

#[test]
fn a_daemon_that_does_not_end_is_ended() {
    run(async |bench| {
        let call = bench.call(Some(bench.daemon(STUBBORN)));
        call.tell(Command::Devices);
        let child = bench.child(0).await;
        let listener = listen(&bench.socket());
        let mut peer = bench.accept(&listener).await;
        bench.until(&mut peer, &Command::Devices).await;
        assert!(is_alive(child));
        bench.within(call.close()).await;
        assert!(!is_alive(child));
    });
}

#[test]
fn a_daemon_of_somebody_else_stays_but_not_in_the_room() {
    run(async |bench| {
        let listener = listen(&bench.socket());
        let call = bench.call(None);
        call.tell(Command::VoiceJoin { room: ROOM });
        let action = Press::Down;
        call.tell(Command::Ptt { action });
        let mut peer = bench.accept(&listener).await;
        bench.until(&mut peer, &Command::Ptt { action }).await;
        bench.within(call.close()).await;
        let left = Command::VoiceLeave { room: None };
        let last = bench.until(&mut peer, &left).await;
        let action = Press::Up;
        assert_eq!(last, [Command::Ptt { action }, left]);
    });
}

#[test]
fn what_cannot_be_had_is_not_tried_for_ever_by_who_is_in_no_room() {
    run(async |bench| {
        let program = bench.folder.path().join("nothing");
        let call = bench.call(Some(Daemon {
            program,
            ..Daemon::default()
        }));
        call.tell(Command::Devices);
        let (what, again) = bench.down(&call).await;
        assert!(what.contains("nothing") && again.is_none(), "{what}");
        call.tell(Command::VoiceJoin { room: ROOM });
        let (_, again) = bench.down(&call).await;
        assert!(again.is_some());
        // Whoever does not want to join any more is told that this is so.
        call.tell(Command::VoiceLeave { room: None });
        let left = Event::VoiceReady { room: Some(ROOM) };
        assert_eq!(bench.news(&call).await, News::Said(left));
        bench.within(call.close()).await;
    });
}

#[test]
fn nothing_is_said_to_a_daemon_of_another_user() {
    run(async |bench| {
        let path = bench.socket();
        let listener = listen(&path);
        let own = rustix::process::geteuid();
        let other = rustix::process::Uid::from_raw(own.as_raw() + 1);
        let refused = socket::connect_as(&path, other).await;
        assert!(matches!(refused, Err(SocketError::Foreign(_))));
        assert!(socket::connect_as(&path, own).await.is_ok());
        drop(listener);
        let gone = socket::connect_as(&path, own).await;
        assert!(matches!(gone, Err(SocketError::NotRunning(_))));
    });
}

#[test]
fn a_command_with_a_file_gets_a_daemon_of_its_own() {
    run(async |bench| {
        let path = bench.socket();
        let free = async |named| socket::free_path(path.clone(), named).await;
        assert_eq!(free(true).await.unwrap(), path);
        let _listener = listen(&path);
        assert!(matches!(free(true).await, Err(SocketError::Taken(_))));
        let other = free(false).await.unwrap();
        assert!(other != path && other.parent() == path.parent());
    });
}
