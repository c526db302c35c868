//! Whether a message is accepted.

use alloc::vec::Vec;

use super::channel::Channel;
use super::content::Content;
use super::context::{Context, KeyStatus};
use super::message::{Body, Locked, Refused, Signed};
use crate::crypto::message::{self, Address, OpenError, Plain, Seen};
use crate::ids::{ClientId, DeviceId, Seq, UserId};

/// What is judged: a sealed message, where the server says that it stands and who it says sent it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Claim<'a> {
    pub(super) seq: Seq,
    pub(super) device: DeviceId,
    pub(super) client_id: ClientId,
    /// None if it is no base64.
    pub(super) sealed: Option<&'a [u8]>,
}

/// The outcome.
#[derive(Debug)]
pub(super) enum Verdict {
    /// It needs more of the log than is known here.
    AwaitLog,
    /// It is kept, accepted or not.
    Keep {
        user: Option<UserId>,
        body: Body,
        /// What its device had seen, of an accepted message.
        seen: Option<Seen>,
    },
}

/// Judges a message by the facts (spec 8.8 to 8.14). `log_read`: the log is known at least as far as the server had it
/// when the message came, so that waiting helps no more.
pub(super) fn judge(
    claim: Claim<'_>,
    channel: &Channel,
    context: &dyn Context,
    log_read: bool,
) -> Verdict {
    let Some((user, key)) = context.owner(claim.device) else {
        return match log_read {
            true => Verdict::refuse(None, Refused::UnknownDevice),
            false => Verdict::AwaitLog,
        };
    };
    let Some(sealed) = claim.sealed else {
        return Verdict::refuse(Some(user), Refused::NotSealed);
    };
    let header = match message::peek(sealed) {
        Ok(header) => header,
        Err(error) => return Verdict::unopened(user, error),
    };
    let Some(group) = context.group_of(channel.id) else {
        return Verdict::refuse(Some(user), Refused::NotEntitled);
    };
    let locked = |reason| Verdict::Keep {
        user: Some(user),
        body: Body::Locked {
            reason,
            epoch: header.epoch,
            sealed: Vec::from(sealed),
        },
        seen: None,
    };
    let group_key = match context.key(group, header.epoch) {
        KeyStatus::Held(group_key) => group_key,
        KeyStatus::BeforeJoin => return locked(Locked::BeforeJoin),
        KeyStatus::Missing | KeyStatus::Unknown => return locked(Locked::NoKey),
    };
    let address = Address {
        community: context.community(),
        channel: channel.id,
        epoch: header.epoch,
        user,
        device: claim.device,
        client_id: claim.client_id,
    };
    let plain = match message::open(sealed, &address, group_key, &key) {
        Ok(plain) => plain,
        Err(error) => return Verdict::unopened(user, error),
    };

    match context.entry_hash_at(plain.head.index) {
        // spec 8.11
        Some(hash) if hash != plain.head.hash => return Verdict::refuse(Some(user), Refused::Fork),
        Some(_) => {}
        None if log_read => return Verdict::refuse(Some(user), Refused::Fork),
        None => return Verdict::AwaitLog,
    }
    let signed = Signed {
        head: plain.head.index,
        epoch: header.epoch,
    };
    // spec 8.9
    if !context.entitled_at(claim.device, channel.id, signed.head) {
        return Verdict::refuse(Some(user), Refused::NotEntitled);
    }
    if !context.epoch_open_at(group, signed.epoch, signed.head) {
        return Verdict::refuse(Some(user), Refused::EpochClosed);
    }
    if let Some(reason) = out_of_line(claim, signed, channel) {
        return Verdict::refuse(Some(user), reason);
    }
    Verdict::opened(user, signed, plain)
}

/// What is signed goes forward along the channel, and each message of a device has a name of its own (spec 8.10).
fn out_of_line(claim: Claim<'_>, signed: Signed, channel: &Channel) -> Option<Refused> {
    // The name comes first, so that a replay is called one.
    if channel.is_used(claim.device, claim.client_id, claim.seq) {
        return Some(Refused::ClientIdReused);
    }
    channel.goes_back(claim.device, claim.seq, signed)
}

impl Verdict {
    const fn refuse(user: Option<UserId>, reason: Refused) -> Self {
        Self::Keep {
            user,
            body: Body::Refused(reason),
            seen: None,
        }
    }

    fn opened(user: UserId, signed: Signed, plain: Plain) -> Self {
        let body = match Content::decode(&plain.content) {
            Ok(Content::Text(text)) => Body::Text { text, signed },
            Ok(Content::Unknown { .. }) => Body::NeedsNewer {
                signed: Some(signed),
            },
            Err(_) => Body::Refused(Refused::Malformed),
        };
        Self::Keep {
            user: Some(user),
            body,
            seen: Some(plain.seen),
        }
    }

    fn unopened(user: UserId, error: OpenError) -> Self {
        let reason = match error {
            OpenError::UnknownVersion(_) => {
                return Self::Keep {
                    user: Some(user),
                    body: Body::NeedsNewer { signed: None },
                    seen: None,
                };
            }
            OpenError::ForgedSignature => Refused::ForgedSignature,
            OpenError::BadPadding | OpenError::Malformed(_) => Refused::Malformed,
            OpenError::NotAuthentic | OpenError::WrongEpoch { .. } => Refused::NotAuthentic,
            OpenError::TooLong { .. } => Refused::TooLong,
            OpenError::Truncated => Refused::Truncated,
        };
        Self::refuse(Some(user), reason)
    }
}
