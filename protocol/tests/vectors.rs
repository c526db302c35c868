//! The formats, byte for byte: each file of `vectors/` is computed anew from its seeds and compared.
//!
//! A format that is out in the world cannot change, so nothing rewrites these files but
//! `DIALTONE_WRITE_VECTORS=1 cargo test -p dialtone-protocol --test vectors`, which is for new ones.

#![expect(clippy::unwrap_used, reason = "a helper of tests")]

use std::path::Path;

use dialtone_protocol::crypto::envelope::{self, KeyRecord, Recipient, RecipientId};
use dialtone_protocol::crypto::keystore::{self, FileKey};
use dialtone_protocol::crypto::login::sign_login;
use dialtone_protocol::crypto::message::{self, Address, Plain, Seen};
use dialtone_protocol::crypto::names::{NamePlace, NameSecret, Subject};
use dialtone_protocol::crypto::password::{KdfMemory, KdfParams, account_password};
use dialtone_protocol::crypto::password_hash::{hash_password, token_hash, username_hash};
use dialtone_protocol::crypto::safety::safety_number;
use dialtone_protocol::crypto::voice::{
    Leg, OfferId, Seat, Speaker, VoiceNonce, VoiceRoom, sign_answer, sign_join, sign_offer,
};
use dialtone_protocol::crypto::{
    DeviceSecret, Entropy, GroupKey, InviteSecret, Label, Secret, direct, transcript,
};
use dialtone_protocol::ids::{
    ChannelId, ClientId, CommunityId, DeviceId, EntryHash, Epoch, GroupId, Head, Seq, Transcript,
    UserId,
};
use dialtone_protocol::wire::link::{Link, LinkKind};
use serde_json::{Value, json};

/// The seeds that each format is shown for.
const SEEDS: [u8; 3] = [0, 1, 0xff];

// spec 3.5 to 3.8
#[test]
fn device() {
    compare("device", |seed| {
        let device = DeviceSecret::from_seed(Secret::from_bytes([seed; 32]));
        let invite = InviteSecret::from_bytes([seed; 16]).keys();
        json!({
            "device_seed": hex(device.seed().expose()),
            "sign": hex(device.public().sign.as_bytes()),
            "dh": hex(device.public().dh.as_bytes()),
            "label": text(Label::Login.as_bytes()),
            "signed": "message",
            "signature": hex(&device.sign(Label::Login, b"message").0),
            "invite_secret": hex(&[seed; 16]),
            "invite_sign": hex(invite.public().sign.as_bytes()),
            "invite_dh": hex(invite.public().dh.as_bytes()),
        })
    });
}

// spec 3.10, 3.11
#[test]
fn group() {
    compare("group", |seed| {
        let mut given = Given::new(seed);
        let (community, group, epoch) = (given.community, given.group(), given.epoch);
        let previous = Epoch(epoch.0 - 1);
        let (new, old) = (given.key(), given.key());
        let sealed = new.seal_previous(
            &community,
            group,
            epoch,
            &old,
            &given.device,
            &mut given.entropy(),
        );
        json!({
            "community": community,
            "group": group_text(group),
            "epoch": epoch,
            "key": hex(new.secret().expose()),
            "commitment": new.commitment(&community, group, epoch),
            "previous_key": hex(old.secret().expose()),
            "previous_commitment": old.commitment(&community, group, previous),
            "sealed_previous": hex(&sealed),
        })
    });
}

// spec 3.20 to 3.22
#[test]
fn envelope() {
    compare("envelope", |seed| {
        let mut given = Given::new(seed);
        let recipient = DeviceSecret::from_seed(given.secret());
        let id = match seed {
            0 => RecipientId::Invite(EntryHash(given.bytes())),
            _ => RecipientId::Device(DeviceId(given.bytes())),
        };
        let records = [GroupId::Open, given.group()].map(|group| KeyRecord {
            group,
            epoch: given.epoch,
            key: given.key(),
        });
        let to = Recipient {
            id,
            dh: recipient.public().dh,
        };
        let sealed = envelope::seal(
            &given.community,
            &to,
            &records,
            &given.device,
            &mut given.entropy(),
        );
        let shown = records.map(|record| {
            json!({
                "group": group_text(record.group),
                "epoch": record.epoch,
                "key": hex(record.key.secret().expose()),
            })
        });
        json!({
            "community": given.community,
            "recipient": match id {
                RecipientId::Invite(entry) => json!({ "invite": entry }),
                RecipientId::Device(device) => json!({ "device": device }),
                _ => Value::Null,
            },
            "recipient_seed": hex(recipient.seed().expose()),
            "records": shown,
            "envelope": hex(&sealed.unwrap()),
        })
    });
}

