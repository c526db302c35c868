//! Sound through a real TURN server, and through nothing else: coturn, which the test starts on the loopback.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "in a test a failure ends the test"
)]

use std::net::{SocketAddr, UdpSocket};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Duration;

use dialtone_protocol::voice::room::PeerId;
use dialtone_protocol::voice::{Input, Output as PairOutput, Pair, Say};
use dialtone_protocol::{Instant, Machine};
use dialtone_voice::media::{Clock, Mesh, Output, RelayServer, SocketId};

#[path = "../../server/tests/support/port.rs"]
mod port;

/// How long anything may take. Only a broken build or a very slow machine reaches it.
const PATIENCE: Duration = Duration::from_secs(120);

/// coturn, as long as this lives.
struct Coturn {
    folder: tempfile::TempDir,
    port: u16,
    process: Child,
}

impl Coturn {
    fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let port = port::free_port();
        let process = Self::spawn(&folder, port);
        Self {
            folder,
            port,
            process,
        }
    }

    fn spawn(folder: &tempfile::TempDir, port: u16) -> Child {
        let file = |name: &str| folder.path().join(name).display().to_string();
        Command::new("turnserver")
            .args(["-n", "--no-cli", "--no-tls", "--no-dtls", "--no-stdout-log"])
            .args(["--listening-ip", "127.0.0.1", "--relay-ip", "127.0.0.1"])
            .args(["--listening-port", &port.to_string()])
            .args([
                "--allow-loopback-peers",
                "--lt-cred-mech",
                "--realm",
                "test",
            ])
            .args(["--user", "ann:secret"])
            .args(["--pidfile", &file("pid"), "--userdb", &file("db")])
            .args(["--log-file", &file("log"), "--simple-log"])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap_or_else(|error| panic!("turnserver (Debian package coturn): {error}"))
    }

    fn address(&self) -> SocketAddr {
        SocketAddr::from(([127, 0, 0, 1], self.port))
    }

    fn kill(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }

    fn go_on(&mut self) {
        self.process = Self::spawn(&self.folder, self.port);
    }
}

impl Drop for Coturn {
    fn drop(&mut self) {
        self.kill();
    }
}

/// A device that is reached through the relay alone.
struct Device {
    mesh: Mesh,
    pair: Pair,
    socket: UdpSocket,
    heard: usize,
    trouble: usize,
}

/// Two of them, and time as it is.
struct Call {
    began: std::time::Instant,
    relay: SocketAddr,
    devices: [Device; 2],
    frames: u32,
}

const PEER: PeerId = PeerId(0);

impl Call {
    fn new(relay: SocketAddr, password: &str) -> Self {
        let began = std::time::Instant::now();
        let device = |first: bool| {
            let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
            socket.set_nonblocking(true).unwrap();
            let mut mesh = Mesh::new(Clock::new(began, Instant::ZERO), Instant::ZERO);
            mesh.set_relay_only(true);
            let address = socket.local_addr().unwrap();
            mesh.add_socket(SocketId(0), address, Instant::ZERO);
            let server = RelayServer::new(relay, "ann", password);
            mesh.set_relays(vec![server], Instant::ZERO);
            Device {
                mesh,
                pair: Pair::new(first, first, Instant::ZERO),
                socket,
                heard: 0,
                trouble: 0,
            }
        };
        Self {
            began,
            relay,
            devices: [device(true), device(false)],
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
            let mut buffer = [0; 2048];
            while let Ok((length, from)) = device.socket.recv_from(&mut buffer) {
                assert_eq!(from, self.relay, "nothing comes from elsewhere");
                device
                    .mesh
                    .datagram(SocketId(0), from, &buffer[..length], now);
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
                match output {
                    Output::Peer { event, .. } => {
                        let _ = device.pair.handle_input(event.as_input(), now);
                    }
                    Output::Sound { .. } => device.heard += 1,
                    Output::Transmit { to, bytes, .. } => {
                        assert_eq!(to, self.relay, "nothing goes elsewhere");
                        let _ = device.socket.send_to(&bytes, to);
                    }
                    Output::RelayTrouble { .. } => device.trouble += 1,
                    _ => {}
                }
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
    fn until(&mut self, what: &str, holds: impl Fn(&Self) -> bool) {
        let give_up = self.began.elapsed() + PATIENCE;
        while !holds(self) {
            assert!(self.began.elapsed() < give_up, "not {what}");
            self.step();
            thread::sleep(Duration::from_millis(2));
        }
    }

    fn until_connected(&mut self) {
        self.until("connected", |it| {
            it.devices.iter().all(|it| it.pair.is_connected())
        });
    }

    /// Both speak for a second: all of it is heard.
    fn talk(&mut self) {
        for device in &mut self.devices {
            device.heard = 0;
        }
        for _ in 0..50 {
            let now = self.now();
            self.frames += 1;
            for one in 0..2 {
                self.devices[one]
                    .mesh
                    .send(&[7; 60], self.frames * 960, false, now);
                self.carry_out(one, now);
            }
            let next = self.began.elapsed() + Duration::from_millis(20);
            while self.began.elapsed() < next {
                self.step();
                thread::sleep(Duration::from_millis(1));
            }
        }
        self.until("heard", |it| it.devices.iter().all(|it| it.heard == 50));
    }
}

// spec 11.51, 11.52
#[test]
fn sound_goes_through_the_relay_alone_and_comes_back_after_it_was_lost() {
    let mut coturn = Coturn::start();
    let mut call = Call::new(coturn.address(), "secret");
    call.until_connected();
    call.talk();
    for device in &call.devices {
        assert!(device.mesh.health(PEER).is_some());
    }
    coturn.kill();
    call.until("broken", |it| {
        it.devices.iter().all(|it| !it.pair.is_connected())
    });
    coturn.go_on();
    call.until_connected();
    call.talk();
}

// spec 11.51
#[test]
fn a_relay_that_refuses_is_named() {
    let coturn = Coturn::start();
    let mut call = Call::new(coturn.address(), "wrong");
    call.until("trouble", |it| it.devices.iter().all(|it| it.trouble > 0));
    assert!(call.devices.iter().all(|it| !it.pair.is_connected()));
}
