//! Who may be in a voice room: the log lets devices in and puts them out, and a room ends with its channel.

use dialtone_protocol::ids::{ChannelId, GroupId};
use dialtone_protocol::sigchain::Payload;
use serde_json::{Value, json};

use crate::community::{Community, person};
use crate::voice::{Two, code, join, offer};

// spec 11.4, flaw 9.2.13: deleted channels kept ghost rooms.
#[test]
fn the_room_of_a_deleted_channel_ends() {
    let mut two = Two::new();
    two.both_in();
    let (channel, token) = (two.channel.clone(), two.ann.token.clone());
    let target = format!("/channels?channel_id={channel}");
    let (status, _) = two.world.http("DELETE", &target, Some(&token), Value::Null);
    assert_eq!(status, 204);
    let leaves = |events: Vec<Value>| {
        let left = events.iter().filter(|it| it["type"] == "voice_leave");
        left.map(|it| it["sender"].as_str().unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    let (at_a, at_b) = (two.world.events(two.a), two.world.events(two.b));
    assert_eq!(at_a.last().unwrap()["type"], "channel.deleted");
    assert_eq!(leaves(at_a), [two.ann.user.clone()]);
    assert_eq!(leaves(at_b), [two.ann.user.clone(), two.bob.user.clone()]);
    two.world
        .frame(two.b, offer(&channel, &two.ann.user.clone()));
    assert_eq!(code(&two.world.events(two.b)[0]), "voice_not_joined");
    let late = two.world.connect(&token);
    assert_eq!(two.world.events(late)[1].get("voice_rooms"), None);
}

// spec 11.6
#[test]
fn a_private_channels_room_is_for_its_members() {
    let mut community = Community::found();
    let (founder, bob) = (community.founder.clone(), community.member("bob", 2));
    let channel = community.private_channel(1);
    let (a, b) = (
        community.world.greet(&founder.token),
        community.world.greet(&bob.token),
    );
    community.world.events(a);
    community.world.frame(b, join(&channel.to_string()));
    assert_eq!(code(&community.world.events(b)[0]), "not_entitled");
    community.world.frame(a, join(&channel.to_string()));
    assert_eq!(
        community.world.types(a),
        ["voice_roster", "voice_join", "voice.presence"]
    );
    assert_eq!(community.world.types(b), Vec::<String>::new());
    let late = community.world.connect(&bob.token);
    assert_eq!(community.world.events(late)[1].get("voice_rooms"), None);
}

fn voice_leaves(events: &[Value]) -> Vec<&Value> {
    let left = events.iter().filter(|it| it["type"] == "voice_leave");
    left.map(|it| &it["device_id"]).collect()
}

// spec 11.6
#[test]
fn whom_the_log_takes_out_of_a_channel_leaves_its_room_at_once() {
    let mut community = Community::found();
    let (founder, bob) = (community.founder.clone(), community.member("bob", 2));
    let channel = community.private_channel(1);
    let user = bob.user;
    community.must(&founder, Payload::AddToChannel { channel, user });
    let rooms = [&founder.token, &bob.token].map(|token| {
        let conn = community.world.greet(token);
        community.world.frame(conn, join(&channel.to_string()));
        conn
    });
    for conn in rooms {
        community.world.texts(conn);
    }
    community.must(&founder, Payload::RemoveFromChannel { channel, user });
    let (at_founder, at_bob) = (
        community.world.events(rooms[0]),
        community.world.events(rooms[1]),
    );
    assert_eq!(voice_leaves(&at_founder), [&json!(bob.device)]);
    assert_eq!(voice_leaves(&at_bob), [&json!(bob.device)]);
    let place = |events: &[Value], kind: &str| events.iter().position(|it| it["type"] == kind);
    assert!(place(&at_founder, "voice_leave") < place(&at_founder, "sigchain.appended"));
}

// spec 11.6
#[test]
fn whoever_is_revoked_or_whose_channel_is_deleted_leaves_the_room() {
    let mut community = Community::found();
    let (founder, bob) = (community.founder.clone(), community.member("bob", 2));
    let channel: ChannelId = community.open_channel(1);
    let rooms = [&founder.token, &bob.token].map(|token| {
        let conn = community.world.greet(token);
        community.world.frame(conn, join(&channel.to_string()));
        conn
    });
    // Whoever is in no log may enter the room of an open channel: the devices decide whom they talk to.
    let stranger = person(&mut community.world, "eve", 9);
    let eve = community.world.connect(&stranger.token);
    community.world.frame(eve, join(&channel.to_string()));
    assert!(
        community
            .world
            .types(eve)
            .contains(&"voice_roster".to_owned())
    );
    for conn in rooms {
        community.world.texts(conn);
    }
    let user = bob.user;
    community.must(&founder, Payload::RemoveUser { user });
    let events = community.world.events(rooms[0]);
    assert_eq!(voice_leaves(&events), [&json!(bob.device)]);
    let rotation = community.rotation(GroupId::Open, 1);
    community.must(&founder, rotation);
    community.must(&founder, Payload::DeleteChannel { channel });
    let events = community.world.events(rooms[0]);
    assert_eq!(voice_leaves(&events), [&json!(founder.device)]);
    community.world.frame(rooms[0], join(&channel.to_string()));
    let events = community.world.events(rooms[0]);
    assert_eq!(code(events.last().unwrap()), "channel_not_found");
}
