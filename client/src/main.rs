//! `dialtone`: end-to-end encrypted chat for the terminal.

use std::io::{self, IsTerminal, Write};
use std::num::NonZero;
use std::process::ExitCode;

use clap::Parser;
use dialtone_client::cli::{Cli, RuntimeName, Shared};
use dialtone_client::exit::{Exit, Failure};
use dialtone_client::headless;
use dialtone_client::home::Home;
use dialtone_client::tui;
use dialtone_client::voice::VoiceOptions;
use dialtone_protocol::runtime::Runtime;
use dialtone_runtime_smol::Smol;
use dialtone_runtime_tokio::Tokio;

/// Threads for the tasks. A client has little to do at once; stretching passphrases runs on threads of its own.
const THREADS: NonZero<usize> = NonZero::new(2).unwrap();

fn main() -> ExitCode {
    let cli = Cli::parse();
    let outcome = match cli.shared.runtime {
        RuntimeName::Smol => Smol::run(THREADS, |runtime| run(runtime, cli)),
        RuntimeName::Tokio => Tokio::run(THREADS, |runtime| run(runtime, cli)),
    };
    let exit = match outcome {
        Ok(Ok(())) => Exit::Done,
        Ok(Err(failure)) => {
            if failure.exit != Exit::Done {
                complain(&failure);
            }
            failure.exit
        }
        Err(error) => {
            complain(&Failure::new(Exit::Failed, error));
            Exit::Failed
        }
    };
    ExitCode::from(exit as u8)
}

async fn run<R: Runtime>(runtime: R, cli: Cli) -> Result<(), Failure> {
    let voice = cli.voice;
    match cli.command {
        Some(command) => headless::run(runtime, cli.shared, voice, command).await,
        None => screen(runtime, cli.shared, voice, cli.link).await,
    }
}

#[cfg(feature = "tui")]
async fn screen<R: Runtime>(
    runtime: R,
    shared: Shared,
    voice: VoiceOptions,
    link: Option<String>,
) -> Result<(), Failure> {
    if !io::stdin().is_terminal() || !io::stdout().is_terminal() {
        return Err(Failure::new(Exit::Usage, "the screen needs a terminal").or(NO_SCREEN));
    }
    let start = tui::Start {
        options: shared.options(),
        home: Home::open(shared.home.clone())?,
        account: shared.account.clone(),
        link,
        shared,
        voice,
    };
    tui::run(runtime, start).await
}

#[cfg(not(feature = "tui"))]
async fn screen<R: Runtime>(
    _: R,
    _: Shared,
    _: VoiceOptions,
    _: Option<String>,
) -> Result<(), Failure> {
    Err(Failure::new(Exit::Usage, "this build of dialtone has no screen").or(NO_SCREEN))
}

const NO_SCREEN: &str = "See what works without one: dialtone --help";

fn complain(failure: &Failure) {
    // When nobody reads standard error there is nobody to tell.
    let _ = writeln!(io::stderr().lock(), "dialtone: {failure}");
}
