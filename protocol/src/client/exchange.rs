//! What the sub-machines want from the server, and what the server answers to it.

use alloc::collections::BTreeMap;
use alloc::string::ToString;
use alloc::vec::Vec;

use minicbor::Decode;

use super::Client;
use super::calls::Purpose;
use super::chores::Chore;
use super::event::{Event, Warning};
use super::facts::{Facts, key_context};
use super::intent::Wish;
use super::io::{HttpAnswer, LinkFailure, Transmit};
use super::records::Table;
use crate::chat;
use crate::crypto::envelope::{self, KeyRecord, Recipient};
use crate::ids::{Epoch, GroupId, RecipientId};
use crate::keys;
use crate::limits;
use crate::machine::Machine;
use crate::session::State;
use crate::wire::cbor;
use crate::wire::chain::{Envelopes, OwedKey, SealedEnvelope};
use crate::wire::frame::{ClientFrame, SendMessage};
use crate::wire::request::{HistoryRange, Request};

impl Client {
    /// Makes an HTTP call, with the session's token if there is one.
    pub(super) fn call(&mut self, purpose: Purpose, request: &Request) {
        let id = self.calls.start(purpose, self.now);
        let token = self.session.token().map(|token| token.expose().to_string());
        self.out.transmit(Transmit::Call {
            id,
            call: request.to_call(),
            token,
        });
    }

    /// Starts a request that is wanted.
    pub(super) fn start(&mut self, chore: Chore) {
        let request = match chore {
            Chore::Append => return self.start_append(),
            Chore::InviteEnvelopes => return self.fetch_invite_envelopes(),
            Chore::PostPending => return self.post_pending(),
            Chore::PostEnvelopes => return self.post_envelopes(),
            Chore::Log => {
                let from = self.log.next_index();
                return self.call(Purpose::Log { from }, &Request::Sigchain { from });
            }
            Chore::Envelopes => Request::Envelopes {
                after: self.cursors.envelopes,
                invite: None,
            },
            Chore::Owed => Request::OwedEnvelopes,
            Chore::Names => Request::Names {
                after: self.cursors.names,
            },
            Chore::Pending => Request::Pending,
            Chore::Presence => self.presence_request(),
            Chore::Originals => Request::Channels,
        };
        self.call(Purpose::Chore(chore), &request);
    }

    /// The answer to a request that is wanted again and again.
    pub(super) fn chore_answered(
        &mut self,
        chore: Chore,
        result: Result<HttpAnswer<'_>, LinkFailure>,
    ) {
        if chore == Chore::PostPending {
            return self.pending_posted(result);
        }
        let body = match result {
            Ok(HttpAnswer {
                status: 200..=299,
                body,
            }) => body,
            // Not for this account, now or ever: the log may say otherwise later, and asks again then.
            Ok(HttpAnswer {
                status: 403 | 404, ..
            }) => return self.chores.done(chore),
            Ok(_) | Err(_) => return self.chores.failed(chore, self.now),
        };
        self.chores.done(chore);
        if self.take_answer(chore, body).is_none() {
            self.out.warn(Warning::Garbled);
            self.chores.failed(chore, self.now);
        }
    }

    fn take_answer(&mut self, chore: Chore, body: &[u8]) -> Option<()> {
        match chore {
            Chore::InviteEnvelopes => self.invite_envelopes(&cbor_body(body)?),
            Chore::Envelopes => self.take_envelopes(&cbor_body(body)?),
            Chore::Owed => {
                let owed: crate::wire::chain::Owed = cbor_body(body)?;
                if let Some(context) = key_context(&self.account, &self.log) {
                    let input = keys::Input::Owed {
                        context,
                        owed: &owed.owed,
                    };
                    let _ = self.keys.handle_input(input, self.now);
                }
            }
            Chore::Names => self.take_names(cbor_body(body)?),
            Chore::Pending => self.take_pending(serde_json::from_slice(body).ok()?),
            Chore::Presence => self.take_presence(serde_json::from_slice(body).ok()?),
            Chore::Originals => self.take_originals(serde_json::from_slice(body).ok()?),
            Chore::Log | Chore::Append | Chore::PostEnvelopes | Chore::PostPending => {}
        }
        Some(())
    }

    fn take_envelopes(&mut self, page: &crate::wire::chain::EnvelopePage) {
        let Some(context) = key_context(&self.account, &self.log) else {
            return;
        };
        let input = keys::Input::Envelopes {
            context,
            envelopes: &page.envelopes,
        };
        let _ = self.keys.handle_input(input, self.now);
        if page.envelopes.is_empty() || page.next <= self.cursors.envelopes {
            self.fetched = true;
            return;
        }
        self.cursors.envelopes = page.next;
        self.persist_cursors();
        self.chores.want(Chore::Envelopes);
    }

    fn take_names(&mut self, page: crate::wire::chain::NamePage) {
        let more = !page.names.is_empty() && page.next > self.cursors.names;
        if self
            .names
            .receive(page.names, self.log.chain(), &self.keys, &mut self.out)
        {
            self.names_changed();
        }
        if more {
            self.cursors.names = page.next;
            self.persist_cursors();
            self.chores.want(Chore::Names);
        }
    }

