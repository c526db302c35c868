//! What is owed: keys that somebody is entitled to and that nobody has sealed to them.

use alloc::collections::{BTreeSet, VecDeque};
use alloc::vec::Vec;

use super::access::Caller;
use super::pending::Step;
use super::sharing::SharingStep;
use super::store::Op;
use super::{Hub, RequestId};
use crate::ids::{Epoch, GroupId, RecipientId};
use crate::limits;
use crate::wire::cbor;
use crate::wire::chain::{Owed, OwedKey};
use crate::wire::http::Response;

/// How far an answer has come. A member may be in thousands of groups with thousands of devices each: of all these only
/// so many are looked at between two answers of the store.
#[derive(Debug)]
pub(super) struct Owing {
    /// What goes into the answer.
    found: Vec<OwedKey>,
    /// Whom the store was asked about.
    entitled: Vec<OwedKey>,
    /// The keys that it is still to be asked about.
    left: VecDeque<(GroupId, Epoch)>,
}

impl Hub {
    /// `GET /envelopes/owed`: what nobody has sealed of the keys that the caller may hold.
    pub(super) fn owed(&mut self, id: RequestId, caller: Caller) -> Result<(), Response> {
        self.may_share(caller)?;
        let owing = Owing {
            found: Vec::new(),
            entitled: Vec::new(),
            left: self.members.current_keys(caller.device).into(),
        };
        self.ask_held(id, owing);
        Ok(())
    }

    /// Asks who holds the next keys.
    fn ask_held(&mut self, id: RequestId, mut owing: Owing) {
        let mut keys = Vec::new();
        while owing.entitled.len() < limits::OWED_AT_ONCE
            && let Some((group, epoch)) = owing.left.pop_front()
        {
            owing
                .entitled
                .extend(self.members.entitled_to(group, epoch));
            keys.push((group, epoch));
        }
        self.ask(
            id,
            Op::HeldKeys { keys },
            Step::Sharing(SharingStep::HeldRead(owing)),
        );
    }

    /// Who holds keys was read. Answers once there is a page, or nobody else to look at.
    pub(super) fn held_read(
        &mut self,
        id: RequestId,
        mut owing: Owing,
        held: Vec<(GroupId, Epoch, RecipientId)>,
    ) -> Option<Response> {
        let held: BTreeSet<_> = held.into_iter().collect();
        let lacks = |it: &OwedKey| !held.contains(&(it.group, it.epoch, it.recipient));
        let room = (limits::SHARING_PAGE as usize).saturating_sub(owing.found.len());
        let lacking = owing.entitled.drain(..).filter(lacks).take(room);
        owing.found.extend(lacking);
        if owing.found.len() < limits::SHARING_PAGE as usize && !owing.left.is_empty() {
            self.ask_held(id, owing);
            return None;
        }
        let owed = Owed { owed: owing.found };
        Some(Response::cbor(200, cbor::encode(&owed)))
    }
}
