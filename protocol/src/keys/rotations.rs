//! Opening the next epoch: after a removal closed one, or when nobody can open the current one.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;

use super::Context;
use crate::ids::{DeviceId, Epoch, GroupId, UserId};
use crate::limits;
use crate::time::Instant;

/// Which groups this device is about to rotate.
#[derive(Debug, Default)]
pub(super) struct Rotations {
    due: BTreeMap<GroupId, Instant>,
    /// The newest epoch of each group, and who opened it.
    newest: BTreeMap<GroupId, (Option<Epoch>, DeviceId, UserId)>,
    /// How often rotations of one author were repaired.
    repairs: BTreeMap<DeviceId, u32>,
}

impl Rotations {
    /// Looks for groups whose epoch was closed: the first member that is online rotates them, so each waits by its
    /// rank (spec 9.30).
    pub(super) fn log_moved(&mut self, context: Context<'_>, now: Instant) {
        let chain = context.chain;
        let mut due = BTreeMap::new();
        self.newest.clear();
        for (group, state) in chain.groups() {
            let Some(author) = state.epochs.last().map(|epoch| epoch.author) else {
                continue;
            };
            if let Some(device) = chain.device(author) {
                self.newest
                    .insert(group, (state.epoch(), author, device.user));
            }
            if state.is_closed() && context.is_entitled(group) {
                let delay = limits::RANK_STEP
                    .saturating_mul(context.rank(group))
                    .min(limits::RANK_MAX);
                due.insert(group, self.due.get(&group).copied().unwrap_or(now + delay));
            }
        }
        self.due = due;
    }

    /// Asks whether one more rotation may be repaired.
    ///
    /// # Errors
    ///
    /// When its author's were repaired too often (spec 9.32); the first time with the author's name.
    pub(super) fn repair(&mut self, group: GroupId, epoch: Epoch) -> Result<(), Option<UserId>> {
        let Some((newest, device, user)) = self.newest.get(&group).copied() else {
            return Err(None);
        };
        // A newer key is no help against a missing older one.
        if newest != Some(epoch) {
            return Err(None);
        }
        let repairs = self.repairs.entry(device).or_insert(0);
        *repairs = repairs.saturating_add(1);
        match *repairs {
            count if count <= limits::MAX_REPAIRS => Ok(()),
            count if count == limits::MAX_REPAIRS + 1 => Err(Some(user)),
            _ => Err(None),
        }
    }

    pub(super) fn take_due(&mut self, now: Instant) -> Vec<GroupId> {
        let due: Vec<GroupId> = self
            .due
            .iter()
            .filter(|(_, at)| **at <= now)
            .map(|(group, _)| *group)
            .collect();
        for group in &due {
            // If nothing comes of it, it is due again after a pause.
            self.due.insert(*group, now + limits::RANK_MAX);
        }
        due
    }

    pub(super) fn deadline(&self) -> Option<Instant> {
        self.due.values().min().copied()
    }
}
