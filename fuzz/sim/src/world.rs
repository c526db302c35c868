//! The world of a run: one server, several people, a network between them, and the only clock.

use core::time::Duration;
use std::collections::BTreeSet;

use dialtone_protocol::client::{
    Client, HttpAnswer, Input, LinkFailure, NewAccount, Output, Transmit,
};
use dialtone_protocol::ids::EntryHash;
use dialtone_protocol::wire::http::HttpCall;
use dialtone_protocol::wire::link::LinkKind;
use dialtone_protocol::{Instant, Machine, UnixMillis};

use crate::dice::Dice;
use crate::net::{Faults, Network};
use crate::packet::{self, Packet, PersonIndex};
use crate::person::{Beginning, Person};
use crate::server::Server;
use crate::transcript::Transcript;

/// The wall clock's time at the start of every run.
const START: UnixMillis = UnixMillis(1_700_000_000_000);

/// How long a driver waits for the answer of a call.
const CALL_TIMEOUT: Duration = Duration::from_secs(15);

/// Everything there is.
#[derive(Debug)]
pub struct World {
    /// The clock.
    pub now: Instant,
    /// The chance of what happens, apart from the network's and the server's.
    pub dice: Dice,
    /// The server.
    pub server: Server,
    /// The people, in the order in which they came.
    pub people: Vec<Person>,
    /// The invites that somebody ended: who holds such a link may stay outside.
    pub revoked: BTreeSet<EntryHash>,
    /// All that every engine answered.
    pub transcript: Transcript,
    network: Network<Packet>,
    sockets: u64,
}

impl World {
    /// An empty world with a running server.
    #[must_use]
    pub fn new(seed: u64, faults: Faults) -> Self {
        let mut dice = Dice::new(seed);
        let mut server = Server::new(Dice::new(dice.below(u64::MAX)));
        server.start(Instant::ZERO, START);
        let network = Network::new(Dice::new(dice.below(u64::MAX)), faults);
        let mut world = Self {
            now: Instant::ZERO,
            dice,
            server,
            people: Vec::new(),
            revoked: BTreeSet::new(),
            transcript: Transcript::default(),
            network,
            sockets: 0,
        };
        world.drain_server();
        world
    }

    /// Somebody new pastes a link and picks a name.
    pub fn arrive(&mut self, beginning: Beginning) -> PersonIndex {
        self.people.push(Person::new(beginning));
        let person = self.people.len() - 1;
        self.launch(person);
        person
    }

    /// Starts a person's program on what their disk kept.
    pub fn launch(&mut self, person: PersonIndex) {
        let (seed, now, unix) = (self.dice.seed(), self.now, self.unix());
        let Some(one) = self.people.get_mut(person) else {
            return;
        };
        let mut client = if one.disk.is_empty() {
            begin(seed, &one.beginning, now, unix)
        } else {
            match Client::restore(seed, one.disk.records(), now, unix) {
                Ok(client) => client,
                Err(error) => {
                    one.warnings.push(format!("restore: {error}"));
                    return;
                }
            }
        };
        client.connect(now);
        one.client = Some(client);
        self.drain_person(person, None);
    }

    /// Ends a person's program at once. Their connections end with it.
    pub fn crash(&mut self, person: PersonIndex) {
        let Some(one) = self.people.get_mut(person) else {
            return;
        };
        let socket = one.socket;
        one.crash();
        self.network.forget(packet::calls(person));
        self.network.forget(packet::up(person));
        if let Some(socket) = socket {
            self.network.send(
                packet::up(person),
                Packet::EndUp { person, socket },
                self.now,
            );
        }
    }

    /// The host asks the server, from its own machine.
    pub fn host_request(&mut self, call: &HttpCall) {
        self.server.host_request(call, self.now);
        self.drain_server();
    }

    /// Ends the server at once.
    pub fn kill_server(&mut self) {
        for packet in self.server.kill() {
            self.send(packet);
        }
    }

    /// Starts the server again.
    pub fn start_server(&mut self) {
        self.server.start(self.now, self.unix());
        self.drain_server();
    }

