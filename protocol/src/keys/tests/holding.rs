//! How an envelope becomes a key.

use super::*;

// spec 9.11
#[test]
fn an_envelope_becomes_a_key_only_if_the_log_commits_to_it() {
    let mut world = World::new(History::All);
    let record = world.rotate(1, None);
    let good = world.envelope(2, &record);
    let planted = KeyRecord {
        key: GroupKey::from_secret(Secret::from_bytes([7; 32])),
        ..record.clone()
    };
    let bad = world.envelope(2, &planted);
    let mut keys = Keys::default();
    let said = tell(
        &mut keys,
        Input::Envelopes {
            context: world.context(2),
            envelopes: core::slice::from_ref(&bad),
        },
        Instant::ZERO,
    );
    let reason = EnvelopeError::WrongCommitment {
        group: GROUP,
        epoch: Epoch(0),
    };
    assert_eq!(
        said,
        vec![Output::Refused {
            poster: id(1),
            reason
        }]
    );
    assert_eq!(keys.get(GROUP, Epoch(0)), None);
    let said = tell(
        &mut keys,
        Input::Envelopes {
            context: world.context(2),
            envelopes: core::slice::from_ref(&good),
        },
        Instant::ZERO,
    );
    assert_eq!(said, vec![Output::Held(record)]);
}

// spec 9.12
#[test]
fn the_newest_key_brings_those_before_it() {
    let mut world = World::new(History::All);
    let zero = world.rotate(1, None);
    let one = world.rotate(2, Some(&zero));
    let two = world.rotate(3, Some(&one));
    let mut keys = Keys::default();
    keys.hold(two.clone(), &world.chain);
    assert_eq!(
        drain(&mut keys),
        vec![Output::Held(two), Output::Held(one), Output::Held(zero)]
    );
}

// spec 9.13
#[test]
fn an_envelope_that_is_ahead_of_the_log_waits_for_it() {
    let mut world = World::new(History::All);
    let short = World::with(world.chain.clone());
    let record = world.rotate(1, None);
    let envelope = world.envelope(2, &record);
    let mut keys = Keys::default();
    let said = tell(
        &mut keys,
        Input::Envelopes {
            context: short.context(2),
            envelopes: core::slice::from_ref(&envelope),
        },
        Instant::ZERO,
    );
    assert_eq!(said, vec![Output::WantLog]);
    let said = tell(
        &mut keys,
        Input::LogMoved {
            context: world.context(2),
        },
        Instant::ZERO,
    );
    assert_eq!(said, vec![Output::Held(record)]);
}
