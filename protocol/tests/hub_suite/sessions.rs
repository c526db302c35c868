//! Access, the order of checks, sessions, logins by signature.

use std::time::Duration;

use dialtone_protocol::crypto::{DeviceSecret, Secret, login};
use dialtone_protocol::ids::DeviceId;
use dialtone_protocol::limits;
use dialtone_protocol::wire::base64;
use dialtone_protocol::wire::http::{Access, Request, Route};
use serde_json::{Value, json};

use crate::world::{Trouble, World, config};

#[test]
fn checks_come_in_the_order_of_the_original() {
    let mut world = World::new();
    let ann = world.register("ann");
    let bob = world.register("bob");
    // Path and method before anything else.
    assert_eq!(world.http("GET", "/nowhere", None, Value::Null).0, 404);
    assert_eq!(
        world.http("PUT", "/channels", None, Value::Null),
        (405, Value::Null)
    );
    // Then who it is, what that one may do, and only then what it says.
    let bad = json!({ "nonsense": true });
    assert_eq!(world.http("POST", "/channels", None, bad.clone()).0, 401);
    assert_eq!(
        world
            .http("POST", "/channels", Some("unknown"), bad.clone())
            .0,
        401
    );
    let admin_only = json!({ "error": "admin access required" });
    assert_eq!(
        world.http("POST", "/channels", Some(&bob.token), bad.clone()),
        (403, admin_only)
    );
    assert_eq!(
        world.http("POST", "/channels", Some(&ann.token), bad).0,
        400
    );
    assert_eq!(
        world
            .http("GET", "/channels/messages", Some(&ann.token), Value::Null)
            .0,
        400
    );
}

#[test]
fn nothing_but_the_doors_is_open_without_a_session() {
    let mut world = World::new();
    for route in Route::ALL {
        let (method, path) = (route.method().as_str(), route.path());
        let request = Request::parse(method, path, "", b"").unwrap();
        let response = world.ask(request, None);
        match route.access() {
            Access::Anyone => assert_ne!(response.status, 401, "{path}"),
            _ => assert_eq!(response.status, 401, "{method} {path}"),
        }
    }
    // The original answers so, and its clients look at nothing else.
    assert!(
        world
            .ask(Request::WebSocket, Some("unknown"))
            .body
            .is_empty()
    );
    assert_eq!(world.ask(Request::Health, None).body, b"ok");
}

#[test]
fn a_user_without_a_password_cannot_be_trusted() {
    // Such a user gets no session at all, so the rule is looked at in the table of routes.
    for route in [
        Route::Profiles,
        Route::PutProfile,
        Route::DirectoryKey,
        Route::PutDirectoryKeys,
    ] {
        assert_eq!(route.access(), Access::Trusted);
    }
}

#[test]
fn an_expired_token_is_named_once_and_then_unknown() {
    let mut world = World::new();
    let ann = world.register("ann");
    world.sleep(limits::PASSWORD_SESSION_LIFE);
    let expired = json!({ "error": "token expired" });
    let unknown = json!({ "error": "unauthorized" });
    assert_eq!(
        world.http("GET", "/channels", Some(&ann.token), Value::Null),
        (401, expired)
    );
    assert_eq!(
        world.http("GET", "/channels", Some(&ann.token), Value::Null),
        (401, unknown)
    );
}

// Flaw 9.1.13: a restart logged everybody out, nobody could log out, sockets outlived their sessions.
#[test]
fn sessions_survive_a_restart() {
    let mut world = World::new();
    let ann = world.register("ann");
    let mut world = world.restart();
    assert_eq!(
        world
            .http("GET", "/channels", Some(&ann.token), Value::Null)
            .0,
        200
    );
}

