//! `tail`: prints the messages of a channel in their order, each once, and those that come.

use std::collections::BTreeMap;
use std::time::Duration;

use dialtone_protocol::chat::Locked;
use dialtone_protocol::client::{Body, ChannelView, Client, Event, MessageView};
use dialtone_protocol::ids::{ChannelId, Seq, UserId};
use dialtone_protocol::runtime::Runtime;
use dialtone_protocol::time::Instant;
use serde::Serialize;

use super::session::{self, APPEARS_WITHIN, Session};
use super::{Context, output};
use crate::exit::Failure;
use crate::harmless::harmless;

/// How long a message whose key is missing holds up those after it. Then it is printed as what it is.
const KEY_WITHIN: Duration = Duration::from_secs(60);

/// How many messages are taken from the engine at once: it has other work too.
const BATCH: usize = 500;

/// What is to be printed.
pub(super) struct Wanted {
    pub(super) channel: String,
    pub(super) json: bool,
    pub(super) count: Option<u64>,
    pub(super) from_seq: Option<u64>,
}

/// Prints until as many messages as wanted were printed, or for ever.
pub(super) async fn run<R: Runtime>(context: Context<R>, wanted: Wanted) -> Result<(), Failure> {
    let runtime = context.runtime.clone();
    let mut session = context.session().await?;
    let outcome = print_all(&runtime, &mut session, &wanted).await;
    session.close_with(outcome).await
}

async fn print_all<R: Runtime>(
    runtime: &R,
    session: &mut Session<R>,
    wanted: &Wanted,
) -> Result<(), Failure> {
    if wanted.count == Some(0) {
        return Ok(());
    }
    session.be_patient();
    let Some(channel) = appeared(session, &wanted.channel).await? else {
        return Ok(());
    };
    let mut tail = Tail {
        channel,
        next: wanted.from_seq.map(|seq| Seq(seq.max(1))),
        left: wanted.count,
        locked: None,
        nameless: BTreeMap::new(),
        asked_older: None,
    };
    loop {
        let until = tail.print(runtime, session, wanted.json).await?;
        if tail.left == Some(0) {
            return Ok(());
        }
        let patience = until.map(|until| until - runtime.now());
        match session.next_event(patience).await? {
            Some(Event::HistoryStart { channel }) if channel == tail.channel => {
                tail.begin_here(session).await?;
            }
            Some(Event::HistoryLimit { channel }) if channel == tail.channel => {
                output::note("dialtone: older messages are too many to load; they are left out");
                tail.begin_here(session).await?;
            }
            _ => {}
        }
    }
}

/// Waits, for ever, until there is a channel of that name.
async fn appeared<R: Runtime>(
    session: &mut Session<R>,
    wanted: &str,
) -> Result<Option<ChannelId>, Failure> {
    let name = wanted.to_owned();
    let look = move |client: &Client| session::find(client, &name).map(|channel| channel.id);
    if let Some(found) = session.until(Some(APPEARS_WITHIN), look.clone()).await? {
        return Ok(Some(found));
    }
    output::note(&format!(
        "dialtone: there is no channel called {wanted} yet; waiting for it"
    ));
    session.until(None, look).await
}

/// How far the printing has come.
struct Tail {
    channel: ChannelId,
    /// The number to be printed next; none before it is known where to begin.
    next: Option<Seq>,
    /// How many are still to be printed, if that is bounded.
    left: Option<u64>,
    /// The message whose key is missing, and until when it is waited for.
    locked: Option<(Seq, Instant)>,
    /// The senders whose names are not here, and until when those are waited for: once each.
    nameless: BTreeMap<UserId, Instant>,
    /// The oldest number that was here when older ones were asked for.
    asked_older: Option<Seq>,
}

/// What the engine has for the printing.
struct Look {
    next: Option<Seq>,
    oldest: Option<Seq>,
    lines: Vec<Line>,
}

impl Tail {
    /// Prints what can be printed now. Gives back until when a missing key is waited for.
    async fn print<R: Runtime>(
        &mut self,
        runtime: &R,
        session: &Session<R>,
        json: bool,
    ) -> Result<Option<Instant>, Failure> {
        loop {
            let (channel, next) = (self.channel, self.next);
            let look = session
                .with(move |client, _| Look::at(client, channel, next))
                .await?;
            self.next = look.next;
            let (Some(next), Some(oldest)) = (look.next, look.oldest) else {
                return Ok(None);
            };
            if oldest > next {
                self.ask_older(session, oldest).await?;
                return Ok(None);
            }
            let full = look.lines.len() == BATCH;
            for line in look.lines {
                if line.awaits_key && self.waits_for_key(line.seq, runtime.now()) {
                    return Ok(self.locked.map(|(_, until)| until));
                }
                if let Some(until) = self.waits_for_name(&line, runtime.now()) {
                    return Ok(Some(until));
                }
                line.print(json)?;
                self.next = Some(Seq(line.seq + 1));
                self.left = self.left.map(|left| left - 1);
                if self.left == Some(0) {
                    break;
                }
            }
            self.mark_read(session).await?;
            if !full || self.left == Some(0) {
                return Ok(None);
            }
        }
    }

