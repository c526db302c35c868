//! A TURN server that carries datagrams where devices cannot reach each other (RFC 8656), over UDP.
//!
//! One allocation serves all connections. The addresses of others that may send to it are named to the server one by
//! one, as their candidates come.

use core::fmt;
use core::time::Duration;
use std::collections::{BTreeSet, VecDeque};
use std::net::{IpAddr, SocketAddr};

use dialtone_protocol::Instant;
use turn_client_proto::api::{TurnClientApi, TurnConfig, TurnEvent, TurnPollRet, TurnRecvRet};
use turn_client_proto::stun::Instant as TurnInstant;
use turn_client_proto::stun::agent::Transmit;
use turn_client_proto::types::{AddressFamily, TransportType, TurnCredentials, prelude::*};
use turn_client_proto::udp::TurnClientUdp;

use super::SocketId;

/// Addresses that may send to an allocation at most: those of a full room.
const MAX_PERMITTED: usize = 1024;

/// How long to wait before a server that refused, or did not answer, is asked again.
const AGAIN: Duration = Duration::from_secs(15);

/// How long a server may take to give an address: one that refuses a login may leave it at saying nothing.
const ALLOCATES: Duration = Duration::from_secs(8);

/// A server that was not heard for so long while a connection broke is asked for another allocation.
const SILENT: Duration = Duration::from_secs(5);

/// A TURN server, and how to log in.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct RelayServer {
    /// Where it is.
    pub address: SocketAddr,
    /// The name to log in with.
    pub username: String,
    /// The password.
    pub password: String,
}

impl RelayServer {
    /// A server.
    #[must_use]
    pub fn new(address: SocketAddr, username: &str, password: &str) -> Self {
        let (username, password) = (username.to_owned(), password.to_owned());
        Self {
            address,
            username,
            password,
        }
    }
}

impl fmt::Debug for RelayServer {
    /// Without the password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RelayServer")
            .field("address", &self.address)
            .finish_non_exhaustive()
    }
}

/// What a relay wants.
pub(super) enum Output {
    /// Others reach this device at this address.
    Ready(SocketAddr),
    /// They do not any more.
    Gone(SocketAddr),
    /// The server refuses, or does not answer.
    Trouble,
    /// For the server.
    Transmit(Vec<u8>),
}

/// An allocation on a server, or the wish for one.
pub(super) struct Relay {
    server: RelayServer,
    pub(super) socket: SocketId,
    local: SocketAddr,
    client: Option<TurnClientUdp>,
    relayed: Option<SocketAddr>,
    permitted: BTreeSet<IpAddr>,
    heard: Instant,
    /// Since when an address is asked for.
    asked: Instant,
    due: Option<Instant>,
    /// It was said that the server refuses, and nothing has changed since.
    troubled: bool,
    outputs: VecDeque<Output>,
}

impl Relay {
    pub(super) fn new(
        server: RelayServer,
        socket: SocketId,
        local: SocketAddr,
        now: Instant,
    ) -> Self {
        let mut relay = Self {
            server,
            socket,
            local,
            client: None,
            relayed: None,
            permitted: BTreeSet::new(),
            heard: now,
            asked: now,
            due: None,
            troubled: false,
            outputs: VecDeque::new(),
        };
        relay.allocate(now);
        relay
    }

    pub(super) const fn server(&self) -> SocketAddr {
        self.server.address
    }

    pub(super) const fn local(&self) -> SocketAddr {
        self.local
    }

    pub(super) const fn relayed(&self) -> Option<SocketAddr> {
        self.relayed
    }

    pub(super) const fn due(&self) -> Option<Instant> {
        self.due
    }

