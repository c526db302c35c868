//! Random operations over a handful of ids, so that they meet each other.

use dialtone_protocol::hub::store::{
    Answer, ChainEffect, ChainName, NewDevice, NewEnvelope, NewKeyEnvelope, NewSession, Op,
};
use dialtone_protocol::ids::{
    ChannelId, ClientId, DeviceId, EntryHash, Epoch, GroupId, Head, MessageId, RecipientId, Seq,
    ServerId, SessionId, StoreId, Subject, UserId,
};
use dialtone_protocol::time::UnixMillis;
use dialtone_protocol::wire::request::HistoryRange;

/// What an operation is made of: its kind, then whatever it needs.
pub(crate) type Sketch = (u8, [u8; 6]);

/// What ids were given so far. The hub never gives one twice.
#[derive(Debug, Default)]
pub(crate) struct World {
    invites: u8,
    users: u8,
    devices: u8,
    sessions: u8,
    originals: u8,
    channels: u8,
    messages: u8,
    entries: u64,
}

/// The channels of the log are told from original ones by their ids.
const OF_THE_LOG: u8 = 100;

/// Devices that the log names before the store knows them.
const NEW_IN_THE_LOG: u8 = 240;

impl World {
    /// The operation that a sketch stands for.
    pub(crate) fn op(&mut self, (kind, [a, b, c, d, e, f]): Sketch) -> Op {
        let now = UnixMillis(u64::from(f % 16));
        let user = UserId(named(a % (self.users + 2)));
        let device = DeviceId(named(b % (self.devices + 2)));
        match kind % 36 {
            0 => Op::Start {
                server_id: ServerId(named(a)),
                store_id: StoreId(named(b)),
            },
            1 => Op::CreateInvite {
                token_hash: hash(next(&mut self.invites)),
                created_at: now,
                expires_at: UnixMillis(u64::from(a % 32)),
            },
            2 => Op::FindInvite {
                token_hash: hash(a % (self.invites + 2)),
            },
            3 | 4 => Op::Register {
                invite: hash(a % (self.invites + 2)),
                now,
                user: UserId(named(next(&mut self.users))),
                username_hash: hash(b % 4),
                password_hash: format!("phc {c}"),
                device: self.new_device(d, e, now),
                session: self.new_session(now),
            },
            5 => Op::CreateUser {
                user: UserId(named(next(&mut self.users))),
                username_hash: hash(b % 4),
                created_at: now,
            },
            6 => Op::FindUser {
                username_hash: hash(a % 4),
            },
            7 => Op::FindUsers {
                users: (0..a % 40).map(|id| UserId(named(id))).collect(),
            },
            8 | 9 => Op::LogIn {
                user,
                device: self.new_device(d, e, now),
                session: self.new_session(now),
                max_devices: 3,
                max_sessions: 3,
            },
            10 => Op::OpenSession {
                device,
                session: self.new_session(now),
                max_sessions: 3,
            },
            11 => Op::FindSession {
                token_hash: hash(a % (self.sessions + 2)),
            },
            12 => Op::Sessions { user },
            13 => Op::EndSession {
                user,
                session: SessionId(named(b % (self.sessions + 2))),
            },
            14 => Op::AddDevice {
                user,
                device: self.new_device(d, e, now),
                max_devices: 3,
            },
            15 => Op::FindDevice { device },
            16 => Op::Devices {
                user: (c % 2 == 0).then_some(user),
            },
            17 => Op::PutProfile {
                user,
                name_enc: format!("name {c}"),
                updated_at: now,
            },
            18 => Op::Profiles,
            19 => Op::CreateChannel {
                channel: ChannelId(named(next(&mut self.originals))),
                name_enc: format!("channel {c}"),
                created_by: user,
                created_at: now,
                max_channels: 3,
            },
            20 => Op::RenameChannel {
                channel: self.channel(a),
                name_enc: format!("renamed {c}"),
            },
            21 => Op::DeleteChannel {
                channel: self.channel(a),
            },
            22 => Op::FindChannel {
                channel: self.channel(a),
            },
            23 => Op::Channels,
            24 => Op::PutKeyEnvelopes {
                channel: (c % 2 == 0).then(|| self.channel(a)),
                sender: device,
                envelopes: (0..d % 3)
                    .map(|n| NewKeyEnvelope {
                        device: DeviceId(named(e.wrapping_add(n) % (self.devices + 2))),
                        envelope: format!("envelope {n} {f}"),
                    })
                    .collect(),
                created_at: now,
            },
            25 => Op::FindKeyEnvelope {
                channel: (c % 2 == 0).then(|| self.channel(a)),
                device,
            },
            26..=28 => Op::AppendMessage {
                channel: self.channel(a),
                message_id: MessageId(named(next(&mut self.messages))),
                sender: user,
                device,
                client_id: ClientId(named(c % 8)),
                epoch: (d % 4 != 0).then_some(Epoch(u32::from(d % 4 / 2))),
                sender_name_enc: format!("sender {e}"),
                body: vec![e; usize::from(f)],
                sent_at: now,
            },
            29 => Op::Messages {
                channel: self.channel(a),
                range: match b % 3 {
                    0 => HistoryRange::Newest,
                    1 => HistoryRange::After(Seq(u64::from(c % 6))),
                    _ => HistoryRange::Before(Seq(u64::from(c % 6))),
                },
                limit: u32::from(d % 5),
            },
            30 => Op::LastSeqs {
                channels: (0..4).map(|n| self.channel(a.wrapping_add(n))).collect(),
            },
            31 | 32 => self.append_chain([a, b, c, d, e, f], now),
            33 => Op::ChainPage {
                from: u64::from(a % 8),
                max_bytes: u32::from(b),
            },
            34 => self.share([a, b, c, d, e, f], now),
            _ => self.shared([a, b, c, d, e, f]),
        }
    }

