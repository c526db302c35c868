//! The rows above and below the messages that say who, where and how things stand.

use dialtone_protocol::client::{ConnectionState, Standing};
use dialtone_protocol::limits::MAX_TEXT_BYTES;
use tuirealm::ratatui::text::Line;

use crate::tui::chat::Chat;
use crate::tui::chat::commands::channel_marks;
use crate::tui::chat::overlay::Overlay;
use crate::tui::chat::thread::Position;
use crate::tui::picture::{Row, rule};
use crate::tui::snapshot::{Channel, short};
use crate::tui::text::width;
use crate::tui::theme::{Role, Theme};

/// The share of the longest text from which on its length is shown.
const COUNT_FROM: usize = MAX_TEXT_BYTES / 5 * 4;

impl Chat {
    pub(super) fn header(&self, theme: Theme) -> Vec<Line<'static>> {
        let columns = usize::from(self.columns);
        let (state, role) = connection(self.connection);
        let room = columns.saturating_sub(width(state) + 3);
        let user = self
            .profile
            .user
            .map_or_else(String::new, |user| short(&user));
        let channel = self.channel().map_or_else(
            || "no channel".to_owned(),
            |channel| match channel_marks(channel).collect::<Vec<_>>() {
                marks if marks.is_empty() => format!("#{}", channel.label()),
                marks => format!("#{} ({})", channel.label(), marks.join(", ")),
            },
        );
        let mut left = Row::new(theme, room)
            .then(" dialtone", Role::Brand)
            .then("  ", Role::Plain)
            .then(&self.profile.username, Role::Strong);
        // On a narrow screen the channel matters more than digits.
        if columns >= 60 {
            left = left.then("  ", Role::Plain).then(&user, Role::Faint);
        }
        let mut left = left.then("  ", Role::Plain).then(&channel, Role::Plain);
        if let Some((voice, role)) = self.voice_label() {
            left = left.then("  ", Role::Plain).then(&voice, role);
        }
        let left = left.line();
        let used = left
            .spans
            .iter()
            .map(|span| width(&span.content))
            .sum::<usize>();
        let mut spans = left.spans;
        let right = Row::new(theme, columns.saturating_sub(used + 1)).right(state, role);
        spans.extend(right.line().spans);
        vec![Line::from(spans), rule(theme, columns)]
    }

    /// What an account that is no member sees above the messages.
    pub(super) fn banner(&self, columns: usize, theme: Theme) -> Vec<Line<'static>> {
        let (first, second) = match self.profile.standing {
            Standing::Member => return Vec::new(),
            Standing::Founding => ("The community is being founded.", None),
            Standing::Joining => ("You are joining the community.", None),
            Standing::Pending => (
                "Tell an admin this number to be let in:",
                self.profile.safety_number.as_deref(),
            ),
            _ => (
                "You were removed from this community.",
                Some("What you have read stays here."),
            ),
        };
        vec![
            Row::new(theme, columns).then(first, Role::Caution).line(),
            Row::new(theme, columns)
                .then(second.unwrap_or_default(), Role::Highlight)
                .line(),
        ]
    }

    /// The rule above the draft, with what lies below the view.
    pub(super) fn rule(&self, theme: Theme) -> Vec<Line<'static>> {
        let columns = usize::from(self.columns);
        let thread = self.thread();
        let (text, role) = match (thread.position, thread.new_below()) {
            (Position::Bottom, _) => return vec![rule(theme, columns)],
            (_, 0) => (" ctrl+end: back to the newest ".to_owned(), Role::Faint),
            (_, new) => (format!(" {new} new below: ctrl+end "), Role::Highlight),
        };
        let row = Row::new(theme, columns)
            .then("───", Role::Rule)
            .then(&text, role)
            .then(&"─".repeat(columns), Role::Rule);
        let mut line = row.line();
        // The rule runs to the edge and is cut there, not shortened with an ellipsis.
        if let Some(last) = line.spans.last_mut() {
            last.content = last.content.replace('…', "─").into();
        }
        vec![line]
    }

    /// The last row: what went wrong, or what can be done.
    pub(super) fn status(&self, theme: Theme) -> Vec<Line<'static>> {
        let columns = usize::from(self.columns);
        let length = self.draft().map_or(0, |draft| draft.text().len());
        let (count, count_role) = match length {
            0..COUNT_FROM => (String::new(), Role::Faint),
            COUNT_FROM..=MAX_TEXT_BYTES => (format!("{length}/{MAX_TEXT_BYTES}"), Role::Caution),
            _ => (format!("{length}/{MAX_TEXT_BYTES}"), Role::Error),
        };
        let (text, role) = match (&self.overlay, &self.notice) {
            (Some(Overlay::Help { .. }), _) => ("esc close · pgup pgdn scroll", Role::Faint),
            (Some(Overlay::Chooser(_)), _) => {
                ("up down choose · enter take · esc close", Role::Faint)
            }
            (Some(Overlay::Confirm { .. }), _) => ("y yes · n no", Role::Highlight),
            (Some(Overlay::Microphone { .. }), None) => {
                ("up down move the mark · esc end", Role::Faint)
            }
            (Some(Overlay::Invite { .. }), None) => ("c copy · esc close", Role::Faint),
            (_, Some(notice)) => (notice.text.as_str(), notice.role),
            (None, None) => (self.hint(), Role::Faint),
        };
        // An error is told by more than its colour.
        let text = if role == Role::Error {
            format!(" ✗ {text}")
        } else {
            format!(" {text}")
        };
        let room = columns.saturating_sub(width(&count) + 1);
        let left = Row::new(theme, room).then(&text, role).line();
        let used = left
            .spans
            .iter()
            .map(|span| width(&span.content))
            .sum::<usize>();
        let mut spans = left.spans;
        let right = Row::new(theme, columns.saturating_sub(used)).right(&count, count_role);
        spans.extend(right.line().spans);
        vec![Line::from(spans)]
    }

    fn hint(&self) -> &'static str {
        if self.channels.is_empty() && self.profile.admin {
            "f1 help · there is no channel yet: /channel create NAME"
        } else if self.active.is_none() {
            "f1 help · no channel is open: ctrl+up ctrl+down, then enter"
        } else if self
            .channel()
            .is_some_and(|channel: &Channel| channel.original)
        {
            "f1 help · nothing here can be verified: it is not shown"
        } else {
            "f1 help · enter send · alt+enter new line · pgup scroll"
        }
    }
}

const fn connection(state: ConnectionState) -> (&'static str, Role) {
    match state {
        ConnectionState::Online => ("● online", Role::Online),
        ConnectionState::Waiting { .. } => ("○ offline, trying again", Role::Error),
        ConnectionState::Connecting => ("○ connecting", Role::Caution),
        ConnectionState::Syncing => ("◐ catching up", Role::Caution),
        ConnectionState::Refused => ("✗ refused", Role::Error),
        _ => ("○ offline", Role::Error),
    }
}
