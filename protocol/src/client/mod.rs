//! The engine of the client: an account on one server, behind one facade.
//!
//! A driver makes a [`Client`] with [`found`](Client::found), [`join`](Client::join) or
//! [`restore`](Client::restore), asks it to [`connect`](Client::connect), and then follows the contract of
//! [`Machine`]: it makes each [`Output::Persist`] durable, carries out each [`Transmit`], and hands [`Event`]s to
//! whoever looks at the account. What a screen shows it reads from the views, at any time.
//!
//! ```text
//!             intents                          views
//!                |                               ^
//!   answers -> route -> log ---------------> names, keys, chat
//!   frames  ->   |       ^  every entry          |
//!                |       |  verified here        v
//!             session    +---- appends <---- what each of them wants
//! ```
//!
//! Nothing that the server says is believed without a proof but presence, times and the order of messages.

mod account;
mod append;
mod calls;
mod chores;
mod compose;
mod confusable;
mod error;
mod event;
mod exchange;
mod facts;
mod follow;
mod intent;
mod io;
mod join;
mod link;
mod log;
mod names;
mod online;
mod out;
mod records;
mod register;
mod restore;
mod roster;
mod route;
mod sharing;
mod show;
mod views;
mod voice;
mod wishes;

pub use error::{IntentError, RestoreError, SendError};
pub use event::{ConnectionState, Event, IntentName, InviteId, Refusal, Warning};
pub use io::{CallId, HttpAnswer, HttpCall, Input, InputError, LinkFailure, Output, Transmit};
pub use records::{Change, Table};
pub use views::{
    Access, Body, ChannelView, Delivery, History, InviteView, Me, MemberView, MessageView,
    PendingView, Role, Standing,
};

use alloc::collections::BTreeMap;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use account::{Account, Plan, Registration};
use append::Intents;
use calls::Calls;
use chores::Chores;
use join::Newcomer;
use link::Link;
use log::Log;
use names::Names;
use out::Out;
use restore::Cursors;
use roster::Roster;

use crate::chat::Chat;
use crate::crypto::Entropy;
use crate::ids::UserId;
use crate::keys::Keys;
use crate::machine::Machine;
use crate::session::Session;
use crate::time::{Instant, UnixMillis};
use crate::wire::chain::SealedEnvelope;
use crate::wire::link as invite_link;
use crate::wire::sensitive::Sensitive;

/// What a new account is made of.
#[derive(Clone)]
#[non_exhaustive]
pub struct NewAccount {
    /// The invite.
    pub link: invite_link::Link,
    /// The name that the user chose.
    pub username: String,
    /// The password for the server: `dt1-..`, already derived from what the user typed.
    pub password: Sensitive,
}

impl NewAccount {
    /// Puts an account together.
    #[must_use]
    pub fn new(link: invite_link::Link, username: &str, password: &str) -> Self {
        let username = username.trim().to_lowercase();
        Self {
            link,
            username,
            password: Sensitive::new(password),
        }
    }
}

impl fmt::Debug for NewAccount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NewAccount")
            .field("server_url", &self.link.url)
            .field("username", &self.username)
            .finish_non_exhaustive()
    }
}

/// The wall clock, by the moment at which it was told.
#[derive(Clone, Copy, Debug)]
struct Wall {
    unix: UnixMillis,
    told: Instant,
}

impl Wall {
    fn at(self, now: Instant) -> UnixMillis {
        self.unix.saturating_add(now - self.told)
    }
}

/// An account on one server: its link, its log, its keys, its messages.
#[derive(Debug)]
pub struct Client {
    now: Instant,
    wall: Wall,
    entropy: Entropy,
    account: Account,
    session: Session,
    link: Link,
    state: ConnectionState,
    log: Log,
    keys: Keys,
    chat: Chat,
    /// When chat wants to be woken.
    chat_deadline: Option<Instant>,
    names: Names,
    intents: Intents,
    newcomers: BTreeMap<UserId, Newcomer>,
    roster: Roster,
    cursors: Cursors,
    /// How far the envelopes of this device were read. What the cursors say of it is durable, and may be less.
    envelope_cursor: u64,
    /// How far the envelopes of the invite were read.
    invite_cursor: u64,
    /// How long the log was when an envelope of the invite named an epoch beyond it.
    invite_awaits: Option<u64>,
    /// Envelopes that are to be posted.
    parcels: Vec<SealedEnvelope>,
    /// Envelopes of a post that the server did not take yet.
    posting: Vec<SealedEnvelope>,
    /// The envelopes of this device were read to their end, and the machine of the keys was not told yet.
    fetched: bool,
    /// When the next open invite expires, of an admin.
    expiry: Option<Instant>,
    /// It was said that this account is a member and can read.
    joined: bool,
    chores: Chores,
    calls: Calls,
    out: Out,
    voice: voice::Voice,
}

