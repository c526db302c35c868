#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

use std::io::{BufRead, BufReader, Write};
use std::num::NonZero;
use std::time::Duration;

use dialtone_runtime_smol::Smol;

use super::*;

fn run<F: Future<Output = ()>>(work: impl FnOnce(Smol) -> F) {
    Smol::run(NonZero::new(2).unwrap(), work).unwrap();
}

async fn heard(socket: &Socket) -> (ClientId, Heard) {
    socket.heard().recv().await.unwrap()
}

#[test]
fn commands_come_in_and_events_go_out() {
    run(async |runtime| {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("private/voice.sock");
        let socket = Socket::bind(&runtime, &path).unwrap();
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(&path), 0o600);
        assert_eq!(mode(path.parent().unwrap()), 0o700);
        let mut stream = UnixStream::connect(&path).unwrap();
        let (id, Heard::Came(outgoing)) = heard(&socket).await else {
            panic!("it came");
        };
        let mut clients = Clients::default();
        clients.add(id, outgoing);
        stream
            .write_all(b"{\"cmd\":\"ping\"}\n{}\n\n{\"cmd\":\"dance\"}\nx\n{\"cmd\":\"mute\"}\n")
            .unwrap();
        let said = [
            heard(&socket).await.1,
            heard(&socket).await.1,
            heard(&socket).await.1,
            heard(&socket).await.1,
        ];
        assert!(matches!(said[0], Heard::Command(Command::Ping)));
        assert!(matches!(&said[1], Heard::Malformed(LineError::Unknown(kind)) if kind == "dance"));
        assert!(matches!(said[2], Heard::Malformed(LineError::Malformed(_))));
        assert!(matches!(said[3], Heard::Command(Command::Mute)));
        clients.tell_all(&Event::Pong);
        let mut reader = BufReader::new(stream);
        let line = runtime
            .unblock(move || {
                let mut line = String::new();
                reader.read_line(&mut line).unwrap();
                line
            })
            .await;
        assert_eq!(line, "{\"event\":\"pong\"}\n");
        assert!(matches!(heard(&socket).await, (it, Heard::Gone) if it == id));
        drop(socket);
        assert!(!path.exists());
    });
}

#[test]
fn what_a_killed_daemon_left_is_replaced_and_a_living_one_is_not() {
    run(async |runtime| {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("voice.sock");
        drop(UnixListener::bind(&path).unwrap());
        assert!(path.exists());
        let socket = Socket::bind(&runtime, &path).unwrap();
        assert!(matches!(
            Socket::bind(&runtime, &path),
            Err(BindError::Busy(_))
        ));
        drop(socket);
        fs::write(&path, "mine").unwrap();
        assert!(matches!(
            Socket::bind(&runtime, &path),
            Err(BindError::NotASocket(_))
        ));
        assert_eq!(fs::read_to_string(&path).unwrap(), "mine");
        let open = folder.path().join("open");
        fs::create_dir(&open).unwrap();
        fs::set_permissions(&open, fs::Permissions::from_mode(0o777)).unwrap();
        assert!(matches!(
            Socket::bind(&runtime, &open.join("voice.sock")),
            Err(BindError::Unsafe(_))
        ));
    });
}

#[test]
fn a_client_that_does_not_read_is_let_go_of() {
    run(async |runtime| {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("voice.sock");
        let socket = Socket::bind(&runtime, &path).unwrap();
        let stream = UnixStream::connect(&path).unwrap();
        let (id, Heard::Came(outgoing)) = heard(&socket).await else {
            panic!("it came");
        };
        let mut clients = Clients::default();
        clients.add(id, outgoing);
        let long = Event::Info {
            error: "x".repeat(10_000),
        };
        for _ in 0..MAX_WAITING * 4 {
            clients.tell_all(&long);
        }
        assert!(clients.is_empty());
        drop(stream);
        let gone = async { heard(&socket).await };
        let limit = runtime.sleep_until(runtime.now() + Duration::from_secs(10));
        let gone = std::pin::pin!(gone);
        let first = futures_util::future::select(gone, limit).await;
        assert!(matches!(
            first,
            futures_util::future::Either::Left(((_, Heard::Gone), _))
        ));
    });
}
