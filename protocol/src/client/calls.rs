//! HTTP calls on their way.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;

use super::chores::Chore;
use super::io::CallId;
use crate::chat::FetchId;
use crate::ids::Head;
use crate::limits;
use crate::session::Attempt;
use crate::time::Instant;

/// What a call is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Purpose {
    /// A request that is wanted again and again.
    Chore(Chore),
    /// Reading the log on from an index.
    Log { from: u64 },
    /// An append that followed this head.
    Append { expected: Option<Head> },
    /// The token of an invite that is being made.
    InviteToken,
    /// Registering the account.
    Register,
    /// Finding out whether a registration, of which no answer came, was done.
    LogIn,
    /// Asking for a challenge.
    Challenge(Attempt),
    /// Logging in with a signed challenge.
    DeviceLogIn(Attempt),
    /// A page of a channel's history.
    Page(FetchId),
}

/// The calls that wait for their answer.
#[derive(Debug, Default)]
pub(super) struct Calls {
    last: u64,
    waiting: BTreeMap<CallId, (Purpose, Instant)>,
}

impl Calls {
    pub(super) fn start(&mut self, purpose: Purpose, now: Instant) -> CallId {
        self.last = self.last.saturating_add(1);
        let id = CallId(self.last);
        self.waiting
            .insert(id, (purpose, now + limits::CALL_TIMEOUT));
        id
    }

    /// An answer came.
    pub(super) fn end(&mut self, id: CallId) -> Option<Purpose> {
        self.waiting.remove(&id).map(|(purpose, _)| purpose)
    }

    /// Forgets calls that nobody waits for any more: their answers will be refused.
    pub(super) fn forget(&mut self, mut which: impl FnMut(Purpose) -> bool) {
        self.waiting.retain(|_, (purpose, _)| !which(*purpose));
    }

    /// The calls that had no answer in time.
    pub(super) fn take_expired(&mut self, now: Instant) -> Vec<Purpose> {
        let mut expired = Vec::new();
        self.waiting.retain(|_, (purpose, deadline)| {
            let over = *deadline <= now;
            if over {
                expired.push(*purpose);
            }
            !over
        });
        expired
    }

    pub(super) fn deadline(&self) -> Option<Instant> {
        self.waiting.values().map(|(_, deadline)| *deadline).min()
    }
}
