//! The address of a server: where it is, whether TLS guards the way, and the URLs of its endpoints.

use std::fmt;
use std::str::FromStr;

use url::{Host, Url};

/// The address of a server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerUrl {
    url: Url,
    host: Host<String>,
    port: u16,
}

impl ServerUrl {
    /// Whether TLS guards the way.
    #[must_use]
    pub fn is_tls(&self) -> bool {
        self.url.scheme() == "https"
    }

    /// Whether the way stays inside this machine.
    #[must_use]
    pub fn is_loopback(&self) -> bool {
        match &self.host {
            Host::Domain(name) => name == "localhost",
            Host::Ipv4(ip) => ip.is_loopback(),
            Host::Ipv6(ip) => ip.is_loopback(),
        }
    }

    /// The name or address of the host, as DNS and TLS take it: an IPv6 address has no brackets.
    #[must_use]
    pub fn host(&self) -> String {
        match &self.host {
            Host::Domain(name) => name.clone(),
            Host::Ipv4(ip) => ip.to_string(),
            Host::Ipv6(ip) => ip.to_string(),
        }
    }

    /// The port.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// What stands in the `Host` header.
    #[must_use]
    pub fn authority(&self) -> String {
        match self.url.port() {
            Some(port) => format!("{}:{port}", self.host),
            None => self.host.to_string(),
        }
    }

    /// Scheme, host and port: what consent is given for.
    #[must_use]
    pub fn origin(&self) -> String {
        format!("{}://{}:{}", self.url.scheme(), self.host, self.port)
    }

    /// The path of an endpoint, below the path that the server's own URL has.
    #[must_use]
    pub fn path(&self, endpoint: &str) -> String {
        format!("{}{endpoint}", self.url.path().trim_end_matches('/'))
    }

    pub(crate) fn host_port_path(&self) -> String {
        let path = self.url.path().trim_end_matches('/');
        format!("{}:{}{path}", self.host(), self.port)
    }
}

impl FromStr for ServerUrl {
    type Err = ServerUrlError;

    fn from_str(text: &str) -> Result<Self, ServerUrlError> {
        let url = Url::parse(text).map_err(|_| ServerUrlError::NotAUrl)?;
        if !matches!(url.scheme(), "http" | "https") {
            return Err(ServerUrlError::NotHttp);
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(ServerUrlError::HasCredentials);
        }
        if url.query().is_some() || url.fragment().is_some() {
            return Err(ServerUrlError::HasQuery);
        }
        let host = url.host().ok_or(ServerUrlError::NotAUrl)?.to_owned();
        let port = url.port_or_known_default().ok_or(ServerUrlError::NotAUrl)?;
        Ok(Self { url, host, port })
    }
}

impl fmt::Display for ServerUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.url.fmt(f)
    }
}

/// Why a text is not the address of a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ServerUrlError {
    /// It holds a username or password.
    HasCredentials,
    /// It holds a query or a fragment.
    HasQuery,
    /// It is no URL with a host.
    NotAUrl,
    /// Its scheme is neither `http` nor `https`.
    NotHttp,
}

impl fmt::Display for ServerUrlError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::HasCredentials => "the server's URL must not hold a username or password",
            Self::HasQuery => "the server's URL must not hold a query or fragment",
            Self::NotAUrl => "not the URL of a server, such as https://chat.example.org",
            Self::NotHttp => "the server's URL must begin with https:// or http://",
        })
    }
}

impl std::error::Error for ServerUrlError {}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> ServerUrl {
        text.parse().unwrap()
    }

    #[test]
    fn the_parts_of_an_address() {
        let url = parse("https://Chat.Example.org/team/");
        assert!(url.is_tls());
        assert_eq!(url.host(), "chat.example.org");
        assert_eq!(url.port(), 443);
        assert_eq!(url.authority(), "chat.example.org");
        assert_eq!(url.origin(), "https://chat.example.org:443");
        assert_eq!(url.path("/ws"), "/team/ws");
        assert_eq!(parse("http://a:8080").path("/ws"), "/ws");
    }

    #[test]
    fn an_ipv6_address_has_brackets_only_where_a_url_wants_them() {
        let url = parse("http://[::1]:8080");
        assert_eq!(url.host(), "::1");
        assert_eq!(url.authority(), "[::1]:8080");
        assert_eq!(url.origin(), "http://[::1]:8080");
    }

    #[test]
    fn loopback_is_known_by_address_and_by_name() {
        for text in [
            "http://127.0.0.1",
            "http://127.8.9.1",
            "http://[::1]",
            "http://localhost",
        ] {
            assert!(parse(text).is_loopback(), "{text}");
        }
        for text in [
            "http://10.0.0.1",
            "http://localhost.example.org",
            "http://[::2]",
        ] {
            assert!(!parse(text).is_loopback(), "{text}");
        }
    }

    #[test]
    fn what_is_not_an_address_is_refused_by_name() {
        let refused = |text: &str| text.parse::<ServerUrl>().unwrap_err();
        assert_eq!(refused("chat.example.org"), ServerUrlError::NotAUrl);
        assert_eq!(refused("ftp://a"), ServerUrlError::NotHttp);
        assert_eq!(refused("https://bob:pw@a"), ServerUrlError::HasCredentials);
        assert_eq!(refused("https://a/?q"), ServerUrlError::HasQuery);
        assert_eq!(refused("https://a/#f"), ServerUrlError::HasQuery);
    }
}
