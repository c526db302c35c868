//! What the log says of users, devices, invites, channels and groups.
//!
//! What was is kept beside what is, as spans of indices, so that questions about an earlier index have an answer.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec::Vec;

use super::device::DeviceRecord;
use super::effect::Effect;
use super::payload::{Access, History, Role};
use crate::crypto::{DhPublic, VerifyKey};
use crate::ids::{ChannelId, Commitment, DeviceId, EntryHash, Epoch, GroupId, Subject, UserId};
use crate::time::UnixMillis;

/// The indices from one entry up to the one before another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Span {
    /// The entry that began it.
    pub from: u64,
    /// The entry that ended it, if one did.
    pub until: Option<u64>,
}

impl Span {
    pub(super) const fn starting(from: u64) -> Self {
        Self { from, until: None }
    }

    /// Whether the span covers this index.
    #[must_use]
    pub fn contains(&self, index: u64) -> bool {
        self.from <= index && self.until.is_none_or(|until| index < until)
    }

    /// Whether nothing has ended the span.
    #[must_use]
    pub const fn is_open(&self) -> bool {
        self.until.is_none()
    }

    /// Ends the span, once.
    pub(super) fn end(&mut self, index: u64) {
        self.until.get_or_insert(index);
    }
}

/// A user, present or removed.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct User {
    /// What it may do.
    pub role: Role,
    /// When it belonged.
    pub span: Span,
    /// The device that it came with: its safety number is made of this one.
    pub first_device: DeviceId,
    /// Its devices that are not revoked, without the one for recovery.
    pub devices: BTreeSet<DeviceId>,
    /// The device that its recovery code derives.
    pub recovery: Option<DeviceId>,
    /// The private channels that it is in.
    pub channels: BTreeSet<ChannelId>,
    /// The open invites that it signed.
    pub invites: BTreeSet<EntryHash>,
}

/// A device, present or revoked.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Device {
    /// Whose.
    pub user: UserId,
    /// Its keys.
    pub record: DeviceRecord,
    /// Whether it is for recovery: it receives keys, and signs nothing but `AddDevice`.
    pub recovery: bool,
    /// When it was valid.
    pub span: Span,
}

/// An open invite.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Invite {
    /// The admin who signed it.
    pub user: UserId,
    /// Checks the second signature of a `Join`.
    pub key: VerifyKey,
    /// Receives the keys of the group of everybody.
    pub dh: DhPublic,
    /// How many may still join by it.
    pub uses_left: u32,
    /// Until when the server and the newcomer take it.
    pub expires: UnixMillis,
    /// The index of its entry.
    pub opened_at: u64,
}

/// A channel, present or deleted.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Channel {
    /// Who is in it.
    pub access: Access,
    /// What newcomers may read.
    pub history: History,
    /// Who made it.
    pub creator: UserId,
    /// When it existed.
    pub span: Span,
    /// Who is in it, if it is private.
    pub members: BTreeSet<UserId>,
    /// When each user was in it, if it is private.
    pub past: BTreeMap<UserId, Vec<Span>>,
}

impl Channel {
    /// Whose keys the channel `id` uses.
    #[must_use]
    pub const fn group(&self, id: ChannelId) -> GroupId {
        match (self.access, self.history) {
            (Access::Open, History::All) => GroupId::Open,
            (Access::Private, _) | (_, History::FromJoin) => GroupId::Channel(id),
        }
    }

    /// Whether the user, if it belongs to the community, is in the channel.
    #[must_use]
    pub fn has(&self, user: UserId) -> bool {
        self.span.is_open() && (self.access == Access::Open || self.members.contains(&user))
    }

    /// Ends the user's membership of a private channel.
    pub(super) fn leave(&mut self, user: UserId, index: u64) {
        self.members.remove(&user);
        if let Some(span) = self.past.get_mut(&user).and_then(|spans| spans.last_mut()) {
            span.end(index);
        }
    }

    /// Whether the user, if it belonged to the community, was in the channel at an index.
    #[must_use]
    pub fn had_at(&self, user: UserId, index: u64) -> bool {
        let inside = |spans: &Vec<Span>| {
            let begun = spans.partition_point(|span| span.from <= index);
            let last = begun.checked_sub(1).and_then(|last| spans.get(last));
            last.is_some_and(|span| span.contains(index))
        };
        self.span.contains(index)
            && (self.access == Access::Open || self.past.get(&user).is_some_and(inside))
    }
}

