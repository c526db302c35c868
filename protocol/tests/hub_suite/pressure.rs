//! Back pressure: a flood slows down who makes it, and nobody else.

use dialtone_protocol::hub::{ConnId, Input};
use dialtone_protocol::limits;
use serde_json::{Value, json};

use crate::world::World;

fn message(channel: &str) -> Value {
    let body = "x".repeat(4_000);
    json!({ "type": "channel.message.send", "channel_id": channel, "body": body, "sender_name_enc": "n" })
}

fn crowd(readers: usize) -> (World, String, ConnId, Vec<ConnId>) {
    let mut world = World::new();
    let ann = world.register("ann");
    let channel = world.channel(&ann);
    let sender = world.greet(&ann.token);
    let readers: Vec<ConnId> = (0..readers).map(|_| world.connect(&ann.token)).collect();
    for reader in &readers {
        world.texts(*reader);
    }
    (world, channel, sender, readers)
}

// spec 6.13
#[test]
fn what_waits_for_the_store_is_bounded_before_it_is_read() {
    let (mut world, channel, sender, readers) = crowd(3);
    world.held = Some([].into());
    let mut sent = 0;
    while !world.paused {
        world.frame(sender, message(&channel));
        sent += 1;
        assert!(sent < 1_000, "a flood is never held back");
    }
    world.flushing = false;
    world.release();
    assert!(!world.paused);
    for reader in readers {
        let texts = world.texts(reader);
        assert_eq!(texts.len(), sent);
        let bytes: usize = texts.iter().map(String::len).sum();
        assert!(bytes <= limits::QUEUE_BUDGET / 2 + limits::MAX_FRAME_BYTES);
    }
}

// spec 6.13
#[test]
fn readers_that_read_are_waited_for() {
    let (mut world, channel, sender, readers) = crowd(3);
    world.flushing = false;
    let mut got = vec![0; readers.len()];
    let mut waits = 0;
    for _ in 0..500 {
        world.frame(sender, message(&channel));
        let texts = world.texts(sender);
        world.flush(sender, &texts);
        if !world.paused {
            continue;
        }
        waits += 1;
        for (reader, got) in readers.iter().zip(&mut got) {
            let texts = world.texts(*reader);
            *got += texts.len();
            world.flush(*reader, &texts);
        }
        assert!(!world.paused, "all have caught up");
    }
    assert!(waits > 0);
    assert!(world.closed.is_empty());
    for (reader, got) in readers.iter().zip(got) {
        assert_eq!(got + world.texts(*reader).len(), 500);
    }
}

// spec 6.13
#[test]
fn a_reader_that_takes_nothing_holds_nobody_up_for_long() {
    let (mut world, channel, sender, readers) = crowd(1);
    world.flushing = false;
    let mut waited = 0;
    for _ in 0..500 {
        world.frame(sender, message(&channel));
        let texts = world.texts(sender);
        world.flush(sender, &texts);
        if world.paused {
            world.sleep(limits::READERS_WAIT);
            assert!(!world.paused);
            waited += 1;
        }
    }
    assert_eq!(world.closed.get(&readers[0]), Some(&(1013, "too slow")));
    assert!(!world.closed.contains_key(&sender));
    assert!(waited > 0 && waited < 50, "waited {waited} times");
}

/// How many users overflow at once: with one call of the hub for each, a stack of [`STACK`] would not do.
const MANY: usize = 2_000;
const STACK: usize = 1 << 20;

// spec 6.9
#[test]
fn any_number_of_users_may_overflow_at_one_broadcast() {
    let test = std::thread::Builder::new().stack_size(STACK);
    let test = test.spawn(overflow_at_one_broadcast).unwrap();
    test.join().unwrap();
}

fn overflow_at_one_broadcast() {
    let mut world = World::new();
    let ann = world.register("ann");
    let witness = world.greet(&ann.token);
    world.witness = Some(witness);
    world.flushing = false;
    let users = (0..MANY).map(|number| world.register(&format!("user{number}")));
    let users: Vec<_> = users.collect();
    let mut conns = Vec::new();
    for user in &users {
        conns.push(world.connect(&user.token));
        let texts = world.texts(witness);
        world.flush(witness, &texts);
    }
    let hello = json!({ "type": "session.hello", "protocol": 1 });
    for conn in conns {
        let bytes = limits::QUEUE_LIMIT;
        world.input(Input::Flushed { conn, bytes });
        world.frame(conn, hello.clone());
    }
    let mut told = Vec::new();
    while world.closed.is_empty() {
        world.flush(witness, &told);
        let body = json!({ "name_enc": "n".repeat(limits::MAX_NAME_ENC_BYTES) });
        let (status, _) = world.http("POST", "/channels", Some(&ann.token), body);
        assert_eq!(status, 201);
        told = world.texts(witness);
    }
    assert_eq!(world.closed.len(), MANY);
    assert!(world.closed.values().all(|end| *end == (1013, "too slow")));
    told.retain(|text| text.contains("presence.changed"));
    assert_eq!(told.len(), MANY, "who stays is told of everybody who left");
}
