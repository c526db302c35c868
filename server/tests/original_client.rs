//! A client of the original finds the server that it knows, on every runtime and database.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "helpers of tests"
)]
#![expect(dead_code, reason = "each test uses a part of the support")]

#[path = "support/client.rs"]
mod client;
#[path = "support/port.rs"]
mod port;
#[path = "support/postgres.rs"]
mod postgres;
#[path = "support/server.rs"]
mod server;

use serde_json::{Value, json};

use client::{User, credentials, request};
use postgres::Postgres;
use server::{On, Server};

#[test]
fn on_smol_and_sqlite() {
    conversation(On {
        runtime: "smol",
        db_url: None,
    });
}

#[test]
fn on_tokio_and_sqlite() {
    conversation(On {
        runtime: "tokio",
        db_url: None,
    });
}

#[test]
fn on_smol_and_postgres() {
    let postgres = Postgres::start();
    conversation(On {
        runtime: "smol",
        db_url: Some(&postgres.url()),
    });
}

#[test]
fn on_tokio_and_postgres() {
    let postgres = Postgres::start();
    conversation(On {
        runtime: "tokio",
        db_url: Some(&postgres.url()),
    });
}

fn conversation(on: On<'_>) {
    let mut server = Server::start(on);
    let (alice, bob) = accounts(&server);
    let channel = channels(&alice, &bob);
    messages(&alice, &bob, &channel);
    voice(&alice, &bob, &channel);
    keys(&alice, &bob, &channel);
    profiles_and_presence(&alice, &bob);

    // A session and everything that was said outlive a restart.
    assert!(server.stop(), "a clean end");
    server.restart();
    let history = bob.call(
        "GET",
        &format!("/channels/messages?channel_id={channel}"),
        &Value::Null,
    );
    assert_eq!(history.json()["messages"][0]["body"], "Y2lwaGVydGV4dA==");

    let gone = alice.call(
        "DELETE",
        &format!("/channels?channel_id={channel}"),
        &Value::Null,
    );
    assert_eq!(gone.status, 204);
    let none = alice.call(
        "DELETE",
        &format!("/channels?channel_id={channel}"),
        &Value::Null,
    );
    assert_eq!(none.status, 404);
}

fn accounts(server: &Server) -> (User, User) {
    let at = server.address;
    // The host's first step of the original: an invite by the admin token.
    let admin_token = server.admin_token();
    let invite = request(
        at,
        "POST",
        "/server/invites",
        &[("X-Admin-Token", &admin_token)],
        "",
    );
    assert_eq!(invite.status, 201, "{invite:?}");
    let invite = invite.json()["token"].as_str().unwrap().to_owned();
    let wrong = request(at, "POST", "/server/invites", &[("X-Admin-Token", " ")], "");
    assert_eq!(wrong.status, 401);

    let alice = User::register(at, "alice", &invite);
    assert!(alice.is_admin, "the first is the admin");
    let again = credentials("mallory", Some(&invite)).to_string();
    let used = request(at, "POST", "/auth/register", &[], &again);
    assert_eq!(
        (used.status, used.json()["error"].as_str()),
        (410, Some("invite already used"))
    );

    let bob = User::register(at, "bob", &server.invite_token());
    assert!(!bob.is_admin);
    let same = User::log_in(at, "bob");
    assert_eq!((&same.id, &same.device), (&bob.id, &bob.device));

    let mut wrong = credentials("bob", None);
    wrong["password"] = "wrong horse 1".into();
    let wrong = request(at, "POST", "/auth/login", &[], &wrong.to_string());
    assert_eq!(
        (wrong.status, wrong.json()["error"].as_str()),
        (401, Some("unauthorized"))
    );
    (alice, bob)
}

fn channels(alice: &User, bob: &User) -> String {
    let refused = bob.call("POST", "/channels", &json!({"name_enc": "x"}));
    assert_eq!(refused.status, 403);
    let mut listening = bob.socket();
    let channel = alice.create_channel("bmFtZQ==");
    let event = listening.wait("channel.updated");
    assert_eq!(
        (&event["channel_id"], &event["channel_name_enc"]),
        (&json!(channel), &json!("bmFtZQ=="))
    );
    let renamed = alice.call(
        "PATCH",
        "/channels",
        &json!({"channel_id": channel, "name_enc": "bmV1"}),
    );
    assert_eq!(renamed.json()["channel"]["name_enc"], "bmV1");
    let list = bob.call("GET", "/channels", &Value::Null).json();
    assert_eq!(list["channels"][0]["id"], json!(channel));
    channel
}

