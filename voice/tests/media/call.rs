//! Two devices that talk, and what carries their datagrams and streams: as the daemon does, but where a test sees it.

use std::net::{SocketAddr, UdpSocket};
use std::thread;
use std::time::Duration;

use async_channel::Receiver;
use dialtone_client::link::Trust;
use dialtone_protocol::runtime::Runtime;
use dialtone_protocol::voice::room::PeerId;
use dialtone_protocol::voice::{Input, Output as PairOutput, Pair, Say};
use dialtone_protocol::{Instant, Machine};
use dialtone_voice::drive::{Stream, Streams};
use dialtone_voice::media::{Clock, Mesh, Output, PeerEvent, Server, SocketId, StreamId, Trouble};

/// How long anything may take. Only a broken build or a very slow machine reaches it.
const PATIENCE: Duration = Duration::from_secs(120);

pub(crate) const PEER: PeerId = PeerId(0);

/// Where the datagrams of a device go.
pub(crate) struct Net {
    socket: UdpSocket,
    /// The address that the device believes to have, if it is behind a NAT.
    inside: Option<SocketAddr>,
    /// Who it believes to be the server, and where that is.
    server: Option<(SocketAddr, SocketAddr)>,
}

impl Net {
    /// On the loopback itself.
    pub(crate) fn open() -> Self {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        socket.set_nonblocking(true).unwrap();
        Self {
            socket,
            inside: None,
            server: None,
        }
    }

    /// Behind a NAT, from which a server with another address is reached.
    pub(crate) fn behind_nat(inside: &str, seen: SocketAddr, server: SocketAddr) -> Self {
        Self {
            inside: Some(inside.parse().unwrap()),
            server: Some((seen, server)),
            ..Self::open()
        }
    }

    pub(crate) fn outside(&self) -> SocketAddr {
        self.socket.local_addr().unwrap()
    }

    fn address(&self) -> SocketAddr {
        self.inside.unwrap_or_else(|| self.outside())
    }

    fn send(&self, to: SocketAddr, bytes: &[u8]) {
        let real = match self.server {
            Some((seen, server)) if to == seen => server,
            _ => to,
        };
        // The addresses behind another NAT lead nowhere.
        if real.ip().is_loopback() {
            let _ = self.socket.send_to(bytes, real);
        }
    }

    fn receive(&self) -> Option<(SocketAddr, Vec<u8>)> {
        let mut buffer = [0; 2048];
        let (length, from) = self.socket.recv_from(&mut buffer).ok()?;
        let from = match self.server {
            Some((seen, server)) if from == server => seen,
            _ => from,
        };
        Some((from, buffer[..length].to_vec()))
    }
}

/// A device.
pub(crate) struct Device<R> {
    pub(crate) mesh: Mesh,
    pub(crate) pair: Pair,
    pub(crate) heard: usize,
    pub(crate) trouble: Vec<(Server, Trouble)>,
    /// The candidates that it named.
    pub(crate) named: Vec<String>,
    net: Net,
    streams: Streams<R, (StreamId, Stream)>,
    came: Receiver<(StreamId, Stream)>,
    /// Whom it sent datagrams to.
    pub(crate) sent_to: Vec<SocketAddr>,
}

/// Two of them, and time as it is.
pub(crate) struct Call<R> {
    began: std::time::Instant,
    pub(crate) devices: [Device<R>; 2],
    frames: u32,
}

impl<R: Runtime> Call<R> {
    pub(crate) fn new(
        runtime: &R,
        trust: &Trust,
        servers: &[Server],
        relay_only: bool,
        nets: [Net; 2],
    ) -> Self {
        let began = std::time::Instant::now();
        let device = |first: bool, net: Net| {
            let mut mesh = Mesh::new(Clock::new(began, Instant::ZERO), Instant::ZERO);
            mesh.set_relay_only(relay_only);
            mesh.add_socket(SocketId(0), net.address(), Instant::ZERO);
            mesh.set_servers(servers.to_vec(), Instant::ZERO);
            let (tell, came) = async_channel::unbounded();
            Device {
                mesh,
                pair: Pair::new(first, first, Instant::ZERO),
                heard: 0,
                trouble: Vec::new(),
                named: Vec::new(),
                net,
                streams: Streams::new(runtime.clone(), trust.clone(), tell),
                came,
                sent_to: Vec::new(),
            }
        };
        let [one, other] = nets;
        Self {
            began,
            devices: [device(true, one), device(false, other)],
            frames: 0,
        }
    }

