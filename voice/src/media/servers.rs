//! The STUN and TURN servers in use, and the ways to this device that they open.

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::net::SocketAddr;

use dialtone_protocol::Instant;

use super::relay::{self, Relay};
use super::stun::Asking;
use super::way::Way;
use super::{MAX_SERVERS, Server, Service, SocketId, StreamId, Trouble};

/// Relays that are used at most: each is an allocation, and candidates for every connection.
const MAX_RELAYS: usize = 3;

/// What is to be done.
#[derive(Debug)]
pub(super) enum Output {
    /// Others reach this device by this, too.
    Add(Way),
    Close(StreamId),
    Open(StreamId, Server),
    /// They do not any more.
    Remove(Way),
    Transmit {
        socket: SocketId,
        to: SocketAddr,
        bytes: Vec<u8>,
    },
    Trouble(Server, Trouble),
    Write(StreamId, Vec<u8>),
}

/// A datagram of another device that came through a relay.
pub(super) struct Relayed {
    pub(super) from: SocketAddr,
    /// At this address of this device.
    pub(super) to: SocketAddr,
    pub(super) bytes: Vec<u8>,
}

/// A relay that is used.
#[derive(Debug)]
struct Used {
    server: Server,
    relay: Relay,
    stream: Option<StreamId>,
}

/// The servers.
#[derive(Debug, Default)]
pub(super) struct Servers {
    /// Those that are wanted, also while there is no socket.
    wanted: Vec<Server>,
    relays: Vec<Used>,
    asking: Vec<Asking>,
    /// The ways that were said to be there.
    ways: BTreeSet<Way>,
    streams: u64,
    outputs: VecDeque<Output>,
}

impl Servers {
    /// Uses the first few of these servers from now on.
    pub(super) fn want(&mut self, mut servers: Vec<Server>) {
        servers.truncate(MAX_SERVERS);
        self.wanted = servers;
    }

    /// The ways to this device.
    pub(super) const fn ways(&self) -> &BTreeSet<Way> {
        &self.ways
    }