fn messages(alice: &User, bob: &User, channel: &str) {
    let (mut from, mut to) = (alice.socket(), bob.socket());
    let message = json!({
        "type": "channel.message.send", "channel_id": channel,
        "body": "Y2lwaGVydGV4dA==", "sender_name_enc": "YWxpY2U=",
    });
    from.send(&message);
    let seen = to.wait("channel.message.new");
    assert_eq!(
        seen,
        from.wait("channel.message.new"),
        "the echo is the original's ack"
    );
    assert_eq!(
        (&seen["sender"], &seen["body"]),
        (&json!(alice.id), &json!("Y2lwaGVydGV4dA=="))
    );

    from.send(&json!({"type": "channel.message.send", "channel_id": "no", "body": "eA==", "sender_name_enc": "eA=="}));
    assert_eq!(from.wait("error")["code"], "channel_not_found");
    from.send_text("{");
    assert_eq!(from.wait("error")["code"], "invalid_message");
    from.send(&json!({"type": "message.broadcast", "body": "x", "sender_name_enc": "x"}));
    assert_eq!(from.wait("error")["code"], "channels_only");

    let history = bob.call(
        "GET",
        &format!("/channels/messages?channel_id={channel}&limit=5"),
        &Value::Null,
    );
    let history = history.json();
    assert_eq!(history["messages"].as_array().unwrap().len(), 1);
    assert_eq!(history["messages"][0]["id"], seen["message_id"]);
    let unknown = bob.call("GET", "/channels/messages?channel_id=unknown", &Value::Null);
    assert_eq!(
        (unknown.status, &unknown.json()["messages"]),
        (200, &json!([]))
    );
}

/// A call of two daemons, message by message.
fn voice(alice: &User, bob: &User, channel: &str) {
    let (mut a, mut b) = (alice.socket(), bob.socket());
    let join = json!({"type": "voice_join", "channel_id": channel});
    a.send(&join);
    assert_eq!(a.wait("voice_roster")["users"], json!([alice.id]));
    assert_eq!(a.wait("voice_join")["sender"], json!(alice.id));
    b.send(&join);
    let mut users = [&alice.id, &bob.id];
    users.sort();
    assert_eq!(b.wait("voice_roster")["users"], json!(users));
    // Whoever is inside offers to the newcomer.
    assert_eq!(a.wait("voice_join")["sender"], json!(bob.id));
    for (kind, field) in [
        ("webrtc_offer", "sdp"),
        ("webrtc_answer", "sdp"),
        ("ice_candidate", "candidate"),
    ] {
        let mut signal = json!({"type": kind, "channel_id": channel, "recipient": bob.id});
        signal[field] = "v=0\r\na=x <&>\r\n".into();
        a.send(&signal);
        signal["sender"] = json!(alice.id);
        assert_eq!(b.wait(kind), signal);
    }
    drop(b);
    assert_eq!(a.wait("voice_leave")["sender"], json!(bob.id));
    let left = a.wait("voice.presence");
    assert_eq!(
        left,
        json!({"type": "voice.presence", "channel_id": channel, "sender": bob.id})
    );
}

fn keys(alice: &User, bob: &User, channel: &str) {
    let all = alice
        .call("GET", "/devices/keys?all=1", &Value::Null)
        .json();
    let devices: Vec<_> = all["keys"]
        .as_array()
        .unwrap()
        .iter()
        .map(|key| &key["device_id"])
        .collect();
    assert_eq!(devices, [&json!(alice.device), &json!(bob.device)]);

    let target = format!("/channels/keys?channel_id={channel}");
    let none = bob.call("GET", &target, &Value::Null);
    assert_eq!(
        (none.status, none.json()["error"].as_str()),
        (404, Some("not found"))
    );
    let public_key = credentials("alice", None)["public_key"].clone();
    let envelope = json!({
        "device_id": bob.device, "sender_device_id": alice.device,
        "sender_public_key": public_key, "envelope": "c2VhbGVk",
    });
    let put = alice.call(
        "POST",
        "/channels/keys",
        &json!({"channel_id": channel, "envelopes": [envelope]}),
    );
    assert_eq!(put.status, 201, "{put:?}");
    let found = bob.call("GET", &target, &Value::Null).json();
    assert_eq!(
        (&found["envelope"], &found["sender_device_id"]),
        (&json!("c2VhbGVk"), &json!(alice.device))
    );
    assert_eq!(bob.call("GET", "/directory/keys", &Value::Null).status, 204);
}

fn profiles_and_presence(alice: &User, bob: &User) {
    let mut online = bob.socket();
    let put = alice.call("POST", "/users/profiles", &json!({"name_enc": "YWxpY2U="}));
    assert_eq!(put.status, 201, "{put:?}");
    assert_eq!(
        online.wait("user.profile.updated")["sender"],
        json!(alice.id)
    );
    let profiles = bob.call("GET", "/users/profiles", &Value::Null).json();
    assert_eq!(profiles["profiles"][0]["name_enc"], "YWxpY2U=");
    let presence = alice
        .call(
            "POST",
            "/presence",
            &json!({"user_ids": [bob.id, "nobody"]}),
        )
        .json();
    assert_eq!(
        presence["statuses"],
        json!({bob.id.clone(): true, "nobody": false})
    );
    assert_eq!(presence["admins"], json!({bob.id.clone(): false}));
}
