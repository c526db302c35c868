//! Who belongs, as the log says, in the words of the hub.

use alloc::vec::Vec;

use super::store::ChainEffect;
use crate::crypto::VerifyKey;
use crate::ids::{
    ChannelId, Commitment, DeviceId, Epoch, GroupId, Head, RecipientId, Subject, UserId,
};
use crate::sigchain::{Access, Chain, Effect, Entry, Invalid, Payload};
use crate::time::UnixMillis;
use crate::wire::chain::OwedKey;

/// The verified log.
#[derive(Clone, Debug, Default)]
pub(super) struct Membership {
    chain: Chain,
}

/// The log as it will be once an append is durable.
#[derive(Debug)]
pub(super) struct Staged {
    pub(super) members: Membership,
    pub(super) head: Head,
    pub(super) effects: Vec<ChainEffect>,
}

/// Why an append is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum AppendRefusal {
    /// Nothing is appended.
    Empty,
    /// An entry is invalid.
    Invalid(Invalid),
    /// The invite is past the time that its entry says. The log itself knows no clock.
    InviteExpired,
}

impl AppendRefusal {
    /// Its name on the wire.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Empty => "empty",
            Self::Invalid(reason) => reason.name(),
            Self::InviteExpired => "invite_expired",
        }
    }
}

impl Membership {
    /// Takes in stored entries.
    ///
    /// # Errors
    ///
    /// With the index of the first that does not follow.
    pub(super) fn replay(&mut self, entries: &[Vec<u8>]) -> Result<(), u64> {
        for entry in entries {
            let index = self.chain.next_index();
            self.chain.append(entry).map_err(|_| index)?;
        }
        Ok(())
    }

    /// Judges an append without taking it in. Copies the log's state.
    pub(super) fn stage(
        &self,
        entries: &[Entry],
        unix: UnixMillis,
    ) -> Result<Staged, AppendRefusal> {
        let mut members = self.clone();
        let mut effects = Vec::new();
        for entry in entries {
            if let Payload::Join { invite, .. } = entry.payload()
                && members
                    .chain
                    .invite(*invite)
                    .is_some_and(|invite| invite.expires <= unix)
            {
                return Err(AppendRefusal::InviteExpired);
            }
            let applied = members.chain.apply(entry).map_err(AppendRefusal::Invalid)?;
            let applied = applied.effects.iter();
            effects.extend(applied.filter_map(|effect| members.store_effect(effect)));
        }
        let head = members.head().filter(|_| !entries.is_empty());
        Ok(Staged {
            head: head.ok_or(AppendRefusal::Empty)?,
            members,
            effects,
        })
    }

    /// What the store must know of an effect.
    fn store_effect(&self, effect: &Effect) -> Option<ChainEffect> {
        Some(match effect {
            Effect::UserJoined { user } => ChainEffect::UserJoined { user: *user },
            Effect::UserRemoved { user } => ChainEffect::UserRemoved { user: *user },
            Effect::DeviceAdded { user, device } => {
                let record = &self.chain.device(*device)?.record;
                ChainEffect::DeviceAdded {
                    user: *user,
                    device: *device,
                    signing_key: *record.sign.as_bytes(),
                    public_key: *record.dh.as_bytes(),
                }
            }
            Effect::DeviceRevoked { device, .. } => ChainEffect::DeviceRevoked { device: *device },
            Effect::InviteClosed { invite } => ChainEffect::InviteClosed {
                recipient: RecipientId::Invite(*invite),
            },
            Effect::ChannelCreated { channel, group } => ChainEffect::ChannelCreated {
                channel: *channel,
                group: *group,
            },
            Effect::ChannelDeleted { channel } => ChainEffect::ChannelDeleted { channel: *channel },
            Effect::EpochOpened { group, epoch } => ChainEffect::EpochOpened {
                group: *group,
                epoch: *epoch,
            },
            Effect::EpochClosed { group, .. } => ChainEffect::EpochClosed { group: *group },
            Effect::RoleSet { .. }
            | Effect::InviteOpened { .. }
            | Effect::MemberAdded { .. }
            | Effect::MemberRemoved { .. }
            | Effect::NameSet { .. } => return None,
        })
    }

