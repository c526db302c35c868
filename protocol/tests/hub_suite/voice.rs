//! Voice rooms: the order of events, as in the original, and who gets which.

use std::time::Duration;

use dialtone_protocol::hub::{Config, ConnId, Ice, TurnLogin};
use dialtone_protocol::limits;
use dialtone_protocol::wire::sensitive::Sensitive;
use serde_json::{Value, json};

use crate::community::Community;
use crate::world::{Account, World, config};

pub(crate) fn join(channel: &str) -> Value {
    json!({ "type": "voice_join", "channel_id": channel })
}

fn leave(channel: &str) -> Value {
    json!({ "type": "voice_leave", "channel_id": channel })
}

pub(crate) fn offer(channel: &str, to: &str) -> Value {
    json!({ "type": "webrtc_offer", "channel_id": channel, "recipient": to, "sdp": "v=0\r\n" })
}

/// Two users of the original and a channel.
pub(crate) struct Two {
    pub(crate) world: World,
    pub(crate) ann: Account,
    pub(crate) bob: Account,
    pub(crate) channel: String,
    /// The connections of Ann's and Bob's daemons.
    pub(crate) a: ConnId,
    pub(crate) b: ConnId,
}

impl Two {
    pub(crate) fn new() -> Self {
        let mut world = World::new();
        let (ann, bob) = (world.register("ann"), world.register("bob"));
        let channel = world.channel(&ann);
        let (a, b) = (world.connect(&ann.token), world.connect(&bob.token));
        let mut two = Self {
            world,
            ann,
            bob,
            channel,
            a,
            b,
        };
        two.forget();
        two
    }

    fn forget(&mut self) {
        self.world.texts(self.a);
        self.world.texts(self.b);
    }

    /// Both are in the room, and nothing is unread.
    pub(crate) fn both_in(&mut self) {
        let channel = self.channel.clone();
        self.world.frame(self.a, join(&channel));
        self.world.frame(self.b, join(&channel));
        self.forget();
    }
}

pub(crate) fn code(event: &Value) -> &str {
    assert_eq!(event["type"], "error", "{event}");
    event["code"].as_str().unwrap()
}

// spec 11.1, 11.2: the two-party call of the original, message by message.
#[test]
fn a_call_begins_and_ends_in_the_originals_order() {
    let mut two = Two::new();
    let (channel, ann, bob) = (two.channel.clone(), two.ann.clone(), two.bob.clone());
    two.world.frame(two.a, join(&channel));
    let roster = format!(
        "{{\"type\":\"voice_roster\",\"channel_id\":\"{channel}\",\"sender\":\"\",\"users\":[\"{}\"]}}",
        ann.user
    );
    let joined = |of: &Account| {
        format!(
            "{{\"type\":\"voice_join\",\"channel_id\":\"{channel}\",\"sender\":\"{}\"}}",
            of.user
        )
    };
    let presence = |of: &Account, active: &str| {
        format!(
            "{{\"type\":\"voice.presence\",\"channel_id\":\"{channel}\",\"sender\":\"{}\"{active}}}",
            of.user
        )
    };
    let here = ",\"active\":true";
    assert_eq!(
        two.world.texts(two.a),
        [roster, joined(&ann), presence(&ann, here)]
    );
    assert_eq!(two.world.texts(two.b), [presence(&ann, here)]);

    two.world.frame(two.b, join(&channel));
    let mut users = [ann.user.clone(), bob.user.clone()];
    users.sort();
    let events = two.world.events(two.b);
    assert_eq!(events[0]["users"], json!(users));
    assert_eq!(two.world.texts(two.a), [joined(&bob), presence(&bob, here)]);

    // Whoever is inside offers; the newcomer answers.
    two.world.frame(two.a, offer(&channel, &bob.user));
    let offered = two.world.texts(two.b);
    assert_eq!(
        offered,
        [format!(
            "{{\"type\":\"webrtc_offer\",\"channel_id\":\"{channel}\",\"sender\":\"{}\",\"recipient\":\"{}\",\
             \"sdp\":\"v=0\\r\\n\"}}",
            ann.user, bob.user
        )]
    );
    assert_eq!(two.world.texts(two.a), Vec::<String>::new());
    two.world.frame(
        two.b,
        json!({ "type": "ice_candidate", "channel_id": channel, "recipient": ann.user, "candidate": "candidate:1" }),
    );
    assert_eq!(two.world.events(two.a)[0]["candidate"], "candidate:1");

    two.world.frame(two.b, leave(&channel));
    let left = format!(
        "{{\"type\":\"voice_leave\",\"channel_id\":\"{channel}\",\"sender\":\"{}\"}}",
        bob.user
    );
    assert_eq!(two.world.texts(two.a), [left, presence(&bob, "")]);
    assert_eq!(two.world.texts(two.b), [presence(&bob, "")]);
    // Whoever is alone leaves without a farewell.
    two.world.frame(two.a, leave(&channel));
    assert_eq!(two.world.texts(two.a), [presence(&ann, "")]);
}

