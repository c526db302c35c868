//! Form, place, signatures and author of an entry (spec 4.1 to 4.19).

use dialtone_protocol::crypto::device::KeyError;
use dialtone_protocol::crypto::{DeviceSecret, InviteSecret};
use dialtone_protocol::ids::{Commitment, CommunityId, DeviceId, EntryHash, GroupId, Subject};
use dialtone_protocol::sigchain::{
    Chain, DecodeError, DeviceRecord, Draft, Entry, Invalid, Newer, Payload,
};
use dialtone_protocol::wire::cbor::CborError;

use crate::world::{Person, TIME, World, invitation, rotation};

fn naming(who: &Person) -> Payload {
    Payload::SetName {
        subject: Subject::User(who.user),
        commitment: Commitment([1; 32]),
    }
}

/// Replaces the only place where `from` stands in an entry's bytes.
fn patch(entry: &Entry, from: &[u8], to: &[u8]) -> Vec<u8> {
    let bytes = entry.bytes();
    let found: Vec<_> = (0..=bytes.len() - from.len())
        .filter(|at| bytes[*at..].starts_with(from))
        .collect();
    let [at] = found[..] else {
        panic!("{} places to patch", found.len());
    };
    [&bytes[..at], to, &bytes[at + from.len()..]].concat()
}

// spec 4.1
#[test]
fn an_entry_has_a_bounded_size_and_one_form() {
    let long = [0; 4097];
    assert_eq!(
        Entry::decode(&long),
        Err(DecodeError::TooLong {
            got: 4097,
            max: 4096
        })
    );
    let (world, _) = World::founded();
    let bytes = world.log[0].bytes();
    let malformed = |bytes: &[u8], error| {
        assert_eq!(Entry::decode(bytes), Err(DecodeError::Cbor(error)));
    };
    malformed(&[bytes, &[0]].concat(), CborError::Trailing);
    malformed(&bytes[..bytes.len() - 1], CborError::Truncated);
    // Three signatures, and none of the right length.
    malformed(&[0x82, 0x40, 0x83, 0x40, 0x40, 0x40], CborError::WrongShape);
    malformed(&[0x80], CborError::WrongShape);
    // A body that is no map.
    malformed(&[0x82, 0x41, 0x00, 0x80], CborError::WrongShape);
}

// spec 4.3
#[test]
fn what_only_a_newer_version_knows_is_named_so() {
    let (mut world, founder) = World::founded();
    let naming = Draft::new(&world.chain, founder.device, TIME, naming(&founder));
    let naming = naming.sign(&founder.secret);
    // The body's head, and its version: map of eight, key 0.
    let version = patch(&naming, &[0xa8, 0x00, 0x01], &[0xa8, 0x00, 0x02]);
    let kind = patch(&naming, &[0x06, 0x0e, 0x07], &[0x06, 0x10, 0x07]);
    let newcomer = world.person();
    let vouch = Draft::new(&world.chain, founder.device, TIME, world.vouch(&newcomer));
    let vouch = vouch.sign(&founder.secret);
    let suite = patch(
        &vouch,
        &[0x01, 0x01, 0x02, 0x58, 0x20],
        &[0x01, 0x02, 0x02, 0x58, 0x20],
    );
    for (bytes, newer) in [
        (version, Newer::Version(2)),
        (kind, Newer::Kind(16)),
        (suite, Newer::Suite(2)),
    ] {
        let error = world.chain.append(&bytes).unwrap_err();
        assert_eq!(error, Invalid::Decode(DecodeError::NeedsNewer(newer)));
        assert!(error.needs_newer());
        assert_eq!(error.name(), "needs_newer");
    }
}

