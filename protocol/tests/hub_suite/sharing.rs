//! Envelopes, names, requests for keys, newcomers.

use dialtone_protocol::hub::ConnId;
use dialtone_protocol::hub::store::{NewEnvelope, Op};
use dialtone_protocol::ids::{
    ChannelId, Commitment, DeviceId, Epoch, GroupId, RecipientId, Subject,
};
use dialtone_protocol::limits;
use dialtone_protocol::sigchain::{Access, DeviceRecord, History, Payload};
use dialtone_protocol::wire::base64;
use dialtone_protocol::wire::cbor;
use dialtone_protocol::wire::chain::{
    EnvelopePage, Envelopes, NamePage, Names, Owed, SealedEnvelope,
};
use dialtone_protocol::wire::http::Request;
use serde_json::{Value, json};

use crate::community::{Community, Person, person, reason, sealed_name};

fn envelopes(community: &mut Community, of: &Person, after: u64) -> EnvelopePage {
    let request = Request::Envelopes {
        after,
        invite: None,
    };
    let response = community.world.ask(request, Some(&of.token));
    assert_eq!(response.status, 200);
    cbor::decode(&response.body).unwrap()
}

fn post(community: &mut Community, by: &Person, all: Vec<SealedEnvelope>) -> (u16, String) {
    let request = Request::PostEnvelopes(Envelopes(all));
    let response = community.world.ask(request, Some(&by.token));
    (response.status, reason(&response))
}

fn owed(community: &mut Community, by: &Person) -> Vec<RecipientId> {
    let response = community.world.ask(Request::OwedEnvelopes, Some(&by.token));
    let owed: Owed = cbor::decode(&response.body).unwrap();
    owed.owed.iter().map(|it| it.recipient).collect()
}

#[test]
fn an_envelope_is_owed_until_somebody_posts_it() {
    let mut community = Community::found();
    let (founder, bob) = (community.founder.clone(), community.member("bob", 2));
    let conn = community.world.greet(&bob.token);
    community.world.texts(conn);
    let to_bob = RecipientId::Device(bob.device);
    assert!(owed(&mut community, &founder).contains(&to_bob));
    let sealed = community.envelope(to_bob, GroupId::Open, 0);
    assert_eq!(post(&mut community, &founder, vec![sealed.clone()]).0, 201);
    assert!(!owed(&mut community, &founder).contains(&to_bob));
    let event = json!({
        "type": "channel.key.available", "recipient": bob.device.to_string(), "group": "", "epoch": 0,
    });
    assert_eq!(community.world.events(conn), [event]);
    let page = envelopes(&mut community, &bob, 0);
    assert_eq!(page.envelopes[0].bytes, sealed.bytes);
    assert_eq!(page.envelopes[0].poster, founder.device);
    assert_eq!(envelopes(&mut community, &bob, page.next).envelopes, []);
    assert_eq!(envelopes(&mut community, &founder, 0).envelopes, []);
}

#[test]
fn an_envelope_that_the_log_contradicts_is_refused_by_name() {
    let mut community = Community::found();
    let (founder, bob) = (community.founder.clone(), community.member("bob", 2));
    let private = community.private_channel(1);
    let eve = person(&mut community.world, "eve", 3);
    let to = RecipientId::Device;
    let good = community.envelope(to(bob.device), GroupId::Open, 0);
    let other_recipient = SealedEnvelope {
        recipient: to(founder.device),
        ..good.clone()
    };
    let garbage = SealedEnvelope {
        recipient: good.recipient,
        bytes: b"garbage".to_vec(),
    };
    let future = community.envelope(to(bob.device), GroupId::Open, 1);
    let outsider = community.envelope(to(bob.device), GroupId::Channel(private), 0);
    let stranger = community.envelope(to(eve.device), GroupId::Open, 0);
    let cases = [
        (other_recipient, "wrong_recipient"),
        (garbage, "malformed_envelope"),
        (future, "wrong_commitment"),
        (outsider, "not_entitled"),
        (stranger, "not_entitled"),
    ];
    for (bad, name) in cases {
        let all = vec![good.clone(), bad];
        assert_eq!(post(&mut community, &founder, all), (400, name.to_owned()));
    }
    assert_eq!(envelopes(&mut community, &bob, 0).envelopes, []);
    assert_eq!(post(&mut community, &eve, vec![good]).0, 403);
}

