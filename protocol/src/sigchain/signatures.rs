//! Whether an entry was signed by whom it takes.

use super::device::DeviceRecord;
use super::entry::Entry;
use super::error::Invalid;
use super::payload::Payload;
use super::state::State;
use crate::crypto::{Label, VerifyKey};
use crate::ids::UserId;

/// Checks every signature that the entry carries (spec 4.11 to 4.13). What the entry says is judged afterwards.
pub(super) fn check(state: &State, entry: &Entry) -> Result<(), Invalid> {
    let body = entry.body();
    let author = author_key(state, entry)?;
    let by_author = match (&body.payload, entry.signatures()) {
        (Payload::Join { invite, .. }, [by_author, by_invite]) => {
            let invite = state.invites.get(invite).ok_or(Invalid::InviteNotOpen)?;
            invite
                .key
                .verify(Label::Entry, entry.signed(), by_invite)
                .map_err(|_| Invalid::BadInviteSignature)?;
            by_author
        }
        (Payload::Join { .. }, _) => return Err(Invalid::SignatureCount),
        (_, [by_author]) => by_author,
        _ => return Err(Invalid::SignatureCount),
    };
    author
        .verify(Label::Entry, entry.signed(), by_author)
        .map_err(|_| Invalid::BadSignature)?;
    match new_device(state, entry) {
        Some((user, record)) => record
            .verify(&body.community, user)
            .map_err(|_| Invalid::BadProof),
        None => Ok(()),
    }
}

/// The key of the device that wrote the entry: in `Genesis` and `Join` the new device's own.
fn author_key<'a>(state: &'a State, entry: &'a Entry) -> Result<&'a VerifyKey, Invalid> {
    if let Payload::Genesis { device, .. } | Payload::Join { device, .. } = entry.payload() {
        return Ok(&device.sign);
    }
    let author = state.devices.get(&entry.author());
    author
        .map(|device| &device.record.sign)
        .ok_or(Invalid::UnknownAuthor)
}

/// The device that the entry introduces, and for whom.
fn new_device<'a>(state: &State, entry: &'a Entry) -> Option<(UserId, &'a DeviceRecord)> {
    match entry.payload() {
        Payload::Genesis { user, device }
        | Payload::Join { user, device, .. }
        | Payload::Vouch { user, device }
        | Payload::AddDevice { user, device } => Some((*user, device)),
        Payload::SetRecovery { device } => {
            let author = state.devices.get(&entry.author())?;
            Some((author.user, device))
        }
        Payload::Invite { .. }
        | Payload::RevokeInvite { .. }
        | Payload::SetRole { .. }
        | Payload::CreateChannel { .. }
        | Payload::DeleteChannel { .. }
        | Payload::RevokeDevice { .. }
        | Payload::RemoveUser { .. }
        | Payload::AddToChannel { .. }
        | Payload::RemoveFromChannel { .. }
        | Payload::SetName { .. }
        | Payload::RotateKey { .. } => None,
    }
}
