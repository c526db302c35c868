//! `dialtone-voiced`: carries sound between the devices in a room.

use std::io::{self, Write};
use std::num::NonZero;
use std::process::ExitCode;

use clap::Parser;
use dialtone_client::cli::RuntimeName;
use dialtone_client::interrupt;
use dialtone_protocol::runtime::Runtime;
use dialtone_runtime_smol::Smol;
use dialtone_runtime_tokio::Tokio;
use dialtone_voice::cli::Cli;
use dialtone_voice::drive::{self, Settings};

/// Threads for the tasks. Sound has threads of its own.
const THREADS: NonZero<usize> = NonZero::new(2).unwrap();

fn main() -> ExitCode {
    let cli = Cli::parse();
    match cli.print(&mut io::stdout().lock()) {
        Ok(false) => {}
        // Whoever stopped reading has what was wanted.
        Ok(true) | Err(_) => return ExitCode::SUCCESS,
    }
    let runtime = cli.runtime;
    let outcome = cli.settings().and_then(|settings| {
        let outcome = match runtime {
            RuntimeName::Smol => Smol::run(THREADS, |runtime| run(runtime, settings)),
            RuntimeName::Tokio => Tokio::run(THREADS, |runtime| run(runtime, settings)),
        };
        outcome.map_err(|error| error.to_string())?
    });
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // When nobody reads standard error there is nobody to tell.
            let _ = writeln!(io::stderr().lock(), "dialtone-voiced: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn run<R: Runtime>(runtime: R, settings: Settings) -> Result<(), String> {
    let wish = interrupt::watch();
    drive::run(runtime, settings, wish)
        .await
        .map_err(|error| error.to_string())
}
