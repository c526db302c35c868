//! STUN and TURN servers as their URLs name them (RFC 7064, RFC 7065).

use core::fmt;
use std::net::SocketAddr;

/// Servers that are used at most: each is asked by every socket, or holds an allocation.
pub const MAX_SERVERS: usize = 8;

/// Where STUN and TURN servers listen if nothing is said (RFC 8489, section 18.6).
const PORT: u16 = 3478;

/// The same with TLS.
const TLS_PORT: u16 = 5349;

/// The longest name to log in with, in bytes (RFC 8489, section 14.3).
const MAX_USERNAME: usize = 508;

/// What a TURN server is reached by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Transport {
    /// Datagrams.
    Udp,
    /// A stream.
    Tcp,
    /// A stream with TLS.
    Tls,
}

/// How to log in at a TURN server.
#[derive(Clone, PartialEq, Eq)]
pub struct Login {
    username: String,
    password: String,
}

impl Login {
    /// A login, unless its name is longer than the protocol allows.
    #[must_use]
    pub fn new(username: &str, password: &str) -> Option<Self> {
        let (username, password) = (username.to_owned(), password.to_owned());
        let fits = username.len() <= MAX_USERNAME;
        fits.then_some(Self { username, password })
    }

    pub(super) fn username(&self) -> &str {
        &self.username
    }

    pub(super) fn password(&self) -> &str {
        &self.password
    }
}

impl fmt::Debug for Login {
    /// Without the password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Login").finish_non_exhaustive()
    }
}

/// What a server is for.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Service {
    /// It says by which address a device is seen.
    Stun,
    /// It carries datagrams between devices that cannot reach each other.
    Turn {
        /// How it is reached.
        transport: Transport,
        /// How to log in.
        login: Login,
    },
}

/// A server as its URL names it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Named {
    /// The name of its machine, or its address. With TLS its certificate has to be for this.
    pub host: String,
    /// Where it listens.
    pub port: u16,
    /// What it is for.
    pub service: Service,
}

/// Why a URL names no server that can be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum UrlError {
    /// It has no host, or a port that is none.
    Address,
    /// There is no login for the server.
    Login,
    /// It is none of `stun:`, `turn:` and `turns:`.
    Scheme,
    /// The server is to be reached in a way that is not known here: TURN goes over UDP, TCP or, with `turns:`, TLS
    /// over TCP; STUN over UDP.
    Transport,
}

impl fmt::Display for UrlError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Address => "it is no HOST or HOST:PORT",
            Self::Login => "there is no name and password to log in with",
            Self::Scheme => "it begins with none of stun:, turn: and turns:",
            Self::Transport => "only UDP, TCP (?transport=tcp) and TLS over TCP (turns:) are known",
        })
    }
}

impl core::error::Error for UrlError {}

impl Named {
    /// Reads a URL. A TURN server needs a login.
    ///
    /// # Errors
    ///
    /// When nothing can be made of it.
    pub fn parse(url: &str, login: Option<&Login>) -> Result<Self, UrlError> {
        let (scheme, rest) = url.split_once(':').ok_or(UrlError::Scheme)?;
        let (place, query) = match rest.split_once('?') {
            Some((place, query)) => (place, Some(query)),
            None => (rest, None),
        };
        let transport = match (scheme, query) {
            ("stun", None) => None,
            ("turn", None | Some("transport=udp")) => Some(Transport::Udp),
            ("turn", Some("transport=tcp")) => Some(Transport::Tcp),
            ("turns", None | Some("transport=tcp")) => Some(Transport::Tls),
            ("stun" | "turn" | "turns", Some(_)) => return Err(UrlError::Transport),
            _ => return Err(UrlError::Scheme),
        };
        let default = match transport {
            Some(Transport::Tls) => TLS_PORT,
            _ => PORT,
        };
        let (host, port) = split(place, default).ok_or(UrlError::Address)?;
        let service = match transport {
            None => Service::Stun,
            Some(transport) => Service::Turn {
                transport,
                login: login.cloned().ok_or(UrlError::Login)?,
            },
        };
        Ok(Self {
            host: host.to_owned(),
            port,
            service,
        })
    }

    /// The server at one of its addresses.
    #[must_use]
    pub fn at(&self, address: SocketAddr) -> Server {
        Server {
            address,
            host: self.host.clone(),
            service: self.service.clone(),
        }
    }
}

