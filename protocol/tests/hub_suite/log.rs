//! The log: founding, appending, conflicts, restarts.

use dialtone_protocol::crypto::InviteSecret;
use dialtone_protocol::hub::Input;
use dialtone_protocol::hub::store::Op;
use dialtone_protocol::ids::{EntryHash, GroupId, Head};
use dialtone_protocol::limits;
use dialtone_protocol::sigchain::{DeviceRecord, Draft, Payload, Role};
use dialtone_protocol::wire::cbor;
use dialtone_protocol::wire::chain::{Append, ChainPage};
use dialtone_protocol::wire::http::Request;
use dialtone_protocol::{Machine, UnixMillis};
use serde_json::{Value, json};

use crate::community::{Community, NEVER, Person, genesis, person, reason};
use crate::world::{START, Trouble, World};

#[test]
fn only_the_first_registrant_founds() {
    let mut world = World::new();
    let ann = person(&mut world, "ann", 1);
    let bob = person(&mut world, "bob", 2);
    let chain = dialtone_protocol::sigchain::Chain::new();
    let found = |by: &Person| {
        let entry = Draft::new(&chain, by.device, START, genesis(by)).sign(&by.secret);
        Request::AppendSigchain(Append {
            entries: [entry.bytes().to_vec().into()].into(),
            ..Append::default()
        })
    };
    assert_eq!(world.ask(found(&bob), Some(&bob.token)).status, 403);
    assert_eq!(world.ask(found(&ann), Some(&ann.token)).status, 201);
    // Somebody else's second founding meets a log that has begun.
    assert_eq!(world.ask(found(&bob), Some(&bob.token)).status, 409);
}

#[test]
fn an_append_is_announced_and_read_back() {
    let mut community = Community::found();
    let founder = community.founder.clone();
    let conn = community.world.greet(&founder.token);
    let original = community.world.register("orig");
    let other = community.world.connect(&original.token);
    community.world.texts(conn);
    community.world.texts(other);
    let bob = person(&mut community.world, "bob", 2);
    let vouch = community.vouch(&bob);
    let head = community.must(&founder, vouch);
    let event = json!({ "type": "sigchain.appended", "head": { "index": head.index, "hash": head.hash.to_string() } });
    assert_eq!(community.world.events(conn), [event]);
    // Who said no hello is told nothing that the original does not know.
    assert_eq!(community.world.texts(other), Vec::<String>::new());
    let page = community.page(&bob, 0);
    assert_eq!((page.head, page.entries.len()), (Some(head), 3));
    assert_eq!(community.page(&bob, 2).entries.len(), 1);
    assert_eq!(community.page(&bob, 9).entries.len(), 0);
}

#[test]
fn who_expects_another_end_is_told_what_was_missed() {
    let mut community = Community::found();
    let founder = community.founder.clone();
    let old = community.chain.clone();
    community.open_channel(1);
    let payload = Payload::SetRole {
        user: founder.user,
        role: Role::Member,
    };
    let entry = Draft::new(&old, founder.device, START, payload).sign(&founder.secret);
    let append = Append {
        expected: old.head(),
        ..community.append(&[&entry])
    };
    let response = community.post(&founder, append);
    assert_eq!(response.status, 409);
    let page: ChainPage = cbor::decode(&response.body).unwrap();
    assert_eq!(page.head, community.chain.head());
    assert_eq!(page.entries.len(), 1);
    let elsewhere = Head {
        index: 1,
        hash: EntryHash([9; 32]),
    };
    let append = Append {
        expected: Some(elsewhere),
        ..community.append(&[])
    };
    assert_eq!(community.post(&founder, append).status, 409);
}

#[test]
fn an_invalid_entry_refuses_all_of_the_append_by_name() {
    let mut community = Community::found();
    let founder = community.founder.clone();
    let bob = person(&mut community.world, "bob", 2);
    let good = community.draft(&founder, community.vouch(&bob));
    let bad = Draft::after(&good, founder.device, START, community.vouch(&bob));
    let append = community.append(&[&good, &bad.sign(&founder.secret)]);
    let response = community.post(&founder, append);
    assert_eq!(
        (response.status, reason(&response)),
        (400, "user_exists".to_owned())
    );
    assert_eq!(community.page(&founder, 0).entries.len(), 2);
    let mut append = community.append(&[&good]);
    append.entries = [b"garbage".to_vec().into()].into();
    let response = community.post(&founder, append);
    assert_eq!(
        (response.status, reason(&response)),
        (400, "malformed".to_owned())
    );
    let nothing = community.append(&[]);
    assert_eq!(reason(&community.post(&founder, nothing)), "empty");
}

