//! What covers the messages.

use tuirealm::ratatui::layout::Rect;
use tuirealm::ratatui::text::Line;

use crate::tui::chat::Chat;
use crate::tui::chat::overlay::{Chooser, Overlay};
use crate::tui::picture::Row;
use crate::tui::reference::{COMMANDS, KEYS};
use crate::tui::text::{pad, width, wrap};
use crate::tui::theme::{Role, Theme};

/// Columns that an explanation needs beside what it explains.
const BESIDE: usize = 24;

impl Chat {
    pub(super) fn overlay_lines(
        &self,
        overlay: &Overlay,
        area: Rect,
        theme: Theme,
    ) -> Vec<Line<'static>> {
        let columns = usize::from(area.width);
        let height = usize::from(area.height);
        match overlay {
            Overlay::Help { top } => {
                let lines = self.help_lines(columns, theme);
                let top = (*top).min(lines.len().saturating_sub(height));
                lines.into_iter().skip(top).collect()
            }
            Overlay::Chooser(chooser) => chooser_lines(chooser, columns, height, theme),
            Overlay::Confirm { question, .. } => {
                let mut lines = vec![Line::default()];
                for (index, text) in question.iter().enumerate() {
                    let role = if index == 0 {
                        Role::Strong
                    } else {
                        Role::Plain
                    };
                    lines.extend(indented(text, 1, columns, role, theme));
                }
                lines
            }
            Overlay::Invite { link } => invite_lines(link, columns, theme),
            Overlay::Microphone { began } => self.test_lines(*began, columns, theme),
        }
    }

    fn help_lines(&self, columns: usize, theme: Theme) -> Vec<Line<'static>> {
        let shown = COMMANDS
            .iter()
            .filter(|command| self.profile.admin || !command.admin);
        let commands: Vec<_> = shown
            .map(|command| (command.syntax, command.does))
            .collect();
        let keys: Vec<_> = KEYS.iter().map(|key| (key.keys, key.does)).collect();
        let widest = commands
            .iter()
            .chain(&keys)
            .map(|(name, _)| width(name))
            .max();
        let name_columns = widest.unwrap_or(0) + 3;
        let mut lines = vec![
            Row::new(theme, columns)
                .then(" Commands", Role::Strong)
                .line(),
        ];
        for (name, does) in commands {
            lines.extend(explained(name, does, name_columns, columns, theme));
        }
        lines.push(Line::default());
        lines.push(Row::new(theme, columns).then(" Keys", Role::Strong).line());
        for (name, does) in keys {
            lines.extend(explained(name, does, name_columns, columns, theme));
        }
        lines
    }
}

/// A name and what it does: beside it where there is room, below it else.
fn explained(
    name: &str,
    does: &str,
    name_columns: usize,
    columns: usize,
    theme: Theme,
) -> Vec<Line<'static>> {
    if columns < name_columns + BESIDE {
        let name = Row::new(theme, columns)
            .then(" ", Role::Plain)
            .then(name, Role::Brand);
        let mut lines = vec![name.line()];
        lines.extend(indented(does, 3, columns, Role::Plain, theme));
        return lines;
    }
    let room = columns - name_columns - 1;
    let texts = wrap(does, room, room);
    let lines = texts.into_iter().enumerate().map(|(row, text)| {
        let left = if row == 0 {
            format!(" {name}")
        } else {
            String::new()
        };
        Row::new(theme, columns)
            .then(&pad(&left, name_columns), Role::Brand)
            .then(does.get(text).unwrap_or_default(), Role::Plain)
            .line()
    });
    lines.collect()
}

fn chooser_lines(
    chooser: &Chooser,
    columns: usize,
    height: usize,
    theme: Theme,
) -> Vec<Line<'static>> {
    let title = Row::new(theme, columns)
        .then(" ", Role::Plain)
        .then(&chooser.title, Role::Strong);
    let room = height.saturating_sub(1).max(1);
    let skip = (chooser.marked + 1).saturating_sub(room);
    let mut lines = vec![title.line()];
    for (index, choice) in chooser.choices.iter().enumerate().skip(skip).take(room) {
        let (pointer, role) = if index == chooser.marked {
            (" > ", Role::Strong)
        } else {
            ("   ", Role::Plain)
        };
        lines.push(
            Row::new(theme, columns)
                .then(pointer, Role::Brand)
                .then(&choice.label, role)
                .line(),
        );
    }
    lines
}

/// The link stands alone on its rows, from edge to edge: whoever copies them copies nothing else.
fn invite_lines(link: &str, columns: usize, theme: Theme) -> Vec<Line<'static>> {
    let mut lines = indented(
        "An invite for one person. Whoever has this link can join: send it by a way you trust.",
        1,
        columns,
        Role::Strong,
        theme,
    );
    lines.push(Line::default());
    lines.extend(indented(link, 0, columns, Role::Highlight, theme));
    lines.push(Line::default());
    lines.extend(indented(
        "c puts it on the clipboard, if the terminal allows it. It may be copied in pieces: breaks and spaces in it \
         do not matter when it is pasted.",
        1,
        columns,
        Role::Faint,
        theme,
    ));
    lines
}

pub(in crate::tui::chat) fn indented(
    text: &str,
    indent: usize,
    columns: usize,
    role: Role,
    theme: Theme,
) -> Vec<Line<'static>> {
    let room = columns.saturating_sub(indent);
    let texts = wrap(text, room, room);
    let lines = texts.into_iter().map(|line| {
        Row::new(theme, columns)
            .then(&" ".repeat(indent), Role::Plain)
            .then(text.get(line).unwrap_or_default(), role)
            .line()
    });
    lines.collect()
}
