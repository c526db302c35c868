//! The text that a person is writing: one line or many, edited by grapheme.

use unicode_segmentation::UnicodeSegmentation as _;
use unicode_width::UnicodeWidthChar as _;

use super::text::{column_at, sanitize, width, wrap};

/// The longest draft that is kept, in bytes: what a person may paste by mistake, and more than any message may have.
const MAX_DRAFT_BYTES: usize = 64 * 1024;

/// One change of a text or of the place in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Edit {
    /// Puts in a text, typed or pasted.
    Insert(String),
    /// Breaks the line.
    Newline,
    /// Deletes the grapheme before the cursor.
    Backspace,
    /// Deletes the grapheme after the cursor.
    Delete,
    /// Deletes back to the start of the word.
    DeleteWord,
    /// Deletes back to the start of the line.
    DeleteToStart,
    /// Deletes up to the end of the line.
    DeleteToEnd,
    /// Goes one grapheme back.
    Left,
    /// Goes one grapheme on.
    Right,
    /// Goes back to the start of a word.
    WordLeft,
    /// Goes on to the end of a word.
    WordRight,
    /// Goes up a line as it is shown.
    Up,
    /// Goes down a line as it is shown.
    Down,
    /// Goes to the start of the line.
    Home,
    /// Goes to the end of the line.
    End,
}

/// A text with a cursor in it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Editor {
    text: String,
    /// Where the next text goes: a byte on a grapheme's boundary.
    cursor: usize,
}

/// A draft that would be longer than any is kept. Nothing was put in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct DraftFull;

impl Editor {
    /// An editor of this text, with the cursor at its end.
    #[must_use]
    pub fn new(text: impl Into<String>) -> Self {
        let text = text.into();
        let cursor = text.len();
        Self { text, cursor }
    }

    /// Makes one change. `columns` is how wide the text is shown.
    ///
    /// # Errors
    ///
    /// When the text would be longer than any draft is kept; nothing changes then.
    pub fn apply(&mut self, edit: &Edit, columns: usize) -> Result<(), DraftFull> {
        match edit {
            Edit::Insert(text) => return self.insert(&sanitize(text)),
            Edit::Newline => return self.insert("\n"),
            Edit::Backspace => self.delete(self.before(), self.cursor),
            Edit::Delete => self.delete(self.cursor, self.after()),
            Edit::DeleteWord => self.delete(self.word_start(), self.cursor),
            Edit::DeleteToStart => self.delete(self.line_start(), self.cursor),
            Edit::DeleteToEnd => self.delete(self.cursor, self.line_end()),
            Edit::Left => self.cursor = self.before(),
            Edit::Right => self.cursor = self.after(),
            Edit::WordLeft => self.jump(self.word_start()),
            Edit::WordRight => self.jump(self.word_end()),
            Edit::Up => self.move_row(columns, |row| row.checked_sub(1)),
            Edit::Down => self.move_row(columns, |row| row.checked_add(1)),
            Edit::Home => self.cursor = self.line_start(),
            Edit::End => self.cursor = self.line_end(),
        }
        Ok(())
    }

    /// Takes the whole text out and leaves nothing.
    pub fn take(&mut self) -> String {
        self.cursor = 0;
        std::mem::take(&mut self.text)
    }

    /// The text.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Whether there is no text.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.text.is_empty()
    }

    /// The text as it is shown in so many columns, and the row and column of the cursor.
    ///
    /// A column of the cursor is always less than `columns`.
    #[must_use]
    pub fn rows(&self, columns: usize) -> (Vec<&str>, (usize, usize)) {
        let lines = wrap(&self.text, columns, columns);
        let row = row_of(&lines, self.cursor);
        let column = lines
            .get(row)
            .map_or(0, |line| column_at(&self.text, line, self.cursor));
        let rows = lines
            .into_iter()
            .map(|line| self.text.get(line).unwrap_or_default())
            .collect();
        (rows, (row, column.min(columns.saturating_sub(1))))
    }

    fn insert(&mut self, text: &str) -> Result<(), DraftFull> {
        if self.text.len() + text.len() > MAX_DRAFT_BYTES {
            return Err(DraftFull);
        }
        self.text.insert_str(self.cursor, text);
        self.cursor += text.len();
        self.settle();
        Ok(())
    }

    fn delete(&mut self, start: usize, end: usize) {
        self.text.replace_range(start..end, "");
        self.cursor = start;
        self.settle();
    }

    fn jump(&mut self, to: usize) {
        self.cursor = to;
        self.settle();
    }

    /// Moves the cursor out of the middle of a grapheme: what was put in or taken out may join its neighbours.
    fn settle(&mut self) {
        self.cursor = self
            .text
            .grapheme_indices(true)
            .map(|(at, _)| at)
            .find(|at| *at >= self.cursor)
            .unwrap_or(self.text.len());
    }

    fn move_row(&mut self, columns: usize, to: impl Fn(usize) -> Option<usize>) {
        let lines = wrap(&self.text, columns, columns);
        let row = row_of(&lines, self.cursor);
        let Some(target) = to(row).and_then(|row| lines.get(row)) else {
            return;
        };
        let wanted = lines
            .get(row)
            .map_or(0, |line| column_at(&self.text, line, self.cursor));
        let mut used = 0;
        self.cursor = target.start;
        for grapheme in self
            .text
            .get(target.clone())
            .unwrap_or_default()
            .graphemes(true)
        {
            used += width(grapheme);
            if used > wanted {
                break;
            }
            self.cursor += grapheme.len();
        }
    }

    fn before(&self) -> usize {
        self.head()
            .grapheme_indices(true)
            .next_back()
            .map_or(0, |(at, _)| at)
    }

    fn after(&self) -> usize {
        self.cursor + self.tail().graphemes(true).next().map_or(0, str::len)
    }

    fn word_start(&self) -> usize {
        let words = self.head().trim_end_matches(is_between);
        words.rfind(is_between).map_or(0, |at| {
            at + words
                .get(at..)
                .and_then(|rest| rest.chars().next())
                .map_or(0, char::len_utf8)
        })
    }

    fn word_end(&self) -> usize {
        let tail = self.tail();
        let word = tail.trim_start_matches(is_between);
        let gap = tail.len() - word.len();
        self.cursor + gap + word.find(is_between).unwrap_or(word.len())
    }

    fn line_start(&self) -> usize {
        self.head().rfind('\n').map_or(0, |at| at + 1)
    }

    fn line_end(&self) -> usize {
        self.cursor + self.tail().find('\n').unwrap_or_else(|| self.tail().len())
    }

    fn head(&self) -> &str {
        self.text.get(..self.cursor).unwrap_or_default()
    }

    fn tail(&self) -> &str {
        self.text.get(self.cursor..).unwrap_or_default()
    }
}

