//! Connections that carry sound: ICE, DTLS and SRTP by str0m, without any socket of their own.
//!
//! A [`Mesh`] holds the connections with all devices of a room. It carries out the commands of their
//! [`Pair`](dialtone_protocol::voice::Pair)s and says what came of them; a driver hands it datagrams and time, and
//! sends what it puts out.

mod addresses;
mod clock;
mod connection;
mod relay;
#[cfg(test)]
mod tests;

pub use addresses::{MAX_ADDRESSES, local_addresses};
pub use clock::Clock;

use core::time::Duration;
use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;
use std::sync::Arc;

use dialtone_protocol::Instant;
use dialtone_protocol::voice::room::PeerId;
use dialtone_protocol::voice::{Command, Input};

use connection::Connection;
use relay::Relay;
pub use relay::RelayServer;

/// Names a local socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SocketId(pub u64);

/// What is to be done, in order.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Output {
    /// Something for the pair of a connection.
    Peer {
        /// Which connection.
        peer: PeerId,
        /// What.
        event: PeerEvent,
    },
    /// A relay refuses this device, or does not answer. It is asked again by itself.
    RelayTrouble {
        /// Where it is.
        server: SocketAddr,
    },
    /// Sound came.
    Sound {
        /// Over which connection.
        peer: PeerId,
        /// It.
        packet: Packet,
    },
    /// Send a datagram.
    Transmit {
        /// From this socket.
        socket: SocketId,
        /// To whom.
        to: SocketAddr,
        /// It.
        bytes: Vec<u8>,
    },
}

/// What a connection says to its pair.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum PeerEvent {
    /// An answer was made.
    AnswerMade {
        /// To the offer of this generation.
        generation: u32,
        /// It.
        sdp: String,
    },
    /// Sound can flow.
    Connected,
    /// The connection is broken, or could not be made.
    Failed,
    /// This device may be reached by another way.
    LocalCandidate {
        /// The attribute, beginning with `candidate:`.
        candidate: String,
    },
    /// An offer was made.
    OfferMade {
        /// Of this generation.
        generation: u32,
        /// It.
        sdp: String,
    },
}

impl PeerEvent {
    /// As the pair takes it in.
    #[must_use]
    pub fn as_input(&self) -> Input<'_> {
        match self {
            Self::AnswerMade { generation, sdp } => Input::AnswerMade {
                generation: *generation,
                sdp,
            },
            Self::Connected => Input::Connected,
            Self::Failed => Input::Failed,
            Self::LocalCandidate { candidate } => Input::LocalCandidate { candidate },
            Self::OfferMade { generation, sdp } => Input::OfferMade {
                generation: *generation,
                sdp,
            },
        }
    }
}

/// A packet of sound (RFC 3550, RFC 7587).
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Packet {
    /// Its number, which does not wrap.
    pub seq: u64,
    /// When it is to be played, in samples at 48 kHz from any beginning; it wraps.
    pub time: u32,
    /// It is the first after a silence.
    pub marker: bool,
    /// A frame of Opus.
    pub payload: Arc<[u8]>,
    /// When it arrived.
    pub arrived: Instant,
}

/// How a connection does, as its two ends say.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct Health {
    /// The way there and back.
    pub round_trip: Option<Duration>,
    /// What of this device's packets the other one does not get, 0 to 1.
    pub loss_there: Option<f32>,
    /// Whether a relay carries it.
    pub relayed: bool,
}

/// The connections with all devices of a room.
#[derive(Debug)]
pub struct Mesh {
    clock: Clock,
    now: Instant,
    sockets: BTreeMap<SocketId, SocketAddr>,
    connections: BTreeMap<PeerId, Connection>,
    relays: Vec<Relay>,
    /// The servers that are wanted, also while there is no socket.
    servers: Vec<RelayServer>,
    relay_only: bool,
    outputs: VecDeque<Output>,
}

impl Mesh {
    /// Begins with no connections. The clock says which moments of the protocol are which of the system.
    #[must_use]
    pub fn new(clock: Clock, now: Instant) -> Self {
        connection::use_pure_cryptography();
        Self {
            clock,
            now,
            sockets: BTreeMap::new(),
            connections: BTreeMap::new(),
            relays: Vec::new(),
            servers: Vec::new(),
            relay_only: false,
            outputs: VecDeque::new(),
        }
    }

    /// A socket was bound to an address of this device.
    pub fn add_socket(&mut self, id: SocketId, address: SocketAddr, now: Instant) {
        self.pass(now);
        self.sockets.insert(id, address);
        if !self.relay_only {
            for connection in self.connections.values_mut() {
                connection.add_address(address);
            }
        }
        self.use_relays();
        self.drain();
    }

