//! Keys that this device lacks.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;

use crate::ids::{Epoch, GroupId};
use crate::limits;
use crate::time::Instant;

/// How asking for one key goes.
#[derive(Debug)]
struct Ask {
    next: Instant,
    times: u32,
}

/// What is asked for.
#[derive(Debug, Default)]
pub(super) struct Asks(BTreeMap<(GroupId, Epoch), Ask>);

impl Asks {
    /// Asks for these keys, and for no others.
    pub(super) fn want(&mut self, missing: Vec<(GroupId, Epoch)>, now: Instant) {
        self.0.retain(|key, _| missing.contains(key));
        for key in missing {
            if self.0.len() < limits::MAX_ASKS {
                self.0.entry(key).or_insert(Ask {
                    next: now,
                    times: 0,
                });
            }
        }
    }

    /// A key came.
    pub(super) fn settle(&mut self, group: GroupId, epoch: Epoch) {
        self.0.remove(&(group, epoch));
    }

    pub(super) fn retain(&mut self, mut keep: impl FnMut(GroupId) -> bool) {
        self.0.retain(|(group, _), _| keep(*group));
    }

    pub(super) fn clear(&mut self) {
        self.0.clear();
    }

    /// What is asked for now, and whether asking has not helped for long (spec 9.24). The pauses grow.
    pub(super) fn take_due(&mut self, now: Instant) -> Vec<(GroupId, Epoch, bool)> {
        let mut due = Vec::new();
        for ((group, epoch), ask) in &mut self.0 {
            if ask.next > now {
                continue;
            }
            ask.times = ask.times.saturating_add(1);
            ask.next = now + limits::ASK_PAUSE.saturating_mul(ask.times.min(limits::ASKS_UNHELPED));
            due.push((*group, *epoch, ask.times == limits::ASKS_UNHELPED));
        }
        due
    }

    pub(super) fn deadline(&self) -> Option<Instant> {
        self.0.values().map(|ask| ask.next).min()
    }
}
