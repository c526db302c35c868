//! The log and what its entries change.

#![allow(
    clippy::wildcard_enum_match_arm,
    reason = "operations of other subjects never come here"
)]

use alloc::vec::Vec;

use super::MemoryStore;
use super::history::History;
use crate::hub::store::{Answer, ChainEffect, DeviceRow, Op};
use crate::ids::{DeviceId, RecipientId, SessionId, UserId};
use crate::time::UnixMillis;

impl MemoryStore {
    pub(super) fn apply_log(&mut self, op: Op) -> Answer {
        match op {
            Op::ChainPage { from, max_bytes } => self.chain_page(from, max_bytes as usize),
            Op::AppendChain {
                expected,
                head,
                poster,
                entries,
                effects,
                envelopes,
                names,
                now,
            } => {
                if self.head != expected {
                    return Answer::Conflict { head: self.head };
                }
                if effects.iter().any(|effect| self.contradicts(effect)) {
                    return Answer::DeviceMismatch;
                }
                let effects = effects.into_iter();
                let ended = effects.flat_map(|effect| self.apply_effect(effect, now));
                let ended = ended.collect();
                self.entries.extend(entries);
                self.head = Some(head);
                self.put_envelopes(poster, envelopes);
                self.put_names(poster, names);
                Answer::ChainAppended { ended }
            }
            other => self.apply_sharing(other),
        }
    }

    fn chain_page(&self, from: u64, max_bytes: usize) -> Answer {
        let from = usize::try_from(from).unwrap_or(usize::MAX);
        let mut page = Vec::new();
        let mut bytes = 0_usize;
        for entry in self.entries.iter().skip(from) {
            bytes = bytes.saturating_add(entry.len());
            if bytes > max_bytes && !page.is_empty() {
                break;
            }
            page.push(entry.clone());
        }
        Answer::Chain(page)
    }

    /// Whether the store knows the device otherwise, or not even its user.
    fn contradicts(&self, effect: &ChainEffect) -> bool {
        let ChainEffect::DeviceAdded {
            user,
            device,
            signing_key,
            public_key,
        } = effect
        else {
            return false;
        };
        match self.find_device(*device) {
            Some(known) => {
                (known.user, known.public_key, known.signing_key)
                    != (*user, *public_key, Some(*signing_key))
            }
            None => !self.users.contains_key(user),
        }
    }

    /// Answers the sessions that end.
    fn apply_effect(&mut self, effect: ChainEffect, now: UnixMillis) -> Vec<SessionId> {
        match effect {
            ChainEffect::ChannelCreated { channel, group } => {
                self.histories
                    .insert(channel, (Some(group), History::default()));
            }
            ChainEffect::ChannelDeleted { channel } => {
                self.histories.remove(&channel);
            }
            ChainEffect::DeviceAdded {
                user,
                device,
                signing_key,
                public_key,
            } => {
                if self.find_device(device).is_none() {
                    self.devices.push(DeviceRow {
                        id: device,
                        user,
                        public_key,
                        signing_key: Some(signing_key),
                        created_at: now,
                    });
                }
            }
            ChainEffect::DeviceRevoked { device } => {
                self.forget_recipient(RecipientId::Device(device));
                return self.end_sessions(|stored| stored.device == device);
            }
            ChainEffect::EpochOpened { group, epoch } => {
                self.open_epochs.insert(group, epoch);
            }
            ChainEffect::EpochClosed { group } => {
                self.open_epochs.remove(&group);
            }
            ChainEffect::InviteClosed { recipient } => self.forget_recipient(recipient),
            ChainEffect::UserJoined { user } => {
                self.pending.remove(&user);
            }
            ChainEffect::UserRemoved { user } => return self.remove_user(user),
        }
        Vec::new()
    }

    fn remove_user(&mut self, user: UserId) -> Vec<SessionId> {
        let devices: Vec<DeviceId> = self
            .devices
            .iter()
            .filter(|row| row.user == user)
            .map(|row| row.id)
            .collect();
        for device in devices {
            self.forget_recipient(RecipientId::Device(device));
        }
        self.end_sessions(|stored| stored.user == user)
    }
}
