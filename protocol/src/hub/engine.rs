//! The hub itself: what comes in, and what it awaits.

#![allow(
    clippy::wildcard_enum_match_arm,
    reason = "a request is served by who may serve it, and by nobody else"
)]

use alloc::collections::{BTreeMap, VecDeque};
use alloc::sync::Arc;

use super::access::Authenticating;
use super::challenges::Challenges;
use super::connections::Connections;
use super::limiter::Limiter;
use super::log::Appends;
use super::membership::Membership;
use super::pending::{Awaiting, AwaitingWork, Step, Unexpected};
use super::pressure::Pressure;
use super::rooms::Rooms;
use super::rules;
use super::store::{Answer, Op, StoreError};
use super::tickets::Tickets;
use super::{
    Config, HubError, HubFailure, Input, LogEvent, OpId, Output, RequestId, Work, WorkAnswer,
    WorkId,
};
use crate::crypto::Entropy;
use crate::ids::{ChannelId, Seq, ServerId, StoreId};
use crate::limits;
use crate::machine::Machine;
use crate::time::{Instant, UnixMillis};
use crate::wire::http::{Access, Request, Response};

/// The engine of the server.
#[derive(Debug)]
pub struct Hub {
    pub(super) config: Config,
    pub(super) entropy: Entropy,
    pub(super) now: Instant,
    /// What the wall clock said, and when.
    wall: (UnixMillis, Instant),
    pub(super) phase: Phase,
    pub(super) ids: (ServerId, StoreId),
    pub(super) members: Arc<Membership>,
    pub(super) connections: Connections,
    pub(super) rooms: Rooms,
    pub(super) pressure: Pressure,
    pub(super) tickets: Tickets,
    pub(super) challenges: Challenges,
    pub(super) limiter: Limiter,
    pub(super) appends: Appends,
    /// The newest message of each channel that connections were told of, since the start.
    pub(super) announced: BTreeMap<ChannelId, Seq>,
    /// How often sessions ended: an answer about a session that was asked for before is asked for again.
    pub(super) endings: u64,
    awaiting: BTreeMap<OpId, Awaiting>,
    awaiting_work: BTreeMap<WorkId, AwaitingWork>,
    last_id: u64,
    outputs: VecDeque<Output>,
}

/// How far the start has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    AwaitStart,
    AwaitIds,
    AwaitLog,
    Serving,
    Failed,
}

impl Hub {
    /// Makes a hub that waits for [`Input::Started`].
    #[must_use]
    pub fn new(config: Config, seed: [u8; 32], now: Instant, unix: UnixMillis) -> Self {
        Self {
            config,
            entropy: Entropy::from_seed(seed),
            now,
            wall: (unix, now),
            phase: Phase::AwaitStart,
            ids: (ServerId([0; 16]), StoreId([0; 16])),
            members: Arc::default(),
            connections: Connections::default(),
            rooms: Rooms::default(),
            pressure: Pressure::default(),
            tickets: Tickets::default(),
            challenges: Challenges::default(),
            limiter: Limiter::default(),
            appends: Appends::default(),
            announced: BTreeMap::new(),
            endings: 0,
            awaiting: BTreeMap::new(),
            awaiting_work: BTreeMap::new(),
            last_id: 0,
            outputs: VecDeque::new(),
        }
    }

    /// Sets the wall clock, as it stands at `now`.
    pub fn set_wall_clock(&mut self, unix: UnixMillis, now: Instant) {
        self.now = self.now.max(now);
        self.wall = (unix, self.now);
    }

    /// The wall clock.
    pub(super) fn unix(&self) -> UnixMillis {
        let (unix, at) = self.wall;
        unix.saturating_add(self.now - at)
    }

    pub(super) fn next_id(&mut self) -> u64 {
        self.last_id += 1;
        self.last_id
    }

    pub(super) fn emit(&mut self, output: Output) {
        self.outputs.push_back(output);
    }

    pub(super) fn respond(&mut self, id: RequestId, response: Response) {
        self.emit(Output::Respond { id, response });
    }

    /// Issues an operation and remembers what its answer is for.
    pub(super) fn store(&mut self, op: Op, awaiting: Awaiting) {
        let id = OpId(self.next_id());
        self.awaiting.insert(id, awaiting);
        self.emit(Output::Store { id, op });
    }

    /// Whether the store has as much to do as may wait for it.
    pub(super) fn is_busy(&self) -> bool {
        self.awaiting.len() >= limits::MAX_OUTSTANDING_OPS
    }

