//! Some devices, a server that relays, and what can go wrong between them.

mod server;
mod sound;

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use dialtone_protocol::ids::{ChannelId, DeviceId, UserId};
use dialtone_protocol::voice::ask::Question;
use dialtone_protocol::voice::room::{
    AskId, Event, Input, Output, PeerId, Room, RoomError, Standing, Transmit,
};
use dialtone_protocol::wire::event::ServerEvent;
use dialtone_protocol::{Instant, Machine};

use crate::desk::Desk;
use crate::media::Media;

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
    /// All that came out of the machines: when, of which device, what.
    pub(crate) transcript: Vec<(u64, usize, Output)>,
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
            transcript: Vec::new(),
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
            self.transcript.push((tick, one, output.clone()));
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
            let now = self.now();
            self.devices[one].room.unanswered(now);
            self.devices[one].asked.clear();
            return;
        }
        let ends = |(from, many, it): &(u64, u64, Fault)| {
            matches!(it, Fault::Away { device } if *device == one) && from + many == self.tick
        };
        if self.faults.iter().any(ends) {
            let now = self.now();
            self.devices[one].room.ask_anew(now);
            if !self.devices[one].is_out {
                self.devices[one].room.enter(ROOM, now);
            }
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

    fn open(&mut self, one: usize) {
        if self.devices[one].opening && self.reaches(one) {
            self.sockets += 1;
            self.devices[one].opening = false;
            self.devices[one].socket = Some(self.sockets);
            self.input(one, Input::SocketOpened);
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
