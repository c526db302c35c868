//! Wrapping of text to a column.

use std::ops::Range;

use unicode_segmentation::UnicodeSegmentation as _;
use unicode_width::UnicodeWidthStr as _;

use super::width;

/// Splits a text into lines of at most `first` columns, then `rest`.
///
/// Answers the byte range of each line: at least one, each on grapheme boundaries. Lines break at newlines, at spaces,
/// around wide characters, and inside a word only where the word alone is longer than a line. A newline and the
/// spaces at a break belong to no line. A grapheme that is wider than a whole line is left out.
#[must_use]
pub fn wrap(text: &str, first: usize, rest: usize) -> Vec<Range<usize>> {
    let mut lines = Lines {
        done: Vec::new(),
        first,
        rest,
        line: 0..0,
        used: 0,
        spaces: 0,
    };
    let mut offset = 0;
    for paragraph in text.split('\n') {
        lines.restart(offset);
        lines.paragraph(paragraph, offset);
        lines.end_paragraph();
        offset += paragraph.len() + 1;
    }
    lines.done
}

/// The column of the byte at `index` within a line, no further than the line's end.
#[must_use]
pub fn column_at(text: &str, line: &Range<usize>, index: usize) -> usize {
    text.get(line.start..index.clamp(line.start, line.end))
        .map_or(0, width)
}

/// The lines so far and the one that is being filled.
struct Lines {
    done: Vec<Range<usize>>,
    first: usize,
    rest: usize,
    line: Range<usize>,
    /// Columns that `line` fills.
    used: usize,
    /// Spaces after `line`, part of it only if a word follows on the same line.
    spaces: usize,
}

impl Lines {
    fn paragraph(&mut self, text: &str, offset: usize) {
        let mut word = 0..0;
        for (at, grapheme) in text.grapheme_indices(true) {
            let end = at + grapheme.len();
            if grapheme == " " || grapheme.width() > 1 {
                self.word(text, word.clone(), offset);
                if grapheme == " " {
                    self.spaces += 1;
                } else {
                    self.word(text, at..end, offset);
                }
                word = end..end;
            } else {
                word.end = end;
            }
        }
        self.word(text, word, offset);
    }

    fn word(&mut self, text: &str, word: Range<usize>, offset: usize) {
        let letters = text.get(word.clone()).unwrap_or_default();
        if letters.is_empty() {
            return;
        }
        let columns = width(letters);
        let start = offset + word.start;
        if self.used + self.spaces + columns > self.columns() {
            if !self.line.is_empty() || self.done.is_empty() && columns <= self.rest {
                self.break_line(start);
            } else {
                self.restart(start);
            }
        }
        if self.used + self.spaces + columns <= self.columns() {
            self.line.end = offset + word.end;
            self.used += self.spaces + columns;
            self.spaces = 0;
        } else {
            self.long_word(letters, start);
        }
    }

    /// Fills line after line with a word that is longer than one.
    fn long_word(&mut self, word: &str, start: usize) {
        for (at, grapheme) in word.grapheme_indices(true) {
            let columns = grapheme.width();
            if self.used + columns > self.columns()
                && (!self.line.is_empty() || self.done.is_empty() && columns <= self.rest)
            {
                self.break_line(start + at);
            }
            let end = start + at + grapheme.len();
            if self.used + columns > self.columns() {
                self.restart(end);
            } else {
                self.line.end = end;
                self.used += columns;
            }
        }
    }

    fn end_paragraph(&mut self) {
        // Spaces that were just typed have to move the cursor. A space is one byte and one column.
        self.line.end += self.spaces.min(self.columns().saturating_sub(self.used));
        let end = self.line.end;
        self.break_line(end);
    }

    fn break_line(&mut self, next: usize) {
        self.done.push(self.line.clone());
        self.restart(next);
    }

    fn restart(&mut self, at: usize) {
        self.line = at..at;
        self.used = 0;
        self.spaces = 0;
    }

    fn columns(&self) -> usize {
        if self.done.is_empty() {
            self.first
        } else {
            self.rest
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn lines(text: &str, first: usize, rest: usize) -> Vec<&str> {
        wrap(text, first, rest)
            .into_iter()
            .map(|line| &text[line])
            .collect()
    }

    #[test]
    fn words_move_to_the_next_line_whole() {
        assert_eq!(
            lines("the quick brown fox", 9, 9),
            ["the quick", "brown fox"]
        );
        assert_eq!(lines("one  two", 4, 4), ["one", "two"]);
    }

    #[test]
    fn newlines_break_and_empty_lines_stay() {
        assert_eq!(lines("a\n\nb\n", 9, 9), ["a", "", "b", ""]);
        assert_eq!(lines("", 9, 9), [""]);
    }

    #[test]
    fn wide_characters_break_anywhere() {
        assert_eq!(lines("日本語テキスト", 5, 6), ["日本", "語テキ", "スト"]);
    }

    #[test]
    fn a_long_word_starts_on_its_own_line_and_is_split() {
        assert_eq!(lines("see abcdefghij k", 6, 6), ["see", "abcdef", "ghij k"]);
        assert_eq!(lines("abcdef", 3, 6), ["", "abcdef"]);
    }

    #[test]
    fn indentation_and_typed_spaces_are_kept() {
        assert_eq!(lines("  if x", 9, 9), ["  if x"]);
        assert_eq!(lines("word  ", 9, 9), ["word  "]);
        assert_eq!(lines("word  ", 5, 5), ["word "]);
    }

    #[test]
    fn the_cursor_stands_where_its_line_is_drawn() {
        let text = "日本 x";
        assert_eq!(column_at(text, &(0..text.len()), 6), 4);
        assert_eq!(column_at(text, &(0..6), 99), 4);
    }

    proptest! {
        #[test]
        fn no_line_is_wider_than_its_column(text in "[a-z 日👧\n\u{301}]{0,80}", first in 0usize..20, rest in 0usize..20) {
            for (index, line) in wrap(&text, first, rest).into_iter().enumerate() {
                let columns = if index == 0 { first } else { rest };
                prop_assert!(width(&text[line]) <= columns);
            }
        }

        #[test]
        fn only_spaces_and_newlines_are_left_out(text in any::<String>(), columns in 4usize..40) {
            let shown: String = lines(&text, columns, columns).concat();
            let squeeze = |text: &str| text.replace([' ', '\n'], "");
            prop_assert_eq!(squeeze(&shown), squeeze(&text));
        }
    }
}
