//! The options of voice: the original's flags with its names, and ours.

use std::path::PathBuf;

use clap::{ArgAction, Args, ValueEnum};
use dialtone_protocol::voice::ipc::MAX_LEVEL;

/// How voice is set up.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Options of voice")]
pub struct VoiceOptions {
    /// Start the voice daemon when it is needed
    #[arg(long = "voice-auto", global = true, value_name = "BOOL", default_value_t = true, action = ArgAction::Set)]
    pub auto: bool,
    /// The voice daemon (default: DIALTONE_VOICE_DAEMON, DIALTONE_VOICED, dialtone-voiced beside this program or in
    /// the PATH)
    #[arg(long = "voiced", global = true, value_name = "FILE")]
    pub daemon: Option<PathBuf>,
    /// The daemon's socket (default: one for each account)
    #[arg(long = "voice-ipc", global = true, value_name = "PATH")]
    pub ipc: Option<PathBuf>,
    /// Write what the daemon says of itself to voiced.log in the home that was named, or else in the folder for such
    /// things ($XDG_STATE_HOME/dialtone)
    #[arg(long = "voice-debug", global = true)]
    pub debug: bool,
    /// Write what the daemon says of itself to this file
    #[arg(long = "voice-log", global = true, value_name = "FILE")]
    pub log: Option<PathBuf>,
    /// Send sound only while this key is held
    #[arg(long = "voice-ptt", global = true, value_name = "KEY")]
    pub ptt: Option<String>,
    /// Who watches that key
    #[arg(
        long = "voice-ptt-backend",
        global = true,
        value_enum,
        value_name = "BACKEND"
    )]
    pub ptt_backend: Option<PttBackend>,
    /// From which level on sound counts as speech, 1 to 32767, in place of what was set and kept
    #[arg(long = "voice-vad", global = true, value_name = "LEVEL", value_parser = clap::value_parser!(u32).range(1..=i64::from(MAX_LEVEL)))]
    pub threshold: Option<u32>,
    /// Leave what the loudspeaker plays in what the microphone hears: with headphones there is nothing to take out
    #[arg(long = "voice-keep-echo", global = true)]
    pub keep_echo: bool,
    /// Leave the noise in what the microphone hears
    #[arg(long = "voice-keep-noise", global = true)]
    pub keep_noise: bool,
    /// Send sound as loud as the microphone hears it, and not all speech equally loud
    #[arg(long = "voice-keep-level", global = true)]
    pub keep_level: bool,
    /// STUN servers in place of those that the server names: HOST:PORT, several with commas
    #[arg(long = "voice-stun", global = true, value_name = "SERVERS")]
    pub stun: Option<String>,
    /// TURN servers in place of those that the server names: HOST:PORT, turn:HOST:PORT?transport=tcp or
    /// turns:HOST:PORT, several with commas
    #[arg(long = "voice-turn", global = true, value_name = "SERVERS")]
    pub turn: Option<String>,
    /// The name to log in there with
    #[arg(long = "voice-turn-user", global = true, value_name = "NAME")]
    pub turn_user: Option<String>,
    /// The password; others can read it on a command line: better set DIALTONE_TURN_PASS
    #[arg(
        long = "voice-turn-pass",
        global = true,
        value_name = "PASSWORD",
        env = "DIALTONE_TURN_PASS",
        hide_env_values = true
    )]
    pub turn_pass: Option<String>,
    /// Reach others through relays alone, so that they do not learn the address of this machine
    #[arg(long = "voice-relay-only", global = true)]
    pub relay_only: bool,
    /// Log once a second what the microphone hears
    #[arg(long = "voice-meter", global = true)]
    pub meter: bool,
    /// Hear this user though its program signs nothing: its id, or the first 8 characters of it
    #[arg(long = "allow-unverified-voice", global = true, value_name = "NAME")]
    pub unverified: Vec<String>,
}

impl Default for VoiceOptions {
    fn default() -> Self {
        Self {
            auto: true,
            daemon: None,
            ipc: None,
            debug: false,
            log: None,
            ptt: None,
            ptt_backend: None,
            threshold: None,
            keep_echo: false,
            keep_noise: false,
            keep_level: false,
            stun: None,
            turn: None,
            turn_user: None,
            turn_pass: None,
            relay_only: false,
            meter: false,
            unverified: Vec::new(),
        }
    }
}

/// Who watches the key to talk.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
#[non_exhaustive]
pub enum PttBackend {
    /// The desktop, and the terminal where it says when a key is let go of
    Auto,
    /// The desktop's portal
    Portal,
    /// The X server
    Hotkey,
    /// The terminal, while it has the focus
    Terminal,
    /// `dialtone ptt down|up|toggle`, bound to a key by the desktop
    Command,
}

impl PttBackend {
    /// Its name to the daemon. What the terminal sees reaches it as what the command says does: over its socket.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Portal => "portal",
            Self::Hotkey => "hotkey",
            Self::Terminal | Self::Command => "command",
        }
    }
}
