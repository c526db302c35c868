//! The one gate for text that somebody else wrote: nothing of it may move the cursor, change a colour, reorder a line
//! or hide.

use std::iter::Peekable;
use std::str::Chars;

use unicode_segmentation::UnicodeSegmentation as _;

/// What a tab becomes: a terminal's own tab stops would break the columns.
const TAB: &str = "    ";

/// Characters of one grapheme that are kept. The longest emoji sequence in use has ten; stacks of combining marks
/// past that paint over the lines above and below.
const MAX_GRAPHEME_CHARS: usize = 12;

/// Makes a text safe to draw; lines stay lines.
///
/// Escape sequences go as a whole, other control characters one by one, and so do characters that reorder a line or
/// take no room. Whatever is left is a newline or has a place of its own on the screen.
#[must_use]
pub fn sanitize(text: &str) -> String {
    shorten_graphemes(&strip(text))
}

/// As [`sanitize`], for names and other texts of one line: line breaks become spaces, and the ends are trimmed.
#[must_use]
pub fn sanitize_line(text: &str) -> String {
    sanitize(text).replace('\n', " ").trim().to_owned()
}

fn strip(text: &str) -> String {
    let mut clean = String::with_capacity(text.len());
    let mut rest = text.chars().peekable();
    while let Some(next) = rest.next() {
        match next {
            '\t' => clean.push_str(TAB),
            '\r' => {
                rest.next_if_eq(&'\n');
                clean.push('\n');
            }
            '\n' | '\u{85}' | '\u{2028}' | '\u{2029}' => clean.push('\n'),
            '\u{1b}' => skip_sequence(&mut rest),
            '\u{9b}' => skip_control_sequence(&mut rest),
            _ if next.is_control() || is_hidden(next) => {}
            // Joiners shape Arabic, Indic and emoji text; anywhere else they only hide in a name.
            '\u{200c}' | '\u{200d}' if !clean.ends_with(is_joinable) => {}
            _ => clean.push(next),
        }
    }
    clean
}

/// Skips what follows an escape character, where it is a sequence that ends.
fn skip_sequence(rest: &mut Peekable<Chars<'_>>) {
    match rest.peek() {
        Some('[') => {
            rest.next();
            skip_control_sequence(rest);
        }
        Some(']' | 'P' | 'X' | '^' | '_') => {
            // An operating system command or another string. One that never ends must not swallow the message.
            let mut ahead = rest.clone();
            while let Some(next) = ahead.next() {
                let ends = matches!(next, '\u{7}' | '\u{9c}')
                    || next == '\u{1b}' && ahead.next_if_eq(&'\\').is_some();
                if ends {
                    *rest = ahead;
                    return;
                }
            }
        }
        _ => {}
    }
}

/// Skips parameters and the final character of a control sequence.
fn skip_control_sequence(rest: &mut Peekable<Chars<'_>>) {
    while rest.next_if(|next| matches!(next, ' '..='?')).is_some() {}
    rest.next_if(|next| matches!(next, '@'..='~'));
}

/// Whether a character reorders its line or takes no room while it changes how others are read.
fn is_hidden(next: char) -> bool {
    matches!(
        next,
        '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{180e}' | '\u{200b}' | '\u{200e}' | '\u{200f}' | '\u{3164}'
            | '\u{feff}' | '\u{ffa0}'
            | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{fe00}'..='\u{fe0d}'
            | '\u{fff0}'..='\u{fffb}' | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e0fff}'
    )
}

/// Whether a joiner after this character can mean something: scripts from Arabic on, and emoji.
fn is_joinable(before: char) -> bool {
    before >= '\u{600}' && !matches!(before, '\u{200c}' | '\u{200d}')
}

fn shorten_graphemes(text: &str) -> String {
    let mut clean = String::with_capacity(text.len());
    for grapheme in text.graphemes(true) {
        match grapheme.char_indices().nth(MAX_GRAPHEME_CHARS) {
            // A joiner left at the end would pull in the next grapheme.
            Some((end, _)) => clean.push_str(
                grapheme
                    .get(..end)
                    .unwrap_or_default()
                    .trim_end_matches('\u{200d}'),
            ),
            None => clean.push_str(grapheme),
        }
    }
    clean
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn escape_sequences_leave_nothing_behind() {
        assert_eq!(sanitize("\u{1b}[31;1mred\u{1b}[0m"), "red");
        assert_eq!(sanitize("\u{1b}]0;title\u{7}after"), "after");
        assert_eq!(
            sanitize("\u{1b}]8;;http://evil\u{1b}\\link\u{1b}]8;;\u{1b}\\"),
            "link"
        );
        assert_eq!(sanitize("\u{9b}2Jx"), "x");
        assert_eq!(sanitize("a\u{1b}cb\u{8}\u{7f}\u{0}"), "acb");
    }

    #[test]
    fn an_unended_sequence_hides_no_text() {
        assert_eq!(
            sanitize("\u{1b}]0;the rest is still read"),
            "]0;the rest is still read"
        );
    }

    #[test]
    fn line_breaks_become_newlines_and_tabs_spaces() {
        assert_eq!(sanitize("a\r\nb\rc\u{2028}d\te"), "a\nb\nc\nd    e");
        assert_eq!(sanitize_line(" a\nb \n"), "a b");
    }

    #[test]
    fn nothing_reorders_or_hides() {
        assert_eq!(
            sanitize("\u{202e}evil\u{2066}\u{200b}\u{feff}\u{ad}"),
            "evil"
        );
        assert_eq!(sanitize("ad\u{200d}min"), "admin");
    }

    #[test]
    fn emoji_and_scripts_that_need_joiners_keep_them() {
        for text in ["👩‍👩‍👧", "می‌خواهم", "क्‍ष", "❤️", "日本語"]
        {
            assert_eq!(sanitize(text), text);
        }
    }

    #[test]
    fn stacks_of_marks_are_cut() {
        let tall = format!("a{}b", "\u{301}".repeat(100));
        assert_eq!(sanitize(&tall).chars().count(), MAX_GRAPHEME_CHARS + 1);
    }

    proptest! {
        #[test]
        fn no_control_or_hidden_character_survives(text in hostile()) {
            let clean = sanitize(&text);
            prop_assert!(clean.chars().all(|c| c == '\n' || !c.is_control() && !is_hidden(c)));
            prop_assert!(sanitize_line(&text).chars().all(|c| !c.is_control()));
        }

        #[test]
        fn sanitizing_twice_changes_nothing(text in hostile()) {
            let clean = sanitize(&text);
            prop_assert_eq!(sanitize(&clean), clean);
        }
    }

    /// Any text, and texts that are mostly made of what has to go.
    fn hostile() -> impl Strategy<Value = String> {
        prop_oneof![
            any::<String>(),
            "[\u{1b}\u{9b}\u{9c}\u{7}\u{202e}\u{200d}\u{200c}\u{301}\\[\\]\\\\0-9;mP_a日👩ع\r\n\t]{0,60}",
        ]
    }
}
