//! The program `dialtone-server`.

use std::io::Write;
use std::process::ExitCode;

use clap::Parser;
use dialtone_server::cli::Cli;
use dialtone_server::run::run;

fn main() -> ExitCode {
    match run(Cli::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // Nothing can be done where stderr is closed.
            let _told = writeln!(std::io::stderr(), "dialtone-server: {error}");
            ExitCode::FAILURE
        }
    }
}
