//! The client's engine before an evil server: real answers of a real hub, some of them damaged, dropped, doubled or
//! invented. It never panics, keeps the contract of machines, and shows no message that nobody sent.

use core::time::Duration;

use arbitrary::{Result, Unstructured};
use dialtone_protocol::client::{
    Access, Body, Client, History, HttpAnswer, Input, LinkFailure, NewAccount, Output, Transmit,
};
use dialtone_protocol::wire::http::{HttpCall, Method};
use dialtone_protocol::wire::link::Link;
use dialtone_protocol::{Instant, Machine, UnixMillis};

use crate::dice::Dice;
use crate::packet::Packet;
use crate::server::Server;
use crate::transcript::Transcript;

/// The most rounds of one case.
const ROUNDS: usize = 120;

/// The most outputs that one input may lead to.
const OUTPUTS: usize = 10_000;

/// The wall clock at the start.
const START: UnixMillis = UnixMillis(1_700_000_000_000);

/// What the user writes: nothing else may ever be shown as a message.
const WORDS: &str = "nothing but this was ever said";

/// Takes choices: what happens to each thing that the server says.
pub fn run(bytes: &[u8]) {
    let mut choices = Unstructured::new(bytes);
    let Some(mut case) = Case::new() else { return };
    for _ in 0..ROUNDS {
        if case.round(&mut choices).is_err() {
            break;
        }
    }
    for channel in case.client.channels() {
        for message in case.client.messages(channel.id) {
            if let Body::Text(text) = message.body {
                assert_eq!(text, WORDS, "the server cannot write");
            }
        }
    }
}

struct Case {
    server: Server,
    client: Client,
    now: Instant,
    transcript: Transcript,
    to_server: Vec<Packet>,
    to_client: Vec<Packet>,
    socket: Option<u64>,
    sockets: u64,
}

impl Case {
    fn new() -> Option<Self> {
        let mut transcript = Transcript::default();
        let mut server = Server::new(Dice::new(1));
        server.start(Instant::ZERO, START);
        let mut now = Instant::ZERO;
        let invites = HttpCall {
            method: Method::Post,
            path_and_query: "/server/invites".to_owned(),
            content_type: None,
            body: Vec::new(),
        };
        let mut asked = false;
        let answer = loop {
            server.drain(&mut transcript, now);
            if let Some(answer) = server.host_answer() {
                break answer;
            }
            if server.is_ready() && !asked {
                server.host_request(&invites, now);
                asked = true;
                continue;
            }
            now = server.next()?;
            server.tick(now);
        };
        let text = String::from_utf8(answer.body).ok()?;
        let token = text.split('"').nth(3)?;
        let link = Link::parse(&format!("http://dialtone.test/invite/{token}#found")).ok()?;
        let account = NewAccount::new(link, "alice", "dt1-password1");
        let mut client = Client::found([9; 32], account, now, START);
        client.connect(now);
        let mut case = Self {
            server,
            client,
            now,
            transcript,
            to_server: Vec::new(),
            to_client: Vec::new(),
            socket: None,
            sockets: 0,
        };
        case.drain();
        Some(case)
    }

    fn round(&mut self, choices: &mut Unstructured<'_>) -> Result<()> {
        if choices.is_empty() {
            return Err(arbitrary::Error::NotEnoughData);
        }
        for packet in core::mem::take(&mut self.to_server) {
            if let Some(refused) = self.server.arrive(packet, self.now) {
                self.to_client.push(refused);
            }
        }
        self.now = self.now + Duration::from_millis(100);
        self.server.tick(self.now);
        self.to_client
            .extend(self.server.drain(&mut self.transcript, self.now));
        for packet in core::mem::take(&mut self.to_client) {
            self.tamper(packet, choices)?;
        }
        match choices.int_in_range(0..=15)? {
            0..=3 => self.wish(choices)?,
            4 => self.now = self.now + Duration::from_secs(choices.int_in_range(0..=120)?),
            5 => {
                let length = choices.arbitrary_len::<u8>()?.min(512);
                let frame = choices.bytes(length)?;
                self.input(Input::Frame(frame));
            }
            _ => {}
        }
        if self.client.poll_timeout().is_some_and(|at| at <= self.now) {
            self.client.handle_timeout(self.now);
            self.drain();
        }
        let deadline = self.client.poll_timeout();
        assert!(
            deadline.is_none_or(|at| at > self.now),
            "no deadline is due after a timeout and a drain"
        );
        Ok(())
    }

    /// What the server says reaches the client, or something like it.
    fn tamper(&mut self, packet: Packet, choices: &mut Unstructured<'_>) -> Result<()> {
        match choices.int_in_range(0..=15)? {
            0 => Ok(()),
            1 => self.deliver(damage(packet, choices)?),
            2 => {
                self.deliver(packet.clone())?;
                self.deliver(packet)
            }
            3 => {
                self.to_client.push(packet);
                Ok(())
            }
            _ => self.deliver(packet),
        }
    }

