//! Results on standard output, all else on standard error.

use std::io::{self, Write};

use clap::CommandFactory;
use serde::Serialize;

use crate::cli::Cli;
use crate::exit::{Exit, Failure};

/// Prints one line of a result.
pub(super) fn line(text: &str) -> Result<(), Failure> {
    let mut out = io::stdout().lock();
    writeln!(out, "{text}")
        .and_then(|()| out.flush())
        .map_err(broken)
}

/// Prints one object of a result, on one line.
pub(super) fn object(value: &impl Serialize) -> Result<(), Failure> {
    let text = serde_json::to_string(value).map_err(|error| Failure::new(Exit::Failed, error))?;
    line(&text)
}

/// Says something that is no result.
pub(super) fn note(text: &str) {
    // When nobody reads standard error there is nobody to tell.
    let _ = writeln!(io::stderr().lock(), "{text}");
}

/// A text of others, as far as it is safe to show on a terminal: without control characters, on one line.
pub(super) fn harmless(text: &str) -> String {
    let shown = |char: char| match char {
        '\n' => '\u{23ce}',
        '\t' => ' ',
        char if char.is_control() || is_reordering(char) => '\u{fffd}',
        char => char,
    };
    text.chars().map(shown).collect()
}

/// Prints a script that completes the command line.
pub(super) fn completions(shell: clap_complete::Shell) -> Result<(), Failure> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "dialtone", &mut script);
    io::stdout().write_all(&script).map_err(broken)
}

/// Prints the manual page.
pub(super) fn man() -> Result<(), Failure> {
    let mut page = Vec::new();
    clap_mangen::Man::new(Cli::command())
        .render(&mut page)
        .and_then(|()| io::stdout().write_all(&page))
        .map_err(broken)
}

/// Characters that change the order in which others are shown.
const fn is_reordering(char: char) -> bool {
    matches!(char, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{200e}' | '\u{200f}')
}

#[expect(clippy::needless_pass_by_value, reason = "it is given to map_err")]
fn broken(error: io::Error) -> Failure {
    if error.kind() == io::ErrorKind::BrokenPipe {
        return Failure::nobody_reads();
    }
    Failure::new(
        Exit::Failed,
        format_args!("cannot write to standard output: {error}"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_others_wrote_cannot_drive_the_terminal() {
        assert_eq!(
            harmless("a\x1b[31mred\u{9b}2J\r\n\u{202e}b"),
            "a\u{fffd}[31mred\u{fffd}2J\u{fffd}\u{23ce}\u{fffd}b"
        );
        assert_eq!(harmless("grüße 👩‍👩‍👧 日本"), "grüße 👩‍👩‍👧 日本");
    }
}