    /// Cuts a person off: both ends notice after a while.
    pub fn cut(&mut self, person: PersonIndex) {
        for lane in [
            packet::calls(person),
            packet::up(person),
            packet::down(person),
        ] {
            self.network.cut(lane);
        }
    }

    /// Ends a cut. The connections that it broke are gone.
    pub fn mend(&mut self, person: PersonIndex) {
        for lane in [
            packet::calls(person),
            packet::up(person),
            packet::down(person),
        ] {
            self.network.mend(lane);
        }
        if let Some(socket) = self.people.get(person).and_then(|one| one.socket) {
            self.deliver(Packet::EndDown {
                person,
                socket,
                reason: LinkFailure::Lost,
            });
            self.network.send(
                packet::up(person),
                Packet::EndUp { person, socket },
                self.now,
            );
        }
    }

    /// Changes what the network does, and the store.
    pub fn set_faults(&mut self, faults: Faults) {
        self.server.set_lost_answers(faults.lost_answers);
        self.network.set_faults(faults);
    }

    /// Lets `act` do something with a person's running engine, then carries out what comes of it. With `outputs`, the
    /// program dies after that many of them.
    pub fn with<T>(
        &mut self,
        person: PersonIndex,
        outputs: Option<u64>,
        act: impl FnOnce(&mut Client, Instant) -> T,
    ) -> Option<T> {
        let now = self.now;
        let client = self.people.get_mut(person)?.client.as_mut()?;
        let result = act(client, now);
        self.drain_person(person, outputs);
        Some(result)
    }

    /// Lets everything happen that happens within `span`.
    pub fn run_for(&mut self, span: Duration) {
        let end = self.now + span;
        while let Some(at) = self.next().filter(|at| *at <= end) {
            self.now = self.now.max(at);
            self.step();
        }
        self.now = end;
    }

    /// What the wall clock shows.
    #[must_use]
    pub fn unix(&self) -> UnixMillis {
        START.saturating_add(self.now - Instant::ZERO)
    }

    /// When something happens next.
    fn next(&self) -> Option<Instant> {
        let people = self.people.iter().flat_map(|one| {
            let engine = one.client.as_ref().and_then(Machine::poll_timeout);
            engine.into_iter().chain(one.calls.values().copied())
        });
        self.network
            .next_arrival()
            .into_iter()
            .chain(self.server.next())
            .chain(people)
            .min()
    }

    /// Does all that is due now.
    fn step(&mut self) {
        let now = self.now;
        while let Some((_, packet)) = self.network.arrive(now) {
            self.deliver(packet);
        }
        if self.server.next().is_some_and(|at| at <= now) {
            self.server.tick(now);
            self.drain_server();
        }
        for person in 0..self.people.len() {
            self.expire_calls(person);
            let Some(client) = self
                .people
                .get_mut(person)
                .and_then(|one| one.client.as_mut())
            else {
                continue;
            };
            if client.poll_timeout().is_some_and(|at| at <= now) {
                client.handle_timeout(now);
                self.drain_person(person, None);
            }
        }
    }

    fn expire_calls(&mut self, person: PersonIndex) {
        let now = self.now;
        let Some(one) = self.people.get(person) else {
            return;
        };
        let expired: Vec<_> = one
            .calls
            .iter()
            .filter(|(_, at)| **at <= now)
            .map(|(id, _)| *id)
            .collect();
        for id in expired {
            self.deliver(Packet::Answer {
                person,
                id,
                result: Err(LinkFailure::TimedOut),
            });
        }
    }

