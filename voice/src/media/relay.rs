//! A TURN server that carries datagrams where devices cannot reach each other (RFC 8656), over UDP, TCP or TLS.
//!
//! One allocation serves all connections. The addresses of others that may send to it are named to the server one by
//! one, as their candidates come. A stream is opened by the driver, which says when it stands, what came and when it
//! is gone.

use core::fmt;
use core::time::Duration;
use std::collections::{BTreeSet, VecDeque};
use std::net::{IpAddr, SocketAddr};

use dialtone_protocol::Instant;
use turn_client_proto::api::{TurnClientApi, TurnConfig, TurnEvent, TurnPollRet, TurnRecvRet};
use turn_client_proto::client::TurnClient;
use turn_client_proto::stun::Instant as TurnInstant;
use turn_client_proto::stun::agent::Transmit;
use turn_client_proto::tcp::TurnClientTcp;
use turn_client_proto::types::message::ALLOCATE;
use turn_client_proto::types::stun::attribute::{ErrorCode, Nonce};
use turn_client_proto::types::stun::message::{Message, MessageClass, TransactionId};
use turn_client_proto::types::stun::prelude::*;
use turn_client_proto::types::{AddressFamily, TransportType, TurnCredentials, prelude::*};
use turn_client_proto::udp::TurnClientUdp;

use super::frames::Frames;
use super::{Login, SocketId, Transport, Trouble};

/// Addresses that may send to an allocation at most: those of a full room.
const MAX_PERMITTED: usize = 1024;

/// How long to wait before a server that refused, or did not answer, is asked again.
const AGAIN: Duration = Duration::from_secs(15);

/// How long to wait before a stream is opened anew that had stood.
const REOPEN: Duration = Duration::from_secs(1);

/// How long a server may take to give an address, with the stream to it: one that refuses a login may leave it at
/// saying nothing.
const ALLOCATES: Duration = Duration::from_secs(8);

/// A server that was not heard for so long while a connection broke is asked for another allocation.
const SILENT: Duration = Duration::from_secs(5);

/// What a relay wants.
pub(super) enum Output {
    /// Close the stream.
    Close,
    /// Open a stream.
    Open,
    /// For the server.
    Transmit(Vec<u8>),
    /// There is no address to be had.
    Trouble(Trouble),
}

/// An allocation on a server, or the wish for one.
pub(super) struct Relay {
    server: SocketAddr,
    transport: Transport,
    login: Login,
    pub(super) socket: SocketId,
    local: SocketAddr,
    client: Option<TurnClient>,
    /// What came over the stream, while there is one or it is being opened.
    frames: Option<Frames>,
    relayed: Option<SocketAddr>,
    permitted: BTreeSet<IpAddr>,
    heard: Instant,
    /// Since when an address is asked for.
    asked: Instant,
    /// What it was last asked for with, and how often.
    question: Option<(TransactionId, u32)>,
    due: Option<Instant>,
    /// The trouble was said, and nothing has changed since.
    troubled: bool,
    outputs: VecDeque<Output>,
}

impl Relay {
    pub(super) fn new(
        server: SocketAddr,
        (transport, login): (Transport, Login),
        (socket, local): (SocketId, SocketAddr),
        now: Instant,
    ) -> Self {
        let mut relay = Self {
            server,
            transport,
            login,
            socket,
            local,
            client: None,
            frames: None,
            relayed: None,
            permitted: BTreeSet::new(),
            heard: now,
            asked: now,
            question: None,
            due: None,
            troubled: false,
            outputs: VecDeque::new(),
        };
        relay.begin(now);
        relay
    }

    pub(super) const fn local(&self) -> SocketAddr {
        self.local
    }

    pub(super) const fn relayed(&self) -> Option<SocketAddr> {
        self.relayed
    }

    pub(super) const fn is_stream(&self) -> bool {
        matches!(self.transport, Transport::Tcp | Transport::Tls)
    }

    pub(super) const fn due(&self) -> Option<Instant> {
        self.due
    }

