//! STUN and TURN servers, and how they can be used.

use core::fmt;
use std::net::SocketAddr;

use dialtone_protocol::wire::ice_url::{IceScheme, IceTransport, IceUrl, IceUrlError};

/// Servers that are used at most: each is asked by every socket, or holds an allocation.
pub const MAX_SERVERS: usize = 8;

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

impl Service {
    /// How a relay is reached.
    pub(crate) const fn transport(&self) -> Option<Transport> {
        match self {
            Self::Turn { transport, .. } => Some(*transport),
            Self::Stun => None,
        }
    }
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
    /// It cannot be read.
    Unreadable(IceUrlError),
    /// There is no login for the server.
    Login,
    /// The server is to be reached in a way that is not known here: TURN goes over UDP, TCP or, with `turns:`, TLS
    /// over TCP; STUN over UDP.
    Transport,
}

impl fmt::Display for UrlError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreadable(why) => why.fmt(f),
            Self::Login => f.write_str("there is no name and password to log in with"),
            Self::Transport => f.write_str(
                "STUN is used over UDP, TURN over UDP, TCP (?transport=tcp) and TLS over TCP (turns:)",
            ),
        }
    }
}

impl core::error::Error for UrlError {}

impl From<IceUrlError> for UrlError {
    fn from(why: IceUrlError) -> Self {
        Self::Unreadable(why)
    }
}

impl Named {
    /// What a URL names. A TURN server needs a login.
    ///
    /// # Errors
    ///
    /// When it cannot be used.
    pub fn new(url: IceUrl, login: Option<&Login>) -> Result<Self, UrlError> {
        let transport = match (url.scheme, url.transport) {
            (IceScheme::Stun, _) => None,
            (IceScheme::Turn, None | Some(IceTransport::Udp)) => Some(Transport::Udp),
            (IceScheme::Turn, Some(IceTransport::Tcp)) => Some(Transport::Tcp),
            (IceScheme::Turns, None | Some(IceTransport::Tcp)) => Some(Transport::Tls),
            (IceScheme::Stuns, _) | (IceScheme::Turns, Some(IceTransport::Udp)) => {
                return Err(UrlError::Transport);
            }
        };
        let service = match transport {
            None => Service::Stun,
            Some(transport) => Service::Turn {
                transport,
                login: login.cloned().ok_or(UrlError::Login)?,
            },
        };
        Ok(Self {
            port: url.port.unwrap_or_else(|| url.scheme.port()),
            host: url.host,
            service,
        })
    }

    /// Reads a URL.
    ///
    /// # Errors
    ///
    /// As [`Named::new`], and when it cannot be read.
    pub fn parse(url: &str, login: Option<&Login>) -> Result<Self, UrlError> {
        Self::new(IceUrl::parse(url)?, login)
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
    fn a_url_says_how_a_server_is_used() {
        use Transport::{Tcp, Tls, Udp};
        for (url, port, transport) in [
            ("stun:x", 3478, None),
            ("turn:x", 3478, Some(Udp)),
            ("turn:x:99?transport=udp", 99, Some(Udp)),
            ("turn:x?transport=tcp", 3478, Some(Tcp)),
            ("turns:x", 5349, Some(Tls)),
            ("turns:x:443?transport=tcp", 443, Some(Tls)),
        ] {
            let found = Named::parse(url, Some(&login())).unwrap();
            let service = match transport {
                None => Service::Stun,
                Some(transport) => Service::Turn {
                    transport,
                    login: login(),
                },
            };
            let host = "x".to_owned();
            assert_eq!(
                found,
                Named {
                    host,
                    port,
                    service
                },
                "{url}"
            );
        }
    }

    // spec 11.54
    #[test]
    fn what_cannot_be_used_is_said() {
        let parse = |url| Named::parse(url, Some(&login()));
        for url in ["stuns:x", "turns:x?transport=udp"] {
            assert_eq!(parse(url), Err(UrlError::Transport), "{url}");
        }
        let unreadable = UrlError::Unreadable(IceUrlError::Scheme);
        assert_eq!(parse("turn.example"), Err(unreadable));
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
}
