//! The draft.

use tuirealm::ratatui::layout::Rect;

use crate::tui::chat::Chat;
use crate::tui::chat::layout::{PROMPT_COLUMNS, draft_columns};
use crate::tui::editor::Editor;
use crate::tui::picture::{Picture, Row};
use crate::tui::theme::{Role, Theme};

impl Chat {
    pub(super) fn composer(&self, area: Rect, theme: Theme) -> Picture {
        let empty = Editor::default();
        let draft = self.draft().unwrap_or(&empty);
        let (rows, (cursor_row, cursor_column)) = draft.rows(draft_columns(self.columns));
        let height = usize::from(area.height).max(1);
        // The last row of the area is the cursor's at the latest.
        let skip = (cursor_row + 1).saturating_sub(height);
        let shown = rows.into_iter().enumerate().skip(skip).take(height);
        let lines = shown
            .map(|(index, text)| {
                let prompt = if index == 0 { " > " } else { "   " };
                Row::new(theme, usize::from(area.width))
                    .then(prompt, Role::Brand)
                    .then(text, Role::Plain)
                    .line()
            })
            .collect();
        let column = u16::try_from(cursor_column).unwrap_or(u16::MAX);
        let row = u16::try_from(cursor_row - skip).unwrap_or(u16::MAX);
        Picture {
            area,
            lines,
            cursor: self
                .overlay
                .is_none()
                .then_some((column.saturating_add(PROMPT_COLUMNS + 1), row)),
        }
    }
}
