//! Connections: their start, hello, resuming, backpressure.

use std::time::Duration;

use dialtone_protocol::hub::{ConnId, Input};
use dialtone_protocol::limits;
use dialtone_protocol::wire::http::Request;
use serde_json::{Value, json};

use crate::world::{Account, Trouble, World, config};

fn message(channel: &str, body: &str) -> Value {
    json!({ "type": "channel.message.send", "channel_id": channel, "body": body, "sender_name_enc": "n" })
}

#[test]
fn a_connection_starts_as_in_the_original() {
    let mut world = World::new();
    let (ann, bob) = (world.register("ann"), world.register("bob"));
    let first = world.connect(&ann.token);
    let joined = |of: &Account| {
        format!(
            "{{\"type\":\"device.joined\",\"message_id\":\"\",\"sender\":\"{}\",\"sender_name\":\"\",\"body\":\"\",\
             \"device_id\":\"{}\",\"sent_at\":\"\"}}",
            of.user, of.device
        )
    };
    let snapshot =
        "{\"type\":\"voice.presence.snapshot\",\"channel_id\":\"\",\"sender\":\"\"}".to_owned();
    assert_eq!(world.texts(first), [joined(&ann), snapshot.clone()]);
    let second = world.connect(&bob.token);
    assert_eq!(world.texts(first), [joined(&bob)]);
    assert_eq!(world.texts(second), [joined(&bob), snapshot]);
    // Nobody without a hello hears that somebody left.
    world.close(second);
    assert_eq!(world.texts(first), Vec::<String>::new());
}

#[test]
fn hello_is_welcomed_with_what_the_server_is() {
    let mut world = World::new();
    let ann = world.register("ann");
    let conn = world.connect(&ann.token);
    world.texts(conn);
    world.frame(
        conn,
        json!({ "type": "session.hello", "protocol": 1, "resume": {} }),
    );
    let welcome = world.events(conn).remove(0);
    assert_eq!(welcome["type"], "session.welcome");
    assert_eq!(welcome["protocol"], 1);
    assert_eq!(welcome["sigchain_head"], Value::Null);
    assert_eq!(welcome["limits"]["body_bytes"], 16_384);
    let ids = (welcome["server_id"].clone(), welcome["store_id"].clone());
    let mut world = world.restart();
    let conn = world.connect(&ann.token);
    world.texts(conn);
    world.frame(conn, json!({ "type": "session.hello", "protocol": 1 }));
    let welcome = world.events(conn).remove(0);
    assert_eq!(
        (welcome["server_id"].clone(), welcome["store_id"].clone()),
        ids
    );
}

#[test]
fn presence_is_announced_to_who_said_hello() {
    let mut world = World::new();
    let (ann, bob) = (world.register("ann"), world.register("bob"));
    let conn = world.greet(&ann.token);
    let (one, two) = (world.connect(&bob.token), world.connect(&bob.token));
    assert_eq!(
        world.types(conn),
        ["device.joined", "presence.changed", "device.joined"]
    );
    world.close(one);
    assert_eq!(world.types(conn), Vec::<String>::new());
    world.close(two);
    let events = world.events(conn);
    assert_eq!(
        events[0],
        json!({ "type": "presence.changed", "user_id": bob.user, "online": false })
    );
}

#[test]
fn only_who_said_hello_is_told_numbers_and_acks() {
    let mut world = World::new();
    let ann = world.register("ann");
    let channel = world.channel(&ann);
    let (ours, original) = (world.greet(&ann.token), world.connect(&ann.token));
    world.texts(ours);
    world.texts(original);
    let client_id = "11111111-1111-4111-8111-111111111111";
    let mut frame = message(&channel, "x");
    frame["client_id"] = json!(client_id);
    world.frame(ours, frame.clone());
    let events = world.events(ours);
    assert_eq!(events[0]["type"], "channel.message.ack");
    assert_eq!(
        (&events[0]["seq"], &events[0]["client_id"]),
        (&json!(1), &json!(client_id))
    );
    assert_eq!(events[1]["type"], "channel.message.new");
    assert_eq!(
        (&events[1]["seq"], &events[1]["sender_device_id"]),
        (&json!(1), &json!(ann.device))
    );
    assert_eq!(events[0]["message_id"], events[1]["message_id"]);
    assert!(world.events(original)[0].get("seq").is_none());
    // The same again is the same message.
    world.frame(ours, frame);
    let again = world.events(ours);
    assert_eq!(again.len(), 1);
    assert_eq!(again[0], events[0]);
    assert_eq!(world.events(original), Vec::<Value>::new());
}

