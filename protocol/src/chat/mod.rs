//! Sending, receiving, order, history, unread counts, the outbox.
//!
//! [`Chat`] keeps of each channel one piece of its history without a gap, in which every message stands once and was
//! judged once, and the messages of one's own that do not stand in it yet. It judges by the facts of a [`Context`],
//! which it is handed for one [`Turn`] at a time:
//!
//! ```text
//!                      older page                      live, or a page for a gap
//!   server's past   ----------------->  (anchor .. end]  <------- held until its turn
//!                    transcripts meet    kept, judged              (next number; log far enough)
//! ```
//!
//! What the server says is the order of messages and their times. Who wrote what, and whether that device was allowed
//! to, is decided here alone.

mod accept;
mod channel;
mod content;
mod context;
mod fetch;
mod history;
mod io;
mod message;
mod opening;
mod out;
mod outbox;
mod place;
mod receive;
mod records;
mod sending;

pub use content::{Content, encode_text};
pub use context::{Context, KeyStatus};
pub use io::{
    Event, FetchId, Input, InputError, Output, Page, Part, Received, Refusal, Transmit, Warning,
};
pub use message::{
    Body, Delivery, Draft, Locked, Message, Refused, SendError, SendFailure, Signed,
};
pub use records::RestoreError;

use alloc::collections::{BTreeMap, BTreeSet};
use core::fmt;

use self::channel::Channel;
use self::out::Out;
use crate::crypto::Entropy;
use crate::ids::{ChannelId, ClientId, Epoch, GroupId, Seq, UserId};
use crate::limits::MAX_RESUMED_CHANNELS;
use crate::machine::Machine;
use crate::time::Instant;

/// The channels of one account.
pub struct Chat {
    entropy: Entropy,
    now: Instant,
    online: bool,
    channels: BTreeMap<ChannelId, Channel>,
    /// The channels that the last hello named.
    resumed: BTreeSet<ChannelId>,
    next_fetch: u64,
    /// What each fetch that is on its way asks for.
    fetches: BTreeMap<FetchId, (ChannelId, Part)>,
    /// Where each message of one's own that is on its way belongs.
    in_flight: BTreeMap<ClientId, ChannelId>,
    /// Messages that came so far: what names the moment at which one came.
    arrivals: u64,
    /// Whether the log is wanted and was not read since.
    log_wanted: bool,
    /// The moment at which the server was last asked for the log, while that is not answered.
    log_asked: Option<u64>,
    /// Kept messages that need a key.
    locked: BTreeMap<(ChannelId, Epoch), BTreeSet<Seq>>,
    /// Keys that were asked for on this connection.
    wanted: BTreeSet<(GroupId, Epoch)>,
    /// Kept messages whose key came, but that need more of the log, and the moment at which they were tried.
    unjudged: BTreeMap<(ChannelId, Seq), u64>,
    out: Out,
}

impl Chat {
    /// Starts with no channel. [`Input::LogMoved`] tells it the channels to follow.
    #[must_use]
    pub fn new(seed: [u8; 32]) -> Self {
        Self {
            entropy: Entropy::from_seed(seed),
            now: Instant::ZERO,
            online: false,
            channels: BTreeMap::new(),
            resumed: BTreeSet::new(),
            next_fetch: 0,
            fetches: BTreeMap::new(),
            in_flight: BTreeMap::new(),
            arrivals: 0,
            log_wanted: false,
            log_asked: None,
            locked: BTreeMap::new(),
            wanted: BTreeSet::new(),
            unjudged: BTreeMap::new(),
            out: Out::default(),
        }
    }

    /// Puts chat beside the facts for one turn.
    pub fn turn<'a>(&'a mut self, context: &'a dyn Context) -> Turn<'a> {
        Turn {
            chat: self,
            context,
        }
    }

    /// The kept messages of a channel, in their order.
    pub fn messages(&self, channel: ChannelId) -> impl DoubleEndedIterator<Item = &Message> {
        let channel = self.channels.get(&channel);
        channel
            .into_iter()
            .flat_map(|channel| channel.messages.values())
    }

    /// The message of a channel under a number, if it is kept.
    #[must_use]
    pub fn message(&self, channel: ChannelId, seq: Seq) -> Option<&Message> {
        self.channels.get(&channel)?.messages.get(&seq)
    }

    /// One's own messages of a channel that do not stand in their place yet, in the order in which they were written.
    pub fn drafts(&self, channel: ChannelId) -> impl DoubleEndedIterator<Item = &Draft> {
        let channel = self.channels.get(&channel);
        channel
            .into_iter()
            .flat_map(|channel| channel.outbox.entries.values())
            .map(|entry| &entry.draft)
    }

    /// How many messages of others the user has not read. It takes time in their number.
    #[must_use]
    pub fn unread(&self, channel: ChannelId, me: UserId) -> u64 {
        let Some(channel) = self.channels.get(&channel) else {
            return 0;
        };
        let unread = channel.messages.range(channel.read.next()..);
        let counted = unread.filter(|(_, message)| {
            message.user != Some(me) && !matches!(message.body, Body::Refused(_))
        });
        u64::try_from(counted.count()).unwrap_or(u64::MAX)
    }

