#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests"
)]

mod live;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use dialtone_protocol::voice::room::PeerId;
use dialtone_protocol::voice::{Command, Input as PairInput, Output as PairOutput, Pair, Say};
use dialtone_protocol::{Instant, Machine};

use super::*;

/// Devices with a mesh each, pairs between all of them, and a network that carries everything at once.
struct World {
    now: Instant,
    meshes: Vec<Mesh>,
    pairs: BTreeMap<(usize, usize), Pair>,
    sound: BTreeMap<(usize, usize), Vec<Packet>>,
    /// Whether a datagram from one to the other gets lost.
    loses: fn(usize, usize) -> bool,
    sent: usize,
    /// How often time went on.
    turns: u64,
    /// What a server changes in descriptions.
    swaps: fn(String) -> String,
    /// What the second device said to the first one.
    tapped: Vec<Tapped>,
}

/// Something that one device said to another.
#[derive(Clone, Debug)]
enum Tapped {
    Candidate(String),
    Datagram(Vec<u8>),
    Description(String),
}

const fn peer(other: usize) -> PeerId {
    PeerId(other as u64)
}

fn address(one: usize, port: u16) -> SocketAddr {
    SocketAddr::from(([10, 0, 0, u8::try_from(one).unwrap() + 1], port))
}

fn tapped(say: &Say) -> Option<Tapped> {
    match say {
        Say::Answer { sdp, .. } | Say::Offer { sdp, .. } => Some(Tapped::Description(sdp.clone())),
        Say::Candidate { candidate } => Some(Tapped::Candidate(candidate.clone())),
        _ => None,
    }
}

impl World {
    fn new(many: usize) -> Self {
        let clock = Clock::new(std::time::Instant::now(), Instant::ZERO);
        let meshes = (0..many).map(|one| {
            let mut mesh = Mesh::new(clock, Instant::ZERO);
            mesh.add_socket(SocketId(0), address(one, 5000), Instant::ZERO);
            mesh
        });
        let ends = (0..many).flat_map(|one| (0..many).map(move |other| (one, other)));
        let pairs = ends.filter(|(one, other)| one != other);
        Self {
            now: Instant::ZERO,
            meshes: meshes.collect(),
            // Who was there first offers.
            pairs: pairs
                .map(|(one, other)| {
                    let first = one < other;
                    ((one, other), Pair::new(first, first, Instant::ZERO))
                })
                .collect(),
            sound: BTreeMap::new(),
            loses: |_, _| false,
            sent: 0,
            turns: 0,
            swaps: |sdp| sdp,
            tapped: Vec::new(),
        }
    }

    /// Carries everything until nothing moves at this moment.
    fn settle(&mut self) {
        loop {
            let mut moved = false;
            for ends in self.pairs.keys().copied().collect::<Vec<_>>() {
                while let Some(output) = self.pairs.get_mut(&ends).unwrap().poll_output() {
                    moved = true;
                    self.pair_says(ends, output);
                }
            }
            for one in 0..self.meshes.len() {
                while let Some(output) = self.meshes[one].poll_output() {
                    moved = true;
                    self.mesh_says(one, output);
                }
            }
            if !moved {
                break;
            }
        }
    }

    fn pair_says(&mut self, (one, other): (usize, usize), output: PairOutput) {
        let now = self.now;
        match output {
            PairOutput::Media(command) => self.meshes[one].command(peer(other), command, now),
            PairOutput::Send(say) => {
                let Some(pair) = self.pairs.get_mut(&(other, one)) else {
                    return;
                };
                let swaps = self.swaps;
                if (one, other) == (1, 0) {
                    self.tapped.extend(tapped(&say));
                }
                let _ = match say {
                    Say::Offer { generation, sdp } => {
                        let sdp = &swaps(sdp);
                        pair.handle_input(PairInput::Offer { generation, sdp }, now)
                    }
                    Say::Answer { generation, sdp } => {
                        let sdp = &swaps(sdp);
                        pair.handle_input(PairInput::Answer { generation, sdp }, now)
                    }
                    Say::Candidate { candidate } => {
                        let candidate = &candidate;
                        pair.handle_input(PairInput::Candidate { candidate }, now)
                    }
                    _ => Ok(()),
                };
            }
            _ => {}
        }
    }

