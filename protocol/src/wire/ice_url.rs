//! Where STUN and TURN servers are (RFC 7064, RFC 7065): read in one place, for the host who names them and for the
//! device that uses them.

use alloc::borrow::ToOwned;
use alloc::format;
use alloc::string::String;
use core::fmt;

/// What a server is, and whether it is reached by TLS.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "the RFCs have no other")]
pub enum IceScheme {
    /// `stun:`
    Stun,
    /// `stuns:`
    Stuns,
    /// `turn:`
    Turn,
    /// `turns:`
    Turns,
}

impl IceScheme {
    const ALL: [Self; 4] = [Self::Stun, Self::Stuns, Self::Turn, Self::Turns];

    const fn name(self) -> &'static str {
        match self {
            Self::Stun => "stun",
            Self::Stuns => "stuns",
            Self::Turn => "turn",
            Self::Turns => "turns",
        }
    }

    /// Where servers of its kind listen if nothing is said (RFC 7064 and RFC 7065, section 3.2 each).
    #[must_use]
    pub const fn port(self) -> u16 {
        match self {
            Self::Stun | Self::Turn => 3478,
            Self::Stuns | Self::Turns => 5349,
        }
    }
}

/// What carries the messages of a TURN server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "RFC 8656 has no other")]
pub enum IceTransport {
    /// `?transport=udp`
    Udp,
    /// `?transport=tcp`
    Tcp,
}

/// Where a server is.
///
/// ```
/// use dialtone_protocol::wire::ice_url::{IceScheme, IceUrl};
///
/// let url = IceUrl::parse_as("turn.example:99", &[IceScheme::Turn, IceScheme::Turns])?;
/// assert_eq!(url, IceUrl::parse("turn:turn.example:99")?);
/// # Ok::<(), dialtone_protocol::wire::ice_url::IceUrlError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct IceUrl {
    /// What it is.
    pub scheme: IceScheme,
    /// The name of its machine, or its address, without brackets.
    pub host: String,
    /// Where it listens, if that is said.
    pub port: Option<u16>,
    /// How it is reached, if that is said.
    pub transport: Option<IceTransport>,
}

/// Why a text names no server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum IceUrlError {
    /// It has no host, or a port that is none.
    Address,
    /// It has none of the schemes.
    Scheme,
    /// Behind the address stands something else than a transport of TURN.
    Transport,
}

impl fmt::Display for IceUrlError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Address => "it is no HOST or HOST:PORT",
            Self::Scheme => "it begins with none of stun:, stuns:, turn: and turns:",
            Self::Transport => {
                "only ?transport=udp and ?transport=tcp, of turn: and turns:, are known behind the address"
            }
        })
    }
}

impl core::error::Error for IceUrlError {}

impl IceUrl {
    /// Reads a URL.
    ///
    /// # Errors
    ///
    /// When it names no server.
    pub fn parse(url: &str) -> Result<Self, IceUrlError> {
        let (scheme, rest) = url.split_once(':').ok_or(IceUrlError::Scheme)?;
        let mut schemes = IceScheme::ALL.into_iter();
        let scheme = schemes.find(|it| it.name() == scheme);
        let scheme = scheme.ok_or(IceUrlError::Scheme)?;
        let (place, query) = match rest.split_once('?') {
            Some((place, query)) => (place, Some(query)),
            None => (rest, None),
        };
        let transport = match (scheme, query) {
            (_, None) => None,
            (IceScheme::Turn | IceScheme::Turns, Some("transport=udp")) => Some(IceTransport::Udp),
            (IceScheme::Turn | IceScheme::Turns, Some("transport=tcp")) => Some(IceTransport::Tcp),
            (_, Some(_)) => return Err(IceUrlError::Transport),
        };
        let (host, port) = split(place).ok_or(IceUrlError::Address)?;
        Ok(Self {
            scheme,
            host: host.to_owned(),
            port,
            transport,
        })
    }

    /// Reads what a person writes: a URL of one of these schemes or, for the first of them, `HOST` or `HOST:PORT`.
    ///
    /// # Errors
    ///
    /// When it names no server.
    pub fn parse_as(text: &str, schemes: &[IceScheme]) -> Result<Self, IceUrlError> {
        let scheme = text.split_once(':').map(|(scheme, _)| scheme);
        let has_scheme = schemes.iter().any(|it| scheme == Some(it.name()));
        match schemes.first().filter(|_| !has_scheme) {
            Some(first) => Self::parse(&format!("{}:{text}", first.name())),
            None => Self::parse(text),
        }
    }
}

