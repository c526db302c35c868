//! Senders that wait for nothing are slowed down; whoever reads loses nothing by them.
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
#[path = "support/server.rs"]
mod server;

use std::thread;

use serde_json::{Value, json};

use client::{Socket, User};
use server::{On, Server};

const SENDERS: usize = 3;
const READERS: usize = 6;
const EACH: usize = 1_500;

#[test]
fn on_smol() {
    flood("smol");
}

#[test]
fn on_tokio() {
    flood("tokio");
}

// spec 6.13
fn flood(runtime: &str) {
    let server = Server::start(On {
        runtime,
        db_url: None,
    });
    let token = server.link.as_deref().unwrap().rsplit('/').next().unwrap();
    let token = token.split('#').next().unwrap();
    let user = User::register(server.address, "alice", token);
    let channel = user.create_channel("Zmxvb2Q=");
    let readers: Vec<_> = (0..READERS).map(|_| user.socket()).collect();
    let senders: Vec<_> = (0..SENDERS).map(|_| user.socket()).collect();

    let reading: Vec<_> = readers
        .into_iter()
        .map(|socket| thread::spawn(move || bodies(socket)))
        .collect();
    let sending: Vec<_> = senders
        .into_iter()
        .enumerate()
        .map(|(number, socket)| {
            let channel = channel.clone();
            thread::spawn(move || send_all(socket, number, &channel))
        })
        .collect();

    let orders: Vec<Vec<Value>> = reading.into_iter().map(|it| it.join().unwrap()).collect();
    for order in &orders {
        assert_eq!(order.len(), SENDERS * EACH, "a reader was cut off");
        assert_eq!(Some(order), orders.first(), "readers saw other orders");
    }
    for sender in sending {
        sender.join().unwrap();
    }
}

fn send_all(mut socket: Socket, number: usize, channel: &str) -> Socket {
    socket.discard();
    for message in 0..EACH {
        socket.send(&json!({
            "type": "channel.message.send", "channel_id": channel,
            "body": format!("{number}-{message}-{}", "x".repeat(500)), "sender_name_enc": "eA==",
        }));
    }
    socket
}

/// What a reader is shown until it has all, or its connection ends.
fn bodies(mut socket: Socket) -> Vec<Value> {
    let mut bodies = Vec::new();
    while bodies.len() < SENDERS * EACH {
        let Some(mut event) = socket.next() else {
            break;
        };
        if event["type"] == "channel.message.new" {
            bodies.push(event["body"].take());
        }
    }
    bodies
}
