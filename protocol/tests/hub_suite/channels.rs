//! Original channels, profiles, devices, presence.

use dialtone_protocol::limits;
use serde_json::{Value, json};

use crate::world::{World, key};

#[test]
fn channels_are_created_renamed_and_deleted_by_admins() {
    let mut world = World::new();
    let ann = world.register("ann");
    let bob = world.register("bob");
    let conn = world.connect(&bob.token);
    world.texts(conn);
    let token = Some(ann.token.as_str());
    let (status, created) = world.http("POST", "/channels", token, json!({ "name_enc": " one " }));
    assert_eq!(status, 201);
    let channel = created["channel"].clone();
    let id = channel["id"].as_str().unwrap().to_owned();
    assert_eq!(channel["name_enc"], "one");
    assert_eq!(channel["created_by"], ann.user);
    let updated = |name: &str| {
        format!(
            "{{\"type\":\"channel.updated\",\"message_id\":\"\",\"sender\":\"\",\"sender_name\":\"\",\"body\":\"\",\
             \"channel_id\":\"{id}\",\"channel_name_enc\":\"{name}\",\"sent_at\":\"\"}}"
        )
    };
    assert_eq!(world.texts(conn), [updated("one")]);
    let rename = json!({ "channel_id": id, "name_enc": "two" });
    assert_eq!(
        world
            .http("PATCH", "/channels", Some(&bob.token), rename.clone())
            .0,
        403
    );
    assert_eq!(world.http("PATCH", "/channels", token, rename).0, 200);
    assert_eq!(world.texts(conn), [updated("two")]);
    let (_, list) = world.http("GET", "/channels", Some(&bob.token), Value::Null);
    assert_eq!(list["channels"][0]["name_enc"], "two");
    let target = format!("/channels?channel_id={id}");
    assert_eq!(
        world.http("DELETE", &target, token, Value::Null),
        (204, Value::Null)
    );
    assert_eq!(world.types(conn), ["channel.deleted"]);
    let not_found = json!({ "error": "not found" });
    assert_eq!(
        world.http("DELETE", &target, token, Value::Null),
        (404, not_found.clone())
    );
    let rename = json!({ "channel_id": id, "name_enc": "three" });
    assert_eq!(
        world.http("PATCH", "/channels", token, rename),
        (404, not_found)
    );
}

#[test]
fn an_unknown_channel_has_an_empty_history() {
    let mut world = World::new();
    let ann = world.register("ann");
    for id in ["unknown", "00000000-0000-4000-8000-000000000000"] {
        let target = format!("/channels/messages?channel_id={id}");
        let (status, page) = world.http("GET", &target, Some(&ann.token), Value::Null);
        assert_eq!((status, &page["messages"]), (200, &json!([])));
        assert_eq!(page["channel_id"], id);
    }
}

#[test]
fn the_newest_channel_comes_first() {
    let mut world = World::new();
    let ann = world.register("ann");
    let ids = [world.channel(&ann), world.channel(&ann)];
    let (_, list) = world.http("GET", "/channels", Some(&ann.token), Value::Null);
    assert_eq!(list["channels"][0]["id"], ids[1]);
    assert_eq!(list["channels"][1]["id"], ids[0]);
}

#[test]
fn profiles_are_set_and_announced() {
    let mut world = World::new();
    let ann = world.register("ann");
    let bob = world.register("bob");
    let conn = world.connect(&ann.token);
    world.texts(conn);
    for account in [&ann, &bob] {
        let body = json!({ "name_enc": format!(" name of {} ", account.user) });
        let (status, answer) = world.http("POST", "/users/profiles", Some(&account.token), body);
        assert_eq!((status, answer), (201, json!({ "status": "ok" })));
    }
    let events = world.events(conn);
    assert_eq!(events[0]["type"], "user.profile.updated");
    assert_eq!(events[1]["sender"], bob.user);
    let (_, list) = world.http("GET", "/users/profiles", Some(&ann.token), Value::Null);
    assert_eq!(list["profiles"][0]["user_id"], bob.user);
    assert_eq!(
        list["profiles"][0]["name_enc"],
        format!("name of {}", bob.user)
    );
}

#[test]
fn devices_are_added_for_oneself_and_listed() {
    let mut world = World::new();
    let ann = world.register("ann");
    let bob = world.register("bob");
    let token = Some(ann.token.as_str());
    let body = |user: &str| json!({ "user_id": user, "public_key": key("second") });
    assert_eq!(
        world.http("POST", "/devices", token, body(&bob.user)).0,
        403
    );
    let (status, device) = world.http("POST", "/devices", token, body(&ann.user));
    assert_eq!(
        (status, &device["public_key"]),
        (201, &json!(key("second")))
    );
    let target = format!("/devices/keys?user_id={}", ann.user);
    let (_, own) = world.http("GET", &target, token, Value::Null);
    assert_eq!(own["user_id"], ann.user);
    assert_eq!(own["keys"].as_array().unwrap().len(), 2);
    assert!(own["keys"][0].get("user_id").is_none());
    let (_, all) = world.http("GET", "/devices/keys?all=1", token, Value::Null);
    assert_eq!(all["user_id"], "");
    let users: Vec<&Value> = all["keys"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| &it["user_id"])
        .collect();
    assert_eq!(
        users,
        [&json!(ann.user), &json!(bob.user), &json!(ann.user)]
    );
    assert_eq!(
        world.http("GET", "/devices/keys", token, Value::Null).0,
        400
    );
    let foreign = format!("/devices/keys?all=1&user_id={}", bob.user);
    assert_eq!(world.http("GET", &foreign, token, Value::Null).0, 403);
}

#[test]
fn devices_of_one_user_are_bounded() {
    let mut world = World::new();
    let ann = world.register("ann");
    let body = json!({ "user_id": ann.user, "public_key": key("more") });
    let add = |world: &mut World| {
        world
            .http("POST", "/devices", Some(&ann.token), body.clone())
            .0
    };
    for _ in 1..limits::MAX_DEVICES_PER_USER {
        assert_eq!(add(&mut world), 201);
    }
    assert_eq!(add(&mut world), 409);
}

// Flaw 9.1.16: one read of the database for each of any number of ids.
#[test]
fn presence_is_one_bounded_question() {
    let mut world = World::new();
    let ann = world.register("ann");
    let bob = world.register("bob");
    let conn = world.connect(&bob.token);
    let ask = |world: &mut World, ids: Value| {
        world.http(
            "POST",
            "/presence",
            Some(&ann.token),
            json!({ "user_ids": ids }),
        )
    };
    let (status, answer) = ask(&mut world, json!([ann.user, bob.user, "", "unknown"]));
    assert_eq!(status, 200);
    assert_eq!(
        answer["statuses"],
        json!({ ann.user.as_str(): false, bob.user.as_str(): true, "unknown": false })
    );
    assert_eq!(
        answer["admins"],
        json!({ ann.user.as_str(): true, bob.user.as_str(): false })
    );
    world.close(conn);
    let (_, answer) = ask(&mut world, json!([bob.user]));
    assert_eq!(answer["statuses"], json!({ bob.user.as_str(): false }));
    world.asked = Some(Vec::new());
    ask(&mut world, json!([ann.user, bob.user, ann.user, bob.user]));
    let asked = world.asked.take().unwrap();
    assert_eq!(asked.len(), 2, "the session and the users: {asked:?}");
    let many = vec!["x"; limits::MAX_PRESENCE_IDS + 1];
    assert_eq!(ask(&mut world, json!(many)).0, 400);
}