    /// Takes in what an operation came to.
    pub(crate) fn answered(&mut self, op: &Op, answer: &Answer) {
        if let (Op::AppendChain { entries, .. }, Answer::ChainAppended { .. }) = (op, answer) {
            self.entries += entries.len() as u64;
        }
    }

    fn share(&self, [a, b, c, d, e, f]: [u8; 6], now: UnixMillis) -> Op {
        let poster = DeviceId(named(b % (self.devices + 2)));
        match a % 3 {
            0 => Op::PutEnvelopes {
                poster,
                envelopes: self.envelopes([c, d, e, f]),
            },
            1 => Op::PutNames {
                poster,
                names: self.names([c, d, e, f]),
            },
            _ => Op::PutPending {
                user: UserId(named(c % (self.users + 2))),
                device: poster,
                record: vec![d; 3],
                names: vec![(DeviceId(named(e % 3)), vec![f])],
                created_at: now,
            },
        }
    }

    fn shared(&self, [a, b, c, d, ..]: [u8; 6]) -> Op {
        match a % 4 {
            0 => Op::Envelopes {
                recipient: self.recipient(b),
                after: u64::from(c % 8),
                limit: u32::from(d % 4),
            },
            1 => Op::HeldKeys {
                keys: vec![(self.group(b), epoch(c)), (self.group(c), epoch(d))],
            },
            2 => Op::Names {
                after: u64::from(c % 8),
                limit: u32::from(d % 4),
            },
            _ => Op::Pending {
                reader: DeviceId(named(b % 3)),
                limit: u32::from(d % 4),
            },
        }
    }

    fn append_chain(&mut self, [a, b, c, d, e, f]: [u8; 6], now: UnixMillis) -> Op {
        let behind = u64::from(a % 8 == 0);
        let expected = self.entries.saturating_sub(behind).checked_sub(1);
        let count = u64::from(b % 3) + 1;
        let effects = [(b, c), (d, e)].map(|(kind, what)| self.effect(kind, what));
        Op::AppendChain {
            expected: expected.map(head),
            head: head(self.entries + count - 1),
            poster: DeviceId(named(c % (self.devices + 2))),
            entries: (0..count).map(|n| vec![f; n as usize + 40]).collect(),
            effects: effects.to_vec(),
            envelopes: self.envelopes([c, d, e, f]),
            names: self.names([c, d, e, f]),
            now,
        }
    }