    /// The newest message that is marked as read; zero for none.
    #[must_use]
    pub fn read_mark(&self, channel: ChannelId) -> Seq {
        self.channels
            .get(&channel)
            .map_or(Seq(0), |channel| channel.read)
    }

    /// The newest number of a channel that is processed; zero before there is one.
    #[must_use]
    pub fn last_seq(&self, channel: ChannelId) -> Seq {
        self.channels
            .get(&channel)
            .map_or(Seq(0), Channel::last_seq)
    }

    /// Whether all of a channel that the server named so far stands in its place here.
    #[must_use]
    pub fn is_caught_up(&self, channel: ChannelId) -> bool {
        let channel = self.channels.get(&channel);
        channel.is_some_and(|channel| channel.broken || channel.is_caught_up())
    }

    /// Whether sending to a channel waits for the user to decide about a fork.
    #[must_use]
    pub fn forked(&self, channel: ChannelId) -> bool {
        self.channels.get(&channel).is_some_and(Channel::forked)
    }

    /// Whether no message of one's own waits for its ack.
    #[must_use]
    pub fn is_settled(&self) -> bool {
        let mut drafts = self
            .channels
            .values()
            .flat_map(|c| c.outbox.entries.values());
        drafts.all(|entry| entry.draft.delivery != Delivery::Sending)
    }

    /// What the hello of a connection that begins resumes: the newest processed number of each channel that is
    /// followed, or of as many as fit into a frame. The others are looked after one by one.
    #[must_use]
    pub fn resume(&mut self) -> BTreeMap<ChannelId, Seq> {
        let followed = self.channels.values().filter(|channel| channel.followed);
        let resume: BTreeMap<_, _> = followed
            .filter_map(|channel| Some((channel.id, channel.end()?.seq)))
            .take(MAX_RESUMED_CHANNELS)
            .collect();
        self.resumed = resume.keys().copied().collect();
        resume
    }

    /// Marks a channel as read up to a message that is processed. A mark never goes back.
    pub fn mark_read(&mut self, channel: ChannelId, seq: Seq, now: Instant) {
        self.pass(now);
        let Some(channel) = self.channels.get_mut(&channel) else {
            return;
        };
        let read = seq.min(channel.last_seq());
        if read > channel.read {
            channel.read = read;
            self.out.persist(records::put_channel(channel));
            let channel = channel.id;
            self.out.event(Event::Unread { channel });
            self.out.flush();
        }
    }

    fn channel(&mut self, id: ChannelId) -> &mut Channel {
        self.channels.entry(id).or_insert_with(|| Channel::new(id))
    }

    /// Names the moment at which something comes.
    fn stamp(&mut self) -> u64 {
        self.arrivals = self.arrivals.saturating_add(1);
        self.arrivals
    }

    fn pass(&mut self, now: Instant) {
        self.now = self.now.max(now);
    }

    fn deadline(&self) -> Option<Instant> {
        if !self.out.is_empty() {
            return Some(self.now);
        }
        if !self.online {
            return None;
        }
        self.channels.values().filter_map(Channel::due).min()
    }
}

impl fmt::Debug for Chat {
    /// Without what is said in the channels.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Chat")
            .field("channels", &self.channels.len())
            .field("online", &self.online)
            .finish_non_exhaustive()
    }
}

/// Chat beside the facts that it judges by: the machine. A turn lasts for one call or for many; between two turns the
/// facts may change, which [`Input::LogMoved`] and [`Input::KeyArrived`] tell.
pub struct Turn<'a> {
    chat: &'a mut Chat,
    context: &'a dyn Context,
}

impl fmt::Debug for Turn<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.chat.fmt(f)
    }
}

impl Machine for Turn<'_> {
    type Input<'a> = Input<'a>;
    type Output = Output;
    type Error = InputError;

    fn handle_input(&mut self, input: Input<'_>, now: Instant) -> Result<(), InputError> {
        if let Input::Page { id, .. } = &input
            && !self.chat.fetches.contains_key(id)
        {
            return Err(InputError::UnknownFetch(*id));
        }
        self.chat.pass(now);
        match input {
            Input::Online => self.go_online(),
            Input::Offline => self.go_offline(),
            Input::Message { channel, message } => self.receive(channel, message),
            Input::Ack {
                channel,
                client_id,
                seq,
                message_id,
            } => self.take_ack(channel, client_id, seq, message_id),
            Input::Refused { client_id, reason } => self.take_refusal(client_id, reason),
            Input::Lagged { channels } => self.take_lag(channels),
            Input::Page { id, page } => self.take_page(id, page),
            Input::LogMoved => self.follow(),
            Input::LogAsked => self.chat.log_asked = Some(self.chat.arrivals),
            Input::LogRead => self.take_log_read(),
            Input::KeyArrived { group, epoch } => self.take_key(group, epoch),
        }
        self.chat.out.flush();
        Ok(())
    }

    fn handle_timeout(&mut self, now: Instant) {
        self.chat.pass(now);
        self.wake();
        self.chat.out.flush();
    }

    fn poll_output(&mut self) -> Option<Output> {
        self.chat.out.pop()
    }

    fn poll_timeout(&self) -> Option<Instant> {
        self.chat.deadline()
    }
}