// spec 4.6, 4.18
#[test]
fn keys_of_low_order_and_malformed_keys_are_refused() {
    let (mut world, founder) = World::founded();
    let newcomer = world.person();
    let public = newcomer.secret.public();
    let vouch = Draft::new(&world.chain, founder.device, TIME, world.vouch(&newcomer));
    let vouch = vouch.sign(&founder.secret);
    let secret = InviteSecret::generate(&mut world.entropy);
    let invite = Draft::new(&world.chain, founder.device, TIME, invitation(&secret, 1));
    let invite = invite.sign(&founder.secret);
    let keys = secret.keys().public();
    let weak = {
        let mut identity = [0; 32];
        identity[0] = 1;
        identity
    };
    for (entry, key, bad, error) in [
        (&vouch, public.sign.as_bytes(), weak, KeyError::LowOrder),
        (
            &vouch,
            public.sign.as_bytes(),
            [0xff; 32],
            KeyError::NotCanonical,
        ),
        (&vouch, public.dh.as_bytes(), [0; 32], KeyError::LowOrder),
        (
            &vouch,
            public.dh.as_bytes(),
            [0xff; 32],
            KeyError::NotCanonical,
        ),
        (&invite, keys.sign.as_bytes(), weak, KeyError::LowOrder),
        (&invite, keys.dh.as_bytes(), weak, KeyError::LowOrder),
    ] {
        let result = world.chain.append(&patch(entry, key, &bad));
        assert_eq!(result, Err(Invalid::Decode(DecodeError::Key(error))));
    }
}

// spec 4.5
#[test]
fn the_hash_covers_the_signatures_and_genesis_names_the_community() {
    let (world, founder) = World::founded();
    assert_eq!(world.community(), CommunityId(world.log[0].hash().0));
    assert_eq!(world.log[1].community(), world.community());
    let draft = || Draft::new(&world.chain, founder.device, TIME, naming(&founder));
    let other = DeviceSecret::generate(&mut World::empty().entropy);
    let (honest, forged) = (draft().sign(&founder.secret), draft().sign(&other));
    assert_ne!(honest.hash(), forged.hash());
}

// spec 4.7
#[test]
fn genesis_stands_first_and_only_there() {
    let (mut world, founder) = World::founded();
    let second = world.genesis(&founder);
    assert_eq!(world.refusal(&founder, second), Invalid::SecondGenesis);
    let naming = naming(&founder);
    assert_eq!(World::empty().refusal(&founder, naming), Invalid::NoGenesis);
}

// spec 4.8
#[test]
fn an_entry_of_another_community_is_refused() {
    let (mut world, founder) = World::founded();
    let (mut other, _) = World::founded();
    assert_eq!(world.community(), other.community(), "the same seed");
    let mut elsewhere = World::empty();
    let stranger = elsewhere.device_of(founder.user);
    let genesis = elsewhere.genesis(&stranger);
    elsewhere.must(&stranger, genesis);
    elsewhere.must(&stranger, rotation(GroupId::Open, 0));
    let entry = Draft::new(&elsewhere.chain, founder.device, TIME, naming(&founder));
    let result = world.offer(entry.sign(&founder.secret));
    assert_eq!(result, Err(Invalid::WrongCommunity));
    let zeros = Draft::new(&Chain::new(), founder.device, TIME, naming(&founder));
    let result = other.offer(zeros.sign(&founder.secret));
    assert_eq!(result, Err(Invalid::WrongCommunity));
}

// spec 4.9, 4.10
#[test]
fn an_entry_follows_the_head() {
    let (mut world, founder) = World::founded();
    let ahead = Draft::new(&world.chain, founder.device, TIME, naming(&founder));
    let ahead = ahead.sign(&founder.secret);
    let beyond = Draft::after(&ahead, founder.device, TIME, naming(&founder));
    let result = world.offer(beyond.sign(&founder.secret));
    assert_eq!(
        result,
        Err(Invalid::WrongIndex {
            got: 3,
            expected: 2
        })
    );
    let again = world.log[1].clone();
    let result = world.offer(again);
    assert_eq!(
        result,
        Err(Invalid::WrongIndex {
            got: 1,
            expected: 2
        })
    );

    // The same place, after another entry: the fork is refused.
    let behind = Draft::after(&world.log[0], founder.device, TIME, naming(&founder));
    let other = behind.sign(&founder.secret);
    let fork = Draft::after(&other, founder.device, TIME, naming(&founder));
    let result = world.offer(fork.sign(&founder.secret));
    assert_eq!(result, Err(Invalid::WrongPrevious));
}

