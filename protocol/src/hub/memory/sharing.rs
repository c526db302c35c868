//! Envelopes, names and newcomers of the log.

#![allow(
    clippy::wildcard_enum_match_arm,
    reason = "operations of other subjects never come here"
)]

use alloc::collections::BTreeSet;
use alloc::vec::Vec;

use super::{MemoryStore, StoredPending};
use crate::hub::store::{Answer, ChainName, EnvelopeRow, NameRow, NewEnvelope, Op, PendingRow};
use crate::ids::{DeviceId, RecipientId};

impl MemoryStore {
    pub(super) fn apply_sharing(&mut self, op: Op) -> Answer {
        match op {
            Op::PutEnvelopes { poster, envelopes } => {
                self.put_envelopes(poster, envelopes);
                Answer::Done
            }
            Op::Envelopes {
                recipient,
                after,
                limit,
            } => {
                let past = self.envelopes.range(after.saturating_add(1)..);
                let rows = past
                    .filter(|(_, (to, _, _))| *to == recipient)
                    .take(limit as usize)
                    .map(|(cursor, (_, poster, bytes))| EnvelopeRow {
                        cursor: *cursor,
                        poster: *poster,
                        bytes: bytes.clone(),
                    });
                Answer::Envelopes(rows.collect())
            }
            Op::HeldKeys { keys } => {
                let keys: BTreeSet<_> = keys.into_iter().collect();
                let held = self.envelope_keys.keys();
                let held: BTreeSet<_> = held
                    .filter(|(_, group, epoch, _)| keys.contains(&(*group, *epoch)))
                    .map(|(recipient, group, epoch, _)| (*group, *epoch, *recipient))
                    .collect();
                Answer::Held(held.into_iter().collect())
            }
            Op::PutNames { poster, names } => {
                self.put_names(poster, names);
                Answer::Done
            }
            Op::Names { after, limit } => {
                let mut rows: Vec<NameRow> = self
                    .names
                    .values()
                    .filter(|(cursor, _)| *cursor > after)
                    .map(|(cursor, name)| NameRow {
                        cursor: *cursor,
                        name: name.clone(),
                    })
                    .collect();
                rows.sort_by_key(|row| row.cursor);
                rows.truncate(limit as usize);
                Answer::Names(rows)
            }
            Op::PutPending {
                user,
                device,
                record,
                names,
                created_at,
            } => {
                let stored = StoredPending {
                    device,
                    record,
                    names: names.into_iter().collect(),
                    created_at,
                };
                self.pending.insert(user, stored);
                Answer::Done
            }
            Op::Pending { reader, limit } => {
                let mut rows: Vec<PendingRow> = self
                    .pending
                    .iter()
                    .map(|(user, stored)| PendingRow {
                        user: *user,
                        device: stored.device,
                        record: stored.record.clone(),
                        name: stored.names.get(&reader).cloned(),
                        created_at: stored.created_at,
                    })
                    .collect();
                rows.sort_by_key(|row| (row.created_at, row.user));
                rows.truncate(limit as usize);
                Answer::Pending(rows)
            }
            _ => Answer::NotFound,
        }
    }

    pub(super) fn put_envelopes(&mut self, poster: DeviceId, envelopes: Vec<NewEnvelope>) {
        for new in envelopes {
            let cursor = self.next_number();
            let recipient = new.recipient;
            for (group, epoch) in new.keys {
                self.envelope_keys
                    .insert((recipient, group, epoch, poster), cursor);
            }
            self.envelopes
                .insert(cursor, (recipient, poster, new.bytes));
            self.drop_replaced(recipient, poster);
        }
    }

    /// An envelope stays as long as one of its keys is the newest of its poster.
    fn drop_replaced(&mut self, recipient: RecipientId, poster: DeviceId) {
        let standing: BTreeSet<u64> = self
            .envelope_keys
            .iter()
            .filter(|(key, _)| key.0 == recipient && key.3 == poster)
            .map(|(_, cursor)| *cursor)
            .collect();
        self.envelopes.retain(|cursor, (to, from, _)| {
            (*to, *from) != (recipient, poster) || standing.contains(cursor)
        });
    }

    pub(super) fn forget_recipient(&mut self, recipient: RecipientId) {
        self.envelopes.retain(|_, (to, _, _)| *to != recipient);
        self.envelope_keys.retain(|key, _| key.0 != recipient);
    }

    pub(super) fn put_names(&mut self, poster: DeviceId, names: Vec<ChainName>) {
        for name in names {
            let cursor = self.next_number();
            self.names.insert((name.subject, poster), (cursor, name));
        }
    }
}
