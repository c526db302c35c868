//! Where the areas of the chat are, from the size of the screen alone.

use tuirealm::ratatui::layout::Rect;

/// Columns of the sidebar with its border.
const SIDEBAR_COLUMNS: u16 = 26;

/// Below this width the sidebar is hidden until it is asked for.
const SIDEBAR_FROM: u16 = 64;

/// Rows that a draft may take before it scrolls.
const MAX_DRAFT_ROWS: u16 = 6;

/// The prompt before a draft, and the column after it for a cursor at the edge.
pub(super) const PROMPT_COLUMNS: u16 = 2;

/// The areas of the chat.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Areas {
    /// Who and where.
    pub header: Rect,
    /// Messages.
    pub thread: Rect,
    /// Channels and members; empty while hidden.
    pub sidebar: Rect,
    /// The rule above the draft.
    pub rule: Rect,
    /// The draft.
    pub composer: Rect,
    /// Errors and hints.
    pub status: Rect,
    /// What covers messages and sidebar.
    pub overlay: Rect,
}

impl Areas {
    /// The areas on a screen of this size, with a draft of so many rows. `sidebar` says whether the user wants it, or
    /// nothing if the width decides.
    #[must_use]
    pub(crate) fn new(columns: u16, rows: u16, draft_rows: usize, sidebar: Option<bool>) -> Self {
        let most = MAX_DRAFT_ROWS.min(rows / 3).max(1);
        let composer_rows = u16::try_from(draft_rows).unwrap_or(most).clamp(1, most);
        let header_rows = 2;
        let body_rows = rows.saturating_sub(header_rows + composer_rows + 2);
        let body = Rect::new(0, header_rows, columns, body_rows);
        let sidebar_columns = if sidebar.unwrap_or(columns >= SIDEBAR_FROM) {
            SIDEBAR_COLUMNS.min(columns / 2)
        } else {
            0
        };
        let thread_columns = columns.saturating_sub(sidebar_columns);
        let below = header_rows + body_rows;
        Self {
            header: Rect::new(0, 0, columns, header_rows),
            thread: Rect {
                x: 1.min(thread_columns),
                width: thread_columns.saturating_sub(2),
                ..body
            },
            sidebar: Rect {
                x: thread_columns,
                width: sidebar_columns,
                ..body
            },
            rule: Rect::new(0, below, columns, 1),
            composer: Rect::new(0, below + 1, columns, composer_rows),
            status: Rect::new(0, below + 1 + composer_rows, columns, 1),
            overlay: body,
        }
    }
}

/// Columns that a draft is wrapped to.
#[must_use]
pub(crate) fn draft_columns(columns: u16) -> usize {
    usize::from(columns.saturating_sub(PROMPT_COLUMNS + 2)).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_belongs_to_one_area() {
        for (columns, rows) in [(40, 10), (80, 24), (200, 50)] {
            for draft in [0, 1, 3, 99] {
                let areas = Areas::new(columns, rows, draft, None);
                assert_eq!(areas.header.bottom(), areas.thread.y);
                assert_eq!(areas.thread.bottom(), areas.rule.y);
                assert_eq!(areas.rule.bottom(), areas.composer.y);
                assert_eq!(areas.composer.bottom(), areas.status.y);
                assert_eq!(areas.status.bottom(), rows);
            }
        }
    }

    #[test]
    fn a_narrow_screen_hides_the_sidebar_until_it_is_asked_for() {
        assert_eq!(Areas::new(40, 12, 1, None).sidebar.width, 0);
        assert_eq!(Areas::new(40, 12, 1, Some(true)).sidebar.width, 20);
        assert_eq!(Areas::new(80, 24, 1, None).sidebar.width, 26);
        assert_eq!(Areas::new(80, 24, 1, Some(false)).sidebar.width, 0);
    }
}
