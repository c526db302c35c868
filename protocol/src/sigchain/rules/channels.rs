//! Channels, who is in them, and names.

use alloc::collections::{BTreeMap, BTreeSet};

use super::{Step, is_admin, need_admin, present_channel, present_user};
use crate::ids::{ChannelId, Commitment, GroupId, Subject, UserId};
use crate::limits::MAX_CHANNELS;
use crate::sigchain::effect::Effect;
use crate::sigchain::error::Invalid;
use crate::sigchain::payload::{Access, History};
use crate::sigchain::state::{Channel, Span, State};

/// Makes a channel (spec 4.33). A private one holds its creator; one with keys of its own has none yet.
pub(super) fn create(
    state: &mut State,
    step: &mut Step,
    id: ChannelId,
    access: Access,
    history: History,
) -> Result<(), Invalid> {
    need_admin(state, step)?;
    if state.channels.contains_key(&id) {
        return Err(Invalid::ChannelExists);
    }
    if state.open_channels >= MAX_CHANNELS {
        return Err(Invalid::TooManyChannels);
    }
    let creator = step.user;
    let channel = Channel {
        access,
        history,
        creator,
        span: Span::starting(step.index),
        members: BTreeSet::new(),
        past: BTreeMap::new(),
    };
    let group = channel.group(id);
    state.groups.entry(group).or_default();
    state.channels.insert(id, channel);
    state.open_channels = state.open_channels.saturating_add(1);
    step.effects
        .push(Effect::ChannelCreated { channel: id, group });
    if access == Access::Private {
        enter(state, step, id, creator);
    }
    Ok(())
}

/// Ends a channel, its memberships, and the epoch of its own group (spec 4.34).
pub(super) fn delete(state: &mut State, step: &mut Step, id: ChannelId) -> Result<(), Invalid> {
    need_admin(state, step)?;
    present_channel(state, id)?;
    if let Some(channel) = state.channels.get_mut(&id) {
        for member in channel.members.clone() {
            channel.leave(member, step.index);
            if let Some(user) = state.users.get_mut(&member) {
                user.channels.remove(&id);
            }
        }
        channel.span.end(step.index);
    }
    state.open_channels = state.open_channels.saturating_sub(1);
    state.close_epoch(GroupId::Channel(id), step.index, &mut step.effects);
    step.effects.push(Effect::ChannelDeleted { channel: id });
    Ok(())
}

/// Takes a user into a private channel (spec 4.35).
pub(super) fn add(
    state: &mut State,
    step: &mut Step,
    id: ChannelId,
    user: UserId,
) -> Result<(), Invalid> {
    let channel = private_channel(state, id)?;
    need_keeper(state, step, channel)?;
    present_user(state, user)?;
    if channel.has(user) {
        return Err(Invalid::AlreadyInside);
    }
    if channel.history == History::FromJoin {
        // The newcomer gets the next key, and with it nothing that was written under this one.
        state.close_epoch(GroupId::Channel(id), step.index, &mut step.effects);
    }
    enter(state, step, id, user);
    Ok(())
}

/// Puts a user out of a private channel, or lets it leave (spec 4.36).
pub(super) fn remove(
    state: &mut State,
    step: &mut Step,
    id: ChannelId,
    user: UserId,
) -> Result<(), Invalid> {
    let channel = private_channel(state, id)?;
    if step.user != user {
        need_keeper(state, step, channel)?;
    }
    if !channel.has(user) {
        return Err(Invalid::NotAMember);
    }
    if let Some(channel) = state.channels.get_mut(&id) {
        channel.leave(user, step.index);
    }
    if let Some(user) = state.users.get_mut(&user) {
        user.channels.remove(&id);
    }
    state.close_epoch(GroupId::Channel(id), step.index, &mut step.effects);
    step.effects
        .push(Effect::MemberRemoved { channel: id, user });
    Ok(())
}

/// Commits to the name of a user or a channel (spec 4.37, 4.38).
pub(super) fn set_name(
    state: &mut State,
    step: &mut Step,
    subject: Subject,
    commitment: Commitment,
) -> Result<(), Invalid> {
    match subject {
        Subject::User(user) if user != step.user => return Err(Invalid::NotOwnUser),
        Subject::User(_) => {}
        Subject::Channel(channel) => {
            need_admin(state, step)?;
            present_channel(state, channel)?;
        }
    }
    state.names.insert(subject, commitment);
    step.effects.push(Effect::NameSet {
        subject,
        commitment,
    });
    Ok(())
}

/// The channel, if it is present and private.
fn private_channel(state: &State, id: ChannelId) -> Result<&Channel, Invalid> {
    let channel = present_channel(state, id)?;
    match channel.access {
        Access::Private => Ok(channel),
        Access::Open => Err(Invalid::ChannelOpen),
    }
}

/// Refuses an author who is not inside, or neither the creator nor an admin.
fn need_keeper(state: &State, step: &Step, channel: &Channel) -> Result<(), Invalid> {
    if !channel.has(step.user) {
        return Err(Invalid::NotInside);
    }
    match step.user == channel.creator || is_admin(state, step.user) {
        true => Ok(()),
        false => Err(Invalid::NotCreatorNorAdmin),
    }
}

/// Takes a present user into a private channel that it is not in.
fn enter(state: &mut State, step: &mut Step, id: ChannelId, user: UserId) {
    if let Some(channel) = state.channels.get_mut(&id) {
        channel.members.insert(user);
        let span = Span::starting(step.index);
        channel.past.entry(user).or_default().push(span);
    }
    if let Some(user) = state.users.get_mut(&user) {
        user.channels.insert(id);
    }
    step.effects.push(Effect::MemberAdded { channel: id, user });
}