    pub(super) fn poll(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    pub(super) fn due(&self) -> Option<Instant> {
        let relays = self.relays.iter().filter_map(|it| it.relay.due());
        relays.chain(self.asking.iter().map(Asking::due)).min()
    }

    /// Sockets or servers changed: asks and allocates where that is not done yet, and ends what has no ground any more.
    pub(super) fn use_all(
        &mut self,
        sockets: &BTreeMap<SocketId, SocketAddr>,
        relay_only: bool,
        now: Instant,
    ) {
        let wanted = core::mem::take(&mut self.wanted);
        self.use_relays(&wanted, sockets, now);
        let stun = wanted.iter().filter(|it| it.service == Service::Stun);
        // Who is reached through relays alone has no use for the answer.
        let stun = stun.filter(|_| !relay_only).map(|it| it.address);
        self.use_stun(&stun.collect::<Vec<_>>(), sockets, now);
        self.wanted = wanted;
        self.drain();
    }

    fn use_relays(
        &mut self,
        wanted: &[Server],
        sockets: &BTreeMap<SocketId, SocketAddr>,
        now: Instant,
    ) {
        let relays = wanted.iter().filter_map(|it| match &it.service {
            Service::Turn { transport, login } => Some((it, *transport, login)),
            Service::Stun => None,
        });
        let relays: Vec<_> = relays.take(MAX_RELAYS).collect();
        for mut used in core::mem::take(&mut self.relays) {
            let has_socket = sockets.contains_key(&used.relay.socket);
            let mut wanted = relays.iter();
            let stays = wanted.find(|(server, ..)| has_socket && is_same(server, &used.server));
            match stays {
                Some((_, _, login)) => used.relay.set_login((*login).clone(), now),
                None => used.relay.lose(),
            }
            Self::drain_one(&mut used, &mut self.streams, &mut self.outputs);
            if stays.is_some() {
                self.relays.push(used);
            }
        }
        for (server, transport, login) in relays {
            if self.relays.iter().any(|it| is_same(server, &it.server)) {
                continue;
            }
            let mut sockets = sockets.iter().map(|(id, address)| (*id, *address));
            if let Some(socket) = sockets.find(|(_, at)| reaches(*at, server.address)) {
                let service = (transport, login.clone());
                self.relays.push(Used {
                    server: server.clone(),
                    relay: Relay::new(server.address, service, socket, now),
                    stream: None,
                });
            }
        }
    }

    fn use_stun(
        &mut self,
        wanted: &[SocketAddr],
        sockets: &BTreeMap<SocketId, SocketAddr>,
        now: Instant,
    ) {
        self.asking
            .retain(|it| sockets.contains_key(&it.socket) && wanted.contains(&it.server));
        for server in wanted {
            for (socket, base) in sockets {
                let mut asking = self.asking.iter();
                let is_there = asking.any(|it| it.server == *server && it.socket == *socket);
                if !is_there && reaches(*base, *server) {
                    self.asking.push(Asking::new(*server, *socket, *base, now));
                }
            }
        }
        self.ask(now);
    }

    /// Lets an address send to this device through its relays.
    pub(super) fn permit(&mut self, address: SocketAddr, now: Instant) {
        for used in &mut self.relays {
            used.relay.permit(address, now);
        }
        self.drain();
    }

    /// Takes in a datagram. One that is of no server is given back as it is.
    pub(super) fn datagram(
        &mut self,
        socket: SocketId,
        from: SocketAddr,
        bytes: &[u8],
        now: Instant,
    ) -> Option<Vec<Relayed>> {
        let mut asking = self.asking.iter_mut();
        if asking.any(|it| it.server == from && it.socket == socket && it.datagram(bytes, now)) {
            self.drain();
            return Some(Vec::new());
        }
        let mut relays = self.relays.iter_mut();
        let used = relays.find(|it| {
            !it.relay.is_stream() && it.relay.socket == socket && it.server.address == from
        })?;
        let to = used.relay.relayed();
        let said = used.relay.message(bytes, now);
        self.drain();
        Some(came(to, said))
    }

    /// A stream stands.
    pub(super) fn stream_opened(&mut self, stream: StreamId, now: Instant) {
        if let Some(used) = self.of(stream) {
            used.relay.opened(now);
            self.drain();
        }
    }

    /// Bytes came over a stream.
    pub(super) fn stream_bytes(
        &mut self,
        stream: StreamId,
        bytes: &[u8],
        now: Instant,
    ) -> Vec<Relayed> {
        let Some(used) = self.of(stream) else {
            return Vec::new();
        };
        let to = used.relay.relayed();
        let said = used.relay.bytes(bytes, now);
        self.drain();
        came(to, said)
    }

    /// A stream is gone, or could not be opened.
    pub(super) fn stream_closed(&mut self, stream: StreamId, why: &str, now: Instant) {
        if let Some(used) = self.of(stream) {
            used.stream = None;
            used.relay.closed(why, now);
            self.drain();
        }
    }

    fn of(&mut self, stream: StreamId) -> Option<&mut Used> {
        let mut relays = self.relays.iter_mut();
        relays.find(|it| it.stream == Some(stream))
    }

    /// Sends a datagram from an address of this device at a relay. Answers whether there is one.
    pub(super) fn send(
        &mut self,
        from: SocketAddr,
        to: SocketAddr,
        bytes: Vec<u8>,
        now: Instant,
    ) -> bool {
        let mut relays = self.relays.iter_mut();
        let used = relays.find(|it| it.relay.relayed() == Some(from));
        let is_there = used.is_some();
        if let Some(used) = used {
            used.relay.send(to, bytes, now);
            self.drain();
        }
        is_there
    }

    /// A connection broke: perhaps because a relay is gone.
    pub(super) fn connection_broke(&mut self, now: Instant) {
        for used in &mut self.relays {
            used.relay.connection_broke(now);
        }
        self.drain();
    }

    pub(super) fn handle_timeout(&mut self, now: Instant) {
        for used in &mut self.relays {
            used.relay.handle_timeout(now);
        }
        self.ask(now);
        self.drain();
    }

    fn ask(&mut self, now: Instant) {
        for asking in &mut self.asking {
            if let Some(bytes) = asking.handle_timeout(now) {
                self.outputs.push_back(Output::Transmit {
                    socket: asking.socket,
                    to: asking.server,
                    bytes,
                });
            }
        }
    }

    fn drain(&mut self) {
        for used in &mut self.relays {
            Self::drain_one(used, &mut self.streams, &mut self.outputs);
        }
        let relayed = self.relays.iter().filter_map(|it| {
            let (at, from) = (it.relay.relayed()?, it.relay.local());
            Some(Way::Relayed { at, from })
        });
        let reflexive = self.asking.iter().filter_map(|it| {
            let (seen, base) = (it.seen()?, it.base);
            Some(Way::Reflexive { seen, base })
        });
        let ways: BTreeSet<Way> = relayed.chain(reflexive).collect();
        if ways != self.ways {
            let gone = self.ways.difference(&ways).copied().map(Output::Remove);
            let new = ways.difference(&self.ways).copied().map(Output::Add);
            self.outputs.extend(gone.chain(new));
            self.ways = ways;
        }
    }

    fn drain_one(used: &mut Used, streams: &mut u64, outputs: &mut VecDeque<Output>) {
        while let Some(output) = used.relay.poll() {
            let output = match output {
                relay::Output::Close => used.stream.take().map(Output::Close),
                relay::Output::Open => {
                    let stream = StreamId(*streams);
                    *streams += 1;
                    used.stream = Some(stream);
                    Some(Output::Open(stream, used.server.clone()))
                }
                relay::Output::Transmit(bytes) if used.relay.is_stream() => {
                    used.stream.map(|stream| Output::Write(stream, bytes))
                }
                relay::Output::Transmit(bytes) => Some(Output::Transmit {
                    socket: used.relay.socket,
                    to: used.server.address,
                    bytes,
                }),
                relay::Output::Trouble(why) => Some(Output::Trouble(used.server.clone(), why)),
            };
            outputs.extend(output);
        }
    }
}

/// What other devices said to an address at a relay.
fn came(
    to: Option<SocketAddr>,
    said: impl IntoIterator<Item = (SocketAddr, Vec<u8>)>,
) -> Vec<Relayed> {
    let said = said.into_iter();
    said.filter_map(|(from, bytes)| {
        let to = to?;
        Some(Relayed { from, to, bytes })
    })
    .collect()
}

/// Whether two are the same place, reached in the same way.
fn is_same(one: &Server, other: &Server) -> bool {
    let way = |server: &Server| server.service.transport();
    (one.address, &one.host, way(one)) == (other.address, &other.host, way(other))
}

/// Whether a socket at this address can reach that one.
fn reaches(from: SocketAddr, to: SocketAddr) -> bool {
    from.is_ipv4() == to.is_ipv4() && from.ip().is_loopback() == to.ip().is_loopback()
}
