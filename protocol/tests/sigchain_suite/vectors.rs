//! The format, byte for byte: one entry of each kind, from fixed seeds.
//!
//! A format that is out in the world cannot change, so nothing rewrites the file but
//! `DIALTONE_WRITE_VECTORS=1 cargo test -p dialtone-protocol --test sigchain_suite`.

use std::path::Path;

use dialtone_protocol::UnixMillis;
use dialtone_protocol::crypto::{DeviceSecret, InviteSecret, Secret};
use dialtone_protocol::ids::{ChannelId, Commitment, DeviceId, Epoch, GroupId, Subject, UserId};
use dialtone_protocol::sigchain::{
    Access, Chain, Draft, Entry, History, Payload, Role, SEALED_KEY_BYTES,
};
use serde_json::{Value, json};

use crate::world::{Person, World, adding, invitation, removal, role, rotation, taking_out};

/// Somebody whose ids and device seed repeat one byte.
fn person(user: u8, device: u8) -> Person {
    Person {
        user: UserId([user; 16]),
        device: DeviceId([device; 16]),
        secret: DeviceSecret::from_seed(Secret::from_bytes([device; 32])),
    }
}

/// The entries, each with the byte that the author's device repeats.
fn entries() -> Vec<(u8, Entry)> {
    let mut writer = Writer {
        world: World::empty(),
        entries: Vec::new(),
    };
    let [founder, guest, vouched] = [1, 2, 3].map(|byte| person(byte, byte));
    let second = person(1, 4);
    let recovery = person(1, 5);
    let invite = InviteSecret::from_bytes([6; 16]);
    let [channel, other] = [7, 8].map(|byte| ChannelId([byte; 16]));
    let group = GroupId::Channel(channel);
    let create = |channel, access, history| Payload::CreateChannel {
        channel,
        access,
        history,
    };

    let genesis = writer.world.genesis(&founder);
    writer.write(&founder, genesis);
    writer.write(&founder, rotation(GroupId::Open, 0));
    writer.write(&founder, invitation(&invite, 2));
    let hash = writer.entries[2].1.hash();
    writer.join(&guest, &invite);
    writer.write(&founder, Payload::RevokeInvite { invite: hash });
    let vouch = writer.world.vouch(&vouched);
    writer.write(&founder, vouch);
    writer.write(&founder, role(&guest, Role::Admin));
    writer.write(&founder, create(channel, Access::Private, History::All));
    writer.write(&founder, rotation(group, 0));
    writer.write(
        &founder,
        Payload::RotateKey {
            group,
            epoch: Epoch(1),
            commitment: Commitment([9; 32]),
            previous: Some(vec![10; SEALED_KEY_BYTES]),
        },
    );
    writer.write(&guest, create(other, Access::Open, History::FromJoin));
    writer.write(&guest, Payload::DeleteChannel { channel: other });
    let add = writer.world.add_device(&second);
    writer.write(&founder, add);
    let device = writer.world.record(&recovery);
    writer.write(&second, Payload::SetRecovery { device });
    let device = second.device;
    writer.write(&founder, Payload::RevokeDevice { device });
    writer.write(&founder, adding(channel, &vouched));
    writer.write(&vouched, taking_out(channel, &vouched));
    for subject in [Subject::User(founder.user), Subject::Channel(channel)] {
        writer.write(
            &founder,
            Payload::SetName {
                subject,
                commitment: Commitment([11; 32]),
            },
        );
    }
    writer.write(&guest, removal(&vouched));
    writer.entries
}

struct Writer {
    world: World,
    entries: Vec<(u8, Entry)>,
}

impl Writer {
    fn write(&mut self, author: &Person, payload: Payload) {
        let draft = self.draft(author, payload);
        self.take(author, draft.sign(&author.secret));
    }

    fn join(&mut self, newcomer: &Person, invite: &InviteSecret) {
        let payload = Payload::Join {
            user: newcomer.user,
            device: self.world.record(newcomer),
            invite: self.entries[2].1.hash(),
        };
        let draft = self.draft(newcomer, payload);
        self.take(newcomer, draft.sign_join(&newcomer.secret, invite));
    }

    fn draft(&self, author: &Person, payload: Payload) -> Draft {
        let time = UnixMillis(1_790_000_000_000 + self.world.chain.next_index());
        Draft::new(&self.world.chain, author.device, time, payload)
    }

    fn take(&mut self, author: &Person, entry: Entry) {
        self.world.offer(entry.clone()).unwrap();
        self.entries.push((author.device.0[0], entry));
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn unhex(text: &str) -> Vec<u8> {
    let digits: Vec<_> = text
        .chars()
        .map(|it| it.to_digit(16).unwrap() as u8)
        .collect();
    digits
        .chunks(2)
        .map(|pair| pair[0] << 4 | pair[1])
        .collect()
}

/// The name of the payload's variant.
fn name(payload: &Payload) -> String {
    let debug = format!("{payload:?}");
    debug
        .split_whitespace()
        .next()
        .unwrap_or_default()
        .to_owned()
}

// spec 4.1 to 4.6
#[test]
fn the_bytes_of_each_kind_do_not_change() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("vectors/sigchain.json");
    let made: Vec<Value> = entries()
        .iter()
        .map(|(device, entry)| {
            json!({
                "kind": entry.payload().kind(),
                "name": name(entry.payload()),
                "author_seed": hex(&[*device; 32]),
                "bytes": hex(entry.bytes()),
                "hash": entry.hash(),
            })
        })
        .collect();
    if std::env::var_os("DIALTONE_WRITE_VECTORS").is_some() {
        let text = serde_json::to_string_pretty(&made).unwrap();
        std::fs::write(&path, text + "\n").unwrap();
    }
    let kept: Vec<Value> = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
    assert_eq!(made, kept);
    let mut kinds: Vec<_> = kept
        .iter()
        .map(|entry| entry["kind"].as_u64().unwrap())
        .collect();
    kinds.sort_unstable();
    kinds.dedup();
    assert_eq!(kinds, (0..16).collect::<Vec<_>>());

    let mut chain = Chain::new();
    for entry in &kept {
        let applied = chain
            .append(&unhex(entry["bytes"].as_str().unwrap()))
            .unwrap();
        assert_eq!(json!(applied.head.hash), entry["hash"]);
    }
}
