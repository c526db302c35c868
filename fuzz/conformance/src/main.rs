//! `dialtone-conformance`: what a server of the base API does under load.

mod cli;

use std::io::{self, Write};
use std::process::ExitCode;

use clap::Parser;

fn main() -> ExitCode {
    match cli::Cli::parse().run() {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            // Nothing is left to tell it to when even this fails.
            let _told = writeln!(io::stderr(), "dialtone-conformance: {error}");
            ExitCode::from(2)
        }
    }
}
