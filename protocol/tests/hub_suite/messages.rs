//! Messages of original channels, frames, and what every frame is answered with.

use dialtone_protocol::hub::Input;
use dialtone_protocol::limits;
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::world::{Account, Trouble, World};

struct Room {
    world: World,
    ann: Account,
    channel: String,
}

fn room() -> Room {
    let mut world = World::new();
    let ann = world.register("ann");
    let channel = world.channel(&ann);
    Room {
        world,
        ann,
        channel,
    }
}

fn message(channel: &str, body: &str) -> Value {
    json!({ "type": "channel.message.send", "channel_id": channel, "body": body, "sender_name_enc": "bmFtZQ==" })
}

#[test]
fn a_message_reaches_everybody_in_the_original_shape() {
    let Room {
        mut world,
        ann,
        channel,
    } = room();
    let bob = world.register("bob");
    let conns = [world.connect(&ann.token), world.connect(&bob.token)];
    for conn in conns {
        world.texts(conn);
    }
    world.frame(conns[0], message(&channel, "Ym9keQ=="));
    for conn in conns {
        let texts = world.texts(conn);
        let event: Value = serde_json::from_str(&texts[0]).unwrap();
        let id = event["message_id"].as_str().unwrap();
        let expected = format!(
            "{{\"type\":\"channel.message.new\",\"message_id\":\"{id}\",\"sender\":\"{}\",\"sender_name\":\"\",\
             \"sender_name_enc\":\"bmFtZQ==\",\"body\":\"Ym9keQ==\",\"channel_id\":\"{channel}\",\
             \"sent_at\":\"{}\"}}",
            ann.user,
            crate::world::START,
        );
        assert_eq!(texts, [expected]);
    }
}

// Flaw 9.3.1: each receiver cost a serialisation of its own.
#[test]
fn a_message_is_written_once_for_all_who_get_it() {
    let Room {
        mut world,
        ann,
        channel,
    } = room();
    let conns: Vec<_> = (0..10).map(|_| world.connect(&ann.token)).collect();
    let before = world.sends;
    world.frame(conns[0], message(&channel, "x"));
    assert_eq!(world.sends, before + 1);
    for conn in conns {
        assert_eq!(world.types(conn).last().unwrap(), "channel.message.new");
    }
}

#[test]
fn history_is_ascending_and_numbered() {
    let Room {
        mut world,
        ann,
        channel,
    } = room();
    let conn = world.connect(&ann.token);
    for number in 0..5 {
        world.frame(conn, message(&channel, &format!("m{number}")));
    }
    let bodies = |world: &mut World, query: &str| -> Vec<String> {
        let target = format!("/channels/messages?channel_id={channel}{query}");
        let (status, page) = world.http("GET", &target, Some(&ann.token), Value::Null);
        assert_eq!(status, 200);
        let messages = page["messages"].as_array().unwrap().iter();
        messages
            .map(|it| it["body"].as_str().unwrap().to_owned())
            .collect()
    };
    assert_eq!(bodies(&mut world, ""), ["m0", "m1", "m2", "m3", "m4"]);
    assert_eq!(bodies(&mut world, "&limit=2"), ["m3", "m4"]);
    assert_eq!(bodies(&mut world, "&limit=-2").len(), 5);
    assert_eq!(bodies(&mut world, "&after_seq=1&limit=2"), ["m1", "m2"]);
    assert_eq!(bodies(&mut world, "&before_seq=4&limit=2"), ["m1", "m2"]);
    assert_eq!(bodies(&mut world, "&before_seq=1"), Vec::<String>::new());
    let target = format!("/channels/messages?channel_id={channel}&after_seq=1&before_seq=2");
    assert_eq!(
        world.http("GET", &target, Some(&ann.token), Value::Null).0,
        400
    );
}

// Flaw 9.1.16: a page had no bound.
#[test]
fn a_page_of_history_is_bounded() {
    let Room {
        mut world,
        ann,
        channel,
    } = room();
    let conn = world.connect(&ann.token);
    for _ in 0..limits::MAX_HISTORY_PAGE + 1 {
        world.frame(conn, message(&channel, "eA=="));
    }
    let count = |world: &mut World, query: &str| {
        let target = format!("/channels/messages?channel_id={channel}{query}");
        let (_, page) = world.http("GET", &target, Some(&ann.token), Value::Null);
        page["messages"].as_array().unwrap().len()
    };
    assert_eq!(count(&mut world, ""), limits::DEFAULT_HISTORY_PAGE as usize);
    assert_eq!(
        count(&mut world, "&limit=100000"),
        limits::MAX_HISTORY_PAGE as usize
    );
}

