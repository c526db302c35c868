use alloc::string::{String, ToString};
use alloc::vec::Vec;

use proptest::prelude::*;

use super::*;
use crate::crypto::Secret;
use crate::ids::EntryHash;

const ROOM: VoiceRoom = VoiceRoom {
    community: CommunityId([1; 32]),
    channel: ChannelId([2; 16]),
};
const HEAD: Head = Head {
    index: 7,
    hash: EntryHash([3; 32]),
};
const OFFER: OfferId = OfferId([5; 16]);
const SDP: &str = "v=0\r\na=fingerprint:sha-256 AA:BB\r\n";

fn speaker(number: u8) -> Speaker {
    Speaker {
        user: UserId([number; 16]),
        device: DeviceId([number ^ 0x80; 16]),
    }
}

fn seat(number: u8) -> Seat {
    Seat {
        speaker: speaker(number),
        nonce: VoiceNonce([number ^ 0x40; 16]),
    }
}

fn secret(number: u8) -> DeviceSecret {
    DeviceSecret::from_seed(Secret::from_bytes([number; 32]))
}

fn key(number: u8) -> VerifyKey {
    secret(number).public().sign
}

/// From the first to the second.
fn leg() -> Leg {
    Leg {
        room: ROOM,
        from: seat(1),
        to: seat(2),
    }
}

fn offered() -> (Offered, String) {
    sign_offer(leg(), OFFER, 3, SDP, HEAD, &secret(1))
}

/// Every way to hold another call than this one.
fn other_legs() -> Vec<Leg> {
    let leg = leg();
    let mut others = alloc::vec![leg; 7];
    others[0].room.community = CommunityId([9; 32]);
    others[1].room.channel = ChannelId([9; 16]);
    others[2].from.speaker.device = DeviceId([9; 16]);
    others[3].to.speaker.user = UserId([9; 16]);
    others[4].from.nonce = VoiceNonce([9; 16]);
    others[5].to.nonce = VoiceNonce([9; 16]);
    others[6] = Leg {
        from: leg.to,
        to: leg.from,
        ..leg
    };
    others
}

// spec 3.80
#[test]
fn a_join_holds_for_one_device_in_one_room() {
    let proof = sign_join(ROOM, seat(1), HEAD, &secret(1));
    let joined = verify_join(&proof, ROOM, speaker(1), &key(1)).unwrap();
    assert_eq!((joined.seat, joined.head), (seat(1), HEAD));
    let elsewhere = VoiceRoom {
        channel: ChannelId([9; 16]),
        ..ROOM
    };
    for refused in [
        verify_join(&proof, elsewhere, speaker(1), &key(1)),
        verify_join(&proof, ROOM, speaker(2), &key(1)),
        verify_join(&proof, ROOM, speaker(1), &key(2)),
    ] {
        assert_eq!(refused, Err(ProofError::Forged));
    }
}

// spec 3.81
#[test]
fn an_offer_holds_for_one_call_and_one_description() {
    let (offered, proof) = offered();
    assert_eq!(verify_offer(&proof, leg(), SDP, &key(1)), Ok(offered));
    assert_eq!(
        (offered.id, offered.generation, offered.head),
        (OFFER, 3, HEAD)
    );
    // The server swaps the fingerprint, or replays what was signed for another call.
    let swapped = SDP.replace("AA", "AC");
    let forged = Err(ProofError::Forged);
    assert_eq!(verify_offer(&proof, leg(), &swapped, &key(1)), forged);
    for other in other_legs() {
        assert_eq!(verify_offer(&proof, other, SDP, &key(1)), forged);
    }
    assert_eq!(verify_offer(&proof, leg(), SDP, &key(2)), forged);
}

// spec 3.82
#[test]
fn an_answer_holds_for_one_offer_and_one_description() {
    let (offered, _) = offered();
    let proof = sign_answer(leg(), &offered, SDP, HEAD, &secret(2));
    let verify = |leg, offered: &Offered, sdp: &str, number| {
        verify_answer(&proof, leg, offered, sdp, &key(number))
    };
    assert_eq!(verify(leg(), &offered, SDP, 2), Ok(Answered { head: HEAD }));
    let forged = Err(ProofError::Forged);
    let (restarted, _) = sign_offer(leg(), OFFER, 4, SDP, HEAD, &secret(1));
    let (by_another, _) = sign_offer(leg(), OFFER, 3, SDP, HEAD, &secret(3));
    assert_eq!(verify(leg(), &restarted, SDP, 2), forged);
    assert_eq!(verify(leg(), &by_another, SDP, 2), forged);
    assert_eq!(verify(leg(), &offered, "v=0", 2), forged);
    assert_eq!(verify(leg(), &offered, SDP, 1), forged);
    for other in other_legs() {
        assert_eq!(verify(other, &offered, SDP, 2), forged);
    }
}

#[test]
fn one_kind_of_proof_is_none_of_another() {
    let (offered, offer) = offered();
    let join = sign_join(ROOM, seat(1), HEAD, &secret(1));
    let answer = sign_answer(leg(), &offered, SDP, HEAD, &secret(1));
    for proof in [&offer, &answer] {
        assert!(verify_join(proof, ROOM, speaker(1), &key(1)).is_err());
    }
    for proof in [&join, &answer] {
        assert!(verify_offer(proof, leg(), SDP, &key(1)).is_err());
    }
    for proof in [&join, &offer] {
        assert!(verify_answer(proof, leg(), &offered, SDP, &key(1)).is_err());
    }
}

#[test]
fn what_is_no_proof_is_named() {
    let verify = |proof: &str| verify_join(proof, ROOM, speaker(1), &key(1));
    assert_eq!(verify("?"), Err(ProofError::Malformed(None)));
    assert_eq!(
        verify(""),
        Err(ProofError::Malformed(Some(CborError::Truncated)))
    );
    let (got, max) = (MAX_PROOF_BYTES + 1, MAX_PROOF_BYTES);
    assert_eq!(
        verify(&"A".repeat(got)),
        Err(ProofError::TooLong { got, max })
    );
    let newer = base64::encode(&[0xa1, 0x00, 0x02]);
    assert_eq!(verify(&newer), Err(ProofError::UnknownVersion(2)));
    assert_eq!(
        ProofError::UnknownVersion(2).to_string(),
        "unknown proof version 2"
    );
}

#[test]
fn the_longest_proof_fits() {
    let far = Head {
        index: u64::MAX,
        ..HEAD
    };
    let (_, proof) = sign_offer(leg(), OFFER, u32::MAX, SDP, far, &secret(1));
    assert!(proof.len() <= MAX_PROOF_BYTES / 2, "{}", proof.len());
}

proptest! {
    #[test]
    fn no_text_panics_or_proves(proof in "\\PC{0,64}", bytes: Vec<u8>) {
        let (offered, _) = offered();
        for proof in [proof, base64::encode(&bytes)] {
            prop_assert!(verify_join(&proof, ROOM, speaker(1), &key(1)).is_err());
            prop_assert!(verify_offer(&proof, leg(), SDP, &key(1)).is_err());
            prop_assert!(verify_answer(&proof, leg(), &offered, SDP, &key(2)).is_err());
        }
    }

    #[test]
    fn a_flipped_bit_is_refused(at: prop::sample::Index, bit in 0..8u8) {
        let (_, proof) = offered();
        let mut bytes = base64::decode(&proof).unwrap();
        let at = at.index(bytes.len());
        bytes[at] ^= 1 << bit;
        prop_assert!(verify_offer(&base64::encode(&bytes), leg(), SDP, &key(1)).is_err());
    }
}
