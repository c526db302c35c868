//! Upgrades that were accepted and have not connected yet.

use alloc::collections::BTreeMap;

use super::SessionKey;
use super::access::Caller;
use crate::ids::SessionId;
use crate::limits;
use crate::time::Instant;

/// At most [`limits::MAX_CONNECTIONS`]; each is good for one connection, and for as long as an upgrade may take.
#[derive(Debug, Default)]
pub(super) struct Tickets {
    waiting: BTreeMap<SessionKey, (Caller, Instant)>,
}

impl Tickets {
    pub(super) fn add(&mut self, key: SessionKey, caller: Caller, now: Instant) {
        // Keys rise with time, so the first are the oldest.
        while let Some(oldest) = self.waiting.first_entry()
            && oldest.get().1 <= now
        {
            oldest.remove();
        }
        self.waiting
            .insert(key, (caller, now + limits::UPGRADE_LIFE));
    }

    pub(super) fn take(&mut self, key: SessionKey, now: Instant) -> Option<Caller> {
        let (caller, end) = self.waiting.remove(&key)?;
        (now < end).then_some(caller)
    }

    /// Takes tickets of ended sessions away.
    pub(super) fn end(&mut self, ended: &[SessionId]) {
        self.waiting
            .retain(|_, (caller, _)| !ended.contains(&caller.session));
    }

    /// Takes away what no longer counts.
    pub(super) fn retain(&mut self, keep: impl Fn(&Caller) -> bool) {
        self.waiting.retain(|_, (caller, _)| keep(caller));
    }

    pub(super) fn len(&self) -> usize {
        self.waiting.len()
    }
}
