use alloc::format;

use proptest::prelude::*;

use super::*;
use crate::ids::{ChannelId, UserId};

fn group() -> GroupKey {
    GroupKey::from_secret(Secret::from_bytes([1; 32]))
}

fn secret(name: &str) -> NameSecret {
    NameSecret::new(name, Secret::from_bytes([2; 16])).unwrap()
}

fn place() -> NamePlace {
    NamePlace {
        community: CommunityId([3; 32]),
        subject: Subject::User(UserId([4; 16])),
        group: GroupId::Open,
        epoch: Epoch(5),
    }
}

fn sealed(name: &str) -> Vec<u8> {
    let device = DeviceSecret::from_seed(Secret::from_bytes([6; 32]));
    secret(name).seal(
        &place(),
        &group(),
        &device,
        &mut Entropy::from_seed([7; 32]),
    )
}

// spec 3.50
#[test]
fn names_keep_their_rules() {
    let too_long = "x".repeat(65);
    for (name, error) in [
        ("", NameError::Empty),
        (" a", NameError::NotTrimmed),
        ("a\n", NameError::NotTrimmed),
        ("a\x1b[2J", NameError::Control),
        ("abc\u{202e}cba", NameError::Control),
        ("a\u{200b}b", NameError::Control),
        (&too_long, NameError::TooLong { got: 65, max: 64 }),
    ] {
        assert_eq!(check(name), Err(error), "{name:?}");
    }
    for name in ["a", "Zoë of the 日本", "می\u{200c}خواهم", &too_long[..64]] {
        assert_eq!(check(name), Ok(()), "{name:?}");
    }
}

// spec 3.52
#[test]
fn each_part_of_the_place_is_bound() {
    let bytes = sealed("ann");
    let commitment = secret("ann").commitment();
    let base = place();
    for place in [
        NamePlace {
            community: CommunityId([0; 32]),
            ..base
        },
        NamePlace {
            subject: Subject::User(UserId([0; 16])),
            ..base
        },
        NamePlace {
            subject: Subject::Channel(ChannelId([4; 16])),
            ..base
        },
        NamePlace {
            group: GroupId::Channel(ChannelId([0; 16])),
            ..base
        },
        NamePlace {
            epoch: Epoch(6),
            ..base
        },
    ] {
        let opened = NameSecret::open(&bytes, &place, &group(), &commitment);
        assert_eq!(opened, Err(NameError::NotAuthentic), "{place:?}");
    }
}

// spec 3.51
#[test]
fn a_name_that_the_log_does_not_know_is_refused() {
    let other = secret("bob").commitment();
    let opened = NameSecret::open(&sealed("ann"), &place(), &group(), &other);
    assert_eq!(opened, Err(NameError::WrongCommitment));
    let salted = NameSecret::new("ann", Secret::from_bytes([9; 16])).unwrap();
    assert_ne!(salted.commitment(), secret("ann").commitment());
}

// spec 3.52
#[test]
fn every_sealed_name_is_equally_long_and_never_printed() {
    assert_eq!(sealed("a").len(), sealed(&"x".repeat(64)).len());
    assert_eq!(format!("{:?}", secret("ann")), "NameSecret(..)");
}

proptest! {
    #[test]
    fn what_was_sealed_opens(name in "[a-z\u{e0}-\u{ff}]{1,32}") {
        let commitment = secret(&name).commitment();
        let opened = NameSecret::open(&sealed(&name), &place(), &group(), &commitment);
        prop_assert_eq!(opened, Ok(secret(&name)));
    }

    #[test]
    fn no_bytes_panic_or_open(bytes: Vec<u8>, name: String) {
        let commitment = secret("ann").commitment();
        prop_assert!(NameSecret::open(&bytes, &place(), &group(), &commitment).is_err());
        let _ = check(&name);
    }

    #[test]
    fn a_flipped_bit_is_refused(at: prop::sample::Index, bit in 0..8u8) {
        let mut bytes = sealed("ann");
        let at = at.index(bytes.len());
        bytes[at] ^= 1 << bit;
        let commitment = secret("ann").commitment();
        prop_assert!(NameSecret::open(&bytes, &place(), &group(), &commitment).is_err());
    }
}
