//! Where a server is.

use std::net::{SocketAddr, ToSocketAddrs};

use super::BaseError;

/// A server's address. Only plain HTTP: what is measured is the server, not a TLS library.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Address {
    /// Host and port as the `Host` header says them.
    pub authority: String,
    /// The address that the name stands for.
    pub socket: SocketAddr,
}

impl Address {
    /// Reads `http://HOST[:PORT]` and looks the host up, which blocks.
    ///
    /// # Errors
    ///
    /// When it is no such URL, or no address is known for the host.
    pub fn resolve(url: &str) -> Result<Self, BaseError> {
        let failed = |why: &dyn std::fmt::Display| BaseError::Address(format!("{url}: {why}"));
        let authority = url
            .strip_prefix("http://")
            .ok_or_else(|| failed(&"it has to begin with http://"))?
            .trim_end_matches('/');
        let with_port = match authority.rsplit_once(':') {
            Some((_, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => {
                authority.to_owned()
            }
            _ => format!("{authority}:80"),
        };
        let socket = with_port
            .to_socket_addrs()
            .map_err(|error| failed(&error))?
            .next()
            .ok_or_else(|| failed(&"the name has no address"))?;
        Ok(Self {
            authority: authority.to_owned(),
            socket,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_has_a_port_even_when_its_url_has_none() {
        let with = Address::resolve("http://127.0.0.1:8080/").unwrap();
        assert_eq!(with.authority, "127.0.0.1:8080");
        assert_eq!(with.socket.port(), 8080);
        assert_eq!(
            Address::resolve("http://127.0.0.1").unwrap().socket.port(),
            80
        );
        assert!(Address::resolve("https://127.0.0.1").is_err());
    }
}
