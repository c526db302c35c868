//! Channels and names (spec 4.33 to 4.39).

use dialtone_protocol::ids::{ChannelId, Commitment, Epoch, GroupId, Subject, UserId};
use dialtone_protocol::limits::MAX_CHANNELS;
use dialtone_protocol::sigchain::{Access, Draft, Effect, History, Invalid, Payload, Role};

use crate::world::{TIME, World, adding, removal, role, rotation, taking_out};

fn creation(channel: ChannelId) -> Payload {
    Payload::CreateChannel {
        channel,
        access: Access::Open,
        history: History::All,
    }
}

// spec 4.33
#[test]
fn only_open_channels_with_full_history_use_the_keys_of_everybody() {
    let (mut world, founder) = World::founded();
    for (access, history, shared) in [
        (Access::Open, History::All, true),
        (Access::Open, History::FromJoin, false),
        (Access::Private, History::All, false),
        (Access::Private, History::FromJoin, false),
    ] {
        let channel = world.channel(&founder, access, history);
        let own = GroupId::Channel(channel);
        let group = if shared { GroupId::Open } else { own };
        assert_eq!(world.chain.group_of(channel), Some(group));
        assert_eq!(world.chain.group(own).is_some(), !shared);
        let private = access == Access::Private;
        let inside = &world.chain.channel(channel).unwrap().members;
        assert_eq!(inside.contains(&founder.user), private);
    }
}

// spec 4.17, 4.33
#[test]
fn a_channels_id_is_new_for_ever() {
    let (mut world, founder) = World::founded();
    let channel = world.channel(&founder, Access::Private, History::All);
    assert_eq!(
        world.refusal(&founder, creation(channel)),
        Invalid::ChannelExists
    );
    world.must(&founder, Payload::DeleteChannel { channel });
    assert_eq!(
        world.refusal(&founder, creation(channel)),
        Invalid::ChannelExists
    );
}

// spec 4.19
#[test]
fn channels_are_bounded_and_deleted_ones_make_room() {
    let (mut world, founder) = World::founded();
    let mut channel = ChannelId([0; 16]);
    for _ in 0..MAX_CHANNELS {
        channel = ChannelId::from_random(world.entropy.bytes());
        let draft = Draft::new(&world.chain, founder.device, TIME, creation(channel));
        world.chain.apply(&draft.sign(&founder.secret)).unwrap();
    }
    let next = creation(ChannelId([1; 16]));
    assert_eq!(
        world.refusal(&founder, next.clone()),
        Invalid::TooManyChannels
    );
    world.must(&founder, Payload::DeleteChannel { channel });
    world.must(&founder, next);
}

// spec 4.29, 4.34
#[test]
fn a_deleted_channel_is_gone_for_good() {
    let (mut world, founder) = World::founded();
    let member = world.member(&founder);
    let channel = world.keyed_channel(&founder, Access::Private, History::All);
    world.must(&founder, adding(channel, &member));
    let group = GroupId::Channel(channel);
    let before = world.chain.head().unwrap().index;
    assert_eq!(
        world.must(&founder, Payload::DeleteChannel { channel }),
        [
            Effect::EpochClosed {
                group,
                epoch: Epoch(0)
            },
            Effect::ChannelDeleted { channel },
        ]
    );
    assert!(
        world
            .chain
            .entitled_device_at(member.device, channel, before)
    );
    assert!(!world.chain.entitled_device(member.device, channel));
    assert!(world.chain.recipients(group).is_empty());
    let name = Payload::SetName {
        subject: Subject::Channel(channel),
        commitment: Commitment([1; 32]),
    };
    for payload in [
        Payload::DeleteChannel { channel },
        adding(channel, &member),
        taking_out(channel, &member),
        rotation(group, 1),
        name,
    ] {
        assert_eq!(world.refusal(&founder, payload), Invalid::ChannelDeleted);
    }
    // A removal has nothing to do with it any more.
    let effects = world.must(&founder, removal(&member));
    assert!(
        !effects
            .iter()
            .any(|it| matches!(it, Effect::MemberRemoved { .. }))
    );
}

// spec 4.34
#[test]
fn deleting_a_channel_of_everybody_leaves_their_keys() {
    let (mut world, founder) = World::founded();
    let channel = world.channel(&founder, Access::Open, History::All);
    let effects = world.must(&founder, Payload::DeleteChannel { channel });
    assert_eq!(effects, [Effect::ChannelDeleted { channel }]);
    assert_eq!(world.chain.open_epoch(GroupId::Open), Some(Epoch(0)));
}

// spec 4.35
#[test]
fn only_keepers_who_are_inside_take_others_in() {
    let (mut world, founder) = World::founded();
    let outside = world.admin(&founder);
    let (member, newcomer) = (world.member(&founder), world.member(&founder));
    let channel = world.channel(&founder, Access::Private, History::All);
    let add = adding(channel, &newcomer);
    assert_eq!(world.refusal(&outside, add.clone()), Invalid::NotInside);
    assert_eq!(world.refusal(&newcomer, add.clone()), Invalid::NotInside);
    world.must(&founder, adding(channel, &member));
    assert_eq!(
        world.refusal(&member, add.clone()),
        Invalid::NotCreatorNorAdmin
    );
    let again = world.refusal(&founder, adding(channel, &member));
    assert_eq!(again, Invalid::AlreadyInside);

    // The creator keeps the right without being an admin any more, and loses it outside.
    world.must(&outside, role(&founder, Role::Member));
    let user = newcomer.user;
    assert_eq!(
        world.must(&founder, add),
        [Effect::MemberAdded { channel, user }]
    );
    world.must(&founder, taking_out(channel, &founder));
    let back = world.refusal(&founder, adding(channel, &founder));
    assert_eq!(back, Invalid::NotInside);
    // An admin inside has it too.
    world.must(&outside, role(&newcomer, Role::Admin));
    world.must(&newcomer, adding(channel, &founder));
}

