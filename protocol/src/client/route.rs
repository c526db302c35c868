//! Which part of the engine an answer or an event of the server is for.

use alloc::string::String;
use alloc::vec::Vec;

use super::Client;
use super::calls::Purpose;
use super::chores::Chore;
use super::facts::key_context;
use super::io::{HttpAnswer, LinkFailure};
use crate::chat::{self, FetchId, Page, Received};
use crate::ids::{ChannelId, ClientId, DeviceId, MessageId, RecipientId, Seq};
use crate::keys;
use crate::machine::Machine;
use crate::time::UnixMillis;
use crate::wire::answer::MessagesAnswer;
use crate::wire::chain::OwedKey;
use crate::wire::ws::{ErrorCode, ServerEvent};

impl Client {
    /// Hands an answer to whoever asked.
    pub(super) fn answered(
        &mut self,
        purpose: Purpose,
        result: Result<HttpAnswer<'_>, LinkFailure>,
    ) {
        match purpose {
            Purpose::Chore(chore) => self.chore_answered(chore, result),
            Purpose::Log { from } => self.log_answered(from, result),
            Purpose::Append { expected } => self.append_answered(expected, result),
            Purpose::InviteToken => self.token_answered(result),
            Purpose::Register => self.register_answered(result),
            Purpose::LogIn => self.login_answered(result),
            Purpose::Challenge(attempt) => self.challenge_answered(attempt, result),
            Purpose::DeviceLogIn(attempt) => self.session_answered(attempt, result),
            Purpose::Page(id) => self.page_answered(id, result),
        }
    }

    fn page_answered(&mut self, id: FetchId, result: Result<HttpAnswer<'_>, LinkFailure>) {
        let page = match result {
            Ok(HttpAnswer { status: 200, body }) => page(body),
            Ok(_) | Err(_) => None,
        };
        self.tell_chat(chat::Input::Page { id, page });
    }

    /// An event of the server, while the session is online. One that this version does not know is passed over.
    pub(super) fn event(&mut self, event: ServerEvent) {
        match event {
            ServerEvent::MessageNew(new) => {
                let channel = new.channel_id;
                // Without a number it is a message of a channel of the original system, which is not shown.
                if let Some(at) = new.numbered {
                    let message = received(
                        (at.seq, at.client_id, at.sender_device_id),
                        new.message_id,
                        new.body,
                        &new.sent_at,
                    );
                    if let Some(message) = message.filter(|_| self.is_in_log(channel)) {
                        self.tell_chat(chat::Input::Message { channel, message });
                    }
                }
            }
            ServerEvent::Ack(ack) => self.tell_chat(chat::Input::Ack {
                channel: ack.channel_id,
                client_id: ack.client_id,
                seq: ack.seq,
                message_id: ack.message_id,
            }),
            ServerEvent::Error(error) => {
                if let (Some(client_id), Some(reason)) = (error.client_id, refusal(error.code)) {
                    self.tell_chat(chat::Input::Refused { client_id, reason });
                }
            }
            ServerEvent::Lagged { channels } => {
                self.tell_chat(chat::Input::Lagged {
                    channels: &channels,
                });
            }
            ServerEvent::SigchainAppended { head } => {
                if self.log.chain().head() != Some(head) {
                    self.chores.want(Chore::Log);
                }
            }
            ServerEvent::KeyAvailable {
                recipient,
                group,
                epoch,
            } => {
                let input = keys::Input::Available {
                    recipient,
                    group,
                    epoch,
                };
                let _ = self.keys.handle_input(input, self.now);
                if self.account.device().map(RecipientId::Device) == Some(recipient) {
                    self.want_as_member(Chore::Envelopes);
                }
            }
            ServerEvent::KeyRequested {
                device_id,
                group,
                epoch,
            } => {
                let key = OwedKey {
                    recipient: RecipientId::Device(device_id),
                    group,
                    epoch,
                };
                if let Some(context) = key_context(&self.account, &self.log) {
                    let _ = self
                        .keys
                        .handle_input(keys::Input::Requested { context, key }, self.now);
                }
            }
            ServerEvent::NamesAvailable => self.want_as_member(Chore::Names),
            ServerEvent::PresenceChanged { user_id, online } => {
                self.presence_changed(user_id, online);
            }
            ServerEvent::VoicePresence {
                channel_id,
                sender,
                active,
            } => self.take_voice_presence(channel_id, sender, active),
            ServerEvent::PendingAdded => self.want_as_member(Chore::Pending),
            ServerEvent::ChannelUpdated { .. } | ServerEvent::ChannelDeleted { .. } => {
                self.want_as_member(Chore::Originals);
            }
            // The session takes the welcome; the rest is the base API's, or newer than this version.
            ServerEvent::Welcome(_)
            | ServerEvent::DeviceJoined { .. }
            | ServerEvent::ProfileUpdated { .. }
            | ServerEvent::VoiceSnapshot { .. }
            | ServerEvent::VoiceRoster { .. }
            | ServerEvent::VoiceJoined { .. }
            | ServerEvent::VoiceLeft { .. }
            | ServerEvent::Offer { .. }
            | ServerEvent::Answer { .. }
            | ServerEvent::Candidate { .. }
            | ServerEvent::Unknown => {}
        }
    }

    fn is_in_log(&self, channel: ChannelId) -> bool {
        self.log.chain().channel(channel).is_some()
    }
}

fn refusal(code: ErrorCode) -> Option<chat::Refusal> {
    Some(match code {
        ErrorCode::ServerError | ErrorCode::RateLimited => chat::Refusal::Busy,
        ErrorCode::ChannelNotFound => chat::Refusal::NoChannel,
        ErrorCode::StaleEpoch => chat::Refusal::StaleEpoch,
        ErrorCode::NotEntitled => chat::Refusal::NotEntitled,
        ErrorCode::InvalidMessage | ErrorCode::MalformedBody => chat::Refusal::Malformed,
        ErrorCode::ChannelsOnly
        | ErrorCode::VoiceNotJoined
        | ErrorCode::UnsupportedType
        | ErrorCode::Unknown => return None,
    })
}

fn page(body: &[u8]) -> Option<Page> {
    let answer: MessagesAnswer = serde_json::from_slice(body).ok()?;
    let messages: Option<Vec<Received>> = answer
        .messages
        .into_iter()
        .map(|it| {
            let place = (it.seq, it.client_id, it.sender_device_id);
            received(place, it.id, it.body, &it.sent_at)
        })
        .collect();
    Some(Page {
        transcript: answer.transcript,
        last_seq: answer.last_seq,
        messages: messages?,
    })
}

fn received(
    (seq, client_id, device): (Seq, ClientId, DeviceId),
    message_id: MessageId,
    body: String,
    sent_at: &str,
) -> Option<Received> {
    let sent_at: UnixMillis = sent_at.parse().ok()?;
    Some(Received {
        seq,
        message_id,
        device,
        client_id,
        body,
        sent_at,
    })
}