    /// Issues an operation for a request.
    pub(super) fn ask(&mut self, id: RequestId, op: Op, step: Step) {
        self.store(op, Awaiting::Request { id, step });
    }

    /// Issues work, unless too much of it waits.
    pub(super) fn work(&mut self, work: Work, awaiting: AwaitingWork) -> Result<(), Response> {
        if self.awaiting_work.len() >= limits::MAX_OUTSTANDING_WORK {
            self.emit(Output::Log(LogEvent::TooManyAttempts));
            return Err(Response::error(429, "too many attempts"));
        }
        self.compute(work, awaiting);
        Ok(())
    }

    /// Issues work of which there is never much.
    pub(super) fn compute(&mut self, work: Work, awaiting: AwaitingWork) {
        let id = WorkId(self.next_id());
        self.awaiting_work.insert(id, awaiting);
        self.emit(Output::Work { id, work });
    }

    fn request(&mut self, id: RequestId, request: Arrived<'_>) -> Result<(), Response> {
        if matches!(request.call, Request::Health) {
            return Err(Response::text(200, "ok"));
        }
        if self.phase != Phase::Serving {
            return Err(Response::error(503, "the server is starting"));
        }
        if self.is_busy() {
            return Err(Response::error(503, "the server is busy"));
        }
        let access = request.call.route().access();
        if access == Access::Anyone {
            return self.serve_anyone(id, request.call, request.peer);
        }
        if access == Access::Host && self.is_host(request.admin_token) {
            return self.serve_host(id, request.call);
        }
        let authenticating = Authenticating::new(request.call, request.auth)?;
        self.authenticate(id, authenticating);
        Ok(())
    }

    fn stored(&mut self, awaiting: Awaiting, result: Result<Answer, StoreError>) {
        if let Err(error) = result {
            self.emit(Output::Log(LogEvent::StoreFailed(error)));
        }
        match awaiting {
            Awaiting::Append(appending) => self.append_stored(*appending, result),
            Awaiting::Boot => self.boot_stored(result),
            Awaiting::CatchUp => self.catch_up_stored(result),
            Awaiting::Ended => self.ended_stored(result),
            Awaiting::Message(message) => self.message_stored(message, result),
            Awaiting::Request { id, step } => self.request_stored(id, step, result),
            Awaiting::Room {
                conn,
                channel,
                proof,
            } => self.room_stored(conn, channel, proof, result),
            Awaiting::Resume { conn, resume } => self.resume_stored(conn, &resume, result),
        }
    }

    fn request_stored(&mut self, id: RequestId, step: Step, result: Result<Answer, StoreError>) {
        let outcome = match result {
            Err(_) => Ok(Some(Response::error(500, "internal error"))),
            Ok(answer) => match step {
                Step::Access(step) => self.access_stored(id, step, answer),
                Step::Account(step) => self.account_stored(id, step, answer),
                Step::Channel(step) => self.channel_stored(id, step, answer),
                Step::History(step) => self.history_stored(step, answer),
                Step::Log(step) => self.log_stored(step, answer),
                Step::Presence(step) => self.presence_stored(step, answer),
                Step::Session(step) => self.session_stored(id, step, answer),
                Step::Sharing(step) => self.sharing_stored(id, step, answer),
            },
        };
        match outcome {
            Ok(Some(response)) => self.respond(id, response),
            Ok(None) => {}
            Err(Unexpected) => {
                self.emit(Output::Log(LogEvent::AnswerUnexpected));
                self.respond(id, Response::error(500, "internal error"));
            }
        }
    }

    fn boot_stored(&mut self, result: Result<Answer, StoreError>) {
        match (self.phase, result) {
            (
                Phase::AwaitIds,
                Ok(Answer::Started {
                    server_id,
                    store_id,
                }),
            ) => {
                self.ids = (server_id, store_id);
                self.phase = Phase::AwaitLog;
                self.load_log();
            }
            (Phase::AwaitLog, Ok(Answer::Chain(entries))) if entries.is_empty() => {
                self.phase = Phase::Serving;
                self.emit(Output::Ready);
            }
            (Phase::AwaitLog, Ok(Answer::Chain(entries))) => match self.take_in(&entries) {
                Ok(()) => self.load_log(),
                Err(index) => self.fail(HubFailure::Log { index }),
            },
            (_, Ok(_)) => self.fail(HubFailure::Store(StoreError::Corrupt)),
            (_, Err(error)) => self.fail(HubFailure::Store(error)),
        }
    }

