//! What an entry changed.

use crate::ids::{ChannelId, Commitment, DeviceId, EntryHash, Epoch, GroupId, Subject, UserId};

use super::payload::Role;

/// One change of the state that the log derives, in the order in which they came about.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Effect {
    /// A user is new.
    UserJoined {
        /// Who.
        user: UserId,
    },
    /// A user is gone for good. Its devices, invites and memberships ended by effects of their own.
    UserRemoved {
        /// Who.
        user: UserId,
    },
    /// A user's role is another, or a new user's first one.
    RoleSet {
        /// Whose.
        user: UserId,
        /// The role from now on.
        role: Role,
    },
    /// A user has a new device.
    DeviceAdded {
        /// Whose.
        user: UserId,
        /// The device.
        device: DeviceId,
    },
    /// A device is out for good.
    DeviceRevoked {
        /// Whose.
        user: UserId,
        /// The device.
        device: DeviceId,
    },
    /// An invite can be used.
    InviteOpened {
        /// The hash of its entry.
        invite: EntryHash,
    },
    /// An invite was used up, revoked, or ended with the rights of who signed it.
    InviteClosed {
        /// The hash of its entry.
        invite: EntryHash,
    },
    /// A channel is new.
    ChannelCreated {
        /// The channel.
        channel: ChannelId,
        /// The group whose keys it uses.
        group: GroupId,
    },
    /// A channel is gone for good, with all of its memberships.
    ChannelDeleted {
        /// The channel.
        channel: ChannelId,
    },
    /// A user is in a private channel.
    MemberAdded {
        /// The channel.
        channel: ChannelId,
        /// Who.
        user: UserId,
    },
    /// A user is no longer in a private channel.
    MemberRemoved {
        /// The channel.
        channel: ChannelId,
        /// Who.
        user: UserId,
    },
    /// A name is another, or a first one.
    NameSet {
        /// Whose.
        subject: Subject,
        /// What the name must match.
        commitment: Commitment,
    },
    /// A group's key may be used.
    EpochOpened {
        /// The group.
        group: GroupId,
        /// The key's epoch.
        epoch: Epoch,
    },
    /// A group's key may no longer be used to seal.
    EpochClosed {
        /// The group.
        group: GroupId,
        /// The key's epoch.
        epoch: Epoch,
    },
}
