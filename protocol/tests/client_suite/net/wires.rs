//! What is carried between the hub and the clients, and to their disks.

use dialtone_protocol::Machine;
use dialtone_protocol::client::{
    CallId, Change, HttpAnswer, HttpCall, Input, LinkFailure, Output, Transmit,
};
use dialtone_protocol::crypto::password::KdfMemory;
use dialtone_protocol::hub::{self, ConnId, RequestId, Work, WorkAnswer};
use dialtone_protocol::wire::http::{Request, Response};

use super::{Asked, Hold, Net};

impl Net {
    /// Carries out what everybody says until nobody says anything more.
    pub(crate) fn run(&mut self) {
        for _ in 0..100_000 {
            if !(self.run_hub() | self.run_clients()) {
                // spec 1.3
                assert!(self.hub.poll_timeout().is_none_or(|at| at > self.now));
                return;
            }
        }
        panic!("talk without end");
    }

    fn run_hub(&mut self) -> bool {
        let mut moved = false;
        while let Some(output) = self.hub.poll_output() {
            moved = true;
            match output {
                hub::Output::Store { id, op } => {
                    let result = self.store.apply(op);
                    self.tell_hub(hub::Input::Stored { id, result });
                }
                hub::Output::Work { id, work } => {
                    let result = work_cheaply(&work);
                    self.tell_hub(hub::Input::Worked { id, result });
                }
                hub::Output::Respond { id, response } => self.respond(id, response),
                hub::Output::Accept { id, session } => {
                    if let Some(Asked::Socket { peer }) = self.asked.remove(&id) {
                        self.last += 1;
                        let conn = ConnId(self.last);
                        self.conns.insert(conn, peer);
                        self.peers[peer].conn = Some(conn);
                        self.tell_hub(hub::Input::Connected { conn, session });
                        self.tell(peer, Input::SocketOpened);
                    }
                }
                hub::Output::Send { to, frame } => {
                    for conn in to {
                        let bytes = frame.len();
                        self.tell_hub(hub::Input::Flushed { conn, bytes });
                        let peer = self.conns.get(&conn).copied();
                        if let Some(peer) = peer.filter(|peer| self.deaf != Some(*peer)) {
                            self.tell(peer, Input::Frame(frame.as_bytes()));
                        }
                    }
                }
                hub::Output::Close { conn, .. } => {
                    if let Some(peer) = self.conns.get(&conn).copied() {
                        self.hang_up(peer);
                        self.tell(
                            peer,
                            Input::SocketClosed {
                                reason: LinkFailure::Lost,
                            },
                        );
                    }
                }
                hub::Output::Log(_) | hub::Output::Ready => {}
                // Nothing here is a flood.
                hub::Output::Pause | hub::Output::Resume => {}
                other => panic!("{other:?}"),
            }
        }
        moved
    }

    fn respond(&mut self, id: RequestId, response: Response) {
        match self.asked.remove(&id) {
            Some(Asked::Call { peer, id, request }) => {
                if self.loses.is_some_and(|loses| loses(&request)) {
                    self.loses = None;
                    self.tell(
                        peer,
                        Input::Answer {
                            id,
                            result: Err(LinkFailure::Lost),
                        },
                    );
                    return;
                }
                let response = match &mut self.tamper {
                    Some(tamper) => tamper(&request, response),
                    None => response,
                };
                let is_held = |hold: Hold| hold.of == peer && (hold.to)(&request);
                if self.holds.is_some_and(is_held) {
                    self.held.push_back((peer, id, response));
                } else {
                    self.answer(peer, id, &response);
                }
            }
            Some(Asked::Socket { peer }) => {
                let reason = LinkFailure::Refused(response.status);
                self.tell(peer, Input::SocketClosed { reason });
            }
            Some(Asked::Host) => self.host.push_back(response),
            None => {}
        }
    }

    fn answer(&mut self, peer: usize, id: CallId, response: &Response) {
        let answer = HttpAnswer {
            status: response.status,
            body: &response.body,
        };
        let result = Ok(answer);
        self.tell(peer, Input::Answer { id, result });
    }

    /// Lets the answers through that were held.
    pub(crate) fn let_through(&mut self) {
        self.holds = None;
        while let Some((peer, id, response)) = self.held.pop_front() {
            self.answer(peer, id, &response);
        }
        self.run();
    }