// spec 3.30
#[test]
fn direct_sealing() {
    compare("direct", |seed| {
        let mut given = Given::new(seed);
        let recipient = DeviceSecret::from_seed(given.secret());
        let sealed = direct::seal_to_device(
            &recipient.public().dh,
            b"context",
            b"plaintext",
            &given.device,
            &mut given.entropy(),
        );
        json!({
            "recipient_seed": hex(recipient.seed().expose()),
            "context": "context",
            "plaintext": "plaintext",
            "sealed": hex(&sealed.unwrap()),
        })
    });
}

// spec 3.31 to 3.35, 3.40
#[test]
fn message() {
    compare("message", |seed| {
        let mut given = Given::new(seed);
        let address = Address {
            community: given.community,
            channel: ChannelId(given.bytes()),
            epoch: given.epoch,
            user: UserId(given.bytes()),
            device: DeviceId(given.bytes()),
            client_id: ClientId(given.bytes()),
        };
        let plain = Plain {
            content: vec![seed; usize::from(seed) * 4],
            head: Head {
                index: u64::from(seed),
                hash: EntryHash(given.bytes()),
            },
            seen: Seen {
                seq: Seq(u64::from(seed) << 8),
                transcript: Transcript(given.bytes()),
            },
        };
        let group = given.key();
        let sealed = message::seal(
            &address,
            &plain,
            &group,
            &given.device,
            &mut given.entropy(),
        );
        let sealed = sealed.unwrap();
        let after = transcript::next(
            plain.seen.transcript,
            address.device,
            address.client_id,
            &sealed,
        );
        json!({
            "community": address.community,
            "channel": address.channel,
            "epoch": address.epoch,
            "user": address.user,
            "device": address.device,
            "client_id": address.client_id,
            "content": hex(&plain.content),
            "head": plain.head,
            "seen_seq": plain.seen.seq,
            "seen_transcript": plain.seen.transcript,
            "group_key": hex(group.secret().expose()),
            "device_seed": hex(given.device.seed().expose()),
            "sealed": hex(&sealed),
            "transcript_after_it": after,
        })
    });
}

// spec 3.51, 3.52
#[test]
fn name() {
    compare("name", |seed| {
        let mut given = Given::new(seed);
        let name = ["a", "Zoë", "#general"][usize::from(seed % 3)];
        let salt = given.bytes();
        let secret = NameSecret::new(name, Secret::from_bytes(salt)).unwrap();
        let place = NamePlace {
            community: given.community,
            subject: match seed {
                0 => Subject::Channel(ChannelId(given.bytes())),
                _ => Subject::User(UserId(given.bytes())),
            },
            group: given.group(),
            epoch: given.epoch,
        };
        let group = given.key();
        let sealed = secret.seal(&place, &group, &given.device, &mut given.entropy());
        json!({
            "name": name,
            "salt": hex(&salt),
            "commitment": secret.commitment(),
            "community": place.community,
            "subject": match place.subject {
                Subject::Channel(channel) => json!({ "channel": channel }),
                Subject::User(user) => json!({ "user": user }),
                _ => Value::Null,
            },
            "group": group_text(place.group),
            "epoch": place.epoch,
            "group_key": hex(group.secret().expose()),
            "sealed": hex(&sealed),
        })
    });
}

// spec 3.60, 3.61
#[test]
fn login() {
    compare("login", |seed| {
        let mut given = Given::new(seed);
        let (device, challenge) = (DeviceId(given.bytes()), given.bytes());
        let user = UserId(given.bytes());
        json!({
            "device_seed": hex(given.device.seed().expose()),
            "device": device,
            "challenge": hex(&challenge),
            "signature": hex(&sign_login(device, &challenge, &given.device).0),
            "community": given.community,
            "user": user,
            "safety_number": safety_number(&given.community, user, &given.device.public()),
        })
    });
}

// spec 3.70 to 3.74
#[test]
fn password() {
    compare("password", |seed| {
        let salt = [seed; 16];
        let (username, token) = (format!(" User{seed} "), format!("token{seed}"));
        json!({
            "password": "correct horse",
            "username": username,
            "account_password": account_password("correct horse", &username).unwrap(),
            "salt": hex(&salt),
            "phc": hash_password("correct horse", &salt, KdfParams::SERVER, &mut KdfMemory::default()).unwrap(),
            "pepper": hex(&[seed; 32]),
            "username_hash": hex(&username_hash(&[seed; 32], &username)),
            "token": token,
            "token_hash": hex(&token_hash(&token)),
        })
    });
}

