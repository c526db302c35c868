//! What keys and news change in the chat.

use std::collections::BTreeMap;

use dialtone_protocol::client::ConnectionState;
use dialtone_protocol::ids::{ChannelId, UserId};
use dialtone_protocol::limits::MAX_TEXT_BYTES;

use super::command::{Draft, parse};
use super::layout::draft_columns;
use super::overlay::Overlay;
use super::thread::{Position, Thread};
use super::{Chat, lookup};
use crate::tui::editor::{Edit, Editor};
use crate::tui::msg::{ChatMsg, Effect, Scroll};
use crate::tui::port::{Request, Update};
use crate::tui::snapshot::{Channel, Member};
use crate::tui::theme::{Role, Theme};

impl Chat {
    /// Takes in a key.
    pub fn handle_key(&mut self, key: ChatMsg) -> Vec<Effect> {
        match key {
            ChatMsg::CopyLink => return self.copy_link(),
            ChatMsg::Dismiss => self.notice = None,
            ChatMsg::Edit(edit) => self.edit(&edit),
            ChatMsg::MarkNext => self.mark(true),
            ChatMsg::MarkPrevious => self.mark(false),
            ChatMsg::Scroll(scroll) => self.scroll(scroll),
            ChatMsg::Submit => return self.submit(),
            ChatMsg::ToggleSidebar => {
                self.sidebar = Some(self.areas().sidebar.width == 0);
            }
        }
        self.catch_up()
    }

    /// Takes in news of the account.
    pub fn handle_account(&mut self, update: Update) -> Vec<Effect> {
        match update {
            Update::Profile(profile) | Update::Entered(profile) => self.profile = profile,
            Update::Connection(state) => self.set_connection(state),
            Update::Channels(channels) => return self.set_channels(channels),
            Update::Members(members) => self.set_members(members),
            Update::Invites(invites) => self.invites = invites,
            Update::Messages {
                channel,
                from,
                messages,
            } => {
                let me = self.profile.user;
                if let Some(thread) = self.threads.get_mut(&channel) {
                    thread.replace_from(from, &messages, me);
                }
            }
            Update::HistoryStart(channel) => {
                if let Some(thread) = self.threads.get_mut(&channel) {
                    thread.complete = true;
                    thread.loading = false;
                }
            }
            Update::SendRefused {
                channel,
                text,
                reason,
            } => self.give_back(channel, &text, reason),
            Update::Invite(link) => {
                self.thread_mut().add_note(
                    format!("an invite for one person:\n{link}"),
                    Role::Highlight,
                );
                self.link = Some(link.clone());
                self.notice = None;
                self.overlay = Some(Overlay::Invite { link });
            }
            Update::Created(channel) => return self.open(channel),
            Update::Done(text) => self.notify(text, Role::Faint),
            Update::Note(text) => self.thread_mut().add_note(text, Role::Faint),
            Update::Voice(voice) => {
                self.voice = *voice;
                self.follow_test();
            }
            Update::NotHeard { user, reason } => {
                let who = self.user_label(user);
                self.complain_in_full(format!("{who} is not heard: {reason}"));
            }
            Update::Problem(text) => self.complain_in_full(text),
            Update::Trouble(text) => {
                self.complain(text);
                self.notice
                    .iter_mut()
                    .for_each(|notice| notice.of_link = true);
            }
            Update::Accounts(_)
            | Update::Progress(_)
            | Update::EntryRefused(_)
            | Update::ConsentNeeded(_)
            | Update::Closed => {}
        }
        self.catch_up()
    }

    /// Takes in the members. Names that became known stand beside what was said before, too.
    fn set_members(&mut self, members: Vec<Member>) {
        let names = |members: &[Member]| -> BTreeMap<UserId, Option<String>> {
            let named = members.iter().map(|it| (it.user, it.name.clone()));
            named.collect()
        };
        let new = names(&members);
        if names(&self.members) != new {
            for thread in self.threads.values_mut() {
                thread.rename(|sender| new.get(sender).cloned().flatten());
            }
        }
        self.members = members;
    }