// spec 11.1
#[test]
fn entering_again_repeats_the_roster_and_another_room_ends_the_first() {
    let mut two = Two::new();
    two.both_in();
    let (channel, other) = (two.channel.clone(), two.world.channel(&two.ann.clone()));
    two.forget();
    two.world.frame(two.a, join(&channel));
    assert_eq!(
        two.world.types(two.a),
        ["voice_roster", "voice_join", "voice.presence"]
    );
    assert_eq!(two.world.types(two.b), ["voice_join", "voice.presence"]);

    two.world.frame(two.a, join(&other));
    let events = two.world.events(two.b);
    let types: Vec<_> = events.iter().map(|event| &event["type"]).collect();
    assert_eq!(types, ["voice_leave", "voice.presence", "voice.presence"]);
    assert_eq!(
        (&events[1]["channel_id"], &events[2]["channel_id"]),
        (&json!(channel), &json!(other))
    );
}

// spec 11.1, 11.45
#[test]
fn who_asks_for_the_roster_again_with_the_same_proof_disturbs_nobody() {
    let mut two = Two::new();
    two.both_in();
    let channel = two.channel.clone();
    let signed =
        |proof: &str| json!({ "type": "voice_join", "channel_id": channel, "proof": proof });
    for (proof, wanted) in [
        ("b25l", &["voice_join", "voice.presence"][..]),
        ("b25l", &[]),
        ("dHdv", &["voice_join", "voice.presence"]),
    ] {
        two.forget();
        two.world.frame(two.a, signed(proof));
        assert_eq!(two.world.types(two.a)[0], "voice_roster");
        assert_eq!(two.world.types(two.b), wanted);
    }
}

// spec 11.3
#[test]
fn who_leaves_by_one_of_two_devices_is_still_there() {
    let mut two = Two::new();
    two.both_in();
    let other = two.world.connect(&two.bob.token.clone());
    let channel = two.channel.clone();
    two.world.frame(other, join(&channel));
    two.forget();
    two.world.frame(other, leave(&channel));
    assert_eq!(two.world.types(two.a), ["voice_leave"]);
    two.world.frame(two.b, leave(&channel));
    assert_eq!(two.world.types(two.a), ["voice_leave", "voice.presence"]);
}

// spec 11.3
#[test]
fn a_room_ends_with_the_connection() {
    let mut two = Two::new();
    two.both_in();
    two.world.close(two.b);
    assert_eq!(two.world.types(two.a), ["voice_leave", "voice.presence"]);
    // Whoever comes is told who is in which room.
    let late = two.world.connect(&two.bob.token.clone());
    let events = two.world.events(late);
    assert_eq!(
        events[1],
        json!({
            "type": "voice.presence.snapshot", "channel_id": "", "sender": "",
            "voice_rooms": { two.channel.clone(): [two.ann.user.clone()] },
        })
    );
}

// spec 11.2
#[test]
fn signals_reach_the_devices_they_are_for_and_nobody_else() {
    let mut two = Two::new();
    two.both_in();
    let (channel, bob) = (two.channel.clone(), two.bob.clone());
    // A second device of Bob's, a connection of Bob's outside the room, and one of Ann's own.
    let (_, answer) = two.world.http(
        "POST",
        "/auth/login",
        None,
        json!({ "username": "bob", "password": "password1", "public_key": crate::world::key("bob's other") }),
    );
    let other = crate::world::account(answer);
    let (second, outside) = (two.world.greet(&other.token), two.world.connect(&bob.token));
    two.forget();
    two.world.texts(second);
    let mut signed = join(&channel);
    signed["proof"] = json!("c2lnbmVk");
    two.world.frame(second, signed);
    // Who said hello is told devices and proofs; the others are told what the original knows.
    let events = two.world.events(second);
    let of_other = events[0]["devices"].as_array().unwrap();
    let of_other = of_other
        .iter()
        .find(|it| it["device_id"] == json!(other.device));
    assert_eq!(of_other.unwrap()["proof"], "c2lnbmVk");
    assert_eq!(events[1]["proof"], "c2lnbmVk");
    let events = two.world.events(two.b);
    assert_eq!(
        events[0],
        json!({ "type": "voice_join", "channel_id": channel, "sender": bob.user })
    );
    two.forget();
    two.world.texts(second);
    two.world.texts(outside);

    two.world.frame(two.a, offer(&channel, &bob.user));
    assert_eq!(two.world.types(two.b), ["webrtc_offer"]);
    assert_eq!(two.world.types(second), ["webrtc_offer"]);
    let mut to_one = offer(&channel, &bob.user);
    to_one["recipient_device_id"] = json!(other.device);
    to_one["proof"] = json!("cHJvb2Y=");
    two.world.frame(two.a, to_one);
    assert_eq!(two.world.types(two.b), Vec::<String>::new());
    let event = two.world.events(second).remove(0);
    assert_eq!(event["proof"], "cHJvb2Y=");
    assert_eq!(event["recipient_device_id"], json!(other.device));
    assert_eq!(event["sender_device_id"], json!(two.ann.device));
    assert_eq!(two.world.types(outside), Vec::<String>::new());
    // Nobody is told of somebody who is not there.
    two.world
        .frame(two.a, offer(&channel, &two.ann.user.clone()));
    two.world.frame(two.a, offer(&channel, "nobody"));
    assert_eq!(two.world.types(two.a), Vec::<String>::new());
}

