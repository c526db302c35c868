//! Which relays are used: those of the settings, or else those that the server names.

use std::net::{SocketAddr, ToSocketAddrs};

use dialtone_protocol::runtime::Runtime;
use dialtone_protocol::wire::event::IceServer;

use super::{Daemon, Incoming};
use crate::media::RelayServer;

/// Where TURN servers listen if nothing is said (RFC 8656, section 3).
const PORT: u16 = 3478;

/// Servers that are looked up at most.
const MAX_SERVERS: usize = 8;

/// A TURN server, before its name is looked up.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Named {
    host: String,
    port: u16,
    username: String,
    password: String,
}

impl<R: Runtime> Daemon<R> {
    /// The server named relays. Those of the settings come before them.
    pub(super) fn name_relays(&self, named: Vec<IceServer>) {
        let named = match self.settings.relays.is_empty() {
            true => named,
            false => self.settings.relays.clone(),
        };
        let wanted: Vec<Named> = named.iter().flat_map(read).take(MAX_SERVERS).collect();
        let (runtime, incoming) = (self.runtime.clone(), self.incoming.0.clone());
        // Names may take their time.
        self.runtime.spawn(async move {
            let found = runtime.unblock(move || wanted.into_iter().filter_map(look_up).collect());
            let _ = incoming.send(Incoming::Relays(found.await)).await;
        });
    }
}

/// The TURN servers over UDP among the URLs (RFC 7065).
fn read(server: &IceServer) -> Vec<Named> {
    let (Some(username), Some(password)) = (&server.username, &server.credential) else {
        return Vec::new();
    };
    let one = |url: &String| {
        let rest = url.strip_prefix("turn:")?;
        let (place, query) = rest.split_once('?').unwrap_or((rest, ""));
        if !query.is_empty() && query != "transport=udp" {
            return None;
        }
        let (host, port) = split(place)?;
        Some(Named {
            host,
            port,
            username: username.clone(),
            password: password.expose().to_owned(),
        })
    };
    server.urls.iter().filter_map(one).collect()
}

/// A host and a port, which may be left out. IPv6 addresses stand in brackets where there is a port.
fn split(place: &str) -> Option<(String, u16)> {
    if let Some(rest) = place.strip_prefix('[') {
        let (host, rest) = rest.split_once(']')?;
        let port = match rest.strip_prefix(':') {
            Some(port) => port.parse().ok()?,
            None if rest.is_empty() => PORT,
            None => return None,
        };
        return Some((host.to_owned(), port));
    }
    match place.rsplit_once(':') {
        Some((host, port)) if !host.contains(':') => Some((host.to_owned(), port.parse().ok()?)),
        _ if place.is_empty() => None,
        _ => Some((place.to_owned(), PORT)),
    }
}

fn look_up(named: Named) -> Option<RelayServer> {
    let mut found = (named.host.as_str(), named.port).to_socket_addrs().ok()?;
    let address: SocketAddr = found.next()?;
    Some(RelayServer::new(address, &named.username, &named.password))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use dialtone_protocol::wire::sensitive::Sensitive;

    use super::*;

    fn server(url: &str) -> IceServer {
        IceServer {
            urls: vec![url.to_owned()],
            username: Some("ann".to_owned()),
            credential: Some(Sensitive::new("secret")),
        }
    }

    #[test]
    fn urls_of_relays_are_read_and_others_passed_over() {
        for (url, host, port) in [
            ("turn:turn.example", "turn.example", 3478),
            ("turn:turn.example:3479?transport=udp", "turn.example", 3479),
            ("turn:192.0.2.1:99", "192.0.2.1", 99),
            ("turn:[2001:db8::1]:99", "2001:db8::1", 99),
            ("turn:[2001:db8::1]", "2001:db8::1", 3478),
        ] {
            let found = read(&server(url)).pop().unwrap();
            assert_eq!((found.host.as_str(), found.port), (host, port), "{url}");
        }
        for url in [
            "stun:stun.example",
            "turns:turn.example",
            "turn:turn.example?transport=tcp",
            "turn:",
            "turn:x:99999",
            "",
        ] {
            assert_eq!(read(&server(url)), [], "{url}");
        }
        let open = IceServer {
            username: None,
            ..server("turn:turn.example")
        };
        assert_eq!(read(&open), []);
    }
}
