//! The command line of the daemon: the original's flags with its names, and ours.

use std::env;
use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use clap::{CommandFactory, Parser};
use clap_complete::Shell;
use dialtone_client::cli::RuntimeName;
use dialtone_client::home::Home;
use dialtone_client::link::Trust;
use dialtone_client::server_url::ServerUrl;
use dialtone_client::voice::runtime_folder;
use dialtone_protocol::voice::ipc::MAX_LEVEL;
use dialtone_protocol::wire::ice_url::{IceScheme, IceUrl};
use dialtone_protocol::wire::sensitive::Sensitive;

use crate::device::{Sink, Source};
use crate::drive::{DEFAULT_THRESHOLD, Settings};
use crate::media::{Login, Named, UrlError};
use crate::ptt::{Binding, Choice};

/// Voice for dialtone: carries sound between the devices in a room.
///
/// The client starts it and tells it what to do over a socket that only its owner can open. It holds neither the
/// device's key nor the log: the client signs and judges for it.
#[derive(Debug, Parser)]
#[command(name = "dialtone-voiced", version, max_term_width = 100, after_help = AFTER)]
pub struct Cli {
    /// The server's URL
    #[arg(long, value_name = "URL", required_unless_present_any = ["completions", "man"])]
    server: Option<ServerUrl>,
    /// A file with the token for the server, which nobody but its owner may read (default: DIALTONE_TOKEN, or the
    /// client is asked)
    #[arg(long, value_name = "FILE")]
    token_file: Option<PathBuf>,
    /// Where commands come in (default: dialtone/voice.sock in the runtime directory, or voice.sock in the home of
    /// dialtone where there is none)
    #[arg(long, value_name = "PATH")]
    ipc: Option<PathBuf>,
    /// Send only while a key is held; without it, sound is sent by how loud it is
    #[arg(long, value_name = "KEY", default_value = "")]
    ptt: String,
    /// Who watches that key
    #[arg(long, value_enum, default_value_t)]
    ptt_backend: Choice,
    /// From which level on sound counts as speech: the mean of the absolute samples of 16 bits
    #[arg(long, value_name = "LEVEL", default_value_t = DEFAULT_THRESHOLD, value_parser = clap::value_parser!(u32).range(1..=i64::from(MAX_LEVEL)))]
    vad_threshold: u32,
    /// Leave what the loudspeaker plays in what the microphone hears: with headphones there is nothing to take out
    #[arg(long)]
    keep_echo: bool,
    /// Leave the noise in what the microphone hears
    #[arg(long)]
    keep_noise: bool,
    /// Send sound as loud as the microphone hears it, and not all speech equally loud
    #[arg(long)]
    keep_level: bool,
    /// Say once a second on standard error what the microphone hears
    #[arg(long)]
    meter: bool,
    /// Take sound from this WAV file instead of the microphone, as it is
    #[arg(long, value_name = "FILE")]
    input: Option<PathBuf>,
    /// Record each speaker into a WAV file in this folder, and play nothing
    #[arg(long, value_name = "DIR")]
    output: Option<PathBuf>,
    /// Hear and play nothing
    #[arg(long)]
    silent: bool,
    /// STUN servers in place of those that the server names: HOST:PORT or stun:HOST:PORT, several with commas
    #[arg(long, value_name = "SERVERS", value_delimiter = ',')]
    stun: Vec<String>,
    /// TURN servers in place of those that the server names: HOST:PORT, turn:HOST:PORT?transport=tcp or
    /// turns:HOST:PORT, several with commas
    #[arg(long, value_name = "SERVERS", value_delimiter = ',')]
    turn: Vec<String>,
    /// The name to log in there with
    #[arg(long, value_name = "NAME", default_value = "")]
    turn_user: String,
    /// The password; others can read it on a command line: better set DIALTONE_TURN_PASS
    #[arg(
        long,
        value_name = "PASSWORD",
        env = "DIALTONE_TURN_PASS",
        hide_env_values = true,
        default_value = ""
    )]
    turn_pass: String,
    /// Reach others through relays alone, so that they do not learn the address of this machine
    #[arg(long)]
    relay_only: bool,
    /// End when the last client is gone
    #[arg(long)]
    ends_with_client: bool,
    /// A PEM file with the only authorities to trust for the server's certificate
    #[arg(long, value_name = "FILE", env = "DIALTONE_CA")]
    ca: Option<PathBuf>,
    /// Agree to talk to this server without TLS
    #[arg(long)]
    insecure_http: bool,
    /// Print the completions of a shell, and end
    #[arg(long, value_name = "SHELL", exclusive = true)]
    completions: Option<Shell>,
    /// Print the manual page, and end
    #[arg(long, exclusive = true)]
    man: bool,
    /// What drives the program: smol or tokio
    #[arg(long, value_enum, hide_possible_values = true, default_value_t = RuntimeName::Smol, env = "DIALTONE_RUNTIME")]
    pub runtime: RuntimeName,
}

