//! Some devices, a server that relays, and what can go wrong between them.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use dialtone_protocol::crypto::voice::Speaker;
use dialtone_protocol::ids::{ChannelId, DeviceId, ServerId, StoreId, UserId};
use dialtone_protocol::voice::Input as PairInput;
use dialtone_protocol::voice::ask::Question;
use dialtone_protocol::voice::room::{
    AskId, Event, Input, Output, PeerId, Room, RoomError, Standing, Transmit,
};
use dialtone_protocol::wire::event::{ErrorCode, ErrorEvent, ServerEvent, Welcome, WelcomeLimits};
use dialtone_protocol::wire::frame::ClientFrame;
use dialtone_protocol::wire::voice::{Signalled, VoiceDevice};
use dialtone_protocol::{Instant, Machine};

use crate::desk::Desk;
use crate::media::{Made, Media};

pub(crate) const ROOM: ChannelId = ChannelId([9; 16]);
const TICK: Duration = Duration::from_millis(100);

/// What can go wrong: from when on, for how many ticks.
#[derive(Clone, Debug)]
pub(crate) enum Fault {
    /// The server is down.
    Down,
    /// A device does not reach the server.
    Cut { device: usize },
    /// No sound comes through between two devices.
    Silence { one: usize, other: usize },
    /// A device has other addresses.
    Moved { device: usize },
    /// Nobody answers a device's questions.
    Away { device: usize },
    /// A device leaves, and comes back.
    Out { device: usize },
    /// A device's process is killed, and started again.
    Killed { device: usize },
}

pub(crate) struct Device {
    pub(crate) room: Room,
    desk: Desk,
    /// Which number of socket it has, if it is open.
    socket: Option<u64>,
    opening: bool,
    /// The socket that stands on an address which is gone: nothing comes through it, and nobody is told.
    deaf: Option<u64>,
    pub(crate) media: BTreeMap<PeerId, Media>,
    /// Questions on their way to their answers.
    asked: VecDeque<(u64, AskId, Question)>,
    pub(crate) events: Vec<Event>,
    is_out: bool,
}

/// All of it, in ticks.
pub(crate) struct World {
    tick: u64,
    pub(crate) devices: Vec<Device>,
    /// Who is in the room at the server, with what it signed.
    inside: Vec<(usize, u64, Option<String>)>,
    /// What is on its way: due, device, socket, what.
    up: VecDeque<(u64, usize, u64, String)>,
    down: VecDeque<(u64, usize, u64, ServerEvent)>,
    sockets: u64,
    faults: Vec<(u64, u64, Fault)>,
    latency: u64,
    /// How often anything was described.
    pub(crate) descriptions: u64,
}

fn id(number: usize) -> [u8; 16] {
    [u8::try_from(number).unwrap() + 1; 16]
}

fn device(number: usize) -> Device {
    Device {
        room: Room::new([u8::try_from(number).unwrap(); 32], Instant::ZERO),
        desk: Desk {
            // Two devices of one user are among them.
            user: UserId(id(number / 2)),
            device: DeviceId(id(number)),
            entered: 0,
        },
        socket: None,
        opening: false,
        deaf: None,
        media: BTreeMap::new(),
        asked: VecDeque::new(),
        events: Vec::new(),
        is_out: true,
    }
}

impl Device {
    fn hears(&self, socket: u64) -> bool {
        self.socket == Some(socket) && self.deaf != Some(socket)
    }
}

impl World {
    pub(crate) fn new(many: usize, faults: Vec<(u64, u64, Fault)>, latency: u64) -> Self {
        let mut world = Self {
            tick: 0,
            devices: (0..many).map(device).collect(),
            inside: Vec::new(),
            up: VecDeque::new(),
            down: VecDeque::new(),
            sockets: 0,
            faults,
            latency,
            descriptions: 0,
        };
        for one in 0..many {
            world.start(one);
        }
        world
    }

    fn start(&mut self, one: usize) {
        let now = self.now();
        let device = &mut self.devices[one];
        device.room.connect(now);
        device.is_out = false;
        device.room.enter(ROOM, now);
        self.carry_out(one);
    }

    pub(crate) fn now(&self) -> Instant {
        Instant::ZERO + TICK * u32::try_from(self.tick).unwrap()
    }

