//! The facts that chat judges by. They come from the verified log and the held keys, never from the server.

use alloc::vec::Vec;

use crate::crypto::{DeviceSecret, GroupKey, VerifyKey};
use crate::ids::{ChannelId, CommunityId, DeviceId, EntryHash, Epoch, GroupId, Head, UserId};

/// What is known of the key of a group in one epoch.
#[derive(Clone, Copy, Debug)]
pub enum KeyStatus<'a> {
    /// It is held.
    Held(&'a GroupKey),
    /// The log commits to it, and it is not held yet.
    Missing,
    /// It is from before the user's time in a channel whose history starts with the join: it will never come.
    BeforeJoin,
    /// The log, as far as it is known here, says nothing of such an epoch.
    Unknown,
}

/// What chat asks of the log and of the keys.
pub trait Context {
    /// The community.
    fn community(&self) -> CommunityId;

    /// The user whose engine this is.
    fn user(&self) -> UserId;

    /// The device whose engine this is.
    fn device(&self) -> DeviceId;

    /// The device's secret keys.
    fn secret(&self) -> &DeviceSecret;

    /// The end of the verified log; none before there is one.
    fn head(&self) -> Option<Head>;

    /// The hash of the entry at `index` of the verified log, if it reaches that far.
    fn entry_hash_at(&self, index: u64) -> Option<EntryHash>;

    /// The channels of the log that this device may read now.
    fn channels(&self) -> Vec<ChannelId>;

    /// The group whose key a channel uses, for any channel that the log ever knew.
    fn group_of(&self, channel: ChannelId) -> Option<GroupId>;

    /// The epoch in which a message to the channel is sealed now; none while the last one is closed and the next one
    /// is not open yet.
    fn open_epoch(&self, channel: ChannelId) -> Option<Epoch>;

    /// The user of a device that the log knows, revoked or not, and the key that checks its signatures.
    fn owner(&self, device: DeviceId) -> Option<(UserId, VerifyKey)>;

    /// Whether the device might read and write the channel once entry `index` stood in the log.
    fn entitled_at(&self, device: DeviceId, channel: ChannelId, index: u64) -> bool;

    /// Whether the epoch was the open one once entry `index` stood in the log.
    fn epoch_open_at(&self, group: GroupId, epoch: Epoch, index: u64) -> bool;

    /// What is known of a key.
    fn key(&self, group: GroupId, epoch: Epoch) -> KeyStatus<'_>;
}