// spec 4.11
#[test]
fn only_the_authors_device_signs() {
    let (mut world, founder) = World::founded();
    let member = world.member(&founder);
    let draft = Draft::new(&world.chain, founder.device, TIME, naming(&founder));
    let result = world.offer(draft.clone().sign(&member.secret));
    assert_eq!(result, Err(Invalid::BadSignature));
    let signed = draft.clone().sign(&founder.secret);
    let changed = patch(&signed, &[1; 32], &[2; 32]);
    let result = world.offer(Entry::decode(&changed).unwrap());
    assert_eq!(result, Err(Invalid::BadSignature));
    let invite = InviteSecret::generate(&mut world.entropy);
    let result = world.offer(draft.sign_join(&founder.secret, &invite));
    assert_eq!(result, Err(Invalid::SignatureCount));
}

// spec 4.11, 4.12
#[test]
fn a_join_is_signed_by_the_device_and_by_the_invite() {
    let (mut world, founder) = World::founded();
    let invite = world.invite(&founder, 1);
    let newcomer = world.person();
    let wrong = InviteSecret::generate(&mut world.entropy);
    let result = world.join(&newcomer, &(wrong, invite.1));
    assert_eq!(result, Err(Invalid::BadInviteSignature));
    let payload = Payload::Join {
        user: newcomer.user,
        device: world.record(&newcomer),
        invite: invite.1,
    };
    assert_eq!(
        world.refusal(&newcomer, payload.clone()),
        Invalid::SignatureCount
    );
    let draft = Draft::new(&world.chain, newcomer.device, TIME, payload);
    let result = world.offer(draft.sign_join(&founder.secret, &invite.0));
    assert_eq!(result, Err(Invalid::BadSignature));
    world.join(&newcomer, &invite).unwrap();
}

// spec 4.13
#[test]
fn a_device_must_sign_for_itself_its_user_and_its_community() {
    let (mut world, founder) = World::founded();
    let newcomer = world.person();
    let other_user = world.person().user;
    let elsewhere = CommunityId([9; 32]);
    let records = [
        DeviceRecord::new(&elsewhere, newcomer.user, newcomer.device, &newcomer.secret),
        DeviceRecord::new(
            &world.community(),
            other_user,
            newcomer.device,
            &newcomer.secret,
        ),
        DeviceRecord::new(
            &world.community(),
            newcomer.user,
            DeviceId([9; 16]),
            &newcomer.secret,
        ),
    ];
    for mut device in records {
        device.device = newcomer.device;
        let user = newcomer.user;
        let vouch = Payload::Vouch { user, device };
        assert_eq!(world.refusal(&founder, vouch), Invalid::BadProof);
    }
    // Every kind that brings a device asks for the proof.
    let second = world.device_of(founder.user);
    let mut device = world.record(&second);
    device.proof = world.record(&founder).proof;
    let user = founder.user;
    for payload in [
        Payload::AddDevice {
            user,
            device: device.clone(),
        },
        Payload::SetRecovery { device },
    ] {
        assert_eq!(world.refusal(&founder, payload), Invalid::BadProof);
    }
    let invite = world.invite(&founder, 1);
    let mut device = world.record(&newcomer);
    device.proof = world.record(&founder).proof;
    let join = Payload::Join {
        user: newcomer.user,
        device: device.clone(),
        invite: invite.1,
    };
    let draft = Draft::new(&world.chain, newcomer.device, TIME, join);
    let result = world.offer(draft.sign_join(&newcomer.secret, &invite.0));
    assert_eq!(result, Err(Invalid::BadProof));
    let genesis = Payload::Genesis {
        user: newcomer.user,
        device,
    };
    assert_eq!(
        World::empty().refusal(&newcomer, genesis),
        Invalid::BadProof
    );
}

