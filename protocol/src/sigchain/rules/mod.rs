//! What the log takes, one file a subject.
//!
//! Each rule is a function of the state and the entry. It judges everything first and changes the state only when
//! nothing is left that could refuse the entry.

mod channels;
mod devices;
mod groups;
mod invites;
mod members;

use alloc::vec::Vec;

use super::effect::Effect;
use super::entry::Entry;
use super::error::Invalid;
use super::payload::{Payload, Role};
use super::state::{Channel, State, User};
use crate::ids::{ChannelId, DeviceId, EntryHash, UserId};

/// Where an entry stands, who wrote it, and what it has changed so far.
struct Step {
    index: u64,
    entry: EntryHash,
    author: DeviceId,
    /// The author's user. Of a newcomer that writes its own first entry: the newcomer.
    user: UserId,
    effects: Vec<Effect>,
}

/// Judges what the entry says and takes it in.
pub(super) fn apply(state: &mut State, entry: &Entry) -> Result<Vec<Effect>, Invalid> {
    let payload = entry.payload();
    let mut step = Step {
        index: entry.index(),
        entry: entry.hash(),
        author: entry.author(),
        user: author(state, entry)?,
        effects: Vec::new(),
    };
    let s = &mut step;
    match payload {
        Payload::Genesis { device, .. } => members::genesis(state, s, device),
        Payload::Invite {
            key,
            dh,
            uses,
            expires,
        } => invites::open(state, s, *key, *dh, *uses, *expires),
        Payload::RevokeInvite { invite } => invites::revoke(state, s, *invite),
        Payload::Join { device, invite, .. } => members::join(state, s, device, *invite),
        Payload::Vouch { user, device } => members::vouch(state, s, *user, device),
        Payload::SetRole { user, role } => members::set_role(state, s, *user, *role),
        Payload::CreateChannel {
            channel,
            access,
            history,
        } => channels::create(state, s, *channel, *access, *history),
        Payload::DeleteChannel { channel } => channels::delete(state, s, *channel),
        Payload::AddDevice { user, device } => devices::add(state, s, *user, device),
        Payload::SetRecovery { device } => devices::set_recovery(state, s, device),
        Payload::RevokeDevice { device } => devices::revoke(state, s, *device),
        Payload::RemoveUser { user } => members::remove(state, s, *user),
        Payload::AddToChannel { channel, user } => channels::add(state, s, *channel, *user),
        Payload::RemoveFromChannel { channel, user } => channels::remove(state, s, *channel, *user),
        Payload::SetName {
            subject,
            commitment,
        } => channels::set_name(state, s, *subject, *commitment),
        Payload::RotateKey {
            group,
            epoch,
            commitment,
            previous,
        } => groups::rotate(state, s, *group, *epoch, *commitment, previous.as_deref()),
    }?;
    Ok(step.effects)
}

/// Judges who wrote the entry (spec 4.14 to 4.16), and answers whose device that is.
fn author(state: &State, entry: &Entry) -> Result<UserId, Invalid> {
    if let Payload::Genesis { user, device } | Payload::Join { user, device, .. } = entry.payload()
    {
        return match device.device == entry.author() {
            true => Ok(*user),
            false => Err(Invalid::NotByNewDevice),
        };
    }
    let device = state
        .devices
        .get(&entry.author())
        .ok_or(Invalid::UnknownAuthor)?;
    if !device.span.is_open() {
        return Err(Invalid::AuthorRevoked);
    }
    if device.recovery && !matches!(entry.payload(), Payload::AddDevice { .. }) {
        return Err(Invalid::RecoveryOnlyAdds);
    }
    Ok(device.user)
}

/// Refuses an author who is no admin.
fn need_admin(state: &State, step: &Step) -> Result<(), Invalid> {
    match is_admin(state, step.user) {
        true => Ok(()),
        false => Err(Invalid::NotAdmin),
    }
}

/// Refuses an author who is neither the user nor an admin.
fn need_user_or_admin(state: &State, step: &Step, user: UserId) -> Result<(), Invalid> {
    match step.user == user || is_admin(state, step.user) {
        true => Ok(()),
        false => Err(Invalid::NotUserNorAdmin),
    }
}

fn is_admin(state: &State, user: UserId) -> bool {
    present_user(state, user).is_ok_and(|user| user.role == Role::Admin)
}

/// The user, if it belongs to the community.
fn present_user(state: &State, user: UserId) -> Result<&User, Invalid> {
    let user = state.users.get(&user).ok_or(Invalid::UnknownUser)?;
    match user.span.is_open() {
        true => Ok(user),
        false => Err(Invalid::UserRemoved),
    }
}

/// The channel, if it was not deleted.
fn present_channel(state: &State, channel: ChannelId) -> Result<&Channel, Invalid> {
    let channel = state
        .channels
        .get(&channel)
        .ok_or(Invalid::UnknownChannel)?;
    match channel.span.is_open() {
        true => Ok(channel),
        false => Err(Invalid::ChannelDeleted),
    }
}