    /// A socket is gone.
    pub fn remove_socket(&mut self, id: SocketId, now: Instant) {
        self.pass(now);
        let Some(address) = self.sockets.remove(&id) else {
            return;
        };
        for connection in self.connections.values_mut() {
            connection.remove_address(address);
        }
        let (gone, stay) = core::mem::take(&mut self.relays)
            .into_iter()
            .partition(|it| it.socket == id);
        self.relays = stay;
        let gone: Vec<Relay> = gone;
        for address in gone.iter().filter_map(Relay::relayed) {
            for connection in self.connections.values_mut() {
                connection.remove_relayed(address);
            }
        }
        self.use_relays();
        self.drain();
    }

    /// Lets others reach this device through these servers, too: the first few of them. Those before are let go of.
    pub fn set_relays(&mut self, mut servers: Vec<RelayServer>, now: Instant) {
        self.pass(now);
        servers.truncate(MAX_RELAYS);
        if servers != self.servers {
            self.servers = servers;
            for address in self.relays.drain(..).filter_map(|it| it.relayed()) {
                for connection in self.connections.values_mut() {
                    connection.remove_relayed(address);
                }
            }
            self.use_relays();
            self.drain();
        }
    }

    /// Lets others reach this device through relays alone, so that they do not learn its address. It holds for
    /// connections that begin afterwards.
    pub const fn set_relay_only(&mut self, relay_only: bool) {
        self.relay_only = relay_only;
    }

    /// An allocation on each server that has none, from a socket by which it can be reached.
    fn use_relays(&mut self) {
        for server in self.servers.clone() {
            if self.relays.iter().any(|it| it.server() == server.address) {
                continue;
            }
            let wanted = server.address.ip();
            let fits = |at: &SocketAddr| {
                at.is_ipv4() == wanted.is_ipv4() && at.ip().is_loopback() == wanted.is_loopback()
            };
            let mut sockets = self.sockets.iter();
            if let Some((socket, local)) = sockets.find(|(_, at)| fits(at)) {
                let relay = Relay::new(server, *socket, *local, self.now);
                self.relays.push(relay);
            }
        }
    }

    /// Carries out what a pair wants of its connection.
    pub fn command(&mut self, peer: PeerId, command: Command, now: Instant) {
        self.pass(now);
        if command == Command::Close {
            if let Some(mut connection) = self.connections.remove(&peer) {
                connection.close();
                self.drain_one(peer, &mut connection);
            }
            return;
        }
        for address in candidates(&command) {
            for relay in &mut self.relays {
                relay.permit(address, self.now);
            }
        }
        let (clock, sockets) = (self.clock, &self.sockets);
        let (direct, relays) = (!self.relay_only, &self.relays);
        let connection = self.connections.entry(peer).or_insert_with(|| {
            let addresses = sockets.values().copied().filter(|_| direct);
            let relayed = relays
                .iter()
                .filter_map(|it| Some((it.relayed()?, it.local())));
            Connection::new(clock.to_system(now), addresses, relayed.collect())
        });
        connection.command(command, clock.to_system(self.now));
        self.drain();
    }

    /// A datagram came. What belongs to no connection is passed over.
    pub fn datagram(&mut self, socket: SocketId, from: SocketAddr, bytes: &[u8], now: Instant) {
        self.pass(now);
        let Some(to) = self.sockets.get(&socket).copied() else {
            return;
        };
        let mut relays = self.relays.iter_mut();
        let relay = relays.find(|it| it.socket == socket && it.server() == from);
        let Some(relay) = relay else {
            return self.deliver(from, to, bytes);
        };
        let relayed = relay.relayed();
        let said = relay.datagram(bytes, self.now);
        match (said, relayed) {
            (Some((peer, bytes)), Some(relayed)) => self.deliver(peer, relayed, &bytes),
            _ => self.drain(),
        }
    }

    fn deliver(&mut self, from: SocketAddr, to: SocketAddr, bytes: &[u8]) {
        let at = self.clock.to_system(self.now);
        let taken = self
            .connections
            .iter_mut()
            .find_map(|(peer, it)| it.datagram(from, to, bytes, at).then_some(*peer));
        if let Some(peer) = taken {
            self.drain_peer(peer);
            self.drain_relays();
        }
    }

    /// Sends sound over all connections that stand. `time`: in samples at 48 kHz; it wraps. `marker`: it is the first
    /// after a silence.
    pub fn send(&mut self, payload: &[u8], time: u32, marker: bool, now: Instant) {
        self.pass(now);
        let payload: Arc<[u8]> = payload.into();
        let at = self.clock.to_system(self.now);
        for connection in self.connections.values_mut() {
            connection.send(&payload, time, marker, at);
        }
        self.drain();
    }

