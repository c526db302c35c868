//! The connections with all devices of a room.

use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;
use std::sync::Arc;

use dialtone_protocol::Instant;
use dialtone_protocol::voice::Command;
use dialtone_protocol::voice::room::PeerId;

use super::connection::{self, Connection};
use super::kept::MAX_CANDIDATES;
use super::servers::{self, Servers};
use super::way::Way;
use super::{Clock, Health, Output, Packet, PeerEvent, Server, SocketId, StreamId};

/// The connections with all devices of a room.
#[derive(Debug)]
pub struct Mesh {
    clock: Clock,
    now: Instant,
    pub(super) sockets: BTreeMap<SocketId, SocketAddr>,
    connections: BTreeMap<PeerId, Connection>,
    servers: Servers,
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
            servers: Servers::default(),
            relay_only: false,
            outputs: VecDeque::new(),
        }
    }

    /// A socket was bound to an address of this device.
    pub fn add_socket(&mut self, id: SocketId, address: SocketAddr, now: Instant) {
        self.pass(now);
        self.sockets.insert(id, address);
        if !self.relay_only {
            self.add(Way::Host(address));
        }
        self.use_servers();
    }

    /// A socket is gone.
    pub fn remove_socket(&mut self, id: SocketId, now: Instant) {
        self.pass(now);
        if let Some(address) = self.sockets.remove(&id) {
            self.remove(Way::Host(address));
            self.use_servers();
        }
    }

    /// Uses these STUN and TURN servers, too: the first [`MAX_SERVERS`](super::MAX_SERVERS) of them. Those before are
    /// let go of.
    pub fn set_servers(&mut self, servers: Vec<Server>, now: Instant) {
        self.pass(now);
        self.servers.want(servers);
        self.use_servers();
    }

    /// Lets others reach this device through relays alone, so that they do not learn its address. It holds for
    /// connections and sockets that begin afterwards.
    pub const fn set_relay_only(&mut self, relay_only: bool) {
        self.relay_only = relay_only;
    }

    fn use_servers(&mut self) {
        self.servers
            .use_all(&self.sockets, self.relay_only, self.now);
        self.drain();
    }

    /// Carries out what a pair wants of its connection.
    pub fn command(&mut self, peer: PeerId, command: Command, now: Instant) {
        self.pass(now);
        if command == Command::Close {
            if let Some(mut connection) = self.connections.remove(&peer) {
                connection.close();
                self.drain_one(peer, &mut connection);
                self.settle();
            }
            return;
        }
        for address in candidates(&command) {
            self.servers.permit(address, self.now);
        }
        let at = self.clock.to_system(self.now);
        let (direct, sockets, servers) = (!self.relay_only, &self.sockets, &self.servers);
        let connection = self.connections.entry(peer).or_insert_with(|| {
            let hosts = sockets.values().copied().filter(|_| direct).map(Way::Host);
            Connection::new(at, hosts.chain(servers.ways().iter().copied()).collect())
        });
        connection.command(command, at);
        self.drain();
    }

    /// A datagram came. What belongs to nobody is passed over.
    pub fn datagram(&mut self, socket: SocketId, from: SocketAddr, bytes: &[u8], now: Instant) {
        self.pass(now);
        let Some(to) = self.sockets.get(&socket).copied() else {
            return;
        };
        match self.servers.datagram(socket, from, bytes, self.now) {
            Some(relayed) => self.take_relayed(relayed),
            None => self.deliver(from, to, bytes),
        }
    }

    /// A stream stands.
    pub fn stream_opened(&mut self, stream: StreamId, now: Instant) {
        self.pass(now);
        self.servers.stream_opened(stream, self.now);
        self.drain();
    }

    /// Bytes came over a stream.
    pub fn stream_bytes(&mut self, stream: StreamId, bytes: &[u8], now: Instant) {
        self.pass(now);
        let relayed = self.servers.stream_bytes(stream, bytes, self.now);
        self.take_relayed(relayed);
    }

    /// A stream is gone, or could not be opened. `why` is for people.
    pub fn stream_closed(&mut self, stream: StreamId, why: &str, now: Instant) {
        self.pass(now);
        self.servers.stream_closed(stream, why, self.now);
        self.drain();
    }

    fn take_relayed(&mut self, relayed: Vec<servers::Relayed>) {
        for it in relayed {
            self.deliver(it.from, it.to, &it.bytes);
        }
        self.drain();
    }

    fn deliver(&mut self, from: SocketAddr, to: SocketAddr, bytes: &[u8]) {
        let at = self.clock.to_system(self.now);
        let taken = self
            .connections
            .iter_mut()
            .find_map(|(peer, it)| it.datagram(from, to, bytes, at).then_some(*peer));
        if let Some(peer) = taken {
            self.drain_peer(peer);
            self.settle();
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
        due.chain(self.servers.due()).min()
    }

    /// Lets time pass.
    pub fn handle_timeout(&mut self, now: Instant) {
        self.pass(now);
        let at = self.clock.to_system(self.now);
        for connection in self.connections.values_mut() {
            connection.handle_timeout(at);
        }
        self.servers.handle_timeout(self.now);
        self.drain();
    }

    fn add(&mut self, way: Way) {
        for connection in self.connections.values_mut() {
            connection.add(way);
        }
    }

    fn remove(&mut self, way: Way) {
        for connection in self.connections.values_mut() {
            connection.remove(way);
        }
    }

    /// Takes all that is to be done, until there is nothing more.
    fn drain(&mut self) {
        self.drain_servers();
        loop {
            for peer in self.connections.keys().copied().collect::<Vec<_>>() {
                self.drain_peer(peer);
            }
            // What connections send through relays; and one that broke may have ended a way of all.
            if !self.drain_servers() {
                break;
            }
        }
    }

    /// The same where one connection alone was touched.
    fn settle(&mut self) {
        if self.drain_servers() {
            self.drain();
        }
    }

    /// Answers whether connections were touched.
    fn drain_servers(&mut self) -> bool {
        let mut touched = false;
        while let Some(output) = self.servers.poll() {
            let output = match output {
                servers::Output::Add(way) => {
                    self.add(way);
                    touched = true;
                    continue;
                }
                servers::Output::Remove(way) => {
                    self.remove(way);
                    touched = true;
                    continue;
                }
                servers::Output::Close(stream) => Output::CloseStream { stream },
                servers::Output::Open(stream, server) => Output::OpenStream { stream, server },
                servers::Output::Transmit { socket, to, bytes } => {
                    Output::Transmit { socket, to, bytes }
                }
                servers::Output::Trouble(server, why) => Output::RelayTrouble { server, why },
                servers::Output::Write(stream, bytes) => Output::WriteStream { stream, bytes },
            };
            self.outputs.push_back(output);
        }
        touched
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
                        self.servers.connection_broke(self.now);
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
                    let mut sockets = self.sockets.iter();
                    let Some((socket, _)) = sockets.find(|(_, address)| **address == from) else {
                        // Nobody may be there any more: then it is lost, as anything may be.
                        let _ = self.servers.send(from, to, bytes, self.now);
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
    read.take(MAX_CANDIDATES).collect()
}
