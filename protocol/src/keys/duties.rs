//! Keys that this device owes to others.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;

use super::Context;
use super::held::{Held, may_hold};
use crate::ids::RecipientId;
use crate::limits;
use crate::time::Instant;
use crate::wire::chain::OwedKey;

/// What is owed, and when it is posted unless somebody else is faster.
#[derive(Debug, Default)]
pub(super) struct Duties(BTreeMap<OwedKey, Instant>);

impl Duties {
    /// Takes on the duties among `keys`: this device holds the key, and the log says that the recipient may have it
    /// (spec 9.20).
    pub(super) fn owe(
        &mut self,
        context: Context<'_>,
        held: &Held,
        keys: &[OwedKey],
        now: Instant,
    ) {
        // To rank is to count a group's devices: once a group, however much a server says is owed.
        let mut due = BTreeMap::new();
        for key in keys {
            if self.0.len() >= limits::MAX_OWED {
                return;
            }
            if !may_hold(context.chain, key.recipient, key.group, key.epoch)
                || key.recipient == RecipientId::Device(context.device)
                || held.get(key.group, key.epoch).is_none()
            {
                continue;
            }
            let due = due.entry(key.group).or_insert_with(|| {
                let rank = context.rank(key.group);
                now + limits::RANK_STEP.saturating_mul(rank).min(limits::RANK_MAX)
            });
            self.0.entry(*key).or_insert(*due);
        }
    }

    /// Somebody else posted it.
    pub(super) fn stand_down(&mut self, key: &OwedKey) {
        self.0.remove(key);
    }

    pub(super) fn retain(&mut self, mut keep: impl FnMut(&OwedKey) -> bool) {
        self.0.retain(|key, _| keep(key));
    }

    pub(super) fn hurry(&mut self, now: Instant) {
        for due in self.0.values_mut() {
            *due = now;
        }
    }

    pub(super) fn clear(&mut self) {
        self.0.clear();
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// What is to be posted now.
    pub(super) fn take_due(&mut self, now: Instant) -> Vec<OwedKey> {
        let due: Vec<OwedKey> = self
            .0
            .iter()
            .filter(|(_, at)| **at <= now)
            .map(|(key, _)| *key)
            .collect();
        for key in &due {
            self.0.remove(key);
        }
        due
    }

    pub(super) fn deadline(&self) -> Option<Instant> {
        self.0.values().min().copied()
    }
}
