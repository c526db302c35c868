//! What chat judges by: the verified log and the held keys.

use alloc::vec::Vec;

use super::account::Account;
use super::log::Log;
use crate::chat::{Context, KeyStatus};
use crate::crypto::{DeviceSecret, VerifyKey};
use crate::ids::{ChannelId, CommunityId, DeviceId, EntryHash, Epoch, GroupId, Head, UserId};
use crate::keys::{self, Keys, reads_all};
use crate::sigchain::Chain;

/// What the machine of the keys decides by, if the account has its ids.
pub(super) fn key_context<'a>(account: &'a Account, log: &'a Log) -> Option<keys::Context<'a>> {
    let device = account.device()?;
    Some(keys::Context {
        chain: log.chain(),
        device,
        secret: &account.secret,
    })
}

/// The facts of a device that the log knows.
pub(super) struct Facts<'a> {
    chain: &'a Chain,
    keys: &'a Keys,
    secret: &'a DeviceSecret,
    community: CommunityId,
    user: UserId,
    device: DeviceId,
}

impl<'a> Facts<'a> {
    /// The facts, if the account has its ids and the log has a beginning.
    pub(super) fn of(account: &'a Account, log: &'a Log, keys: &'a Keys) -> Option<Self> {
        let (user, device) = account.ids?;
        let chain = log.chain();
        let community = chain.community()?;
        Some(Self {
            chain,
            keys,
            secret: &account.secret,
            community,
            user,
            device,
        })
    }
}

impl Context for Facts<'_> {
    fn community(&self) -> CommunityId {
        self.community
    }

    fn user(&self) -> UserId {
        self.user
    }

    fn device(&self) -> DeviceId {
        self.device
    }

    fn secret(&self) -> &DeviceSecret {
        self.secret
    }

    fn head(&self) -> Option<Head> {
        self.chain.head()
    }

    fn entry_hash_at(&self, index: u64) -> Option<EntryHash> {
        self.chain.entry_hash_at(index)
    }

    fn channels(&self) -> Vec<ChannelId> {
        let channels = self.chain.channels().map(|(channel, _)| channel);
        channels
            .filter(|channel| self.chain.entitled_device(self.device, *channel))
            .collect()
    }

    fn group_of(&self, channel: ChannelId) -> Option<GroupId> {
        self.chain.group_of(channel)
    }

    fn open_epoch(&self, channel: ChannelId) -> Option<Epoch> {
        self.chain.open_epoch(self.chain.group_of(channel)?)
    }

    fn owner(&self, device: DeviceId) -> Option<(UserId, VerifyKey)> {
        self.chain
            .device(device)
            .map(|it| (it.user, it.record.sign))
    }

    fn entitled_at(&self, device: DeviceId, channel: ChannelId, index: u64) -> bool {
        self.chain.entitled_device_at(device, channel, index)
    }

    fn epoch_open_at(&self, group: GroupId, epoch: Epoch, index: u64) -> bool {
        self.chain.epoch_open_at(group, epoch, index)
    }

    fn key(&self, group: GroupId, epoch: Epoch) -> KeyStatus<'_> {
        if let Some(key) = self.keys.get(group, epoch) {
            return KeyStatus::Held(key);
        }
        let Some(record) = self.chain.epoch(group, epoch) else {
            return KeyStatus::Unknown;
        };
        let GroupId::Channel(channel) = group else {
            return KeyStatus::Missing;
        };
        // The epoch that a newcomer comes with opens right after its entry, so one that ended before is not for it.
        let last = record
            .span
            .until
            .map_or(u64::MAX, |until| until.saturating_sub(1));
        let last = last.min(self.chain.head().map_or(0, |head| head.index));
        let came_later = !self.chain.entitled_device_at(self.device, channel, last);
        if came_later && !reads_all(self.chain, group) {
            return KeyStatus::BeforeJoin;
        }
        KeyStatus::Missing
    }
}
