//! The settings of a server: flags, then the environment, then `dialtone.toml`, then defaults.

use std::fmt;
use std::net::{Ipv6Addr, SocketAddr, ToSocketAddrs};
use std::path::{Path, PathBuf};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use dialtone_protocol::hub::Ice;
use dialtone_protocol::wire::ice_url::IceUrlError;
use serde::Deserialize;

use crate::cli::{Flags, RuntimeName, Switch};
use crate::home::{Home, Secrets};
use crate::ice::{self, IceSettings};

/// What a server runs with.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Where it listens.
    pub listen: SocketAddr,
    /// Under which address people reach it, when that was said.
    pub public_url: Option<String>,
    /// Where its data is.
    pub database: Database,
    /// The runtime under it.
    pub runtime: RuntimeName,
    /// Whether clients of the original are served.
    pub compat: bool,
    /// Certificate chain and key, when it speaks TLS itself.
    pub tls: Option<TlsFiles>,
    /// What it must not tell.
    pub secrets: Secrets,
    /// Seals message bodies and names once more at rest, when it was set.
    pub channel_key: Option<ChannelKey>,
    /// Where voice finds its way through networks.
    pub ice: Ice,
}

/// Where the data is.
#[derive(Clone, PartialEq, Eq)]
pub enum Database {
    /// A SQLite file.
    Sqlite(PathBuf),
    /// A PostgreSQL server, as a URL that may hold a password.
    Postgres(String),
}

/// The files of a TLS server, in PEM.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsFiles {
    /// The certificate chain.
    pub cert: PathBuf,
    /// The private key.
    pub key: PathBuf,
}

/// The key under which the store seals bodies and names.
#[derive(Clone, PartialEq, Eq)]
pub struct ChannelKey(pub [u8; 32]);

/// Why settings cannot be used.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SettingsError {
    /// The channel key is not 32 bytes in base64.
    ChannelKey,
    /// The database URL has a scheme that is not served.
    DatabaseUrl,
    /// The settings file cannot be understood.
    File(PathBuf, String),
    /// An address of a STUN or TURN server cannot be understood.
    IceServer(String, IceUrlError),
    /// The listen address cannot be understood.
    Listen(String),
    /// The public URL is not `http://` or `https://` with a host.
    PublicUrl(String),
    /// Only one of certificate and key is set.
    TlsHalf,
    /// Only one of name and password for TURN servers is set, or a secret beside them.
    TurnLogin,
}

/// `dialtone.toml`.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct FileSettings {
    listen_addr: Option<String>,
    public_url: Option<String>,
    db_url: Option<String>,
    runtime: Option<RuntimeName>,
    compat: Option<Switch>,
    tls_cert: Option<PathBuf>,
    tls_key: Option<PathBuf>,
    username_pepper: Option<String>,
    admin_token: Option<String>,
    channel_key: Option<String>,
    stun: Option<Vec<String>>,
    turn: Option<Vec<String>>,
    turn_user: Option<String>,
    turn_pass: Option<String>,
    turn_secret: Option<String>,
}

impl Settings {
    /// Puts the settings together. `file` is the text of `dialtone.toml`, if there is one.
    ///
    /// # Errors
    ///
    /// When one of them cannot be used.
    pub fn resolve(
        flags: Flags,
        file: Option<&str>,
        made: Secrets,
        home: &Home,
    ) -> Result<Self, SettingsError> {
        let file = match file {
            Some(text) => FileSettings::parse(text, &home.settings_file())?,
            None => FileSettings::default(),
        };
        let listen = set(flags.listen).or(file.listen_addr);
        let public_url = set(flags.public_url).or(file.public_url);
        let db_url = set(flags.db_url).or(file.db_url);
        let channel_key = set(flags.channel_key).or(file.channel_key);
        let tls_cert = set_path(flags.tls_cert).or(file.tls_cert);
        let tls_key = set_path(flags.tls_key).or(file.tls_key);
        let pepper = set(flags.username_pepper).or(file.username_pepper);
        let admin_token = set(flags.admin_token).or(file.admin_token);
        // A login is set in one place: a name from here and a password from there would seldom be meant.
        let from_file = [&flags.turn_user, &flags.turn_pass, &flags.turn_secret]
            .iter()
            .all(|it| it.is_none());
        let (user, password, secret) = match from_file {
            true => (file.turn_user, file.turn_pass, file.turn_secret),
            false => (flags.turn_user, flags.turn_pass, flags.turn_secret),
        };
        let servers = |text: Option<String>, listed: Option<Vec<String>>| {
            let named = set(text).map(|text| ice::list(&text));
            named.or(listed).unwrap_or_default()
        };
        let ice = IceSettings {
            stun: servers(flags.stun, file.stun),
            turn: servers(flags.turn, file.turn),
            user: set(user),
            password: set(password),
            secret: set(secret),
        };
        Ok(Self {
            listen: parse_listen(listen.as_deref().unwrap_or("127.0.0.1:8080"))?,
            public_url: public_url.as_deref().map(parse_public_url).transpose()?,
            database: match db_url {
                Some(url) => Database::parse(&url)?,
                None => Database::Sqlite(home.database_file()),
            },
            runtime: flags.runtime.or(file.runtime).unwrap_or(RuntimeName::Smol),
            compat: flags.compat.or(file.compat) != Some(Switch::Off),
            tls: match (tls_cert, tls_key) {
                (Some(cert), Some(key)) => Some(TlsFiles { cert, key }),
                (None, None) => None,
                (Some(_), None) | (None, Some(_)) => return Err(SettingsError::TlsHalf),
            },
            secrets: Secrets {
                username_pepper: pepper.unwrap_or(made.username_pepper),
                // The original trimmed the token on both sides.
                admin_token: admin_token.unwrap_or(made.admin_token).trim().to_owned(),
            },
            channel_key: channel_key.as_deref().map(ChannelKey::parse).transpose()?,
            ice: ice.resolve()?,
        })
    }

