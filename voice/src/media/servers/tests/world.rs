//! Servers, as a device uses them in virtual time, and what came of it.

use core::time::Duration;
use std::collections::BTreeMap;
use std::net::SocketAddr;

use dialtone_protocol::Instant;
use turn_client_proto::types::attribute::{Lifetime, XorRelayedAddress};
use turn_client_proto::types::message::ALLOCATE;
use turn_client_proto::types::stun::attribute::{ErrorCode, Nonce, Realm, XorMappedAddress};
use turn_client_proto::types::stun::message::{
    BINDING, IntegrityAlgorithm, LongTermKeyCredentials, Message, MessageClass,
    MessageIntegrityCredentials, MessageWriteVec,
};
use turn_client_proto::types::stun::prelude::*;

use crate::media::servers::{Output, Servers};
use crate::media::way::Way;
use crate::media::{Login, Named, Server, SocketId, StreamId, Trouble};

/// Where all the servers are.
pub(super) fn place() -> SocketAddr {
    SocketAddr::from(([192, 0, 2, 1], 3478))
}

pub(super) fn address(text: &str) -> SocketAddr {
    text.parse().unwrap()
}

pub(super) fn server(url: &str) -> Server {
    server_at(url, "secret", place())
}

pub(super) fn server_at(url: &str, password: &str, at: SocketAddr) -> Server {
    let login = Login::new("ann", password).unwrap();
    Named::parse(url, Some(&login)).unwrap().at(at)
}

fn credentials() -> MessageIntegrityCredentials {
    let [name, password, realm] = ["ann", "secret", "test"].map(str::to_owned);
    LongTermKeyCredentials::new(name, password, realm).into()
}

pub(super) fn signed(mut message: MessageWriteVec) -> Vec<u8> {
    let added = message.add_message_integrity(&credentials(), IntegrityAlgorithm::Sha1);
    added.unwrap();
    message.finish()
}

/// What a server in order answers.
fn answer(request: &[u8]) -> Option<Vec<u8>> {
    let request = Message::from_bytes(request).unwrap();
    if !request.has_class(MessageClass::Request) {
        return None;
    }
    let id = request.transaction_id();
    let mut success = Message::builder_success(&request, MessageWriteVec::new());
    if request.has_method(BINDING) {
        let seen = XorMappedAddress::new(address("198.51.100.7:7000"), id);
        success.add_attribute(&seen).unwrap();
        return Some(success.finish());
    }
    if request.validate_integrity(&credentials()).is_err() {
        let mut error = Message::builder_error(&request, MessageWriteVec::new());
        let code = ErrorCode::builder(ErrorCode::UNAUTHORIZED).build();
        error.add_attribute(&code.unwrap()).unwrap();
        error.add_attribute(&Realm::new("test").unwrap()).unwrap();
        error.add_attribute(&Nonce::new("once").unwrap()).unwrap();
        return Some(error.finish());
    }
    let lifetime = Lifetime::new(1800);
    if request.has_method(ALLOCATE) {
        let relayed = XorRelayedAddress::new(address("192.0.2.1:50000"), id);
        success.add_attribute(&relayed).unwrap();
    }
    success.add_attribute(&lifetime).unwrap();
    Some(signed(success))
}

/// The servers as a device uses them, and what came of it.
pub(super) struct World {
    pub(super) now: Instant,
    pub(super) servers: Servers,
    pub(super) sockets: BTreeMap<SocketId, SocketAddr>,
    pub(super) relay_only: bool,
    /// Whether the server answers.
    pub(super) answers: bool,
    /// The streams that were opened and not closed.
    pub(super) streams: BTreeMap<StreamId, Server>,
    pub(super) opened: usize,
    pub(super) ways: Vec<Way>,
    pub(super) trouble: Vec<Trouble>,
    /// What was last said to a server.
    pub(super) last: Vec<u8>,
    pub(super) sent: usize,
}

impl World {
    pub(super) fn new(servers: &[Server]) -> Self {
        let mut world = Self {
            now: Instant::ZERO,
            servers: Servers::default(),
            sockets: BTreeMap::from([(SocketId(0), address("10.0.0.1:5000"))]),
            relay_only: false,
            answers: true,
            streams: BTreeMap::new(),
            opened: 0,
            ways: Vec::new(),
            trouble: Vec::new(),
            last: Vec::new(),
            sent: 0,
        };
        world.want(servers);
        world
    }

    pub(super) fn want(&mut self, servers: &[Server]) {
        self.servers.want(servers.to_vec());
        self.use_all();
    }

    pub(super) fn use_all(&mut self) {
        self.servers
            .use_all(&self.sockets, self.relay_only, self.now);
        self.settle();
    }

    pub(super) fn settle(&mut self) {
        while let Some(output) = self.servers.poll() {
            match output {
                Output::Add(way) => self.ways.push(way),
                Output::Remove(way) => self.ways.retain(|it| *it != way),
                Output::Close(stream) => {
                    self.streams.remove(&stream).expect("it was open");
                }
                Output::Open(stream, server) => {
                    self.opened += 1;
                    self.streams.insert(stream, server);
                }
                Output::Trouble(_, why) => self.trouble.push(why),
                Output::Transmit { socket, to, bytes } => {
                    self.sent += 1;
                    if let Some(answer) = answer(&bytes).filter(|_| self.answers) {
                        let taken = self.servers.datagram(socket, to, &answer, self.now);
                        assert!(taken.is_some(), "it is of a server");
                    }
                    self.last = bytes;
                }
                Output::Write(stream, bytes) => {
                    self.sent += 1;
                    if let Some(answer) = answer(&bytes).filter(|_| self.answers) {
                        self.servers.stream_bytes(stream, &answer, self.now);
                    }
                    self.last = bytes;
                }
            }
        }
        assert_eq!(*self.servers.ways(), self.ways.iter().copied().collect());
    }

    pub(super) fn open(&mut self) {
        for stream in self.streams.keys().copied().collect::<Vec<_>>() {
            self.servers.stream_opened(stream, self.now);
        }
        self.settle();
    }

    pub(super) fn close(&mut self, why: &str) {
        for stream in core::mem::take(&mut self.streams).into_keys() {
            self.servers.stream_closed(stream, why, self.now);
        }
        self.settle();
    }

    pub(super) fn wait(&mut self, seconds: u64) {
        let until = self.now + Duration::from_secs(seconds);
        let mut turns = 0;
        while let Some(due) = self.servers.due().filter(|due| *due <= until) {
            self.now = self.now.max(due);
            self.servers.handle_timeout(self.now);
            self.settle();
            let next = self.servers.due();
            assert!(next.is_none_or(|next| next > self.now), "time stands still");
            turns += 1;
            assert!(turns < 10_000, "time hardly goes on");
        }
        self.now = until;
    }
}
