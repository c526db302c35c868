//! The server of a run: the real hub over the store of reference, on a virtual disk that takes its time.

use core::time::Duration;
use std::collections::{BTreeMap, VecDeque};

use dialtone_protocol::client::{CallId, LinkFailure};
use dialtone_protocol::crypto::password::{KdfMemory, KdfParams};
use dialtone_protocol::hub::memory::MemoryStore;
use dialtone_protocol::hub::store::{Answer, Op, StoreError};
use dialtone_protocol::hub::{
    Config, ConnId, Hub, Ice, Input, OpId, Output, RequestId, SessionKey, Work, WorkAnswer, WorkId,
};
use dialtone_protocol::wire::http::{HttpCall, Request, Response};
use dialtone_protocol::wire::sensitive::Sensitive;
use dialtone_protocol::{Instant, Machine, UnixMillis};

use crate::dice::Dice;
use crate::packet::{Packet, PersonIndex};
use crate::transcript::Transcript;

/// The admin token of every simulated server.
pub const ADMIN_TOKEN: &str = "the admin of the simulation";

/// The settings of every simulated server.
#[must_use]
pub fn config() -> Config {
    Config {
        pepper: Sensitive::new("pepper"),
        admin_token: Sensitive::new(ADMIN_TOKEN),
        compat: true,
        ice: Ice::default(),
        // The least that Argon2 takes: the simulation proves nothing about its cost.
        password_cost: KdfParams {
            memory_kib: 8,
            passes: 1,
            lanes: 1,
        },
    }
}

/// Where the answer of a request goes.
#[derive(Clone, Copy, Debug)]
enum Asker {
    Call(PersonIndex, CallId),
    Upgrade(PersonIndex, u64),
    Host,
}

/// What the disk and the pool of threads still have to do.
#[derive(Debug)]
enum Due {
    Apply(OpId, Op),
    Answer(OpId, Result<Answer, StoreError>),
    Work(WorkId, Work),
}

/// The server.
#[derive(Debug)]
pub struct Server {
    hub: Option<Hub>,
    ready: bool,
    store: MemoryStore,
    dice: Dice,
    /// How many writes in a thousand are kept and answered as failed.
    lost_answers: u16,
    due: BTreeMap<(Instant, u64), Due>,
    last_write: Instant,
    counter: u64,
    askers: BTreeMap<RequestId, Asker>,
    sockets: BTreeMap<ConnId, (PersonIndex, u64)>,
    /// The hub wants no frames.
    paused: bool,
    /// What waits in the sockets in the meantime.
    unread: VecDeque<Packet>,
    host_answers: Vec<Response>,
}

impl Server {
    /// A server that was never started.
    #[must_use]
    pub fn new(dice: Dice) -> Self {
        Self {
            hub: None,
            ready: false,
            store: MemoryStore::default(),
            dice,
            lost_answers: 0,
            due: BTreeMap::new(),
            last_write: Instant::ZERO,
            counter: 0,
            askers: BTreeMap::new(),
            sockets: BTreeMap::new(),
            paused: false,
            unread: VecDeque::new(),
            host_answers: Vec::new(),
        }
    }

    /// Changes how many writes in a thousand the store keeps while it says that it failed.
    pub fn set_lost_answers(&mut self, per_mille: u16) {
        self.lost_answers = per_mille;
    }

    /// Starts the process on what the store kept.
    pub fn start(&mut self, now: Instant, unix: UnixMillis) {
        let mut hub = Hub::new(config(), self.dice.seed(), now, unix);
        // The first input of a new hub is never refused.
        let _ = hub.handle_input(Input::Started, now);
        self.hub = Some(hub);
    }

    /// Ends the process at once: what was not applied is lost, and so are answers on their way. Says whose calls and
    /// sockets end by it.
    pub fn kill(&mut self) -> Vec<Packet> {
        self.hub = None;
        self.ready = false;
        self.paused = false;
        self.unread.clear();
        self.due.clear();
        let calls =
            core::mem::take(&mut self.askers)
                .into_values()
                .filter_map(|asker| match asker {
                    Asker::Call(person, id) => Some(Packet::Answer {
                        person,
                        id,
                        result: Err(LinkFailure::Lost),
                    }),
                    Asker::Upgrade(person, socket) => Some(Packet::EndDown {
                        person,
                        socket,
                        reason: LinkFailure::Lost,
                    }),
                    Asker::Host => None,
                });
        let sockets = core::mem::take(&mut self.sockets)
            .into_values()
            .map(|(person, socket)| Packet::EndDown {
                person,
                socket,
                reason: LinkFailure::Lost,
            });
        calls.chain(sockets).collect()
    }

