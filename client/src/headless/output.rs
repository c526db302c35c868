//! Results on standard output, all else on standard error.

use std::io::{self, Write};

use clap::CommandFactory;
use serde::Serialize;

use crate::cli::Cli;
use crate::exit::{Exit, Failure};
use crate::harmless::{harmless, is_harmful};

/// Prints one line of a result.
pub(super) fn line(text: &str) -> Result<(), Failure> {
    let mut out = io::stdout().lock();
    writeln!(out, "{text}")
        .and_then(|()| out.flush())
        .map_err(broken)
}

/// Prints one object of a result, on one line.
pub(super) fn object(value: &impl Serialize) -> Result<(), Failure> {
    let text = json(value).map_err(|error| Failure::new(Exit::Failed, error))?;
    line(&text)
}

/// JSON that is harmless on a terminal. What is harmful stands inside of strings, and can be escaped there.
fn json(value: &impl Serialize) -> serde_json::Result<String> {
    let mut json = String::new();
    for char in serde_json::to_string(value)?.chars() {
        if is_harmful(char) {
            json.push_str(&format!("\\u{:04x}", u32::from(char)));
        } else {
            json.push(char);
        }
    }
    Ok(json)
}

/// Says something that is no result, on one line.
pub(super) fn note(text: &str) {
    // When nobody reads standard error there is nobody to tell.
    let _ = writeln!(io::stderr().lock(), "{}", harmless(text));
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
    use proptest::prelude::*;

    use super::*;

    /// Spec 10.26.
    #[test]
    fn an_object_cannot_drive_the_terminal_either() {
        assert_eq!(
            json(&"\u{1b}[31m\u{7f}\u{9b}2J\u{202e}\u{61c}grüße 👩‍👩‍👧").unwrap(),
            r#""\u001b[31m\u007f\u009b2J\u202e\u061cgrüße 👩‍👩‍👧""#
        );
    }

    /// Texts that are full of what drives a terminal.
    const HARMFUL: &str = "[\u{0}-\u{a0}\u{61c}\u{200c}-\u{2070}]{0,32}";

    proptest! {
        #[test]
        fn an_object_keeps_its_value_and_is_harmless(text in HARMFUL) {
            let json = json(&[&text]).unwrap();
            prop_assert_eq!(&harmless(&json), &json);
            prop_assert_eq!(serde_json::from_str::<[String; 1]>(&json).unwrap(), [text]);
        }
    }
}
