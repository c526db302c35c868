//! Channels of the log: who may write and read there, in what form, in which epoch.

use dialtone_protocol::ids::{ChannelId, GroupId};
use dialtone_protocol::sigchain::Payload;
use serde_json::{Value, json};

use crate::community::{Community, person};

#[test]
fn a_members_message_is_acked_and_reaches_members_alone() {
    let mut community = Community::found();
    let (founder, bob) = (community.founder.clone(), community.member("bob", 2));
    let channel = community.open_channel(1);
    let stranger = community.world.register("eve");
    let conns = [&founder.token, &bob.token, &stranger.token].map(|it| community.world.greet(it));
    let silent = community.world.connect(&founder.token);
    for conn in conns.iter().chain([&silent]) {
        community.world.texts(*conn);
    }
    let frame = community.sealed(&bob, channel, 0, 1);
    community.world.frame(conns[1], frame.clone());
    assert_eq!(
        community.world.types(conns[1]),
        ["channel.message.ack", "channel.message.new"]
    );
    let event = community.world.events(conns[0]).remove(0);
    assert_eq!((&event["body"], &event["seq"]), (&frame["body"], &json!(1)));
    assert_eq!(event["sender_device_id"], bob.device.to_string());
    assert_eq!(community.world.events(conns[2]), Vec::<Value>::new());
    assert_eq!(community.world.events(silent), Vec::<Value>::new());
}

#[test]
fn history_of_a_channel_of_the_log_is_for_its_members() {
    let mut community = Community::found();
    let founder = community.founder.clone();
    let bob = community.member("bob", 2);
    let channel = community.private_channel(1);
    let conn = community.world.greet(&founder.token);
    let frame = community.sealed(&founder, channel, 0, 1);
    community.send(conn, frame.clone());
    let target = format!("/channels/messages?channel_id={channel}");
    let (status, page) = community
        .world
        .http("GET", &target, Some(&founder.token), Value::Null);
    assert_eq!(
        (status, &page["messages"][0]["body"]),
        (200, &frame["body"])
    );
    assert_eq!(page["messages"][0]["client_id"], frame["client_id"]);
    assert_eq!(
        (&page["last_seq"], &page["transcript"]),
        (&json!(1), &json!("0".repeat(64)))
    );
    assert_eq!(
        community
            .world
            .http("GET", &target, Some(&bob.token), Value::Null)
            .0,
        403
    );
    let (_, list) = community
        .world
        .http("GET", "/channels", Some(&founder.token), Value::Null);
    assert_eq!(list["channels"], json!([]));
}

#[test]
fn what_is_wrong_with_a_message_is_named_with_its_client_id() {
    let mut community = Community::found();
    let (founder, bob) = (community.founder.clone(), community.member("bob", 2));
    let eve = person(&mut community.world, "eve", 3);
    let (open, private) = (community.open_channel(1), community.private_channel(2));
    let conns = [&founder, &bob, &eve].map(|it| community.world.greet(&it.token));
    for conn in conns {
        community.world.texts(conn);
    }
    let mut not_sealed = |body: &str| {
        let mut frame = community.sealed(&founder, open, 0, 9);
        frame["body"] = json!(body);
        frame
    };
    let (text, short, unknown) = (
        not_sealed("plain"),
        not_sealed("AAAA"),
        not_sealed("/////w=="),
    );
    let stale = community.sealed(&founder, open, 1, 9);
    let by_bob = community.sealed(&bob, private, 0, 9);
    let by_eve = community.sealed(&eve, open, 0, 9);
    let nowhere = community.sealed(&founder, ChannelId([77; 16]), 0, 9);
    let cases = [
        (0, text, "malformed_body"),
        (0, short, "malformed_body"),
        (0, unknown, "malformed_body"),
        (0, stale, "stale_epoch"),
        (1, by_bob, "not_entitled"),
        (2, by_eve, "not_entitled"),
        (0, nowhere, "invalid_message"),
    ];
    for (who, frame, code) in cases {
        let answer = community.send(conns[who], frame.clone());
        assert_eq!(
            (&answer["type"], &answer["code"]),
            (&json!("error"), &json!(code)),
            "{frame}"
        );
        assert_eq!(answer["client_id"], frame["client_id"]);
        assert_eq!(answer["channel_id"], frame["channel_id"]);
    }
    assert!(community.world.closed.is_empty());
    let mut nameless = community.sealed(&founder, open, 0, 9);
    nameless.as_object_mut().unwrap().remove("client_id");
    nameless["sender_name_enc"] = json!("n");
    assert_eq!(community.send(conns[0], nameless)["code"], "malformed_body");
}

#[test]
fn a_removal_closes_the_epoch_until_the_next_key() {
    let mut community = Community::found();
    let (founder, bob) = (community.founder.clone(), community.member("bob", 2));
    let channel = community.open_channel(1);
    let conns = [&founder, &bob].map(|it| community.world.greet(&it.token));
    community.world.texts(conns[0]);
    let before = community.sealed(&founder, channel, 0, 1);
    let ack = community.send(conns[0], before.clone());
    community.must(&founder, Payload::RemoveUser { user: bob.user });
    // Removed is out: no socket, no session, no login.
    assert_eq!(
        community.world.closed.get(&conns[1]),
        Some(&(1008, "session ended"))
    );
    assert_eq!(
        community
            .world
            .http("GET", "/channels", Some(&bob.token), Value::Null)
            .0,
        401
    );
    assert_eq!(community.world.log_in("bob", "password1").0, 401);
    community.world.texts(conns[0]);
    let closed = community.sealed(&founder, channel, 0, 2);
    assert_eq!(community.send(conns[0], closed)["code"], "stale_epoch");
    // What was kept before the epoch closed is acknowledged again.
    assert_eq!(community.send(conns[0], before), ack);
    let rotation = community.rotation(GroupId::Open, 1);
    community.must(&founder, rotation);
    community.world.texts(conns[0]);
    let next = community.sealed(&founder, channel, 1, 2);
    let answer = community.send(conns[0], next);
    assert_eq!(
        (&answer["type"], &answer["seq"]),
        (&json!("channel.message.ack"), &json!(2))
    );
}

#[test]
fn a_message_behind_a_removal_that_is_being_stored_is_stale() {
    let mut community = Community::found();
    let (founder, bob) = (community.founder.clone(), community.member("bob", 2));
    let channel = community.open_channel(1);
    let conn = community.world.greet(&founder.token);
    let remove = community.draft(&founder, Payload::RemoveUser { user: bob.user });
    let append = community.append(&[&remove]);
    community.world.held = Some([].into());
    let request = dialtone_protocol::wire::http::Request::AppendSigchain(append);
    community.world.say(request, Some(&founder.token));
    community.world.release_one();
    let frame = community.sealed(&founder, channel, 0, 1);
    community.world.frame(conn, frame);
    community.world.release();
    let events = community.world.events(conn);
    assert!(
        events.iter().any(|it| it["code"] == "stale_epoch"),
        "{events:?}"
    );
}

#[test]
fn the_base_api_does_not_touch_channels_of_the_log() {
    let mut community = Community::found();
    let founder = community.founder.clone();
    let channel = community.open_channel(1);
    let rename = json!({ "channel_id": channel.to_string(), "name_enc": "n" });
    assert_eq!(
        community
            .world
            .http("PATCH", "/channels", Some(&founder.token), rename)
            .0,
        404
    );
    let target = format!("/channels?channel_id={channel}");
    assert_eq!(
        community
            .world
            .http("DELETE", &target, Some(&founder.token), Value::Null)
            .0,
        404
    );
}
