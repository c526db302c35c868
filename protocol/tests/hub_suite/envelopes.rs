//! The base API's key envelopes.

use serde_json::{Value, json};

use crate::world::{Account, World};

fn item(from: &Account, to: &Account, envelope: &str) -> Value {
    json!({
        "device_id": to.device, "sender_device_id": from.device,
        "sender_public_key": from.key, "envelope": envelope,
    })
}

fn post(world: &mut World, from: &Account, channel: &str, items: Vec<Value>) -> (u16, Value) {
    let body = json!({ "channel_id": channel, "envelopes": items });
    world.http("POST", "/channels/keys", Some(&from.token), body)
}

fn get(world: &mut World, of: &Account, channel: &str) -> (u16, Value) {
    let target = format!("/channels/keys?channel_id={channel}");
    world.http("GET", &target, Some(&of.token), Value::Null)
}

#[test]
fn envelopes_reach_the_device_of_the_session() {
    let mut world = World::new();
    let (ann, bob) = (world.register("ann"), world.register("bob"));
    let channel = world.channel(&ann);
    let not_found = json!({ "error": "not found" });
    assert_eq!(get(&mut world, &bob, &channel), (404, not_found));
    let ok = json!({ "status": "ok" });
    assert_eq!(
        post(&mut world, &ann, &channel, vec![item(&ann, &bob, "e1")]),
        (201, ok)
    );
    let (status, envelope) = get(&mut world, &bob, &channel);
    assert_eq!(status, 200);
    assert_eq!(envelope["envelope"], "e1");
    assert_eq!(envelope["device_id"], bob.device);
    assert_eq!(envelope["sender_device_id"], ann.device);
    assert_eq!(envelope["sender_public_key"], ann.key);
    assert_eq!(envelope["channel_id"], channel);
}

#[test]
fn the_directory_has_envelopes_of_its_own() {
    let mut world = World::new();
    let ann = world.register("ann");
    let token = Some(ann.token.as_str());
    assert_eq!(
        world.http("GET", "/directory/keys", token, Value::Null),
        (204, Value::Null)
    );
    let body = json!({ "envelopes": [item(&ann, &ann, "d1")] });
    assert_eq!(world.http("POST", "/directory/keys", token, body).0, 201);
    let (status, envelope) = world.http("GET", "/directory/keys", token, Value::Null);
    assert_eq!((status, &envelope["envelope"]), (200, &json!("d1")));
    assert!(envelope.get("channel_id").is_none());
    assert_eq!(
        world
            .http("POST", "/directory/keys", token, json!({ "envelopes": [] }))
            .0,
        400
    );
}

#[test]
fn what_is_wrong_is_said_in_the_order_of_the_original() {
    let mut world = World::new();
    let (ann, bob) = (world.register("ann"), world.register("bob"));
    let channel = world.channel(&ann);
    let forged = item(&bob, &bob, "x");
    assert_eq!(post(&mut world, &ann, "", vec![forged.clone()]).0, 400);
    assert_eq!(post(&mut world, &ann, &channel, vec![]).0, 400);
    assert_eq!(
        post(&mut world, &ann, "unknown", vec![forged.clone()]).0,
        404
    );
    assert_eq!(post(&mut world, &ann, &channel, vec![forged]).0, 403);
    assert_eq!(
        post(&mut world, &ann, &channel, vec![item(&ann, &bob, " ")]).0,
        400
    );
}

// Flaw 9.2.13: items before a bad one stayed.
#[test]
fn a_batch_is_kept_wholly_or_not_at_all() {
    let mut world = World::new();
    let (ann, bob) = (world.register("ann"), world.register("bob"));
    let channel = world.channel(&ann);
    let mut unknown = item(&ann, &bob, "e2");
    unknown["device_id"] = json!("00000000-0000-4000-8000-000000000000");
    assert_eq!(
        post(
            &mut world,
            &ann,
            &channel,
            vec![item(&ann, &bob, "e1"), unknown]
        )
        .0,
        400
    );
    assert_eq!(get(&mut world, &bob, &channel).0, 404);
}

// Flaw 9.1.5: anybody could overwrite anybody's envelope, under any public key.
#[test]
fn nobody_overwrites_what_another_sealed_or_seals_as_another() {
    let mut world = World::new();
    let (ann, bob, eve) = (
        world.register("ann"),
        world.register("bob"),
        world.register("eve"),
    );
    let channel = world.channel(&ann);
    post(&mut world, &ann, &channel, vec![item(&ann, &bob, "honest")]);
    let mut disguised = item(&eve, &bob, "planted");
    disguised["sender_public_key"] = json!(ann.key);
    assert_eq!(post(&mut world, &eve, &channel, vec![disguised]).0, 400);
    assert_eq!(get(&mut world, &bob, &channel).1["envelope"], "honest");
    // What she seals as herself is kept beside it; the newest is answered, and says whose it is.
    assert_eq!(
        post(
            &mut world,
            &eve,
            &channel,
            vec![item(&eve, &bob, "her own")]
        )
        .0,
        201
    );
    assert_eq!(
        get(&mut world, &bob, &channel).1["sender_device_id"],
        eve.device
    );
    assert_eq!(
        post(&mut world, &ann, &channel, vec![item(&ann, &bob, "again")]).0,
        201
    );
    assert_eq!(get(&mut world, &bob, &channel).1["envelope"], "again");
}
