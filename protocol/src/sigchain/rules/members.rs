//! Who belongs, and as what.

use alloc::collections::BTreeSet;

use super::{Step, devices, invites, need_admin, need_user_or_admin, present_user};
use crate::ids::{EntryHash, GroupId, UserId};
use crate::limits::MAX_USERS;
use crate::sigchain::device::DeviceRecord;
use crate::sigchain::effect::Effect;
use crate::sigchain::error::Invalid;
use crate::sigchain::payload::Role;
use crate::sigchain::state::{Group, Span, State, User};

/// Founds the community (spec 4.20). The group of everybody exists from here on, and has no key yet.
pub(super) fn genesis(
    state: &mut State,
    step: &mut Step,
    device: &DeviceRecord,
) -> Result<(), Invalid> {
    devices::check_new(state, device)?;
    state.groups.insert(GroupId::Open, Group::default());
    let founder = step.user;
    admit(state, step, founder, Role::Admin, device);
    Ok(())
}

/// Lets a newcomer in by an invite (spec 4.23).
pub(super) fn join(
    state: &mut State,
    step: &mut Step,
    device: &DeviceRecord,
    invite: EntryHash,
) -> Result<(), Invalid> {
    invites::check_open(state, invite)?;
    check_newcomer(state, step.user, device)?;
    let newcomer = step.user;
    invites::use_once(state, step, invite);
    admit(state, step, newcomer, Role::Member, device);
    Ok(())
}

/// Lets a newcomer in by an admin's word (spec 4.24).
pub(super) fn vouch(
    state: &mut State,
    step: &mut Step,
    user: UserId,
    device: &DeviceRecord,
) -> Result<(), Invalid> {
    need_admin(state, step)?;
    check_newcomer(state, user, device)?;
    admit(state, step, user, Role::Member, device);
    Ok(())
}

/// Makes an admin of a member or the reverse (spec 4.25). Who is no admin any more has no open invites either.
pub(super) fn set_role(
    state: &mut State,
    step: &mut Step,
    id: UserId,
    role: Role,
) -> Result<(), Invalid> {
    need_admin(state, step)?;
    if present_user(state, id)?.role == role {
        return Err(Invalid::SameRole);
    }
    if role == Role::Member && state.is_last_admin(id) {
        return Err(Invalid::LastAdmin);
    }
    if let Some(user) = state.users.get_mut(&id) {
        user.role = role;
    }
    state.count_admin(id);
    step.effects.push(Effect::RoleSet { user: id, role });
    if role == Role::Member {
        state.close_invites_of(id, &mut step.effects);
    }
    Ok(())
}

/// Ends a user, with all of its devices, memberships and open invites (spec 4.26).
pub(super) fn remove(state: &mut State, step: &mut Step, id: UserId) -> Result<(), Invalid> {
    need_user_or_admin(state, step, id)?;
    present_user(state, id)?;
    if state.is_last_admin(id) {
        return Err(Invalid::LastAdmin);
    }
    state.close_epochs_of(id, step.index, &mut step.effects);
    state.close_invites_of(id, &mut step.effects);
    let Some(user) = state.users.get_mut(&id) else {
        return Ok(());
    };
    user.span.end(step.index);
    let devices = core::mem::take(&mut user.devices);
    let recovery = user.recovery.take();
    let channels = core::mem::take(&mut user.channels);
    state.present = state.present.saturating_sub(1);
    state.count_admin(id);
    for device in devices.into_iter().chain(recovery) {
        if let Some(device) = state.devices.get_mut(&device) {
            device.span.end(step.index);
        }
        step.effects
            .push(Effect::DeviceRevoked { user: id, device });
    }
    for channel in channels {
        if let Some(channel) = state.channels.get_mut(&channel) {
            channel.leave(id, step.index);
        }
        step.effects
            .push(Effect::MemberRemoved { channel, user: id });
    }
    step.effects.push(Effect::UserRemoved { user: id });
    Ok(())
}

/// Refuses a newcomer whose id or device is not new, or who is one too many (spec 4.17, 4.18).
fn check_newcomer(state: &State, user: UserId, device: &DeviceRecord) -> Result<(), Invalid> {
    if state.users.contains_key(&user) {
        return Err(Invalid::UserExists);
    }
    if state.present >= MAX_USERS {
        return Err(Invalid::TooManyUsers);
    }
    devices::check_new(state, device)
}

/// Takes in a user who was found to be new. What newcomers may not read is closed to them.
fn admit(state: &mut State, step: &mut Step, id: UserId, role: Role, device: &DeviceRecord) {
    // Of the groups that everybody is of, only that of everybody shows its past to newcomers.
    for group in state.everybody.clone() {
        if group != GroupId::Open {
            state.close_epoch(group, step.index, &mut step.effects);
        }
    }
    let user = User {
        role,
        span: Span::starting(step.index),
        first_device: device.device,
        devices: BTreeSet::new(),
        recovery: None,
        channels: BTreeSet::new(),
        invites: BTreeSet::new(),
    };
    state.users.insert(id, user);
    state.present = state.present.saturating_add(1);
    step.effects.push(Effect::UserJoined { user: id });
    step.effects.push(Effect::RoleSet { user: id, role });
    devices::admit(state, step, id, device, false);
}
