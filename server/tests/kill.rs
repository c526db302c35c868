//! An acked message is there after `kill -9`, once and in order.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "helpers of tests"
)]
#![expect(dead_code, reason = "each test uses a part of the support")]

#[path = "support/client.rs"]
mod client;
#[path = "support/port.rs"]
mod port;
#[path = "support/postgres.rs"]
mod postgres;
#[path = "support/server.rs"]
mod server;

use std::collections::{BTreeMap, BTreeSet};
use std::thread;
use std::time::Duration;

use serde_json::{Value, json};

use client::{Socket, User};
use postgres::Postgres;
use server::{On, Server};

/// Messages sent between two kills, without waiting for their acks.
const BURST: u32 = 300;

/// Messages that may be unacked: fewer than the server takes from one connection.
const AHEAD: u32 = 100;

#[test]
fn on_smol_and_sqlite() {
    survive(On {
        runtime: "smol",
        db_url: None,
    });
}

#[test]
fn on_tokio_and_sqlite() {
    survive(On {
        runtime: "tokio",
        db_url: None,
    });
}

#[test]
fn on_tokio_and_postgres() {
    let postgres = Postgres::start();
    survive(On {
        runtime: "tokio",
        db_url: Some(&postgres.url()),
    });
}

fn survive(on: On<'_>) {
    let mut server = Server::start(on);
    let user = User::register(server.address, "alice", &server.invite_token());
    let channel = user.create_channel("eA==");
    let mut acked: BTreeMap<String, u64> = BTreeMap::new();
    for round in 0..4_u32 {
        let mut socket = hello(&user);
        let killed_after = 20 + 60 * round;
        let mut acks = 0;
        for number in 0..BURST {
            if !socket.try_send(&message(&channel, round, number)) {
                break;
            }
            if number < AHEAD {
                continue;
            }
            match next_ack(&mut socket) {
                Some((client_id, seq)) => acked.insert(client_id, seq),
                None => break,
            };
            acks += 1;
            if acks == killed_after {
                server.kill();
            }
        }
        if acks < killed_after {
            server.kill();
        }
        server.restart();
        // What has no ack is sent again under its name: it must not be there twice.
        let mut socket = hello(&user);
        for number in 0..AHEAD {
            socket.send(&message(&channel, round, number));
            let (client_id, seq) = next_ack(&mut socket).unwrap();
            if let Some(before) = acked.insert(client_id, seq) {
                assert_eq!(before, seq, "the same ack");
            }
        }
    }
    check(&user, &channel, &acked);
}

fn check(user: &User, channel: &str, acked: &BTreeMap<String, u64>) {
    let mut stored = BTreeMap::new();
    let mut after = 0;
    loop {
        let target = format!("/channels/messages?channel_id={channel}&after_seq={after}&limit=500");
        let page = user.call("GET", &target, &Value::Null).json();
        let messages = page["messages"].as_array().unwrap();
        if messages.is_empty() {
            assert_eq!(page["last_seq"], json!(after));
            break;
        }
        for message in messages {
            after += 1;
            assert_eq!(message["seq"], json!(after), "numbered without a gap");
            let client_id = message["client_id"].as_str().unwrap().to_owned();
            assert_eq!(message["body"], json!(body(&client_id)));
            assert_eq!(stored.insert(client_id, after), None, "once");
        }
    }
    for (client_id, seq) in acked {
        assert_eq!(stored.get(client_id), Some(seq), "an acked message");
    }
    assert!(acked.len() > 400, "the burst was a burst: {}", acked.len());
}

#[test]
fn a_server_that_is_killed_at_any_moment_starts_again() {
    let mut server = Server::start(On {
        runtime: "smol",
        db_url: None,
    });
    let user = User::register(server.address, "alice", &server.invite_token());
    let mut names = BTreeSet::new();
    for round in 0..5_u64 {
        let killer = thread::spawn(move || thread::sleep(Duration::from_millis(3 * round)));
        names.insert(user.create_channel(&format!("{round}")));
        killer.join().unwrap();
        server.kill();
        server.restart();
    }
    let channels = user.call("GET", "/channels", &Value::Null).json();
    let ids: BTreeSet<_> = channels["channels"]
        .as_array()
        .unwrap()
        .iter()
        .map(|channel| channel["id"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(ids, names);
}

fn hello(user: &User) -> Socket {
    let mut socket = user.socket();
    socket.send(&json!({"type": "session.hello", "protocol": 1, "resume": {}}));
    socket.wait("session.welcome");
    socket
}

fn message(channel: &str, round: u32, number: u32) -> Value {
    let client_id = format!("00000000-0000-4000-8000-{:012x}", round << 16 | number);
    json!({
        "type": "channel.message.send", "channel_id": channel, "client_id": client_id,
        "body": body(&client_id), "sender_name_enc": "eA==",
    })
}

/// What a message says: its name, so that it can be checked.
fn body(client_id: &str) -> String {
    format!("body-of-{client_id}")
}

/// The next ack: the message's name and its number. Nothing when the connection is gone.
fn next_ack(socket: &mut Socket) -> Option<(String, u64)> {
    loop {
        let event = socket.next()?;
        match event["type"].as_str().unwrap() {
            "channel.message.ack" => {
                let client_id = event["client_id"].as_str().unwrap().to_owned();
                return Some((client_id, event["seq"].as_u64().unwrap()));
            }
            "error" => unreachable!("{event}"),
            _ => {}
        }
    }
}