#[test]
fn frames_that_break_a_rule_are_answered_by_name_and_the_connection_stays() {
    let Room {
        mut world,
        ann,
        channel,
    } = room();
    let conn = world.connect(&ann.token);
    world.events(conn);
    let long = "x".repeat(limits::MAX_BODY_BYTES + 1);
    let unknown = "00000000-0000-4000-8000-000000000000";
    let cases = [
        (json!("text"), "invalid_message"),
        (json!({}), "invalid_message"),
        (json!({ "type": 7 }), "invalid_message"),
        (json!({ "type": "channel.message.send" }), "invalid_message"),
        (message("", "x"), "invalid_message"),
        (message(&channel, "  "), "invalid_message"),
        (message(&channel, &long), "invalid_message"),
        (message(unknown, "x"), "channel_not_found"),
        (message("nonsense", "x"), "channel_not_found"),
        (json!({ "type": "message.send" }), "invalid_message"),
        (
            json!({ "type": "message.send", "recipient": "r", "body": "b" }),
            "channels_only",
        ),
        (
            json!({ "type": "message.broadcast", "body": "b" }),
            "invalid_message",
        ),
        (
            json!({ "type": "message.broadcast", "body": "b", "sender_name_enc": "n" }),
            "channels_only",
        ),
        (json!({ "type": "something.else" }), "unsupported_type"),
        (
            json!({ "type": "session.hello", "protocol": 1 }),
            "invalid_message",
        ),
        (
            json!({ "type": "channel.key.request", "group": "", "epoch": 0 }),
            "unsupported_type",
        ),
    ];
    for (frame, code) in cases {
        world.frame(conn, frame.clone());
        let events = world.events(conn);
        assert_eq!(events.len(), 1, "{frame}");
        assert_eq!(
            (&events[0]["type"], &events[0]["code"]),
            (&json!("error"), &json!(code)),
            "{frame}"
        );
        assert!(events[0].get("client_id").is_none());
    }
    world.input(Input::Frame {
        conn,
        bytes: b"\xff\xfe not json",
    });
    assert_eq!(world.types(conn), ["error"]);
    // White space around it and fields that nobody knows are no fault.
    let mut fine = message(&channel, "  x  ");
    fine["client_time"] = json!(1);
    world.frame(conn, fine);
    let events = world.events(conn);
    assert_eq!(events[0]["body"], "x");
    assert!(world.closed.is_empty());
}

#[test]
fn a_failed_write_is_said_and_nothing_is_fanned_out() {
    let Room {
        mut world,
        ann,
        channel,
    } = room();
    let conn = world.connect(&ann.token);
    world.events(conn);
    world.trouble = Some(Trouble::Down);
    world.frame(conn, message(&channel, "x"));
    assert_eq!(world.events(conn)[0]["code"], "server_error");
}

proptest! {
    // Flaw 9.1.2: one message could end every client of the original, since escaping made it longer than a frame.
    #[test]
    fn no_event_is_longer_than_a_frame(body in "[\u{1}-\u{1f}<>&\"\\\\a-zé]{1,9000}", name in "[\u{1}\"a]{1,1200}") {
        let Room { mut world, ann, channel } = room();
        let conn = world.connect(&ann.token);
        world.texts(conn);
        let frame = json!({
            "type": "channel.message.send", "channel_id": channel, "body": body, "sender_name_enc": name,
        });
        world.frame(conn, frame);
        let texts = world.texts(conn);
        prop_assert_eq!(texts.len(), 1);
        prop_assert!(texts[0].len() <= limits::MAX_FRAME_BYTES);
    }
}

#[test]
fn a_name_that_is_too_long_is_refused_wherever_it_would_be_sent_on() {
    let Room {
        mut world,
        ann,
        channel,
    } = room();
    let long = "n".repeat(limits::MAX_NAME_ENC_BYTES + 1);
    let name = json!({ "name_enc": long });
    let rename = json!({ "channel_id": channel, "name_enc": long });
    let token = Some(ann.token.as_str());
    assert_eq!(world.http("POST", "/channels", token, name.clone()).0, 400);
    assert_eq!(world.http("PATCH", "/channels", token, rename).0, 400);
    assert_eq!(world.http("POST", "/users/profiles", token, name).0, 400);
    let conn = world.connect(&ann.token);
    world.events(conn);
    let mut frame = message(&channel, "x");
    frame["sender_name_enc"] = json!(long);
    world.frame(conn, frame);
    assert_eq!(world.events(conn)[0]["code"], "invalid_message");
}

// Flaw 9.1.1: a burst of unknown frames and a disconnect crashed the server.
#[test]
fn a_burst_and_a_disconnect_hurt_nobody() {
    let Room {
        mut world,
        ann,
        channel,
    } = room();
    let conn = world.connect(&ann.token);
    world.held = Some([].into());
    for _ in 0..300 {
        world.frame(conn, json!({ "type": "nonsense" }));
        world.frame(conn, message(&channel, "x"));
    }
    world.close(conn);
    world.release();
    let other = world.connect(&ann.token);
    world.texts(other);
    world.frame(other, message(&channel, "still there"));
    assert_eq!(world.types(other), ["channel.message.new"]);
}

#[test]
fn too_many_unacked_messages_are_refused_with_their_client_id() {
    let Room {
        mut world,
        ann,
        channel,
    } = room();
    let conn = world.greet(&ann.token);
    world.held = Some([].into());
    let client_id = "11111111-1111-4111-8111-111111111111";
    for _ in 0..limits::MAX_UNACKED_MESSAGES {
        world.frame(conn, message(&channel, "x"));
    }
    let mut one_more = message(&channel, "x");
    one_more["client_id"] = json!(client_id);
    world.frame(conn, one_more);
    let events = world.events(conn);
    assert_eq!(events[0]["code"], "rate_limited");
    assert_eq!(events[0]["client_id"], client_id);
    assert_eq!(events[0]["channel_id"], channel);
}