#[test]
fn an_append_brings_its_envelopes_and_names() {
    let mut community = Community::found();
    let (founder, bob) = (community.founder.clone(), community.member("bob", 2));
    let conn = community.world.greet(&bob.token);
    community.world.texts(conn);
    let subject = Subject::User(founder.user);
    let entry = community.draft(
        &founder,
        Payload::SetName {
            subject,
            commitment: Commitment([1; 32]),
        },
    );
    let mut append = community.append(&[&entry]);
    append.envelopes = vec![community.envelope(RecipientId::Device(bob.device), GroupId::Open, 0)];
    append.names = vec![sealed_name(founder.user, b"sealed")];
    assert_eq!(community.post(&founder, append).status, 201);
    let types = community.world.types(conn);
    assert_eq!(
        types,
        [
            "sigchain.appended",
            "channel.key.available",
            "names.available"
        ]
    );
    assert_eq!(envelopes(&mut community, &bob, 0).envelopes.len(), 1);
    let response = community
        .world
        .ask(Request::Names { after: 0 }, Some(&bob.token));
    let page: NamePage = cbor::decode(&response.body).unwrap();
    assert_eq!(page.names, [sealed_name(founder.user, b"sealed")]);
}

#[test]
fn names_are_for_members_and_for_what_the_log_names() {
    let mut community = Community::found();
    let (founder, bob) = (community.founder.clone(), community.member("bob", 2));
    let eve = person(&mut community.world, "eve", 3);
    let subject = Subject::User(bob.user);
    community.must(
        &bob,
        Payload::SetName {
            subject,
            commitment: Commitment([1; 32]),
        },
    );
    let mut post = |by: &Person, name| {
        let request = Request::PostNames(Names([name].into()));
        let response = community.world.ask(request, Some(&by.token));
        (response.status, reason(&response))
    };
    assert_eq!(post(&founder, sealed_name(bob.user, b"n")).0, 201);
    assert_eq!(post(&eve, sealed_name(bob.user, b"n")).0, 403);
    assert_eq!(
        post(&founder, sealed_name(founder.user, b"n")),
        (400, "unknown_name".to_owned())
    );
    let mut unknown = sealed_name(bob.user, b"n");
    unknown.epoch = Epoch(7);
    assert_eq!(post(&founder, unknown), (400, "unknown_epoch".to_owned()));
    assert_eq!(
        community
            .world
            .ask(Request::Names { after: 0 }, Some(&eve.token))
            .status,
        403
    );
}

#[test]
fn a_request_for_a_key_reaches_its_holders_at_a_bounded_rate() {
    let mut community = Community::found();
    let (founder, bob) = (community.founder.clone(), community.member("bob", 2));
    let eve = person(&mut community.world, "eve", 3);
    let conns = [&founder, &bob, &eve].map(|it| community.world.greet(&it.token));
    for conn in conns {
        community.world.texts(conn);
    }
    let request = json!({ "type": "channel.key.request", "group": "", "epoch": 0 });
    community.world.frame(conns[1], request.clone());
    let event = json!({
        "type": "channel.key.requested", "device_id": bob.device.to_string(), "group": "", "epoch": 0,
    });
    assert_eq!(community.world.events(conns[0]), [event]);
    assert_eq!(community.world.events(conns[1]), Vec::<Value>::new());
    assert_eq!(
        community.send(conns[2], request.clone())["code"],
        "not_entitled"
    );
    for _ in 1..limits::KEY_REQUESTS {
        community.world.frame(conns[1], request.clone());
    }
    assert_eq!(community.send(conns[1], request)["code"], "rate_limited");
}

