//! Widths in columns, counted as the screen is drawn: grapheme by grapheme.

use unicode_segmentation::UnicodeSegmentation as _;
use unicode_width::UnicodeWidthStr as _;

/// Columns that a text takes on one line.
///
/// This is the sum over the graphemes. The width of the whole may be less, where letters join, but a terminal's cells
/// are filled one grapheme at a time.
#[must_use]
pub fn width(text: &str) -> usize {
    text.graphemes(true).map(|grapheme| grapheme.width()).sum()
}

/// The text, or as much of it as fits into `columns` with an ellipsis at its end.
#[must_use]
pub fn clip(text: &str, columns: usize) -> String {
    if width(text) <= columns {
        return text.to_owned();
    }
    let Some(room) = columns.checked_sub(1) else {
        return String::new();
    };
    let mut clipped = String::new();
    let mut used = 0;
    for grapheme in text.graphemes(true) {
        used += grapheme.width();
        if used > room {
            break;
        }
        clipped.push_str(grapheme);
    }
    clipped.push('…');
    clipped
}

/// The text [clipped](clip) and filled up with spaces to exactly `columns`.
#[must_use]
pub fn pad(text: &str, columns: usize) -> String {
    let mut padded = clip(text, columns);
    padded.extend(std::iter::repeat_n(
        ' ',
        columns.saturating_sub(width(&padded)),
    ));
    padded
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn wide_graphemes_take_two_columns() {
        assert_eq!(width("日本"), 4);
        assert_eq!(width("👩‍👩‍👧"), 2);
        assert_eq!(width("e\u{301}"), 1);
    }

    #[test]
    fn a_clipped_text_ends_with_an_ellipsis() {
        assert_eq!(clip("channel", 7), "channel");
        assert_eq!(clip("channel", 5), "chan…");
        assert_eq!(clip("日本語", 4), "日…");
        assert_eq!(clip("x", 0), "");
    }

    proptest! {
        #[test]
        fn a_padded_text_fills_its_columns(text in "\\PC*", columns in 0usize..60) {
            prop_assert_eq!(width(&pad(&text, columns)), columns);
        }
    }
}
