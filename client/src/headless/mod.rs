//! The commands that need no screen: one file each. They share a session: an account that is connected.

mod channels;
mod invite;
mod join;
mod login;
mod members;
mod output;
mod prompt;
mod send;
mod session;
mod tail;
mod voice;

use std::time::Duration;

use dialtone_protocol::runtime::Runtime;

use crate::account::Options;
use crate::cli::{Command, Shared};
use crate::exit::Failure;
use crate::home::Home;
use crate::voice::VoiceOptions;
use session::Session;

/// Runs a command to its end.
///
/// # Errors
///
/// When it was not done.
pub async fn run<R: Runtime>(
    runtime: R,
    shared: Shared,
    options: VoiceOptions,
    command: Command,
) -> Result<(), Failure> {
    let context = Context::new(runtime, shared)?;
    match command {
        Command::Join {
            link,
            username,
            found,
        } => join::run(context, &link, &username, found).await,
        Command::Login { server, username } => login::run(context, &server, &username).await,
        Command::Channels { action, json } => channels::run(context, action, json).await,
        Command::Send {
            channel,
            text,
            lines,
        } => send::run(context, &channel, text, lines).await,
        Command::Tail {
            channel,
            json,
            count,
            from_seq,
        } => {
            let wanted = tail::Wanted {
                channel,
                json,
                count,
                from_seq,
            };
            tail::run(context, wanted).await
        }
        Command::Members { action, json } => members::run(context, action, json).await,
        Command::Invite { action } => invite::run(context, action).await,
        Command::Voice { action } => voice::run(context, options, action).await,
        Command::Ptt { action } => voice::press(context, options, action).await,
        Command::Completions { shell } => output::completions(shell),
        Command::Man => output::man(),
    }
}

/// What every command works with.
struct Context<R> {
    runtime: R,
    home: Home,
    account: Option<String>,
    shared: Shared,
    options: Options,
    wait: Duration,
    timeout: Duration,
}

impl<R: Runtime> Context<R> {
    fn new(runtime: R, shared: Shared) -> Result<Self, Failure> {
        Ok(Self {
            runtime,
            options: shared.options(),
            home: Home::open(shared.home.clone())?,
            account: shared.account.clone(),
            wait: Duration::from_secs(shared.wait),
            timeout: Duration::from_secs(shared.timeout),
            shared,
        })
    }

    /// Opens and connects the account that is meant.
    async fn session(self) -> Result<Session<R>, Failure> {
        let account = self.home.choose(self.account.as_deref())?;
        Session::open(&self, &account).await
    }
}