    /// The address that links to this server start with, when it listens at `listening`.
    #[must_use]
    pub fn url(&self, listening: SocketAddr) -> String {
        if let Some(url) = &self.public_url {
            return url.clone();
        }
        let scheme = if self.tls.is_some() { "https" } else { "http" };
        if listening.ip().is_unspecified() {
            // Nobody can connect to "any address"; this works at least on the same machine.
            format!("{scheme}://127.0.0.1:{}", listening.port())
        } else {
            format!("{scheme}://{listening}")
        }
    }
}

impl FileSettings {
    fn parse(text: &str, path: &Path) -> Result<Self, SettingsError> {
        toml::from_str(text).map_err(|error| {
            // Without the line itself, which may hold a secret.
            SettingsError::File(path.to_owned(), error.message().to_owned())
        })
    }
}

impl Database {
    fn parse(url: &str) -> Result<Self, SettingsError> {
        let scheme = url.split_once(':').map(|(scheme, _)| scheme);
        match scheme {
            Some("postgres" | "postgresql") => Ok(Self::Postgres(url.to_owned())),
            Some("sqlite") => {
                let path = url.trim_start_matches("sqlite:");
                let path = path.strip_prefix("//").unwrap_or(path);
                Ok(Self::Sqlite(PathBuf::from(path)))
            }
            _ => Err(SettingsError::DatabaseUrl),
        }
    }
}

impl fmt::Debug for Database {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sqlite(path) => f.debug_tuple("Sqlite").field(path).finish(),
            // The URL may hold a password.
            Self::Postgres(_) => f.write_str("Postgres(..)"),
        }
    }
}

impl ChannelKey {
    fn parse(text: &str) -> Result<Self, SettingsError> {
        let bytes = STANDARD.decode(text.trim()).ok();
        bytes
            .and_then(|bytes| bytes.try_into().ok())
            .map(Self)
            .ok_or(SettingsError::ChannelKey)
    }
}

impl fmt::Debug for ChannelKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ChannelKey(..)")
    }
}

impl fmt::Display for SettingsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ChannelKey => f.write_str(
                "the channel key must be 32 bytes in base64, as `openssl rand -base64 32` makes them",
            ),
            Self::DatabaseUrl => {
                f.write_str("the database url must start with sqlite:// or postgres://")
            }
            Self::File(path, why) => write!(f, "{}: {why}", path.display()),
            Self::IceServer(text, why) => write!(
                f,
                "`{text}` is no STUN or TURN server ({why}): name it as HOST:PORT or turns:HOST:PORT?transport=tcp"
            ),
            Self::TurnLogin => f.write_str(
                "TURN_USER and TURN_PASS must be set together, or TURN_SECRET without them",
            ),
            Self::Listen(text) => write!(
                f,
                "cannot listen at `{text}`: give an address and a port, such as 127.0.0.1:8080"
            ),
            Self::PublicUrl(text) => write!(
                f,
                "the public url `{text}` must be http:// or https:// and a host, with no query"
            ),
            Self::TlsHalf => f.write_str("a certificate and its key must be set together"),
        }
    }
}

impl std::error::Error for SettingsError {}

/// A setting that is not empty: `NAME=` in an environment file means "not set".
fn set(value: Option<String>) -> Option<String> {
    value.filter(|value| !value.is_empty())
}

fn set_path(value: Option<PathBuf>) -> Option<PathBuf> {
    value.filter(|value| !value.as_os_str().is_empty())
}

