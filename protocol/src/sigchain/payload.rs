//! What an entry says: the sixteen kinds and the words they use.

use alloc::vec::Vec;

use minicbor::encode::{Error, Write};
use minicbor::{Decode, Encode, Encoder};

use super::device::DeviceRecord;
use crate::crypto::{DhPublic, VerifyKey};
use crate::ids::{ChannelId, Commitment, DeviceId, EntryHash, Epoch, GroupId, Subject, UserId};
use crate::time::UnixMillis;

/// The length of a group's previous key sealed under its next one: nonce, key and tag.
pub const SEALED_KEY_BYTES: usize = 24 + 32 + 16;

/// What a user may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(index_only)]
#[non_exhaustive]
pub enum Role {
    /// It takes part.
    #[n(0)]
    Member,
    /// It administers the community.
    #[n(1)]
    Admin,
}

/// Who is in a channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(index_only)]
#[non_exhaustive]
pub enum Access {
    /// Everybody in the community.
    #[n(0)]
    Open,
    /// Those who were taken in.
    #[n(1)]
    Private,
}

/// What a newcomer of a channel may read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(index_only)]
#[non_exhaustive]
pub enum History {
    /// Everything.
    #[n(0)]
    All,
    /// What is written from the join on.
    #[n(1)]
    FromJoin,
}

/// What an entry says. The numbers of the kinds and of their fields are those of spec 4.4.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Payload {
    /// Founds the community. The founder is its first admin.
    Genesis {
        /// The founder.
        user: UserId,
        /// Its first device, which signs.
        device: DeviceRecord,
    },
    /// Lets those join who hold a secret.
    Invite {
        /// Checks the second signature of a `Join`.
        key: VerifyKey,
        /// Receives the keys of the group of everybody.
        dh: DhPublic,
        /// How many may join by it.
        uses: u32,
        /// Until when the server and the newcomer take it. Never judged by the log.
        expires: UnixMillis,
    },
    /// Ends an invite.
    RevokeInvite {
        /// The hash of its entry.
        invite: EntryHash,
    },
    /// Makes a new user by an invite.
    Join {
        /// The newcomer.
        user: UserId,
        /// Its first device, which signs.
        device: DeviceRecord,
        /// The hash of the invite's entry.
        invite: EntryHash,
    },
    /// Makes a new user by an admin's word.
    Vouch {
        /// The newcomer.
        user: UserId,
        /// Its first device.
        device: DeviceRecord,
    },
    /// Changes a user's role.
    SetRole {
        /// Whose.
        user: UserId,
        /// The new role.
        role: Role,
    },
    /// Makes a channel.
    CreateChannel {
        /// The new channel.
        channel: ChannelId,
        /// Who is in it.
        access: Access,
        /// What newcomers may read.
        history: History,
    },
    /// Ends a channel.
    DeleteChannel {
        /// The channel.
        channel: ChannelId,
    },
    /// Gives the author's user another device.
    AddDevice {
        /// The author's user.
        user: UserId,
        /// The new device.
        device: DeviceRecord,
    },
    /// Gives the author's user the device that its recovery code derives, and revokes the one before.
    SetRecovery {
        /// The new device.
        device: DeviceRecord,
    },
    /// Ends a device.
    RevokeDevice {
        /// The device.
        device: DeviceId,
    },
    /// Ends a user.
    RemoveUser {
        /// The user.
        user: UserId,
    },
    /// Takes a user into a private channel.
    AddToChannel {
        /// The channel.
        channel: ChannelId,
        /// The user.
        user: UserId,
    },
    /// Puts a user out of a private channel, or lets it leave.
    RemoveFromChannel {
        /// The channel.
        channel: ChannelId,
        /// The user.
        user: UserId,
    },
    /// Commits to a name.
    SetName {
        /// Whose.
        subject: Subject,
        /// What the name must match.
        commitment: Commitment,
    },
    /// Commits to a group's next key.
    RotateKey {
        /// The group.
        group: GroupId,
        /// The epoch of the new key.
        epoch: Epoch,
        /// What the new key must match.
        commitment: Commitment,
        /// The key of the epoch before, sealed under the new one: [`SEALED_KEY_BYTES`]. Absent where newcomers may
        /// not read the past, and where the author did not have it.
        previous: Option<Vec<u8>>,
    },
}