    fn deliver(&mut self, packet: Packet) -> Result<()> {
        match packet {
            Packet::Answer { id, result, .. } => {
                let result = match &result {
                    Ok(response) => Ok(HttpAnswer {
                        status: response.status,
                        body: &response.body,
                    }),
                    Err(failure) => Err(*failure),
                };
                self.input(Input::Answer { id, result });
            }
            Packet::Opened { socket, .. } if self.socket == Some(socket) => {
                self.input(Input::SocketOpened)
            }
            Packet::Down { socket, frame, .. } if self.socket == Some(socket) => {
                self.input(Input::Frame(frame.as_bytes()));
            }
            Packet::EndDown { socket, .. } if self.socket == Some(socket) => {
                self.socket = None;
                self.input(Input::SocketClosed {
                    reason: LinkFailure::Lost,
                });
            }
            _ => {}
        }
        Ok(())
    }

    fn wish(&mut self, choices: &mut Unstructured<'_>) -> Result<()> {
        let (client, now) = (&mut self.client, self.now);
        let channel = client.channels().first().map(|channel| channel.id);
        // What is refused at once is refused by name; what is taken must not break anything.
        let _ = match (choices.int_in_range(0..=6)?, channel) {
            (0, _) => client
                .create_channel("general", Access::Open, History::All, now)
                .is_ok(),
            (1, _) => client
                .create_channel("secret", Access::Private, History::FromJoin, now)
                .is_ok(),
            (2, _) => client.create_invite(now).is_ok(),
            (3, Some(channel)) => client.rename_channel(channel, "other", now).is_ok(),
            (4, Some(channel)) => {
                client.load_older(channel, now);
                true
            }
            (_, Some(channel)) => client.send_message(channel, WORDS, now).is_ok(),
            (_, None) => false,
        };
        self.drain();
        Ok(())
    }

    fn input(&mut self, input: Input<'_>) {
        // A refusal is fine; what follows must hold either way.
        let _ = self.client.handle_input(input, self.now);
        self.drain();
    }

    /// Carries out what the engine wants, and holds it to its contract.
    fn drain(&mut self) {
        for _ in 0..OUTPUTS {
            let deadline = self.client.poll_timeout();
            let Some(output) = self.client.poll_output() else {
                return;
            };
            assert!(
                deadline.is_some_and(|at| at <= self.now),
                "output is queued, so the deadline is now"
            );
            let Output::Transmit(transmit) = output else {
                continue;
            };
            let packet = match transmit {
                Transmit::Call { id, call, token } => Packet::Call {
                    person: 0,
                    id,
                    call,
                    token,
                },
                Transmit::OpenSocket { token } => {
                    self.sockets += 1;
                    self.socket = Some(self.sockets);
                    Packet::Open {
                        person: 0,
                        socket: self.sockets,
                        token,
                    }
                }
                Transmit::Frame(frame) => {
                    let Some(socket) = self.socket else { continue };
                    Packet::Up {
                        person: 0,
                        socket,
                        frame,
                    }
                }
                Transmit::CloseSocket => {
                    let Some(socket) = self.socket.take() else {
                        continue;
                    };
                    Packet::EndUp { person: 0, socket }
                }
                _ => continue,
            };
            self.to_server.push(packet);
        }
        panic!("the engine does not come to rest");
    }
}

/// A packet with one byte changed, cut short, or with another status.
fn damage(packet: Packet, choices: &mut Unstructured<'_>) -> Result<Packet> {
    Ok(match packet {
        Packet::Answer {
            person,
            id,
            result: Ok(mut response),
        } => {
            match choices.int_in_range(0..=3)? {
                0 => {
                    response.status =
                        *choices.choose(&[200, 201, 204, 400, 401, 403, 404, 409, 410, 429, 500])?
                }
                1 => response
                    .body
                    .truncate(choices.choose_index(response.body.len().max(1))?),
                _ => {
                    let at = choices.choose_index(response.body.len().max(1))?;
                    if let Some(byte) = response.body.get_mut(at) {
                        *byte ^= choices.int_in_range(1..=255)?;
                    }
                }
            }
            Packet::Answer {
                person,
                id,
                result: Ok(response),
            }
        }
        Packet::Down {
            person,
            socket,
            frame,
        } => {
            let mut bytes = frame.as_bytes().to_vec();
            let at = choices.choose_index(bytes.len().max(1))?;
            if let Some(byte) = bytes.get_mut(at) {
                *byte = choices.int_in_range(b' '..=b'~')?;
            }
            Packet::Down {
                person,
                socket,
                frame: String::from_utf8_lossy(&bytes).into(),
            }
        }
        other => other,
    })
}
