//! The engine of the client: an account on one server, behind one facade.
//!
//! A driver makes a [`Client`] with [`found`](Client::found), [`join`](Client::join) or
//! [`restore`](Client::restore), asks it to [`connect`](Client::connect), and then follows the contract of
//! [`Machine`]: it makes each [`Output::Persist`] durable, carries out each [`Transmit`], and hands [`Event`]s to
//! whoever looks at the account. What a screen shows it reads from the views, at any time.
//!
//! Nothing that the server says is believed without a proof but presence, times and the order of arrival.

mod error;
mod event;
mod io;
mod records;
mod views;

pub use error::{IntentError, RestoreError, SendError};
pub use event::{ConnectionState, Event, IntentName, InviteId, Refusal, Warning};
pub use io::{CallId, HttpAnswer, HttpCall, Input, InputError, LinkFailure, Output, Transmit};
pub use records::{Change, Table};
pub use views::{
    Access, Body, ChannelView, Delivery, History, Me, MemberView, MessageView, PendingView, Role,
    Standing,
};

use alloc::collections::VecDeque;
use alloc::string::String;
use alloc::vec::Vec;

use crate::ids::{ChannelId, ClientId, Seq, UserId};
use crate::machine::Machine;
use crate::time::{Instant, UnixMillis};

/// What a new account is made of.
#[derive(Clone)]
#[non_exhaustive]
pub struct NewAccount {
    /// The server, as in the link.
    pub server_url: String,
    /// The token of the link.
    pub token: String,
    /// The name that the user chose.
    pub username: String,
    /// The password for the server: `dt1-..`, already derived from what the user typed.
    pub password: String,
}

impl NewAccount {
    /// Puts an account together.
    #[must_use]
    pub const fn new(
        server_url: String,
        token: String,
        username: String,
        password: String,
    ) -> Self {
        Self {
            server_url,
            token,
            username,
            password,
        }
    }
}

impl core::fmt::Debug for NewAccount {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("NewAccount")
            .field("server_url", &self.server_url)
            .field("username", &self.username)
            .finish_non_exhaustive()
    }
}

/// An account on one server: its link, its log, its keys, its messages.
#[derive(Debug)]
pub struct Client {
    now: Instant,
    me: Me,
    state: ConnectionState,
    outputs: VecDeque<Output>,
}

impl Client {
    /// Makes an account that founds a community: the server must have no log yet. Nothing is sent before
    /// [`connect`](Self::connect).
    #[must_use]
    pub fn found(seed: [u8; 32], account: NewAccount, now: Instant, unix: UnixMillis) -> Self {
        Self::new(seed, account, Standing::Founding, now, unix)
    }

    /// Makes an account that joins a community by a link. Nothing is sent before [`connect`](Self::connect).
    #[must_use]
    pub fn join(seed: [u8; 32], account: NewAccount, now: Instant, unix: UnixMillis) -> Self {
        Self::new(seed, account, Standing::Joining, now, unix)
    }

    /// Rebuilds an account from the records that its outputs persisted, in any order, after any whole number of
    /// batches.
    ///
    /// # Errors
    ///
    /// When there is no account among the records, or one of them cannot be read.
    pub fn restore(
        _seed: [u8; 32],
        _records: impl IntoIterator<Item = (Table, Vec<u8>, Vec<u8>)>,
        _now: Instant,
        _unix: UnixMillis,
    ) -> Result<Self, RestoreError> {
        Err(RestoreError::NoAccount)
    }

    fn new(
        _seed: [u8; 32],
        account: NewAccount,
        standing: Standing,
        now: Instant,
        _unix: UnixMillis,
    ) -> Self {
        let me = Me {
            user: None,
            device: None,
            username: account.username,
            admin: false,
            standing,
            safety_number: None,
            server_url: account.server_url,
        };
        Self {
            now,
            me,
            state: ConnectionState::Offline,
            outputs: VecDeque::new(),
        }
    }

    /// Asks for a connection, now and after every loss until [`close`](Self::close).
    pub fn connect(&mut self, now: Instant) {
        self.now = self.now.max(now);
    }

    /// Posts what this device owes to others, within a bound, then ends the connection: [`Event::Settled`] is the
    /// last output.
    pub fn close(&mut self, now: Instant) {
        self.now = self.now.max(now);
        self.outputs.push_back(Output::Event(Event::Settled));
    }

    /// Says what the wall clock shows at `now`. A driver says it again when the clock was set.
    pub fn set_wall_clock(&mut self, _unix: UnixMillis, now: Instant) {
        self.now = self.now.max(now);
    }

