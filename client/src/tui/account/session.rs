//! An open account: the screen's requests go in, and what happens comes out as few updates as it can.

use std::collections::{BTreeMap, BTreeSet};
use std::pin::pin;
use std::sync::Arc;

use async_channel::{Receiver, Sender};
use dialtone_protocol::client::{Client, ConnectionState, Event, IntentError, IntentName};
use dialtone_protocol::ids::{ChannelId, EntryHash, Seq};
use dialtone_protocol::runtime::Runtime;
use dialtone_protocol::time::Instant;
use futures_util::future::{Either, select};

use super::voice::Line;
use crate::account::{Account, Report, SETTLE_WITHIN};
use crate::tui::port::{Request, Update};
use crate::tui::snapshot::{Channel, Invite, Member, Message, Profile};
use crate::tui::text::sanitize_line;

/// Reports taken together: a burst of messages becomes one update of the screen.
const AT_ONCE: usize = 512;

/// Past the number of every message: from there on only those stand that have none.
const UNNUMBERED: Seq = Seq(u64::MAX);

/// Runs an account until the screen closes it or is gone, or until the account ends.
pub(super) async fn run<R: Runtime>(
    account: Account<R>,
    mut line: Line<R>,
    requests: &Receiver<Request>,
    updates: &Sender<Update>,
) {
    let mut session = Session {
        updates,
        opened: BTreeSet::new(),
        revoking: BTreeSet::new(),
        trouble: None,
    };
    session.tell_changes(&account, Changes::all()).await;
    loop {
        let happened = {
            let request = pin!(requests.recv());
            let report = pin!(account.reports().recv());
            let news = pin!(line.news());
            match select(select(request, report), news).await {
                Either::Left((first, _)) => Ok(match first {
                    Either::Left((request, _)) => Either::Left(request),
                    Either::Right((report, _)) => Either::Right(report),
                }),
                Either::Right((news, _)) => Err(news),
            }
        };
        match happened {
            Err(news) => {
                let more = std::iter::from_fn(|| line.more_news());
                let all: Vec<_> = std::iter::once(news).chain(more.take(AT_ONCE)).collect();
                for news in all {
                    for update in line.take(news) {
                        session.tell(update);
                    }
                }
                session.tell(line.update());
            }
            Ok(Either::Left(Ok(Request::Close) | Err(_))) => break,
            Ok(Either::Left(Ok(Request::Voice(ask)))) => {
                if let Err(why) = line.ask(&account, ask).await {
                    session.problem(&why);
                }
                session.tell(line.update());
            }
            Ok(Either::Left(Ok(request))) => session.answer(&account, request).await,
            Ok(Either::Right(Ok(report))) => {
                let mut changes = Changes::default();
                let more = std::iter::from_fn(|| account.reports().try_recv().ok());
                for report in std::iter::once(report).chain(more.take(AT_ONCE)) {
                    if let Report::Event(Event::VoiceRevoked { room, user, device }) = report {
                        line.revoke(room, user, device);
                        continue;
                    }
                    session.take_in(report, &mut changes);
                }
                if std::mem::take(&mut changes.rooms) {
                    line.read_rooms(&account).await;
                    session.tell(line.update());
                }
                session.tell_changes(&account, changes).await;
            }
            Ok(Either::Right(Err(_))) => {
                session.problem("the account ended: start dialtone again");
                while !matches!(requests.recv().await, Ok(Request::Close) | Err(_)) {}
                return;
            }
        }
    }
    line.close().await;
    account.close(SETTLE_WITHIN).await;
}

/// What the screen has to be told anew.
#[derive(Default)]
struct Changes {
    profile: bool,
    channels: bool,
    members: bool,
    rooms: bool,
    /// From which number on.
    messages: BTreeMap<ChannelId, Seq>,
}

impl Changes {
    fn all() -> Self {
        Self {
            profile: true,
            channels: true,
            members: true,
            rooms: true,
            messages: BTreeMap::new(),
        }
    }
}