// spec 11.2, 11.5
#[test]
fn what_is_wrong_with_a_voice_frame_is_named() {
    let mut two = Two::new();
    let (channel, bob) = (two.channel.clone(), two.bob.user.clone());
    let unknown = "00000000-0000-4000-8000-000000000000";
    let long = "x".repeat(limits::MAX_SDP_BYTES + 1);
    for (frame, wanted) in [
        (json!({ "type": "voice_join" }), "invalid_message"),
        (json!({ "type": "voice_leave" }), "invalid_message"),
        (join("somewhere"), "channel_not_found"),
        (join(unknown), "channel_not_found"),
        (offer(&channel, &bob), "voice_not_joined"),
        (offer(&channel, ""), "invalid_message"),
        (
            json!({ "type": "ice_candidate", "channel_id": channel, "recipient": bob, "candidate": " " }),
            "invalid_message",
        ),
        (
            json!({ "type": "webrtc_answer", "channel_id": channel, "recipient": bob, "sdp": long }),
            "invalid_message",
        ),
        (
            json!({ "type": "voice_join", "channel_id": channel, "proof": "x".repeat(limits::MAX_PROOF_BYTES + 1) }),
            "invalid_message",
        ),
        (
            json!({ "type": "voice_join", "channel_id": channel, "proof": "no base64" }),
            "invalid_message",
        ),
    ] {
        two.world.frame(two.a, frame.clone());
        let events = two.world.events(two.a);
        assert_eq!(events.len(), 1, "{frame}");
        assert_eq!(code(&events[0]), wanted, "{frame}");
    }
    // To leave a room that one is not in says nothing.
    two.world.frame(two.a, leave(&channel));
    assert_eq!(two.world.types(two.a), Vec::<String>::new());
    // What would not fit into a frame once it is escaped is not handed on.
    two.both_in();
    let sdp = "\u{1}".repeat(limits::MAX_SDP_BYTES / 2);
    two.world.frame(
        two.a,
        json!({ "type": "webrtc_offer", "channel_id": channel, "recipient": bob, "sdp": sdp }),
    );
    assert_eq!(code(&two.world.events(two.a)[0]), "invalid_message");
    assert_eq!(two.world.types(two.b), Vec::<String>::new());
}

// spec 11.8
#[test]
fn welcome_and_roster_say_where_turn_servers_are() {
    let config = Config {
        ice: Ice {
            turn: vec!["turn:turn.example".to_owned()],
            login: TurnLogin::Own {
                secret: Sensitive::new("north"),
            },
            ..Ice::default()
        },
        ..config()
    };
    let mut world = World::with(config);
    let ann = world.register("ann");
    let channel = world.channel(&ann);
    let conn = world.connect(&ann.token);
    world.texts(conn);
    world.frame(conn, json!({ "type": "session.hello", "protocol": 1 }));
    let welcome = world.events(conn).remove(0);
    let login = |event: &Value| {
        event["ice_servers"][0]["username"]
            .as_str()
            .unwrap()
            .to_owned()
    };
    assert_eq!(
        welcome["ice_servers"][0]["urls"],
        json!(["turn:turn.example"])
    );
    assert!(login(&welcome).ends_with(&format!(":{}", ann.user)));
    world.sleep(Duration::from_secs(3600));
    world.frame(conn, join(&channel));
    let roster = world.events(conn).remove(0);
    assert_ne!(login(&roster), login(&welcome), "it lasts from now on");
}

// spec 11.9
#[test]
fn who_only_lost_its_connection_is_told_apart_from_who_left() {
    let mut community = Community::found();
    let (founder, bob) = (community.founder.clone(), community.member("bob", 2));
    let channel = community.open_channel(1).to_string();
    let original = community.world.connect(&founder.token);
    let inside = community.world.greet(&founder.token);
    community.world.frame(original, join(&channel));
    community.world.frame(inside, join(&channel));
    for ends in [false, true] {
        let conn = community.world.greet(&bob.token);
        community.world.frame(conn, join(&channel));
        community.world.texts(inside);
        community.world.texts(original);
        match ends {
            true => community.world.close(conn),
            false => community.world.frame(conn, leave(&channel)),
        }
        let said = |events: Vec<Value>| {
            let mut left = events.into_iter().filter(|it| it["type"] == "voice_leave");
            left.next().unwrap().get("lost").cloned()
        };
        let wanted = ends.then_some(json!(true));
        assert_eq!(said(community.world.events(inside)), wanted);
        assert_eq!(said(community.world.events(original)), None, "spec 11.7");
        if !ends {
            community.world.close(conn);
        }
    }
}
