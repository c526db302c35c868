//! Reading a channel's messages.

use alloc::string::{String, ToString};

use super::access::Caller;
use super::pending::{Step, Unexpected};
use super::store::{Answer, HistoryPage, MessageRow, Op};
use super::{Hub, RequestId};
use crate::ids::{ChannelId, Seq, Transcript};
use crate::limits;
use crate::wire::answer::{Message, MessagesAnswer};
use crate::wire::base64;
use crate::wire::http::Response;
use crate::wire::request::HistoryRange;

/// A page of a channel was read.
#[derive(Debug)]
pub(super) struct HistoryStep {
    channel: ChannelId,
    /// The channel as it was asked for.
    asked: String,
    /// Whether bodies are bytes of our format.
    of_log: bool,
}

impl Hub {
    /// `GET /channels/messages`. A channel that does not exist has no messages.
    pub(super) fn history(
        &mut self,
        id: RequestId,
        caller: Caller,
        asked: String,
        limit: Option<u32>,
        range: HistoryRange,
    ) -> Result<(), Response> {
        let Ok(channel) = asked.parse::<ChannelId>() else {
            return Err(Response::json(200, &nothing(asked)));
        };
        let of_log = self.members.knows_channel(channel);
        if of_log && !self.members.may_use(caller.device, channel) {
            return Err(Response::error(403, "forbidden"));
        }
        let limit = limit.unwrap_or(limits::DEFAULT_HISTORY_PAGE);
        let op = Op::Messages {
            channel,
            range,
            limit: limit.min(limits::MAX_HISTORY_PAGE),
        };
        let step = HistoryStep {
            channel,
            asked,
            of_log,
        };
        self.ask(id, op, Step::History(step));
        Ok(())
    }

    pub(super) fn history_stored(
        &self,
        step: HistoryStep,
        answer: Answer,
    ) -> Result<Option<Response>, Unexpected> {
        let Answer::History(page) = answer else {
            return Err(Unexpected);
        };
        let HistoryPage {
            messages,
            transcript,
            last_seq,
        } = page;
        let messages = messages.into_iter();
        let answer = MessagesAnswer {
            messages: messages
                .map(|row| message(row, step.channel, step.of_log))
                .collect(),
            channel_id: step.asked,
            transcript,
            last_seq,
        };
        Ok(Some(Response::json(200, &answer)))
    }
}

fn nothing(asked: String) -> MessagesAnswer {
    MessagesAnswer {
        channel_id: asked,
        messages: [].into(),
        transcript: Transcript::default(),
        last_seq: Seq(0),
    }
}

fn message(row: MessageRow, channel: ChannelId, of_log: bool) -> Message {
    let body = match of_log {
        true => base64::encode(&row.body),
        false => String::from_utf8_lossy(&row.body).into_owned(),
    };
    Message {
        id: row.id,
        channel_id: channel,
        sender_id: row.sender,
        sender_name_enc: row.sender_name_enc,
        body,
        sent_at: row.sent_at.to_string(),
        seq: row.seq,
        client_id: row.client_id,
        sender_device_id: row.device,
    }
}