struct Session<'a> {
    updates: &'a Sender<Update>,
    /// Channels whose messages the screen follows.
    opened: BTreeSet<ChannelId>,
    /// The invites that the user ended: the engine ends by itself what expired, and nothing is said of that.
    revoking: BTreeSet<EntryHash>,
    /// What was said last of the way to the server: the same is not said again.
    trouble: Option<String>,
}

impl Session<'_> {
    fn take_in(&mut self, report: Report, changes: &mut Changes) {
        match report {
            Report::Event(event) => self.take_in_event(event, changes),
            Report::Trouble(error) => {
                let text = error.to_string();
                if self.trouble.as_ref() != Some(&text) {
                    self.tell(Update::Trouble(sanitize_line(&text)));
                    self.trouble = Some(text);
                }
            }
            Report::Failed(error) => {
                self.problem(&format!("nothing can be kept any more: {error}"))
            }
        }
    }

    fn take_in_event(&mut self, event: Event, changes: &mut Changes) {
        match event {
            Event::StateChanged(state) => {
                if state == ConnectionState::Online {
                    self.trouble = None;
                }
                changes.profile = true;
                self.tell(Update::Connection(state));
            }
            Event::StandingChanged | Event::Joined => {
                *changes = Changes {
                    messages: std::mem::take(&mut changes.messages),
                    ..Changes::all()
                }
            }
            Event::ChannelsChanged => changes.channels = true,
            Event::MembersChanged => (changes.members, changes.profile) = (true, true),
            Event::VoiceRoomsChanged => changes.rooms = true,
            Event::Messages { channel, from } => {
                let lowest = changes.messages.entry(channel).or_insert(from);
                *lowest = from.min(*lowest);
            }
            Event::SendFailed { reason, .. } => {
                self.problem(&format!("a message was not sent: {reason}"))
            }
            Event::InviteReady { link, .. } => self.tell(Update::Invite(link)),
            Event::IntentDone { intent } => self.done(intent),
            Event::IntentRefused { intent, reason } if self.is_wish(intent) => {
                self.problem(&format!("not done: {reason}"))
            }
            Event::Warning(warning) => self.problem(&warning.to_string()),
            Event::HistoryStart { channel } => self.tell(Update::HistoryStart(channel)),
            _ => {}
        }
    }

    /// Whether the user asked for it. The rest the engine does by itself, and tries again.
    fn is_wish(&self, intent: IntentName) -> bool {
        match intent {
            IntentName::Rotate(_) | IntentName::SetName(_) => false,
            IntentName::RevokeInvite(invite) => self.revoking.contains(&invite),
            _ => true,
        }
    }

    fn done(&self, intent: IntentName) {
        let text = match intent {
            IntentName::CreateChannel(channel) => return self.tell(Update::Created(channel)),
            IntentName::RenameChannel(_) => "the channel has its new name",
            IntentName::DeleteChannel(_) => "the channel is deleted",
            IntentName::AddToChannel(..) => "the member is in the channel now",
            IntentName::RevokeInvite(id) if self.revoking.contains(&id) => "the invite is ended",
            IntentName::Vouch(_) => "the newcomer is a member now",
            _ => return,
        };
        self.tell(Update::Done(text.to_owned()));
    }

    async fn answer<R: Runtime>(&mut self, account: &Account<R>, request: Request) {
        match request {
            Request::Open(channel) => {
                self.opened.insert(channel);
                let mut changes = Changes::default();
                changes.messages.insert(channel, Seq(0));
                self.tell_changes(account, changes).await;
            }
            Request::Send { channel, text } => self.send(account, channel, text).await,
            Request::CreateChannel {
                name,
                access,
                history,
            } => {
                let create = move |client: &mut Client, now| {
                    client.create_channel(&name, access, history, now).map(drop)
                };
                self.wish(account, create).await;
            }
            Request::RenameChannel { channel, name } => {
                let rename =
                    move |client: &mut Client, now| client.rename_channel(channel, &name, now);
                self.wish(account, rename).await;
            }
            Request::DeleteChannel(channel) => {
                self.wish(account, move |client, now| {
                    client.delete_channel(channel, now)
                })
                .await;
            }
            Request::AddToChannel { channel, user } => {
                self.wish(account, move |client, now| {
                    client.add_to_channel(channel, user, now)
                })
                .await;
            }
            Request::CreateInvite => {
                self.wish(account, |client, now| client.create_invite(now).map(drop))
                    .await;
            }
            Request::RevokeInvite(invite) => {
                self.revoking.insert(invite);
                self.wish(account, move |client, now| {
                    client.revoke_invite(invite, now)
                })
                .await;
            }
            Request::Vouch(user) => {
                self.wish(account, move |client, now| client.vouch(user, now))
                    .await;
            }
            Request::MarkRead { channel, seq } => {
                account
                    .with(move |client, now| client.mark_read(channel, seq, now))
                    .await;
            }
            Request::LoadOlder(channel) => {
                account
                    .with(move |client, now| client.load_older(channel, now))
                    .await;
            }
            // The first screen is over, and a close ends the loop.
            Request::Unlock { .. }
            | Request::Join { .. }
            | Request::Abandon
            | Request::Voice(_)
            | Request::Close => {}
        }
    }

    async fn send<R: Runtime>(&self, account: &Account<R>, channel: ChannelId, text: String) {
        let sent = account.with(move |client, now| {
            match client.send_message(channel, &text, now) {
                // It stands on the screen at once, as one that waits for its number.
                Ok(_) => Update::Messages {
                    channel,
                    from: UNNUMBERED,
                    messages: messages(client, channel, UNNUMBERED),
                },
                Err(error) => Update::SendRefused {
                    channel,
                    text,
                    reason: error.to_string(),
                },
            }
        });
        if let Some(update) = sent.await {
            self.tell(update);
        }
    }

    async fn wish<R: Runtime>(
        &self,
        account: &Account<R>,
        wish: impl FnOnce(&mut Client, Instant) -> Result<(), IntentError> + Send + 'static,
    ) {
        if let Some(Err(error)) = account.with(wish).await {
            self.problem(&error.to_string());
        }
    }

    /// Reads from the engine what changed, all of it between two of its turns.
    async fn tell_changes<R: Runtime>(&self, account: &Account<R>, mut changes: Changes) {
        changes
            .messages
            .retain(|channel, _| self.opened.contains(channel));
        let read = move |client: &mut Client, _| {
            let mut updates = Vec::new();
            if changes.profile {
                updates.push(Update::Profile(Profile::from(&client.me())));
                updates.push(Update::Connection(client.state()));
            }
            if changes.members {
                let members = client.members();
                updates.push(Update::Members(members.iter().map(Member::from).collect()));
                let invites = client.invites();
                updates.push(Update::Invites(invites.iter().map(Invite::from).collect()));
            }
            if changes.channels {
                let channels = client.channels();
                updates.push(Update::Channels(
                    channels.iter().map(Channel::from).collect(),
                ));
            }
            for (channel, from) in changes.messages {
                updates.push(Update::Messages {
                    channel,
                    from,
                    messages: messages(client, channel, from),
                });
            }
            updates
        };
        for update in account.with(read).await.unwrap_or_default() {
            self.tell(update);
        }
    }

    fn problem(&self, text: &str) {
        self.tell(Update::Problem(sanitize_line(text)));
    }

    fn tell(&self, update: Update) {
        // The screen may be gone. The channel is not bounded, so this never waits.
        let _ = self.updates.try_send(update);
    }
}

/// The messages from a number on and those without one. Reading ends at the first one before.
fn messages(client: &Client, channel: ChannelId, from: Seq) -> Arc<[Message]> {
    let newest_first = client
        .messages(channel)
        .rev()
        .take_while(|message| message.seq.is_none_or(|seq| seq >= from));
    let mut messages: Vec<_> = newest_first
        .map(|message| Message::from(&message))
        .collect();
    messages.reverse();
    messages.into()
}