#[test]
fn a_pending_user_is_listed_to_admins_until_vouched_for() {
    let mut community = Community::found();
    let founder = community.founder.clone();
    let bob = person(&mut community.world, "bob", 2);
    let conn = community.world.greet(&founder.token);
    community.world.texts(conn);
    let record = DeviceRecord::new(&community.id(), bob.user, bob.device, &bob.secret);
    let body = |device: &DeviceRecord| {
        json!({
            "record": base64::encode(&cbor::encode(device)),
            "names": [{ "device_id": founder.device.to_string(), "sealed": base64::encode(b"bob?") }],
        })
    };
    let foreign = DeviceRecord::new(&community.id(), bob.user, DeviceId([1; 16]), &bob.secret);
    let world = &mut community.world;
    assert_eq!(
        world
            .http("POST", "/pending", Some(&bob.token), body(&foreign))
            .0,
        400
    );
    assert_eq!(
        world
            .http("POST", "/pending", Some(&founder.token), body(&record))
            .0,
        403
    );
    assert_eq!(
        world
            .http("POST", "/pending", Some(&bob.token), body(&record))
            .0,
        201
    );
    assert_eq!(world.types(conn), ["pending.added"]);
    assert_eq!(
        world
            .http("GET", "/pending", Some(&bob.token), Value::Null)
            .0,
        403
    );
    let (status, list) = world.http("GET", "/pending", Some(&founder.token), Value::Null);
    assert_eq!(status, 200);
    assert_eq!(list["pending"][0]["user_id"], bob.user.to_string());
    assert_eq!(list["pending"][0]["name"], base64::encode(b"bob?"));
    let vouch = community.vouch(&bob);
    community.must(&founder, vouch);
    let (_, list) = community
        .world
        .http("GET", "/pending", Some(&founder.token), Value::Null);
    assert_eq!(list["pending"], json!([]));
}

/// Members beside the founder, who all said hello, with nothing unread.
fn greeted(community: &mut Community, count: usize) -> Vec<(Person, ConnId)> {
    let members = (0..count).map(|number| {
        let seed = u8::try_from(number + 2).unwrap();
        community.member(&format!("member{number}"), seed)
    });
    let members: Vec<Person> = members.collect();
    let conns = members.iter().map(|it| community.world.greet(&it.token));
    let conns: Vec<ConnId> = conns.collect();
    for conn in &conns {
        community.world.texts(*conn);
    }
    members.into_iter().zip(conns).collect()
}

// spec 5.37
#[test]
fn of_many_keys_only_the_recipients_hear() {
    let mut community = Community::found();
    let founder = community.founder.clone();
    let members = greeted(&mut community, limits::MAX_ANNOUNCED_KEYS + 1);
    let to = members
        .iter()
        .map(|(member, _)| RecipientId::Device(member.device));
    let all = to.map(|to| community.envelope(to, GroupId::Open, 0));
    let mut all: Vec<SealedEnvelope> = all.collect();
    assert_eq!(post(&mut community, &founder, all.clone()).0, 201);
    for (member, conn) in &members {
        let events = community.world.events(*conn);
        assert_eq!(events.len(), 1);
        assert_eq!(events[0]["recipient"], member.device.to_string());
    }
    all.pop();
    assert_eq!(post(&mut community, &founder, all.clone()).0, 201);
    for (_, conn) in &members {
        assert_eq!(community.world.events(*conn).len(), all.len());
    }
}

// spec 5.37
#[test]
fn who_tells_of_too_many_keys_tells_their_recipients_alone() {
    let mut community = Community::found();
    let founder = community.founder.clone();
    let members = greeted(&mut community, 2);
    let [(bob, to_bob), (_, to_eve)] = &members[..] else {
        unreachable!()
    };
    let sealed = community.envelope(RecipientId::Device(bob.device), GroupId::Open, 0);
    let tell = |community: &mut Community| {
        assert_eq!(post(community, &founder, vec![sealed.clone()]).0, 201);
        assert_eq!(community.world.events(*to_bob).len(), 1);
        community.world.events(*to_eve).len()
    };
    for _ in 0..limits::ANNOUNCED_KEYS_PER_USER {
        assert_eq!(tell(&mut community), 1);
    }
    assert_eq!(tell(&mut community), 0);
    community.world.sleep(limits::ANNOUNCED_KEY_PER_USER_EVERY);
    assert_eq!(tell(&mut community), 1);
}