#[test]
fn sessions_are_listed_and_ended_with_their_sockets() {
    let mut world = World::new();
    let ann = world.register("ann");
    let bob = world.register("bob");
    let (_, again) = world.log_in("ann", "password1");
    let token = again["token"].as_str().unwrap();
    let first = world.connect(&ann.token);
    let second = world.connect(token);
    let (_, list) = world.http("GET", "/sessions", Some(token), Value::Null);
    let sessions = list["sessions"].as_array().unwrap().clone();
    assert_eq!(sessions.len(), 2);
    let other = sessions.iter().find(|it| it["current"] == false).unwrap();
    let target = format!("/sessions?id={}", other["id"].as_str().unwrap());
    assert_eq!(
        world
            .http("DELETE", &target, Some(&bob.token), Value::Null)
            .0,
        404
    );
    assert_eq!(
        world.http("DELETE", &target, Some(token), Value::Null).0,
        204
    );
    assert_eq!(world.closed.get(&first), Some(&(1008, "session ended")));
    assert!(!world.closed.contains_key(&second));
    assert_eq!(
        world
            .http("GET", "/channels", Some(&ann.token), Value::Null)
            .0,
        401
    );
    assert_eq!(
        world.http("DELETE", &target, Some(token), Value::Null).0,
        404
    );
}

#[test]
fn a_socket_ends_with_its_session() {
    let mut world = World::new();
    let ann = world.register("ann");
    let conn = world.connect(&ann.token);
    world.sleep(limits::PASSWORD_SESSION_LIFE - Duration::from_secs(1));
    assert!(world.closed.is_empty());
    world.sleep(Duration::from_secs(1));
    assert_eq!(world.closed.get(&conn), Some(&(1008, "session ended")));
}

#[test]
fn a_session_that_ends_while_it_is_looked_up_serves_nothing() {
    let mut world = World::new();
    let ann = world.register("ann");
    let (_, list) = world.http("GET", "/sessions", Some(&ann.token), Value::Null);
    let session = list["sessions"][0]["id"].as_str().unwrap().to_owned();
    // The lookup was answered before the end, and its answer comes after it.
    world.held = Some([].into());
    let socket = world.say(Request::WebSocket, Some(&ann.token));
    let mut lookup = world.held.take().unwrap();
    let (id, op) = lookup.pop_front().unwrap();
    let stale = world.store.apply(op);
    let target = format!("/sessions?id={session}");
    assert_eq!(
        world
            .http("DELETE", &target, Some(&ann.token), Value::Null)
            .0,
        204
    );
    world.input(dialtone_protocol::hub::Input::Stored { id, result: stale });
    assert!(world.accepted.is_empty());
    assert_eq!(world.responses[&socket].status, 401);
}

#[test]
fn an_accepted_upgrade_serves_once_and_soon() {
    let mut world = World::new();
    let ann = world.register("ann");
    let id = world.say(Request::WebSocket, Some(&ann.token));
    let session = world.accepted[&id];
    world.sleep(limits::UPGRADE_LIFE);
    let conn = dialtone_protocol::hub::ConnId(900);
    world.input(dialtone_protocol::hub::Input::Connected { conn, session });
    assert_eq!(world.closed[&conn].0, 1008);
}

fn secret(seed: u8) -> DeviceSecret {
    DeviceSecret::from_seed(Secret::from_bytes([seed; 32]))
}

fn challenge(world: &mut World, device: &str) -> [u8; 32] {
    let body = json!({ "device_id": device });
    let (status, answer) = world.http("POST", "/auth/challenge", None, body);
    assert_eq!(status, 200);
    base64::decode_array(answer["challenge"].as_str().unwrap()).unwrap()
}

fn answer(
    world: &mut World,
    device: &str,
    challenge: &[u8; 32],
    secret: &DeviceSecret,
) -> (u16, Value) {
    let id: DeviceId = device.parse().unwrap();
    let signature = login::sign_login(id, challenge, secret);
    let body = json!({
        "device_id": device, "challenge": base64::encode(challenge), "signature": base64::encode(&signature.0),
    });
    world.http("POST", "/auth/device", None, body)
}

