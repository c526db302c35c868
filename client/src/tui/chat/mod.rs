//! The chat: what it knows, and what every key and every piece of news changes.

mod command;
mod commands;
pub(super) mod layout;
mod lookup;
mod microphone;
pub(super) mod overlay;
mod overlays;
mod rows;
#[cfg(test)]
mod tests;
mod thread;
mod update;
pub(super) mod view;
mod voice;

use std::collections::BTreeMap;

use dialtone_protocol::client::{ConnectionState, Standing};
use dialtone_protocol::ids::ChannelId;

use super::editor::Editor;
use super::snapshot::{Channel, Invite, Member, Profile};
use super::text::{Clock, width};
use super::theme::{Role, Theme};
use super::voice::Voice;
use layout::{Areas, draft_columns};
use overlay::Overlay;
use rows::Rows;
use thread::Thread;

/// Seconds after which a note at the bottom goes away by itself.
const NOTICE_SECONDS: u8 = 12;

/// So many different things that go wrong are kept in mind.
const SAID: usize = 8;

/// What the chat shows.
#[derive(Debug)]
pub struct Chat {
    profile: Profile,
    connection: ConnectionState,
    /// By name, then by id.
    channels: Vec<Channel>,
    members: Vec<Member>,
    invites: Vec<Invite>,
    threads: BTreeMap<ChannelId, Thread>,
    /// What is shown while no channel is open.
    lobby: Thread,
    active: Option<ChannelId>,
    /// The channel that ctrl+up and ctrl+down moved to.
    marked: Option<ChannelId>,
    drafts: BTreeMap<Option<ChannelId>, Editor>,
    notice: Option<Notice>,
    overlay: Option<Overlay>,
    /// Whether the user wants the sidebar; nothing while the width decides.
    sidebar: Option<bool>,
    /// What was said in full last: what goes on being wrong does not fill the channel.
    said: Vec<String>,
    /// How voice stands.
    voice: Voice,
    /// The newest invite link of this run.
    link: Option<String>,
    columns: u16,
    rows: u16,
    clock: Clock,
}

/// Something said at the bottom for a while.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Notice {
    text: String,
    role: Role,
    /// Seconds until it goes.
    left: u8,
    /// Whether it is over once the connection stands.
    of_link: bool,
}

impl Chat {
    /// The chat of an account on a screen of this size.
    #[must_use]
    pub fn new(profile: Profile, columns: u16, rows: u16, clock: Clock) -> Self {
        Self {
            profile,
            connection: ConnectionState::Offline,
            channels: Vec::new(),
            members: Vec::new(),
            invites: Vec::new(),
            threads: BTreeMap::new(),
            lobby: Thread::default(),
            active: None,
            marked: None,
            drafts: BTreeMap::new(),
            notice: None,
            overlay: None,
            sidebar: None,
            said: Vec::new(),
            voice: Voice::default(),
            link: None,
            columns,
            rows,
            clock,
        }
    }

    /// What covers the messages.
    #[must_use]
    pub(crate) const fn overlay(&self) -> Option<&Overlay> {
        self.overlay.as_ref()
    }

    /// Says something at the bottom, for a while.
    pub fn notify(&mut self, text: impl Into<String>, role: Role) {
        self.notice = Some(Notice {
            text: text.into(),
            role,
            left: NOTICE_SECONDS,
            of_link: false,
        });
    }

    fn complain(&mut self, text: impl Into<String>) {
        self.notify(text, Role::Error);
    }

    /// Says what went wrong. What does not fit into the last row stands among the messages too: what to do next comes
    /// at the end.
    fn complain_in_full(&mut self, text: String) {
        let is_long = width(&text) + 3 > usize::from(self.columns);
        if is_long && !self.said.contains(&text) {
            self.said.truncate(SAID - 1);
            self.said.insert(0, text.clone());
            self.thread_mut().add_note(text.clone(), Role::Error);
        }
        self.complain(text);
    }

    fn thread(&self) -> &Thread {
        self.active
            .and_then(|active| self.threads.get(&active))
            .unwrap_or(&self.lobby)
    }

    fn thread_mut(&mut self) -> &mut Thread {
        self.active
            .and_then(|active| self.threads.get_mut(&active))
            .unwrap_or(&mut self.lobby)
    }

    fn channel(&self) -> Option<&Channel> {
        lookup::channel(&self.channels, self.active?)
    }

    fn draft(&self) -> Option<&Editor> {
        self.drafts.get(&self.active)
    }

    fn draft_mut(&mut self) -> &mut Editor {
        self.drafts.entry(self.active).or_default()
    }

    fn areas(&self) -> Areas {
        let columns = draft_columns(self.columns);
        let rows = self.draft().map_or(1, |draft| draft.rows(columns).0.len());
        Areas::new(self.columns, self.rows, rows, self.sidebar)
    }

    fn layout(&self, theme: Theme) -> (Rows<'_>, usize) {
        let area = self.areas().thread;
        let rows = Rows {
            thread: self.thread(),
            me: self.profile.user,
            clock: &self.clock,
            theme,
            columns: usize::from(area.width),
        };
        let banner = self.banner_rows();
        (rows, usize::from(area.height).saturating_sub(banner))
    }

    /// Rows above the messages that say what the account waits for.
    const fn banner_rows(&self) -> usize {
        match self.profile.standing {
            Standing::Member => 0,
            _ => 2,
        }
    }
}
