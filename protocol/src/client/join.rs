//! Becoming a member: by an open invite, or by the vouch of an admin.

use alloc::string::String;
use alloc::vec::Vec;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::Client;
use super::account::Plan;
use super::calls::Purpose;
use super::chores::Chore;
use super::event::{Event, IntentName, Refusal, Warning};
use super::intent::Wish;
use super::io::{HttpAnswer, LinkFailure};
use super::views::PendingView;
use crate::crypto::direct::{open_from_device, seal_to_device};
use crate::crypto::envelope::{self, EnvelopeError};
use crate::crypto::safety::safety_number;
use crate::ids::{DeviceId, EntryHash, RecipientId, UserId};
use crate::limits;
use crate::sigchain::DeviceRecord;
use crate::wire::answer::{PendingAnswer, PendingUser};
use crate::wire::body::{NewPending, PendingName};
use crate::wire::cbor;
use crate::wire::chain::EnvelopePage;
use crate::wire::request::Request;

/// Somebody who waits for a vouch.
#[derive(Clone, Debug)]
pub(super) struct Newcomer {
    /// Its device, as it signed it.
    pub(super) record: Vec<u8>,
    pub(super) view: PendingView,
}

impl Client {
    /// Joins, if the log is the one of whoever made the link (spec 9.7).
    pub(super) fn join_if_right(&mut self, invite: EntryHash) {
        let chain = self.log.chain();
        let mut hashes = (0..chain.next_index()).filter_map(|index| chain.entry_hash_at(index));
        let reason = if chain.head().is_none() {
            Refusal::NotFounded
        } else if !hashes.any(|hash| hash == invite) {
            Refusal::OtherCommunity
        } else {
            self.chores.want(Chore::InviteEnvelopes);
            return;
        };
        // Nothing of a log that is not the link's may bind this account.
        self.log.forget(&mut self.out);
        self.out.event(Event::IntentRefused {
            intent: IntentName::Join,
            reason,
        });
        self.refuse_server();
    }

    pub(super) fn fetch_invite_envelopes(&mut self) {
        match self.account.plan {
            Plan::Join { invite, .. } => {
                let request = Request::Envelopes {
                    after: self.invite_cursor,
                    invite: Some(invite),
                };
                self.call(Purpose::Chore(Chore::InviteEnvelopes), &request);
            }
            Plan::Found | Plan::AskVouch | Plan::Member => {
                self.chores.done(Chore::InviteEnvelopes);
            }
        }
    }

    /// Opens what waits for whoever joins by the invite, against the log, and then joins.
    pub(super) fn invite_envelopes(&mut self, page: &EnvelopePage) {
        let (Plan::Join { secret, invite }, Some(community)) =
            (&self.account.plan, self.log.chain().community())
        else {
            return;
        };
        let (keys, recipient) = (secret.keys(), RecipientId::Invite(*invite));
        let invite = *invite;
        for envelope in &page.envelopes {
            let chain = self.log.chain();
            let committed = |group, epoch| chain.commitment(group, epoch);
            match envelope::open(&envelope.bytes, &community, recipient, keys.dh(), committed) {
                Ok(records) => {
                    for record in records {
                        self.keys.hold(record, self.log.chain());
                    }
                }
                // It came with entries that the server took since: they are read first, and then this page again.
                Err(EnvelopeError::NotInLog { .. })
                    if self.invite_awaits != Some(chain.next_index()) =>
                {
                    self.invite_awaits = Some(chain.next_index());
                    self.chores.want(Chore::Log);
                    return;
                }
                Err(reason) => self.out.warn(Warning::BadEnvelope {
                    poster: envelope.poster,
                    reason: alloc::string::ToString::to_string(&reason),
                }),
            }
        }
        if page.envelopes.is_empty() || page.next <= self.invite_cursor {
            self.wish(Wish::Join { invite });
        } else {
            self.invite_cursor = page.next;
            self.chores.want(Chore::InviteEnvelopes);
        }
    }

    /// Tells the server that this account waits, with its name sealed to each device of an admin.
    pub(super) fn post_pending(&mut self) {
        let chain = self.log.chain();
        let (Some((user, device)), Some(community)) = (self.account.ids, chain.community()) else {
            self.chores.done(Chore::PostPending);
            return;
        };
        let record = DeviceRecord::new(&community, user, device, &self.account.secret);
        let mut names = Vec::new();
        for (id, admin) in chain.devices() {
            if !chain.is_admin(admin.user) || names.len() >= limits::MAX_PENDING_NAMES {
                continue;
            }
            let context = says_context(user, id);
            let name = self.account.username.as_bytes();
            let secret = &self.account.secret;
            if let Ok(sealed) =
                seal_to_device(&admin.record.dh, &context, name, secret, &mut self.entropy)
            {
                names.push(PendingName {
                    device_id: id,
                    sealed: STANDARD.encode(sealed),
                });
            }
        }
        let record = STANDARD.encode(record.encode());
        let request = Request::PostPending(NewPending { record, names });
        self.call(Purpose::Chore(Chore::PostPending), &request);
    }

    /// Takes in who waits for a vouch. Only who signed for itself as this user of this community is shown.
    pub(super) fn take_pending(&mut self, answer: PendingAnswer) {
        self.newcomers.clear();
        for user in answer.pending.into_iter().take(limits::MAX_NEWCOMERS) {
            if let Some((id, newcomer)) = self.newcomer(&user) {
                self.newcomers.insert(id, newcomer);
            }
        }
        self.out.event_once(Event::MembersChanged);
    }

    fn newcomer(&self, user: &PendingUser) -> Option<(UserId, Newcomer)> {
        let chain = self.log.chain();
        let (community, own) = (chain.community()?, self.account.device()?);
        let bytes = STANDARD.decode(&user.record).ok()?;
        let record = DeviceRecord::decode(&bytes).ok()?;
        record.verify(&community, user.user_id).ok()?;
        if chain.user(user.user_id).is_some() || chain.device(record.device).is_some() {
            return None;
        }
        let says = user.name.as_deref().and_then(|sealed| {
            let sealed = STANDARD.decode(sealed).ok()?;
            let context = says_context(user.user_id, own);
            let name = open_from_device(self.account.secret.dh(), &context, &sealed).ok()?;
            let name = String::from_utf8(name.to_vec()).ok()?;
            crate::crypto::names::check(&name).ok().map(|()| name)
        });
        let safety_number = safety_number(&community, user.user_id, &record.public());
        let view = PendingView {
            safety_number,
            says,
        };
        Some((
            user.user_id,
            Newcomer {
                record: bytes,
                view,
            },
        ))
    }

    /// The number that an admin compares before it vouches for this account.
    pub(super) fn own_safety_number(&self) -> Option<String> {
        let community = self.log.chain().community()?;
        let public = self.account.secret.public();
        Some(safety_number(&community, self.account.user()?, &public))
    }

    pub(super) fn pending_posted(&mut self, result: Result<HttpAnswer<'_>, LinkFailure>) {
        match result {
            Ok(HttpAnswer {
                status: 200..=299, ..
            }) => self.chores.done(Chore::PostPending),
            Ok(_) | Err(_) => self.chores.failed(Chore::PostPending, self.now),
        }
    }
}

/// What a name that nobody verified is sealed for: this newcomer's, to this device of an admin.
fn says_context(newcomer: UserId, admin: DeviceId) -> Vec<u8> {
    cbor::encode(&("pending", newcomer, admin))
}
