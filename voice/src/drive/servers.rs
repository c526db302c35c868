//! Which STUN and TURN servers are used: those of the settings, or else those that the server names.

use std::collections::BTreeSet;
use std::net::{SocketAddr, ToSocketAddrs};

use dialtone_protocol::runtime::Runtime;
use dialtone_protocol::voice::ipc;
use dialtone_protocol::wire::event::IceServer;

use super::{Daemon, Incoming, Stream, log};
use crate::media::{Login, MAX_SERVERS, Named, Server, Service, StreamId};

/// URLs that are read at most: most of them may be of a kind that is not used.
const MAX_URLS: usize = 64;

/// What the names of servers lead to.
#[derive(Debug, Default)]
pub(super) struct LookedUp {
    servers: Vec<Server>,
    /// The hosts that have no address.
    unknown: BTreeSet<String>,
}

impl<R: Runtime> Daemon<R> {
    /// The server named STUN and TURN servers. Those of the settings stand in place of those of their kind.
    pub(super) fn name_servers(&mut self, named: &[IceServer]) {
        let (stun, turn): (Vec<Named>, Vec<Named>) = read(named)
            .into_iter()
            .partition(|it| it.service == Service::Stun);
        let prefer = |own: &[Named], named| match own.is_empty() {
            true => named,
            false => own.to_vec(),
        };
        // Without a relay some are not heard at all: those come first.
        let mut wanted = prefer(&self.settings.turn, turn);
        wanted.extend(prefer(&self.settings.stun, stun));
        wanted.truncate(MAX_SERVERS);
        self.has_relay = wanted.iter().any(|it| it.service != Service::Stun);
        let (runtime, incoming) = (self.runtime.clone(), self.incoming.0.clone());
        // Names may take their time.
        self.runtime.spawn(async move {
            let found = runtime.unblock(move || look_up(&wanted)).await;
            let _ = incoming.send(Incoming::Servers(found)).await;
        });
    }

    /// The addresses of the servers are known. What has none is said once, until it had one.
    pub(super) fn use_servers(&mut self, found: LookedUp) {
        let before = core::mem::replace(&mut self.unknown_hosts, found.unknown);
        for host in self.unknown_hosts.difference(&before) {
            let error = format!(
                "the STUN or TURN server {host} has no address: correct --voice-stun or --voice-turn if you set it, or \
                 let the server's host look at --stun and --turn. Who cannot be reached directly is not heard"
            );
            log::note(format_args!("{error}"));
            self.clients.tell_all(&ipc::Event::Error { error });
        }
        self.mesh.set_servers(found.servers, self.runtime.now());
    }

    pub(super) fn stream(&mut self, id: StreamId, stream: Stream) {
        let now = self.runtime.now();
        match stream {
            Stream::Opened => self.mesh.stream_opened(id, now),
            Stream::Bytes(bytes) => self.mesh.stream_bytes(id, &bytes, now),
            Stream::Closed(why) => {
                self.streams.close(id);
                self.mesh.stream_closed(id, &why, now);
            }
        }
    }
}

/// The servers among these that can be used.
fn read(servers: &[IceServer]) -> Vec<Named> {
    let urls = servers.iter().flat_map(|server| {
        let login = match (&server.username, &server.credential) {
            (Some(username), Some(password)) => Login::new(username, password.expose()),
            _ => None,
        };
        let one = move |url: &String| Named::parse(url, login.as_ref());
        server.urls.iter().map(one)
    });
    let read = urls.take(MAX_URLS).filter_map(|named| {
        let said = named.inspect_err(|error| {
            log::note(format_args!(
                "a STUN or TURN server is passed over: {error}"
            ));
        });
        said.ok()
    });
    read.collect()
}

fn look_up(wanted: &[Named]) -> LookedUp {
    let mut looked_up = LookedUp::default();
    for named in wanted {
        let addresses = addresses(named);
        if addresses.is_empty() {
            looked_up.unknown.insert(named.host.clone());
        }
        looked_up
            .servers
            .extend(addresses.into_iter().map(|it| named.at(it)));
    }
    looked_up
}

/// The address that the system prefers; for STUN one of each kind, since each kind has its own NAT.
fn addresses(named: &Named) -> Vec<SocketAddr> {
    let found = (named.host.as_str(), named.port).to_socket_addrs();
    let found: Vec<SocketAddr> = found.map(Iterator::collect).unwrap_or_default();
    let first = |wanted: fn(&SocketAddr) -> bool| found.iter().copied().find(wanted);
    match named.service {
        Service::Stun => {
            let both = [first(SocketAddr::is_ipv4), first(SocketAddr::is_ipv6)];
            both.into_iter().flatten().collect()
        }
        Service::Turn { .. } => found.first().copied().into_iter().collect(),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use dialtone_protocol::wire::sensitive::Sensitive;

    use super::*;

    #[test]
    fn what_can_be_used_is_read_and_the_rest_passed_over() {
        let urls = [
            "turn:turn.example",
            "turn:turn.example?transport=sctp",
            "turns:turn.example?transport=tcp",
            "http://turn.example",
        ];
        let turn = IceServer {
            urls: urls.map(str::to_owned).to_vec(),
            username: Some("ann".to_owned()),
            credential: Some(Sensitive::new("secret")),
        };
        let open = IceServer {
            urls: vec![
                "stun:stun.example:99".to_owned(),
                "turn:open.example".to_owned(),
            ],
            username: None,
            credential: None,
        };
        let found = read(&[turn, open]);
        let found: Vec<_> = found.iter().map(|it| (it.host.as_str(), it.port)).collect();
        assert_eq!(
            found,
            [
                ("turn.example", 3478),
                ("turn.example", 5349),
                ("stun.example", 99)
            ]
        );
    }

    #[test]
    fn an_address_needs_no_look_up() {
        let named = Named::parse("stun:127.0.0.1:99", None).unwrap();
        let found = look_up(&[named]);
        let addresses: Vec<_> = found.servers.iter().map(|it| it.address).collect();
        assert_eq!(addresses, [SocketAddr::from(([127, 0, 0, 1], 99))]);
        assert!(found.unknown.is_empty());
    }

    #[test]
    fn a_name_without_an_address_is_told() {
        // RFC 6761, section 6.4: no name below it ever has one.
        let named = Named::parse("stun:stun.invalid", None).unwrap();
        let found = look_up(&[named]);
        assert!(found.servers.is_empty());
        assert_eq!(found.unknown, ["stun.invalid".to_owned()].into());
    }
}
