//! How the daemon is set up, and why it does not begin.

use core::fmt;
use std::path::PathBuf;

use dialtone_client::link::{Trust, TrustError};
use dialtone_client::server_url::ServerUrl;
use dialtone_protocol::wire::sensitive::Sensitive;

use crate::audio::{CodecError, SendSettings};
use crate::device::{Sink, Source};
use crate::ipc::BindError;
use crate::media::Named;
use crate::ptt::{Binding, Choice};

/// How the daemon is set up.
#[derive(Debug)]
#[non_exhaustive]
pub struct Settings {
    /// The server.
    pub server: ServerUrl,
    /// Whose word counts for the server's certificate.
    pub trust: Trust,
    /// The token for the server; without one it is asked of the client.
    pub token: Option<Sensitive>,
    /// Where commands come in.
    pub socket: PathBuf,
    /// Where sound comes from.
    pub source: Source,
    /// Where sound goes to.
    pub sink: Sink,
    /// Where each speaker is recorded.
    pub record: Option<PathBuf>,
    /// From which level on sound counts as speech.
    pub threshold: u32,
    /// Take what the loudspeaker plays out of what the microphone hears.
    pub cancel_echo: bool,
    /// Take noise out of what the microphone hears.
    pub suppress_noise: bool,
    /// Bring speech to one level.
    pub even_level: bool,
    /// The key to talk, if one is wanted.
    pub key: Option<Binding>,
    /// Who watches that key.
    pub key_choice: Choice,
    /// STUN servers that are used in place of those that the server names.
    pub stun: Vec<Named>,
    /// TURN servers that are used in place of those that the server names.
    pub turn: Vec<Named>,
    /// Reach others through relays alone, so that they do not learn this device's address.
    pub relay_only: bool,
    /// End when the last client is gone.
    pub ends_with_client: bool,
    /// Say once a second what the microphone hears, on standard error.
    pub meter: bool,
}

impl Settings {
    /// What has a default.
    #[must_use]
    pub fn new(server: ServerUrl, socket: PathBuf) -> Self {
        Self {
            server,
            trust: Trust::System,
            token: None,
            socket,
            source: Source::System,
            sink: Sink::System,
            record: None,
            threshold: DEFAULT_THRESHOLD,
            cancel_echo: true,
            suppress_noise: true,
            even_level: true,
            key: None,
            key_choice: Choice::Auto,
            stun: Vec::new(),
            turn: Vec::new(),
            relay_only: false,
            ends_with_client: false,
            meter: false,
        }
    }

    /// The stages that sound goes through: a file is sent as it is.
    pub(crate) fn stages(&self) -> SendSettings {
        let mut stages = SendSettings::as_it_is();
        if !matches!(self.source, Source::File(_)) {
            stages.cancel_echo = self.cancel_echo;
            stages.suppress = self.suppress_noise;
            stages.gain = self.even_level;
        }
        stages
    }
}

/// From which level on sound counts as speech: the original's figure.
pub const DEFAULT_THRESHOLD: u32 = 500;

/// Why the daemon does not run.
#[derive(Debug)]
#[non_exhaustive]
pub enum DaemonError {
    /// The socket for commands cannot be opened.
    Bind(BindError),
    /// What is trusted cannot be read.
    Trust(TrustError),
    /// Opus cannot be set up.
    Codec(CodecError),
    /// Speakers cannot be recorded there.
    Record(PathBuf, std::io::Error),
    /// The file cannot be played.
    Source(std::io::Error),
}

impl fmt::Display for DaemonError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bind(error) => error.fmt(f),
            Self::Trust(error) => error.fmt(f),
            Self::Codec(error) => error.fmt(f),
            Self::Record(path, error) => write!(f, "{}: {error}", path.display()),
            Self::Source(error) => error.fmt(f),
        }
    }
}

impl core::error::Error for DaemonError {}