    /// Queues a text for a channel, durably, and sends it once that can be done.
    ///
    /// # Errors
    ///
    /// When the text or the channel does not allow it; nothing is queued then.
    pub fn send_message(
        &mut self,
        _channel: ChannelId,
        _text: &str,
        now: Instant,
    ) -> Result<ClientId, SendError> {
        self.now = self.now.max(now);
        Err(SendError::NotMember)
    }

    /// Makes a channel, as soon as the log takes it. A private channel has its maker as its first member.
    ///
    /// # Errors
    ///
    /// When the log as it is known here does not allow it.
    pub fn create_channel(
        &mut self,
        _name: &str,
        _access: Access,
        _history: History,
        now: Instant,
    ) -> Result<ChannelId, IntentError> {
        self.now = self.now.max(now);
        Err(IntentError::NotMember)
    }

    /// Gives a channel another name.
    ///
    /// # Errors
    ///
    /// When the log as it is known here does not allow it.
    pub fn rename_channel(
        &mut self,
        _channel: ChannelId,
        _name: &str,
        now: Instant,
    ) -> Result<(), IntentError> {
        self.now = self.now.max(now);
        Err(IntentError::NotMember)
    }

    /// Deletes a channel with its messages.
    ///
    /// # Errors
    ///
    /// When the log as it is known here does not allow it.
    pub fn delete_channel(&mut self, _channel: ChannelId, now: Instant) -> Result<(), IntentError> {
        self.now = self.now.max(now);
        Err(IntentError::NotMember)
    }

    /// Takes a member of the community into a private channel.
    ///
    /// # Errors
    ///
    /// When the log as it is known here does not allow it.
    pub fn add_to_channel(
        &mut self,
        _channel: ChannelId,
        _user: UserId,
        now: Instant,
    ) -> Result<(), IntentError> {
        self.now = self.now.max(now);
        Err(IntentError::NotMember)
    }

    /// Makes an invite for one newcomer; [`Event::InviteReady`] brings the link.
    ///
    /// # Errors
    ///
    /// When the log as it is known here does not allow it.
    pub fn create_invite(&mut self, now: Instant) -> Result<InviteId, IntentError> {
        self.now = self.now.max(now);
        Err(IntentError::NotMember)
    }

    /// Vouches for somebody who waits, after the safety numbers were compared.
    ///
    /// # Errors
    ///
    /// When nobody of that id waits, or the log as it is known here does not allow it.
    pub fn vouch(&mut self, _user: UserId, now: Instant) -> Result<(), IntentError> {
        self.now = self.now.max(now);
        Err(IntentError::NotMember)
    }

    /// Marks a channel as read up to a message.
    pub fn mark_read(&mut self, _channel: ChannelId, _seq: Seq, now: Instant) {
        self.now = self.now.max(now);
    }

    /// Fetches the page of messages before the oldest one that is here. [`Event::Messages`] or
    /// [`Event::HistoryStart`] follows.
    pub fn load_older(&mut self, _channel: ChannelId, now: Instant) {
        self.now = self.now.max(now);
    }

    /// How the account stands to its server.
    #[must_use]
    pub const fn state(&self) -> ConnectionState {
        self.state
    }

    /// The account itself.
    #[must_use]
    pub fn me(&self) -> Me {
        self.me.clone()
    }

    /// The channels that this account can read, then those of the original system, each sorted by name.
    #[must_use]
    pub fn channels(&self) -> Vec<ChannelView> {
        Vec::new()
    }

    /// The messages of a channel that are here, in their order; one's own that wait for their number stand last.
    pub fn messages(
        &self,
        _channel: ChannelId,
    ) -> impl DoubleEndedIterator<Item = MessageView<'_>> {
        core::iter::empty()
    }

    /// The members, sorted by name, then those who wait for a vouch.
    #[must_use]
    pub fn members(&self) -> Vec<MemberView> {
        Vec::new()
    }
}

impl Machine for Client {
    type Input<'a> = Input<'a>;
    type Output = Output;
    type Error = InputError;

    fn handle_input(&mut self, input: Input<'_>, now: Instant) -> Result<(), InputError> {
        self.now = self.now.max(now);
        match input {
            Input::SocketOpened | Input::Frame(_) | Input::SocketClosed { .. } => {
                Err(InputError::NoSocket)
            }
            Input::Answer { id, .. } => Err(InputError::UnknownCall(id)),
        }
    }

    fn handle_timeout(&mut self, now: Instant) {
        self.now = self.now.max(now);
    }

    fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    fn poll_timeout(&self) -> Option<Instant> {
        (!self.outputs.is_empty()).then_some(self.now)
    }
}