// spec 4.35, 4.36
#[test]
fn memberships_are_of_private_channels_and_known_users() {
    let (mut world, founder) = World::founded();
    let member = world.member(&founder);
    let open = world.channel(&founder, Access::Open, History::FromJoin);
    let private = world.channel(&founder, Access::Private, History::All);
    for payload in [adding(open, &member), taking_out(open, &founder)] {
        assert_eq!(world.refusal(&founder, payload), Invalid::ChannelOpen);
    }
    let nowhere = ChannelId([1; 16]);
    for payload in [adding(nowhere, &member), taking_out(nowhere, &member)] {
        assert_eq!(world.refusal(&founder, payload), Invalid::UnknownChannel);
    }
    let nobody = Payload::AddToChannel {
        channel: private,
        user: UserId([1; 16]),
    };
    assert_eq!(world.refusal(&founder, nobody), Invalid::UnknownUser);
    let not_in = world.refusal(&founder, taking_out(private, &member));
    assert_eq!(not_in, Invalid::NotAMember);
}

// spec 4.36
#[test]
fn who_is_put_out_or_leaves_closes_the_channels_keys() {
    let (mut world, founder) = World::founded();
    let (one, two) = (world.member(&founder), world.member(&founder));
    let channel = world.keyed_channel(&founder, Access::Private, History::All);
    let group = GroupId::Channel(channel);
    world.must(&founder, adding(channel, &one));
    world.must(&founder, adding(channel, &two));
    let refusal = world.refusal(&one, taking_out(channel, &two));
    assert_eq!(refusal, Invalid::NotCreatorNorAdmin);
    for (author, who, epoch) in [(&founder, &one, 0), (&two, &two, 1)] {
        let user = who.user;
        let closed = Effect::EpochClosed {
            group,
            epoch: Epoch(epoch),
        };
        let gone = Effect::MemberRemoved { channel, user };
        assert_eq!(world.must(author, taking_out(channel, who)), [closed, gone]);
        assert!(!world.chain.entitled_device(who.device, channel));
        let rotate = rotation(group, epoch + 1);
        assert_eq!(world.refusal(who, rotate.clone()), Invalid::NotInGroup);
        world.must(&founder, rotate);
    }
    assert_eq!(world.chain.open_epoch(GroupId::Open), Some(Epoch(0)));
    // Whoever left earlier has nothing to do with the channel any more.
    world.must(&founder, removal(&one));
    assert_eq!(world.chain.open_epoch(group), Some(Epoch(2)));
}

// spec 4.37, 4.38
#[test]
fn names_are_the_users_own_and_channels_names_are_admins() {
    let (mut world, founder) = World::founded();
    let member = world.member(&founder);
    let channel = world.channel(&founder, Access::Open, History::All);
    let commitment = Commitment([5; 32]);
    let name = |subject| Payload::SetName {
        subject,
        commitment,
    };
    let (own, of_channel) = (Subject::User(member.user), Subject::Channel(channel));
    assert_eq!(world.refusal(&founder, name(own)), Invalid::NotOwnUser);
    assert_eq!(world.refusal(&member, name(of_channel)), Invalid::NotAdmin);
    let nowhere = Subject::Channel(ChannelId([1; 16]));
    assert_eq!(
        world.refusal(&founder, name(nowhere)),
        Invalid::UnknownChannel
    );
    world.must(&founder, name(of_channel));
    let set = Effect::NameSet {
        subject: own,
        commitment,
    };
    assert_eq!(world.must(&member, name(own)), [set]);
    assert_eq!(world.chain.name_commitment(own), Some(commitment));
    assert_eq!(
        world.chain.name_commitment(Subject::User(founder.user)),
        None
    );
}

// spec 4.39
#[test]
fn a_newcomer_closes_what_it_may_not_read() {
    let (mut world, founder) = World::founded();
    let private =
        GroupId::Channel(world.keyed_channel(&founder, Access::Private, History::FromJoin));
    let open = GroupId::Channel(world.keyed_channel(&founder, Access::Open, History::FromJoin));
    let member = world.member(&founder);
    assert_eq!(world.chain.open_epoch(open), None);
    assert_eq!(world.chain.open_epoch(GroupId::Open), Some(Epoch(0)));
    assert_eq!(world.chain.open_epoch(private), Some(Epoch(0)));
    // The newcomer itself may open the next one.
    world.must(&member, rotation(open, 1));
    let invite = world.invite(&founder, 1);
    let newcomer = world.person();
    world.join(&newcomer, &invite).unwrap();
    assert_eq!(world.chain.open_epoch(open), None);
    let GroupId::Channel(channel) = private else {
        panic!("a channel's group");
    };
    world.must(&founder, adding(channel, &member));
    assert_eq!(world.chain.open_epoch(private), None);
    // Another device of a member reads what its user reads.
    world.must(&founder, rotation(open, 2));
    let second = world.device_of(member.user);
    let add = world.add_device(&second);
    world.must(&member, add);
    assert_eq!(world.chain.open_epoch(open), Some(Epoch(2)));
}
