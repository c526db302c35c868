//! Messages: taken, kept, acknowledged, fanned out.

use alloc::string::{String, ToString};
use alloc::sync::Arc;
use alloc::vec::Vec;

use super::access::Caller;
use super::connections::Connection;
use super::pending::Awaiting;
use super::store::{Answer, Op, StoreError};
use super::{ConnId, Hub};
use crate::crypto::message;
use crate::ids::{ChannelId, ClientId, MessageId, Seq};
use crate::limits;
use crate::time::UnixMillis;
use crate::wire::base64;
use crate::wire::event::{Ack, ErrorCode, ErrorEvent, MessageNew, Numbered, ServerEvent};
use crate::wire::frame::SendMessage;

/// What the fields of an event that are not the sender's take at most, in bytes.
const EVENT_OVERHEAD: usize = 1024;

/// A message that waits for the store.
#[derive(Debug)]
pub(super) struct Sending {
    conn: ConnId,
    caller: Caller,
    channel: ChannelId,
    client_id: ClientId,
    /// What the sender is told of the message in errors: nothing if it named no client id.
    named: Option<ClientId>,
    sender_name_enc: String,
    /// The ciphertext as it came.
    body: String,
}

impl Sending {
    /// What the event of the message takes in a queue, in bytes.
    fn weight(&self) -> usize {
        self.body.len() + self.sender_name_enc.len() + EVENT_OVERHEAD
    }
}

/// A message as the store takes it.
struct Taken {
    channel: ChannelId,
    epoch: Option<crate::ids::Epoch>,
    body: Vec<u8>,
}

