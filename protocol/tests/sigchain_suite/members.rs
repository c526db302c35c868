//! Members and invites (spec 4.19 to 4.29).

use dialtone_protocol::crypto::InviteSecret;
use dialtone_protocol::ids::{EntryHash, Epoch, GroupId, RecipientId, UserId};
use dialtone_protocol::limits::{MAX_INVITE_USES, MAX_OPEN_INVITES};
use dialtone_protocol::sigchain::{Access, Effect, History, Invalid, Payload, Role};

use crate::world::{World, adding, invitation, removal, role, rotation};

// spec 4.20
#[test]
fn the_founder_is_an_admin_and_everybody_has_no_key_yet() {
    let mut world = World::empty();
    let founder = world.person();
    let genesis = world.genesis(&founder);
    assert_eq!(
        world.must(&founder, genesis),
        [
            Effect::UserJoined { user: founder.user },
            Effect::RoleSet {
                user: founder.user,
                role: Role::Admin
            },
            Effect::DeviceAdded {
                user: founder.user,
                device: founder.device
            },
        ]
    );
    assert!(world.chain.is_admin(founder.user));
    assert!(world.chain.group(GroupId::Open).unwrap().is_closed());
    assert!(!world.chain.epoch_open_at(GroupId::Open, Epoch(0), 0));
    world.must(&founder, rotation(GroupId::Open, 0));
    assert!(world.chain.epoch_open_at(GroupId::Open, Epoch(0), 1));
}

// spec 4.4
#[test]
fn what_is_an_admins_is_refused_to_members() {
    let (mut world, founder) = World::founded();
    let member = world.member(&founder);
    let channel = world.channel(&founder, Access::Open, History::All);
    let newcomer = world.person();
    let secret = InviteSecret::generate(&mut world.entropy);
    for payload in [
        invitation(&secret, 1),
        Payload::RevokeInvite {
            invite: EntryHash([1; 32]),
        },
        world.vouch(&newcomer),
        role(&member, Role::Admin),
        Payload::CreateChannel {
            channel: dialtone_protocol::ids::ChannelId([1; 16]),
            access: Access::Open,
            history: History::All,
        },
        Payload::DeleteChannel { channel },
    ] {
        assert_eq!(world.refusal(&member, payload), Invalid::NotAdmin);
    }
    assert_eq!(
        world.refusal(&member, removal(&founder)),
        Invalid::NotUserNorAdmin
    );
    let device = founder.device;
    assert_eq!(
        world.refusal(&member, Payload::RevokeDevice { device }),
        Invalid::NotUserNorAdmin
    );
}

// spec 4.21
#[test]
fn an_invite_has_a_bounded_number_of_uses() {
    let (mut world, founder) = World::founded();
    for uses in [0, MAX_INVITE_USES + 1, u32::MAX] {
        let secret = InviteSecret::generate(&mut world.entropy);
        let refusal = world.refusal(&founder, invitation(&secret, uses));
        assert_eq!(refusal, Invalid::InviteUses);
    }
    let (_, invite) = world.invite(&founder, MAX_INVITE_USES);
    assert_eq!(
        world.chain.invite(invite).unwrap().uses_left,
        MAX_INVITE_USES
    );
}

// spec 4.19
#[test]
fn open_invites_are_bounded_and_closed_ones_make_room() {
    let (mut world, founder) = World::founded();
    let mut last = EntryHash::default();
    for _ in 0..MAX_OPEN_INVITES {
        let secret = InviteSecret::generate(&mut world.entropy);
        let draft = dialtone_protocol::sigchain::Draft::new(
            &world.chain,
            founder.device,
            crate::world::TIME,
            invitation(&secret, 1),
        );
        let entry = draft.sign(&founder.secret);
        last = world.chain.apply(&entry).unwrap().head.hash;
    }
    let secret = InviteSecret::generate(&mut world.entropy);
    let refusal = world.refusal(&founder, invitation(&secret, 1));
    assert_eq!(refusal, Invalid::TooManyInvites);
    world.must(&founder, Payload::RevokeInvite { invite: last });
    world.must(&founder, invitation(&secret, 1));
}

// spec 4.22, 4.29
#[test]
fn a_revoked_invite_is_of_no_use() {
    let (mut world, founder) = World::founded();
    let invite = world.invite(&founder, 5);
    let revoke = Payload::RevokeInvite { invite: invite.1 };
    assert_eq!(
        world.must(&founder, revoke.clone()),
        [Effect::InviteClosed { invite: invite.1 }]
    );
    assert_eq!(world.refusal(&founder, revoke), Invalid::InviteNotOpen);
    let newcomer = world.person();
    assert_eq!(world.join(&newcomer, &invite), Err(Invalid::InviteNotOpen));
    let to = RecipientId::Invite(invite.1);
    assert!(!world.chain.is_recipient(to, GroupId::Open));
}

// spec 4.23
#[test]
fn an_invite_lets_in_as_many_as_it_says() {
    let (mut world, founder) = World::founded();
    let invite = world.invite(&founder, 2);
    let (first, second, third) = (world.person(), world.person(), world.person());
    let effects = world.join(&first, &invite).unwrap().effects;
    assert_eq!(
        effects,
        [
            Effect::UserJoined { user: first.user },
            Effect::RoleSet {
                user: first.user,
                role: Role::Member
            },
            Effect::DeviceAdded {
                user: first.user,
                device: first.device
            },
        ]
    );
    assert_eq!(world.chain.invite(invite.1).unwrap().uses_left, 1);
    let effects = world.join(&second, &invite).unwrap().effects;
    assert_eq!(effects[0], Effect::InviteClosed { invite: invite.1 });
    assert_eq!(world.join(&third, &invite), Err(Invalid::InviteNotOpen));
    assert_eq!(world.chain.user(first.user).unwrap().role, Role::Member);
}