    pub(super) fn poll(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    fn begin(&mut self, now: Instant) {
        self.asked = now;
        if self.is_stream() {
            self.frames = Some(Frames::default());
            self.outputs.push_back(Output::Open);
            self.due = Some(now + ALLOCATES);
        } else {
            self.allocate(now);
        }
    }

    fn allocate(&mut self, now: Instant) {
        let credentials = TurnCredentials::new(self.login.username(), self.login.password());
        let mut config = TurnConfig::new(credentials);
        if self.local.is_ipv6() {
            config.set_address_family(AddressFamily::IPV6);
        }
        let (local, server) = (self.local, self.server);
        let client = match self.is_stream() {
            true => TurnClientTcp::allocate(local, server, config).into(),
            false => TurnClientUdp::allocate(local, server, config).into(),
        };
        self.client = Some(client);
        self.question = None;
        self.heard = now;
        self.run(now);
    }

    /// Another login holds from now on. What stands, stands on.
    pub(super) fn set_login(&mut self, login: Login, now: Instant) {
        if self.login != login {
            self.login = login;
            if self.relayed.is_none() {
                self.lose();
                self.troubled = false;
                self.begin(now);
            }
        }
    }

    /// The stream stands.
    pub(super) fn opened(&mut self, now: Instant) {
        if self.frames.is_some() && self.client.is_none() {
            self.allocate(now);
        }
    }

    /// The stream is gone, or could not be opened.
    pub(super) fn closed(&mut self, why: &str, now: Instant) {
        // It was not this device that closed it.
        if self.frames.take().is_none() {
            return;
        }
        let stood = self.relayed.is_some();
        self.lose();
        if stood {
            self.due = Some(now + REOPEN);
        } else {
            self.complain(Trouble::Stream(why.to_owned()), now);
        }
    }

    /// Takes in bytes of the stream. Answers what other devices said through it, and which.
    pub(super) fn bytes(&mut self, bytes: &[u8], now: Instant) -> Vec<(SocketAddr, Vec<u8>)> {
        let Some(frames) = self.frames.as_mut().filter(|_| self.client.is_some()) else {
            return Vec::new();
        };
        let Ok(messages) = frames.push(bytes) else {
            let what = "what comes is no TURN".to_owned();
            self.give_up(Trouble::Stream(what), now);
            return Vec::new();
        };
        let messages = messages.iter();
        messages.filter_map(|it| self.message(it, now)).collect()
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

    /// Takes in a message of the server. Answers what another device said through it, and which.
    pub(super) fn message(&mut self, bytes: &[u8], now: Instant) -> Option<(SocketAddr, Vec<u8>)> {
        let message = Message::from_bytes(bytes).ok()?;
        if !is_digestible(&message) {
            return None;
        }
        self.heard = now;
        if let Some(trouble) = self.refusal(&message) {
            self.give_up(trouble, now);
            return None;
        }
        let client = self.client.as_mut()?;
        let (from, to) = (self.server, self.local);
        let transmit = Transmit::new(bytes, client.transport(), from, to);
        let said = match client.recv(transmit, turn(now)) {
            TurnRecvRet::PeerData(data) => Some((data.peer, data.data().to_vec())),
            _ => None,
        };
        self.run(now);
        said
    }

    /// Why the server gives no address, if this says so. The first refusal only says how to log in.
    fn refusal(&self, message: &Message<'_>) -> Option<Trouble> {
        let (id, times) = self.question?;
        let is_answer = message.transaction_id() == id && message.has_class(MessageClass::Error);
        if !is_answer || self.relayed.is_some() {
            return None;
        }
        match message.attribute::<ErrorCode>().ok()?.code() {
            ErrorCode::UNAUTHORIZED if times > 1 => Some(Trouble::Login),
            ErrorCode::UNAUTHORIZED | ErrorCode::STALE_NONCE => None,
            code => Some(Trouble::Refused(code)),
        }
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

    /// A connection broke: perhaps because the server forgot the allocation, or the stream leads nowhere any more.
    pub(super) fn connection_broke(&mut self, now: Instant) {
        if self.client.is_some() && now - self.heard >= SILENT {
            self.lose();
            self.heard = now;
            self.begin(now);
        }
    }

    pub(super) fn handle_timeout(&mut self, now: Instant) {
        if self.due.is_some_and(|at| at <= now) {
            let asks = self.client.is_some() || self.frames.is_some();
            if !asks {
                self.begin(now);
            } else if self.relayed.is_none() && now >= self.asked + ALLOCATES {
                self.give_up(Trouble::Silent, now);
            } else {
                self.run(now);
            }
        }
    }

    fn run(&mut self, now: Instant) {
        loop {
            self.take_transmits(now);
            let Some(client) = &mut self.client else {
                return;
            };
            match client.poll_event() {
                Some(TurnEvent::AllocationCreated(TransportType::Udp, address)) => {
                    self.ready(address, now);
                }
                Some(TurnEvent::AllocationCreateFailed(_)) => {
                    return self.give_up(Trouble::Silent, now);
                }
                Some(_) => {}
                None => match client.poll(turn(now)) {
                    TurnPollRet::WaitUntil(at) => {
                        let wait = at.saturating_duration_since(turn(now));
                        if self.take_transmits(now) {
                            continue;
                        }
                        let due = now + wait.max(Duration::from_millis(1));
                        let late = self.relayed.is_none().then_some(self.asked + ALLOCATES);
                        self.due = late.into_iter().chain([due]).min();
                        return;
                    }
                    // No streams are asked for on its other side.
                    TurnPollRet::Closed
                    | TurnPollRet::AllocateTcpSocket { .. }
                    | TurnPollRet::TcpClose { .. } => return self.give_up(Trouble::Silent, now),
                },
            }
        }
    }

    fn ready(&mut self, address: SocketAddr, now: Instant) {
        self.relayed = Some(address);
        self.troubled = false;
        if let Some(client) = &mut self.client {
            for ip in &self.permitted {
                let _ = client.create_permission(TransportType::Udp, *ip, turn(now));
            }
        }
    }

    /// Answers whether there were any.
    fn take_transmits(&mut self, now: Instant) -> bool {
        let mut any = false;
        while let Some(client) = &mut self.client {
            let Some(transmit) = client.poll_transmit(turn(now)) else {
                break;
            };
            let bytes = transmit.data.as_ref().to_vec();
            if let Ok(message) = Message::from_bytes(&bytes)
                && message.has_method(ALLOCATE)
            {
                let id = message.transaction_id();
                self.question = match self.question {
                    Some((before, times)) if before == id => Some((id, times)),
                    Some((_, times)) => Some((id, times + 1)),
                    None => Some((id, 1)),
                };
            }
            self.outputs.push_back(Output::Transmit(bytes));
            any = true;
        }
        any
    }

    fn give_up(&mut self, trouble: Trouble, now: Instant) {
        self.lose();
        self.complain(trouble, now);
    }

    fn complain(&mut self, trouble: Trouble, now: Instant) {
        if !core::mem::replace(&mut self.troubled, true) {
            self.outputs.push_back(Output::Trouble(trouble));
        }
        self.due = Some(now + AGAIN);
    }

    /// Lets go of what there is.
    pub(super) fn lose(&mut self) {
        self.client = None;
        if self.frames.take().is_some() {
            self.outputs.push_back(Output::Close);
        }
        self.relayed = None;
    }
}

/// Whether the library can take a message in: it cuts a nonce in the middle of a character, which a nonce has no
/// reason to hold (RFC 8489, section 14.10: quoted text of HTTP).
fn is_digestible(message: &Message<'_>) -> bool {
    let mut attributes = message.iter_attributes().map(|(_, attribute)| attribute);
    attributes.all(|it| it.get_type() != Nonce::TYPE || it.value.is_ascii())
}

/// The library's moment.
fn turn(at: Instant) -> TurnInstant {
    TurnInstant::ZERO + Duration::from_micros(at.as_micros())
}

impl fmt::Debug for Relay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Relay")
            .field("server", &self.server)
            .field("transport", &self.transport)
            .field("ready", &self.relayed.is_some())
            .finish_non_exhaustive()
    }
}
