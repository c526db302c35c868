//! The command line. Every setting is also an environment variable and a key of `dialtone.toml`.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;
use serde::Deserialize;

/// Serves end-to-end encrypted chat from one binary.
#[derive(Debug, Parser)]
#[command(name = "dialtone-server", version, about, max_term_width = 100)]
pub struct Cli {
    /// The settings that stand on the command line or in the environment.
    #[command(flatten)]
    pub flags: Flags,
    /// What to do instead of serving.
    #[command(subcommand)]
    pub command: Option<Command>,
}

/// What to do instead of serving.
#[derive(Clone, Debug, Subcommand)]
pub enum Command {
    /// Prints an invite link; the founding link while nobody has founded the community.
    Invite,
    /// Prints the completions of a shell.
    #[command(hide = true)]
    Completions {
        /// The shell.
        shell: Shell,
    },
    /// Prints the manual page.
    #[command(hide = true)]
    Man,
}

/// The settings as flags and environment variables.
#[derive(Clone, Debug, Default, Args)]
pub struct Flags {
    /// Where secrets, database and dialtone.toml live [default: dialtone-server in the user's data directory]
    #[arg(long, global = true, value_name = "DIR", env = "DIALTONE_DATA_DIR")]
    pub data_dir: Option<PathBuf>,

    /// Where to listen [default: 127.0.0.1:8080]
    #[arg(
        long,
        global = true,
        value_name = "ADDR:PORT",
        env = "DIALTONE_LISTEN_ADDR"
    )]
    pub listen: Option<String>,

    /// The address under which people reach this server; it stands in invite links
    #[arg(long, global = true, value_name = "URL", env = "DIALTONE_PUBLIC_URL")]
    pub public_url: Option<String>,

    /// The database: sqlite://PATH or postgres://USER@HOST/NAME [default: dialtone.db in the data directory]
    #[arg(
        long,
        global = true,
        value_name = "URL",
        env = "DIALTONE_DB_URL",
        hide_env_values = true
    )]
    pub db_url: Option<String>,

    /// The runtime under the server [default: smol]
    #[arg(long, global = true, value_enum, env = "DIALTONE_RUNTIME")]
    pub runtime: Option<RuntimeName>,

    /// Whether clients of the original dialtone are served [default: on]
    #[arg(long, global = true, value_enum, env = "DIALTONE_COMPAT")]
    pub compat: Option<Switch>,

    /// A PEM file with the certificate chain; needs --tls-key
    #[arg(long, global = true, value_name = "FILE", env = "DIALTONE_TLS_CERT")]
    pub tls_cert: Option<PathBuf>,

    /// A PEM file with the certificate's private key
    #[arg(long, global = true, value_name = "FILE", env = "DIALTONE_TLS_KEY")]
    pub tls_key: Option<PathBuf>,

    /// STUN servers for voice, as HOST:PORT, parted by commas
    #[arg(long, global = true, value_name = "SERVERS", env = "DIALTONE_STUN")]
    pub stun: Option<String>,

    /// TURN servers for voice, as HOST:PORT or turns:HOST:PORT?transport=tcp, parted by commas
    #[arg(long, global = true, value_name = "SERVERS", env = "DIALTONE_TURN")]
    pub turn: Option<String>,

    /// Writes the log as one JSON object a line
    #[arg(long, global = true)]
    pub log_json: bool,

    // Secrets have no flag: a command line is visible to every user of the machine.
    /// See `DIALTONE_USERNAME_PEPPER` in docs/operations.md.
    #[arg(skip = variable("DIALTONE_USERNAME_PEPPER"))]
    pub username_pepper: Option<String>,
    /// See `DIALTONE_ADMIN_TOKEN` in docs/operations.md.
    #[arg(skip = variable("DIALTONE_ADMIN_TOKEN"))]
    pub admin_token: Option<String>,
    /// See `DIALTONE_CHANNEL_KEY` in docs/operations.md.
    #[arg(skip = variable("DIALTONE_CHANNEL_KEY"))]
    pub channel_key: Option<String>,
    /// See `TURN_USER` in docs/operations.md.
    #[arg(skip = variable("TURN_USER"))]
    pub turn_user: Option<String>,
    /// See `TURN_PASS` in docs/operations.md.
    #[arg(skip = variable("TURN_PASS"))]
    pub turn_pass: Option<String>,
    /// See `TURN_SECRET` in docs/operations.md.
    #[arg(skip = variable("TURN_SECRET"))]
    pub turn_secret: Option<String>,
}

/// A runtime that the server can run on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RuntimeName {
    /// smol's executor and reactor.
    Smol,
    /// tokio.
    Tokio,
}

/// On or off.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Switch {
    /// On.
    On,
    /// Off.
    Off,
}

/// An environment variable; an empty one counts as not set.
fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}
