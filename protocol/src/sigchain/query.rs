//! What can be asked of the log, as it is and as it was.

use alloc::vec::Vec;

use super::chain::Chain;
use super::payload::{Access, Role};
use super::state::{Channel, Device, EpochRecord, Group, Invite, User};
use crate::crypto::DhPublic;
use crate::ids::{
    ChannelId, Commitment, DeviceId, EntryHash, Epoch, GroupId, RecipientId, Subject, UserId,
};

/// Somebody to whom a group's keys are sealed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Recipient {
    /// A device, or an open invite.
    pub id: RecipientId,
    /// The key to seal to.
    pub dh: DhPublic,
}

impl Chain {
    /// A user, present or removed.
    #[must_use]
    pub fn user(&self, user: UserId) -> Option<&User> {
        self.state().users.get(&user)
    }

    /// All users that were not removed.
    pub fn users(&self) -> impl Iterator<Item = (UserId, &User)> {
        let users = self.state().users.iter().map(|(id, user)| (*id, user));
        users.filter(|(_, user)| user.span.is_open())
    }

    /// Whether the user belongs to the community.
    #[must_use]
    pub fn is_member(&self, user: UserId) -> bool {
        self.user(user).is_some_and(|user| user.span.is_open())
    }

    /// Whether the user administers the community.
    #[must_use]
    pub fn is_admin(&self, user: UserId) -> bool {
        self.user(user)
            .is_some_and(|user| user.span.is_open() && user.role == Role::Admin)
    }

    /// A device, present or revoked.
    #[must_use]
    pub fn device(&self, device: DeviceId) -> Option<&Device> {
        self.state().devices.get(&device)
    }

    /// All devices that were not revoked, those for recovery included.
    pub fn devices(&self) -> impl Iterator<Item = (DeviceId, &Device)> {
        let devices = self.state().devices.iter().map(|(id, it)| (*id, it));
        devices.filter(|(_, device)| device.span.is_open())
    }

    /// All devices that the log ever knew, revoked ones included.
    pub fn all_devices(&self) -> impl Iterator<Item = (DeviceId, &Device)> {
        self.state().devices.iter().map(|(id, it)| (*id, it))
    }

    /// An open invite, by the hash of its entry.
    #[must_use]
    pub fn invite(&self, invite: EntryHash) -> Option<&Invite> {
        self.state().invites.get(&invite)
    }

    /// All open invites.
    pub fn invites(&self) -> impl Iterator<Item = (EntryHash, &Invite)> {
        self.state().invites.iter().map(|(id, it)| (*id, it))
    }

    /// A channel, present or deleted.
    #[must_use]
    pub fn channel(&self, channel: ChannelId) -> Option<&Channel> {
        self.state().channels.get(&channel)
    }

    /// All channels that were not deleted.
    pub fn channels(&self) -> impl Iterator<Item = (ChannelId, &Channel)> {
        let channels = self.state().channels.iter().map(|(id, it)| (*id, it));
        channels.filter(|(_, channel)| channel.span.is_open())
    }

    /// Whose keys a channel uses, deleted or not.
    #[must_use]
    pub fn group_of(&self, channel: ChannelId) -> Option<GroupId> {
        self.channel(channel).map(|it| it.group(channel))
    }

    /// A group, also that of a deleted channel.
    #[must_use]
    pub fn group(&self, group: GroupId) -> Option<&Group> {
        self.state().groups.get(&group)
    }

    /// All groups, also those of deleted channels.
    pub fn groups(&self) -> impl Iterator<Item = (GroupId, &Group)> {
        self.state().groups.iter().map(|(id, it)| (*id, it))
    }

    /// The epoch in which may be sealed now, if one is open.
    #[must_use]
    pub fn open_epoch(&self, group: GroupId) -> Option<Epoch> {
        let group = self.group(group).filter(|group| !group.is_closed())?;
        group.epoch()
    }