    /// Whether the process runs and has read its store.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        self.ready
    }

    /// The host's own request, over loopback with the admin token.
    pub fn host_request(&mut self, call: &HttpCall, now: Instant) {
        self.request(Asker::Host, call, None, Some(ADMIN_TOKEN), now);
    }

    /// Takes an answer to the host.
    pub fn host_answer(&mut self) -> Option<Response> {
        self.host_answers.pop()
    }

    /// Takes what arrived from the network.
    pub fn arrive(&mut self, packet: Packet, now: Instant) -> Option<Packet> {
        if self.hub.is_none() {
            return match packet {
                Packet::Call { person, id, .. } => Some(Packet::Answer {
                    person,
                    id,
                    result: Err(LinkFailure::Unreachable),
                }),
                Packet::Open { person, socket, .. } => Some(Packet::EndDown {
                    person,
                    socket,
                    reason: LinkFailure::Unreachable,
                }),
                _ => None,
            };
        }
        match packet {
            Packet::Call {
                person,
                id,
                call,
                token,
            } => {
                let auth = token.map(|token| format!("Bearer {token}"));
                self.request(Asker::Call(person, id), &call, auth.as_deref(), None, now);
            }
            Packet::Open {
                person,
                socket,
                token,
            } => {
                let auth = format!("Bearer {token}");
                self.upgrade(Asker::Upgrade(person, socket), &auth, now);
            }
            Packet::Up { .. } | Packet::EndUp { .. } if self.paused => {
                self.unread.push_back(packet)
            }
            Packet::Up {
                person,
                socket,
                frame,
            } => {
                if let Some(conn) = self.conn(person, socket) {
                    self.input(
                        Input::Frame {
                            conn,
                            bytes: frame.as_bytes(),
                        },
                        now,
                    );
                }
            }
            Packet::EndUp { person, socket } => {
                if let Some(conn) = self.conn(person, socket) {
                    self.sockets.remove(&conn);
                    self.input(Input::Closed { conn }, now);
                }
            }
            _ => {}
        }
        None
    }

    /// When the server next has something to do.
    #[must_use]
    pub fn next(&self) -> Option<Instant> {
        let due = self.due.first_key_value().map(|(&(at, _), _)| at);
        let hub = self.hub.as_ref().and_then(Machine::poll_timeout);
        due.into_iter().chain(hub).min()
    }

    /// Does what is due on the disk, in the pool and in the hub.
    pub fn tick(&mut self, now: Instant) {
        while let Some((&key, _)) = self.due.first_key_value() {
            if key.0 > now {
                break;
            }
            let Some(due) = self.due.remove(&key) else {
                break;
            };
            match due {
                Due::Apply(id, op) => {
                    let is_lost = op.is_write() && self.dice.chance(self.lost_answers);
                    let result = self.store.apply(op);
                    let result = result.and_then(|answer| match is_lost {
                        true => Err(StoreError::Unavailable),
                        false => Ok(answer),
                    });
                    // Applied and durable, but the process may die before it hears of that.
                    self.schedule(now + Duration::from_micros(50), Due::Answer(id, result));
                }
                Due::Answer(id, result) => self.input(Input::Stored { id, result }, now),
                Due::Work(id, work) => {
                    let result: WorkAnswer = work.run(&mut KdfMemory::default());
                    self.input(Input::Worked { id, result }, now);
                }
            }
        }
        if let Some(hub) = &mut self.hub
            && hub.poll_timeout().is_some_and(|at| at <= now)
        {
            hub.handle_timeout(now);
        }
    }

    /// Carries out what the hub wants, and gives what goes over the network.
    pub fn drain(&mut self, transcript: &mut Transcript, now: Instant) -> Vec<Packet> {
        let mut packets = Vec::new();
        while let Some(output) = self.hub.as_mut().and_then(Machine::poll_output) {
            transcript.record(0, now, &output);
            match output {
                Output::Accept { id, session } => packets.extend(self.accept(id, session, now)),
                Output::Close { conn, .. } => {
                    if let Some((person, socket)) = self.sockets.remove(&conn) {
                        packets.push(Packet::EndDown {
                            person,
                            socket,
                            reason: LinkFailure::Lost,
                        });
                        self.input(Input::Closed { conn }, now);
                    }
                }
                Output::Pause => self.paused = true,
                Output::Resume => {
                    self.paused = false;
                    for packet in core::mem::take(&mut self.unread) {
                        self.arrive(packet, now);
                    }
                }
                Output::Ready => self.ready = true,
                Output::Respond { id, response } => packets.extend(self.respond(id, response)),
                Output::Send { to, frame } => {
                    for conn in to {
                        self.input(
                            Input::Flushed {
                                conn,
                                bytes: frame.len(),
                            },
                            now,
                        );
                        if let Some(&(person, socket)) = self.sockets.get(&conn) {
                            packets.push(Packet::Down {
                                person,
                                socket,
                                frame: frame.clone(),
                            });
                        }
                    }
                }
                Output::Store { id, op } => {
                    let mut at = now
                        + self
                            .dice
                            .duration(Duration::from_micros(100), Duration::from_millis(3));
                    if op.is_write() {
                        // Writes keep their order.
                        at = at.max(self.last_write);
                        self.last_write = at;
                    }
                    self.schedule(at, Due::Apply(id, op));
                }
                Output::Work { id, work } => {
                    let at = now
                        + self
                            .dice
                            .duration(Duration::from_millis(20), Duration::from_millis(80));
                    self.schedule(at, Due::Work(id, work));
                }
                _ => {}
            }
        }
        packets
    }

    fn request(
        &mut self,
        asker: Asker,
        call: &HttpCall,
        auth: Option<&str>,
        admin_token: Option<&str>,
        now: Instant,
    ) {
        let id = RequestId(self.count());
        self.askers.insert(id, asker);
        let (path, query) = call
            .path_and_query
            .split_once('?')
            .unwrap_or((&call.path_and_query, ""));
        match Request::parse(call.method.as_str(), path, query, &call.body) {
            Ok(call) => self.input(
                Input::Request {
                    id,
                    call,
                    auth,
                    admin_token,
                    peer: None,
                },
                now,
            ),
            Err(response) => {
                self.askers.remove(&id);
                if matches!(asker, Asker::Host) {
                    self.host_answers.push(response);
                }
            }
        }
    }

    fn upgrade(&mut self, asker: Asker, auth: &str, now: Instant) {
        let id = RequestId(self.count());
        self.askers.insert(id, asker);
        if let Ok(call) = Request::parse("GET", "/ws", "", &[]) {
            self.input(
                Input::Request {
                    id,
                    call,
                    auth: Some(auth),
                    admin_token: None,
                    peer: None,
                },
                now,
            );
        }
    }

    fn accept(&mut self, id: RequestId, session: SessionKey, now: Instant) -> Option<Packet> {
        let Some(Asker::Upgrade(person, socket)) = self.askers.remove(&id) else {
            return None;
        };
        let conn = ConnId(self.count());
        self.sockets.insert(conn, (person, socket));
        self.input(Input::Connected { conn, session }, now);
        Some(Packet::Opened { person, socket })
    }

    fn respond(&mut self, id: RequestId, response: Response) -> Option<Packet> {
        match self.askers.remove(&id)? {
            Asker::Call(person, id) => Some(Packet::Answer {
                person,
                id,
                result: Ok(response),
            }),
            Asker::Upgrade(person, socket) => {
                let reason = LinkFailure::Refused(response.status);
                Some(Packet::EndDown {
                    person,
                    socket,
                    reason,
                })
            }
            Asker::Host => {
                self.host_answers.push(response);
                None
            }
        }
    }

    fn input(&mut self, input: Input<'_>, now: Instant) {
        if let Some(hub) = &mut self.hub {
            // What the hub refuses changes nothing, and the network may say anything.
            let _ = hub.handle_input(input, now);
        }
    }

    fn conn(&self, person: PersonIndex, socket: u64) -> Option<ConnId> {
        self.sockets
            .iter()
            .find(|(_, of)| **of == (person, socket))
            .map(|(conn, _)| *conn)
    }

    fn schedule(&mut self, at: Instant, due: Due) {
        let order = self.count();
        self.due.insert((at, order), due);
    }

    fn count(&mut self) -> u64 {
        self.counter += 1;
        self.counter
    }
}