    fn is(&self, fault: impl Fn(&Fault) -> bool) -> bool {
        let mut now = self.faults.iter();
        now.any(|(from, many, it)| (*from..from + many).contains(&self.tick) && fault(it))
    }

    fn begins(&self, fault: impl Fn(&Fault) -> bool) -> bool {
        let mut faults = self.faults.iter();
        faults.any(|(from, _, it)| *from == self.tick && fault(it))
    }

    fn reaches(&self, one: usize) -> bool {
        !self.is(|fault| match fault {
            Fault::Down => true,
            Fault::Cut { device } => *device == one,
            _ => false,
        })
    }

    fn input(&mut self, one: usize, input: Input<'_>) {
        let now = self.now();
        let device = &mut self.devices[one];
        let before = device.room.poll_timeout();
        match device.room.handle_input(input, now) {
            Ok(()) | Err(RoomError::Pair(_)) => {}
            Err(_) => assert_eq!(device.room.poll_timeout(), before, "spec 1.5"),
        }
        self.carry_out(one);
    }

    fn carry_out(&mut self, one: usize) {
        let (now, tick) = (self.now(), self.tick);
        loop {
            let device = &mut self.devices[one];
            let due = device.room.poll_timeout();
            let Some(output) = device.room.poll_output() else {
                break;
            };
            assert!(due.is_some_and(|at| at <= now), "spec 1.2");
            match output {
                Output::Transmit(Transmit::OpenSocket { .. }) => device.opening = true,
                Output::Transmit(Transmit::CloseSocket) => self.hang_up(one, false),
                Output::Transmit(Transmit::Frame(frame)) => {
                    let socket = device.socket.expect("a frame goes over a socket");
                    self.up.push_back((tick + self.latency, one, socket, frame));
                }
                Output::Ask { id, question } => {
                    device.asked.retain(|(_, other, _)| *other != id);
                    device.asked.push_back((tick + 1, id, question));
                }
                Output::Media { peer, command } => {
                    if command == dialtone_protocol::voice::Command::Close {
                        assert!(
                            device.media.remove(&peer).is_some()
                                || device.room.speaker(peer).is_none()
                        );
                    } else {
                        device.media.entry(peer).or_default().command(command, tick);
                    }
                }
                Output::Event(event) => device.events.push(event),
                Output::IceServers(_) => {}
                other => panic!("{other:?}"),
            }
        }
    }

    /// A device's socket ends. The server says that it is lost.
    fn hang_up(&mut self, one: usize, tell: bool) {
        let device = &mut self.devices[one];
        let was_open = device.socket.take();
        let was_opening = core::mem::take(&mut device.opening);
        if let Some(socket) = was_open
            && let Some(place) = self.inside.iter().position(|(_, it, _)| *it == socket)
        {
            self.inside.remove(place);
            self.farewell(one, true);
        }
        if tell && (was_open.is_some() || was_opening) {
            self.input(one, Input::SocketClosed { status: None });
        }
    }

    fn farewell(&mut self, one: usize, lost: bool) {
        let desk = &self.devices[one].desk;
        let left = ServerEvent::VoiceLeft {
            channel_id: ROOM,
            sender: desk.user,
            device_id: Some(desk.device),
            lost,
        };
        for (other, socket, _) in self.inside.clone() {
            self.say(other, socket, left.clone());
        }
    }

    fn say(&mut self, one: usize, socket: u64, event: ServerEvent) {
        let due = self.tick + self.latency;
        self.down.push_back((due, one, socket, event));
    }

