//! The open connections: who they are, what they have said, and how much waits to leave for each.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec::Vec;

use super::ConnId;
use super::access::Caller;
use super::limiter::Bucket;
use crate::ids::{ChannelId, Seq, UserId};
use crate::limits;
use crate::time::Instant;

/// How a connection has begun.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    /// Nothing was said yet; served as the original would.
    AwaitFirst,
    /// It spoke without a hello: served as the original would, for good.
    Original,
    /// It said hello.
    Greeted,
    /// It is being closed: nothing is sent to it any more.
    Closing,
}

/// One connection.
#[derive(Debug)]
pub(super) struct Connection {
    pub(super) caller: Caller,
    pub(super) stage: Stage,
    /// When its session ends.
    expires: Instant,
    /// When it must have said hello.
    hello_by: Option<Instant>,
    /// Bytes of frames that have not left yet.
    queued: usize,
    /// Messages that wait for the store.
    pub(super) unacked: u32,
    /// The first message that was dropped, by channel, once there was no room.
    lagged: Option<BTreeMap<ChannelId, Seq>>,
    pub(super) key_requests: Bucket,
    /// The channel whose voice room it wants to enter, while the store is asked for it.
    pub(super) entering: Option<ChannelId>,
    pub(super) signals: Bucket,
}

/// What became of a frame for a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Room {
    /// It is queued.
    Queued,
    /// It is dropped; the connection will be told.
    Dropped,
    /// There is no room: the connection must be closed.
    Full,
}

impl Connection {
    fn new(caller: Caller, expires: Instant, hello_by: Option<Instant>) -> Self {
        Self {
            caller,
            stage: Stage::AwaitFirst,
            expires,
            hello_by,
            queued: 0,
            unacked: 0,
            lagged: None,
            key_requests: Bucket::default(),
            entering: None,
            signals: Bucket::default(),
        }
    }

    pub(super) fn is_open(&self) -> bool {
        self.stage != Stage::Closing
    }

    pub(super) fn is_greeted(&self) -> bool {
        self.stage == Stage::Greeted
    }

    /// When something happens to it by itself.
    fn deadline(&self) -> Option<Instant> {
        let hello_by = self.hello_by.filter(|_| self.stage == Stage::AwaitFirst);
        let deadline = hello_by.map_or(self.expires, |at| at.min(self.expires));
        self.is_open().then_some(deadline)
    }

    /// Whether so much waits to leave that a little more fills it up, and it reads what it is sent.
    fn is_crowded(&self) -> bool {
        self.is_open() && self.lagged.is_none() && self.queued > limits::QUEUE_BUDGET / 2
    }

    /// Queues a frame that cannot be fetched later.
    pub(super) fn queue(&mut self, bytes: usize) -> Room {
        if self.queued.saturating_add(bytes) > limits::QUEUE_LIMIT {
            return Room::Full;
        }
        self.queued += bytes;
        Room::Queued
    }

    /// Queues a signal, which may get lost.
    pub(super) fn queue_signal(&mut self, bytes: usize) -> Room {
        if self.queued.saturating_add(bytes) > limits::QUEUE_BUDGET {
            return Room::Dropped;
        }
        self.queued += bytes;
        Room::Queued
    }

    /// Queues a message, which can be fetched later by who said hello.
    pub(super) fn queue_message(&mut self, bytes: usize, channel: ChannelId, seq: Seq) -> Room {
        let fits = self.queued.saturating_add(bytes) <= limits::QUEUE_BUDGET;
        if fits && self.lagged.is_none() {
            self.queued += bytes;
            return Room::Queued;
        }
        if !self.is_greeted() {
            return Room::Full;
        }
        let lagged = self.lagged.get_or_insert_default();
        let first = lagged.entry(channel).or_insert(seq);
        *first = seq.min(*first);
        Room::Dropped
    }

    /// Bytes have left. Answers what was dropped, once half of the budget is free again.
    fn flushed(&mut self, bytes: usize) -> Option<BTreeMap<ChannelId, Seq>> {
        self.queued = self.queued.saturating_sub(bytes);
        if self.queued > limits::QUEUE_BUDGET / 2 || !self.is_open() {
            return None;
        }
        self.lagged.take()
    }
}

/// All connections.
#[derive(Debug, Default)]
pub(super) struct Connections {
    all: BTreeMap<ConnId, Connection>,
    /// How many open ones a user has.
    by_user: BTreeMap<UserId, usize>,
    deadlines: BTreeSet<(Instant, ConnId)>,
    /// How many are open.
    open: usize,
    /// How many of these are crowded.
    crowded: usize,
}