#[test]
fn strangers_post_only_what_they_signed() {
    let mut community = Community::found();
    let founder = community.founder.clone();
    let (bob, eve) = (
        community.member("bob", 2),
        person(&mut community.world, "eve", 3),
    );
    let payload = Payload::SetRole {
        user: bob.user,
        role: Role::Admin,
    };
    let entry = community.draft(&founder, payload);
    let append = community.append(&[&entry]);
    assert_eq!(community.post(&eve, append.clone()).status, 403);
    // A member may bring back what a server that fell behind has lost.
    assert_eq!(community.post(&bob, append).status, 201);
}

#[test]
fn a_device_must_be_the_one_that_registered() {
    let mut community = Community::found();
    let founder = community.founder.clone();
    let (bob, eve) = (
        person(&mut community.world, "bob", 2),
        person(&mut community.world, "eve", 3),
    );
    // Eve's device as Bob's user; Bob's device with Eve's keys.
    let id = community.id();
    let forged = [
        (
            bob.user,
            DeviceRecord::new(&id, bob.user, eve.device, &eve.secret),
        ),
        (
            bob.user,
            DeviceRecord::new(&id, bob.user, bob.device, &eve.secret),
        ),
    ];
    for (user, device) in forged {
        let response = community.offer(&founder, Payload::Vouch { user, device });
        assert_eq!(
            (response.status, reason(&response)),
            (400, "device_mismatch".to_owned())
        );
    }
    let vouch = community.vouch(&bob);
    community.must(&founder, vouch);
}

#[test]
fn a_newcomer_joins_by_an_invite_until_it_expires() {
    assert_eq!(join(NEVER), (201, String::new()));
    assert_eq!(join(START), (400, "invite_expired".to_owned()));
}

/// Somebody joins by an invite that expires then.
fn join(expires: UnixMillis) -> (u16, String) {
    let mut community = Community::found();
    let founder = community.founder.clone();
    let secret = InviteSecret::from_bytes([8; 16]);
    let keys = secret.keys().public();
    let (key, dh) = (keys.sign, keys.dh);
    let invite = community.must(
        &founder,
        Payload::Invite {
            key,
            dh,
            uses: 1,
            expires,
        },
    );
    let bob = person(&mut community.world, "bob", 2);
    let device = DeviceRecord::new(&community.id(), bob.user, bob.device, &bob.secret);
    let payload = Payload::Join {
        user: bob.user,
        device,
        invite: invite.hash,
    };
    let draft = Draft::new(&community.chain, bob.device, START, payload);
    let append = community.append(&[&draft.sign_join(&bob.secret, &secret)]);
    let response = community.post(&bob, append);
    (response.status, reason(&response))
}

#[test]
fn a_restart_keeps_the_log() {
    let mut community = Community::found();
    let bob = community.member("bob", 2);
    let channel = community.open_channel(1);
    community.world = community.world.restart();
    assert_eq!(community.page(&bob, 0).head, community.chain.head());
    let conn = community.world.greet(&bob.token);
    let frame = community.sealed(&bob, channel, 0, 1);
    assert_eq!(community.send(conn, frame)["type"], "channel.message.ack");
}

#[test]
fn an_append_whose_answer_was_lost_is_found_again() {
    let mut community = Community::found();
    let founder = community.founder.clone();
    let bob = person(&mut community.world, "bob", 2);
    let entry = community.draft(&founder, community.vouch(&bob));
    let append = community.append(&[&entry]);
    community.world.held = Some([].into());
    let request = Request::AppendSigchain(append.clone());
    let id = community.world.say(request, Some(&founder.token));
    // The session is found; only then does the store fail.
    community.world.release_one();
    community.world.trouble = Some(Trouble::AnswerLost);
    community.world.release();
    assert_eq!(community.world.responses[&id].status, 500);
    community.world.trouble = None;
    // The hub catches up, and the same append meets the entry that it made.
    let again = community.post(&founder, append);
    assert_eq!(again.status, 409);
    let page: ChainPage = cbor::decode(&again.body).unwrap();
    assert_eq!(page.head, Some(entry.head()));
}