/// A host and a port, which may be left out. IPv6 addresses stand in brackets.
fn split(place: &str, default: u16) -> Option<(&str, u16)> {
    let (host, port) = match place.strip_prefix('[') {
        Some(rest) => {
            let (host, rest) = rest.split_once(']')?;
            let port = match rest.is_empty() {
                true => None,
                false => Some(rest.strip_prefix(':')?),
            };
            (host, port)
        }
        None => match place.split_once(':') {
            Some((host, port)) => (host, Some(port)),
            None => (place, None),
        },
    };
    let odd = |it: char| it.is_whitespace() || "/@#[]".contains(it);
    if host.is_empty() || host.contains(odd) {
        return None;
    }
    let port = port.map_or(Some(default), |port| port.parse().ok())?;
    (port != 0).then_some((host, port))
}

/// A server that can be spoken to.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Server {
    /// Where it is.
    pub address: SocketAddr,
    /// What it is called. With TLS its certificate has to be for this.
    pub host: String,
    /// What it is for.
    pub service: Service,
}

impl Server {
    /// Whether it is reached by TLS.
    #[must_use]
    pub const fn is_tls(&self) -> bool {
        matches!(
            self.service,
            Service::Turn {
                transport: Transport::Tls,
                ..
            }
        )
    }
}

impl fmt::Display for Server {
    /// As a URL, with the address that is used.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (scheme, query) = match &self.service {
            Service::Stun => ("stun", ""),
            Service::Turn { transport, .. } => match transport {
                Transport::Udp => ("turn", ""),
                Transport::Tcp => ("turn", "?transport=tcp"),
                Transport::Tls => ("turns", ""),
            },
        };
        write!(f, "{scheme}:{}{query}", self.address)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

    use super::*;

    fn login() -> Login {
        Login::new("ann", "a secret").unwrap()
    }

    // spec 11.54
    #[test]
    fn urls_name_servers() {
        use Transport::{Tcp, Tls, Udp};
        for (url, host, port, transport) in [
            ("stun:stun.example", "stun.example", 3478, None),
            ("stun:[2001:db8::1]:99", "2001:db8::1", 99, None),
            ("turn:turn.example", "turn.example", 3478, Some(Udp)),
            (
                "turn:192.0.2.1:99?transport=udp",
                "192.0.2.1",
                99,
                Some(Udp),
            ),
            (
                "turn:[2001:db8::1]?transport=tcp",
                "2001:db8::1",
                3478,
                Some(Tcp),
            ),
            ("turns:turn.example", "turn.example", 5349, Some(Tls)),
            (
                "turns:turn.example:443?transport=tcp",
                "turn.example",
                443,
                Some(Tls),
            ),
        ] {
            let found = Named::parse(url, Some(&login())).unwrap();
            assert_eq!((found.host.as_str(), found.port), (host, port), "{url}");
            let service = match transport {
                None => Service::Stun,
                Some(transport) => Service::Turn {
                    transport,
                    login: login(),
                },
            };
            assert_eq!(found.service, service, "{url}");
        }
    }

    // spec 11.54
    #[test]
    fn what_names_no_server_is_said() {
        use UrlError::{Address, Scheme, Transport};
        for (url, error) in [
            ("", Scheme),
            ("turn.example", Scheme),
            ("http://turn.example", Scheme),
            ("stuns:stun.example", Scheme),
            ("stun:stun.example?transport=udp", Transport),
            ("turns:turn.example?transport=udp", Transport),
            ("turn:turn.example?transport=sctp", Transport),
            ("turn:", Address),
            ("turn:x:99999", Address),
            ("turn:x:0", Address),
            ("turn:2001:db8::1", Address),
            ("turn:[2001:db8::1", Address),
            ("turn:[2001:db8::1]9", Address),
            ("turn://turn.example", Address),
            ("turn:ann@turn.example", Address),
        ] {
            assert_eq!(Named::parse(url, Some(&login())), Err(error), "{url}");
        }
        assert_eq!(Named::parse("turn:x", None), Err(UrlError::Login));
        assert_eq!(Login::new(&"n".repeat(509), ""), None);
    }

    #[test]
    fn a_server_is_shown_without_its_login() {
        let named = Named::parse("turns:turn.example", Some(&login())).unwrap();
        let server = named.at(SocketAddr::from(([192, 0, 2, 1], 5349)));
        assert_eq!(server.to_string(), "turns:192.0.2.1:5349");
        let shown = format!("{named:?} {server:?}");
        assert!(
            !shown.contains("secret") && !shown.contains("ann"),
            "{shown}"
        );
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_read(text in "(stun|turns?)?:?\\PC{0,30}") {
            let _ = Named::parse(&text, Some(&login()));
        }
    }
}
