//! Every opener of ciphertext: no bytes panic, and nothing that was not sealed for a place opens there.

use dialtone_protocol::crypto::device::{DeviceSecret, VerifyKey};
use dialtone_protocol::crypto::direct;
use dialtone_protocol::crypto::envelope;
use dialtone_protocol::crypto::group::GroupKey;
use dialtone_protocol::crypto::keystore::FileKey;
use dialtone_protocol::crypto::message::{self, Address};
use dialtone_protocol::crypto::names::{NamePlace, NameSecret};
use dialtone_protocol::crypto::secret::Secret;
use dialtone_protocol::crypto::voice::{self, Leg, Seat, Speaker, VoiceNonce, VoiceRoom};
use dialtone_protocol::ids::{
    ChannelId, ClientId, Commitment, CommunityId, DeviceId, Epoch, GroupId, RecipientId, Subject,
    UserId,
};

/// Takes a byte that chooses the opener, then what it opens. No key here was ever used to seal anything.
pub fn run(bytes: &[u8]) {
    let Some((choice, bytes)) = bytes.split_first() else {
        return;
    };
    let device = DeviceSecret::from_seed(Secret::from_bytes([7; 32]));
    let group = GroupKey::from_secret(Secret::from_bytes([8; 32]));
    let (community, epoch) = (CommunityId([1; 32]), Epoch(1));
    match choice % 7 {
        0 => {
            let address = Address {
                community,
                channel: ChannelId([2; 16]),
                epoch: message::peek(bytes).map_or(epoch, |header| header.epoch),
                user: UserId([3; 16]),
                device: DeviceId([4; 16]),
                client_id: ClientId([5; 16]),
            };
            assert!(message::open(bytes, &address, &group, &device.public().sign).is_err());
        }
        1 => {
            let me = RecipientId::Device(DeviceId([4; 16]));
            let recipient = envelope::peek(bytes).map_or(me, |header| header.recipient);
            let any = |_, _| Some(Commitment([6; 32]));
            assert!(envelope::open(bytes, &community, recipient, device.dh(), any).is_err());
        }
        2 => {
            let place = NamePlace {
                community,
                subject: Subject::User(UserId([3; 16])),
                group: GroupId::Open,
                epoch,
            };
            assert!(NameSecret::open(bytes, &place, &group, &Commitment([6; 32])).is_err());
        }
        3 => assert!(
            group
                .open_previous(
                    &community,
                    GroupId::Open,
                    epoch,
                    bytes,
                    &Commitment([6; 32])
                )
                .is_err()
        ),
        4 => assert!(direct::open_from_device(device.dh(), b"fuzz", bytes).is_err()),
        5 => {
            let file = FileKey::from_secret(Secret::from_bytes([9; 32]));
            assert!(file.open_record("table", b"key", bytes).is_err());
        }
        // The keystore's own opener stretches a passphrase, which is too slow to fuzz.
        _ => no_proof(&String::from_utf8_lossy(bytes), &device.public().sign),
    }
}

/// No text proves that a device said something about its voice: the device here has signed nothing.
fn no_proof(text: &str, key: &VerifyKey) {
    let seat = |number| Seat {
        speaker: Speaker {
            user: UserId([number; 16]),
            device: DeviceId([number; 16]),
        },
        nonce: VoiceNonce([number; 16]),
    };
    let room = VoiceRoom {
        community: CommunityId([1; 32]),
        channel: ChannelId([2; 16]),
    };
    let (from, to) = (seat(3), seat(4));
    let leg = Leg { room, from, to };
    assert!(voice::verify_join(text, room, from.speaker, key).is_err());
    assert!(voice::verify_offer(text, leg, "v=0", key).is_err());
}
