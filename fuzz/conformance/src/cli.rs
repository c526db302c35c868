//! The command line.

use std::error::Error;
use std::io::{self, Write};
use std::num::NonZero;
use std::time::Duration;

use clap::{Args, Parser, Subcommand, ValueEnum};
use dialtone_conformance::base::{Access, Address};
use dialtone_conformance::load::{self, Mode, Plan, Report};
use dialtone_runtime_smol::Smol;
use dialtone_runtime_tokio::Tokio;

/// A black-box kit for servers that speak dialtone's base API.
#[derive(Debug, Parser)]
#[command(version)]
pub(crate) struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Sends to one channel with many receivers, and counts what arrives. Exits with 1 when something is wrong.
    Load(Load),
}

#[derive(Debug, Args)]
struct Load {
    /// The server, http://HOST:PORT
    #[arg(long)]
    server: String,
    #[command(flatten)]
    access: AccessArgs,
    /// The channel to send to; without one a new one is made, or the newest taken
    #[arg(long)]
    channel: Option<String>,
    /// Connections, all of which receive
    #[arg(long, default_value_t = 200)]
    receivers: usize,
    /// How many of them belong to one user; only --admin-token makes several users
    #[arg(long, default_value_t = 100)]
    per_user: usize,
    /// How many of them send as well
    #[arg(long, default_value_t = 8)]
    senders: u16,
    /// For how long
    #[arg(long, default_value_t = 10)]
    seconds: u64,
    /// When to send: after an own message came back, at once, never, or at a rate
    #[arg(long, value_enum, default_value_t = ModeName::Closed)]
    mode: ModeName,
    /// Messages on their way from each sender, in closed mode
    #[arg(long, default_value_t = 1)]
    window: u32,
    /// Messages a second of all senders together, in paced mode
    #[arg(long, default_value_t = 50)]
    rate: u32,
    /// Messages at most, of all senders together
    #[arg(long)]
    messages: Option<u32>,
    /// The size of a body
    #[arg(long, default_value_t = 200)]
    body_bytes: usize,
    /// Seconds without any arrival until what is missing counts as lost
    #[arg(long, default_value_t = 5)]
    patience: u64,
    /// The server's process, to measure its memory and processor time
    #[arg(long)]
    server_pid: Option<u32>,
    /// The runtime of the load
    #[arg(long, value_enum, default_value_t = RuntimeName::Tokio)]
    runtime: RuntimeName,
    /// Threads of the load
    #[arg(long, default_value_t = NonZero::<usize>::MIN)]
    threads: NonZero<usize>,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
struct AccessArgs {
    /// An invite's token
    #[arg(long)]
    invite: Option<String>,
    /// The host's token, to make an invite with
    #[arg(long)]
    admin_token: Option<String>,
    /// A session's token
    #[arg(long)]
    token: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum ModeName {
    Closed,
    Flood,
    Idle,
    Paced,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum RuntimeName {
    Smol,
    Tokio,
}

impl Cli {
    /// Does what is asked. Says whether the server did well.
    pub(crate) fn run(self) -> Result<bool, Box<dyn Error>> {
        match self.command {
            Command::Load(load) => load.run(),
        }
    }
}

impl Load {
    fn run(self) -> Result<bool, Box<dyn Error>> {
        let (runtime, threads, json) = (self.runtime, self.threads, self.json);
        let plan = self.plan()?;
        let report = match runtime {
            RuntimeName::Smol => Smol::run(threads, |runtime| load::run(runtime, plan))??,
            RuntimeName::Tokio => Tokio::run(threads, |runtime| load::run(runtime, plan))??,
        };
        print(&report, json)?;
        Ok(report.is_whole())
    }

    fn plan(self) -> Result<Plan, Box<dyn Error>> {
        let mode = match self.mode {
            ModeName::Closed => Mode::Closed {
                window: self.window.max(1),
            },
            ModeName::Flood => Mode::Flood,
            ModeName::Idle => Mode::Idle,
            ModeName::Paced => Mode::Paced {
                rate: self.rate.max(1),
            },
        };
        if self.senders == 0 || usize::from(self.senders) > self.receivers {
            return Err("--senders has to be between 1 and --receivers".into());
        }
        Ok(Plan {
            server: Address::resolve(&self.server)?,
            access: self.access.into_access(),
            channel: self.channel,
            receivers: self.receivers,
            per_user: self.per_user,
            senders: self.senders,
            mode,
            span: Duration::from_secs(self.seconds),
            limit: self
                .messages
                .map_or(u32::MAX, |all| all.div_ceil(self.senders.into())),
            body_bytes: self.body_bytes,
            patience: Duration::from_secs(self.patience),
            server_pid: self.server_pid,
        })
    }
}

impl AccessArgs {
    fn into_access(self) -> Access {
        match (self.invite, self.admin_token) {
            (Some(invite), _) => Access::Invite(invite),
            (None, Some(token)) => Access::AdminToken(token),
            // The parser lets nothing else through.
            (None, None) => Access::Token(self.token.unwrap_or_default()),
        }
    }
}

fn print(report: &Report, json: bool) -> Result<(), Box<dyn Error>> {
    let mut out = io::stdout().lock();
    if json {
        writeln!(out, "{}", serde_json::to_string(report)?)?;
    } else {
        write!(out, "{report}")?;
    }
    Ok(())
}
