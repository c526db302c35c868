//! A member: the engine, its facts, its disk, and what is on its way from and to it.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use dialtone_protocol::chat::{
    Body, Chat, Event, FetchId, Input, Message, Output, Part, Received, Refusal, Transmit, Turn,
    Warning,
};
use dialtone_protocol::client::{Change, Table};
use dialtone_protocol::ids::{ClientId, Seq};
use dialtone_protocol::{Instant, Machine};

use super::server::Server;
use super::{CHANNEL, Facts, SharedLog, UNIX, device};

/// A frame from the server.
#[derive(Clone, Debug)]
pub enum Frame {
    New(Received),
    Ack(Received),
    Refused(ClientId, Refusal),
    Lagged(Seq),
}

pub struct Member {
    pub facts: Facts,
    pub chat: Chat,
    pub now: Instant,
    seed: u8,
    pub disk: BTreeMap<(Table, Vec<u8>), Vec<u8>>,
    pub down: VecDeque<Frame>,
    pub up: VecDeque<(ClientId, String)>,
    pub fetches: VecDeque<(FetchId, Part, u32)>,
    pub events: Vec<Event>,
    pub wants_log: bool,
    pub wants_key: bool,
    pub online: bool,
}

impl Member {
    pub fn new(number: u8, log: &SharedLog) -> Self {
        Self {
            facts: Facts::new(number, log),
            chat: Chat::new([number; 32]),
            now: Instant::ZERO,
            seed: number,
            disk: BTreeMap::new(),
            down: VecDeque::new(),
            up: VecDeque::new(),
            fetches: VecDeque::new(),
            events: Vec::new(),
            wants_log: false,
            wants_key: false,
            online: false,
        }
    }

