//! A small honest world for tests of chat: one log, one channel, one server, and members with real keys.

#![allow(
    dead_code,
    unreachable_pub,
    reason = "each test binary uses its own part"
)]
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "tests"
)]

pub mod member;
pub mod server;

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use dialtone_protocol::UnixMillis;
use dialtone_protocol::chat::{Context, KeyStatus};
use dialtone_protocol::crypto::message::{self, Address, Plain, Seen};
use dialtone_protocol::crypto::{DeviceSecret, Entropy, GroupKey, Secret, VerifyKey};
use dialtone_protocol::ids::{
    ChannelId, ClientId, CommunityId, DeviceId, EntryHash, Epoch, GroupId, Head, UserId,
};

pub const CHANNEL: ChannelId = ChannelId([7; 16]);
pub const GROUP: GroupId = GroupId::Channel(CHANNEL);
pub const COMMUNITY: CommunityId = CommunityId([9; 32]);
pub const UNIX: UnixMillis = UnixMillis(1_800_000_000_000);

/// The whole truth: the log as the server has it, and who is who.
pub struct Log {
    entries: Vec<EntryHash>,
    /// At which entry each epoch opened; the one before closed there.
    opened: Vec<u64>,
    devices: BTreeMap<DeviceId, (UserId, VerifyKey, u64)>,
    removed: BTreeMap<DeviceId, u64>,
}

pub type SharedLog = Rc<RefCell<Log>>;

impl Log {
    pub fn new() -> SharedLog {
        Rc::new(RefCell::new(Self {
            entries: vec![EntryHash([1; 32])],
            opened: vec![0],
            devices: BTreeMap::new(),
            removed: BTreeMap::new(),
        }))
    }

    /// Any entry that changes nothing here.
    pub fn grow(&mut self) -> Head {
        let mut hash = [2; 32];
        hash[..8].copy_from_slice(&self.entries.len().to_be_bytes());
        self.entries.push(EntryHash(hash));
        self.head()
    }

    pub fn rotate(&mut self) -> Epoch {
        let index = self.grow().index;
        self.opened.push(index);
        self.epoch()
    }

    pub fn remove(&mut self, device: DeviceId) {
        let index = self.grow().index;
        self.removed.insert(device, index);
    }

    pub fn head(&self) -> Head {
        let index = self.entries.len() - 1;
        Head {
            index: index as u64,
            hash: self.entries[index],
        }
    }

    pub fn epoch(&self) -> Epoch {
        Epoch(self.opened.len() as u32 - 1)
    }
}

/// The key of an epoch, the same for everybody.
pub fn group_key(epoch: Epoch) -> GroupKey {
    GroupKey::from_secret(Secret::from_bytes([100 + epoch.0 as u8; 32]))
}

pub fn user(number: u8) -> UserId {
    UserId([number; 16])
}

pub fn device(number: u8) -> DeviceId {
    DeviceId([number ^ 0x80; 16])
}

/// What one member knows: a part of the log, and some keys.
pub struct Facts {
    pub number: u8,
    pub secret: DeviceSecret,
    pub log: SharedLog,
    /// How many entries are known.
    pub known: usize,
    pub keys: BTreeMap<Epoch, GroupKey>,
    /// Epochs from before the member's time.
    pub before_join: BTreeSet<Epoch>,
    pub in_channel: bool,
}

impl Facts {
    /// A member who knows all of the log, which knows its device from now on, and all keys.
    pub fn new(number: u8, log: &SharedLog) -> Self {
        let secret = DeviceSecret::from_seed(Secret::from_bytes([number; 32]));
        let index = log.borrow_mut().grow().index;
        let record = (user(number), secret.public().sign, index);
        log.borrow_mut().devices.insert(device(number), record);
        let mut facts = Self {
            number,
            secret,
            log: Rc::clone(log),
            known: 0,
            keys: BTreeMap::new(),
            before_join: BTreeSet::new(),
            in_channel: true,
        };
        facts.catch_up();
        facts.take_keys();
        facts
    }