// spec 4.23
#[test]
fn a_join_by_an_invite_of_nowhere_is_refused() {
    let (mut world, founder) = World::founded();
    let (secret, _) = world.invite(&founder, 1);
    let newcomer = world.person();
    let elsewhere = (secret, world.log[0].hash());
    assert_eq!(
        world.join(&newcomer, &elsewhere),
        Err(Invalid::InviteNotOpen)
    );
}

// spec 4.24
#[test]
fn an_admin_vouches_for_newcomers_only() {
    let (mut world, founder) = World::founded();
    let member = world.member(&founder);
    assert!(world.chain.is_member(member.user));
    assert!(!world.chain.is_admin(member.user));
    let second = world.device_of(member.user);
    let vouch = world.vouch(&second);
    assert_eq!(world.refusal(&founder, vouch), Invalid::UserExists);
}

// spec 4.25
#[test]
fn a_role_changes_and_a_demotion_ends_the_invites() {
    let (mut world, founder) = World::founded();
    let other = world.admin(&founder);
    let same = world.refusal(&founder, role(&other, Role::Admin));
    assert_eq!(same, Invalid::SameRole);
    let invite = world.invite(&other, 3);
    let kept = world.invite(&founder, 1);
    let effects = world.must(&founder, role(&other, Role::Member));
    assert_eq!(
        effects,
        [
            Effect::RoleSet {
                user: other.user,
                role: Role::Member
            },
            Effect::InviteClosed { invite: invite.1 },
        ]
    );
    let (newcomer, another) = (world.person(), world.person());
    assert_eq!(world.join(&newcomer, &invite), Err(Invalid::InviteNotOpen));
    world.join(&another, &kept).unwrap();
    // The rights are gone with the role.
    assert_eq!(
        world.refusal(&other, removal(&another)),
        Invalid::NotUserNorAdmin
    );
}

// spec 4.26, 4.27
#[test]
fn a_removal_ends_all_that_the_user_had() {
    let (mut world, founder) = World::founded();
    let other = world.admin(&founder);
    let invite = world.invite(&other, 1);
    let channel = world.keyed_channel(&founder, Access::Private, History::All);
    world.must(&founder, adding(channel, &other));
    let elsewhere = world.keyed_channel(&founder, Access::Private, History::All);
    let user = other.user;
    let effects = world.must(&founder, removal(&other));
    for effect in [
        Effect::EpochClosed {
            group: GroupId::Open,
            epoch: Epoch(0),
        },
        Effect::EpochClosed {
            group: GroupId::Channel(channel),
            epoch: Epoch(0),
        },
        Effect::InviteClosed { invite: invite.1 },
        Effect::DeviceRevoked {
            user,
            device: other.device,
        },
        Effect::MemberRemoved { channel, user },
        Effect::UserRemoved { user },
    ] {
        assert!(effects.contains(&effect), "{effect:?}");
    }
    assert_eq!(effects.len(), 6);
    assert!(
        world
            .chain
            .open_epoch(GroupId::Channel(elsewhere))
            .is_some()
    );
    assert!(!world.chain.is_member(user));
    assert_eq!(
        world.refusal(&other, rotation(GroupId::Open, 1)),
        Invalid::AuthorRevoked
    );
    assert_eq!(
        world.refusal(&founder, removal(&other)),
        Invalid::UserRemoved
    );
    let newcomer = world.person();
    assert_eq!(world.join(&newcomer, &invite), Err(Invalid::InviteNotOpen));
    assert_eq!(
        world.refusal(&founder, adding(channel, &other)),
        Invalid::UserRemoved
    );
}

// spec 4.26
#[test]
fn a_user_may_leave() {
    let (mut world, founder) = World::founded();
    let member = world.member(&founder);
    world.must(&member, removal(&member));
    assert!(!world.chain.is_member(member.user));
    let nobody = Payload::RemoveUser {
        user: UserId([1; 16]),
    };
    assert_eq!(world.refusal(&founder, nobody), Invalid::UnknownUser);
}

// spec 4.28
#[test]
fn one_admin_who_can_sign_remains() {
    let (mut world, founder) = World::founded();
    world.member(&founder);
    let device = founder.device;
    let revoke = Payload::RevokeDevice { device };
    for payload in [
        removal(&founder),
        role(&founder, Role::Member),
        revoke.clone(),
    ] {
        assert_eq!(world.refusal(&founder, payload), Invalid::LastAdmin);
    }
    // A device for recovery does not count: it cannot administer.
    let recovery = world.device_of(founder.user);
    let device = world.record(&recovery);
    world.must(&founder, Payload::SetRecovery { device });
    assert_eq!(world.refusal(&founder, revoke.clone()), Invalid::LastAdmin);

    // Nor does an admin without any device.
    let other = world.admin(&founder);
    let device = other.device;
    world.must(&other, Payload::RevokeDevice { device });
    for payload in [removal(&founder), role(&founder, Role::Member), revoke] {
        assert_eq!(world.refusal(&founder, payload), Invalid::LastAdmin);
    }
    world.must(&founder, removal(&other));
    let third = world.admin(&founder);
    world.must(&third, removal(&founder));
    assert!(world.chain.is_admin(third.user));
}