    /// One key of a group, as the log has it.
    #[must_use]
    pub fn epoch(&self, group: GroupId, epoch: Epoch) -> Option<&EpochRecord> {
        self.group(group)?.record(epoch)
    }

    /// What the key of a group in an epoch must match.
    #[must_use]
    pub fn commitment(&self, group: GroupId, epoch: Epoch) -> Option<Commitment> {
        self.epoch(group, epoch).map(|epoch| epoch.commitment)
    }

    /// Whether the epoch was open at an index (spec 4.45).
    #[must_use]
    pub fn epoch_open_at(&self, group: GroupId, epoch: Epoch, index: u64) -> bool {
        self.epoch(group, epoch)
            .is_some_and(|epoch| epoch.span.contains(index))
    }

    /// Whether the user is one of a group.
    #[must_use]
    pub fn is_in_group(&self, user: UserId, group: GroupId) -> bool {
        self.is_member(user)
            && match group {
                GroupId::Open => true,
                GroupId::Channel(id) => self
                    .channel(id)
                    .is_some_and(|channel| channel.group(id) == group && channel.has(user)),
            }
    }

    /// Whether the keys of a group may be sealed to a device or an invite (spec 4.44).
    #[must_use]
    pub fn is_recipient(&self, recipient: RecipientId, group: GroupId) -> bool {
        match recipient {
            RecipientId::Device(device) => self.device(device).is_some_and(|device| {
                device.span.is_open() && self.is_in_group(device.user, group)
            }),
            RecipientId::Invite(invite) => group == GroupId::Open && self.invite(invite).is_some(),
        }
    }

    /// All to whom the keys of a group are sealed (spec 4.44): the devices of its users, those for recovery
    /// included, and for the group of everybody the open invites. Takes time in the number of the community's devices.
    #[must_use]
    pub fn recipients(&self, group: GroupId) -> Vec<Recipient> {
        let mut recipients = Vec::new();
        let private = match group {
            GroupId::Open => None,
            GroupId::Channel(id) => match self.channel(id) {
                Some(channel) if channel.group(id) != group || !channel.span.is_open() => {
                    return recipients;
                }
                Some(channel) if channel.access == Access::Private => Some(&channel.members),
                Some(_) => None,
                None => return recipients,
            },
        };
        match private {
            Some(members) => {
                for user in members.iter().filter_map(|user| self.user(*user)) {
                    let devices = user.devices.iter().chain(&user.recovery);
                    recipients.extend(devices.filter_map(|id| {
                        self.device(*id).map(|device| device_recipient(*id, device))
                    }));
                }
            }
            None => recipients.extend(self.devices().map(|(id, it)| device_recipient(id, it))),
        }
        if group == GroupId::Open {
            recipients.extend(self.invites().map(|(id, invite)| Recipient {
                id: RecipientId::Invite(id),
                dh: invite.dh,
            }));
        }
        recipients
    }

    /// Whether the device may write in the channel and read what is written there (spec 4.44). One for recovery only
    /// keeps keys.
    #[must_use]
    pub fn entitled_device(&self, device: DeviceId, channel: ChannelId) -> bool {
        self.head()
            .is_some_and(|head| self.entitled_device_at(device, channel, head.index))
    }

    /// Whether the device was entitled in the channel at an index (spec 4.45).
    #[must_use]
    pub fn entitled_device_at(&self, device: DeviceId, channel: ChannelId, index: u64) -> bool {
        let Some(device) = self.device(device) else {
            return false;
        };
        !device.recovery
            && device.span.contains(index)
            && self
                .channel(channel)
                .is_some_and(|channel| channel.had_at(device.user, index))
    }

    /// What the name of a user or a channel must match, if it has one.
    #[must_use]
    pub fn name_commitment(&self, subject: Subject) -> Option<Commitment> {
        self.state().names.get(&subject).copied()
    }
}

fn device_recipient(id: DeviceId, device: &Device) -> Recipient {
    Recipient {
        id: RecipientId::Device(id),
        dh: device.record.dh,
    }
}