/// An append that opens the next epoch of everybody's key, which the store keeps and then says that it failed.
fn rotate_with_a_lost_answer(community: &mut Community) -> Head {
    let founder = community.founder.clone();
    let entry = community.draft(&founder, community.rotation(GroupId::Open, 1));
    let append = community.append(&[&entry]);
    let world = &mut community.world;
    world.held = Some([].into());
    let request = Request::AppendSigchain(append);
    let id = world.say(request, Some(&founder.token));
    world.release_one();
    world.trouble = Some(Trouble::AnswerLost);
    world.release_one();
    assert_eq!(world.responses[&id].status, 500);
    world.trouble = None;
    community.chain.append(entry.bytes()).unwrap();
    entry.head()
}

// spec 6.6
#[test]
fn the_hub_catches_up_by_itself_after_a_lost_answer() {
    let mut community = Community::found();
    let bob = community.member("bob", 2);
    let channel = community.open_channel(1);
    let conn = community.world.greet(&bob.token);
    let head = rotate_with_a_lost_answer(&mut community);
    community.world.release();
    // Nobody appends anything, and yet everybody hears of the epoch that was opened.
    let event = community.world.events(conn).remove(0);
    assert_eq!(event["type"], "sigchain.appended");
    assert_eq!(event["head"]["index"], head.index);
    let frame = community.sealed(&bob, channel, 1, 1);
    assert_eq!(community.send(conn, frame)["type"], "channel.message.ack");
}

// spec 6.6
#[test]
fn the_hub_catches_up_as_soon_as_the_store_works_again() {
    let mut community = Community::found();
    let bob = community.member("bob", 2);
    let conn = community.world.greet(&bob.token);
    rotate_with_a_lost_answer(&mut community);
    let world = &mut community.world;
    world.trouble = Some(Trouble::Down);
    world.release();
    let catch_up = |world: &mut World| {
        world.asked = Some(Vec::new());
        world.sleep(limits::CATCH_UP_PAUSE);
        world.asked.take().unwrap_or_default().len()
    };
    for _ in 0..3 {
        assert_eq!(
            world.hub.poll_timeout(),
            Some(world.now + limits::CATCH_UP_PAUSE)
        );
        assert_eq!(catch_up(world), 1);
        assert_eq!(world.types(conn), Vec::<String>::new());
    }
    world.trouble = None;
    // One page, and one more that says that it was the last.
    assert_eq!(catch_up(world), 2);
    assert_eq!(world.types(conn), ["sigchain.appended"]);
    assert_eq!(catch_up(world), 0);
}

// spec 6.14
#[test]
fn a_page_ends_where_the_hub_knows_the_log_to_end() {
    let mut community = Community::found();
    let founder = community.founder.clone();
    let bob = person(&mut community.world, "bob", 2);
    let entry = community.draft(&founder, community.vouch(&bob));
    let append = community.append(&[&entry]);
    let world = &mut community.world;
    world.held = Some([].into());
    let posted = world.say(Request::AppendSigchain(append), Some(&founder.token));
    world.release_one();
    let (id, op) = world.held.take().unwrap().pop_front().unwrap();
    assert!(matches!(op, Op::AppendChain { .. }), "{op:?}");
    // The store has it, and the hub has not heard of it.
    let result = world.store.apply(op);
    let before = community.page(&founder, 0);
    assert_eq!(before.head, community.chain.head());
    assert_eq!(before.entries.len() as u64, before.head.unwrap().index + 1);
    assert!(
        community
            .page(&founder, entry.head().index)
            .entries
            .is_empty()
    );
    community.world.input(Input::Stored { id, result });
    assert_eq!(community.world.responses[&posted].status, 201);
    assert_eq!(community.page(&founder, 0).head, Some(entry.head()));
}

// spec 6.14
#[test]
fn an_append_is_judged_beside_the_hub() {
    let mut community = Community::found();
    let (founder, works) = (community.founder.clone(), community.world.works);
    let bob = person(&mut community.world, "bob", 2);
    let registered = community.world.works;
    assert_eq!(registered, works + 1);
    let vouch = community.vouch(&bob);
    community.must(&founder, vouch);
    assert_eq!(community.world.works, registered + 1);
}