    pub(super) fn head(&self) -> Option<Head> {
        self.chain.head()
    }

    /// How many entries there are.
    pub(super) fn len(&self) -> u64 {
        self.chain.next_index()
    }

    /// Whether the community is founded.
    pub(super) fn founded(&self) -> bool {
        self.chain.head().is_some()
    }

    /// Whether the log calls the user an admin; nothing if it does not know the user.
    pub(super) fn is_admin(&self, user: UserId) -> Option<bool> {
        self.chain.user(user).map(|_| self.chain.is_admin(user))
    }

    /// Whether the log has ended the user or the device.
    pub(super) fn is_gone(&self, user: UserId, device: DeviceId) -> bool {
        let user_gone = self.is_removed(user);
        let device = self.chain.device(device);
        user_gone || device.is_some_and(|device| !device.span.is_open())
    }

    /// Whether the log has removed the user.
    pub(super) fn is_removed(&self, user: UserId) -> bool {
        let user = self.chain.user(user);
        user.is_some_and(|user| !user.span.is_open())
    }

    /// Whether the device stands in the log and was not revoked.
    pub(super) fn is_member_device(&self, device: DeviceId) -> bool {
        self.is_recipient(RecipientId::Device(device), GroupId::Open)
    }

    /// What checks the device's signatures, if the log knows the device.
    pub(super) fn signing_key(&self, device: DeviceId) -> Option<VerifyKey> {
        self.chain.device(device).map(|device| device.record.sign)
    }

    /// Whether the log made the channel, deleted or not.
    pub(super) fn knows_channel(&self, channel: ChannelId) -> bool {
        self.chain.channel(channel).is_some()
    }

    /// Whether the device may read and write in the channel now.
    pub(super) fn may_use(&self, device: DeviceId, channel: ChannelId) -> bool {
        self.chain.entitled_device(device, channel)
    }

    /// Whether the log made the channel, and did not delete it.
    pub(super) fn has_channel(&self, channel: ChannelId) -> bool {
        let channel = self.chain.channel(channel);
        channel.is_some_and(|channel| channel.span.is_open())
    }

    /// Whether the device may enter the voice room of a channel that the log made. Into that of an open one comes
    /// everybody who may log in: the devices there decide for themselves whom they talk to.
    pub(super) fn may_enter_room(&self, device: DeviceId, channel: ChannelId) -> bool {
        self.has_channel(channel) && self.may_know_room(device, channel)
    }

    /// Whether the device is told who is in the voice room of a channel.
    pub(super) fn may_know_room(&self, device: DeviceId, channel: ChannelId) -> bool {
        let channel_of_log = self.chain.channel(channel);
        channel_of_log.is_none_or(|it| it.access == Access::Open) || self.may_use(device, channel)
    }

    /// Whether a group's keys may be sealed to the recipient.
    pub(super) fn is_recipient(&self, recipient: RecipientId, group: GroupId) -> bool {
        self.chain.is_recipient(recipient, group)
    }

    /// What the log says of a group's key.
    pub(super) fn commitment(&self, group: GroupId, epoch: Epoch) -> Option<Commitment> {
        self.chain.commitment(group, epoch)
    }

    /// Whether the log says that the user or the channel has a name.
    pub(super) fn is_named(&self, subject: Subject) -> bool {
        self.chain.name_commitment(subject).is_some()
    }

    /// The keys that are sealed under now, in the groups of a device.
    pub(super) fn current_keys(&self, device: DeviceId) -> Vec<(GroupId, Epoch)> {
        let groups = self.chain.groups().map(|(group, _)| group);
        groups
            .filter(|group| self.is_recipient(RecipientId::Device(device), *group))
            .filter_map(|group| Some((group, self.chain.open_epoch(group)?)))
            .collect()
    }

    /// Everybody who must have the key.
    pub(super) fn entitled_to(
        &self,
        group: GroupId,
        epoch: Epoch,
    ) -> impl Iterator<Item = OwedKey> {
        let recipients = self.chain.recipients(group).into_iter();
        recipients.map(move |recipient| OwedKey {
            recipient: recipient.id,
            group,
            epoch,
        })
    }
}