    fn names_changed(&mut self) {
        self.out.event_once(Event::ChannelsChanged);
        self.out.event_once(Event::MembersChanged);
    }

    fn persist_cursors(&mut self) {
        self.out
            .put_cbor(Table::Cursors, super::restore::CURSORS_KEY, &self.cursors);
    }

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

    fn post_envelopes(&mut self) {
        let envelopes = core::mem::take(&mut self.parcels);
        if envelopes.is_empty() {
            self.chores.done(Chore::PostEnvelopes);
            return;
        }
        // If the answer is lost, who still lacks a key asks again.
        let request = Request::PostEnvelopes(Envelopes(envelopes));
        self.call(Purpose::Chore(Chore::PostEnvelopes), &request);
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
        if core::mem::take(&mut self.fetched) {
            if let Some(context) = key_context(&self.account, &self.log) {
                let _ = self
                    .keys
                    .handle_input(keys::Input::Fetched { context }, self.now);
                moved = true;
            }
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

    /// Tells chat what happened, if this account is one that it can judge for.
    pub(super) fn tell_chat(&mut self, input: chat::Input<'_>) {
        if let Some(facts) = Facts::of(&self.account, &self.log, &self.keys) {
            let _ = self.chat.turn(&facts).handle_input(input, self.now);
        }
    }

    /// Lets time pass for chat.
    pub(super) fn wake_chat(&mut self) {
        if let Some(facts) = Facts::of(&self.account, &self.log, &self.keys) {
            self.chat.turn(&facts).handle_timeout(self.now);
        }
    }

    /// Carries out what chat wants. Answers whether it wanted anything.
    pub(super) fn drain_chat(&mut self) -> bool {
        let Some(facts) = Facts::of(&self.account, &self.log, &self.keys) else {
            return false;
        };
        let mut outputs = Vec::new();
        let mut turn = self.chat.turn(&facts);
        while let Some(output) = turn.poll_output() {
            outputs.push(output);
        }
        self.chat_deadline = turn.poll_timeout();
        let moved = !outputs.is_empty();
        for output in outputs {
            self.chat_output(output);
        }
        moved
    }

    fn chat_output(&mut self, output: chat::Output) {
        match output {
            chat::Output::Persist(changes) => self.out.extend(changes),
            chat::Output::Transmit(chat::Transmit::Send {
                channel,
                client_id,
                body,
            }) => {
                self.frame(&ClientFrame::SendMessage(SendMessage {
                    channel_id: channel.to_string(),
                    sender_name_enc: alloc::string::String::new(),
                    body,
                    client_id: Some(client_id),
                }));
            }
            chat::Output::Transmit(chat::Transmit::Fetch {
                id,
                channel,
                part,
                limit,
            }) => {
                let range = match part {
                    chat::Part::Newest => HistoryRange::Newest,
                    chat::Part::After(seq) => HistoryRange::After(seq),
                    chat::Part::Before(seq) => HistoryRange::Before(seq),
                };
                let (channel_id, limit) = (channel.to_string(), Some(limit));
                let request = Request::Messages {
                    channel_id,
                    limit,
                    range,
                };
                self.call(Purpose::Page(id), &request);
            }
            chat::Output::Event(event) => self.chat_event(event),
            chat::Output::WantKey { .. } => self.want_as_member(Chore::Envelopes),
            chat::Output::WantLog => self.chores.want(Chore::Log),
        }
    }

    fn chat_event(&mut self, event: chat::Event) {
        match event {
            chat::Event::Messages { channel, from } => {
                self.out.event_once(Event::Messages { channel, from });
            }
            chat::Event::Unread { .. } => self.out.event_once(Event::ChannelsChanged),
            chat::Event::Acked {
                channel,
                client_id,
                seq,
                message_id,
            } => {
                self.out.event(Event::Acked {
                    channel,
                    client_id,
                    seq,
                    message_id,
                });
            }
            chat::Event::SendFailed {
                channel,
                client_id,
                reason,
            } => {
                self.out.event(Event::SendFailed {
                    channel,
                    client_id,
                    reason,
                });
            }
            chat::Event::HistoryStart { channel } => {
                self.out.event(Event::HistoryStart { channel })
            }
            chat::Event::HistoryLimit { channel } => {
                self.out.event(Event::HistoryLimit { channel })
            }
            chat::Event::Warning(warning) => self.out.warn(Warning::Chat(warning)),
        }
    }

    /// Sends a frame, if the socket is up: what matters is said again on the next one.
    pub(super) fn frame(&mut self, frame: &ClientFrame) {
        if self.session.state() == State::Online {
            self.out.transmit(Transmit::Frame(frame.to_text()));
        }
    }
}

fn cbor_body<'b, T: Decode<'b, ()>>(body: &'b [u8]) -> Option<T> {
    cbor::decode(body).ok()
}
