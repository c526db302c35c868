//! The command line.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::account::Options;
use crate::link::Trust;
use crate::voice::VoiceOptions;

/// End-to-end encrypted chat for the terminal.
///
/// Without a command, the screen opens. With one, the same account works without a screen, for scripts and bots:
/// results go to standard output, all else to standard error.
#[derive(Debug, Parser)]
#[command(name = "dialtone", version, max_term_width = 100, after_help = AFTER)]
pub struct Cli {
    /// What to do without a screen.
    #[command(subcommand)]
    pub command: Option<Command>,
    /// Open the screen with this invite link filled in
    #[arg(long, value_name = "LINK")]
    pub link: Option<String>,
    /// What all commands share.
    #[command(flatten)]
    pub shared: Shared,
    /// How voice is set up.
    #[command(flatten)]
    pub voice: VoiceOptions,
}

const AFTER: &str = "\
The password and the passphrase are asked for at the terminal. Where there is none, or to be asked nothing, set \
DIALTONE_PASSWORD (for the server, when joining) and DIALTONE_PASSPHRASE (for the keystore on this machine). If only \
one of the two is set, it serves as both: the server never gets what was typed.

Exit codes: 0 done, 1 failed, 2 usage, 3 unreachable, 4 refused, 5 busy (another process uses the account).";

/// What all commands share.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Options of all commands")]
pub struct Shared {
    /// The folder with the accounts (default: dialtone in the user's data folder)
    #[arg(long, global = true, value_name = "DIR", env = "DIALTONE_HOME")]
    pub home: Option<PathBuf>,
    /// The account to use, where several are in the home: a username, or the name of its folder
    #[arg(long, global = true, value_name = "NAME", env = "DIALTONE_ACCOUNT")]
    pub account: Option<String>,
    /// A PEM file with the only authorities to trust for the server's certificate
    #[arg(long, global = true, value_name = "FILE", env = "DIALTONE_CA")]
    pub ca: Option<PathBuf>,
    /// Agree to talk to this server without TLS, now and from now on
    #[arg(long, global = true)]
    pub insecure_http: bool,
    /// How long to wait for another process that uses the account
    #[arg(long, global = true, value_name = "SECONDS", default_value_t = 10)]
    pub wait: u64,
    /// How long to go on without the server before giving up
    #[arg(long, global = true, value_name = "SECONDS", default_value_t = 20)]
    pub timeout: u64,
    /// What drives the program: smol or tokio
    #[arg(long, global = true, value_enum, hide_possible_values = true, default_value_t = RuntimeName::Smol, env = "DIALTONE_RUNTIME")]
    pub runtime: RuntimeName,
}

impl Shared {
    /// How servers are reached.
    #[must_use]
    pub fn options(&self) -> Options {
        Options {
            trust: self.ca.clone().map_or(Trust::System, Trust::File),
            allow_insecure: self.insecure_http,
            ..Options::default()
        }
    }
}

/// A runtime.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
#[expect(clippy::exhaustive_enums, reason = "main matches it")]
pub enum RuntimeName {
    /// smol
    Smol,
    /// tokio
    Tokio,
}

impl RuntimeName {
    /// Its name on command lines.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Smol => "smol",
            Self::Tokio => "tokio",
        }
    }
}

/// What to do without a screen.
#[derive(Debug, Subcommand)]
#[expect(clippy::exhaustive_enums, reason = "main matches it")]
pub enum Command {
    /// Make an account by an invite link, or by the link of the first start
    Join {
        /// The link
        link: String,
        /// The name to have there
        #[arg(long, value_name = "NAME")]
        username: String,
        /// Found the community, with a link that does not say so itself
        #[arg(long)]
        found: bool,
    },
    /// Log in with an account of this home, and use it from now on where none is named
    Login {
        /// The server's URL
        #[arg(long, value_name = "URL")]
        server: String,
        /// The name there
        #[arg(long, value_name = "NAME")]
        username: String,
    },
    /// List, make or change channels
    Channels {
        /// What to do; without it, list them
        #[command(subcommand)]
        action: Option<ChannelsAction>,
        /// Print one JSON object a line
        #[arg(long)]
        json: bool,
    },
    /// Send a message, and end once the server has it
    Send {
        /// The channel: its name, with or without #, or its id
        channel: String,
        /// The text; without it, or with -, standard input
        #[arg(allow_hyphen_values = true)]
        text: Option<String>,
        /// Send each line of standard input as a message
        #[arg(long)]
        lines: bool,
    },
    /// Print the messages of a channel, and those that come
    Tail {
        /// The channel: its name, with or without #, or its id
        channel: String,
        /// Print one JSON object a line
        #[arg(long)]
        json: bool,
        /// End after so many messages
        #[arg(long, value_name = "N")]
        count: Option<u64>,
        /// Begin with this number (default: the first unread message)
        #[arg(long, value_name = "N")]
        from_seq: Option<u64>,
    },
    /// List the members, or let one in
    Members {
        /// What to do; without it, list them
        #[command(subcommand)]
        action: Option<MembersAction>,
        /// Print one JSON object a line
        #[arg(long)]
        json: bool,
    },
    /// Make an invite for one newcomer, and print its link
    Invite {
        /// What else to do; without it, make one
        #[command(subcommand)]
        action: Option<InviteAction>,
    },
    /// Talk, or record who talks, in the voice room of a channel
    Voice {
        /// What to do
        #[command(subcommand)]
        action: VoiceAction,
    },
    /// Say that the key to talk is held or not, to the voice daemon that runs: to be bound to a key by the desktop
    Ptt {
        /// What happened to it
        #[arg(value_enum)]
        action: PttAction,
    },
    /// Print a script that completes this command line in a shell
    #[command(hide = true)]
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
    /// Print the manual page
    #[command(hide = true)]
    Man,
}

