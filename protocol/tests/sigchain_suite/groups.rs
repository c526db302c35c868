//! The keys of groups (spec 4.40 to 4.43).

use dialtone_protocol::ids::{ChannelId, Commitment, Epoch, GroupId};
use dialtone_protocol::sigchain::{
    Access, DecodeError, Draft, Effect, Entry, History, Invalid, Payload, SEALED_KEY_BYTES,
};

use crate::world::{TIME, World, removal, rotation};

fn carrying(group: GroupId, epoch: u32, length: usize) -> Payload {
    Payload::RotateKey {
        group,
        epoch: Epoch(epoch),
        commitment: Commitment([9; 32]),
        previous: Some(vec![3; length]),
    }
}

// spec 4.40
#[test]
fn epochs_are_dense_and_begin_at_zero() {
    let (mut world, founder) = World::founded();
    let channel = world.channel(&founder, Access::Private, History::All);
    let group = GroupId::Channel(channel);
    for (expected, wrong) in [(0, [1, 7]), (1, [0, 2]), (2, [1, u32::MAX])] {
        for epoch in wrong {
            assert_eq!(
                world.refusal(&founder, rotation(group, epoch)),
                Invalid::WrongEpoch {
                    got: Epoch(epoch),
                    expected: Epoch(expected)
                }
            );
        }
        world.must(&founder, rotation(group, expected));
        assert_eq!(world.chain.open_epoch(group), Some(Epoch(expected)));
    }
}

// spec 4.40
#[test]
fn an_open_epoch_ends_with_the_next_and_a_closed_one_is_followed() {
    let (mut world, founder) = World::founded();
    let member = world.member(&founder);
    let group = GroupId::Open;
    let at = world.chain.next_index();
    let (closed, opened) = (
        |epoch| Effect::EpochClosed {
            group,
            epoch: Epoch(epoch),
        },
        |epoch| Effect::EpochOpened {
            group,
            epoch: Epoch(epoch),
        },
    );
    let effects = world.must(&member, rotation(group, 1));
    assert_eq!(effects, [closed(0), opened(1)]);
    assert!(world.chain.epoch_open_at(group, Epoch(0), at - 1));
    assert!(!world.chain.epoch_open_at(group, Epoch(0), at));
    assert!(world.chain.epoch_open_at(group, Epoch(1), at));
    world.must(&founder, removal(&member));
    assert!(!world.chain.epoch_open_at(group, Epoch(1), at + 1));
    assert_eq!(world.chain.open_epoch(group), None);
    assert_eq!(world.must(&founder, rotation(group, 2)), [opened(2)]);
    let commitment = world.chain.commitment(group, Epoch(1));
    assert_eq!(commitment, Some(Commitment([1; 32])));
    assert_eq!(world.chain.commitment(group, Epoch(3)), None);
}

// spec 4.41
#[test]
fn only_the_group_rotates_its_keys() {
    let (mut world, founder) = World::founded();
    let admin = world.admin(&founder);
    let private = world.channel(&founder, Access::Private, History::All);
    let open = world.channel(&founder, Access::Open, History::FromJoin);
    let rotate = rotation(GroupId::Channel(private), 0);
    assert_eq!(world.refusal(&admin, rotate), Invalid::NotInGroup);
    let member = world.member(&founder);
    world.must(&member, rotation(GroupId::Channel(open), 0));
}

// spec 4.42
#[test]
fn a_group_must_exist() {
    let (mut world, founder) = World::founded();
    let shared = world.channel(&founder, Access::Open, History::All);
    let rotate = rotation(GroupId::Channel(shared), 0);
    assert_eq!(world.refusal(&founder, rotate), Invalid::UnknownGroup);
    let nowhere = GroupId::Channel(ChannelId([1; 16]));
    let refusal = world.refusal(&founder, rotation(nowhere, 0));
    assert_eq!(refusal, Invalid::UnknownChannel);
}

// spec 4.43
#[test]
fn the_past_is_carried_on_only_where_newcomers_may_read_it() {
    let (mut world, founder) = World::founded();
    let all = GroupId::Channel(world.channel(&founder, Access::Private, History::All));
    let from_join = GroupId::Channel(world.channel(&founder, Access::Private, History::FromJoin));
    let refusal = world.refusal(&founder, carrying(all, 0, SEALED_KEY_BYTES));
    assert_eq!(refusal, Invalid::PreviousNotAllowed);
    for group in [all, from_join] {
        world.must(&founder, rotation(group, 0));
    }
    let refusal = world.refusal(&founder, carrying(from_join, 1, SEALED_KEY_BYTES));
    assert_eq!(refusal, Invalid::PreviousNotAllowed);
    world.must(&founder, carrying(all, 1, SEALED_KEY_BYTES));
    let sealed = world.chain.epoch(all, Epoch(1)).unwrap().previous.clone();
    assert_eq!(sealed, Some(vec![3; SEALED_KEY_BYTES]));
    // Who does not have the key before leaves it out.
    world.must(&founder, rotation(all, 2));
    for got in [0, SEALED_KEY_BYTES - 1, SEALED_KEY_BYTES + 1] {
        let draft = Draft::new(&world.chain, founder.device, TIME, carrying(all, 3, got));
        let entry = draft.sign(&founder.secret);
        let decoded = Entry::decode(entry.bytes());
        assert_eq!(decoded, Err(DecodeError::PreviousLength { got }));
    }
}
