//! Back pressure: a flood slows down who makes it, and nobody else.

use dialtone_protocol::hub::ConnId;
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
