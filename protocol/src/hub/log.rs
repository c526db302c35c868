//! Reading the log and adding to it.

use alloc::boxed::Box;
use alloc::collections::VecDeque;
use alloc::sync::Arc;
use alloc::vec::Vec;

use minicbor::bytes::ByteVec;

use super::access::Caller;
use super::judging::{Judged, Judging, Taken};
use super::membership::{Membership, Staged};
use super::pending::{Awaiting, AwaitingWork, Step, Unexpected};
use super::sharing::keys_of;
use super::store::{Answer, Op, StoreError};
use super::{Hub, HubFailure, RequestId, Work, WorkAnswer};
use crate::ids::{Epoch, GroupId, Head, RecipientId, UserId};
use crate::limits;
use crate::time::Instant;
use crate::wire::cbor;
use crate::wire::chain::{Append, Appended, ChainPage};
use crate::wire::event::ServerEvent;
use crate::wire::http::Response;

/// The log was read: for whom asked, or for whom expected it to end elsewhere.
#[derive(Debug)]
pub(super) struct LogStep {
    status: u16,
    from: u64,
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
    by: UserId,
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
    /// An append failed, and the store, which may have it nevertheless, failed to say so. It is asked again then.
    Behind(Instant),
}

impl Appends {
    /// When the store is asked again for what it may have.
    pub(super) fn deadline(&self) -> Option<Instant> {
        match self.state {
            AppendState::Behind(again) => Some(again),
            AppendState::Idle | AppendState::Busy => None,
        }
    }
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
        self.ask(id, op, Step::Log(LogStep { status, from }));
    }

    pub(super) fn log_stored(
        &self,
        step: LogStep,
        answer: Answer,
    ) -> Result<Option<Response>, Unexpected> {
        let Answer::Chain(entries) = answer else {
            return Err(Unexpected);
        };
        // The store may be ahead by an append whose answer is still on its way here.
        let known = self.members.len().saturating_sub(step.from);
        let known = entries.into_iter().zip(0..known);
        let page = ChainPage {
            head: self.members.head(),
            entries: known.map(|(entry, _)| ByteVec::from(entry)).collect(),
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
                AppendState::Behind(_) => {
                    self.catch_up();
                    return;
                }
                AppendState::Idle => {}
            }
            let Some(Waiting { id, caller, append }) = self.appends.waiting.pop_front() else {
                return;
            };
            self.judge_append(id, caller, append);
        }
    }

    /// Has an append judged, unless the log ends elsewhere than its poster thinks. Only what is judged is work, and
    /// counts.
    fn judge_append(&mut self, id: RequestId, caller: Caller, append: Append) {
        if append.expected != self.members.head() {
            let from = append
                .expected
                .map_or(0, |head| head.index.saturating_add(1));
            self.read_page(id, 409, from);
            return;
        }
        let count = append.entries.len();
        if !self.limiter.judge(caller.user, count, self.now) {
            self.respond(id, Response::error(429, "too many entries"));
            return;
        }
        let judging = Judging {
            members: Arc::clone(&self.members),
            caller,
            may_found: self.is_admin(caller.user, caller.table_admin),
            append,
            unix: self.unix(),
        };
        self.appends.state = AppendState::Busy;
        self.compute(
            Work::JudgeAppend(Box::new(judging)),
            AwaitingWork::Append { id, caller },
        );
    }

    /// An append was judged by the log as it still is: nothing else adds to it meanwhile.
    pub(super) fn append_judged(&mut self, id: RequestId, caller: Caller, result: WorkAnswer) {
        self.appends.state = AppendState::Idle;
        match result {
            WorkAnswer::Judged(Judged(Ok(taken))) => self.keep_append(id, caller, *taken),
            WorkAnswer::Judged(Judged(Err(refusal))) => self.respond(id, refusal),
            WorkAnswer::Failed | WorkAnswer::Hashed(_) | WorkAnswer::Verified(_) => {
                self.respond(id, Response::error(500, "internal error"));
            }
        }
        self.next_append();
    }

    fn keep_append(&mut self, id: RequestId, caller: Caller, taken: Taken) {
        let Taken {
            staged,
            entries,
            envelopes,
            names,
        } = taken;
        let Staged {
            members,
            head,
            effects,
        } = staged;
        let appending = Appending {
            id,
            by: caller.user,
            members,
            head,
            keys: keys_of(&envelopes),
            has_names: !names.is_empty(),
        };
        let op = Op::AppendChain {
            expected: self.members.head(),
            head,
            poster: caller.device,
            entries,
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
                self.members = Arc::new(appending.members);
                self.end_sessions(&ended);
                self.log_moved(appending.head);
                self.announce_keys(appending.by, &appending.keys);
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
                self.respond(id, Response::error(500, "internal error"));
                // If the store has it, it may have closed the epoch that everybody still seals in.
                self.catch_up();
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
        self.evict();
        self.announce(&ServerEvent::SigchainAppended { head }, |_| true);
    }

    /// Takes in stored entries. Nothing judges an append meanwhile, so that this copies nothing.
    pub(super) fn take_in(&mut self, entries: &[Vec<u8>]) -> Result<(), u64> {
        Arc::make_mut(&mut self.members).replay(entries)
    }

    /// Asks the store again, if it is time.
    pub(super) fn retry_catch_up(&mut self) {
        if self
            .appends
            .deadline()
            .is_some_and(|again| again <= self.now)
        {
            self.catch_up();
        }
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
                if let Err(index) = self.take_in(&entries) {
                    self.fail(HubFailure::Log { index });
                    return;
                }
                if let Some(head) = self.members.head() {
                    self.log_moved(head);
                }
                self.catch_up();
            }
            Ok(_) | Err(_) => {
                let again = self.now + limits::CATCH_UP_PAUSE;
                self.appends.state = AppendState::Behind(again);
                // Who waits is answered; the next append tries again, and so does the clock.
                while let Some(waiting) = self.appends.waiting.pop_front() {
                    self.respond(waiting.id, Response::error(500, "internal error"));
                }
            }
        }
    }
}