// Flaw 9.2.2: a lost answer meant a lost or a doubled message.
#[test]
fn a_message_whose_answer_was_lost_is_there_once() {
    let mut world = World::new();
    let ann = world.register("ann");
    let channel = world.channel(&ann);
    let conn = world.greet(&ann.token);
    let mut frame = message(&channel, "x");
    frame["client_id"] = json!("11111111-1111-4111-8111-111111111111");
    world.trouble = Some(Trouble::AnswerLost);
    world.frame(conn, frame.clone());
    assert_eq!(world.events(conn)[0]["code"], "server_error");
    let mut world = world.restart();
    let conn = world.greet(&ann.token);
    world.frame(conn, frame);
    assert_eq!(world.types(conn), ["channel.message.ack"]);
    let target = format!("/channels/messages?channel_id={channel}");
    let (_, page) = world.http("GET", &target, Some(&ann.token), Value::Null);
    assert_eq!(page["messages"].as_array().unwrap().len(), 1);
}

#[test]
fn a_resume_says_what_is_missing() {
    let mut world = World::new();
    let ann = world.register("ann");
    let (one, two) = (world.channel(&ann), world.channel(&ann));
    let conn = world.connect(&ann.token);
    for channel in [&one, &one, &one, &two] {
        world.frame(conn, message(channel, "x"));
    }
    let late = world.connect(&ann.token);
    world.texts(late);
    let resume = json!({ one.as_str(): 1, two.as_str(): 1 });
    world.frame(
        late,
        json!({ "type": "session.hello", "protocol": 1, "resume": resume }),
    );
    let events = world.events(late);
    assert_eq!(
        events[1],
        json!({ "type": "session.lagged", "channels": { one.as_str(): 2 } })
    );
    assert_eq!(events.len(), 2);
}

// Flaw 9.2.2: what did not fit was dropped in silence.
#[test]
fn a_slow_connection_is_told_what_it_missed() {
    let mut world = World::new();
    let ann = world.register("ann");
    let channel = world.channel(&ann);
    let (fast, slow) = (world.connect(&ann.token), world.greet(&ann.token));
    world.flushing = false;
    let body = "x".repeat(16_000);
    let mut got = 0;
    for _ in 0..40 {
        world.frame(fast, message(&channel, &body));
        let taken: usize = world.texts(fast).iter().map(String::len).sum();
        world.input(Input::Flushed {
            conn: fast,
            bytes: taken,
        });
    }
    let texts = world.texts(slow);
    let queued: usize = texts.iter().map(String::len).sum();
    assert!(queued <= limits::QUEUE_BUDGET);
    got += texts.len();
    assert!(got < 40);
    // Not before half of the budget is free again.
    world.input(Input::Flushed {
        conn: slow,
        bytes: 16_000,
    });
    assert_eq!(world.types(slow), Vec::<String>::new());
    world.input(Input::Flushed {
        conn: slow,
        bytes: queued - 16_000,
    });
    let events = world.events(slow);
    assert_eq!(
        events,
        [json!({ "type": "session.lagged", "channels": { channel.as_str(): got + 1 } })]
    );
    world.frame(fast, message(&channel, "after"));
    assert_eq!(world.events(slow)[0]["seq"], 41);
    assert!(world.closed.is_empty());
}

#[test]
fn a_slow_original_connection_is_closed_rather_than_starved() {
    let mut world = World::new();
    let ann = world.register("ann");
    let channel = world.channel(&ann);
    let (fast, slow) = (world.greet(&ann.token), world.connect(&ann.token));
    world.flushing = false;
    for _ in 0..40 {
        world.frame(fast, message(&channel, &"x".repeat(16_000)));
        let taken: usize = world.texts(fast).iter().map(String::len).sum();
        world.input(Input::Flushed {
            conn: fast,
            bytes: taken,
        });
    }
    assert_eq!(world.closed.get(&slow), Some(&(1013, "too slow")));
    assert!(!world.closed.contains_key(&fast));
}

