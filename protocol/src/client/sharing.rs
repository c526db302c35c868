//! What the machine of the keys wants: asking, sealing and posting, rotating.

use alloc::collections::BTreeMap;
use alloc::string::ToString;
use alloc::vec::Vec;

use super::Client;
use super::calls::Purpose;
use super::chores::Chore;
use super::event::Warning;
use super::facts::key_context;
use super::intent::Wish;
use super::io::{HttpAnswer, LinkFailure};
use super::records::Table;
use crate::chat;
use crate::crypto::envelope::{self, KeyRecord, Recipient};
use crate::ids::{Epoch, GroupId, RecipientId};
use crate::keys;
use crate::limits;
use crate::machine::Machine;
use crate::wire::cbor;
use crate::wire::chain::{Envelopes, OwedKey, SealedEnvelope};
use crate::wire::frame::ClientFrame;
use crate::wire::request::Request;

impl Client {
    /// Seals what is owed. What this device does not hold, or the log does not allow any more, is left out.
    fn seal_owed(&mut self, owed: Vec<OwedKey>) {
        let Some(community) = self.log.chain().community() else {
            return;
        };
        let mut parcels: BTreeMap<RecipientId, Vec<KeyRecord>> = BTreeMap::new();
        for OwedKey {
            recipient,
            group,
            epoch,
        } in owed
        {
            if let Some(key) = self.keys.get(group, epoch).cloned() {
                parcels
                    .entry(recipient)
                    .or_default()
                    .push(KeyRecord { group, epoch, key });
            }
        }
        for (id, records) in parcels {
            let Some(dh) = self.dh_of(id) else { continue };
            let to = Recipient { id, dh };
            for some in records.chunks(limits::MAX_ENVELOPE_KEYS) {
                let secret = &self.account.secret;
                if let Ok(bytes) = envelope::seal(&community, &to, some, secret, &mut self.entropy)
                {
                    self.parcels.push(SealedEnvelope {
                        recipient: id,
                        bytes,
                    });
                }
            }
        }
        if !self.parcels.is_empty() {
            self.chores.want(Chore::PostEnvelopes);
        }
    }

    fn dh_of(&self, recipient: RecipientId) -> Option<crate::crypto::DhPublic> {
        let chain = self.log.chain();
        match recipient {
            RecipientId::Device(device) => chain.device(device).map(|it| it.record.dh),
            RecipientId::Invite(invite) => chain.invite(invite).map(|it| it.dh),
        }
    }

    pub(super) fn post_envelopes(&mut self) {
        if self.posting.is_empty() {
            self.posting = core::mem::take(&mut self.parcels);
        }
        if self.posting.is_empty() {
            self.chores.done(Chore::PostEnvelopes);
            return;
        }
        let request = Request::PostEnvelopes(Envelopes(self.posting.clone()));
        self.call(Purpose::Chore(Chore::PostEnvelopes), &request);
    }

    /// The answer to a post: who is offline cannot ask again, so nothing is let go of before the server has it.
    pub(super) fn envelopes_posted(&mut self, result: Result<HttpAnswer<'_>, LinkFailure>) {
        match result {
            Ok(HttpAnswer {
                status: 200..=299, ..
            }) => {
                self.chores.done(Chore::PostEnvelopes);
                self.posting.clear();
            }
            // One of them is for somebody who is gone, say: what is owed still is looked for anew.
            Ok(HttpAnswer {
                status: 400 | 403 | 404 | 413,
                ..
            }) => {
                self.chores.done(Chore::PostEnvelopes);
                self.posting.clear();
                let soon = self.now + limits::RETRY_FIRST;
                self.chores.want_at(Chore::Owed, soon);
            }
            Ok(_) | Err(_) => self.chores.failed(Chore::PostEnvelopes, self.now),
        }
        if !self.parcels.is_empty() {
            self.chores.want(Chore::PostEnvelopes);
        }
    }

    /// The connection is lost: the next one says anew what is owed.
    pub(super) fn forget_parcels(&mut self) {
        self.parcels.clear();
        self.posting.clear();
    }

    /// Carries out what the machine of the keys wants. Answers whether it wanted anything.
    pub(super) fn drain_keys(&mut self) -> bool {
        let mut moved = false;
        while let Some(output) = self.keys.poll_output() {
            moved = true;
            match output {
                keys::Output::Ask { group, epoch } => {
                    self.frame(&ClientFrame::KeyRequest { group, epoch });
                }
                keys::Output::Broken { user } => self.out.warn(Warning::BrokenRotations { user }),
                keys::Output::Held(record) => self.key_came(&record),
                keys::Output::Post(owed) => self.seal_owed(owed),
                keys::Output::Refused { poster, reason } => {
                    self.out.warn(Warning::BadEnvelope {
                        poster,
                        reason: reason.to_string(),
                    });
                }
                keys::Output::Rotate(group) => self.rotate(group),
                keys::Output::WantLog => self.chores.want(Chore::Log),
            }
        }
        self.keep_envelope_cursor();
        if core::mem::take(&mut self.fetched)
            && let Some(context) = key_context(&self.account, &self.log)
        {
            let input = keys::Input::Fetched { context };
            let _ = self.keys.handle_input(input, self.now);
            moved = true;
        }
        moved
    }

    fn key_came(&mut self, record: &KeyRecord) {
        let (group, epoch) = (record.group, record.epoch);
        let key = cbor::encode(&(group, epoch));
        self.out
            .put(Table::Keys, key, record.key.secret().expose().to_vec());
        self.tell_chat(chat::Input::KeyArrived { group, epoch });
        if self
            .names
            .reopen(self.log.chain(), &self.keys, &mut self.out)
        {
            self.names_changed();
        }
        self.tell_joined();
    }

    fn rotate(&mut self, group: GroupId) {
        let newest = self
            .log
            .chain()
            .group(group)
            .and_then(crate::sigchain::Group::epoch);
        let epoch = newest.map_or(Epoch(0), Epoch::next);
        self.wish(Wish::Rotate { group, epoch });
    }
}
