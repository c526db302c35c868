//! Invites.

use super::{Step, devices, need_admin};
use crate::crypto::{DhPublic, VerifyKey};
use crate::ids::EntryHash;
use crate::limits::{MAX_INVITE_USES, MAX_OPEN_INVITES};
use crate::sigchain::effect::Effect;
use crate::sigchain::error::Invalid;
use crate::sigchain::state::{Invite, State};
use crate::time::UnixMillis;

/// Opens an invite (spec 4.21).
pub(super) fn open(
    state: &mut State,
    step: &mut Step,
    key: VerifyKey,
    dh: DhPublic,
    uses: u32,
    expires: UnixMillis,
) -> Result<(), Invalid> {
    need_admin(state, step)?;
    if !(1..=MAX_INVITE_USES).contains(&uses) {
        return Err(Invalid::InviteUses);
    }
    if state.invites.len() >= MAX_OPEN_INVITES {
        return Err(Invalid::TooManyInvites);
    }
    devices::check_new_keys(state, [key.as_bytes(), dh.as_bytes()])?;
    state.keys.insert(*key.as_bytes());
    state.keys.insert(*dh.as_bytes());
    let invite = Invite {
        user: step.user,
        key,
        dh,
        uses_left: uses,
        expires,
        opened_at: step.index,
    };
    state.invites.insert(step.entry, invite);
    if let Some(user) = state.users.get_mut(&step.user) {
        user.invites.insert(step.entry);
    }
    step.effects
        .push(Effect::InviteOpened { invite: step.entry });
    Ok(())
}

/// Ends an invite (spec 4.22).
pub(super) fn revoke(state: &mut State, step: &mut Step, invite: EntryHash) -> Result<(), Invalid> {
    need_admin(state, step)?;
    check_open(state, invite)?;
    state.close_invite(invite, &mut step.effects);
    Ok(())
}

/// Refuses an invite that is not open.
pub(super) fn check_open(state: &State, invite: EntryHash) -> Result<(), Invalid> {
    match state.invites.contains_key(&invite) {
        true => Ok(()),
        false => Err(Invalid::InviteNotOpen),
    }
}

/// Counts one use; the last one ends the invite.
pub(super) fn use_once(state: &mut State, step: &mut Step, id: EntryHash) {
    let left = state.invites.get_mut(&id).map_or(0, |invite| {
        invite.uses_left = invite.uses_left.saturating_sub(1);
        invite.uses_left
    });
    if left == 0 {
        state.close_invite(id, &mut step.effects);
    }
}