    /// Takes the oldest message that is here as the first one: there are none before it.
    async fn begin_here<R: Runtime>(&mut self, session: &Session<R>) -> Result<(), Failure> {
        let channel = self.channel;
        let oldest = session
            .with(move |client, _| {
                client
                    .messages(channel)
                    .next()
                    .and_then(|message| message.seq)
            })
            .await?;
        self.next = self.next.max(oldest);
        Ok(())
    }

    async fn ask_older<R: Runtime>(
        &mut self,
        session: &Session<R>,
        oldest: Seq,
    ) -> Result<(), Failure> {
        if self.asked_older == Some(oldest) {
            return Ok(());
        }
        self.asked_older = Some(oldest);
        let channel = self.channel;
        session
            .with(move |client, now| client.load_older(channel, now))
            .await
    }

    async fn mark_read<R: Runtime>(&self, session: &Session<R>) -> Result<(), Failure> {
        let Some(printed) = self.next.map(|next| next.0.saturating_sub(1)) else {
            return Ok(());
        };
        let channel = self.channel;
        session
            .with(move |client, now| client.mark_read(channel, Seq(printed), now))
            .await
    }

    fn waits_for_key(&mut self, seq: u64, now: Instant) -> bool {
        match self.locked {
            Some((locked, until)) if locked == Seq(seq) => now < until,
            _ => {
                self.locked = Some((Seq(seq), now + KEY_WITHIN));
                true
            }
        }
    }

    fn waits_for_name(&mut self, line: &Line, now: Instant) -> Option<Instant> {
        let sender = line.nameless?;
        let until = *self.nameless.entry(sender).or_insert(now + APPEARS_WITHIN);
        (now < until).then_some(until)
    }
}

impl Look {
    fn at(client: &Client, channel: ChannelId, next: Option<Seq>) -> Self {
        let numbered = |message: &MessageView<'_>| message.seq;
        let oldest = client
            .messages(channel)
            .find_map(|message| numbered(&message));
        let next = next.or_else(|| first_unread(client, channel));
        let lines = match next {
            Some(next) if oldest.is_some_and(|oldest| oldest <= next) => {
                lines_from(client, channel, next)
            }
            _ => Vec::new(),
        };
        Self {
            next,
            oldest,
            lines,
        }
    }
}

/// The next messages from a number on, in their order.
fn lines_from(client: &Client, channel: ChannelId, next: Seq) -> Vec<Line> {
    let newest_first = client.messages(channel).rev();
    let numbered = newest_first.filter(|message| message.seq.is_some());
    let wanted = numbered.take_while(|message| message.seq >= Some(next));
    let mut lines: Vec<Line> = wanted.filter_map(|message| Line::new(&message)).collect();
    lines.reverse();
    lines.truncate(BATCH);
    lines
}

/// Where to begin: the first unread message that is here, or the next one to come. None while nothing is here.
fn first_unread(client: &Client, channel: ChannelId) -> Option<Seq> {
    let channels: Vec<ChannelView> = client.channels();
    let view = channels.iter().find(|view| view.id == channel)?;
    let oldest = client.messages(channel).find_map(|message| message.seq)?;
    Some(view.read.next().max(oldest))
}

/// One message, as it is printed.
#[derive(Clone, Debug, Serialize)]
struct Line {
    seq: u64,
    message_id: Option<String>,
    client_id: String,
    sender: Option<String>,
    device: String,
    sender_name: Option<String>,
    body: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    unreadable: Option<String>,
    sent_at: String,
    #[serde(skip)]
    awaits_key: bool,
    /// The sender, where its name is not here.
    #[serde(skip)]
    nameless: Option<UserId>,
}

impl Line {
    fn new(message: &MessageView<'_>) -> Option<Self> {
        let (body, unreadable) = match message.body {
            Body::Text(text) => (Some(text.to_owned()), None),
            Body::Locked(reason) => (None, Some(reason.to_string())),
            Body::Refused(reason) => (None, Some(reason.to_string())),
            _ => (
                None,
                Some("a newer version is needed to read it".to_owned()),
            ),
        };
        Some(Self {
            seq: message.seq?.0,
            message_id: message.message_id.map(|id| id.to_string()),
            client_id: message.client_id.to_string(),
            sender: message.sender.map(|user| user.to_string()),
            device: message.device.to_string(),
            sender_name: message.sender_name.map(str::to_owned),
            body,
            unreadable,
            sent_at: message.sent_at.to_string(),
            nameless: message.sender.filter(|_| message.sender_name.is_none()),
            awaits_key: matches!(message.body, Body::Locked(Locked::NoKey)),
        })
    }

    fn print(&self, json: bool) -> Result<(), Failure> {
        if json {
            return output::object(self);
        }
        let known = self.sender_name.as_ref().or(self.sender.as_ref());
        let sender = known.unwrap_or(&self.device);
        let what = match (&self.body, &self.unreadable) {
            (Some(body), _) => harmless(body),
            (None, Some(reason)) => format!("<{}>", harmless(reason)),
            (None, None) => String::new(),
        };
        output::line(&format!("{}  {}: {what}", self.sent_at, harmless(sender)))
    }
}