fn register_with_key(world: &mut World, name: &str, secret: &DeviceSecret) -> Value {
    let invite = world.invite();
    let public = secret.public();
    let body = json!({
        "username": name, "password": "password1", "invite_token": invite,
        "public_key": base64::encode(public.dh.as_bytes()),
        "signing_key": base64::encode(public.sign.as_bytes()),
    });
    let (status, answer) = world.http("POST", "/auth/register", None, body);
    assert_eq!(status, 201);
    answer
}

#[test]
fn a_device_logs_in_with_its_signature_once() {
    let mut world = World::new();
    let account = register_with_key(&mut world, "ann", &secret(1));
    let device = account["device_id"].as_str().unwrap().to_owned();
    let asked = challenge(&mut world, &device);
    let (status, session) = answer(&mut world, &device, &asked, &secret(1));
    assert_eq!((status, &session["user_id"]), (200, &account["user_id"]));
    let token = session["token"].as_str().unwrap().to_owned();
    assert_eq!(
        world.http("GET", "/channels", Some(&token), Value::Null).0,
        200
    );
    assert_eq!(
        answer(&mut world, &device, &asked, &secret(1)).0,
        401,
        "used twice"
    );
    let asked = challenge(&mut world, &device);
    assert_eq!(
        answer(&mut world, &device, &asked, &secret(2)).0,
        401,
        "another key"
    );
    let asked = challenge(&mut world, &device);
    world.sleep(limits::CHALLENGE_LIFE);
    assert_eq!(
        answer(&mut world, &device, &asked, &secret(1)).0,
        401,
        "too late"
    );
    assert_eq!(
        answer(&mut world, &device, &[5; 32], &secret(1)).0,
        401,
        "never asked"
    );
}

#[test]
fn an_original_device_cannot_log_in_by_signature() {
    let mut world = World::new();
    let ann = world.register("ann");
    let asked = challenge(&mut world, &ann.device);
    assert_eq!(answer(&mut world, &ann.device, &asked, &secret(1)).0, 401);
    // A device that does not exist is answered alike.
    let nobody = DeviceId([9; 16]).to_string();
    let asked = challenge(&mut world, &nobody);
    assert_eq!(answer(&mut world, &nobody, &asked, &secret(1)).0, 401);
}

#[test]
fn a_device_keeps_its_signing_key() {
    let mut world = World::new();
    register_with_key(&mut world, "ann", &secret(1));
    let body = json!({
        "username": "ann", "password": "password1",
        "public_key": base64::encode(secret(1).public().dh.as_bytes()),
        "signing_key": base64::encode(secret(2).public().sign.as_bytes()),
    });
    assert_eq!(world.http("POST", "/auth/login", None, body).0, 409);
}

// Flaw 9.1.15: texts of the database reached callers.
#[test]
fn a_failing_store_is_not_quoted() {
    let mut world = World::new();
    let ann = world.register("ann");
    world.trouble = Some(Trouble::Down);
    let failed = json!({ "error": "internal error" });
    assert_eq!(
        world.http("GET", "/channels", Some(&ann.token), Value::Null),
        (500, failed)
    );
    world.trouble = None;
    assert_eq!(
        world
            .http("GET", "/channels", Some(&ann.token), Value::Null)
            .0,
        200
    );
}

#[test]
fn requests_before_the_start_are_put_off() {
    use dialtone_protocol::Machine;
    use dialtone_protocol::hub::{Hub, Input, Output, RequestId};
    let now = dialtone_protocol::Instant::ZERO;
    let mut hub = Hub::new(config(), [0; 32], now, crate::world::START);
    let request = |id, call| Input::Request {
        id: RequestId(id),
        call,
        auth: Some("Bearer x"),
        admin_token: None,
        peer: None,
    };
    hub.handle_input(request(1, Request::Channels), now)
        .unwrap();
    hub.handle_input(request(2, Request::Health), now).unwrap();
    let status = |output| match output {
        Some(Output::Respond { response, .. }) => response.status,
        other => panic!("{other:?}"),
    };
    assert_eq!(status(hub.poll_output()), 503);
    assert_eq!(status(hub.poll_output()), 200);
}