impl Client {
    /// Makes an account that founds a community: the server must have no log yet. Nothing is sent before
    /// [`connect`](Self::connect).
    #[must_use]
    pub fn found(seed: [u8; 32], account: NewAccount, now: Instant, unix: UnixMillis) -> Self {
        Self::new(seed, account, Plan::Found, now, unix)
    }

    /// Makes an account that becomes what its link is for: a member by an open invite, somebody who waits for a vouch
    /// by a host's, the founder by a founding one. Nothing is sent before [`connect`](Self::connect).
    #[must_use]
    pub fn join(seed: [u8; 32], account: NewAccount, now: Instant, unix: UnixMillis) -> Self {
        let plan = match &account.link.kind {
            invite_link::LinkKind::Found => Plan::Found,
            invite_link::LinkKind::Open { secret, hash } => Plan::Join {
                secret: secret.clone(),
                invite: *hash,
            },
            invite_link::LinkKind::Host => Plan::AskVouch,
        };
        Self::new(seed, account, plan, now, unix)
    }

    /// Rebuilds an account from the records that its outputs persisted, in any order, after any whole number of
    /// batches.
    ///
    /// # Errors
    ///
    /// When there is no account among the records, or one of them cannot be read.
    pub fn restore(
        seed: [u8; 32],
        records: impl IntoIterator<Item = (Table, Vec<u8>, Vec<u8>)>,
        now: Instant,
        unix: UnixMillis,
    ) -> Result<Self, RestoreError> {
        restore::restore(seed, records, now, unix)
    }

    fn new(
        seed: [u8; 32],
        account: NewAccount,
        plan: Plan,
        now: Instant,
        unix: UnixMillis,
    ) -> Self {
        let mut entropy = Entropy::from_seed(seed);
        let registration = Registration {
            token: Sensitive::new(account.link.token),
            password: account.password,
        };
        let account = Account::new(
            account.link.url,
            account.username,
            plan,
            registration,
            &mut entropy,
        );
        let chat = Chat::new(entropy.child());
        let mut client = Self::assemble(entropy, account, chat, now, unix);
        client.account.persist(&mut client.out);
        client
    }

    /// A client of which nothing but the account and its messages is known.
    fn assemble(
        mut entropy: Entropy,
        account: Account,
        chat: Chat,
        now: Instant,
        unix: UnixMillis,
    ) -> Self {
        let session = Session::new(entropy.child());
        Self {
            now,
            wall: Wall { unix, told: now },
            entropy,
            account,
            session,
            link: Link::default(),
            state: ConnectionState::Offline,
            log: Log::default(),
            keys: Keys::default(),
            chat,
            chat_deadline: None,
            names: Names::default(),
            intents: Intents::default(),
            newcomers: BTreeMap::new(),
            roster: Roster::default(),
            cursors: Cursors::default(),
            envelope_cursor: 0,
            invite_cursor: 0,
            invite_awaits: None,
            parcels: Vec::new(),
            posting: Vec::new(),
            fetched: false,
            expiry: None,
            joined: false,
            chores: Chores::default(),
            calls: Calls::default(),
            out: Out::default(),
            voice: voice::Voice::default(),
        }
    }

    /// Says what the wall clock shows at `now`. A driver says it again when the clock was set.
    pub fn set_wall_clock(&mut self, unix: UnixMillis, now: Instant) {
        self.pass(now);
        self.wall = Wall {
            unix,
            told: self.now,
        };
    }

    fn unix(&self) -> UnixMillis {
        self.wall.at(self.now)
    }

    fn pass(&mut self, now: Instant) {
        self.now = self.now.max(now);
    }
}

impl Machine for Client {
    type Input<'a> = Input<'a>;
    type Output = Output;
    type Error = InputError;

    fn handle_input(&mut self, input: Input<'_>, now: Instant) -> Result<(), InputError> {
        let purpose = match input {
            Input::Answer { id, .. } => {
                Some(self.calls.end(id).ok_or(InputError::UnknownCall(id))?)
            }
            Input::SocketOpened | Input::Frame(_) | Input::SocketClosed { .. } => {
                self.expects_socket()
                    .then_some(())
                    .ok_or(InputError::NoSocket)?;
                None
            }
        };
        self.pass(now);
        match (input, purpose) {
            (Input::Answer { result, .. }, Some(purpose)) => self.answered(purpose, result),
            (input, _) => self.socket(input),
        }
        self.pump();
        Ok(())
    }

    fn handle_timeout(&mut self, now: Instant) {
        self.pass(now);
        self.wake();
        self.pump();
    }

    fn poll_output(&mut self) -> Option<Output> {
        self.pop()
    }

    fn poll_timeout(&self) -> Option<Instant> {
        self.deadline()
    }
}
