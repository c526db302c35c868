//! Reading the log and adding to it.

use alloc::boxed::Box;
use alloc::collections::VecDeque;
use alloc::vec::Vec;

use minicbor::bytes::ByteVec;

use super::access::Caller;
use super::membership::{AppendRefusal, Membership, Staged};
use super::pending::{Awaiting, Step, Unexpected};
use super::sharing::{check_envelopes, check_names, keys_of};
use super::store::{Answer, ChainName, NewEnvelope, Op, StoreError};
use super::{Hub, HubFailure, RequestId};
use crate::ids::{Epoch, GroupId, Head, RecipientId};
use crate::limits;
use crate::sigchain::{Entry, Invalid};
use crate::wire::cbor;
use crate::wire::chain::{Append, Appended, ChainPage};
use crate::wire::event::ServerEvent;
use crate::wire::http::Response;

/// The log was read: for whom asked, or for whom expected it to end elsewhere.
#[derive(Debug)]
pub(super) struct LogStep {
    status: u16,
}

/// An append that waits for its turn.
#[derive(Debug)]
struct Waiting {
    id: RequestId,
    caller: Caller,
    append: Append,
}

/// An append that waits for the store.
#[derive(Debug)]
pub(super) struct Appending {
    id: RequestId,
    members: Membership,
    head: Head,
    /// The keys that came with it.
    keys: Vec<(RecipientId, GroupId, Epoch)>,
    has_names: bool,
}

/// Appends happen one after the other.
#[derive(Debug, Default)]
pub(super) struct Appends {
    state: AppendState,
    waiting: VecDeque<Waiting>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum AppendState {
    /// The hub has what the store has.
    #[default]
    Idle,
    /// The store is asked for something.
    Busy,
    /// An append failed, and the store may have it nevertheless.
    Behind,
}

impl Hub {
    /// `GET /sigchain?from=`.
    pub(super) fn read_log(&mut self, id: RequestId, from: u64) -> Result<(), Response> {
        self.read_page(id, 200, from);
        Ok(())
    }

    fn read_page(&mut self, id: RequestId, status: u16, from: u64) {
        let op = Op::ChainPage {
            from,
            max_bytes: limits::CHAIN_PAGE_BYTES,
        };
        self.ask(id, op, Step::Log(LogStep { status }));
    }

    pub(super) fn log_stored(
        &self,
        step: LogStep,
        answer: Answer,
    ) -> Result<Option<Response>, Unexpected> {
        let Answer::Chain(entries) = answer else {
            return Err(Unexpected);
        };
        let page = ChainPage {
            head: self.members.head(),
            entries: entries.into_iter().map(ByteVec::from).collect(),
        };
        Ok(Some(Response::cbor(step.status, cbor::encode(&page))))
    }

    /// `POST /sigchain`.
    pub(super) fn append_log(
        &mut self,
        id: RequestId,
        caller: Caller,
        append: Append,
    ) -> Result<(), Response> {
        if append.entries.len() > limits::MAX_APPEND_ENTRIES {
            return Err(Response::error(400, "too_many_entries"));
        }
        if !self.limiter.append(caller.user, self.now) {
            return Err(Response::error(429, "too many appends"));
        }
        if self.appends.waiting.len() >= limits::MAX_WAITING_APPENDS {
            return Err(Response::error(503, "the server is busy"));
        }
        self.appends
            .waiting
            .push_back(Waiting { id, caller, append });
        self.next_append();
        Ok(())
    }

    /// Takes up appends until one waits for the store.
    fn next_append(&mut self) {
        while !self.appends.waiting.is_empty() {
            match self.appends.state {
                AppendState::Busy => return,
                AppendState::Behind => {
                    self.catch_up();
                    return;
                }
                AppendState::Idle => {}
            }
            let Some(Waiting { id, caller, append }) = self.appends.waiting.pop_front() else {
                return;
            };
            if let Err(refusal) = self.judge_append(id, caller, append) {
                self.respond(id, refusal);
            }
        }
    }

    fn judge_append(
        &mut self,
        id: RequestId,
        caller: Caller,
        append: Append,
    ) -> Result<(), Response> {
        if append.expected != self.members.head() {
            let from = append
                .expected
                .map_or(0, |head| head.index.saturating_add(1));
            self.read_page(id, 409, from);
            return Ok(());
        }
        let entries = append.entries.iter().map(|bytes| Entry::decode(bytes));
        let entries = entries.collect::<Result<Vec<Entry>, _>>();
        let entries =
            entries.map_err(|error| refuse(AppendRefusal::Invalid(Invalid::Decode(error))))?;
        self.check_poster(caller, &entries)?;
        let staged = self.members.stage(&entries, self.unix()).map_err(refuse)?;
        let envelopes = check_envelopes(&staged.members, append.envelopes)?;
        let names = check_names(&staged.members, append.names)?;
        self.keep_append(id, caller, staged, &entries, envelopes, names);
        Ok(())
    }

