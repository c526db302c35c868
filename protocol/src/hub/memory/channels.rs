//! Profiles, original channels, the base API's envelopes, and messages of every channel.

#![allow(
    clippy::wildcard_enum_match_arm,
    reason = "operations of other subjects never come here"
)]

use alloc::string::String;
use alloc::vec::Vec;
use core::cmp::Reverse;

use super::history::History;
use super::{MemoryStore, StoredKeyEnvelope};
use crate::hub::store::{
    Answer, ChannelRow, HistoryPage, KeyEnvelopeRow, MessageRow, NewKeyEnvelope, Op, ProfileRow,
};
use crate::ids::{ChannelId, DeviceId, Epoch, Seq, Transcript};
use crate::time::UnixMillis;

impl MemoryStore {
    pub(super) fn apply_channel(&mut self, op: Op) -> Answer {
        match op {
            Op::PutProfile {
                user,
                name_enc,
                updated_at,
            } => {
                let order = self.next_number();
                self.profiles.insert(user, (updated_at, order, name_enc));
                Answer::Done
            }
            Op::Profiles => self.profiles(),
            Op::CreateChannel {
                channel,
                name_enc,
                created_by,
                created_at,
                max_channels,
            } => {
                if self.originals.len() >= max_channels as usize {
                    return Answer::TooMany;
                }
                self.histories.insert(channel, (None, History::default()));
                self.originals.push(ChannelRow {
                    id: channel,
                    name_enc,
                    created_by,
                    created_at,
                });
                Answer::Done
            }
            Op::RenameChannel { channel, name_enc } => self.rename(channel, name_enc),
            Op::DeleteChannel { channel } => {
                if self.find_original(channel).is_none() {
                    return Answer::NotFound;
                }
                self.originals.retain(|row| row.id != channel);
                self.histories.remove(&channel);
                self.key_envelopes.retain(|key, _| key.0 != Some(channel));
                Answer::Done
            }
            Op::FindChannel { channel } => Answer::Channel(self.find_original(channel).cloned()),
            Op::Channels => Answer::Channels(self.originals.iter().rev().cloned().collect()),
            Op::PutKeyEnvelopes {
                channel,
                sender,
                envelopes,
                created_at,
            } => self.put_key_envelopes(channel, sender, envelopes, created_at),
            Op::FindKeyEnvelope { channel, device } => {
                Answer::KeyEnvelope(self.find_key_envelope(channel, device))
            }
            Op::AppendMessage {
                channel,
                message_id,
                sender,
                device,
                client_id,
                epoch,
                sender_name_enc,
                body,
                sent_at,
            } => self.append_message(
                channel,
                epoch,
                MessageRow {
                    seq: Seq(0),
                    id: message_id,
                    sender,
                    device,
                    client_id,
                    sender_name_enc,
                    body,
                    sent_at,
                },
            ),
            Op::Messages {
                channel,
                range,
                limit,
            } => Answer::History(match self.histories.get(&channel) {
                Some((_, history)) => history.page(range, limit),
                None => HistoryPage {
                    messages: Vec::new(),
                    transcript: Transcript::default(),
                    last_seq: Seq(0),
                },
            }),
            Op::LastSeqs { channels } => Answer::LastSeqs(
                channels
                    .into_iter()
                    .filter_map(|id| Some((id, self.histories.get(&id)?.1.last_seq())))
                    .collect(),
            ),
            _ => Answer::NotFound,
        }
    }

    fn profiles(&self) -> Answer {
        let mut profiles: Vec<_> = self.profiles.iter().collect();
        profiles.sort_by_key(|(_, (updated_at, order, _))| Reverse((*updated_at, *order)));
        let rows = profiles
            .into_iter()
            .map(|(user, (updated_at, _, name_enc))| ProfileRow {
                user: *user,
                name_enc: name_enc.clone(),
                updated_at: *updated_at,
            });
        Answer::Profiles(rows.collect())
    }

    fn find_original(&self, channel: ChannelId) -> Option<&ChannelRow> {
        self.originals.iter().find(|row| row.id == channel)
    }

    fn rename(&mut self, channel: ChannelId, name_enc: String) -> Answer {
        let row = self.originals.iter_mut().find(|row| row.id == channel);
        Answer::Channel(row.map(|row| {
            row.name_enc = name_enc;
            row.clone()
        }))
    }

    fn put_key_envelopes(
        &mut self,
        channel: Option<ChannelId>,
        sender: DeviceId,
        envelopes: Vec<NewKeyEnvelope>,
        created_at: UnixMillis,
    ) -> Answer {
        if channel.is_some_and(|channel| self.find_original(channel).is_none()) {
            return Answer::NotFound;
        }
        if envelopes
            .iter()
            .any(|new| self.find_device(new.device).is_none())
        {
            return Answer::UnknownDevice;
        }
        for new in envelopes {
            let stored = StoredKeyEnvelope {
                envelope: new.envelope,
                created_at,
                order: self.next_number(),
            };
            self.key_envelopes
                .insert((channel, new.device, sender), stored);
        }
        Answer::Done
    }

    fn find_key_envelope(
        &self,
        channel: Option<ChannelId>,
        device: DeviceId,
    ) -> Option<KeyEnvelopeRow> {
        let (key, newest) = self
            .key_envelopes
            .iter()
            .filter(|(key, _)| key.0 == channel && key.1 == device)
            .max_by_key(|(_, stored)| stored.order)?;
        let sender = self.find_device(key.2)?;
        Some(KeyEnvelopeRow {
            sender: sender.id,
            sender_public_key: sender.public_key,
            envelope: newest.envelope.clone(),
            created_at: newest.created_at,
        })
    }

    fn append_message(
        &mut self,
        channel: ChannelId,
        epoch: Option<Epoch>,
        message: MessageRow,
    ) -> Answer {
        let Some((group, history)) = self.histories.get_mut(&channel) else {
            return Answer::NotFound;
        };
        if group.is_some() != epoch.is_some() {
            return Answer::NotFound;
        }
        if let Some(kept) = history.duplicate(message.device, message.client_id) {
            return kept;
        }
        if let Some(group) = group
            && self.open_epochs.get(group).copied() != epoch
        {
            return Answer::StaleEpoch;
        }
        history.push(message)
    }
}
