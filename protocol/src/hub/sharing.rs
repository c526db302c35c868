//! Envelopes and names of the log, and newcomers who wait to be vouched for.

use alloc::string::ToString;
use alloc::vec::Vec;

use super::access::Caller;
use super::membership::Membership;
use super::owed::Owing;
use super::pending::{Step, Unexpected};
use super::rules;
use super::store::{Answer, ChainName, NewEnvelope, Op, PendingRow};
use super::{Hub, RequestId};
use crate::crypto::envelope;
use crate::ids::{EntryHash, Epoch, GroupId, RecipientId, UserId};
use crate::limits;
use crate::sigchain::DeviceRecord;
use crate::wire::answer::{PendingAnswer, PendingUser};
use crate::wire::base64;
use crate::wire::body::{NewPending, PendingName};
use crate::wire::cbor;
use crate::wire::chain::{EnvelopePage, NamePage, SealedEnvelope, SealedName, StoredEnvelope};
use crate::wire::event::ServerEvent;
use crate::wire::http::Response;

/// A step of a request for keys, names or newcomers.
#[derive(Debug)]
pub(super) enum SharingStep {
    /// Envelopes were to be kept.
    EnvelopesKept {
        /// Whose device posted them.
        by: UserId,
        /// What is in them.
        keys: Vec<(RecipientId, GroupId, Epoch)>,
    },
    /// Envelopes past a cursor were read.
    EnvelopesRead(u64),
    /// Who holds keys was read.
    HeldRead(Owing),
    /// Names were to be kept.
    NamesKept,
    /// Names past a cursor were read.
    NamesRead(u64),
    /// A newcomer was to be kept.
    PendingKept,
    /// Newcomers were read.
    PendingRead,
}

impl Hub {
    pub(super) fn sharing_stored(
        &mut self,
        id: RequestId,
        step: SharingStep,
        answer: Answer,
    ) -> Result<Option<Response>, Unexpected> {
        Ok(Some(match (step, answer) {
            (SharingStep::EnvelopesKept { by, keys }, Answer::Done) => {
                self.announce_keys(by, &keys);
                Response::empty(201)
            }
            (SharingStep::EnvelopesRead(after), Answer::Envelopes(rows)) => {
                let page = EnvelopePage {
                    next: rows.last().map_or(after, |row| row.cursor),
                    envelopes: rows
                        .into_iter()
                        .map(|row| StoredEnvelope {
                            cursor: row.cursor,
                            poster: row.poster,
                            bytes: row.bytes,
                        })
                        .collect(),
                };
                Response::cbor(200, cbor::encode(&page))
            }
            (SharingStep::HeldRead(owing), Answer::Held(held)) => {
                return Ok(self.held_read(id, owing, held));
            }
            (SharingStep::NamesKept, Answer::Done) => {
                self.announce_names();
                Response::empty(201)
            }
            (SharingStep::NamesRead(after), Answer::Names(rows)) => {
                let page = NamePage {
                    next: rows.last().map_or(after, |row| row.cursor),
                    names: rows.into_iter().map(|row| sealed_name(row.name)).collect(),
                };
                Response::cbor(200, cbor::encode(&page))
            }
            (SharingStep::PendingKept, Answer::Done) => {
                let to = self.connections.select(|it| {
                    it.is_greeted() && self.members.is_admin(it.caller.user) == Some(true)
                });
                self.send(to, &ServerEvent::PendingAdded);
                Response::empty(201)
            }
            (SharingStep::PendingRead, Answer::Pending(rows)) => {
                let pending = rows.into_iter().map(pending_user).collect();
                Response::json(200, &PendingAnswer { pending })
            }
            _ => return Err(Unexpected),
        }))
    }

    fn members_only(&self, caller: Caller) -> Result<(), Response> {
        match self.members.is_member_device(caller.device) {
            true => Ok(()),
            false => Err(Response::error(403, "forbidden")),
        }
    }

    /// What only the clients can judge is for members, and not too much of it from one user.
    pub(super) fn may_share(&mut self, caller: Caller) -> Result<(), Response> {
        self.members_only(caller)?;
        match self.limiter.share(caller.user, self.now) {
            true => Ok(()),
            false => Err(Response::error(429, "too many requests")),
        }
    }

    /// `GET /envelopes`: the device's own, or an open invite's, which only its secret opens.
    pub(super) fn envelopes(
        &mut self,
        id: RequestId,
        caller: Caller,
        after: u64,
        invite: Option<EntryHash>,
    ) -> Result<(), Response> {
        let recipient = match invite {
            Some(invite) => RecipientId::Invite(invite),
            None => RecipientId::Device(caller.device),
        };
        let op = Op::Envelopes {
            recipient,
            after,
            limit: limits::SHARING_PAGE,
        };
        self.ask(id, op, Step::Sharing(SharingStep::EnvelopesRead(after)));
        Ok(())
    }

    /// `POST /envelopes`.
    pub(super) fn post_envelopes(
        &mut self,
        id: RequestId,
        caller: Caller,
        envelopes: Vec<SealedEnvelope>,
    ) -> Result<(), Response> {
        self.may_share(caller)?;
        let envelopes = check_envelopes(&self.members, envelopes)?;
        let (by, keys) = (caller.user, keys_of(&envelopes));
        let step = SharingStep::EnvelopesKept { by, keys };
        let poster = caller.device;
        let op = Op::PutEnvelopes { poster, envelopes };
        self.ask(id, op, Step::Sharing(step));
        Ok(())
    }