    /// Entries are posted by the device that signed them; what others signed may be posted by members, since a server
    /// that fell behind gets its log back from them. Only an admin founds.
    fn check_poster(&self, caller: Caller, entries: &[Entry]) -> Result<(), Response> {
        let own = entries.iter().all(|entry| entry.author() == caller.device);
        if !own && !self.members.is_member_device(caller.device) {
            return Err(Response::error(403, "forbidden"));
        }
        if !self.members.founded() && !self.is_admin(caller.user, caller.table_admin) {
            return Err(Response::error(403, "admin access required"));
        }
        Ok(())
    }

    fn keep_append(
        &mut self,
        id: RequestId,
        caller: Caller,
        staged: Staged,
        entries: &[Entry],
        envelopes: Vec<NewEnvelope>,
        names: Vec<ChainName>,
    ) {
        let Staged {
            members,
            head,
            effects,
        } = staged;
        let appending = Appending {
            id,
            members,
            head,
            keys: keys_of(&envelopes),
            has_names: !names.is_empty(),
        };
        let op = Op::AppendChain {
            expected: self.members.head(),
            head,
            poster: caller.device,
            entries: entries.iter().map(|entry| entry.bytes().into()).collect(),
            effects,
            envelopes,
            names,
            now: self.unix(),
        };
        self.appends.state = AppendState::Busy;
        self.store(op, Awaiting::Append(Box::new(appending)));
    }

    pub(super) fn append_stored(
        &mut self,
        appending: Appending,
        result: Result<Answer, StoreError>,
    ) {
        self.appends.state = AppendState::Idle;
        let id = appending.id;
        match result {
            Ok(Answer::ChainAppended { ended }) => {
                self.members = appending.members;
                self.end_sessions(&ended);
                self.log_moved(appending.head);
                self.announce_keys(&appending.keys);
                if appending.has_names {
                    self.announce_names();
                }
                let appended = Appended {
                    head: appending.head,
                };
                self.respond(id, Response::cbor(201, cbor::encode(&appended)));
            }
            Ok(Answer::DeviceMismatch) => {
                self.respond(id, Response::error(400, "device_mismatch"));
            }
            Ok(_) | Err(_) => {
                self.appends.state = AppendState::Behind;
                self.respond(id, Response::error(500, "internal error"));
            }
        }
        self.next_append();
    }

    /// Ends what the log has ended, and says that it moved.
    fn log_moved(&mut self, head: Head) {
        let gone = |caller: &Caller| self.members.is_gone(caller.user, caller.device);
        self.tickets.retain(|caller| !gone(caller));
        let conns = self.connections.select(|it| gone(&it.caller));
        // A session that is being looked up may belong to somebody who is gone now.
        self.endings += 1;
        self.close_all(conns, 1008, "session ended");
        self.announce(&ServerEvent::SigchainAppended { head }, |_| true);
    }

    fn catch_up(&mut self) {
        self.appends.state = AppendState::Busy;
        let op = Op::ChainPage {
            from: self.members.len(),
            max_bytes: limits::CHAIN_PAGE_BYTES,
        };
        self.store(op, Awaiting::CatchUp);
    }

    pub(super) fn catch_up_stored(&mut self, result: Result<Answer, StoreError>) {
        match result {
            Ok(Answer::Chain(entries)) if entries.is_empty() => {
                self.appends.state = AppendState::Idle;
                self.next_append();
            }
            Ok(Answer::Chain(entries)) => {
                if let Err(index) = self.members.replay(&entries) {
                    self.fail(HubFailure::Log { index });
                    return;
                }
                if let Some(head) = self.members.head() {
                    self.log_moved(head);
                }
                self.catch_up();
            }
            Ok(_) | Err(_) => {
                self.appends.state = AppendState::Behind;
                // Who waits is answered; the next append tries again.
                while let Some(waiting) = self.appends.waiting.pop_front() {
                    self.respond(waiting.id, Response::error(500, "internal error"));
                }
            }
        }
    }
}

/// 400 with the reason's name.
fn refuse(refusal: AppendRefusal) -> Response {
    Response::error(400, refusal.name())
}