// spec 5.43
#[test]
fn what_one_user_shares_is_bounded() {
    let mut community = Community::found();
    let (founder, bob) = (community.founder.clone(), community.member("bob", 2));
    let requests = [
        Request::PostEnvelopes(Envelopes(Vec::new())),
        Request::PostNames(Names(Vec::new())),
        Request::OwedEnvelopes,
    ];
    let ask = |community: &mut Community, by: &Person, request: &Request| {
        let response = community.world.ask(request.clone(), Some(&by.token));
        response.status
    };
    for request in requests
        .iter()
        .cycle()
        .take(limits::SHARINGS_PER_USER as usize)
    {
        assert!(ask(&mut community, &bob, request) < 300);
    }
    for request in &requests {
        assert_eq!(ask(&mut community, &bob, request), 429);
        assert!(ask(&mut community, &founder, request) < 300);
    }
    community.world.sleep(limits::SHARING_PER_USER_EVERY);
    assert_eq!(ask(&mut community, &bob, &requests[2]), 200);
    assert_eq!(ask(&mut community, &bob, &requests[2]), 429);
}

/// A community of some members with many channels whose past is not for newcomers, each a group of its own.
fn many_groups(members: u8, channels: u8) -> (Community, Vec<GroupId>, Vec<RecipientId>) {
    let mut community = Community::found();
    let founder = community.founder.clone();
    let mut recipients = vec![RecipientId::Device(founder.device)];
    for number in 0..members {
        let member = community.member(&format!("member{number}"), number + 2);
        recipients.push(RecipientId::Device(member.device));
    }
    let mut groups = vec![GroupId::Open];
    for number in 0..channels {
        let channel = ChannelId([number; 16]);
        let (access, history) = (Access::Open, History::FromJoin);
        let payload = Payload::CreateChannel {
            channel,
            access,
            history,
        };
        community.must(&founder, payload);
        let rotation = community.rotation(GroupId::Channel(channel), 0);
        community.must(&founder, rotation);
        groups.push(GroupId::Channel(channel));
    }
    (community, groups, recipients)
}

/// How many groups the store was asked about, each time.
fn asked_groups(community: &mut Community) -> Vec<usize> {
    let asked = community.world.asked.take().unwrap_or_default();
    let keys = asked.iter().filter_map(|op| match op {
        Op::HeldKeys { keys } => Some(keys.len()),
        _ => None,
    });
    keys.collect()
}

// spec 5.28
#[test]
fn what_is_owed_is_collected_bit_by_bit() {
    let (mut community, groups, recipients) = many_groups(20, 100);
    let founder = community.founder.clone();
    let groups_at_once = limits::OWED_AT_ONCE.div_ceil(recipients.len());
    assert!(groups_at_once < groups.len());
    // Nothing is sealed: the first of it fills the page.
    community.world.asked = Some(Vec::new());
    let page = owed(&mut community, &founder);
    assert_eq!(page.len(), limits::SHARING_PAGE as usize);
    assert_eq!(asked_groups(&mut community), [groups_at_once]);
    // All is sealed but the last group's key for the last member, which is found nevertheless.
    for recipient in &recipients {
        let mut keys: Vec<_> = groups.iter().map(|group| (*group, Epoch(0))).collect();
        if Some(recipient) == recipients.last() {
            keys.pop();
        }
        let new = NewEnvelope {
            recipient: *recipient,
            keys,
            bytes: Vec::new(),
        };
        let op = Op::PutEnvelopes {
            poster: founder.device,
            envelopes: vec![new],
        };
        community.world.store.apply(op).unwrap();
    }
    community.world.asked = Some(Vec::new());
    assert_eq!(
        owed(&mut community, &founder),
        recipients[recipients.len() - 1..]
    );
    let rest = groups.len() - groups_at_once;
    assert_eq!(asked_groups(&mut community), [groups_at_once, rest]);
}