/// What to do with voice.
#[derive(Debug, Subcommand)]
#[expect(clippy::exhaustive_enums, reason = "the command matches it")]
pub enum VoiceAction {
    /// Enter the room of a channel, until ctrl+c or for a while
    Join {
        /// The channel: its name, with or without #, or its id
        channel: String,
        /// Say what is in this WAV file, as it is, instead of what the microphone hears
        #[arg(long, value_name = "FILE")]
        input: Option<PathBuf>,
        /// Record each speaker into a WAV file in this folder (USER.DEVICE.wav, their ids), and play nothing
        #[arg(long, value_name = "DIR")]
        output: Option<PathBuf>,
        /// Leave after so long in the room: 30s, 5m, 1h
        #[arg(long = "for", value_name = "TIME", value_parser = lasting)]
        lasts: Option<Duration>,
        /// Print what happens, one JSON object a line
        #[arg(long)]
        json: bool,
    },
    /// List who is in which room, as the server says it
    Who {
        /// Print one JSON object a line
        #[arg(long)]
        json: bool,
    },
    /// List the devices for sound
    Devices,
}

/// What happened to the key to talk.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
#[expect(clippy::exhaustive_enums, reason = "the command matches it")]
pub enum PttAction {
    /// It is held from now on
    Down,
    /// It is not held any more
    Up,
    /// It is held if it was not, and the other way round
    Toggle,
}

/// Reads a time such as `30s`.
fn lasting(text: &str) -> Result<Duration, String> {
    let unit = |letter| match letter {
        's' => Some(1),
        'm' => Some(60),
        'h' => Some(3600),
        _ => None,
    };
    let parsed = text.strip_suffix(['s', 'm', 'h']).and_then(|number| {
        let seconds = unit(text.chars().last()?)?;
        number.parse::<u64>().ok()?.checked_mul(seconds)
    });
    parsed
        .filter(|seconds| *seconds > 0)
        .map(Duration::from_secs)
        .ok_or_else(|| "a number with s, m or h behind it, such as 30s".to_owned())
}

/// What to do with channels.
#[derive(Debug, Subcommand)]
#[expect(clippy::exhaustive_enums, reason = "the command matches it")]
pub enum ChannelsAction {
    /// Make a channel, and print it
    Create {
        /// Its name
        name: String,
        /// Only for those who are added
        #[arg(long)]
        private: bool,
        /// Newcomers read only what is written after they came
        #[arg(long)]
        from_join: bool,
    },
    /// Add a member of the community to a private channel
    Add {
        /// The channel
        channel: String,
        /// The member: a name or an id
        member: String,
    },
    /// Give a channel another name
    Rename {
        /// The channel
        channel: String,
        /// Its new name
        name: String,
    },
    /// Delete a channel with its messages
    Delete {
        /// The channel
        channel: String,
    },
}

/// What to do with the invites that are open.
#[derive(Debug, Subcommand)]
#[expect(clippy::exhaustive_enums, reason = "the command matches it")]
pub enum InviteAction {
    /// List the open invites
    List {
        /// Print one JSON object a line
        #[arg(long)]
        json: bool,
    },
    /// End an invite: its link lets nobody in any more, and opens nothing that is written from then on
    Revoke {
        /// Which: its link, or its id as `invite list` shows it, or the id's first digits
        invite: String,
    },
}

/// What to do with members.
#[derive(Debug, Subcommand)]
#[expect(clippy::exhaustive_enums, reason = "the command matches it")]
pub enum MembersAction {
    /// Let somebody in who joined by a host's link, after comparing the safety number with them
    Vouch {
        /// Who: the name that they say, their id, or their safety number
        name: String,
    },
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn no_command_means_the_screen() {
        assert!(Cli::parse_from(["dialtone"]).command.is_none());
    }

    #[test]
    fn what_is_shared_stands_before_or_after_the_command() {
        for line in [
            ["dialtone", "--home", "/h", "invite"],
            ["dialtone", "invite", "--home", "/h"],
        ] {
            assert_eq!(Cli::parse_from(line).shared.home, Some("/h".into()));
        }
    }

    #[test]
    fn a_text_may_begin_with_a_hyphen() {
        for text in ["-", "-5 degrees"] {
            let cli = Cli::parse_from(["dialtone", "send", "#general", text]);
            assert!(
                matches!(cli.command, Some(Command::Send { text: Some(given), .. }) if given == text)
            );
        }
    }
}
