//! One area of the screen, ready to be drawn.

use tuirealm::ratatui::layout::Rect;
use tuirealm::ratatui::text::{Line, Span};

use super::text::{clip, width};
use super::theme::{Role, Theme};

/// What stands in one area of the screen.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Picture {
    /// Where.
    pub area: Rect,
    /// The rows, from the top of the area.
    pub lines: Vec<Line<'static>>,
    /// Where the cursor blinks, from the corner of the area: column and row.
    pub cursor: Option<(u16, u16)>,
}

impl Picture {
    /// Rows in an area, without a cursor.
    #[must_use]
    pub const fn new(area: Rect, lines: Vec<Line<'static>>) -> Self {
        Self {
            area,
            lines,
            cursor: None,
        }
    }
}

/// One row made of pieces, clipped to its columns.
#[derive(Clone, Debug)]
pub struct Row {
    theme: Theme,
    spans: Vec<Span<'static>>,
    left: usize,
}

impl Row {
    /// An empty row of so many columns.
    #[must_use]
    pub const fn new(theme: Theme, columns: usize) -> Self {
        Self {
            theme,
            spans: Vec::new(),
            left: columns,
        }
    }

    /// Adds a piece, or as much of it as still fits.
    #[must_use]
    pub fn then(mut self, text: &str, role: Role) -> Self {
        let text = clip(text, self.left);
        self.left -= width(&text);
        self.spans.push(Span::styled(text, self.theme.style(role)));
        self
    }

    /// Fills the row up with a last piece at its right edge. The pieces before have to leave room for it.
    #[must_use]
    pub fn right(self, text: &str, role: Role) -> Self {
        let gap = " ".repeat(self.left.saturating_sub(width(text)));
        self.then(&gap, Role::Plain).then(text, role)
    }

    /// The row.
    #[must_use]
    pub fn line(self) -> Line<'static> {
        Line::from(self.spans)
    }
}

/// A rule across so many columns.
#[must_use]
pub fn rule(theme: Theme, columns: usize) -> Line<'static> {
    Line::styled("─".repeat(columns), theme.style(Role::Rule))
}