const AFTER: &str = "\
The token never stands on the command line, where others can read it.

Exit codes: 0 ended when asked to, 1 could not begin, 2 usage.";

impl Cli {
    /// Prints what was asked for instead of running: completions or the manual page. Answers whether anything was.
    ///
    /// # Errors
    ///
    /// When it cannot be written.
    pub fn print(&self, to: &mut impl io::Write) -> io::Result<bool> {
        let mut text = Vec::new();
        let mut command = Self::command();
        match self.completions {
            Some(shell) => {
                clap_complete::generate(shell, &mut command, "dialtone-voiced", &mut text);
            }
            None if self.man => clap_mangen::Man::new(command).render(&mut text)?,
            None => return Ok(false),
        }
        to.write_all(&text)?;
        Ok(true)
    }

    /// What the command line asks for.
    ///
    /// # Errors
    ///
    /// A text that says what is wrong, and what to do.
    pub fn settings(self) -> Result<Settings, String> {
        let server = self.server.ok_or("say by --server which server it is")?;
        if !server.is_tls() && !server.is_loopback() && !self.insecure_http {
            return Err(format!(
                "{} does not use TLS: agree to that by --insecure-http",
                server.origin()
            ));
        }
        let socket = match self.ipc {
            Some(path) => path,
            None => usual_socket()?,
        };
        let token = match self.token_file {
            Some(path) => Some(token_in(&path)?),
            None => env::var("DIALTONE_TOKEN").ok().map(Sensitive::new),
        };
        let mut settings = Settings::new(server, socket);
        settings.trust = self.ca.map_or(Trust::System, Trust::File);
        settings.token = token;
        if self.silent {
            settings.source = Source::Silence;
            settings.sink = Sink::Silence;
        }
        if let Some(path) = self.input {
            settings.source = Source::File(path);
        }
        if let Some(folder) = self.output {
            settings.record = Some(folder);
            settings.sink = Sink::Silence;
            if settings.source == Source::System {
                settings.source = Source::Silence;
            }
        }
        settings.key = Binding::parse(&self.ptt).map_err(|error| format!("--ptt: {error}"))?;
        settings.key_choice = self.ptt_backend;
        let login = Login::new(&self.turn_user, &self.turn_pass);
        let login = login.ok_or("--turn-user: the name is too long")?;
        settings.stun = servers("--stun", &[IceScheme::Stun], &self.stun, None)?;
        settings.turn = servers(
            "--turn",
            &[IceScheme::Turn, IceScheme::Turns],
            &self.turn,
            Some(&login),
        )?;
        settings.relay_only = self.relay_only;
        settings.threshold = self.vad_threshold;
        settings.cancel_echo = !self.keep_echo;
        settings.suppress_noise = !self.keep_noise;
        settings.even_level = !self.keep_level;
        settings.meter = self.meter;
        settings.ends_with_client = self.ends_with_client;
        Ok(settings)
    }
}

