//! What the sub-machines want from the server, and what the server answers to it.

use alloc::string::ToString;
use alloc::vec::Vec;

use minicbor::Decode;

use super::Client;
use super::calls::Purpose;
use super::chores::Chore;
use super::event::{Event, Warning};
use super::facts::{Facts, key_context};
use super::io::{HttpAnswer, LinkFailure, Transmit};
use super::records::Table;
use crate::chat;
use crate::keys;
use crate::machine::Machine;
use crate::session::State;
use crate::wire::cbor;
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
                self.tell_chat(chat::Input::LogAsked);
                return self.call(Purpose::Log { from }, &Request::Sigchain { from });
            }
            Chore::Envelopes => Request::Envelopes {
                after: self.envelope_cursor,
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
        if chore == Chore::PostEnvelopes {
            return self.envelopes_posted(result);
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
            Chore::Presence => self.take_presence(&serde_json::from_slice(body).ok()?),
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
        if page.envelopes.is_empty() || page.next <= self.envelope_cursor {
            self.fetched = true;
            return;
        }
        self.envelope_cursor = page.next;
        self.chores.want(Chore::Envelopes);
    }

    /// Makes durable how far the envelopes were read, after the keys of all of them: one that was skipped here would
    /// never be read again (spec 9.13).
    pub(super) fn keep_envelope_cursor(&mut self) {
        if self.cursors.envelopes != self.envelope_cursor && !self.keys.waits_for_log() {
            self.cursors.envelopes = self.envelope_cursor;
            self.persist_cursors();
        }
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

    pub(super) fn names_changed(&mut self) {
        self.out.event_once(Event::ChannelsChanged);
        self.out.event_once(Event::MembersChanged);
    }

    fn persist_cursors(&mut self) {
        self.out
            .put_cbor(Table::Cursors, super::restore::CURSORS_KEY, &self.cursors);
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