    fn serve(&mut self, one: usize, socket: u64, frame: &str) {
        let speaker = |it: &Device| (it.desk.user, it.desk.device);
        let (user, device) = speaker(&self.devices[one]);
        match ClientFrame::parse(frame.as_bytes()).unwrap() {
            ClientFrame::Hello(_) => {
                let welcome = ServerEvent::Welcome(Welcome {
                    protocol: 1,
                    server_id: ServerId([1; 16]),
                    store_id: StoreId([1; 16]),
                    limits: WelcomeLimits {
                        body_bytes: 1,
                        frame_bytes: 1,
                        unacked_messages: 1,
                        history_page: 1,
                    },
                    features: Vec::new(),
                    ice_servers: Vec::new(),
                    sigchain_head: None,
                });
                self.say(one, socket, welcome);
            }
            ClientFrame::VoiceJoin(join) => {
                self.inside.retain(|(_, it, _)| *it != socket);
                self.inside.push((one, socket, join.proof.clone()));
                let devices: Vec<_> = self
                    .inside
                    .iter()
                    .map(|(one, _, proof)| VoiceDevice {
                        user_id: self.devices[*one].desk.user,
                        device_id: self.devices[*one].desk.device,
                        proof: proof.clone(),
                    })
                    .collect();
                let roster = ServerEvent::VoiceRoster {
                    channel_id: ROOM,
                    users: Vec::new(),
                    devices,
                    ice_servers: Vec::new(),
                };
                self.say(one, socket, roster);
                let joined = ServerEvent::VoiceJoined {
                    channel_id: ROOM,
                    sender: user,
                    device_id: Some(device),
                    proof: join.proof,
                };
                for (other, socket, _) in self.inside.clone() {
                    self.say(other, socket, joined.clone());
                }
            }
            ClientFrame::VoiceLeave { .. } => {
                if let Some(place) = self.inside.iter().position(|(_, it, _)| *it == socket) {
                    self.inside.remove(place);
                    self.farewell(one, false);
                }
            }
            ClientFrame::Signal(signal) => {
                let to = signal.recipient_device_id.unwrap();
                let event = ServerEvent::signal(
                    signal.content,
                    Signalled {
                        channel_id: ROOM,
                        sender: user,
                        recipient: signal.recipient.parse().unwrap(),
                        sender_device_id: Some(device),
                        recipient_device_id: Some(to),
                        proof: signal.proof,
                    },
                );
                let is_in = self.inside.iter().any(|(_, it, _)| *it == socket);
                for (other, socket, _) in self.inside.clone() {
                    if is_in && self.devices[other].desk.device == to {
                        self.say(other, socket, event.clone());
                    }
                }
            }
            _ => {
                let error = ErrorEvent {
                    code: ErrorCode::UnsupportedType,
                    message: String::new(),
                    channel_id: None,
                    client_id: None,
                };
                self.say(one, socket, ServerEvent::Error(error));
            }
        }
    }

    pub(crate) fn step(&mut self) {
        self.tick += 1;
        for one in 0..self.devices.len() {
            self.strike(one);
            self.answer(one);
            self.describe(one);
            self.open(one);
        }
        self.deliver();
        for one in 0..self.devices.len() {
            let now = self.now();
            self.devices[one].room.handle_timeout(now);
            self.carry_out(one);
            let due = self.devices[one].room.poll_timeout();
            assert!(due.is_none_or(|at| at > now), "spec 1.3");
        }
        self.sound();
    }

    fn strike(&mut self, one: usize) {
        let is_it = |device: &usize| *device == one;
        if !self.reaches(one) && (self.devices[one].socket.is_some() || self.devices[one].opening) {
            self.hang_up(one, true);
        }
        if self.begins(|fault| matches!(fault, Fault::Moved { device } if is_it(device))) {
            let device = &mut self.devices[one];
            device.deaf = device.socket;
            for media in device.media.values_mut() {
                media.both = None;
            }
            self.input(one, Input::NetworkChanged);
        }
        if self.begins(|fault| matches!(fault, Fault::Killed { device } if is_it(device))) {
            self.hang_up(one, false);
            let entered = self.devices[one].desk.entered;
            self.devices[one] = device(one);
            self.devices[one].desk.entered = entered;
            self.start(one);
        }
        let out = self.is(|fault| matches!(fault, Fault::Out { device } if is_it(device)));
        if out != self.devices[one].is_out {
            let now = self.now();
            self.devices[one].is_out = out;
            match out {
                true => self.devices[one].room.leave(now),
                false => self.devices[one].room.enter(ROOM, now),
            }
            self.carry_out(one);
        }
    }

    fn answer(&mut self, one: usize) {
        if self.is(|fault| matches!(fault, Fault::Away { device } if *device == one)) {
            self.devices[one].asked.clear();
            return;
        }
        let ends = |(from, many, it): &(u64, u64, Fault)| {
            matches!(it, Fault::Away { device } if *device == one) && from + many == self.tick
        };
        if self.faults.iter().any(ends) {
            let now = self.now();
            self.devices[one].room.ask_again(now);
            self.carry_out(one);
        }
        while let Some((due, _, _)) = self.devices[one].asked.front()
            && *due <= self.tick
        {
            let device = &mut self.devices[one];
            let (_, id, question) = device.asked.pop_front().unwrap();
            let answer = &device.desk.answer(&question);
            self.input(one, Input::Answered { id, answer });
        }
    }

