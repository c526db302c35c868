//! Devices in a room come to hear each other, whatever the server, the network and their processes do.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests"
)]

#[path = "voice_room/desk.rs"]
mod desk;
#[path = "voice_room/media.rs"]
mod media;
#[path = "support/welcome.rs"]
mod welcome;
#[path = "voice_room/world.rs"]
mod world;

use proptest::prelude::*;

use world::{Fault, World};

const DEVICES: usize = 3;

fn fault() -> impl Strategy<Value = (u64, u64, Fault)> {
    let device = || 0..DEVICES;
    let kind = prop_oneof![
        2 => Just(Fault::Down),
        2 => device().prop_map(|device| Fault::Cut { device }),
        2 => (device(), device()).prop_map(|(one, other)| Fault::Silence { one, other }),
        1 => device().prop_map(|device| Fault::Moved { device }),
        2 => device().prop_map(|device| Fault::Away { device }),
        2 => device().prop_map(|device| Fault::Out { device }),
        2 => device().prop_map(|device| Fault::Killed { device }),
    ];
    (0..600_u64, 1..200_u64, kind)
}

/// Until all hear all, for at most so long.
fn settle(world: &mut World, ticks: u64) -> bool {
    for _ in 0..ticks {
        world.step();
        if world.all_hear_all() {
            return true;
        }
    }
    false
}

// spec 11.40
#[test]
fn those_in_a_room_hear_each_other_in_a_moment() {
    let mut world = World::new(4, Vec::new(), 1);
    assert!(settle(&mut world, 30));
}

// spec 7.7, 11.24
#[test]
fn who_has_another_address_is_heard_again_soon() {
    for device in 0..DEVICES {
        let mut world = World::new(DEVICES, vec![(100, 1, Fault::Moved { device })], 2);
        for _ in 0..101 {
            world.step();
        }
        assert!(!world.all_hear_all());
        assert!(settle(&mut world, 80), "{device}");
    }
}

proptest! {
    // spec 1.6
    #[test]
    fn what_happens_again_in_the_same_way_has_the_same_transcript(
        faults in prop::collection::vec(fault(), 0..8),
        latency in 1..8_u64,
    ) {
        let [one, other] = [faults.clone(), faults].map(|faults| {
            let mut world = World::new(DEVICES, faults, latency);
            for _ in 0..800 {
                world.step();
            }
            world.transcript
        });
        prop_assert_eq!(one, other);
    }

    // spec 11.40 to 11.49: whatever happened, all hear all some time after it has ended, and then nothing is said any
    // more.
    #[test]
    fn after_every_fault_all_hear_each_other(
        faults in prop::collection::vec(fault(), 0..8),
        latency in 1..8_u64,
    ) {
        let mut world = World::new(DEVICES, faults, latency);
        for _ in 0..800 {
            world.step();
        }
        prop_assert!(settle(&mut world, 2400));
        for _ in 0..600 {
            world.step();
        }
        let said = world.descriptions;
        for _ in 0..600 {
            world.step();
        }
        prop_assert_eq!(world.descriptions, said);
        prop_assert!(world.all_hear_all());
    }
}
