//! What is too much in voice rooms, and what becomes of those who are too slow.

use dialtone_protocol::hub::ConnId;
use dialtone_protocol::limits;
use serde_json::json;

use crate::voice::{Two, code, join, offer};
use crate::world::World;

/// What connections were sent so far is read, and has left.
fn flush(world: &mut World, conns: &[ConnId]) {
    for conn in conns {
        let texts = world.texts(*conn);
        world.flush(*conn, &texts);
    }
}

// spec 11.5
#[test]
fn a_room_takes_so_many_connections() {
    let mut world = World::new();
    let ann = world.register("ann");
    let channel = world.channel(&ann);
    let conns: Vec<_> = (0..=limits::MAX_ROOM_MEMBERS)
        .map(|_| world.connect(&ann.token))
        .collect();
    for conn in &conns {
        world.frame(*conn, json!({ "type": "session.hello", "protocol": 1 }));
    }
    let mut frame = join(&channel);
    frame["proof"] = json!("x".repeat(limits::MAX_PROOF_BYTES));
    let (last, others) = conns.split_last().unwrap();
    for conn in others {
        world.texts(*conn);
        // Nobody changes rooms all the time.
        world.sleep(limits::ROOM_CHANGE_EVERY);
        world.frame(*conn, frame.clone());
    }
    let largest = world.texts(others[others.len() - 1]);
    let largest = largest.iter().map(String::len).max().unwrap();
    assert!(largest > limits::MAX_FRAME_BYTES / 2 && largest <= limits::MAX_FRAME_BYTES);
    world.texts(*last);
    world.frame(*last, frame);
    let refused = world.events(*last).remove(0);
    assert_eq!(code(&refused), "rate_limited");
    let message = refused["message"].as_str();
    assert!(message.is_some_and(|it| it.starts_with("this room is full: enter when")));
}

// spec 11.5
#[test]
fn a_user_changes_rooms_so_often_on_however_many_connections() {
    let mut two = Two::new();
    let (channel, token) = (two.channel.clone(), two.ann.token.clone());
    let other = two.world.connect(&token);
    for number in 0..limits::ROOM_CHANGES {
        let conn = if number % 2 == 0 { two.a } else { other };
        two.world.texts(conn);
        two.world.frame(conn, join(&channel));
        assert_eq!(two.world.types(conn)[0], "voice_roster");
    }
    two.world.texts(other);
    two.world.frame(other, join(&channel));
    assert_eq!(code(&two.world.events(other)[0]), "rate_limited");
    two.world.frame(two.b, join(&channel));
    assert!(two.world.types(two.b).contains(&"voice_roster".to_owned()));
    two.world.sleep(limits::ROOM_CHANGE_EVERY);
    two.world.frame(other, join(&channel));
    assert!(two.world.types(other).contains(&"voice_roster".to_owned()));
}

// spec 11.3: whoever is closed for being slow in the middle of it is in neither room.
#[test]
fn who_is_closed_while_changing_rooms_haunts_neither() {
    let mut two = Two::new();
    let (first, token) = (two.channel.clone(), two.ann.token.clone());
    let second = two.world.channel(&two.ann.clone());
    let carol = two.world.register("carol");
    two.world.flushing = false;
    let c = two.world.connect(&carol.token);
    two.world.frame(c, join(&first));
    let mut queued: usize = two.world.texts(c).iter().map(String::len).sum();
    // So much waits for Carol that the news of her leaving has no room.
    let others = [two.a, two.b];
    loop {
        let left = limits::QUEUE_LIMIT - queued;
        let overhead = 200;
        let Some(fits) = left.checked_sub(overhead).filter(|fits| *fits > 0) else {
            break;
        };
        let name = "x".repeat(fits.min(limits::MAX_NAME_ENC_BYTES));
        let body = json!({ "channel_id": first, "name_enc": name });
        let (status, _) = two.world.http("PATCH", "/channels", Some(&token), body);
        assert_eq!(status, 200);
        queued += two.world.texts(c).iter().map(String::len).sum::<usize>();
        flush(&mut two.world, &others);
    }
    two.world.frame(c, join(&second));
    let about_carol = two.world.events(two.a);
    let active: Vec<_> = about_carol.iter().map(|it| it["active"] == true).collect();
    assert!(!active.contains(&true), "{about_carol:?}");
    two.world.close(c);
    let late = two.world.connect(&token);
    assert_eq!(two.world.events(late)[1].get("voice_rooms"), None);
}

// spec 11.5
#[test]
fn signals_throw_nobody_out() {
    let mut two = Two::new();
    two.both_in();
    let (channel, bob) = (two.channel.clone(), two.bob.user.clone());
    two.world.flushing = false;
    let mut large = offer(&channel, &bob);
    large["sdp"] = json!("x".repeat(limits::MAX_SDP_BYTES));
    for _ in 0..60 {
        two.world.frame(two.a, large.clone());
    }
    let came = two.world.texts(two.b);
    assert!(came.len() > 10 && came.len() < 30, "{}", came.len());
    let (status, _) = two.world.http(
        "PATCH",
        "/channels",
        Some(&two.ann.token.clone()),
        json!({ "channel_id": channel, "name_enc": "x" }),
    );
    assert_eq!(status, 200);
    assert_eq!(two.world.types(two.b), ["channel.updated"], "still there");
    two.world.flush(two.b, &came);
    two.world.frame(two.a, large);
    assert_eq!(two.world.types(two.b), ["webrtc_offer"]);
}