    /// Hands a packet to whom it is for.
    fn deliver(&mut self, packet: Packet) {
        match packet {
            Packet::Answer { person, id, result } => {
                if self
                    .people
                    .get_mut(person)
                    .is_some_and(|one| one.calls.remove(&id).is_some())
                {
                    let answer = match &result {
                        Ok(response) => Ok(HttpAnswer {
                            status: response.status,
                            body: &response.body,
                        }),
                        Err(failure) => Err(*failure),
                    };
                    self.input(person, Input::Answer { id, result: answer });
                }
            }
            Packet::Opened { person, socket } => {
                if self.has_socket(person, socket) {
                    self.input(person, Input::SocketOpened);
                }
            }
            Packet::Down {
                person,
                socket,
                frame,
            } => {
                if self.has_socket(person, socket) {
                    self.input(person, Input::Frame(frame.as_bytes()));
                }
            }
            Packet::EndDown {
                person,
                socket,
                reason,
            } => {
                if self.has_socket(person, socket) {
                    if let Some(one) = self.people.get_mut(person) {
                        one.socket = None;
                    }
                    self.input(person, Input::SocketClosed { reason });
                }
            }
            to_server => {
                if let Some(refused) = self.server.arrive(to_server, self.now) {
                    self.send(refused);
                }
                self.drain_server();
            }
        }
    }

    fn has_socket(&self, person: PersonIndex, socket: u64) -> bool {
        self.people
            .get(person)
            .is_some_and(|one| one.socket == Some(socket))
    }

    fn input(&mut self, person: PersonIndex, input: Input<'_>) {
        let now = self.now;
        if let Some(client) = self
            .people
            .get_mut(person)
            .and_then(|one| one.client.as_mut())
        {
            // What the engine refuses changes nothing, and the network may say anything.
            let _ = client.handle_input(input, now);
        }
        self.drain_person(person, None);
    }

    fn drain_server(&mut self) {
        for packet in self.server.drain(&mut self.transcript, self.now) {
            self.send(packet);
        }
    }

    /// Carries out what a person's engine wants; with `outputs`, only that many, and then the program dies.
    fn drain_person(&mut self, person: PersonIndex, mut outputs: Option<u64>) {
        let now = self.now;
        loop {
            if outputs == Some(0) {
                self.crash(person);
                return;
            }
            outputs = outputs.map(|left| left - 1);
            let Some(one) = self.people.get_mut(person) else {
                return;
            };
            let Some(output) = one.client.as_mut().and_then(Machine::poll_output) else {
                return;
            };
            self.transcript.record(person as u64 + 1, now, &output);
            match output {
                Output::Persist(batch) => one.disk.apply(batch),
                Output::Event(event) => one.notice(event),
                Output::Transmit(transmit) => self.transmit(person, transmit),
                _ => {}
            }
        }
    }

    fn transmit(&mut self, person: PersonIndex, transmit: Transmit) {
        let now = self.now;
        let Some(one) = self.people.get_mut(person) else {
            return;
        };
        let packet = match transmit {
            Transmit::Call { id, call, token } => {
                one.calls.insert(id, now + CALL_TIMEOUT);
                Packet::Call {
                    person,
                    id,
                    call,
                    token,
                }
            }
            Transmit::OpenSocket { token } => {
                self.sockets += 1;
                one.socket = Some(self.sockets);
                Packet::Open {
                    person,
                    socket: self.sockets,
                    token,
                }
            }
            Transmit::Frame(frame) => {
                let Some(socket) = one.socket else { return };
                Packet::Up {
                    person,
                    socket,
                    frame,
                }
            }
            Transmit::CloseSocket => {
                let Some(socket) = one.socket.take() else {
                    return;
                };
                Packet::EndUp { person, socket }
            }
            _ => return,
        };
        self.send(packet);
    }

    fn send(&mut self, packet: Packet) {
        let lane = match &packet {
            Packet::Call { person, .. } | Packet::Answer { person, .. } => packet::calls(*person),
            Packet::Open { person, .. }
            | Packet::Up { person, .. }
            | Packet::EndUp { person, .. } => packet::up(*person),
            Packet::Opened { person, .. }
            | Packet::Down { person, .. }
            | Packet::EndDown { person, .. } => packet::down(*person),
        };
        self.network.send(lane, packet, self.now);
    }
}

/// The engine of a new account.
fn begin(seed: [u8; 32], beginning: &Beginning, now: Instant, unix: UnixMillis) -> Client {
    let account = NewAccount::new(
        beginning.link.clone(),
        &beginning.username,
        &format!("dt1-{}", beginning.username),
    );
    if matches!(beginning.link.kind, LinkKind::Found) {
        Client::found(seed, account, now, unix)
    } else {
        Client::join(seed, account, now, unix)
    }
}