// spec 3.72, 3.73
#[test]
fn keystore() {
    compare("keystore", |seed| {
        let mut given = Given::new(seed);
        let made = keystore::create("passphrase", KdfParams::FLOOR, &mut given.entropy()).unwrap();
        let file_key = given.secret();
        let record = FileKey::from_secret(file_key.clone()).seal_record(
            "table",
            b"key",
            b"value",
            &mut given.entropy(),
        );
        json!({
            "passphrase": "passphrase",
            "file": hex(&made.1),
            "file_key": hex(file_key.expose()),
            "table": "table",
            "key": "key",
            "value": "value",
            "record": hex(&record),
        })
    });
}

// spec 2.10
#[test]
fn link() {
    compare("link", |seed| {
        let kind = match seed {
            0 => LinkKind::Host,
            1 => LinkKind::Found,
            _ => LinkKind::Open {
                secret: InviteSecret::from_bytes([seed; 16]),
                hash: EntryHash([seed; 32]),
            },
        };
        let link = Link::new("https://chat.example:8443", "to-ken", kind);
        assert_eq!(Link::parse(&link.to_text()), Ok(link.clone()));
        json!({ "url": link.url, "token": link.token, "link": link.to_text() })
    });
}

/// Inputs that all come from one seed.
struct Given {
    seed: u8,
    source: Entropy,
    community: CommunityId,
    epoch: Epoch,
    device: DeviceSecret,
}

impl Given {
    fn new(seed: u8) -> Self {
        let mut source = Entropy::from_seed([seed; 32]);
        Self {
            seed,
            community: CommunityId(source.bytes()),
            epoch: Epoch(u32::from(seed) + 1),
            device: DeviceSecret::from_seed(Secret::from_bytes(source.bytes())),
            source,
        }
    }

    /// The generator of the sealing itself.
    fn entropy(&self) -> Entropy {
        Entropy::from_seed([self.seed; 32])
    }

    fn bytes<const N: usize>(&mut self) -> [u8; N] {
        self.source.bytes()
    }

    fn secret(&mut self) -> Secret<32> {
        Secret::from_bytes(self.bytes())
    }

    fn key(&mut self) -> GroupKey {
        GroupKey::from_secret(self.secret())
    }

    fn group(&self) -> GroupId {
        GroupId::Channel(ChannelId([self.seed; 16]))
    }
}

/// Compares a format's file with what is computed now.
fn compare(format: &str, vector: impl Fn(u8) -> Value) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("vectors/{format}.json"));
    let vectors = SEEDS.map(|seed| json!({ "seed": hex(&[seed; 32]), "vector": vector(seed) }));
    let mut now = serde_json::to_string_pretty(&vectors).unwrap();
    now.push('\n');
    if std::env::var_os("DIALTONE_WRITE_VECTORS").is_some() {
        std::fs::write(&path, &now).unwrap();
    }
    let kept = std::fs::read_to_string(&path).unwrap();
    assert_eq!(kept, now, "the format of {format} has changed");
}

fn group_text(group: GroupId) -> String {
    match group {
        GroupId::Channel(channel) => channel.to_string(),
        _ => String::new(),
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap()
}

// spec 3.80 to 3.83
#[test]
fn voice() {
    compare("voice", |seed| {
        let mut given = Given::new(seed);
        let room = VoiceRoom {
            community: given.community,
            channel: ChannelId(given.bytes()),
        };
        let mut seat = || Seat {
            speaker: Speaker {
                user: UserId(given.bytes()),
                device: DeviceId(given.bytes()),
            },
            nonce: VoiceNonce(given.bytes()),
        };
        let (from, to) = (seat(), seat());
        let head = Head {
            index: u64::from(seed),
            hash: EntryHash([seed; 32]),
        };
        let device = DeviceSecret::from_seed(Secret::from_bytes([seed; 32]));
        let other = DeviceSecret::from_seed(Secret::from_bytes([seed ^ 1; 32]));
        let leg = Leg { room, from, to };
        let (id, sdp) = (OfferId([seed; 16]), "v=0\r\n");
        let (offered, offer) = sign_offer(leg, id, 7, sdp, head, &device);
        json!({
            "community": room.community.to_string(),
            "channel": room.channel.to_string(),
            "from": [from.speaker.user.to_string(), from.speaker.device.to_string(), hex(&from.nonce.0)],
            "to": [to.speaker.user.to_string(), to.speaker.device.to_string(), hex(&to.nonce.0)],
            "head": [head.index.to_string(), head.hash.to_string()],
            "device_seed": hex(device.seed().expose()),
            "join": sign_join(room, from, head, &device),
            "offer_id": hex(&id.0),
            "generation": 7,
            "sdp": sdp,
            "offer": offer,
            "other_device_seed": hex(other.seed().expose()),
            "answer": sign_answer(leg, &offered, sdp, head, &other),
        })
    });
}