    fn load_log(&mut self) {
        let op = Op::ChainPage {
            from: self.members.len(),
            max_bytes: limits::CHAIN_PAGE_BYTES,
        };
        self.store(op, Awaiting::Boot);
    }

    pub(super) fn fail(&mut self, failure: HubFailure) {
        self.phase = Phase::Failed;
        self.emit(Output::Failed(failure));
    }

    fn start(&mut self) -> Result<(), HubError> {
        if self.phase != Phase::AwaitStart {
            return Err(HubError::AlreadyStarted);
        }
        self.phase = Phase::AwaitIds;
        let op = Op::Start {
            server_id: ServerId::from_random(self.entropy.bytes()),
            store_id: StoreId::from_random(self.entropy.bytes()),
        };
        self.store(op, Awaiting::Boot);
        Ok(())
    }

    fn worked(&mut self, id: WorkId, result: WorkAnswer) -> Result<(), HubError> {
        let awaiting = self
            .awaiting_work
            .remove(&id)
            .ok_or(HubError::UnknownWork)?;
        match awaiting {
            AwaitingWork::Account { id, step } => {
                if let Err(response) = self.account_worked(id, step, result) {
                    self.respond(id, response);
                }
            }
            AwaitingWork::Append { id, caller } => self.append_judged(id, caller, result),
        }
        Ok(())
    }
}

/// A request with what came beside it.
struct Arrived<'a> {
    call: Request,
    auth: Option<&'a str>,
    admin_token: Option<&'a str>,
    peer: Option<core::net::IpAddr>,
}

impl Machine for Hub {
    type Input<'a> = Input<'a>;
    type Output = Output;
    type Error = HubError;

    fn handle_input(&mut self, input: Input<'_>, now: Instant) -> Result<(), HubError> {
        self.now = self.now.max(now);
        let result = match input {
            Input::Started => self.start(),
            Input::Request {
                id,
                call,
                auth,
                admin_token,
                peer,
            } => {
                let arrived = Arrived {
                    call,
                    auth,
                    admin_token,
                    peer,
                };
                if let Err(response) = self.request(id, arrived) {
                    self.respond(id, response);
                }
                Ok(())
            }
            Input::Connected { conn, session } => self.connected(conn, session),
            Input::Frame { conn, bytes } => self.frame(conn, bytes),
            Input::Flushed { conn, bytes } => self.flushed(conn, bytes),
            Input::Closed { conn } => self.closed(conn),
            Input::Stored { id, result } => {
                let awaiting = self.awaiting.remove(&id).ok_or(HubError::UnknownOp)?;
                self.stored(awaiting, result);
                Ok(())
            }
            Input::Worked { id, result } => self.worked(id, result),
        };
        self.settle_pressure();
        result
    }

    fn handle_timeout(&mut self, now: Instant) {
        self.now = self.now.max(now);
        self.expire_connections();
        self.retry_catch_up();
        self.settle_pressure();
    }

    fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    fn poll_timeout(&self) -> Option<Instant> {
        if self.outputs.is_empty() {
            let deadlines = [
                self.appends.deadline(),
                self.connections.next_deadline(),
                self.pressure.deadline(),
            ];
            deadlines.into_iter().flatten().min()
        } else {
            Some(self.now)
        }
    }
}

impl Hub {
    /// Serves what needs no session.
    fn serve_anyone(
        &mut self,
        id: RequestId,
        call: Request,
        peer: Option<core::net::IpAddr>,
    ) -> Result<(), Response> {
        match call {
            Request::Register(body) => self.register(id, body, peer),
            Request::LogIn(body) => self.log_in(id, body, peer),
            Request::Challenge(body) => self.challenge(&body, peer),
            Request::DeviceLogIn(body) => self.log_in_by_device(id, &body),
            Request::Malformed { refusal, .. } => Err(refusal),
            _ => Err(rules::not_found()),
        }
    }

    /// Serves what the holder of the admin token may do.
    fn serve_host(&mut self, id: RequestId, call: Request) -> Result<(), Response> {
        match call {
            Request::CreateInvite => {
                let founded = self.members.founded();
                self.create_invite(id, Some(founded));
                Ok(())
            }
            Request::CreateUser(body) => self.create_user(id, &body),
            Request::Malformed { refusal, .. } => Err(refusal),
            _ => Err(rules::not_found()),
        }
    }
}
