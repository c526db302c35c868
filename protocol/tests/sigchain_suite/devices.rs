//! The devices of a user (spec 4.16, 4.27, 4.30 to 4.32).

use dialtone_protocol::ids::{Commitment, DeviceId, Epoch, GroupId, RecipientId, Subject};
use dialtone_protocol::limits::MAX_USER_DEVICES;
use dialtone_protocol::sigchain::{Access, Effect, History, Invalid, Payload};

use crate::world::{World, adding, removal, rotation};

// spec 4.30
#[test]
fn a_user_adds_its_own_devices() {
    let (mut world, founder) = World::founded();
    let member = world.member(&founder);
    let second = world.device_of(member.user);
    let add = world.add_device(&second);
    assert_eq!(world.refusal(&founder, add.clone()), Invalid::NotOwnUser);
    let user = member.user;
    let device = second.device;
    assert_eq!(
        world.must(&member, add),
        [Effect::DeviceAdded { user, device }]
    );
    let third = world.device_of(user);
    let add = world.add_device(&third);
    world.must(&second, add);
    assert_eq!(world.chain.user(user).unwrap().devices.len(), 3);
    assert_eq!(world.chain.user(user).unwrap().first_device, member.device);
}

// spec 4.19
#[test]
fn devices_of_a_user_are_bounded_and_revoked_ones_make_room() {
    let (mut world, founder) = World::founded();
    for _ in 1..MAX_USER_DEVICES {
        let next = world.device_of(founder.user);
        let add = world.add_device(&next);
        world.must(&founder, add);
    }
    let last = world.device_of(founder.user);
    let add = world.add_device(&last);
    assert_eq!(
        world.refusal(&founder, add.clone()),
        Invalid::TooManyDevices
    );
    let recovery = world.device_of(founder.user);
    let device = world.record(&recovery);
    world.must(&founder, Payload::SetRecovery { device });
    let device = founder.device;
    world.must(&founder, Payload::RevokeDevice { device });
    let second = world.chain.user(founder.user).unwrap().devices.len();
    assert_eq!(second, MAX_USER_DEVICES - 1);
    world.must(&recovery, add);
}

// spec 4.16, 4.31
#[test]
fn a_recovery_device_only_adds_devices() {
    let (mut world, founder) = World::founded();
    let channel = world.channel(&founder, Access::Open, History::All);
    let recovery = world.device_of(founder.user);
    let record = world.record(&recovery);
    world.must(&founder, Payload::SetRecovery { device: record });
    let next = world.device_of(founder.user);
    let name = Payload::SetName {
        subject: Subject::User(founder.user),
        commitment: Commitment([1; 32]),
    };
    let other = Payload::SetRecovery {
        device: world.record(&next),
    };
    for payload in [name, other, rotation(GroupId::Open, 1), removal(&founder)] {
        assert_eq!(world.refusal(&recovery, payload), Invalid::RecoveryOnlyAdds);
    }
    let id = RecipientId::Device(recovery.device);
    assert!(world.chain.is_recipient(id, GroupId::Open));
    assert!(!world.chain.entitled_device(recovery.device, channel));
    let add = world.add_device(&next);
    world.must(&recovery, add);
    assert!(world.chain.entitled_device(next.device, channel));
}

// spec 4.27, 4.31
#[test]
fn a_new_recovery_device_revokes_the_one_before() {
    let (mut world, founder) = World::founded();
    let (first, second) = (world.device_of(founder.user), world.device_of(founder.user));
    let device = world.record(&first);
    let effects = world.must(&founder, Payload::SetRecovery { device });
    assert_eq!(effects.len(), 1, "nothing was revoked, so nothing closes");
    let device = world.record(&second);
    let user = founder.user;
    assert_eq!(
        world.must(&founder, Payload::SetRecovery { device }),
        [
            Effect::EpochClosed {
                group: GroupId::Open,
                epoch: Epoch(0)
            },
            Effect::DeviceRevoked {
                user,
                device: first.device
            },
            Effect::DeviceAdded {
                user,
                device: second.device
            },
        ]
    );
    let third = world.device_of(user);
    let add = world.add_device(&third);
    assert_eq!(world.refusal(&first, add.clone()), Invalid::AuthorRevoked);
    world.must(&second, add);
}

// spec 4.27, 4.32
#[test]
fn a_revoked_device_is_out_and_its_groups_are_closed() {
    let (mut world, founder) = World::founded();
    let member = world.member(&founder);
    let inside = world.keyed_channel(&founder, Access::Private, History::All);
    let outside = world.keyed_channel(&founder, Access::Private, History::All);
    let open = world.keyed_channel(&founder, Access::Open, History::FromJoin);
    world.must(&founder, adding(inside, &member));
    let second = world.device_of(member.user);
    let add = world.add_device(&second);
    world.must(&member, add);
    let device = second.device;
    world.must(&member, Payload::RevokeDevice { device });
    for group in [
        GroupId::Open,
        GroupId::Channel(inside),
        GroupId::Channel(open),
    ] {
        assert_eq!(world.chain.open_epoch(group), None);
        assert!(!world.chain.is_recipient(RecipientId::Device(device), group));
    }
    let outside = GroupId::Channel(outside);
    assert_eq!(world.chain.open_epoch(outside), Some(Epoch(0)));
    assert_eq!(
        world.refusal(&member, Payload::RevokeDevice { device }),
        Invalid::DeviceRevoked
    );
    let device = DeviceId([1; 16]);
    assert_eq!(
        world.refusal(&member, Payload::RevokeDevice { device }),
        Invalid::UnknownDevice
    );
    // An admin may revoke a member's last device; the user stays.
    let device = member.device;
    world.must(&founder, Payload::RevokeDevice { device });
    assert!(world.chain.is_member(member.user));
}