    fn effect(&mut self, kind: u8, what: u8) -> ChainEffect {
        let user = UserId(named(what % (self.users + 2)));
        let device = self.device_of_the_log(what);
        let channel = ChannelId(named(OF_THE_LOG + what % (self.channels + 2)));
        match kind % 12 {
            0 | 1 => ChainEffect::ChannelCreated {
                channel: ChannelId(named(OF_THE_LOG + next(&mut self.channels))),
                group: self.group(what),
            },
            2 => ChainEffect::ChannelDeleted { channel },
            3 => ChainEffect::DeviceAdded {
                user,
                device,
                signing_key: hash(kind % 3),
                public_key: hash(what % 3),
            },
            4 => ChainEffect::DeviceRevoked { device },
            5..=7 => ChainEffect::EpochOpened {
                group: self.group(what),
                epoch: epoch(kind / 12),
            },
            8 => ChainEffect::EpochClosed {
                group: self.group(what),
            },
            9 => ChainEffect::InviteClosed {
                recipient: RecipientId::Invite(EntryHash(hash(what % 3))),
            },
            10 => ChainEffect::UserJoined { user },
            _ => ChainEffect::UserRemoved { user },
        }
    }

    /// One that the store knows, or one whose id is given to no other.
    fn device_of_the_log(&self, what: u8) -> DeviceId {
        DeviceId(named(match what.checked_rem(self.devices) {
            Some(known) if what.is_multiple_of(2) => known,
            _ => NEW_IN_THE_LOG + what % 4,
        }))
    }

    fn envelopes(&self, [a, b, c, d]: [u8; 4]) -> Vec<NewEnvelope> {
        let envelopes = (0..a % 3).map(|n| NewEnvelope {
            recipient: self.recipient(b.wrapping_add(n)),
            keys: vec![
                (self.group(c), epoch(c)),
                (self.group(d), epoch(d.wrapping_add(n))),
            ],
            bytes: vec![c, d, n],
        });
        envelopes.collect()
    }

    fn names(&self, [a, b, c, d]: [u8; 4]) -> Vec<ChainName> {
        let names = (0..b % 3).map(|n| ChainName {
            subject: match a.wrapping_add(n) % 2 {
                0 => Subject::User(UserId(named(c % 3))),
                _ => Subject::Channel(ChannelId(named(c % 3))),
            },
            group: self.group(d),
            epoch: epoch(d),
            bytes: vec![a, n],
        });
        names.collect()
    }

    fn recipient(&self, what: u8) -> RecipientId {
        match what % 3 {
            0 => RecipientId::Invite(EntryHash(hash(what % 2))),
            _ => RecipientId::Device(DeviceId(named(what % (self.devices + 2)))),
        }
    }

    fn group(&self, what: u8) -> GroupId {
        match what % 2 {
            0 => GroupId::Open,
            _ => GroupId::Channel(ChannelId(named(OF_THE_LOG + what % (self.channels + 1)))),
        }
    }

    fn channel(&self, what: u8) -> ChannelId {
        ChannelId(named(match what % 2 {
            0 => what / 2 % (self.originals + 1),
            _ => OF_THE_LOG + what / 2 % (self.channels + 1),
        }))
    }

    fn new_device(&mut self, public: u8, signing: u8, created_at: UnixMillis) -> NewDevice {
        NewDevice {
            id: DeviceId(named(next(&mut self.devices))),
            public_key: hash(public % 3),
            signing_key: (!signing.is_multiple_of(3)).then(|| hash(signing % 3)),
            created_at,
        }
    }

    fn new_session(&mut self, created_at: UnixMillis) -> NewSession {
        let id = next(&mut self.sessions);
        NewSession {
            id: SessionId(named(id)),
            token_hash: hash(id),
            created_at,
            expires_at: UnixMillis(created_at.0 + 8),
        }
    }
}

fn next(count: &mut u8) -> u8 {
    let id = *count;
    *count += 1;
    id
}

fn named(id: u8) -> [u8; 16] {
    [id; 16]
}

fn hash(what: u8) -> [u8; 32] {
    [what; 32]
}

fn epoch(what: u8) -> Epoch {
    Epoch(u32::from(what % 2))
}

fn head(index: u64) -> Head {
    Head {
        index,
        hash: EntryHash([index.to_le_bytes()[0]; 32]),
    }
}