    pub fn catch_up(&mut self) {
        self.known = self.log.borrow().entries.len();
    }

    pub fn take_keys(&mut self) {
        let epochs = self.log.borrow().opened.len() as u32;
        self.keys = (0..epochs)
            .map(|e| (Epoch(e), group_key(Epoch(e))))
            .collect();
    }

    /// Seals a message by hand, honest or not.
    pub fn seal(&self, client_id: ClientId, epoch: Epoch, plain: &Plain) -> Vec<u8> {
        let address = Address {
            community: COMMUNITY,
            channel: CHANNEL,
            epoch,
            user: user(self.number),
            device: device(self.number),
            client_id,
        };
        let mut entropy = Entropy::from_seed(client_id.0.repeat(2).try_into().unwrap());
        message::seal(
            &address,
            plain,
            &group_key(epoch),
            &self.secret,
            &mut entropy,
        )
        .unwrap()
    }

    /// A text at this member's head.
    pub fn plain(&self, text: &str) -> Plain {
        Plain {
            content: dialtone_protocol::chat::encode_text(text),
            head: self.head().unwrap(),
            seen: Seen::default(),
        }
    }
}

impl Context for Facts {
    fn community(&self) -> CommunityId {
        COMMUNITY
    }

    fn user(&self) -> UserId {
        user(self.number)
    }

    fn device(&self) -> DeviceId {
        device(self.number)
    }

    fn secret(&self) -> &DeviceSecret {
        &self.secret
    }

    fn head(&self) -> Option<Head> {
        let index = self.known - 1;
        Some(Head {
            index: index as u64,
            hash: self.log.borrow().entries[index],
        })
    }

    fn entry_hash_at(&self, index: u64) -> Option<EntryHash> {
        let index = usize::try_from(index).unwrap();
        (index < self.known).then(|| self.log.borrow().entries[index])
    }

    fn channels(&self) -> Vec<ChannelId> {
        if self.in_channel {
            vec![CHANNEL]
        } else {
            Vec::new()
        }
    }

    fn group_of(&self, channel: ChannelId) -> Option<GroupId> {
        (channel == CHANNEL).then_some(GROUP)
    }

    fn open_epoch(&self, _: ChannelId) -> Option<Epoch> {
        let log = self.log.borrow();
        let open = log
            .opened
            .iter()
            .filter(|at| **at < self.known as u64)
            .count();
        Some(Epoch(open as u32 - 1))
    }

    fn owner(&self, device: DeviceId) -> Option<(UserId, VerifyKey)> {
        let log = self.log.borrow();
        let (user, key, added) = log.devices.get(&device)?;
        (*added < self.known as u64).then_some((*user, *key))
    }

    fn entitled_at(&self, device: DeviceId, _: ChannelId, index: u64) -> bool {
        let log = self.log.borrow();
        let added = log
            .devices
            .get(&device)
            .is_some_and(|(.., added)| *added <= index);
        added && log.removed.get(&device).is_none_or(|at| *at > index)
    }

    fn epoch_open_at(&self, _: GroupId, epoch: Epoch, index: u64) -> bool {
        let log = self.log.borrow();
        let opened = log.opened.get(epoch.0 as usize);
        let closed = log.opened.get(epoch.0 as usize + 1);
        opened.is_some_and(|at| *at <= index) && closed.is_none_or(|at| *at > index)
    }

    fn key(&self, _: GroupId, epoch: Epoch) -> KeyStatus<'_> {
        if self.before_join.contains(&epoch) {
            return KeyStatus::BeforeJoin;
        }
        let known = (epoch.0 as usize) < self.log.borrow().opened.len();
        match self.keys.get(&epoch) {
            Some(key) => KeyStatus::Held(key),
            None if known => KeyStatus::Missing,
            None => KeyStatus::Unknown,
        }
    }
}
