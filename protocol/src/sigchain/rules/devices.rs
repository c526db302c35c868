//! The devices of a user.

use super::{Step, need_user_or_admin, present_user};
use crate::ids::{DeviceId, UserId};
use crate::limits::MAX_USER_DEVICES;
use crate::sigchain::device::DeviceRecord;
use crate::sigchain::effect::Effect;
use crate::sigchain::error::Invalid;
use crate::sigchain::state::{Device, Span, State};

/// Adds a device to the author's user (spec 4.30).
pub(super) fn add(
    state: &mut State,
    step: &mut Step,
    user: UserId,
    device: &DeviceRecord,
) -> Result<(), Invalid> {
    if step.user != user {
        return Err(Invalid::NotOwnUser);
    }
    if present_user(state, user)?.devices.len() >= MAX_USER_DEVICES {
        return Err(Invalid::TooManyDevices);
    }
    check_new(state, device)?;
    admit(state, step, user, device, false);
    Ok(())
}

/// Sets the device that the author's recovery code derives; the one before is revoked (spec 4.31).
pub(super) fn set_recovery(
    state: &mut State,
    step: &mut Step,
    device: &DeviceRecord,
) -> Result<(), Invalid> {
    let before = present_user(state, step.user)?.recovery;
    check_new(state, device)?;
    if let Some(before) = before {
        end(state, step, step.user, before);
    }
    admit(state, step, step.user, device, true);
    Ok(())
}

/// Revokes a device (spec 4.32).
pub(super) fn revoke(state: &mut State, step: &mut Step, id: DeviceId) -> Result<(), Invalid> {
    let device = state.devices.get(&id).ok_or(Invalid::UnknownDevice)?;
    let user = device.user;
    need_user_or_admin(state, step, user)?;
    if !device.span.is_open() {
        return Err(Invalid::DeviceRevoked);
    }
    let only = present_user(state, user)?.devices.len() == 1;
    if !device.recovery && only && state.is_last_admin(user) {
        return Err(Invalid::LastAdmin);
    }
    end(state, step, user, id);
    Ok(())
}

/// Refuses a device whose id or keys are not new (spec 4.17, 4.18).
pub(super) fn check_new(state: &State, device: &DeviceRecord) -> Result<(), Invalid> {
    if state.devices.contains_key(&device.device) {
        return Err(Invalid::DeviceExists);
    }
    check_new_keys(state, [device.sign.as_bytes(), device.dh.as_bytes()])
}

/// Refuses keys that the log has seen, or that are the same twice (spec 4.18).
pub(super) fn check_new_keys(state: &State, keys: [&[u8; 32]; 2]) -> Result<(), Invalid> {
    let [sign, dh] = keys;
    match sign == dh || state.keys.contains(sign) || state.keys.contains(dh) {
        true => Err(Invalid::KeyExists),
        false => Ok(()),
    }
}

/// Takes in a device that was found to be new.
pub(super) fn admit(
    state: &mut State,
    step: &mut Step,
    user: UserId,
    record: &DeviceRecord,
    recovery: bool,
) {
    let id = record.device;
    state.keys.insert(*record.sign.as_bytes());
    state.keys.insert(*record.dh.as_bytes());
    let device = Device {
        user,
        record: record.clone(),
        recovery,
        span: Span::starting(step.index),
    };
    state.devices.insert(id, device);
    if let Some(user) = state.users.get_mut(&user) {
        match recovery {
            true => user.recovery = Some(id),
            false => {
                user.devices.insert(id);
            }
        }
    }
    state.count_admin(user);
    step.effects.push(Effect::DeviceAdded { user, device: id });
}

/// Ends a device of a present user and closes the epochs that it knows the keys of.
fn end(state: &mut State, step: &mut Step, user: UserId, id: DeviceId) {
    state.close_epochs_of(user, step.index, &mut step.effects);
    if let Some(device) = state.devices.get_mut(&id) {
        device.span.end(step.index);
    }
    if let Some(user) = state.users.get_mut(&user) {
        user.devices.remove(&id);
        user.recovery = user.recovery.filter(|recovery| *recovery != id);
    }
    state.count_admin(user);
    step.effects
        .push(Effect::DeviceRevoked { user, device: id });
}