    /// A second passed.
    pub fn handle_tick(&mut self) {
        if let Some(notice) = &mut self.notice {
            notice.left = notice.left.saturating_sub(1);
            if notice.left == 0 {
                self.notice = None;
            }
        }
    }

    /// The screen has another size.
    pub fn resize(&mut self, columns: u16, rows: u16) -> Vec<Effect> {
        (self.columns, self.rows) = (columns, rows);
        self.catch_up()
    }

    /// Goes to a channel.
    pub(super) fn open(&mut self, channel: ChannelId) -> Vec<Effect> {
        self.active = Some(channel);
        self.marked = Some(channel);
        let unread = self.channel().map_or(0, |channel| channel.unread);
        let me = self.profile.user;
        match self.threads.get_mut(&channel) {
            Some(thread) => {
                thread.reopen(unread, me);
                self.catch_up()
            }
            None => {
                self.threads.insert(channel, Thread::new(unread));
                vec![Effect::Ask(Request::Open(channel))]
            }
        }
    }

    fn edit(&mut self, edit: &Edit) {
        if *edit == Edit::End && self.draft().is_none_or(Editor::is_empty) {
            self.thread_mut().position = Position::Bottom;
            return;
        }
        let columns = draft_columns(self.columns);
        if self.draft_mut().apply(edit, columns).is_err() {
            self.complain("that is too much to paste: nothing was put in");
        }
    }

    fn submit(&mut self) -> Vec<Effect> {
        let draft = self.draft().map_or("", Editor::text);
        if draft.trim().is_empty() {
            return match self.marked {
                Some(marked) if Some(marked) != self.active => self.open(marked),
                _ => Vec::new(),
            };
        }
        let parsed = match parse(draft) {
            Ok(Draft::Command(command)) => {
                let run = self.run_command(command);
                return run.unwrap_or_else(|reason| {
                    self.complain(reason);
                    Vec::new()
                });
            }
            Ok(Draft::Text(text)) => self.check_send(&text).map(|channel| (channel, text)),
            Err(error) => Err(error.to_string()),
        };
        match parsed {
            Ok((channel, text)) => {
                self.draft_mut().take();
                self.notice = None;
                self.thread_mut().position = Position::Bottom;
                vec![Effect::Ask(Request::Send { channel, text })]
            }
            Err(reason) => {
                self.complain(reason);
                Vec::new()
            }
        }
    }

    /// The channel that a text goes to, or why it stays here.
    fn check_send(&self, text: &str) -> Result<ChannelId, String> {
        let Some(channel) = self.channel() else {
            let what = match (self.channels.is_empty(), self.profile.admin) {
                (true, true) => "there is no channel yet: /channel create NAME",
                (true, false) => "there is no channel yet: an admin makes the first",
                (false, _) => {
                    "no channel is open: ctrl+up or ctrl+down, then enter on an empty line"
                }
            };
            return Err(what.to_owned());
        };
        if text.len() > MAX_TEXT_BYTES {
            return Err(format!(
                "too long: {} of {MAX_TEXT_BYTES} bytes; send it in parts",
                text.len()
            ));
        }
        if channel.original {
            return Err(
                "nothing in this channel can be verified, so nothing is sent to it".to_owned(),
            );
        }
        if !channel.can_send {
            return Err("you cannot write here yet".to_owned());
        }
        Ok(channel.id)
    }

    /// Puts a text that was not taken back where it was written, before what was written since.
    fn give_back(&mut self, channel: ChannelId, text: &str, reason: String) {
        let draft = self.drafts.entry(Some(channel)).or_default();
        let since = draft.take();
        *draft = match since.is_empty() {
            true => Editor::new(text),
            false => Editor::new(format!("{text}\n{since}")),
        };
        self.complain(reason);
    }