    fn mesh_says(&mut self, one: usize, output: Output) {
        let now = self.now;
        match output {
            Output::Peer { peer, event } => {
                let other = usize::try_from(peer.0).unwrap();
                let Some(pair) = self.pairs.get_mut(&(one, other)) else {
                    return;
                };
                let _ = pair.handle_input(event.as_input(), now);
            }
            Output::RelayTrouble { server, .. } => panic!("there is no relay {server}"),
            Output::CloseStream { .. } | Output::OpenStream { .. } | Output::WriteStream { .. } => {
                panic!("there is no server")
            }
            Output::Sound { peer, packet } => {
                let other = usize::try_from(peer.0).unwrap();
                self.sound.entry((one, other)).or_default().push(packet);
            }
            Output::Transmit { socket, to, bytes } => {
                let from = self.meshes[one].sockets[&socket];
                let all = 0..self.meshes.len();
                for other in all.filter(|other| !(self.loses)(one, *other)) {
                    let sockets = &self.meshes[other].sockets;
                    let at = sockets.iter().find(|(_, address)| **address == to);
                    if let Some((socket, _)) = at {
                        let socket = *socket;
                        if (one, other) == (1, 0) {
                            self.tapped.push(Tapped::Datagram(bytes.clone()));
                        }
                        self.meshes[other].datagram(socket, from, &bytes, now);
                    }
                }
            }
        }
    }

    fn wait(&mut self, time: Duration) {
        let until = self.now + time;
        self.settle();
        loop {
            let pairs = self.pairs.values().filter_map(Machine::poll_timeout);
            let due = self.meshes.iter().filter_map(Mesh::poll_timeout);
            let Some(due) = pairs.chain(due).min().filter(|due| *due <= until) else {
                break;
            };
            self.now = self.now.max(due);
            self.turns += 1;
            assert!(self.turns < 100_000, "time stands still");
            for pair in self.pairs.values_mut() {
                pair.handle_timeout(self.now);
            }
            for mesh in &mut self.meshes {
                mesh.handle_timeout(self.now);
            }
            self.settle();
        }
        self.now = until;
    }

    fn all_connected(&self) -> bool {
        self.pairs.values().all(Pair::is_connected)
    }

    /// Everybody speaks for so many frames of 20 ms.
    fn talk(&mut self, frames: usize) {
        for _ in 0..frames {
            let time = u32::try_from(self.sent * 960).unwrap();
            self.sent += 1;
            for one in 0..self.meshes.len() {
                let payload = [u8::try_from(one).unwrap(); 60];
                let now = self.now;
                self.meshes[one].send(&payload, time, false, now);
            }
            self.settle();
            self.wait(Duration::from_millis(20));
        }
    }

    fn heard(&self) -> Vec<usize> {
        self.sound.values().map(Vec::len).collect()
    }
}

// spec 11.50
#[test]
fn all_devices_of_a_room_hear_each_other() {
    for many in [2, 5] {
        let mut world = World::new(many);
        world.wait(Duration::from_secs(3));
        assert!(world.all_connected());
        world.talk(50);
        assert_eq!(world.heard(), vec![50; many * (many - 1)]);
        for ((_, other), packets) in &world.sound {
            let payload = [u8::try_from(*other).unwrap(); 60];
            assert!(packets.iter().all(|it| *it.payload == payload));
            let steps = packets.windows(2);
            assert!(
                steps
                    .map(|it| (it[1].seq - it[0].seq, it[1].time - it[0].time))
                    .all(|step| step == (1, 960))
            );
        }
    }
}

// spec 11.52
#[test]
fn a_way_that_is_gone_is_noticed_and_comes_back() {
    let mut world = World::new(2);
    world.wait(Duration::from_secs(3));
    world.loses = |_, _| true;
    world.wait(Duration::from_secs(15));
    assert!(!world.all_connected());
    world.loses = |_, _| false;
    world.wait(Duration::from_secs(40));
    assert!(world.all_connected());
    world.talk(10);
    assert_eq!(world.heard(), [10, 10]);
}

