//! Judging an append beside the hub: it checks thousands of signatures at most, and copies the state of the log.

use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;

use super::access::Caller;
use super::membership::{AppendRefusal, Membership, Staged};
use super::sharing::{check_envelopes, check_names};
use super::store::{ChainName, NewEnvelope};
use crate::sigchain::{Entry, Invalid};
use crate::time::UnixMillis;
use crate::wire::chain::Append;
use crate::wire::http::Response;

/// An append and the log that it is to follow.
#[derive(Clone)]
pub struct Judging {
    pub(super) members: Arc<Membership>,
    pub(super) caller: Caller,
    /// Whether the caller may begin the log.
    pub(super) may_found: bool,
    pub(super) append: Append,
    pub(super) unix: UnixMillis,
}

/// What came of judging an append: what the store is to keep, or the refusal.
pub struct Judged(pub(super) Result<Box<Taken>, Response>);

/// An append that the log takes.
pub(super) struct Taken {
    pub(super) staged: Staged,
    pub(super) entries: Vec<Vec<u8>>,
    pub(super) envelopes: Vec<NewEnvelope>,
    pub(super) names: Vec<ChainName>,
}

impl Judging {
    pub(super) fn run(&self) -> Judged {
        Judged(self.judge().map(Box::new))
    }

    fn judge(&self) -> Result<Taken, Response> {
        let entries = self.append.entries.iter().map(|bytes| Entry::decode(bytes));
        let entries = entries.collect::<Result<Vec<Entry>, _>>();
        let entries =
            entries.map_err(|error| refuse(AppendRefusal::Invalid(Invalid::Decode(error))))?;
        self.check_poster(&entries)?;
        let staged = self.members.stage(&entries, self.unix).map_err(refuse)?;
        Ok(Taken {
            envelopes: check_envelopes(&staged.members, self.append.envelopes.clone())?,
            names: check_names(&staged.members, self.append.names.clone())?,
            entries: entries.iter().map(|entry| entry.bytes().into()).collect(),
            staged,
        })
    }

    /// Entries are posted by the device that signed them; what others signed may be posted by members, since a server
    /// that fell behind gets its log back from them. Only an admin founds.
    fn check_poster(&self, entries: &[Entry]) -> Result<(), Response> {
        let device = self.caller.device;
        let own = entries.iter().all(|entry| entry.author() == device);
        if !own && !self.members.is_member_device(device) {
            return Err(Response::error(403, "forbidden"));
        }
        if !self.members.founded() && !self.may_found {
            return Err(Response::error(403, "admin access required"));
        }
        Ok(())
    }
}

/// 400 with the reason's name.
fn refuse(refusal: AppendRefusal) -> Response {
    Response::error(400, refusal.name())
}

// The state of the log is far too much to print.
impl fmt::Debug for Judging {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Judging")
            .field("append", &self.append)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for Judged {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let head = self.0.as_ref().map(|taken| taken.staged.head);
        f.debug_tuple("Judged").field(&head).finish()
    }
}