impl Payload {
    /// The number of the kind.
    #[must_use]
    pub const fn kind(&self) -> u64 {
        match self {
            Self::Genesis { .. } => 0,
            Self::Invite { .. } => 1,
            Self::RevokeInvite { .. } => 2,
            Self::Join { .. } => 3,
            Self::Vouch { .. } => 4,
            Self::SetRole { .. } => 5,
            Self::CreateChannel { .. } => 6,
            Self::DeleteChannel { .. } => 7,
            Self::AddDevice { .. } => 8,
            Self::SetRecovery { .. } => 9,
            Self::RevokeDevice { .. } => 10,
            Self::RemoveUser { .. } => 11,
            Self::AddToChannel { .. } => 12,
            Self::RemoveFromChannel { .. } => 13,
            Self::SetName { .. } => 14,
            Self::RotateKey { .. } => 15,
        }
    }
}

impl<C> Encode<C> for Payload {
    fn encode<W: Write>(&self, e: &mut Encoder<W>, _: &mut C) -> Result<(), Error<W::Error>> {
        match self {
            Self::Genesis { user, device }
            | Self::Vouch { user, device }
            | Self::AddDevice { user, device } => {
                e.map(2)?.u8(0)?.encode(user)?.u8(1)?.encode(device)?
            }
            Self::Invite {
                key,
                dh,
                uses,
                expires,
            } => {
                e.map(4)?.u8(0)?.encode(key)?.u8(1)?.encode(dh)?;
                e.u8(2)?.u32(*uses)?.u8(3)?.u64(expires.0)?
            }
            Self::RevokeInvite { invite } => e.map(1)?.u8(0)?.encode(invite)?,
            Self::Join {
                user,
                device,
                invite,
            } => {
                e.map(3)?.u8(0)?.encode(user)?.u8(1)?.encode(device)?;
                e.u8(2)?.encode(invite)?
            }
            Self::SetRole { user, role } => e.map(2)?.u8(0)?.encode(user)?.u8(1)?.encode(role)?,
            Self::CreateChannel {
                channel,
                access,
                history,
            } => {
                e.map(3)?.u8(0)?.encode(channel)?.u8(1)?.encode(access)?;
                e.u8(2)?.encode(history)?
            }
            Self::DeleteChannel { channel } => e.map(1)?.u8(0)?.encode(channel)?,
            Self::SetRecovery { device } => e.map(1)?.u8(0)?.encode(device)?,
            Self::RevokeDevice { device } => e.map(1)?.u8(0)?.encode(device)?,
            Self::RemoveUser { user } => e.map(1)?.u8(0)?.encode(user)?,
            Self::AddToChannel { channel, user } | Self::RemoveFromChannel { channel, user } => {
                e.map(2)?.u8(0)?.encode(channel)?.u8(1)?.encode(user)?
            }
            Self::SetName {
                subject,
                commitment,
            } => e
                .map(2)?
                .u8(0)?
                .encode(subject)?
                .u8(1)?
                .encode(commitment)?,
            Self::RotateKey {
                group,
                epoch,
                commitment,
                previous,
            } => {
                e.map(3 + u64::from(previous.is_some()))?;
                e.u8(0)?.encode(group)?.u8(1)?.encode(epoch)?;
                e.u8(2)?.encode(commitment)?;
                if let Some(previous) = previous {
                    e.u8(3)?.bytes(previous)?;
                }
                e
            }
        }
        .ok()
    }
}
