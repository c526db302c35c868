//! One channel's messages.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;

use crate::crypto::transcript;
use crate::hub::store::{Answer, HistoryPage, MessageRow};
use crate::ids::{ClientId, DeviceId, Seq, Transcript};
use crate::wire::request::HistoryRange;

/// Messages in their order: the first has number 1.
#[derive(Clone, Debug, Default)]
pub(super) struct History {
    messages: Vec<(MessageRow, Transcript)>,
    by_client_id: BTreeMap<(DeviceId, ClientId), usize>,
}

impl History {
    pub(super) fn last_seq(&self) -> Seq {
        Seq(self.messages.len() as u64)
    }

    fn transcript(&self) -> Transcript {
        self.messages
            .last()
            .map(|(_, transcript)| *transcript)
            .unwrap_or_default()
    }

    /// What is answered to a message that was kept before.
    pub(super) fn duplicate(&self, device: DeviceId, client_id: ClientId) -> Option<Answer> {
        let index = *self.by_client_id.get(&(device, client_id))?;
        let (message, _) = self.messages.get(index)?;
        Some(Answer::Appended {
            message_id: message.id,
            seq: message.seq,
            sent_at: message.sent_at,
            duplicate: true,
        })
    }

    /// Keeps a message; its number is given here.
    pub(super) fn push(&mut self, mut message: MessageRow) -> Answer {
        message.seq = self.last_seq().next();
        let transcript = transcript::next(
            self.transcript(),
            message.device,
            message.client_id,
            &message.body,
        );
        let answer = Answer::Appended {
            message_id: message.id,
            seq: message.seq,
            sent_at: message.sent_at,
            duplicate: false,
        };
        self.by_client_id
            .insert((message.device, message.client_id), self.messages.len());
        self.messages.push((message, transcript));
        answer
    }

    pub(super) fn page(&self, range: HistoryRange, limit: u32) -> HistoryPage {
        let (count, limit) = (self.messages.len(), limit as usize);
        let index = |seq: Seq| usize::try_from(seq.0).unwrap_or(usize::MAX).min(count);
        let (from, to) = match range {
            HistoryRange::Newest => (count.saturating_sub(limit), count),
            HistoryRange::After(seq) => {
                let from = index(seq);
                (from, from.saturating_add(limit).min(count))
            }
            HistoryRange::Before(seq) => {
                let to = index(seq.previous());
                (to.saturating_sub(limit), to)
            }
        };
        let page = self.messages.get(from..to).unwrap_or_default();
        let before = if page.is_empty() { count } else { from };
        let transcript = before
            .checked_sub(1)
            .and_then(|last| self.messages.get(last))
            .map(|(_, transcript)| *transcript);
        HistoryPage {
            messages: page.iter().map(|(message, _)| message.clone()).collect(),
            transcript: transcript.unwrap_or_default(),
            last_seq: self.last_seq(),
        }
    }
}
