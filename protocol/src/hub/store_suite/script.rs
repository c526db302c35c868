//! Long scripts of operations that meet each other, from a seed.

use alloc::vec::Vec;

use super::{device, new_device, new_session, registration, user};
use crate::crypto::Entropy;
use crate::hub::store::{Answer, ChainName, NewEnvelope, NewKeyEnvelope, Op};
use crate::ids::{
    ChannelId, ClientId, DeviceId, Epoch, GroupId, MessageId, RecipientId, Seq, SessionId, Subject,
};
use crate::time::UnixMillis;
use crate::wire::request::HistoryRange;

/// `length` operations and some before them. Two right stores that start empty answer each of them alike, once both answers are
/// [`normal`].
#[must_use]
pub fn script(seed: [u8; 32], length: usize) -> Vec<Op> {
    let mut entropy = Entropy::from_seed(seed);
    let mut ops = prelude();
    ops.extend((1..).take(length).map(|number| op(&mut entropy, number)));
    ops
}

/// Four users and three original channels: what the rest refers to exists, as it does for every hub.
fn prelude() -> Vec<Op> {
    let mut ops = Vec::new();
    for number in 0..4 {
        ops.push(Op::CreateInvite {
            token_hash: [number; 32],
            created_at: UnixMillis(1000),
            expires_at: UnixMillis(2000),
        });
        ops.push(registration(number));
    }
    ops.extend((0..3).map(|number| Op::CreateChannel {
        channel: ChannelId([number; 16]),
        name_enc: "name".into(),
        created_by: user(number),
        created_at: UnixMillis(1000 + u64::from(number)),
        max_channels: 3,
    }));
    ops
}

/// Brings what comes in any order into one.
#[must_use]
pub fn normal(mut answer: Answer) -> Answer {
    if let Answer::Users(rows) = &mut answer {
        rows.sort_by_key(|row| row.id);
    }
    if let Answer::LastSeqs(rows) = &mut answer {
        rows.sort_unstable();
    }
    if let Answer::Held(rows) = &mut answer {
        rows.sort_unstable();
    }
    if let Answer::Ended(ended) | Answer::LoggedIn { ended, .. } | Answer::ChainAppended { ended } =
        &mut answer
    {
        ended.sort_unstable();
    }
    answer
}

/// A number below `below`.
fn pick(entropy: &mut Entropy, below: u8) -> u8 {
    let [byte] = entropy.bytes();
    byte % below
}

/// The `number`th operation: times rise with it, so that no order depends on a tie.
fn op(entropy: &mut Entropy, number: u64) -> Op {
    let now = UnixMillis(1500 + number);
    // New ids are new for ever; known ones are few, so that they meet.
    let [fresh, second] = entropy.bytes();
    let mut unique = [fresh; 16];
    unique[..8].copy_from_slice(&number.to_be_bytes());
    let who = pick(entropy, 4);
    let channel = ChannelId([pick(entropy, 3); 16]);
    match pick(entropy, 22) {
        0 => Op::CreateInvite {
            token_hash: [unique, [0; 16]].concat().try_into().unwrap_or_default(),
            created_at: now,
            expires_at: UnixMillis(now.0 + u64::from(second)),
        },
        1 => registration(who),
        2 => {
            let mut session = new_session(0, now.0, now.0 + u64::from(second));
            session.id = SessionId(unique);
            session.token_hash[..16].copy_from_slice(&unique);
            let mut device = new_device(second % 8);
            device.id = DeviceId(unique);
            Op::LogIn {
                user: user(who),
                device,
                session,
                max_devices: 3,
                max_sessions: 3,
            }
        }
        3 => Op::Sessions { user: user(who) },
        4 => Op::EndSession {
            user: user(who),
            session: SessionId([who; 16]),
        },
        5 => Op::PutProfile {
            user: user(who),
            name_enc: "name".into(),
            updated_at: now,
        },
        6 => Op::Profiles,
        // Seldom: a deleted channel does not come back.
        7 if number.is_multiple_of(16) => Op::DeleteChannel { channel },
        7 => Op::RenameChannel {
            channel,
            name_enc: "new".into(),
        },
        8 | 9 => Op::AppendMessage {
            channel,
            message_id: MessageId(unique),
            sender: user(who),
            device: device(who),
            client_id: ClientId([second % 16; 16]),
            epoch: None,
            sender_name_enc: "n".into(),
            body: [second].into(),
            sent_at: now,
        },
        10 => Op::Messages {
            channel,
            range: match who {
                0 => HistoryRange::Newest,
                1 => HistoryRange::After(Seq(u64::from(second % 8))),
                _ => HistoryRange::Before(Seq(u64::from(second % 8))),
            },
            limit: u32::from(second % 4) + 1,
        },
        11 => Op::LastSeqs {
            channels: (0..3).map(|id| ChannelId([id; 16])).collect(),
        },
        12 => Op::PutKeyEnvelopes {
            channel: (who != 0).then_some(channel),
            sender: device(who),
            envelopes: [NewKeyEnvelope {
                device: device(second % 4),
                envelope: "e".into(),
            }]
            .into(),
            created_at: now,
        },
        13 => Op::FindKeyEnvelope {
            channel: (who != 0).then_some(channel),
            device: device(second % 4),
        },
        14 => Op::PutEnvelopes {
            poster: device(who),
            envelopes: [NewEnvelope {
                recipient: RecipientId::Device(device(second % 4)),
                keys: (0..=second % 3)
                    .map(|epoch| (GroupId::Open, Epoch(epoch.into())))
                    .collect(),
                bytes: [second].into(),
            }]
            .into(),
        },
        15 => Op::HeldKeys {
            keys: [(GroupId::Open, Epoch(u32::from(second % 3)))].into(),
        },
        16 => Op::PutNames {
            poster: device(who),
            names: [ChainName {
                subject: Subject::User(user(second % 4)),
                group: GroupId::Open,
                epoch: Epoch(0),
                bytes: [second].into(),
            }]
            .into(),
        },
        17 => Op::FindUsers {
            users: (0..4).map(user).collect(),
        },
        18 => Op::Devices {
            user: (who != 0).then(|| user(who)),
        },
        19 => Op::FindSession {
            token_hash: [who; 32],
        },
        20 => Op::FindInvite {
            token_hash: [who; 32],
        },
        _ => Op::CreateUser {
            user: user(10 + who),
            username_hash: [10 + who; 32],
            created_at: now,
        },
    }
}