/// Why a message is not taken.
struct Refusal(ErrorCode, &'static str);

impl Hub {
    pub(super) fn send_message(&mut self, conn: ConnId, message: SendMessage) {
        let Some(connection) = self.connections.get(conn) else {
            return;
        };
        let caller = connection.caller;
        let taken = if connection.unacked >= limits::MAX_UNACKED_MESSAGES {
            Err(Refusal(ErrorCode::RateLimited, "too many messages at once"))
        } else if self.is_busy() {
            Err(Refusal(ErrorCode::RateLimited, "the server is busy"))
        } else {
            self.judge_message(caller, &message)
        };
        let taken = match taken {
            Ok(taken) => taken,
            Err(Refusal(code, text)) => {
                self.refuse_message(conn, code, text, message.channel_id, message.client_id);
                return;
            }
        };
        if let Some(connection) = self.connections.get_mut(conn) {
            connection.unacked += 1;
        }
        let client_id = message
            .client_id
            .unwrap_or_else(|| ClientId::from_random(self.entropy.bytes()));
        let op = Op::AppendMessage {
            channel: taken.channel,
            message_id: MessageId::from_random(self.entropy.bytes()),
            sender: caller.user,
            device: caller.device,
            client_id,
            epoch: taken.epoch,
            sender_name_enc: message.sender_name_enc.clone(),
            body: taken.body,
            sent_at: self.unix(),
        };
        let sending = Sending {
            conn,
            caller,
            channel: taken.channel,
            client_id,
            named: message.client_id,
            sender_name_enc: message.sender_name_enc,
            body: message.body,
        };
        self.pressure.store(sending.weight());
        self.store(op, Awaiting::Message(sending));
    }

    /// What can be judged without the store. Whether the epoch is open is the store's to say, since the same message
    /// may have been kept before the epoch was closed.
    fn judge_message(&self, caller: Caller, message: &SendMessage) -> Result<Taken, Refusal> {
        let unknown = Refusal(ErrorCode::ChannelNotFound, "channel not found");
        let Ok(channel) = message.channel_id.parse::<ChannelId>() else {
            return Err(unknown);
        };
        if !self.members.knows_channel(channel) {
            return judge_original(channel, message);
        }
        if !self.members.may_use(caller.device, channel) {
            return Err(Refusal(
                ErrorCode::NotEntitled,
                "not a member of this channel",
            ));
        }
        let malformed = Refusal(
            ErrorCode::MalformedBody,
            "this channel takes sealed messages only",
        );
        if message.client_id.is_none() || !message.sender_name_enc.is_empty() {
            return Err(malformed);
        }
        let Some(body) = base64::decode(&message.body) else {
            return Err(malformed);
        };
        match message::peek(&body) {
            Ok(header) => Ok(Taken {
                channel,
                epoch: Some(header.epoch),
                body,
            }),
            Err(_) => Err(malformed),
        }
    }

    pub(super) fn message_stored(&mut self, sending: Sending, result: Result<Answer, StoreError>) {
        if let Some(connection) = self.connections.get_mut(sending.conn) {
            connection.unacked = connection.unacked.saturating_sub(1);
        }
        self.pressure.stored(sending.weight());
        let (code, text) = match result {
            Ok(Answer::Appended {
                message_id,
                seq,
                sent_at,
                duplicate,
            }) => {
                self.acknowledge(&sending, message_id, seq, sent_at);
                match (self.is_news(sending.channel, seq, duplicate), duplicate) {
                    (true, false) => self.fan_out(sending, message_id, seq, sent_at),
                    (true, true) => self.announce_kept(sending.channel, seq),
                    (false, _) => {}
                }
                return;
            }
            Ok(Answer::NotFound) => (ErrorCode::ChannelNotFound, "channel not found"),
            Ok(Answer::StaleEpoch) => (ErrorCode::StaleEpoch, "the epoch is not open"),
            Ok(_) | Err(_) => {
                // It may be kept nevertheless: then nobody has heard of it, and its repetition is the first news.
                self.announced.entry(sending.channel).or_default();
                (ErrorCode::ServerError, "failed to store the message")
            }
        };
        let channel = sending.channel.to_string();
        self.refuse_message(sending.conn, code, text, channel, sending.named);
    }

    /// Whether connections have not been told of a message that is kept. What was kept before the start is no news:
    /// who connects afterwards fetches it.
    fn is_news(&mut self, channel: ChannelId, seq: Seq, duplicate: bool) -> bool {
        match self.announced.get_mut(&channel) {
            None if duplicate => false,
            Some(newest) if seq <= *newest => false,
            Some(newest) => {
                *newest = seq;
                true
            }
            None => {
                self.announced.insert(channel, seq);
                true
            }
        }
    }

    fn acknowledge(&mut self, sending: &Sending, message_id: MessageId, seq: Seq, at: UnixMillis) {
        let connection = self.connections.get(sending.conn);
        if connection.is_some_and(Connection::is_greeted) {
            let ack = Ack {
                client_id: sending.client_id,
                channel_id: sending.channel,
                message_id,
                seq,
                sent_at: at.to_string(),
            };
            self.tell(sending.conn, &ServerEvent::Ack(ack));
        }
    }

    /// Tells readers of a message that was kept unheard: to be fetched, since its repetition may be sealed anew, and
    /// what counts is what is kept.
    fn announce_kept(&mut self, channel: ChannelId, seq: Seq) {
        let channels = [(channel, seq)].into();
        let to = self.readers(channel);
        self.send(to, &ServerEvent::Lagged { channels });
    }

    /// The greeted connections that may read a channel.
    fn readers(&self, channel: ChannelId) -> Vec<ConnId> {
        let of_log = self.members.knows_channel(channel);
        self.connections.select(|it| {
            it.is_greeted() && (!of_log || self.members.may_use(it.caller.device, channel))
        })
    }

    fn fan_out(&mut self, sending: Sending, message_id: MessageId, seq: Seq, at: UnixMillis) {
        let channel = sending.channel;
        let numbered = Numbered {
            seq,
            client_id: sending.client_id,
            sender_device_id: sending.caller.device,
        };
        let mut message = MessageNew {
            message_id,
            channel_id: channel,
            sender: sending.caller.user,
            sender_name_enc: sending.sender_name_enc,
            body: sending.body,
            sent_at: at.to_string(),
            numbered: Some(numbered),
        };
        let greeted = self.readers(channel);
        self.send_to_readers(
            greeted,
            ServerEvent::MessageNew(message.clone()),
            seq,
            channel,
        );
        if !self.members.knows_channel(channel) {
            message.numbered = None;
            let others = self.connections.select(|it| !it.is_greeted());
            self.send_to_readers(others, ServerEvent::MessageNew(message), seq, channel);
        }
        self.pressure.fanned_out(&self.connections, self.now);
    }

    fn send_to_readers(
        &mut self,
        to: Vec<ConnId>,
        event: ServerEvent,
        seq: Seq,
        channel: ChannelId,
    ) {
        if to.is_empty() {
            return;
        }
        let frame: Arc<str> = event.to_text().into();
        self.queue(to, &frame, |it| it.queue_message(frame.len(), channel, seq));
    }

    fn refuse_message(
        &mut self,
        conn: ConnId,
        code: ErrorCode,
        message: &str,
        channel_id: String,
        client_id: Option<ClientId>,
    ) {
        let event = ErrorEvent {
            code,
            message: message.to_string(),
            channel_id: client_id.map(|_| channel_id),
            client_id,
        };
        self.tell(conn, &ServerEvent::Error(event));
    }
}

/// A message for what may be an original channel. Clients of the original end at a frame that is too long, so it is
/// refused before it is kept.
fn judge_original(channel: ChannelId, message: &SendMessage) -> Result<Taken, Refusal> {
    if message.sender_name_enc.is_empty() {
        return Err(Refusal(
            ErrorCode::InvalidMessage,
            "sender_name_enc required",
        ));
    }
    let room = limits::MAX_FRAME_BYTES - EVENT_OVERHEAD;
    if written_bytes(&message.body) + written_bytes(&message.sender_name_enc) > room {
        return Err(Refusal(
            ErrorCode::InvalidMessage,
            "body too long once it is escaped",
        ));
    }
    Ok(Taken {
        channel,
        epoch: None,
        body: message.body.clone().into_bytes(),
    })
}

/// How many bytes a text takes in a frame.
fn written_bytes(text: &str) -> usize {
    let escaped = text.bytes().map(|byte| match byte {
        b'"' | b'\\' => 2,
        0..0x20 => 6,
        _ => 1,
    });
    escaped.sum()
}