/// What a flag names. The first scheme is meant where none is said.
fn servers(
    flag: &str,
    schemes: &[IceScheme],
    named: &[String],
    login: Option<&Login>,
) -> Result<Vec<Named>, String> {
    let one = |text: &String| {
        let url = IceUrl::parse_as(text, schemes).map_err(UrlError::from);
        url.and_then(|url| Named::new(url, login))
            .map_err(|error| format!("{flag} {text}: {error}"))
    };
    let named = named.iter().filter(|text| !text.is_empty());
    named.map(one).collect()
}

/// Where commands come in if nothing else is said: as with the client, in the home where there is no runtime directory.
fn usual_socket() -> Result<PathBuf, String> {
    if let Some(folder) = runtime_folder() {
        return Ok(folder.join("voice.sock"));
    }
    let named = env::var_os("DIALTONE_HOME").filter(|it| !it.is_empty());
    let home = Home::open(named.map(PathBuf::from)).map_err(|error| {
        format!("there is no place for the socket ({error}): say by --ipc where commands come in")
    })?;
    Ok(home.path().join("voice.sock"))
}

/// The token in a file. It opens a session: a file that others can read has given it away.
fn token_in(path: &Path) -> Result<Sensitive, String> {
    let name = path.display();
    let failed = |error: io::Error| format!("--token-file {name}: {error}");
    let mut file = File::open(path).map_err(failed)?;
    let mode = file.metadata().map_err(failed)?.permissions().mode();
    if mode & OTHERS != 0 {
        return Err(format!(
            "--token-file {name}: others can read the token there: chmod 600 {name}"
        ));
    }
    let mut text = String::new();
    file.read_to_string(&mut text).map_err(failed)?;
    match text.trim() {
        "" => Err(format!(
            "--token-file {name}: it is empty: write the token into it"
        )),
        token => Ok(Sensitive::new(token)),
    }
}

