//! The rows that a thread fills: only those in view are made.
//!
//! A thread is a list of blocks: its head, then one for each message with the notes that follow it. How many rows a
//! block has depends on the width alone, so that scrolling lays out no more than it passes.

use dialtone_protocol::ids::UserId;
use tuirealm::ratatui::text::{Line, Span};

use super::thread::{Anchor, Note, Position, Thread};
use crate::tui::snapshot::{Content, Mark, Message};
use crate::tui::text::{Clock, clip, width, wrap};
use crate::tui::theme::{Role, Theme};

/// Columns of a time and the space after it.
const TIME_COLUMNS: usize = 8;

/// How a thread is laid out.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rows<'a> {
    /// What is laid out.
    pub thread: &'a Thread,
    /// Who reads it.
    pub me: Option<UserId>,
    /// Whose day and hour are shown.
    pub clock: &'a Clock,
    /// How it looks.
    pub theme: Theme,
    /// Columns of a row.
    pub columns: usize,
}

impl Rows<'_> {
    /// The rows in view, `height` of them or fewer.
    #[must_use]
    pub(crate) fn view(&self, height: usize) -> Vec<Line<'static>> {
        let (bottom, hidden) = self.bottom();
        let mut rows = self.block(bottom);
        rows.truncate(rows.len().saturating_sub(hidden));
        let mut index = bottom;
        while rows.len() < height
            && let Some(above) = index.checked_sub(1)
        {
            let mut block = self.block(above);
            block.append(&mut rows);
            rows = block;
            index = above;
        }
        rows.drain(..rows.len().saturating_sub(height));
        rows
    }

    /// Where the view stands after it went up by `count` rows.
    #[must_use]
    pub(crate) fn up(&self, count: usize, height: usize) -> Position {
        let (mut index, mut hidden) = self.bottom();
        let mut left = count;
        loop {
            let shown = self.height(index).saturating_sub(hidden);
            if left < shown {
                hidden += left;
                break;
            }
            left -= shown;
            let Some(above) = index.checked_sub(1) else {
                return self.top(height);
            };
            index = above;
            hidden = 0;
        }
        if self.rows_above(index, hidden, height) < height {
            return self.top(height);
        }
        self.position(index, hidden)
    }

    /// Where the view stands after it went down by `count` rows.
    #[must_use]
    pub(crate) fn down(&self, count: usize) -> Position {
        let (mut index, mut hidden) = self.bottom();
        let mut left = count;
        while left > hidden {
            left -= hidden;
            index += 1;
            if index >= self.len() {
                return Position::Bottom;
            }
            hidden = self.height(index);
        }
        self.position(index, hidden - left)
    }

    /// Whether fewer than `count` rows are above the view.
    #[must_use]
    pub(crate) fn is_near_top(&self, count: usize, height: usize) -> bool {
        let (index, hidden) = self.bottom();
        self.rows_above(index, hidden, height + count) < height + count
    }

    /// The first screen of the thread.
    fn top(&self, height: usize) -> Position {
        let mut rows = 0;
        for index in 0..self.len() {
            rows += self.height(index);
            if rows >= height {
                return self.position(index, rows - height);
            }
        }
        Position::Bottom
    }

    /// How many rows lie from the top to the bottom of the view; counting ends at `enough`.
    fn rows_above(&self, index: usize, hidden: usize, enough: usize) -> usize {
        let mut rows = self.height(index).saturating_sub(hidden);
        for above in (0..index).rev() {
            if rows >= enough {
                break;
            }
            rows += self.height(above);
        }
        rows
    }

    /// The block at the bottom of the view, and its rows below.
    fn bottom(&self) -> (usize, usize) {
        let last = self.len() - 1;
        let Position::At { anchor, hidden } = self.thread.position else {
            return (last, 0);
        };
        let index = match anchor {
            Anchor::Head => Some(0),
            Anchor::Numbered(seq) => self.find(|message| message.seq == Some(seq)),
            Anchor::Unsent(id) => {
                self.find(|message| message.seq.is_none() && message.client_id == id)
            }
        };
        // The width may have changed since the view was placed.
        index.map_or((last, 0), |index| {
            (index, hidden.min(self.height(index).saturating_sub(1)))
        })
    }

    fn find(&self, is_it: impl Fn(&Message) -> bool) -> Option<usize> {
        self.thread
            .messages()
            .iter()
            .position(is_it)
            .map(|index| index + 1)
    }

    fn position(&self, index: usize, hidden: usize) -> Position {
        if index + 1 >= self.len() && hidden == 0 {
            return Position::Bottom;
        }
        let anchor = match self.message(index) {
            Some(message) => message
                .seq
                .map_or(Anchor::Unsent(message.client_id), Anchor::Numbered),
            None => Anchor::Head,
        };
        Position::At { anchor, hidden }
    }

    fn len(&self) -> usize {
        self.thread.messages().len() + 1
    }

    fn height(&self, index: usize) -> usize {
        self.block(index).len()
    }

    /// The message of a block; the head has none.
    fn message(&self, index: usize) -> Option<&Message> {
        self.thread.messages().get(index.checked_sub(1)?)
    }

    fn block(&self, index: usize) -> Vec<Line<'static>> {
        let mut rows = Vec::new();
        match self.message(index) {
            Some(message) => self.message_rows(message, index, &mut rows),
            None => self.head_rows(&mut rows),
        }
        for note in self.thread.notes_after(index.checked_sub(1)) {
            self.note_rows(note, &mut rows);
        }
        rows
    }

    fn head_rows(&self, rows: &mut Vec<Line<'static>>) {
        if self.thread.loading {
            rows.push(self.rule("older messages are on their way", Role::Faint));
        } else if self.thread.complete {
            rows.push(self.rule("the channel starts here", Role::Faint));
        }
    }

    fn message_rows(&self, message: &Message, index: usize, rows: &mut Vec<Line<'static>>) {
        let before = index.checked_sub(1).and_then(|above| self.message(above));
        if message.seq.is_some() {
            let is_new_day = before.is_none_or(|before| {
                self.clock.day(before.sent_at) != self.clock.day(message.sent_at)
            });
            if is_new_day {
                rows.push(self.rule(&self.clock.day_name(message.sent_at), Role::Faint));
            }
            let divider = self.thread.divider();
            if divider.is_some()
                && before.is_some_and(|before| before.seq <= divider)
                && message.seq > divider
            {
                rows.push(self.rule("new", Role::Highlight));
            }
        }
        self.text_rows(message, rows);
        if let Mark::Failed(reason) = &message.mark {
            let text = format!("not sent: {reason}");
            self.wrapped(&text, TIME_COLUMNS, self.theme.style(Role::Error), rows);
        }
    }

    /// Time, name and text, with the lines after the first one indented.
    fn text_rows(&self, message: &Message, rows: &mut Vec<Line<'static>>) {
        let own = message.sender.is_some() && message.sender == self.me;
        let time = match message.seq {
            Some(_) => self.clock.time(message.sent_at),
            None => "[  …  ]".to_owned(),
        };
        let room = (self.columns / 2).saturating_sub(TIME_COLUMNS);
        let name = clip(&message.sender_label(), room.max(4));
        let (text, role) = match &message.content {
            Content::Text(text) if message.seq.is_some() => (text.clone(), Role::Plain),
            Content::Text(text) => (text.clone(), Role::Faint),
            Content::Locked(reason) => (format!("({reason})"), Role::Faint),
        };
        let prefix = TIME_COLUMNS + width(&name) + 2;
        let indent = prefix.min(self.columns / 3);
        let first = self.columns.saturating_sub(prefix);
        let rest = self.columns.saturating_sub(indent);
        let style = self.theme.style(role);
        for (row, line) in wrap(&text, first, rest).into_iter().enumerate() {
            let piece = Span::styled(text.get(line).unwrap_or_default().to_owned(), style);
            rows.push(if row == 0 {
                let name_role = if own { Role::Own } else { Role::Other };
                Line::from(vec![
                    Span::styled(format!("{time} "), self.theme.style(Role::Faint)),
                    Span::styled(name.clone(), self.theme.style(name_role)),
                    Span::raw(": "),
                    piece,
                ])
            } else {
                Line::from(vec![Span::raw(" ".repeat(indent)), piece])
            });
        }
    }

    fn note_rows(&self, note: &Note, rows: &mut Vec<Line<'static>>) {
        // A link is what somebody copies: nothing stands before it.
        let indent = if note.role == Role::Highlight { 0 } else { 2 };
        self.wrapped(&note.text, indent, self.theme.style(note.role), rows);
    }

    fn wrapped(
        &self,
        text: &str,
        indent: usize,
        style: tuirealm::ratatui::style::Style,
        rows: &mut Vec<Line<'static>>,
    ) {
        let columns = self.columns.saturating_sub(indent);
        for line in wrap(text, columns, columns) {
            let piece = text.get(line).unwrap_or_default().to_owned();
            rows.push(Line::from(vec![
                Span::raw(" ".repeat(indent)),
                Span::styled(piece, style),
            ]));
        }
    }

    /// A rule across the row with a text in its middle.
    fn rule(&self, text: &str, role: Role) -> Line<'static> {
        let text = clip(text, self.columns.saturating_sub(4));
        let dashes = self.columns.saturating_sub(width(&text) + 2);
        let (left, right) = (dashes / 2, dashes - dashes / 2);
        Line::styled(
            format!("{} {text} {}", "─".repeat(left), "─".repeat(right)),
            self.theme.style(role),
        )
    }
}