#[test]
fn who_never_reads_is_closed_whatever_is_sent() {
    let mut world = World::new();
    let ann = world.register("ann");
    let conn = world.greet(&ann.token);
    world.flushing = false;
    for _ in 0..20_000 {
        world.frame(conn, json!({ "type": "nonsense" }));
    }
    assert_eq!(world.closed.get(&conn), Some(&(1013, "too slow")));
    let queued: usize = world.texts(conn).iter().map(String::len).sum();
    assert!(queued <= limits::QUEUE_LIMIT);
}

#[test]
fn without_compat_a_connection_must_say_hello() {
    let mut world = World::new();
    let ann = world.register("ann");
    let mut config = config();
    config.compat = false;
    let mut world = World::over(config, world.store);
    let (silent, rude, polite) = (
        world.connect(&ann.token),
        world.connect(&ann.token),
        world.connect(&ann.token),
    );
    world.frame(rude, json!({ "type": "nonsense" }));
    assert_eq!(world.closed.get(&rude), Some(&(1008, "hello required")));
    world.frame(polite, json!({ "type": "session.hello", "protocol": 1 }));
    world.sleep(limits::HELLO_WAIT - Duration::from_millis(1));
    assert!(!world.closed.contains_key(&silent));
    world.sleep(Duration::from_millis(1));
    assert_eq!(world.closed.get(&silent), Some(&(1008, "hello required")));
    assert!(!world.closed.contains_key(&polite));
}

#[test]
fn connections_of_one_user_are_bounded() {
    let mut world = World::new();
    let ann = world.register("ann");
    let conns: Vec<ConnId> = (0..limits::MAX_CONNECTIONS_PER_USER)
        .map(|_| world.connect(&ann.token))
        .collect();
    assert_eq!(
        world.http("GET", "/ws", Some(&ann.token), Value::Null).0,
        429
    );
    world.close(conns[0]);
    world.connect(&ann.token);
}

#[test]
fn connections_of_one_user_are_bounded_however_they_race() {
    let mut world = World::new();
    let ann = world.register("ann");
    let asked: Vec<_> = (0..=limits::MAX_CONNECTIONS_PER_USER)
        .map(|_| world.say(Request::WebSocket, Some(&ann.token)))
        .collect();
    for id in asked {
        let session = world.accepted.remove(&id).unwrap();
        let conn = ConnId(id.0);
        world.input(Input::Connected { conn, session });
    }
    let refused: Vec<_> = world.closed.values().copied().collect();
    assert_eq!(refused, [(1013, "too many connections")]);
}

#[test]
fn a_message_whose_answer_was_lost_is_news_when_it_is_repeated() {
    let mut world = World::new();
    let (ann, bob) = (world.register("ann"), world.register("bob"));
    let channel = world.channel(&ann);
    let (sender, reader) = (world.greet(&ann.token), world.greet(&bob.token));
    world.texts(sender);
    let mut frame = message(&channel, "x");
    frame["client_id"] = json!("11111111-1111-4111-8111-111111111111");
    world.trouble = Some(Trouble::AnswerLost);
    world.frame(sender, frame.clone());
    world.trouble = None;
    assert_eq!(world.types(sender), ["error"]);
    assert_eq!(world.types(reader), Vec::<String>::new());
    // To be fetched: the repetition may be sealed anew, and what counts is what is kept.
    frame["body"] = json!("sealed anew");
    world.frame(sender, frame.clone());
    let lagged = json!({ "type": "session.lagged", "channels": { channel.as_str(): 1 } });
    assert_eq!(world.events(reader), [lagged]);
    world.frame(sender, frame);
    assert_eq!(world.types(reader), Vec::<String>::new());
}

#[test]
fn messages_that_wait_for_the_store_are_bounded_over_all_connections() {
    let mut world = World::new();
    let ann = world.register("ann");
    let channel = world.channel(&ann);
    let full = limits::MAX_OUTSTANDING_OPS / limits::MAX_UNACKED_MESSAGES as usize;
    let conns: Vec<ConnId> = (0..=full).map(|_| world.greet(&ann.token)).collect();
    world.held = Some([].into());
    for conn in &conns[..full] {
        for _ in 0..limits::MAX_UNACKED_MESSAGES {
            world.frame(*conn, message(&channel, "x"));
        }
    }
    world.texts(conns[full]);
    world.frame(conns[full], message(&channel, "x"));
    assert_eq!(world.events(conns[full])[0]["code"], "rate_limited");
}