    fn mark(&mut self, down: bool) {
        if self.areas().sidebar.width == 0 || self.draft().is_some_and(|draft| !draft.is_empty()) {
            return;
        }
        let marked = self.marked.or(self.active);
        let at = self
            .channels
            .iter()
            .position(|channel| Some(channel.id) == marked);
        let last = self.channels.len().saturating_sub(1);
        let next = match at {
            Some(at) if down => (at + 1).min(last),
            Some(at) => at.saturating_sub(1),
            None if down => 0,
            None => last,
        };
        self.marked = self.channels.get(next).map(|channel| channel.id);
    }

    fn scroll(&mut self, scroll: Scroll) {
        let (rows, height) = self.layout(Theme::PLAIN);
        // Two rows stay in view, so that the eye finds its place.
        let page = height.saturating_sub(2).max(1);
        let position = match scroll {
            Scroll::PageUp => rows.up(page, height),
            Scroll::PageDown => rows.down(page),
            Scroll::Bottom => Position::Bottom,
        };
        let thread = self.thread_mut();
        if position == Position::Bottom || thread.position == Position::Bottom {
            thread.seen = thread.last_seq();
        }
        thread.position = position;
    }

    /// Asks for what the view needs now, and says what it has shown.
    fn catch_up(&mut self) -> Vec<Effect> {
        let Some(active) = self.active else {
            return Vec::new();
        };
        let mut effects = Vec::new();
        let (rows, height) = self.layout(Theme::PLAIN);
        let wants_older = rows.is_near_top(height, height);
        let is_online = self.connection == ConnectionState::Online;
        let Some(thread) = self.threads.get_mut(&active) else {
            return Vec::new();
        };
        let last = thread.last_seq();
        if wants_older && is_online && thread.told && !thread.loading && !thread.complete {
            thread.loading = true;
            effects.push(Effect::Ask(Request::LoadOlder(active)));
        }
        if thread.position == Position::Bottom
            && let Some(seq) = last
            && thread.read < Some(seq)
        {
            thread.read = Some(seq);
            thread.seen = Some(seq);
            effects.push(Effect::Ask(Request::MarkRead {
                channel: active,
                seq,
            }));
        }
        effects
    }

    fn set_connection(&mut self, state: ConnectionState) {
        self.connection = state;
        if state == ConnectionState::Online {
            self.notice.take_if(|notice| notice.of_link);
        }
        if state != ConnectionState::Online {
            // An answer that was lost with the connection must not keep the thread waiting.
            for thread in self.threads.values_mut() {
                thread.loading = false;
            }
        }
    }

    fn set_channels(&mut self, mut channels: Vec<Channel>) -> Vec<Effect> {
        channels.sort_by(|a, b| {
            let order =
                |channel: &Channel| (channel.name.is_none(), channel.label().to_lowercase());
            order(a).cmp(&order(b)).then(a.id.cmp(&b.id))
        });
        self.channels = channels;
        let is_gone = |id: ChannelId| lookup::channel(&self.channels, id).is_none();
        if self.marked.is_some_and(is_gone) {
            self.marked = None;
        }
        if self.active.is_some_and(is_gone) {
            self.move_draft_to_lobby();
            self.complain("the channel was deleted");
        }
        // At the start a channel opens by itself: an empty screen helps nobody.
        let first = self.channels.iter().find(|channel| !channel.original);
        match first.map(|channel| channel.id) {
            Some(first) if self.threads.is_empty() => {
                let draft = self.drafts.remove(&None);
                let effects = self.open(first);
                self.drafts.extend(draft.map(|draft| (Some(first), draft)));
                effects
            }
            _ => self.catch_up(),
        }
    }

    fn move_draft_to_lobby(&mut self) {
        let draft = self.drafts.remove(&self.active);
        self.active = None;
        if let Some(draft) = draft {
            self.drafts.insert(None, draft);
        }
    }

    fn copy_link(&mut self) -> Vec<Effect> {
        match self.link.clone() {
            Some(link) => {
                self.notify(
                    "the invite link is on the clipboard, if the terminal allows it",
                    Role::Faint,
                );
                vec![Effect::Copy(link)]
            }
            None => {
                self.complain("no invite was made yet: /server invite");
                Vec::new()
            }
        }
    }
}
