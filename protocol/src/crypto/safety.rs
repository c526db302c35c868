//! The number that two people compare to know that a newcomer is who they think.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use super::device::DevicePublic;
use super::hash::hash;
use super::labels::Label;
use crate::ids::{CommunityId, UserId};

/// The safety number of a user: 30 digits in fives, of a hash of the community, the user and the keys of the user's
/// first device (spec 3.60).
#[must_use]
pub fn safety_number(community: &CommunityId, user: UserId, device: &DevicePublic) -> String {
    let hash = hash(
        Label::SafetyNumber,
        &[
            &community.0,
            &user.0,
            &[device.suite.number()],
            device.sign.as_bytes(),
            device.dh.as_bytes(),
        ],
    );
    let groups: Vec<String> = hash.chunks_exact(5).map(five_digits).collect();
    groups.join(" ")
}

/// Five digits of five bytes: with 40 bits for 17, no digit is notably likelier than another.
fn five_digits(bytes: &[u8]) -> String {
    let number = bytes
        .iter()
        .fold(0u64, |number, byte| number << 8 | u64::from(*byte));
    format!("{:05}", number % 100_000)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crypto::{DeviceSecret, Secret};

    // spec 3.60
    #[test]
    fn a_safety_number_has_thirty_digits_and_depends_on_all() {
        let [one, two] =
            [1, 2].map(|seed| DeviceSecret::from_seed(Secret::from_bytes([seed; 32])).public());
        let (community, user) = (CommunityId([1; 32]), UserId([2; 16]));
        let base = safety_number(&community, user, &one);
        let groups: Vec<usize> = base.split(' ').map(str::len).collect();
        assert_eq!(groups, [5; 6]);
        assert!(
            base.bytes()
                .all(|byte| byte == b' ' || byte.is_ascii_digit())
        );
        let mixed = DevicePublic { dh: two.dh, ..one };
        for other in [
            safety_number(&CommunityId([9; 32]), user, &one),
            safety_number(&community, UserId([9; 16]), &one),
            safety_number(&community, user, &two),
            safety_number(&community, user, &mixed),
        ] {
            assert_ne!(base, other);
        }
    }
}