impl Connections {
    pub(super) fn len(&self) -> usize {
        self.all.len()
    }

    pub(super) fn contains(&self, id: ConnId) -> bool {
        self.all.contains_key(&id)
    }

    pub(super) fn get(&self, id: ConnId) -> Option<&Connection> {
        self.all.get(&id)
    }

    /// For everything but a connection's stage and queue, which other methods change.
    pub(super) fn get_mut(&mut self, id: ConnId) -> Option<&mut Connection> {
        self.all.get_mut(&id)
    }

    /// How many open connections a user has.
    pub(super) fn count_of(&self, user: UserId) -> usize {
        self.by_user.get(&user).copied().unwrap_or_default()
    }

    /// Adds a connection; says whether it is its user's first.
    pub(super) fn open(
        &mut self,
        id: ConnId,
        caller: Caller,
        expires: Instant,
        hello_by: Option<Instant>,
    ) -> bool {
        let connection = Connection::new(caller, expires, hello_by);
        self.deadlines
            .extend(connection.deadline().map(|at| (at, id)));
        self.all.insert(id, connection);
        self.open += 1;
        let count = self.by_user.entry(caller.user).or_default();
        *count += 1;
        *count == 1
    }

    /// Changes a connection's stage.
    pub(super) fn set_stage(&mut self, id: ConnId, stage: Stage) {
        if let Some(connection) = self.all.get_mut(&id) {
            if let Some(at) = connection.deadline() {
                self.deadlines.remove(&(at, id));
            }
            connection.stage = stage;
            self.deadlines
                .extend(connection.deadline().map(|at| (at, id)));
        }
    }

    /// Sends nothing more to a connection. Answers its user, if it was open and the user's last.
    pub(super) fn close(&mut self, id: ConnId) -> Option<UserId> {
        let connection = self
            .all
            .get(&id)
            .filter(|connection| connection.is_open())?;
        let user = connection.caller.user;
        self.crowded -= usize::from(connection.is_crowded());
        self.open -= 1;
        self.set_stage(id, Stage::Closing);
        let count = self.by_user.get_mut(&user)?;
        *count = count.saturating_sub(1);
        if *count > 0 {
            return None;
        }
        self.by_user.remove(&user);
        Some(user)
    }

    /// Forgets a connection that is closed.
    pub(super) fn remove(&mut self, id: ConnId) {
        self.all.remove(&id);
    }

    /// The open connections that `wanted` names.
    pub(super) fn select(&self, wanted: impl Fn(&Connection) -> bool) -> Vec<ConnId> {
        let open = self.all.iter().filter(|(_, it)| it.is_open() && wanted(it));
        open.map(|(id, _)| *id).collect()
    }

    /// Queues a frame for a connection by `room`; none if it is not open.
    pub(super) fn queue(
        &mut self,
        id: ConnId,
        room: impl Fn(&mut Connection) -> Room,
    ) -> Option<Room> {
        let connection = self.all.get_mut(&id).filter(|it| it.is_open())?;
        let before = connection.is_crowded();
        let queued = room(connection);
        self.crowded += usize::from(connection.is_crowded());
        self.crowded -= usize::from(before);
        Some(queued)
    }

    /// See [`Connection::flushed`].
    pub(super) fn flushed(&mut self, id: ConnId, bytes: usize) -> Option<BTreeMap<ChannelId, Seq>> {
        let connection = self.all.get_mut(&id)?;
        let before = connection.is_crowded();
        let lagged = connection.flushed(bytes);
        self.crowded += usize::from(connection.is_crowded());
        self.crowded -= usize::from(before);
        lagged
    }

    /// Whether at least half of the open connections are crowded.
    pub(super) fn are_crowded(&self) -> bool {
        self.crowded > 0 && 2 * self.crowded >= self.open
    }

    pub(super) fn next_deadline(&self) -> Option<Instant> {
        self.deadlines.first().map(|(at, _)| *at)
    }

    /// The next connection whose deadline has come, and whether its session has ended.
    pub(super) fn due(&self, now: Instant) -> Option<(ConnId, bool)> {
        let (at, id) = self.deadlines.first().filter(|(at, _)| *at <= now)?;
        let expired = self.all.get(id).is_none_or(|it| it.expires <= *at);
        Some((*id, expired))
    }
}