    fn describe(&mut self, one: usize) {
        let tick = self.tick;
        for peer in self.devices[one].media.keys().copied().collect::<Vec<_>>() {
            while let Some(media) = self.devices[one].media.get_mut(&peer)
                && let Some(made) = media.made(tick)
            {
                self.descriptions += 1;
                let sdp = &format!("description {}", self.descriptions);
                media.describe(&made, sdp, tick);
                let input = match made {
                    Made::Offer(generation) => PairInput::OfferMade { generation, sdp },
                    Made::Answer(generation, _) => PairInput::AnswerMade { generation, sdp },
                };
                self.input(one, Input::Peer { peer, input });
                let candidate = &format!("candidate:{}", self.descriptions);
                let input = PairInput::LocalCandidate { candidate };
                self.input(one, Input::Peer { peer, input });
            }
        }
    }

    fn open(&mut self, one: usize) {
        if self.devices[one].opening && self.reaches(one) {
            self.sockets += 1;
            self.devices[one].opening = false;
            self.devices[one].socket = Some(self.sockets);
            self.input(one, Input::SocketOpened);
        }
    }

    fn deliver(&mut self) {
        while let Some((due, ..)) = self.up.front()
            && *due <= self.tick
        {
            let (_, one, socket, frame) = self.up.pop_front().unwrap();
            if self.devices[one].hears(socket) {
                self.serve(one, socket, &frame);
            }
        }
        while let Some((due, ..)) = self.down.front()
            && *due <= self.tick
        {
            let (_, one, socket, event) = self.down.pop_front().unwrap();
            if self.devices[one].hears(socket) {
                self.input(one, Input::Frame(event.to_text().as_bytes()));
            }
        }
    }

    fn peer_of(&self, one: usize, other: usize) -> Option<PeerId> {
        let it = &self.devices[other].desk;
        let speaker = Speaker {
            user: it.user,
            device: it.device,
        };
        let mut peers = self.devices[one].media.keys();
        peers
            .find(|peer| self.devices[one].room.speaker(**peer) == Some(speaker))
            .copied()
    }

    /// What two devices hold of each other.
    fn both(&self, one: usize, other: usize) -> Option<(String, String)> {
        let peer = self.peer_of(one, other)?;
        self.devices[one].media[&peer].both.clone()
    }

    /// Sound flows while both sides hold the same descriptions and the network lets it; who hears nothing for a while
    /// says so.
    fn sound(&mut self) {
        let many = self.devices.len();
        for (one, other) in (0..many).flat_map(|one| (0..many).map(move |other| (one, other))) {
            let silent = self.is(|fault| {
                matches!(fault, Fault::Silence { one: a, other: b } if [*a, *b] == [one, other] || [*b, *a] == [one, other])
            });
            let Some(peer) = self.peer_of(one, other).filter(|_| one != other) else {
                continue;
            };
            let own = self.both(one, other);
            let flows = !silent && own.is_some() && own == self.both(other, one);
            let tick = self.tick;
            let media = self.devices[one].media.get_mut(&peer).unwrap();
            if flows {
                media.since = tick;
                if !std::mem::replace(&mut media.up, true) {
                    let input = PairInput::Connected;
                    self.input(one, Input::Peer { peer, input });
                }
            } else if media.both.is_some() && tick - media.since > 50 {
                media.since = tick;
                media.up = false;
                let input = PairInput::Failed;
                self.input(one, Input::Peer { peer, input });
            }
        }
    }

    /// Whether all devices that are not out hear all others.
    pub(crate) fn all_hear_all(&self) -> bool {
        let many = self.devices.len();
        let mut pairs = (0..many).flat_map(|one| (0..one).map(move |other| (one, other)));
        let agree = pairs.all(|(one, other)| self.both(one, other) == self.both(other, one));
        agree
            && self.devices.iter().all(|device| {
                let members: Vec<_> = device.room.members().collect();
                let hears = |standing| standing == Standing::Connected;
                device.room.is_inside()
                    && members.len() == many - 1
                    && members
                        .iter()
                        .all(|it| hears(it.standing) && it.verified && !it.absent)
            })
    }
}