/// One key of a group.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct EpochRecord {
    /// What the key must match.
    pub commitment: Commitment,
    /// The key of the epoch before, sealed under this one.
    pub previous: Option<Vec<u8>>,
    /// The device that made it.
    pub author: DeviceId,
    /// When it could be used.
    pub span: Span,
}

/// Those who share keys: everybody, or a channel.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Group {
    /// The keys, by epoch from 0.
    pub epochs: Vec<EpochRecord>,
}

impl Group {
    /// The newest epoch, open or closed.
    #[must_use]
    pub fn epoch(&self) -> Option<Epoch> {
        let newest = self.epochs.len().checked_sub(1)?;
        u32::try_from(newest).ok().map(Epoch)
    }

    /// What the newest key must match.
    #[must_use]
    pub fn commitment(&self) -> Option<Commitment> {
        self.epochs.last().map(|epoch| epoch.commitment)
    }

    /// Whether no key may be used: none was made yet, or a removal closed the newest.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        !self.epochs.last().is_some_and(|epoch| epoch.span.is_open())
    }

    /// The record of an epoch.
    #[must_use]
    pub fn record(&self, epoch: Epoch) -> Option<&EpochRecord> {
        usize::try_from(epoch.0)
            .ok()
            .and_then(|epoch| self.epochs.get(epoch))
    }
}

/// All that the log says, after its last entry.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct State {
    pub(super) users: BTreeMap<UserId, User>,
    pub(super) devices: BTreeMap<DeviceId, Device>,
    pub(super) invites: BTreeMap<EntryHash, Invite>,
    pub(super) channels: BTreeMap<ChannelId, Channel>,
    pub(super) groups: BTreeMap<GroupId, Group>,
    pub(super) names: BTreeMap<Subject, Commitment>,
    /// Every public key that the log has seen, of devices and of invites.
    pub(super) keys: BTreeSet<[u8; 32]>,
    /// The users who are admins and have a device to sign with. Never empty after `Genesis`.
    pub(super) admins: BTreeSet<UserId>,
    /// The groups of which everybody is and whose epoch is open: a removal closes these without a search.
    pub(super) everybody: BTreeSet<GroupId>,
    /// How many users are not removed.
    pub(super) present: usize,
    /// How many channels are not deleted.
    pub(super) open_channels: usize,
}

impl State {
    /// Ends an invite, if it is open.
    pub(super) fn close_invite(&mut self, invite: EntryHash, effects: &mut Vec<Effect>) {
        let Some(closed) = self.invites.remove(&invite) else {
            return;
        };
        if let Some(user) = self.users.get_mut(&closed.user) {
            user.invites.remove(&invite);
        }
        effects.push(Effect::InviteClosed { invite });
    }

    /// Ends all open invites that the user signed.
    pub(super) fn close_invites_of(&mut self, user: UserId, effects: &mut Vec<Effect>) {
        let signed = self.users.get_mut(&user).map(|user| &mut user.invites);
        for invite in signed.map(core::mem::take).unwrap_or_default() {
            self.close_invite(invite, effects);
        }
    }

    /// Closes a group's epoch, if it is open.
    pub(super) fn close_epoch(&mut self, group: GroupId, index: u64, effects: &mut Vec<Effect>) {
        self.everybody.remove(&group);
        let Some(state) = self.groups.get_mut(&group).filter(|it| !it.is_closed()) else {
            return;
        };
        let epoch = state.epoch().unwrap_or_default();
        if let Some(record) = state.epochs.last_mut() {
            record.span.end(index);
            effects.push(Effect::EpochClosed { group, epoch });
        }
    }

    /// Closes the open epoch of each group that the user is of.
    pub(super) fn close_epochs_of(&mut self, user: UserId, index: u64, effects: &mut Vec<Effect>) {
        for group in core::mem::take(&mut self.everybody) {
            self.close_epoch(group, index, effects);
        }
        let private = self.users.get(&user).map(|user| user.channels.clone());
        for channel in private.unwrap_or_default() {
            self.close_epoch(GroupId::Channel(channel), index, effects);
        }
    }

    /// Writes down anew whether the user counts as an admin who remains.
    pub(super) fn count_admin(&mut self, id: UserId) {
        let able = self.users.get(&id).is_some_and(|user| {
            user.role == Role::Admin && user.span.is_open() && !user.devices.is_empty()
        });
        match able {
            true => self.admins.insert(id),
            false => self.admins.remove(&id),
        };
    }

    /// Whether nobody else could administer the community.
    pub(super) fn is_last_admin(&self, user: UserId) -> bool {
        self.admins.len() == 1 && self.admins.contains(&user)
    }
}