    /// One mutation and its outputs. After `crash_after` of them the process dies.
    pub fn turn<T>(
        &mut self,
        crash_after: Option<usize>,
        act: impl FnOnce(&mut Turn<'_>, Instant) -> T,
    ) -> T {
        let mut turn = self.chat.turn(&self.facts);
        let answer = act(&mut turn, self.now);
        let mut outputs = Vec::new();
        while let Some(output) = {
            let due = turn.poll_timeout();
            let output = turn.poll_output();
            assert!(
                output.is_none() || due.is_some_and(|at| at <= self.now),
                "spec 1.2"
            );
            output
        } {
            outputs.push(output);
        }
        for (done, output) in outputs.into_iter().enumerate() {
            if crash_after.is_some_and(|after| done >= after) {
                break;
            }
            self.carry_out(output);
        }
        if crash_after.is_some() {
            self.restart();
        }
        answer
    }

    fn carry_out(&mut self, output: Output) {
        match output {
            Output::Persist(changes) => changes.into_iter().for_each(|change| match change {
                Change::Put { table, key, value } => {
                    self.disk.insert((table, key), value);
                }
                Change::Delete { table, key } => {
                    self.disk.remove(&(table, key));
                }
                _ => panic!("an unknown change"),
            }),
            Output::Transmit(Transmit::Send {
                client_id, body, ..
            }) => {
                assert!(self.online);
                self.up.push_back((client_id, body));
            }
            Output::Transmit(Transmit::Fetch {
                id, part, limit, ..
            }) => {
                assert!(self.online);
                self.fetches.push_back((id, part, limit));
            }
            Output::Event(event) => self.events.push(event),
            Output::WantKey { .. } => self.wants_key = true,
            Output::WantLog => self.wants_log = true,
            other => panic!("unexpected {other:?}"),
        }
    }

    pub fn input(&mut self, input: Input<'_>) {
        let _ = self.turn(None, |turn, now| turn.handle_input(input, now));
    }

    /// Dies, and starts again from the disk.
    pub fn restart(&mut self) {
        self.seed = self.seed.wrapping_add(31);
        let records = self.disk.iter();
        let records = records.map(|((table, key), value)| (*table, key.clone(), value.clone()));
        self.chat = Chat::restore([self.seed; 32], records).unwrap();
        self.disconnect();
        self.input(Input::LogMoved);
    }

    pub fn disconnect(&mut self) {
        self.online = false;
        self.wants_log = false;
        self.down.clear();
        self.up.clear();
        self.fetches.clear();
        self.input(Input::Offline);
    }

    /// Comes online; the server says what was missed.
    pub fn connect(&mut self, server: &Server) {
        self.disconnect();
        let resume = self.chat.resume();
        self.online = true;
        self.input(Input::Online);
        if let Some(last) = resume
            .get(&CHANNEL)
            .filter(|last| **last < server.last_seq())
        {
            self.down.push_back(Frame::Lagged(last.next()));
        }
    }

    pub fn send(&mut self, text: &str) -> ClientId {
        self.turn(None, |turn, now| {
            turn.send_message(CHANNEL, text, UNIX, now)
        })
        .unwrap()
    }

    pub fn load_older(&mut self) {
        self.turn(None, |turn, now| turn.load_older(CHANNEL, now));
    }

    pub fn take(&mut self, frame: Frame, crash_after: Option<usize>) {
        let channels;
        let input = match frame {
            Frame::New(message) => Input::Message {
                channel: CHANNEL,
                message,
            },
            Frame::Ack(message) => Input::Ack {
                channel: CHANNEL,
                client_id: message.client_id,
                seq: message.seq,
                message_id: message.message_id,
            },
            Frame::Refused(client_id, reason) => Input::Refused { client_id, reason },
            Frame::Lagged(seq) => {
                channels = BTreeMap::from([(CHANNEL, seq)]);
                Input::Lagged {
                    channels: &channels,
                }
            }
        };
        let _ = self.turn(crash_after, |turn, now| turn.handle_input(input, now));
    }

    /// Lets time pass up to the next deadline, or by a moment.
    pub fn tick(&mut self) {
        let due = self.chat.turn(&self.facts).poll_timeout();
        self.now = due
            .unwrap_or(self.now)
            .max(self.now + Duration::from_millis(1));
        self.turn(None, |turn, now| turn.handle_timeout(now));
        let due = self.chat.turn(&self.facts).poll_timeout();
        assert!(due.is_none_or(|at| at > self.now), "spec 1.3");
    }

    /// Reads the log to its end, as a facade does when asked to.
    pub fn read_log(&mut self) {
        self.ask_log();
        self.facts.catch_up();
        self.log_answered();
    }

    /// Asks the server for the log.
    pub fn ask_log(&mut self) {
        self.wants_log = false;
        self.input(Input::LogAsked);
    }

    /// The answer came; the facts are what it held.
    pub fn log_answered(&mut self) {
        self.input(Input::LogMoved);
        self.input(Input::LogRead);
    }

    pub fn take_keys(&mut self) {
        self.facts.take_keys();
        self.wants_key = false;
        for epoch in self.facts.keys.keys().copied().collect::<Vec<_>>() {
            let group = super::GROUP;
            self.input(Input::KeyArrived { group, epoch });
        }
    }

    /// Answers the oldest fetch.
    pub fn answer(&mut self, server: &Server, crash_after: Option<usize>) -> bool {
        let Some((id, part, limit)) = self.fetches.pop_front() else {
            return false;
        };
        let page = Some(server.page(part, limit.min(3)));
        let input = Input::Page { id, page };
        let _ = self.turn(crash_after, |turn, now| turn.handle_input(input, now));
        true
    }

    /// Exchanges everything with the server until nothing is on its way.
    pub fn settle(&mut self, server: &mut Server) -> Vec<Received> {
        let mut fresh = Vec::new();
        for _ in 0..10_000 {
            if let Some((client_id, body)) = self.up.pop_front() {
                match server.send(device(self.facts.number), client_id, &body) {
                    Ok((message, new)) => {
                        self.take(Frame::Ack(message.clone()), None);
                        if new {
                            fresh.push(message.clone());
                            self.take(Frame::New(message), None);
                        }
                    }
                    Err(reason) => self.take(Frame::Refused(client_id, reason), None),
                }
            } else if let Some(frame) = self.down.pop_front() {
                self.take(frame, None);
            } else if self.wants_log {
                self.read_log();
            } else if self.wants_key {
                self.take_keys();
            } else if !self.answer(server, None) {
                return fresh;
            }
        }
        panic!("does not settle");
    }

    pub fn messages(&self) -> Vec<Message> {
        self.chat.messages(CHANNEL).cloned().collect()
    }

    /// The texts, or what stands in their place.
    pub fn shown(&self) -> Vec<String> {
        let messages = self.chat.messages(CHANNEL);
        messages
            .map(|message| match &message.body {
                Body::Text { text, .. } => text.clone(),
                other => format!("{other:?}").split(' ').next().unwrap().to_string(),
            })
            .collect()
    }

    pub fn body(&self, seq: u64) -> Body {
        self.chat.message(CHANNEL, Seq(seq)).unwrap().body.clone()
    }

    pub fn warnings(&self) -> Vec<Warning> {
        let warnings = self.events.iter().filter_map(|event| match event {
            Event::Warning(warning) => Some(*warning),
            _ => None,
        });
        warnings.collect()
    }
}
