//! A channel's transcript: one hash that says what all of its messages were, up to one of them.

use super::hash::hash;
use super::labels::Label;
use crate::ids::{ClientId, DeviceId, Transcript};

/// The transcript after one more message; before the first it is all zeros (spec 3.40).
#[must_use]
pub fn next(previous: Transcript, sender: DeviceId, client: ClientId, body: &[u8]) -> Transcript {
    Transcript(hash(
        Label::Transcript,
        &[&previous.0, &sender.0, &client.0, body],
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    // spec 3.40
    #[test]
    fn every_part_changes_the_transcript() {
        let base = next(
            Transcript::default(),
            DeviceId([1; 16]),
            ClientId([2; 16]),
            b"x",
        );
        for other in [
            next(base, DeviceId([1; 16]), ClientId([2; 16]), b"x"),
            next(
                Transcript::default(),
                DeviceId([3; 16]),
                ClientId([2; 16]),
                b"x",
            ),
            next(
                Transcript::default(),
                DeviceId([1; 16]),
                ClientId([3; 16]),
                b"x",
            ),
            next(
                Transcript::default(),
                DeviceId([1; 16]),
                ClientId([2; 16]),
                b"y",
            ),
        ] {
            assert_ne!(base, other);
        }
    }
}