/// Whether a character stands between words. Marks without a width belong to the letter that they stand on.
fn is_between(next: char) -> bool {
    !next.is_alphanumeric() && next != '_' && next.width() != Some(0)
}

/// The row that the byte at `cursor` is shown in: a place that no row holds belongs to the one before.
fn row_of(lines: &[std::ops::Range<usize>], cursor: usize) -> usize {
    lines
        .iter()
        .rposition(|line| line.start <= cursor)
        .unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const WIDE: usize = 40;

    fn edited(text: &str, edits: &[Edit]) -> Editor {
        let mut editor = Editor::new(text);
        for edit in edits {
            editor.apply(edit, WIDE).expect("short");
        }
        editor
    }

    #[test]
    fn deleting_takes_whole_graphemes() {
        assert_eq!(edited("a👩‍👩‍👧", &[Edit::Backspace]).text(), "a");
        assert_eq!(edited("e\u{301}x", &[Edit::Home, Edit::Delete]).text(), "x");
        assert_eq!(edited("", &[Edit::Backspace, Edit::Delete]).text(), "");
    }

    #[test]
    fn words_are_moved_over_and_deleted() {
        assert_eq!(edited("one two  ", &[Edit::DeleteWord]).text(), "one ");
        assert_eq!(
            edited(
                "日本 two",
                &[
                    Edit::WordLeft,
                    Edit::WordLeft,
                    Edit::WordRight,
                    Edit::DeleteToEnd
                ]
            )
            .text(),
            "日本"
        );
    }

    #[test]
    fn a_line_is_deleted_to_its_own_ends() {
        let back = [Edit::Up, Edit::Home, Edit::Right];
        let start = edited("abc\ndef", &[&back[..], &[Edit::DeleteToStart]].concat());
        assert_eq!(start.text(), "bc\ndef");
        let end = edited("abc\ndef", &[&back[..], &[Edit::DeleteToEnd]].concat());
        assert_eq!(end.text(), "a\ndef");
    }

    #[test]
    fn up_and_down_keep_the_column() {
        let editor = edited("abcd\nab\nabcd", &[Edit::Left, Edit::Up, Edit::Up]);
        assert_eq!(editor.rows(WIDE).1, (0, 2));
        assert_eq!(edited("one", &[Edit::Up, Edit::Down]).rows(WIDE).1, (0, 3));
    }

    #[test]
    fn a_paste_keeps_its_lines_and_loses_its_escapes() {
        let editor = edited("", &[Edit::Insert("a\r\nb\u{1b}[31m\tc".to_owned())]);
        assert_eq!(editor.text(), "a\nb    c");
    }

    #[test]
    fn a_draft_that_is_far_too_long_changes_nothing() {
        let mut editor = Editor::new("kept");
        let huge = Edit::Insert("x".repeat(MAX_DRAFT_BYTES));
        assert_eq!(editor.apply(&huge, WIDE), Err(DraftFull));
        assert_eq!(editor.text(), "kept");
    }

    #[test]
    fn the_cursor_is_shown_inside_the_field() {
        assert_eq!(Editor::new("abcd").rows(4).1, (0, 3));
        assert_eq!(Editor::new("abcd ef").rows(4), (vec!["abcd", "ef"], (1, 2)));
    }

    fn edits() -> impl Strategy<Value = Edit> {
        prop_oneof![
            "[a-z 日\n\u{301}\u{200d}👩]{0,6}".prop_map(Edit::Insert),
            Just(Edit::Newline),
            Just(Edit::Backspace),
            Just(Edit::Delete),
            Just(Edit::DeleteWord),
            Just(Edit::DeleteToStart),
            Just(Edit::DeleteToEnd),
            Just(Edit::Left),
            Just(Edit::Right),
            Just(Edit::WordLeft),
            Just(Edit::WordRight),
            Just(Edit::Up),
            Just(Edit::Down),
            Just(Edit::Home),
            Just(Edit::End),
        ]
    }

    proptest! {
        #[test]
        fn the_cursor_never_leaves_a_grapheme_boundary(
            edits in prop::collection::vec(edits(), 0..40),
            columns in 1usize..12,
        ) {
            let mut editor = Editor::default();
            for edit in &edits {
                editor.apply(edit, columns).expect("short");
                prop_assert!(
                    editor.cursor == editor.text.len()
                        || editor.text.grapheme_indices(true).any(|(at, _)| at == editor.cursor)
                );
                let (rows, (row, column)) = editor.rows(columns);
                prop_assert!(row < rows.len() && column < columns);
            }
        }
    }
}