#[test]
fn appends_take_their_turns() {
    let mut community = Community::found();
    let founder = community.founder.clone();
    let names = [("bob", 2_u8), ("eve", 3)];
    let newcomers = names.map(|(name, seed)| person(&mut community.world, name, seed));
    let entries = newcomers.map(|it| community.draft(&founder, community.vouch(&it)));
    community.world.held = Some([].into());
    let ids = entries.map(|entry| {
        let append = community.append(&[&entry]);
        community
            .world
            .say(Request::AppendSigchain(append), Some(&founder.token))
    });
    while community
        .world
        .held
        .as_ref()
        .is_some_and(|held| !held.is_empty())
    {
        community.world.release();
        community.world.held = Some([].into());
    }
    let statuses = ids.map(|id| community.world.responses[&id].status);
    assert_eq!(statuses, [201, 409]);
}

#[test]
fn the_log_says_who_is_admin_of_its_members() {
    let mut community = Community::found();
    let founder = community.founder.clone();
    let bob = community.member("bob", 2);
    let create = |community: &mut Community, token: &str| {
        community
            .world
            .http("POST", "/channels", Some(token), json!({ "name_enc": "n" }))
            .0
    };
    assert_eq!(create(&mut community, &bob.token), 403);
    community.must(
        &founder,
        Payload::SetRole {
            user: bob.user,
            role: Role::Admin,
        },
    );
    assert_eq!(create(&mut community, &bob.token), 201);
    // The users table still calls the founder an admin; the log knows better.
    community.must(
        &bob,
        Payload::SetRole {
            user: founder.user,
            role: Role::Member,
        },
    );
    assert_eq!(create(&mut community, &founder.token), 403);
    let body = json!({ "user_ids": [founder.user.to_string(), bob.user.to_string()] });
    let (_, answer) = community
        .world
        .http("POST", "/presence", Some(&bob.token), body);
    assert_eq!(
        answer["admins"][founder.user.to_string()],
        Value::Bool(false)
    );
}

// spec 5.25
#[test]
fn appends_of_one_user_are_bounded() {
    let mut community = Community::found();
    let bob = community.member("bob", 2);
    let elsewhere = || Append {
        expected: None,
        ..Append::default()
    };
    for _ in 0..limits::APPENDS_PER_USER {
        assert_eq!(community.post(&bob, elsewhere()).status, 409);
    }
    assert_eq!(community.post(&bob, elsewhere()).status, 429);
    let founder = community.founder.clone();
    assert_eq!(community.post(&founder, elsewhere()).status, 409);
    community.world.sleep(limits::APPEND_PER_USER_EVERY);
    assert_eq!(community.post(&bob, elsewhere()).status, 409);
}

// spec 5.25
#[test]
fn entries_of_one_user_are_bounded() {
    let mut community = Community::found();
    let bob = community.member("bob", 2);
    let founder = community.founder.clone();
    let offer = |community: &mut Community, by: &Person, entries: usize| {
        let mut append = community.append(&[]);
        append.entries = vec![b"garbage".to_vec().into(); entries];
        let response = community.post(by, append);
        (response.status, reason(&response))
    };
    let malformed = (400, "malformed".to_owned());
    let too_many = (429, "too many entries".to_owned());
    let half = limits::ENTRIES_PER_USER as usize / 2;
    assert_eq!(half, limits::MAX_APPEND_ENTRIES);
    assert_eq!(offer(&mut community, &bob, half), malformed);
    // What is not judged, since the log ends elsewhere, costs nothing.
    let mut elsewhere = community.append(&[]);
    elsewhere.expected = None;
    elsewhere.entries = vec![b"garbage".to_vec().into(); half];
    assert_eq!(community.post(&bob, elsewhere).status, 409);
    assert_eq!(offer(&mut community, &bob, half), malformed);
    assert_eq!(offer(&mut community, &bob, 1), too_many);
    assert_eq!(offer(&mut community, &founder, 1), malformed);
    community.world.sleep(limits::ENTRY_PER_USER_EVERY * 2);
    assert_eq!(offer(&mut community, &bob, 3), too_many);
    assert_eq!(offer(&mut community, &bob, 2), malformed);
}
