//! Who gives whom which key, and when.

use super::*;

// spec 9.20, 9.21
#[test]
fn holders_wait_by_rank_and_stand_down() {
    let mut world = World::new(History::All);
    let record = world.rotate(1, None);
    let key = owed(3, Epoch(0));
    for (holder, wait) in [(1, 0), (2, 1)] {
        let mut keys = Keys::new([record.clone()], Instant::ZERO);
        let said = tell(
            &mut keys,
            Input::Requested {
                context: world.context(holder),
                key,
            },
            Instant::ZERO,
        );
        assert_eq!(said.is_empty(), wait > 0);
        if wait > 0 {
            assert_eq!(keys.poll_timeout(), Some(seconds(wait)));
            let _ = keys.handle_input(
                Input::Available {
                    recipient: key.recipient,
                    group: GROUP,
                    epoch: Epoch(0),
                },
                Instant::ZERO,
            );
            keys.handle_timeout(seconds(wait));
            assert_eq!(drain(&mut keys), vec![]);
            assert!(!keys.owes());
        } else {
            assert_eq!(said, vec![Output::Post(vec![key])]);
        }
    }
}

// spec 9.20
#[test]
fn nobody_outside_the_log_gets_a_key() {
    let mut world = World::new(History::All);
    let record = world.rotate(1, None);
    let mut keys = Keys::new([record], Instant::ZERO);
    let said = tell(
        &mut keys,
        Input::Owed {
            context: world.context(1),
            owed: &[owed(77, Epoch(0))],
        },
        Instant::ZERO,
    );
    assert_eq!(said, vec![]);
    assert!(!keys.owes());
}

// spec 9.20
#[test]
fn the_past_of_a_channel_from_the_join_on_is_not_shared() {
    let mut world = World::new(History::FromJoin);
    let zero = world.rotate(1, None);
    let (channel, user) = (CHANNEL, user(2));
    world.append(1, Payload::RemoveFromChannel { channel, user });
    let one = world.rotate(1, Some(&zero));
    world.append(1, Payload::AddToChannel { channel, user });
    let two = world.rotate(1, Some(&one));
    let mut keys = Keys::new([zero, one, two], Instant::ZERO);
    let said = tell(
        &mut keys,
        Input::Owed {
            context: world.context(1),
            owed: &[owed(2, Epoch(0)), owed(2, Epoch(1)), owed(2, Epoch(2))],
        },
        Instant::ZERO,
    );
    // It was there in the first epoch, and is again.
    let its_own = vec![owed(2, Epoch(0)), owed(2, Epoch(2))];
    assert_eq!(said, vec![Output::Post(its_own)]);

    let mut lost = Keys::new([], Instant::ZERO);
    let context = world.context(2);
    let said = tell(&mut lost, Input::Fetched { context }, Instant::ZERO);
    let asked = [Epoch(0), Epoch(2)].map(|epoch| Output::Ask {
        group: GROUP,
        epoch,
    });
    assert_eq!(said, asked);
}

// spec 9.22
#[test]
fn who_leaves_posts_at_once() {
    let mut world = World::new(History::All);
    let record = world.rotate(1, None);
    let mut keys = Keys::new([record], Instant::ZERO);
    let key = owed(2, Epoch(0));
    let said = tell(
        &mut keys,
        Input::Requested {
            context: world.context(3),
            key,
        },
        Instant::ZERO,
    );
    assert_eq!(said, vec![]);
    keys.hurry(Instant::ZERO);
    assert_eq!(drain(&mut keys), vec![Output::Post(vec![key])]);
}

// spec 9.23, 9.24
#[test]
fn a_missing_key_is_asked_for_and_in_the_end_replaced() {
    let mut world = World::new(History::All);
    world.rotate(1, None);
    let mut keys = Keys::default();
    let _ = tell(
        &mut keys,
        Input::LogMoved {
            context: world.context(2),
        },
        Instant::ZERO,
    );
    let ask = Output::Ask {
        group: GROUP,
        epoch: Epoch(0),
    };
    let said = tell(
        &mut keys,
        Input::Fetched {
            context: world.context(2),
        },
        Instant::ZERO,
    );
    assert_eq!(said, vec![ask.clone()]);
    for time in 2..=limits::ASKS_UNHELPED {
        let due = keys.poll_timeout().unwrap();
        keys.handle_timeout(due);
        let mut expected = vec![ask.clone()];
        if time == limits::ASKS_UNHELPED {
            expected.insert(0, Output::Rotate(GROUP));
        }
        assert_eq!(drain(&mut keys), expected);
    }
}

// spec 9.23
#[test]
fn a_key_that_came_is_not_asked_for_again() {
    let mut world = World::new(History::All);
    let record = world.rotate(1, None);
    let mut keys = Keys::default();
    let said = tell(
        &mut keys,
        Input::Fetched {
            context: world.context(2),
        },
        Instant::ZERO,
    );
    assert_eq!(said.len(), 1);
    keys.hold(record, &world.chain);
    let _ = drain(&mut keys);
    assert_eq!(keys.poll_timeout(), None);
}