// spec 4.14
#[test]
fn strangers_and_revoked_devices_write_nothing() {
    let (mut world, founder) = World::founded();
    let stranger = world.person();
    let name = naming(&stranger);
    assert_eq!(world.refusal(&stranger, name), Invalid::UnknownAuthor);
    let second = world.device_of(founder.user);
    let add = world.add_device(&second);
    world.must(&founder, add);
    let device = second.device;
    world.must(&founder, Payload::RevokeDevice { device });
    let name = naming(&founder);
    assert_eq!(world.refusal(&second, name), Invalid::AuthorRevoked);
}

// spec 4.15
#[test]
fn a_first_device_writes_its_own_first_entry() {
    let mut world = World::empty();
    let founder = world.person();
    let genesis = world.genesis(&founder);
    let mut other = founder;
    other.device = world.person().device;
    assert_eq!(world.refusal(&other, genesis), Invalid::NotByNewDevice);

    let (mut world, founder) = World::founded();
    let invite = world.invite(&founder, 1);
    let newcomer = world.person();
    let payload = Payload::Join {
        user: newcomer.user,
        device: world.record(&newcomer),
        invite: invite.1,
    };
    let draft = Draft::new(&world.chain, founder.device, TIME, payload);
    let result = world.offer(draft.sign_join(&newcomer.secret, &invite.0));
    assert_eq!(result, Err(Invalid::NotByNewDevice));
}

// spec 4.17
#[test]
fn ids_are_new_for_ever() {
    let (mut world, founder) = World::founded();
    let member = world.member(&founder);
    for removed in [false, true] {
        if removed {
            world.must(&founder, crate::world::removal(&member));
        }
        let again = world.device_of(member.user);
        let vouch = world.vouch(&again);
        assert_eq!(world.refusal(&founder, vouch), Invalid::UserExists);
        let mut thief = world.person();
        thief.device = member.device;
        let vouch = world.vouch(&thief);
        assert_eq!(world.refusal(&founder, vouch), Invalid::DeviceExists);
        let invite = world.invite(&founder, 1);
        assert_eq!(world.join(&again, &invite), Err(Invalid::UserExists));
        assert_eq!(world.join(&thief, &invite), Err(Invalid::DeviceExists));
    }
}

// spec 4.18
#[test]
fn public_keys_are_new_for_ever() {
    let (mut world, founder) = World::founded();
    let member = world.member(&founder);
    let (invite, hash) = world.invite(&founder, 1);
    world.must(&founder, Payload::RevokeInvite { invite: hash });
    world.must(&founder, crate::world::removal(&member));
    for used in [founder.secret.clone(), member.secret.clone(), invite.keys()] {
        let mut newcomer = world.person();
        newcomer.secret = used;
        let vouch = world.vouch(&newcomer);
        assert_eq!(world.refusal(&founder, vouch), Invalid::KeyExists);
        newcomer.user = founder.user;
        let add = world.add_device(&newcomer);
        assert_eq!(world.refusal(&founder, add), Invalid::KeyExists);
    }
    assert_eq!(
        world.refusal(&founder, invitation(&invite, 1)),
        Invalid::KeyExists
    );
    // A record of which only the exchange key was seen before is refused as well.
    let secret = InviteSecret::generate(&mut world.entropy);
    let reused = Payload::Invite {
        key: secret.keys().public().sign,
        dh: member.secret.public().dh,
        uses: 1,
        expires: TIME,
    };
    assert_eq!(world.refusal(&founder, reused), Invalid::KeyExists);
}

#[test]
fn time_is_never_judged() {
    let (mut world, founder) = World::founded();
    for time in [u64::MAX, 0] {
        let time = dialtone_protocol::UnixMillis(time);
        let draft = Draft::new(&world.chain, founder.device, time, naming(&founder));
        world.offer(draft.sign(&founder.secret)).unwrap();
    }
    assert_eq!(
        world.chain.entry_hash_at(3),
        world.chain.head().map(|head| head.hash)
    );
    assert_eq!(world.chain.entry_hash_at(4), None::<EntryHash>);
}
