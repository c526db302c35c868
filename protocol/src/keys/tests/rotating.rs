//! When a group gets another key.

use super::*;

// spec 9.30
#[test]
fn a_removal_makes_the_first_member_rotate() {
    let mut world = World::new(History::All);
    world.rotate(1, None);
    world.append(
        1,
        Payload::SetRole {
            user: user(2),
            role: Role::Admin,
        },
    );
    world.append(1, Payload::RemoveUser { user: user(3) });
    let mut first = Keys::default();
    let said = tell(
        &mut first,
        Input::LogMoved {
            context: world.context(1),
        },
        Instant::ZERO,
    );
    assert_eq!(said, vec![Output::Rotate(GROUP)]);
    let mut second = Keys::default();
    let said = tell(
        &mut second,
        Input::LogMoved {
            context: world.context(2),
        },
        Instant::ZERO,
    );
    assert_eq!(said, vec![]);
    second.handle_timeout(seconds(1));
    assert_eq!(drain(&mut second), vec![Output::Rotate(GROUP)]);
    // Who was removed has no say.
    let mut gone = Keys::default();
    let said = tell(
        &mut gone,
        Input::LogMoved {
            context: world.context(3),
        },
        Instant::ZERO,
    );
    assert_eq!((said, gone.poll_timeout()), (vec![], None));
}

// spec 9.32
#[test]
fn repairs_of_one_author_are_bounded() {
    let mut world = World::new(History::All);
    let zero = world.rotate(1, None);
    let mut rotations = Rotations::default();
    rotations.log_moved(world.context(2), Instant::ZERO);
    for _ in 0..limits::MAX_REPAIRS {
        assert_eq!(rotations.repair(GROUP, Epoch(0)), Ok(()));
    }
    assert_eq!(rotations.repair(GROUP, Epoch(0)), Err(Some(user(1))));
    assert_eq!(rotations.repair(GROUP, Epoch(0)), Err(None));
    // A newer key would be no help against a missing older one.
    world.rotate(3, Some(&zero));
    rotations.log_moved(world.context(2), Instant::ZERO);
    assert_eq!(rotations.repair(GROUP, Epoch(0)), Err(None));
}

// spec 9.10
#[test]
fn an_open_invite_is_one_of_everybody() {
    let mut world = World::new(History::All);
    let keys = InviteSecret::from_bytes([5; 16]).keys().public();
    world.append(
        1,
        Payload::Invite {
            key: keys.sign,
            dh: keys.dh,
            uses: 1,
            expires: UnixMillis(1),
        },
    );
    let head = world.chain.head().unwrap();
    assert!(
        world
            .chain
            .is_recipient(RecipientId::Invite(head.hash), GroupId::Open)
    );
    assert!(
        !world
            .chain
            .is_recipient(RecipientId::Invite(head.hash), GROUP)
    );
}