/// Understands `ADDR:PORT`, `HOST:PORT`, and the original's `:PORT` for all addresses.
fn parse_listen(text: &str) -> Result<SocketAddr, SettingsError> {
    let wrong = || SettingsError::Listen(text.to_owned());
    if let Some(port) = text.strip_prefix(':') {
        let port = port.parse().map_err(|_| wrong())?;
        return Ok(SocketAddr::from((Ipv6Addr::UNSPECIFIED, port)));
    }
    text.to_socket_addrs()
        .ok()
        .and_then(|mut addresses| addresses.next())
        .ok_or_else(wrong)
}

fn parse_public_url(text: &str) -> Result<String, SettingsError> {
    let url = text.trim().trim_end_matches('/');
    let host = url
        .strip_prefix("https://")
        .or_else(|| url.strip_prefix("http://"));
    match host {
        Some(host) if !host.is_empty() && !host.contains(['?', '#', ' ']) => Ok(url.to_owned()),
        _ => Err(SettingsError::PublicUrl(text.to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flags_win_over_the_file_and_the_file_over_defaults() {
        let file = "listen_addr = '0.0.0.0:1'\nruntime = 'tokio'\ncompat = 'off'";
        let flags = Flags {
            listen: Some("127.0.0.1:2".into()),
            ..Flags::default()
        };
        let settings = resolve(flags, Some(file)).unwrap();
        assert_eq!(settings.listen, "127.0.0.1:2".parse().unwrap());
        assert_eq!(settings.runtime, RuntimeName::Tokio);
        assert!(!settings.compat);

        let settings = resolve(Flags::default(), None).unwrap();
        assert_eq!(settings.listen, "127.0.0.1:8080".parse().unwrap());
        assert!(settings.compat);
        assert!(
            matches!(settings.database, Database::Sqlite(path) if path.ends_with("dialtone.db"))
        );
    }

    #[test]
    fn the_example_in_deploy_is_understood() {
        let example = include_str!("../../deploy/dialtone.toml");
        let settings = resolve(Flags::default(), Some(example)).unwrap();
        assert_eq!(
            settings.public_url.as_deref(),
            Some("https://chat.example.org")
        );
        // With every line that is commented out there, too.
        let all: Vec<_> = example
            .lines()
            .map(|line| line.trim_start_matches("# "))
            .filter(|line| line.contains(" = "))
            .collect();
        FileSettings::parse(&all.join("\n"), Path::new("dialtone.toml")).unwrap();
    }

    #[test]
    fn empty_variables_count_as_not_set() {
        let flags = Flags {
            db_url: Some(String::new()),
            tls_cert: Some(PathBuf::new()),
            ..Flags::default()
        };
        let settings = resolve(flags, None).unwrap();
        assert!(matches!(settings.database, Database::Sqlite(_)));
        assert_eq!(settings.tls, None);
    }

    #[test]
    fn the_originals_listen_address_is_understood() {
        assert_eq!(parse_listen(":8080"), Ok("[::]:8080".parse().unwrap()));
        assert!(parse_listen("localhost:80").is_ok());
        assert!(parse_listen("8080").is_err());
    }

    #[test]
    fn wrong_settings_are_named() {
        let error = |flags: Flags| resolve(flags, None).unwrap_err();
        let half = Flags {
            tls_cert: Some("a.pem".into()),
            ..Flags::default()
        };
        assert_eq!(error(half), SettingsError::TlsHalf);
        let short = Flags {
            channel_key: Some("c2hvcnQ=".into()),
            ..Flags::default()
        };
        assert_eq!(error(short), SettingsError::ChannelKey);
        let mysql = Flags {
            db_url: Some("mysql://user:secret@host/name".into()),
            ..Flags::default()
        };
        assert_eq!(error(mysql), SettingsError::DatabaseUrl);
        let typo = resolve(Flags::default(), Some("admin_tokn = 'hunter2'")).unwrap_err();
        assert!(typo.to_string().contains("admin_tokn"), "{typo}");
        assert!(!typo.to_string().contains("hunter2"), "{typo}");
    }

    #[test]
    fn links_name_an_address_that_can_be_reached() {
        let mut settings = resolve(Flags::default(), None).unwrap();
        let any = "[::]:8080".parse().unwrap();
        assert_eq!(settings.url(any), "http://127.0.0.1:8080");
        settings.public_url = Some(parse_public_url("https://chat.example/").unwrap());
        assert_eq!(settings.url(any), "https://chat.example");
        assert!(parse_public_url("chat.example").is_err());
    }

    fn resolve(flags: Flags, file: Option<&str>) -> Result<Settings, SettingsError> {
        let dir = tempfile::tempdir().unwrap();
        let home = Home::open(Some(dir.path())).unwrap();
        let (made, _) = home.secrets(|| [7; 32]).unwrap();
        Settings::resolve(flags, file, made, &home)
    }
}