// spec 11.56
#[test]
fn an_interruption_of_five_seconds_is_said_and_needs_nothing_but_time() {
    let mut world = World::new(2);
    let stalled = |world: &World| {
        let health = |one: usize| world.meshes[one].health(peer(1 - one)).unwrap();
        [0, 1].map(|one| health(one).stalled)
    };
    // Nobody speaks, and that is no interruption.
    for _ in 0..15 {
        world.wait(Duration::from_secs(1));
        assert_eq!(stalled(&world), [false, false]);
    }
    world.loses = |_, _| true;
    world.wait(Duration::from_secs(5));
    assert_eq!(stalled(&world), [true, true]);
    world.loses = |_, _| false;
    world.wait(Duration::from_secs(10));
    assert!(world.all_connected());
    assert_eq!(stalled(&world), [false, false]);
    world.talk(10);
    assert_eq!(world.heard(), [10, 10]);
}

#[test]
fn another_address_is_found_by_starting_ice_anew() {
    let mut world = World::new(2);
    world.wait(Duration::from_secs(3));
    let now = world.now;
    world.meshes[0].remove_socket(SocketId(0), now);
    world.meshes[0].add_socket(SocketId(1), address(7, 6000), now);
    let pair = world.pairs.get_mut(&(0, 1)).unwrap();
    pair.handle_input(PairInput::NetworkChanged, now).unwrap();
    world.wait(Duration::from_secs(3));
    world.talk(10);
    assert!(world.all_connected());
    assert_eq!(world.heard(), [10, 10]);
}

// spec 11.53
#[test]
fn who_leaves_is_noticed_at_once_and_who_begins_anew_is_heard() {
    let mut world = World::new(2);
    world.wait(Duration::from_secs(3));
    // One device is killed and comes again: the other one still has the old connection.
    let clock = Clock::new(std::time::Instant::now(), world.now);
    let now = world.now;
    world.meshes[0] = Mesh::new(clock, now);
    world.meshes[0].add_socket(SocketId(0), address(0, 5001), now);
    world.pairs.insert((0, 1), Pair::new(true, true, now));
    world.pairs.insert((1, 0), Pair::new(false, false, now));
    world.wait(Duration::from_secs(3));
    assert!(world.all_connected());
    world.talk(10);
    assert_eq!(world.heard(), [10, 10]);
    // One leaves in order: the other one need not wait for silence.
    let now = world.now;
    world.meshes[0].command(peer(1), Command::Close, now);
    world.pairs.remove(&(0, 1));
    world.settle();
    assert!(!world.pairs[&(1, 0)].is_connected());
}

// spec 11.53
#[test]
fn a_description_with_another_certificate_never_connects() {
    let mut world = World::new(2);
    world.swaps = |sdp| {
        let mut lines = sdp.lines().map(|line| match line.rsplit_once(':') {
            Some((before, last)) if line.starts_with("a=fingerprint") => {
                let other = if last == "00" { "11" } else { "00" };
                format!("{before}:{other}\r\n")
            }
            _ => format!("{line}\r\n"),
        });
        lines.by_ref().collect()
    };
    world.wait(Duration::from_secs(20));
    assert!(world.pairs.values().all(|pair| !pair.is_connected()));
    world.talk(5);
    assert_eq!(world.heard(), Vec::<usize>::new());
}

#[test]
fn no_bytes_end_the_conversation_of_others() {
    let mut world = World::new(3);
    world.wait(Duration::from_secs(3));
    let now = world.now;
    let mut state = 1_u32;
    for round in 0..2000_usize {
        let bytes: Vec<u8> = (0..round % 200)
            .map(|_| {
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                u8::try_from(state >> 24).unwrap()
            })
            .collect();
        let from = address(round % 3, 5000);
        world.meshes[0].datagram(SocketId(0), from, &bytes, now);
    }
    for sdp in ["", "v=0\r\n", "x=\r\na=candidate:"] {
        let sdp = sdp.to_owned();
        let command = Command::TakeOffer { generation: 9, sdp };
        world.meshes[0].command(PeerId(99), command, now);
    }
    for candidate in ["", "candidate:", "candidate:1 1 udp 1 x.local 9 typ host"] {
        let candidate = candidate.to_owned();
        world.meshes[0].command(PeerId(99), Command::AddCandidate { candidate }, now);
    }
    world.settle();
    world.talk(20);
    assert_eq!(world.heard(), vec![20; 6]);
}
