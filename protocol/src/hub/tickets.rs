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
        self.waiting
            .insert(key, (caller, now + limits::UPGRADE_LIFE));
    }

    /// How many upgrades may still come. Those that are too late are forgotten first: nobody else would do it where
    /// they are as many as there may be.
    pub(super) fn count(&mut self, now: Instant) -> usize {
        // Keys rise with time, so the first are the oldest.
        while let Some(oldest) = self.waiting.first_entry()
            && oldest.get().1 <= now
        {
            oldest.remove();
        }
        self.waiting.len()
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
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::{DeviceId, UserId};
    use crate::time::UnixMillis;

    #[test]
    fn upgrades_that_never_came_make_room() {
        let caller = Caller {
            session: SessionId([1; 16]),
            user: UserId([1; 16]),
            device: DeviceId([1; 16]),
            public_key: [1; 32],
            table_admin: false,
            expires_at: UnixMillis(u64::MAX),
        };
        let mut tickets = Tickets::default();
        tickets.add(SessionKey(1), caller, Instant::ZERO);
        tickets.add(SessionKey(2), caller, Instant::from_micros(1));
        assert_eq!(tickets.count(Instant::ZERO), 2);
        assert_eq!(tickets.count(Instant::ZERO + limits::UPGRADE_LIFE), 1);
        let late = Instant::from_micros(1) + limits::UPGRADE_LIFE;
        assert_eq!(tickets.count(late), 0);
    }
}