    pub(super) fn poll(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    fn allocate(&mut self, now: Instant) {
        let credentials = TurnCredentials::new(&self.server.username, &self.server.password);
        let mut config = TurnConfig::new(credentials);
        if self.local.is_ipv6() {
            config.set_address_family(AddressFamily::IPV6);
        }
        let client = TurnClientUdp::allocate(self.local, self.server.address, config);
        self.client = Some(client);
        self.asked = now;
        self.run(now);
    }

    /// Lets an address send to the allocation.
    pub(super) fn permit(&mut self, address: SocketAddr, now: Instant) {
        if self.permitted.len() >= MAX_PERMITTED || !self.permitted.insert(address.ip()) {
            return;
        }
        if let Some(client) = self.client.as_mut().filter(|_| self.relayed.is_some()) {
            // One that is there already is as good.
            let _ = client.create_permission(TransportType::Udp, address.ip(), turn(now));
        }
        self.run(now);
    }

    /// Takes in a datagram of the server. Answers what another device said through it, and which.
    pub(super) fn datagram(&mut self, bytes: &[u8], now: Instant) -> Option<(SocketAddr, Vec<u8>)> {
        self.heard = now;
        let client = self.client.as_mut()?;
        let (from, to) = (self.server.address, self.local);
        let transmit = Transmit::new(bytes, TransportType::Udp, from, to);
        let said = match client.recv(transmit, turn(now)) {
            TurnRecvRet::PeerData(data) => Some((data.peer, data.data().to_vec())),
            _ => None,
        };
        self.run(now);
        said
    }

    /// Sends a datagram to another device.
    pub(super) fn send(&mut self, to: SocketAddr, bytes: Vec<u8>, now: Instant) {
        let Some(client) = &mut self.client else {
            return;
        };
        // Without a permission it is lost, as anything may be.
        if let Ok(Some(transmit)) = client.send_to(TransportType::Udp, to, bytes, turn(now)) {
            let bytes = transmit.data.build();
            self.outputs.push_back(Output::Transmit(bytes));
        }
        self.run(now);
    }

    /// A connection broke: perhaps because the server forgot the allocation.
    pub(super) fn connection_broke(&mut self, now: Instant) {
        if now - self.heard >= SILENT {
            self.lose();
            self.heard = now;
            self.allocate(now);
        }
    }

    pub(super) fn handle_timeout(&mut self, now: Instant) {
        if self.due.is_some_and(|at| at <= now) {
            let late = self.relayed.is_none() && now >= self.asked + ALLOCATES;
            match self.client {
                Some(_) if late => self.give_up(now),
                Some(_) => self.run(now),
                None => self.allocate(now),
            }
        }
    }

    fn run(&mut self, now: Instant) {
        loop {
            let Some(client) = &mut self.client else {
                return;
            };
            while let Some(transmit) = client.poll_transmit(turn(now)) {
                let bytes = transmit.data.as_ref().to_vec();
                self.outputs.push_back(Output::Transmit(bytes));
            }
            match client.poll_event() {
                Some(TurnEvent::AllocationCreated(TransportType::Udp, address)) => {
                    self.relayed = Some(address);
                    self.troubled = false;
                    self.outputs.push_back(Output::Ready(address));
                    for ip in self.permitted.clone() {
                        if let Some(client) = &mut self.client {
                            let _ = client.create_permission(TransportType::Udp, ip, turn(now));
                        }
                    }
                }
                Some(TurnEvent::AllocationCreateFailed(_)) => return self.give_up(now),
                Some(_) => {}
                None => match client.poll(turn(now)) {
                    TurnPollRet::WaitUntil(at) => {
                        let wait = at.saturating_duration_since(turn(now));
                        if client_has_more(client, now, &mut self.outputs) {
                            continue;
                        }
                        let due = now + wait.max(Duration::from_millis(1));
                        let late = self.relayed.is_none().then_some(self.asked + ALLOCATES);
                        self.due = late.into_iter().chain([due]).min();
                        return;
                    }
                    TurnPollRet::Closed => return self.give_up(now),
                    TurnPollRet::AllocateTcpSocket { .. } | TurnPollRet::TcpClose { .. } => return,
                },
            }
        }
    }

    fn give_up(&mut self, now: Instant) {
        self.lose();
        if !core::mem::replace(&mut self.troubled, true) {
            self.outputs.push_back(Output::Trouble);
        }
        self.due = Some(now + AGAIN);
    }

    fn lose(&mut self) {
        self.client = None;
        if let Some(address) = self.relayed.take() {
            self.outputs.push_back(Output::Gone(address));
        }
    }
}

/// What polling made.
fn client_has_more(
    client: &mut TurnClientUdp,
    now: Instant,
    outputs: &mut VecDeque<Output>,
) -> bool {
    let mut more = false;
    while let Some(transmit) = client.poll_transmit(turn(now)) {
        outputs.push_back(Output::Transmit(transmit.data.as_ref().to_vec()));
        more = true;
    }
    more
}

/// The library's moment.
fn turn(at: Instant) -> TurnInstant {
    TurnInstant::ZERO + Duration::from_micros(at.as_micros())
}

impl fmt::Debug for Relay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Relay")
            .field("server", &self.server)
            .field("ready", &self.relayed.is_some())
            .finish_non_exhaustive()
    }
}
