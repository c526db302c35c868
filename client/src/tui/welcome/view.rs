//! The first screen as it is drawn.

use dialtone_protocol::wire::link::{Link, LinkKind};
use tuirealm::ratatui::layout::Rect;
use tuirealm::ratatui::text::Line;

use super::{Field, Mode, Welcome};
use crate::tui::components::Id;
use crate::tui::editor::Editor;
use crate::tui::picture::{Picture, Row};
use crate::tui::text::{pad, width};
use crate::tui::theme::{Role, Theme};

/// Columns of the labels: the longest one and the space after it.
const LABEL_COLUMNS: usize = 16;

/// Columns of the form on a wide screen.
const FORM_COLUMNS: u16 = 76;

/// Rows of the form with title, hint and error.
const FORM_ROWS: u16 = 14;

impl Welcome {
    /// Every area of the screen.
    #[must_use]
    pub fn pictures(&self, columns: u16, rows: u16, theme: Theme) -> Vec<(Id, Picture)> {
        let form_columns = FORM_COLUMNS.min(columns.saturating_sub(2));
        let area = Rect {
            x: (columns - form_columns) / 2,
            y: rows.saturating_sub(FORM_ROWS) / 3,
            width: form_columns,
            height: rows.saturating_sub(1).min(FORM_ROWS),
        };
        let form = match self.picker {
            Some(marked) => self.accounts_picture(marked, area, theme),
            None => self.form_picture(area, theme),
        };
        let status = Rect::new(0, rows.saturating_sub(1), columns, 1);
        let keys = match (self.picker, &self.busy) {
            (Some(_), _) => " up down choose · enter take · esc close",
            (None, Some(_)) => " esc give up · ctrl+q leave",
            _ => " tab next · enter go on · ctrl+r join/unlock · ctrl+q leave",
        };
        let hint = Row::new(theme, usize::from(columns))
            .then(keys, Role::Faint)
            .line();
        vec![
            (Id::Form, form),
            (Id::Status, Picture::new(status, vec![hint])),
        ]
    }

    fn form_picture(&self, area: Rect, theme: Theme) -> Picture {
        let columns = usize::from(area.width);
        let row = |text: &str, role| Row::new(theme, columns).then(text, role).line();
        let mode = match self.mode {
            Mode::Join => "[join]",
            Mode::Unlock => "[unlock]",
        };
        // On a low screen the empty rows go first.
        let is_low = area.height < FORM_ROWS;
        let title = "dialtone · encrypted terminal chat";
        let mut lines = vec![row(&centred(title, columns), Role::Brand)];
        lines.push(row(&centred(mode, columns), Role::Faint));
        if !is_low {
            lines.push(Line::default());
        }
        let mut cursor = None;
        for field in self.shown() {
            let is_focus = *field == self.focus;
            let (text, column) = self.field_text(*field, columns.saturating_sub(LABEL_COLUMNS + 3));
            if is_focus && self.busy.is_none() && *field != Field::Account {
                let row = u16::try_from(lines.len()).unwrap_or(u16::MAX);
                let column = u16::try_from(LABEL_COLUMNS + 2 + column).unwrap_or(u16::MAX);
                cursor = Some((column, row));
            }
            let pointer = if is_focus { "> " } else { "  " };
            let role = if is_focus { Role::Strong } else { Role::Plain };
            lines.push(
                Row::new(theme, columns)
                    .then(pointer, Role::Brand)
                    .then(&pad(field.label(), LABEL_COLUMNS), role)
                    .then(&text, Role::Plain)
                    .line(),
            );
        }
        if !is_low {
            lines.push(Line::default());
        }
        lines.push(row(&format!("  {}", self.hint()), Role::Faint));
        let (text, role) = match (&self.busy, &self.error) {
            (Some(busy), _) => (format!("  {busy} ..."), Role::Highlight),
            (None, Some(error)) => (format!("✗ {error}"), Role::Error),
            (None, None) => (String::new(), Role::Plain),
        };
        lines.push(row(&text, role));
        Picture {
            area,
            lines,
            cursor,
        }
    }

    fn accounts_picture(&self, marked: usize, area: Rect, theme: Theme) -> Picture {
        let columns = usize::from(area.width);
        let room = usize::from(area.height).saturating_sub(1).max(1);
        let skip = (marked + 1).saturating_sub(room);
        let title = Row::new(theme, columns).then("Accounts of this machine", Role::Strong);
        let mut lines = vec![title.line()];
        for (index, account) in self.accounts.iter().enumerate().skip(skip).take(room) {
            let (pointer, role) = if index == marked {
                ("> ", Role::Strong)
            } else {
                ("  ", Role::Plain)
            };
            let row = Row::new(theme, columns)
                .then(pointer, Role::Brand)
                .then(account, role);
            lines.push(row.line());
        }
        Picture::new(area, lines)
    }

    /// What a field shows of its text, and the column of its cursor.
    fn field_text(&self, field: Field, columns: usize) -> (String, usize) {
        if field == Field::Account {
            return (self.account().unwrap_or("none").to_owned(), 0);
        }
        let empty = Editor::default();
        let editor = self.fields.get(&field).unwrap_or(&empty);
        let (_, (_, cursor)) = editor.rows(usize::MAX);
        let text = if field.is_secret() {
            "*".repeat(width(editor.text()))
        } else {
            editor.text().to_owned()
        };
        window(&text, cursor, columns)
    }

    /// What the field is for, or what the link in it is.
    fn hint(&self) -> &'static str {
        if self.focus == Field::Link || self.focus == Field::Username {
            match Link::parse(self.text(Field::Link)).map(|link| link.kind) {
                Ok(LinkKind::Found) => {
                    return "this link founds a new community, with you as its admin";
                }
                Ok(LinkKind::Open { .. }) => return "an invite: you can read and write at once",
                Ok(_) => return "a host's invite: an admin will have to let you in",
                Err(_) => {}
            }
        }
        self.focus.hint()
    }
}

/// The part of a text that fits, with the cursor in it.
fn window(text: &str, cursor: usize, columns: usize) -> (String, usize) {
    let skip = (cursor + 1).saturating_sub(columns);
    let mut shown = String::new();
    let (mut column, mut skipped) = (0, 0);
    for grapheme in unicode_segmentation::UnicodeSegmentation::graphemes(text, true) {
        let wide = width(grapheme);
        if column < skip {
            skipped += wide;
        } else if column + wide - skipped <= columns {
            shown.push_str(grapheme);
        } else {
            break;
        }
        column += wide;
    }
    (shown, cursor - skipped.min(cursor))
}

fn centred(text: &str, columns: usize) -> String {
    let gap = columns.saturating_sub(width(text)) / 2;
    format!("{}{text}", " ".repeat(gap))
}