    /// How a connection does.
    #[must_use]
    pub fn health(&self, peer: PeerId) -> Option<Health> {
        self.connections.get(&peer).map(Connection::health)
    }

    /// Takes the next output.
    #[must_use]
    pub fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// When to call [`handle_timeout`](Self::handle_timeout) at the latest.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        if !self.outputs.is_empty() {
            return Some(self.now);
        }
        let due = self.connections.values().filter_map(Connection::due);
        let due = due.map(|at| self.clock.to_protocol(at));
        due.chain(self.relays.iter().filter_map(Relay::due)).min()
    }

    /// Lets time pass.
    pub fn handle_timeout(&mut self, now: Instant) {
        self.pass(now);
        let at = self.clock.to_system(self.now);
        for connection in self.connections.values_mut() {
            connection.handle_timeout(at);
        }
        for relay in &mut self.relays {
            relay.handle_timeout(self.now);
        }
        self.drain();
    }

    /// Takes what the relays want, until they want nothing more.
    fn drain_relays(&mut self) {
        for relay in &mut self.relays {
            let (socket, to, local) = (relay.socket, relay.server(), relay.local());
            while let Some(output) = relay.poll() {
                match output {
                    relay::Output::Transmit(bytes) => {
                        let transmit = Output::Transmit { socket, to, bytes };
                        self.outputs.push_back(transmit);
                    }
                    relay::Output::Ready(address) => {
                        for connection in self.connections.values_mut() {
                            connection.add_relayed(address, local);
                        }
                    }
                    relay::Output::Gone(address) => {
                        for connection in self.connections.values_mut() {
                            connection.remove_relayed(address);
                        }
                    }
                    relay::Output::Trouble => {
                        self.outputs.push_back(Output::RelayTrouble { server: to });
                    }
                }
            }
        }
    }

    fn drain(&mut self) {
        self.drain_relays();
        for peer in self.connections.keys().copied().collect::<Vec<_>>() {
            self.drain_peer(peer);
        }
        // What connections send through relays.
        self.drain_relays();
    }

    fn drain_peer(&mut self, peer: PeerId) {
        // It is taken out for the while, so that its outputs can be queued.
        if let Some(mut connection) = self.connections.remove(&peer) {
            self.drain_one(peer, &mut connection);
            self.connections.insert(peer, connection);
        }
    }

    fn drain_one(&mut self, peer: PeerId, connection: &mut Connection) {
        while let Some(output) = connection.poll() {
            let output = match output {
                connection::Output::Event(event) => {
                    if event == PeerEvent::Failed {
                        for relay in &mut self.relays {
                            relay.connection_broke(self.now);
                        }
                    }
                    Output::Peer { peer, event }
                }
                connection::Output::Sound(sound) => {
                    let packet = Packet {
                        seq: sound.seq,
                        time: sound.time,
                        marker: sound.marker,
                        payload: sound.payload,
                        arrived: self.clock.to_protocol(sound.arrived),
                    };
                    Output::Sound { peer, packet }
                }
                connection::Output::Transmit { from, to, bytes } => {
                    let mut relays = self.relays.iter_mut();
                    if let Some(relay) = relays.find(|it| it.relayed() == Some(from)) {
                        relay.send(to, bytes, self.now);
                        continue;
                    }
                    let mut sockets = self.sockets.iter();
                    let Some((socket, _)) = sockets.find(|(_, address)| **address == from) else {
                        continue;
                    };
                    let socket = *socket;
                    Output::Transmit { socket, to, bytes }
                }
            };
            self.outputs.push_back(output);
        }
    }

    fn pass(&mut self, now: Instant) {
        self.now = self.now.max(now);
    }
}

/// The addresses that a device says it may be reached at.
fn candidates(command: &Command) -> Vec<SocketAddr> {
    let lines: Vec<&str> = match command {
        Command::AddCandidate { candidate } => vec![candidate],
        Command::TakeAnswer { sdp } | Command::TakeOffer { sdp, .. } => {
            let attributes = sdp.lines().filter_map(|line| line.strip_prefix("a="));
            attributes
                .filter(|it| it.starts_with("candidate:"))
                .collect()
        }
        _ => return Vec::new(),
    };
    let read = lines.into_iter().filter_map(connection::address_of);
    read.take(connection::MAX_CANDIDATES).collect()
}

/// Relays that are used at most: each is an allocation, and candidates for every connection.
const MAX_RELAYS: usize = 3;
