use alloc::vec;

use proptest::prelude::*;

use super::*;
use crate::ids::{ChannelId, DeviceId, EntryHash};

const COMMUNITY: CommunityId = CommunityId([1; 32]);
const ME: RecipientId = RecipientId::Device(DeviceId([2; 16]));

fn device(byte: u8) -> DeviceSecret {
    DeviceSecret::from_seed(Secret::from_bytes([byte; 32]))
}

fn records() -> Vec<KeyRecord> {
    let record = |group, byte| KeyRecord {
        group,
        epoch: Epoch(u32::from(byte)),
        key: GroupKey::from_secret(Secret::from_bytes([byte; 32])),
    };
    vec![
        record(GroupId::Open, 3),
        record(GroupId::Channel(ChannelId([4; 16])), 4),
    ]
}

/// What an honest log says.
fn log(group: GroupId, epoch: Epoch) -> Option<Commitment> {
    records()
        .iter()
        .find(|record| (record.group, record.epoch) == (group, epoch))
        .map(|record| record.key.commitment(&COMMUNITY, group, epoch))
}

fn sealed_to(id: RecipientId, dh: DhPublic, records: &[KeyRecord]) -> Vec<u8> {
    let mut entropy = Entropy::from_seed([5; 32]);
    seal(
        &COMMUNITY,
        &Recipient { id, dh },
        records,
        &device(6),
        &mut entropy,
    )
    .unwrap()
}

fn sealed() -> Vec<u8> {
    sealed_to(ME, device(1).public().dh, &records())
}

fn opened(bytes: &[u8]) -> Result<Vec<KeyRecord>, EnvelopeError> {
    open(bytes, &COMMUNITY, ME, device(1).dh(), log)
}

// spec 3.20
#[test]
fn the_recipient_opens_what_the_log_commits_to() {
    assert_eq!(opened(&sealed()), Ok(records()));
    let header = peek(&sealed()).unwrap();
    assert_eq!(header.recipient, ME);
    let first = (
        GroupId::Open,
        Epoch(3),
        log(GroupId::Open, Epoch(3)).unwrap(),
    );
    assert_eq!(header.records[0], first);
}

// spec 3.22
#[test]
fn nobody_can_plant_a_key() {
    let mut planted = records();
    planted[1].key = GroupKey::from_secret(Secret::from_bytes([9; 32]));
    let (group, epoch) = (planted[1].group, planted[1].epoch);
    let bytes = sealed_to(ME, device(1).public().dh, &planted);
    assert_eq!(
        opened(&bytes),
        Err(EnvelopeError::WrongCommitment { group, epoch })
    );
}

// spec 3.22
#[test]
fn an_epoch_that_the_log_does_not_know_is_named() {
    let mut early = records();
    early[0].epoch = Epoch(9);
    let bytes = sealed_to(ME, device(1).public().dh, &early);
    let (group, epoch) = (GroupId::Open, Epoch(9));
    assert_eq!(
        opened(&bytes),
        Err(EnvelopeError::NotInLog { group, epoch })
    );
}

// spec 3.21
#[test]
fn community_and_recipient_are_bound() {
    let bytes = sealed();
    let elsewhere = open(&bytes, &CommunityId([9; 32]), ME, device(1).dh(), log);
    assert_eq!(elsewhere, Err(EnvelopeError::NotAuthentic));
    let other = RecipientId::Invite(EntryHash([2; 32]));
    let renamed = open(&bytes, &COMMUNITY, other, device(1).dh(), log);
    assert_eq!(renamed, Err(EnvelopeError::WrongRecipient));
    let stolen = open(&bytes, &COMMUNITY, ME, device(7).dh(), log);
    assert_eq!(stolen, Err(EnvelopeError::NotAuthentic));
}

// spec 3.21
#[test]
fn a_changed_header_is_refused() {
    let bytes = sealed();
    let (framed, mut header, _) = read(&bytes).unwrap();
    header.recipient = RecipientId::Device(DeviceId([8; 16]));
    let readdressed = cbor::encode(&Framed {
        header: &cbor::encode(&header),
        sealed: framed.sealed,
    });
    let opened = open(
        &readdressed,
        &COMMUNITY,
        header.recipient,
        device(1).dh(),
        log,
    );
    assert_eq!(opened, Err(EnvelopeError::NotAuthentic));
}

// spec 3.6, 3.20
#[test]
fn versions_and_weak_keys_are_named() {
    let bytes = sealed();
    let (framed, header, _) = read(&bytes).unwrap();
    let reframed = |header: &[u8]| {
        let sealed = framed.sealed;
        opened(&cbor::encode(&Framed { header, sealed }))
    };
    let weak = cbor::encode(&Header {
        ephemeral: [0; 32],
        ..header
    });
    assert_eq!(
        reframed(&weak),
        Err(EnvelopeError::WeakKey(KeyError::LowOrder))
    );
    let (_, header, _) = read(&bytes).unwrap();
    let newer = cbor::encode(&Header {
        version: 2,
        ..header
    });
    assert_eq!(reframed(&newer), Err(EnvelopeError::UnknownVersion(2)));
}

#[test]
fn too_many_keys_are_refused_on_both_sides() {
    let (got, max) = (MAX_ENVELOPE_KEYS + 1, MAX_ENVELOPE_KEYS);
    let many = vec![records()[0].clone(); got];
    let recipient = Recipient {
        id: ME,
        dh: device(1).public().dh,
    };
    let mut entropy = Entropy::from_seed([5; 32]);
    let sealed = seal(&COMMUNITY, &recipient, &many, &device(6), &mut entropy);
    assert_eq!(sealed, Err(EnvelopeError::TooManyKeys { got, max }));
}

#[test]
fn the_longest_envelope_is_far_from_the_bound_and_a_longer_one_is_not_looked_at() {
    let most = vec![records()[0].clone(); MAX_ENVELOPE_KEYS];
    let recipient = Recipient {
        id: ME,
        dh: device(1).public().dh,
    };
    let mut entropy = Entropy::from_seed([5; 32]);
    let sealed = seal(&COMMUNITY, &recipient, &most, &device(6), &mut entropy).unwrap();
    assert!(2 * sealed.len() <= MAX_ENVELOPE_BYTES, "{}", sealed.len());
    let (got, max) = (MAX_ENVELOPE_BYTES + 1, MAX_ENVELOPE_BYTES);
    assert_eq!(
        opened(&vec![0; got]),
        Err(EnvelopeError::TooLong { got, max })
    );
}

proptest! {
    #[test]
    fn no_bytes_panic_or_open(bytes: Vec<u8>) {
        prop_assert!(opened(&bytes).is_err());
        let _ = peek(&bytes);
    }

    #[test]
    fn a_flipped_bit_is_refused(at: prop::sample::Index, bit in 0..8u8) {
        let mut bytes = sealed();
        let at = at.index(bytes.len());
        bytes[at] ^= 1 << bit;
        prop_assert!(opened(&bytes).is_err());
    }
}
