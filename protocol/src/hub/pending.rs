//! What the hub awaits: one variant for each thing that an answer of the store or a result of work leads on to.

use alloc::boxed::Box;
use alloc::collections::BTreeMap;
use alloc::string::String;

use super::access::{Authenticating, Caller};
use super::accounts::{AccountStep, AccountWork};
use super::channels::ChannelStep;
use super::history::HistoryStep;
use super::log::{Appending, LogStep};
use super::messages::Sending;
use super::presence::PresenceStep;
use super::sessions::SessionStep;
use super::sharing::SharingStep;
use super::{ConnId, RequestId};
use crate::ids::{ChannelId, Seq};

/// What an operation was issued for.
#[derive(Debug)]
pub(super) enum Awaiting {
    /// An append to the log.
    Append(Box<Appending>),
    /// The start.
    Boot,
    /// Entries that the store has and the hub has not.
    CatchUp,
    /// The end of a session that nobody waits for.
    Ended,
    /// A message of a connection.
    Message(Sending),
    /// A step of a request.
    Request {
        /// The request.
        id: RequestId,
        /// The step.
        step: Step,
    },
    /// The channel whose voice room a connection wants to enter.
    Room {
        /// The connection.
        conn: ConnId,
        /// The channel.
        channel: ChannelId,
        /// What the device signed about it.
        proof: Option<String>,
    },
    /// What a connection missed.
    Resume {
        /// The connection.
        conn: ConnId,
        /// What it has, by channel.
        resume: BTreeMap<ChannelId, Seq>,
    },
}

/// A step of a request, by subject.
#[derive(Debug)]
pub(super) enum Step {
    Access(Box<Authenticating>),
    Account(AccountStep),
    Channel(ChannelStep),
    History(HistoryStep),
    Log(LogStep),
    Presence(PresenceStep),
    Session(SessionStep),
    Sharing(SharingStep),
}

/// What work was issued for.
#[derive(Debug)]
pub(super) enum AwaitingWork {
    /// A password of a request.
    Account {
        /// The request.
        id: RequestId,
        /// The step.
        step: AccountWork,
    },
    /// The append of a request.
    Append {
        /// The request.
        id: RequestId,
        /// Who posts it.
        caller: Caller,
    },
}

/// An answer that the operation does not have.
#[derive(Debug)]
pub(super) struct Unexpected;