/// What group and others may do with a file.
const OTHERS: u32 = 0o077;

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

    use super::*;
    use crate::audio::SendSettings;

    fn settings(more: &[&str]) -> Result<Settings, String> {
        let line = ["dialtone-voiced", "--ipc", "/s", "--server"];
        let line = line.iter().chain(more);
        Cli::try_parse_from(line)
            .map_err(|it| it.to_string())?
            .settings()
    }

    #[test]
    fn what_is_not_said_is_safe() {
        let found = settings(&["http://127.0.0.1:8080"]).unwrap();
        assert_eq!(found.threshold, 500);
        assert_eq!((found.source, found.sink), (Source::System, Sink::System));
        assert!(found.cancel_echo && found.suppress_noise && found.even_level);
        assert!(found.key.is_none() && found.record.is_none() && !found.ends_with_client);
    }

    // spec 11.57
    #[test]
    fn each_stage_is_left_out_by_a_flag_of_its_own() {
        let all = ["--keep-echo", "--keep-noise", "--keep-level"];
        for (place, flag) in all.iter().enumerate() {
            let stages = settings(&["http://127.0.0.1", flag]).unwrap().stages();
            let on = [stages.cancel_echo, stages.suppress, stages.gain];
            assert_eq!(on, [0, 1, 2].map(|it| it != place), "{flag}");
        }
        let line = ["http://127.0.0.1", all[0], all[1], all[2]];
        let none = settings(&line).unwrap().stages();
        assert_eq!(none, SendSettings::as_it_is());
        // What a file says is sent as it is, whatever is said.
        let file = settings(&["http://127.0.0.1", "--input", "/i"]).unwrap();
        assert_eq!(file.stages(), SendSettings::as_it_is());
    }

    #[test]
    fn a_manual_page_and_completions_need_no_server() {
        let print = |line: &[&str]| {
            let mut text = Vec::new();
            let cli = Cli::try_parse_from(core::iter::once(&"dialtone-voiced").chain(line));
            let printed = cli.unwrap().print(&mut text).unwrap();
            (printed, String::from_utf8(text).unwrap())
        };
        let (printed, page) = print(&["--man"]);
        assert!(printed && page.contains(".TH dialtone-voiced") && page.contains("ptt\\-backend"));
        assert!(page.contains("keep\\-noise") && page.contains("keep\\-level"));
        for shell in ["bash", "zsh", "fish"] {
            let (printed, script) = print(&["--completions", shell]);
            assert!(printed && script.contains("ptt-backend"), "{shell}");
        }
        let (printed, nothing) = print(&["--server", "http://127.0.0.1"]);
        assert!(!printed && nothing.is_empty());
        assert!(Cli::try_parse_from(["dialtone-voiced"]).is_err());
    }

    #[test]
    fn a_server_without_tls_needs_consent() {
        assert!(
            settings(&["http://example.org"])
                .unwrap_err()
                .contains("--insecure-http")
        );
        assert!(settings(&["http://example.org", "--insecure-http"]).is_ok());
    }

    // spec 11.54
    #[test]
    fn servers_of_ones_own_have_the_usual_scheme() {
        let line = [
            "http://127.0.0.1",
            "--turn",
            "turn.example,turn:other:99?transport=tcp",
            "--turn",
            "turns:third",
            "--stun",
            "stun.example:99,stun:other",
        ];
        let found = settings(&line).unwrap();
        let named = |servers: &[Named]| -> Vec<(String, u16)> {
            servers
                .iter()
                .map(|it| (it.host.clone(), it.port))
                .collect()
        };
        let turn = [("turn.example", 3478), ("other", 99), ("third", 5349)];
        assert_eq!(
            named(&found.turn),
            turn.map(|(host, port)| (host.to_owned(), port))
        );
        let stun = [("stun.example", 99), ("other", 3478)];
        assert_eq!(
            named(&found.stun),
            stun.map(|(host, port)| (host.to_owned(), port))
        );
        let none = settings(&line[..1]).unwrap();
        assert!(none.turn.is_empty() && none.stun.is_empty());
        // The original's way to say that there are none.
        assert!(settings(&[line[0], "--stun", ""]).unwrap().stun.is_empty());
        for (flag, wrong) in [
            ("--stun", "stun.example:port"),
            ("--turn", "a b"),
            ("--stun", "turn:x"),
        ] {
            let error = settings(&[line[0], flag, wrong]).unwrap_err();
            assert!(error.contains(flag) && error.contains(wrong), "{error}");
        }
    }

    #[test]
    fn a_key_to_talk_is_one_that_there_is() {
        let server = "http://127.0.0.1";
        let found = settings(&[server, "--ptt", "ctrl+v"]).unwrap();
        assert_eq!(
            (found.key, found.key_choice),
            ("ctrl+v".parse().ok(), Choice::Auto)
        );
        let found = settings(&[server, "--ptt", "caps", "--ptt-backend", "command"]).unwrap();
        assert_eq!(found.key_choice, Choice::Command);
        let error = settings(&[server, "--ptt", "ctrl+wheel"]).unwrap_err();
        assert!(
            error.contains("--ptt") && error.contains("wheel"),
            "{error}"
        );
        assert!(settings(&[server, "--vad-threshold", "0"]).is_err());
    }

    #[test]
    fn who_records_plays_nothing_and_opens_no_microphone() {
        let found = settings(&["http://127.0.0.1", "--output", "/o"]).unwrap();
        assert_eq!((found.source, found.sink), (Source::Silence, Sink::Silence));
        let found = settings(&["http://127.0.0.1", "--output", "/o", "--input", "/i"]).unwrap();
        assert_eq!(found.source, Source::File("/i".into()));
    }
}