    /// `GET /names`.
    pub(super) fn names(
        &mut self,
        id: RequestId,
        caller: Caller,
        after: u64,
    ) -> Result<(), Response> {
        self.members_only(caller)?;
        let limit = limits::SHARING_PAGE;
        let step = SharingStep::NamesRead(after);
        self.ask(id, Op::Names { after, limit }, Step::Sharing(step));
        Ok(())
    }

    /// `POST /names`.
    pub(super) fn post_names(
        &mut self,
        id: RequestId,
        caller: Caller,
        names: Vec<SealedName>,
    ) -> Result<(), Response> {
        self.may_share(caller)?;
        let names = check_names(&self.members, names)?;
        let poster = caller.device;
        let op = Op::PutNames { poster, names };
        self.ask(id, op, Step::Sharing(SharingStep::NamesKept));
        Ok(())
    }

    /// `GET /pending`.
    pub(super) fn list_pending(&mut self, id: RequestId, caller: Caller) -> Result<(), Response> {
        let op = Op::Pending {
            reader: caller.device,
            limit: limits::PENDING_PAGE,
        };
        self.ask(id, op, Step::Sharing(SharingStep::PendingRead));
        Ok(())
    }

    /// `POST /pending`.
    pub(super) fn post_pending(
        &mut self,
        id: RequestId,
        caller: Caller,
        body: &NewPending,
    ) -> Result<(), Response> {
        if self.members.is_admin(caller.user).is_some() {
            return Err(Response::error(403, "forbidden: already a member"));
        }
        if body.names.len() > limits::MAX_PENDING_NAMES {
            return Err(rules::invalid("too many names"));
        }
        let record = bounded(&body.record).ok_or_else(|| rules::invalid("record"))?;
        let device = DeviceRecord::decode(&record).map_err(|_| rules::invalid("record"))?;
        if device.device != caller.device || *device.dh.as_bytes() != caller.public_key {
            return Err(rules::invalid("record is of another device"));
        }
        let names = body.names.iter().map(|name: &PendingName| {
            let sealed = bounded(&name.sealed).ok_or_else(|| rules::invalid("names"))?;
            Ok((name.device_id, sealed))
        });
        let op = Op::PutPending {
            user: caller.user,
            device: caller.device,
            record,
            names: names.collect::<Result<_, Response>>()?,
            created_at: self.unix(),
        };
        self.ask(id, op, Step::Sharing(SharingStep::PendingKept));
        Ok(())
    }
}

/// Envelopes whose recipients are entitled to the keys that their headers name, each as the log has it.
pub(super) fn check_envelopes(
    members: &Membership,
    envelopes: Vec<SealedEnvelope>,
) -> Result<Vec<NewEnvelope>, Response> {
    let checked = envelopes.into_iter().map(|sealed| {
        let header = envelope::peek(&sealed.bytes);
        let header = header.map_err(|_| Response::error(400, "malformed_envelope"))?;
        if header.recipient != sealed.recipient {
            return Err(Response::error(400, "wrong_recipient"));
        }
        let mut keys = Vec::with_capacity(header.records.len());
        for (group, epoch, commitment) in header.records {
            if members.commitment(group, epoch) != Some(commitment) {
                return Err(Response::error(400, "wrong_commitment"));
            }
            if !members.is_recipient(sealed.recipient, group) {
                return Err(Response::error(400, "not_entitled"));
            }
            keys.push((group, epoch));
        }
        Ok(NewEnvelope {
            recipient: sealed.recipient,
            keys,
            bytes: sealed.bytes,
        })
    });
    checked.collect()
}

/// Names that the log commits to, under keys that it knows. What they say is for those to judge who can open them.
pub(super) fn check_names(
    members: &Membership,
    names: Vec<SealedName>,
) -> Result<Vec<ChainName>, Response> {
    let checked = names.into_iter().map(|name| {
        if !members.is_named(name.subject) {
            return Err(Response::error(400, "unknown_name"));
        }
        if members.commitment(name.group, name.epoch).is_none() {
            return Err(Response::error(400, "unknown_epoch"));
        }
        if name.bytes.len() > limits::MAX_NAME_ENC_BYTES {
            return Err(Response::error(400, "name_too_long"));
        }
        Ok(ChainName {
            subject: name.subject,
            group: name.group,
            epoch: name.epoch,
            bytes: name.bytes,
        })
    });
    checked.collect()
}

pub(super) fn keys_of(envelopes: &[NewEnvelope]) -> Vec<(RecipientId, GroupId, Epoch)> {
    let keys = envelopes.iter().flat_map(|new| {
        let keys = new.keys.iter();
        keys.map(|(group, epoch)| (new.recipient, *group, *epoch))
    });
    keys.collect()
}

/// Base64 of not too many bytes.
fn bounded(text: &str) -> Option<Vec<u8>> {
    base64::decode(text).filter(|bytes| bytes.len() <= limits::MAX_PENDING_BYTES)
}

fn sealed_name(name: ChainName) -> SealedName {
    SealedName {
        subject: name.subject,
        group: name.group,
        epoch: name.epoch,
        bytes: name.bytes,
    }
}

fn pending_user(row: PendingRow) -> PendingUser {
    PendingUser {
        user_id: row.user,
        device_id: row.device,
        record: base64::encode(&row.record),
        name: row.name.map(|name| base64::encode(&name)),
        created_at: row.created_at.to_string(),
    }
}