    fn run_clients(&mut self) -> bool {
        let mut moved = false;
        for peer in 0..self.peers.len() {
            while let Some(output) = self.peers[peer]
                .client
                .as_mut()
                .and_then(Machine::poll_output)
            {
                moved = true;
                self.outputs.push((peer, output.clone()));
                match output {
                    Output::Persist(changes) => self.persist(peer, changes),
                    Output::Event(event) => self.peers[peer].events.push(event),
                    Output::Transmit(transmit) => self.transmit(peer, transmit),
                    other => panic!("{other:?}"),
                }
            }
            if let Some(client) = &self.peers[peer].client {
                // spec 1.3
                assert!(
                    client.poll_timeout().is_none_or(|at| at > self.now),
                    "{client:?}"
                );
            }
        }
        moved
    }

    fn persist(&mut self, peer: usize, changes: Vec<Change>) {
        let it = &mut self.peers[peer];
        for change in changes {
            match change {
                Change::Put { table, key, value } => {
                    it.disk.insert((table, key), value);
                }
                Change::Delete { table, key } => {
                    it.disk.remove(&(table, key));
                }
                other => panic!("{other:?}"),
            }
        }
        it.batches += 1;
        if it.dies_after == Some(it.batches) {
            self.kill(peer);
        }
    }

    fn transmit(&mut self, peer: usize, transmit: Transmit) {
        match transmit {
            Transmit::Call { id, call, token } => self.ask(peer, id, &call, token),
            Transmit::OpenSocket { token } => {
                let id = self.next_request(Asked::Socket { peer });
                self.request(id, Request::WebSocket, Some(&token));
            }
            Transmit::Frame(frame) => {
                if let Some(conn) = self.peers[peer].conn {
                    let bytes = frame.as_bytes();
                    self.tell_hub(hub::Input::Frame { conn, bytes });
                }
            }
            Transmit::CloseSocket => self.hang_up(peer),
            other => panic!("{other:?}"),
        }
    }

    fn ask(&mut self, peer: usize, id: CallId, call: &HttpCall, token: Option<String>) {
        let target = call.path_and_query.as_str();
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let request = Request::parse(call.method.as_str(), path, query, &call.body).unwrap();
        self.requests.push((peer, request.clone()));
        let id = self.next_request(Asked::Call {
            peer,
            id,
            request: request.clone(),
        });
        self.request(id, request, token.as_deref());
    }

    fn request(&mut self, id: RequestId, call: Request, token: Option<&str>) {
        let auth = token.map(|token| format!("Bearer {token}"));
        let auth = auth.as_deref();
        self.tell_hub(hub::Input::Request {
            id,
            call,
            auth,
            admin_token: None,
            peer: None,
        });
    }

    pub(super) fn next_request(&mut self, asked: Asked) -> RequestId {
        self.last += 1;
        self.asked.insert(RequestId(self.last), asked);
        RequestId(self.last)
    }

    /// The connection of a client ends, as the hub sees it.
    pub(crate) fn hang_up(&mut self, peer: usize) {
        if let Some(conn) = self.peers[peer].conn.take() {
            self.conns.remove(&conn);
            self.tell_hub(hub::Input::Closed { conn });
        }
    }

    /// The connection of a client is cut.
    pub(crate) fn cut(&mut self, peer: usize) {
        self.hang_up(peer);
        self.tell(
            peer,
            Input::SocketClosed {
                reason: LinkFailure::Lost,
            },
        );
        self.run();
    }

    pub(super) fn tell_hub(&mut self, input: hub::Input<'_>) {
        // A frame of a connection that has just ended is nobody's.
        let _ = self.hub.handle_input(input, self.now);
    }

    pub(crate) fn tell(&mut self, peer: usize, input: Input<'_>) {
        let now = self.now;
        if let Some(client) = &mut self.peers[peer].client {
            let _ = client.handle_input(input, now);
        }
    }
}

/// Passwords cost nothing here.
fn work_cheaply(work: &Work) -> WorkAnswer {
    match work {
        Work::HashPassword { password, .. } => WorkAnswer::Hashed(password.expose().to_owned()),
        Work::VerifyPassword { password, hash } => WorkAnswer::Verified(password.expose() == hash),
        other => other.run(&mut KdfMemory::default()),
    }
}
