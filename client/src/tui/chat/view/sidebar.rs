//! Channels and members at the right edge.

use tuirealm::ratatui::layout::Rect;
use tuirealm::ratatui::text::Line;

use crate::tui::chat::Chat;
use crate::tui::chat::commands::channel_marks;
use crate::tui::picture::Row;
use crate::tui::snapshot::{Channel, Member};
use crate::tui::text::{clip, width};
use crate::tui::theme::{Role, Theme};

impl Chat {
    pub(super) fn sidebar_lines(&self, area: Rect, theme: Theme) -> Vec<Line<'static>> {
        if area.width == 0 {
            return Vec::new();
        }
        let columns = usize::from(area.width);
        let height = usize::from(area.height);
        let (channels, marked) = self.channel_rows(theme, columns);
        let members = self.member_rows(theme, columns);
        // Channels get what they need of the upper half, and what the members leave.
        let most = (height / 2).max(height.saturating_sub(members.len() + 1));
        let mut lines = scrolled(channels, marked, most);
        lines.push(edge(theme, columns).line());
        let room = height.saturating_sub(lines.len());
        let more = members.len().saturating_sub(room);
        lines.extend(members.into_iter().take(room));
        if more > 0 {
            lines.pop();
            let text = format!("and {} more: /members", more + 1);
            lines.push(edge(theme, columns).then(&text, Role::Faint).line());
        }
        lines.resize(height, edge(theme, columns).line());
        lines
    }

    /// The title, the channels with who is in their rooms, and which row below the title is the marked one.
    fn channel_rows(&self, theme: Theme, columns: usize) -> (Vec<Line<'static>>, usize) {
        let title = edge(theme, columns).then("Channels", Role::Strong).line();
        if self.channels.is_empty() {
            let none = edge(theme, columns).then("none yet", Role::Faint).line();
            return (vec![title, none], 0);
        }
        let row = |channel| self.channel_row(channel, theme, columns);
        let mut rows = vec![title];
        let mut marked = 0;
        for channel in &self.channels {
            if self.marked == Some(channel.id) {
                marked = rows.len() - 1;
            }
            rows.push(row(channel));
            rows.extend(self.room_rows(channel.id, || edge(theme, columns), columns));
        }
        (rows, marked)
    }

    fn channel_row(&self, channel: &Channel, theme: Theme, columns: usize) -> Line<'static> {
        let is_active = self.active == Some(channel.id);
        let is_marked = self.marked == Some(channel.id);
        let pointer = match (is_marked, is_active) {
            (true, _) => "> ",
            (false, true) => "• ",
            (false, false) => "  ",
        };
        let unread = if is_active || channel.unread == 0 {
            String::new()
        } else {
            format!(" ({})", channel.unread)
        };
        let mut marks = String::new();
        for mark in channel_marks(channel) {
            marks.push(' ');
            marks.push_str(mark);
        }
        let role = if is_active || !unread.is_empty() {
            Role::Strong
        } else {
            Role::Plain
        };
        // The count is what a glance looks for: the name gives way, and the marks before it.
        let room = columns.saturating_sub(4 + width(&unread));
        let name = clip(&format!("#{}", channel.label()), room);
        let marks = clip(&marks, room.saturating_sub(width(&name)));
        edge(theme, columns)
            .then(pointer, Role::Brand)
            .then(&name, role)
            .then(
                &marks,
                if channel.original || channel.confusable {
                    Role::Caution
                } else {
                    Role::Faint
                },
            )
            .then(&unread, Role::Highlight)
            .line()
    }

    fn member_rows(&self, theme: Theme, columns: usize) -> Vec<Line<'static>> {
        let mut members: Vec<&Member> = self.members.iter().collect();
        // Who waits comes first: somebody has to act. Then who is there to talk to.
        members.sort_by_key(|member| {
            (
                member.pending.is_none(),
                !member.online,
                member.label().to_lowercase(),
            )
        });
        let title = edge(theme, columns).then("Members", Role::Strong).line();
        let row = |member| member_row(member, theme, columns);
        std::iter::once(title)
            .chain(members.into_iter().map(row))
            .collect()
    }
}

/// As many rows as fit, the marked one among them, under their title.
fn scrolled(rows: Vec<Line<'static>>, marked: usize, most: usize) -> Vec<Line<'static>> {
    let Some(room) = most.checked_sub(1).filter(|_| rows.len() > most) else {
        return rows;
    };
    let skip = (marked + 1).saturating_sub(room);
    let mut rows = rows.into_iter();
    let title = rows.next();
    title
        .into_iter()
        .chain(rows.skip(skip).take(room))
        .collect()
}

fn member_row(member: &Member, theme: Theme, columns: usize) -> Line<'static> {
    let row = edge(theme, columns);
    if member.pending.is_some() {
        return row
            .then("? says ", Role::Caution)
            .then(&member.label(), Role::Plain)
            .line();
    }
    let (dot, role) = if member.online {
        ("● ", Role::Online)
    } else {
        ("○ ", Role::Faint)
    };
    let mut marks = String::new();
    if member.admin {
        marks.push_str(" admin");
    }
    if member.confusable {
        marks.push_str(" look-alike");
    }
    let room = columns.saturating_sub(4);
    let name = clip(&member.label(), room.saturating_sub(width(&marks)).max(8));
    row.then(dot, role)
        .then(
            &name,
            if member.online {
                Role::Plain
            } else {
                Role::Faint
            },
        )
        .then(
            &marks,
            if member.confusable {
                Role::Caution
            } else {
                Role::Faint
            },
        )
        .line()
}

/// A row with the line between messages and sidebar at its left.
fn edge(theme: Theme, columns: usize) -> Row {
    Row::new(theme, columns).then("│ ", Role::Rule)
}
