//! Questions about the log, as it is and as it was (spec 4.44 to 4.46).

use std::collections::BTreeSet;

use dialtone_protocol::ids::{EntryHash, GroupId, Head, RecipientId};
use dialtone_protocol::sigchain::{
    Access, Chain, Draft, Entry, History, Invalid, Payload, ReplayError,
};

use crate::world::{TIME, World, adding, removal, rotation, taking_out};

fn recipients(chain: &Chain, group: GroupId) -> BTreeSet<RecipientId> {
    let all = chain.recipients(group);
    let ids: BTreeSet<_> = all.iter().map(|recipient| recipient.id).collect();
    assert_eq!(ids.len(), all.len(), "nobody twice");
    ids
}

// spec 4.44
#[test]
fn keys_are_sealed_to_devices_and_those_of_everybody_to_invites() {
    let (mut world, founder) = World::founded();
    let member = world.member(&founder);
    let recovery = world.device_of(member.user);
    let device = world.record(&recovery);
    world.must(&member, Payload::SetRecovery { device });
    let (_, invite) = world.invite(&founder, 2);
    let private = GroupId::Channel(world.channel(&founder, Access::Private, History::All));
    let open = GroupId::Channel(world.channel(&founder, Access::Open, History::FromJoin));
    let devices = [&founder, &member, &recovery].map(|it| RecipientId::Device(it.device));
    let everybody: BTreeSet<_> = devices.into();
    assert_eq!(recipients(&world.chain, open), everybody);
    let mut with_invite = everybody.clone();
    with_invite.insert(RecipientId::Invite(invite));
    assert_eq!(recipients(&world.chain, GroupId::Open), with_invite);
    assert_eq!(recipients(&world.chain, private), [devices[0]].into());
    let GroupId::Channel(channel) = private else {
        panic!("a channel's group");
    };
    world.must(&founder, adding(channel, &member));
    assert_eq!(recipients(&world.chain, private), everybody);
    for group in [private, open, GroupId::Open] {
        for id in &with_invite {
            let listed = recipients(&world.chain, group).contains(id);
            assert_eq!(world.chain.is_recipient(*id, group), listed);
        }
    }
    world.must(&founder, removal(&member));
    assert_eq!(recipients(&world.chain, private), [devices[0]].into());
}

// spec 4.44
#[test]
fn a_channel_that_uses_the_keys_of_everybody_has_no_recipients_of_its_own() {
    let (mut world, founder) = World::founded();
    let shared = world.channel(&founder, Access::Open, History::All);
    assert!(world.chain.recipients(GroupId::Channel(shared)).is_empty());
    assert!(
        !world
            .chain
            .is_in_group(founder.user, GroupId::Channel(shared))
    );
}

// spec 4.45
#[test]
fn the_past_is_answered_as_it_was() {
    let (mut world, founder) = World::founded();
    let before = world.chain.head().unwrap().index;
    let member = world.member(&founder);
    let joined = world.chain.head().unwrap().index;
    let open = world.channel(&founder, Access::Open, History::All);
    let private = world.channel(&founder, Access::Private, History::All);
    let created = world.chain.head().unwrap().index;
    let mut inside = Vec::new();
    for _ in 0..3 {
        world.must(&founder, adding(private, &member));
        let from = world.chain.head().unwrap().index;
        world.must(
            &founder,
            rotation(
                GroupId::Open,
                world.chain.group(GroupId::Open).unwrap().epochs.len() as u32,
            ),
        );
        world.must(&member, taking_out(private, &member));
        inside.extend([from, from + 1]);
    }
    world.must(&founder, removal(&member));
    let removed = world.chain.head().unwrap().index;
    for index in 0..removed + 3 {
        let entitled = |channel| {
            world
                .chain
                .entitled_device_at(member.device, channel, index)
        };
        assert_eq!(
            entitled(private),
            inside.contains(&index),
            "private at {index}"
        );
        let in_open = (joined + 1..removed).contains(&index);
        assert_eq!(entitled(open), in_open, "open at {index}");
        let founder = world
            .chain
            .entitled_device_at(founder.device, private, index);
        assert_eq!(founder, index >= created);
    }
    assert!(!world.chain.entitled_device_at(member.device, open, before));
}

// spec 4.46
#[test]
fn a_replay_under_a_checkpoint_gives_the_same_log() {
    let (mut world, founder) = World::founded();
    let member = world.member(&founder);
    world.must(&founder, removal(&member));
    let head = world.chain.head().unwrap();
    let bytes = || world.log.iter().map(Entry::bytes);
    assert_eq!(Chain::replay(bytes(), head).as_ref(), Ok(&world.chain));

    let short = Chain::replay(bytes().take(2), head);
    let got = Some(world.log[1].head());
    assert_eq!(short, Err(ReplayError::WrongHead { got }));
    let none = Chain::replay::<&[u8]>([], head);
    assert_eq!(none, Err(ReplayError::WrongHead { got: None }));
    let elsewhere = Head {
        hash: EntryHash([1; 32]),
        ..head
    };
    let got = Some(head);
    let wrong = Chain::replay(bytes(), elsewhere);
    assert_eq!(wrong, Err(ReplayError::WrongHead { got }));
}

// spec 4.46
#[test]
fn a_replay_notices_a_changed_signature_and_a_broken_rule() {
    let (mut world, founder) = World::founded();
    world.member(&founder);
    let head = world.chain.head().unwrap();
    let mut bytes: Vec<_> = world
        .log
        .iter()
        .map(|entry| entry.bytes().to_vec())
        .collect();
    let last = bytes.len() - 1;
    *bytes[last].last_mut().unwrap() ^= 1;
    let result = Chain::replay(&bytes, head);
    assert!(matches!(
        result,
        Err(ReplayError::WrongHead { got: Some(_) })
    ));
    bytes[1] = bytes[0].clone();
    let Err(ReplayError::Invalid(rejected)) = Chain::replay(&bytes, head) else {
        panic!("a second genesis was replayed");
    };
    assert_eq!((rejected.at, rejected.reason), (1, Invalid::SecondGenesis));
}

#[test]
fn an_append_is_taken_whole_or_not_at_all() {
    let (mut world, founder) = World::founded();
    let (one, two) = (world.person(), world.person());
    let first = Draft::new(&world.chain, founder.device, TIME, world.vouch(&one));
    let first = first.sign(&founder.secret);
    let second = Draft::after(&first, one.device, TIME, world.vouch(&two));
    let second = second.sign(&one.secret);
    let before = world.chain.clone();
    let result = world.chain.apply_all(&[first.clone(), second]);
    let rejected = result.unwrap_err();
    assert_eq!((rejected.at, rejected.reason), (1, Invalid::NotAdmin));
    assert_eq!(world.chain, before);
    let second = Draft::after(&first, founder.device, TIME, world.vouch(&two));
    let entries = [first, second.sign(&founder.secret)];
    let applied = world.chain.apply_all(&entries).unwrap();
    assert_eq!(applied.len(), 2);
    assert_eq!(world.chain.head(), Some(entries[1].head()));
    assert!(world.chain.is_member(two.user));
}