impl fmt::Display for IceUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.host.contains(':') {
            true => write!(f, "{}:[{}]", self.scheme.name(), self.host)?,
            false => write!(f, "{}:{}", self.scheme.name(), self.host)?,
        }
        if let Some(port) = self.port {
            write!(f, ":{port}")?;
        }
        match self.transport {
            Some(IceTransport::Udp) => f.write_str("?transport=udp"),
            Some(IceTransport::Tcp) => f.write_str("?transport=tcp"),
            None => Ok(()),
        }
    }
}

/// A host and a port, which may be left out. IPv6 addresses stand in brackets.
fn split(place: &str) -> Option<(&str, Option<u16>)> {
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
    let odd = |it: char| it.is_whitespace() || it.is_control() || "/@#[]?".contains(it);
    if host.is_empty() || host.contains(odd) {
        return None;
    }
    let Some(port) = port else {
        return Some((host, None));
    };
    let port: u16 = port.parse().ok()?;
    (port != 0).then_some((host, Some(port)))
}

#[cfg(test)]
mod tests {
    use alloc::string::ToString;

    use super::*;

    const TURN: [IceScheme; 2] = [IceScheme::Turn, IceScheme::Turns];

    // spec 11.54
    #[test]
    fn urls_name_servers_and_are_written_as_they_were_read() {
        use IceScheme::{Stun, Stuns, Turn, Turns};
        use IceTransport::{Tcp, Udp};
        for (url, scheme, host, port, transport) in [
            ("stun:stun.example", Stun, "stun.example", None, None),
            ("stuns:stun.example", Stuns, "stun.example", None, None),
            ("stun:[2001:db8::1]:99", Stun, "2001:db8::1", Some(99), None),
            (
                "turn:192.0.2.1:99?transport=udp",
                Turn,
                "192.0.2.1",
                Some(99),
                Some(Udp),
            ),
            (
                "turns:[2001:db8::1]?transport=tcp",
                Turns,
                "2001:db8::1",
                None,
                Some(Tcp),
            ),
        ] {
            let found = IceUrl::parse(url).unwrap();
            let read = (found.scheme, found.host.as_str(), found.port);
            assert_eq!(read, (scheme, host, port), "{url}");
            assert_eq!(found.transport, transport, "{url}");
            assert_eq!(found.to_string(), url);
        }
    }

    // spec 11.54
    #[test]
    fn what_names_no_server_is_said() {
        use IceUrlError::{Address, Scheme, Transport};
        for (url, error) in [
            ("", Scheme),
            ("turn.example", Scheme),
            ("http://turn.example", Scheme),
            ("stun:stun.example?transport=udp", Transport),
            ("turn:turn.example?transport=sctp", Transport),
            ("turn:turn.example?", Transport),
            ("turn:", Address),
            ("turn:x:99999", Address),
            ("turn:x:0", Address),
            ("turn:x:port", Address),
            ("turn:a b", Address),
            ("turn:2001:db8::1", Address),
            ("turn:[2001:db8::1", Address),
            ("turn:[2001:db8::1]9", Address),
            ("turn://turn.example", Address),
            ("turn:ann@turn.example", Address),
        ] {
            assert_eq!(IceUrl::parse(url), Err(error), "{url}");
        }
    }

    #[test]
    fn people_may_leave_the_scheme_out() {
        for (text, url) in [
            ("turn.example", "turn:turn.example"),
            ("turn.example:99", "turn:turn.example:99"),
            ("[2001:db8::1]:99", "turn:[2001:db8::1]:99"),
            ("turns:turn.example", "turns:turn.example"),
            (
                "turn.example?transport=tcp",
                "turn:turn.example?transport=tcp",
            ),
        ] {
            let found = IceUrl::parse_as(text, &TURN).unwrap();
            assert_eq!(found.to_string(), url);
        }
        for text in ["stun:stun.example", "http://turn.example", "", ":99"] {
            assert!(IceUrl::parse_as(text, &TURN).is_err(), "{text}");
        }
    }

    proptest::proptest! {
        #[test]
        fn what_is_read_is_written_so_that_it_is_read_again(text in "((stun|turn)s?)?:?\\PC{0,30}") {
            for found in [IceUrl::parse(&text), IceUrl::parse_as(&text, &TURN)].into_iter().flatten() {
                proptest::prop_assert_eq!(IceUrl::parse(&found.to_string()), Ok(found));
            }
        }
    }
}