    fn now(&self) -> Instant {
        Instant::ZERO + self.began.elapsed()
    }

    fn step(&mut self) {
        let now = self.now();
        for one in 0..2 {
            let device = &mut self.devices[one];
            while let Some((from, bytes)) = device.net.receive() {
                device.mesh.datagram(SocketId(0), from, &bytes, now);
            }
            while let Ok((id, stream)) = device.came.try_recv() {
                match stream {
                    Stream::Opened => device.mesh.stream_opened(id, now),
                    Stream::Bytes(bytes) => device.mesh.stream_bytes(id, &bytes, now),
                    Stream::Closed(why) => device.mesh.stream_closed(id, &why, now),
                    _ => panic!("{stream:?}"),
                }
            }
            device.mesh.handle_timeout(now);
            device.pair.handle_timeout(now);
            self.carry_out(one, now);
        }
    }

    fn carry_out(&mut self, one: usize, now: Instant) {
        loop {
            let device = &mut self.devices[one];
            if let Some(output) = device.pair.poll_output() {
                match output {
                    PairOutput::Media(command) => device.mesh.command(PEER, command, now),
                    PairOutput::Send(say) => self.say(1 - one, &say, now),
                    _ => {}
                }
            } else if let Some(output) = device.mesh.poll_output() {
                device.carry_out(output, now);
            } else {
                return;
            }
        }
    }

    fn say(&mut self, to: usize, say: &Say, now: Instant) {
        let input = match say {
            Say::Offer { generation, sdp } => Input::Offer {
                generation: *generation,
                sdp,
            },
            Say::Answer { generation, sdp } => Input::Answer {
                generation: *generation,
                sdp,
            },
            Say::Candidate { candidate } => Input::Candidate { candidate },
            _ => return,
        };
        let _ = self.devices[to].pair.handle_input(input, now);
    }

    /// Goes on until something holds.
    pub(crate) fn until(&mut self, what: &str, holds: impl Fn(&Device<R>) -> bool) {
        let give_up = self.began.elapsed() + PATIENCE;
        while !self.devices.iter().all(&holds) {
            let trouble = self.devices.each_ref().map(|it| &it.trouble);
            assert!(self.began.elapsed() < give_up, "not {what}: {trouble:?}");
            self.step();
            thread::sleep(Duration::from_millis(2));
        }
    }

    pub(crate) fn until_connected(&mut self) {
        self.until("connected", |it| it.pair.is_connected());
    }

    /// Both speak for a second: all of it is heard.
    pub(crate) fn talk(&mut self) {
        for device in &mut self.devices {
            device.heard = 0;
        }
        for _ in 0..50 {
            let now = self.now();
            self.frames += 1;
            for one in 0..2 {
                let time = self.frames * 960;
                self.devices[one].mesh.send(&[7; 60], time, false, now);
                self.carry_out(one, now);
            }
            let next = self.began.elapsed() + Duration::from_millis(20);
            while self.began.elapsed() < next {
                self.step();
                thread::sleep(Duration::from_millis(1));
            }
        }
        self.until("heard", |it| it.heard == 50);
    }
}

impl<R: Runtime> Device<R> {
    fn carry_out(&mut self, output: Output, now: Instant) {
        match output {
            Output::CloseStream { stream } => self.streams.close(stream),
            Output::OpenStream { stream, server } => self.streams.open(stream, server),
            Output::Peer { event, .. } => {
                let named = match &event {
                    PeerEvent::LocalCandidate { candidate } => candidate,
                    PeerEvent::OfferMade { sdp, .. } | PeerEvent::AnswerMade { sdp, .. } => sdp,
                    _ => "",
                };
                let named = named.lines().filter(|line| line.contains("candidate:"));
                self.named.extend(named.map(str::to_owned));
                let _ = self.pair.handle_input(event.as_input(), now);
            }
            Output::RelayTrouble { server, why } => self.trouble.push((server, why)),
            Output::Sound { .. } => self.heard += 1,
            Output::Transmit { to, bytes, .. } => {
                self.sent_to.push(to);
                self.net.send(to, &bytes);
            }
            Output::WriteStream { stream, bytes } => self.streams.write(stream, bytes),
            _ => {}
        }
    }
}
