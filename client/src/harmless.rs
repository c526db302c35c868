//! Text of others on a terminal: it cannot move the cursor, change a colour or turn the order of a line.

/// A text of others, as far as it is safe to show on a terminal: without control characters, on one line.
pub(crate) fn harmless(text: &str) -> String {
    let shown = |char: char| match char {
        '\n' => '\u{23ce}',
        '\t' => ' ',
        char if is_harmful(char) => '\u{fffd}',
        char => char,
    };
    text.chars().map(shown).collect()
}

/// Whether a character drives a terminal, or changes the order in which others are shown.
pub(crate) fn is_harmful(char: char) -> bool {
    char.is_control() || is_reordering(char)
}

const fn is_reordering(char: char) -> bool {
    matches!(
        char,
        '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}'
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_others_wrote_cannot_drive_the_terminal() {
        assert_eq!(
            harmless("a\x1b[31mred\u{9b}2J\r\n\u{202e}b\u{61c}"),
            "a\u{fffd}[31mred\u{fffd}2J\u{fffd}\u{23ce}\u{fffd}b\u{fffd}"
        );
        assert_eq!(harmless("grüße 👩‍👩‍👧 日本"), "grüße 👩‍👩‍👧 日本");
    }
}
