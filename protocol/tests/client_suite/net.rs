//! One hub, some clients, and what lies between them.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use dialtone_protocol::client::{
    CallId, Change, Client, Event, HttpAnswer, HttpCall, Input, LinkFailure, NewAccount, Output,
    Table, Transmit,
};
use dialtone_protocol::crypto::password::KdfParams;
use dialtone_protocol::hub::memory::MemoryStore;
use dialtone_protocol::hub::{self, Config, ConnId, Hub, RequestId, Work, WorkAnswer};
use dialtone_protocol::ids::ChannelId;
use dialtone_protocol::wire::http::{Request, Response};
use dialtone_protocol::wire::link::Link;
use dialtone_protocol::wire::sensitive::Sensitive;
use dialtone_protocol::{Instant, Machine, UnixMillis};

const START: UnixMillis = UnixMillis(1_790_000_000_000);
const ADMIN_TOKEN: &str = "host secret";
pub(crate) const URL: &str = "http://localhost:8080";

/// What an evil server answers instead.
pub(crate) type Tamper = Box<dyn FnMut(&Request, Response) -> Response>;

/// A client with its disk.
pub(crate) struct Peer {
    pub(crate) client: Option<Client>,
    pub(crate) events: Vec<Event>,
    disk: BTreeMap<(Table, Vec<u8>), Vec<u8>>,
    /// How many batches were made durable.
    pub(crate) batches: usize,
    /// The client dies right after this batch.
    pub(crate) dies_after: Option<usize>,
    conn: Option<ConnId>,
}

/// Who waits for an answer of the hub.
enum Asked {
    Call {
        peer: usize,
        id: CallId,
        request: Request,
    },
    Socket {
        peer: usize,
    },
    Host,
}

pub(crate) struct Net {
    hub: Hub,
    store: MemoryStore,
    pub(crate) now: Instant,
    pub(crate) peers: Vec<Peer>,
    pub(crate) tamper: Option<Tamper>,
    /// Requests whose answer is lost though they were carried out.
    pub(crate) loses: Option<fn(&Request) -> bool>,
    /// Every request that a client made.
    pub(crate) requests: Vec<(usize, Request)>,
    asked: BTreeMap<RequestId, Asked>,
    conns: BTreeMap<ConnId, usize>,
    host: VecDeque<Response>,
    last: u64,
}

impl Net {
    pub(crate) fn new() -> Self {
        let config = Config {
            pepper: Sensitive::new("pepper"),
            admin_token: Sensitive::new(ADMIN_TOKEN),
            compat: true,
            ice_servers: Vec::new(),
            password_cost: KdfParams::SERVER,
        };
        let mut net = Self {
            hub: Hub::new(config, [7; 32], Instant::ZERO, START),
            store: MemoryStore::new(),
            now: Instant::ZERO,
            peers: Vec::new(),
            tamper: None,
            loses: None,
            requests: Vec::new(),
            asked: BTreeMap::new(),
            conns: BTreeMap::new(),
            host: VecDeque::new(),
            last: 0,
        };
        net.hub.handle_input(hub::Input::Started, net.now).unwrap();
        net.run();
        net
    }

    /// A token as the host makes it.
    pub(crate) fn token(&mut self) -> String {
        let id = self.next_request(Asked::Host);
        let input = hub::Input::Request {
            id,
            call: Request::CreateInvite,
            auth: None,
            admin_token: Some(ADMIN_TOKEN),
            peer: None,
        };
        self.hub.handle_input(input, self.now).unwrap();
        self.run();
        let answer: serde_json::Value =
            serde_json::from_slice(&self.host.pop_front().unwrap().body).unwrap();
        answer["token"].as_str().unwrap().to_owned()
    }

    /// A link as the host makes it.
    pub(crate) fn host_link(&mut self, fragment: &str) -> String {
        format!("{URL}/invite/{}{fragment}", self.token())
    }

    /// Somebody new who uses a link, not yet connected.
    pub(crate) fn add(&mut self, name: &str, link: &str) -> usize {
        let account = NewAccount::new(Link::parse(link).unwrap(), name, "dt1-password-1");
        let seed = [u8::try_from(self.peers.len()).unwrap() + 1; 32];
        let client = Client::join(seed, account, self.now, self.unix());
        self.peers.push(Peer {
            client: Some(client),
            events: Vec::new(),
            disk: BTreeMap::new(),
            batches: 0,
            dies_after: None,
            conn: None,
        });
        self.peers.len() - 1
    }

    /// Somebody new who uses a link, and is left to it for a while.
    pub(crate) fn join(&mut self, name: &str, link: &str) -> usize {
        let peer = self.add(name, link);
        self.connect(peer);
        peer
    }

    /// The founder of the community, online.
    pub(crate) fn found(&mut self, name: &str) -> usize {
        let link = self.host_link("#found");
        self.join(name, &link)
    }

    /// A link that a member makes.
    pub(crate) fn invite(&mut self, peer: usize) -> String {
        let now = self.now;
        self.client(peer).create_invite(now).unwrap();
        self.run();
        self.wait(1);
        let link = self.peers[peer]
            .events
            .iter()
            .rev()
            .find_map(|event| match event {
                Event::InviteReady { link, .. } => Some(link.clone()),
                _ => None,
            });
        link.unwrap_or_else(|| panic!("no link: {:?}", self.peers[peer].events))
    }

    pub(crate) fn connect(&mut self, peer: usize) {
        let now = self.now;
        self.client(peer).connect(now);
        self.run();
        self.wait(2);
    }

    /// Connects a client that may die of it.
    pub(crate) fn connect_if_alive(&mut self, peer: usize) {
        self.run();
        let now = self.now;
        if let Some(client) = &mut self.peers[peer].client {
            client.connect(now);
        }
        self.run();
        self.wait(5);
    }

    /// All records of a client.
    pub(crate) fn disk(&self, peer: usize) -> Vec<(Table, Vec<u8>, Vec<u8>)> {
        let records = self.peers[peer].disk.clone().into_iter();
        records
            .map(|((table, key), value)| (table, key, value))
            .collect()
    }

    /// The client leaves in good order.
    pub(crate) fn leave(&mut self, peer: usize) {
        let now = self.now;
        self.client(peer).close(now);
        self.run();
        self.wait(11);
        assert_eq!(self.peers[peer].events.last(), Some(&Event::Settled));
    }

    /// The client dies, and starts again from its disk.
    pub(crate) fn restart(&mut self, peer: usize) {
        self.kill(peer);
        self.peers[peer].dies_after = None;
        let records = self.disk(peer);
        let seed = [0x40 + u8::try_from(self.last % 64).unwrap(); 32];
        let client = Client::restore(seed, records, self.now, self.unix()).unwrap();
        self.peers[peer].client = Some(client);
    }

    fn kill(&mut self, peer: usize) {
        self.peers[peer].client = None;
        self.asked.retain(|_, asked| match asked {
            Asked::Call { peer: other, .. } | Asked::Socket { peer: other } => *other != peer,
            Asked::Host => true,
        });
        self.hang_up(peer);
    }

    pub(crate) fn client(&mut self, peer: usize) -> &mut Client {
        self.peers[peer]
            .client
            .as_mut()
            .expect("the client is dead")
    }

    pub(crate) fn view(&self, peer: usize) -> &Client {
        self.peers[peer]
            .client
            .as_ref()
            .expect("the client is dead")
    }

    pub(crate) fn channel(&self, peer: usize, name: &str) -> ChannelId {
        let channels = self.view(peer).channels();
        let found = channels
            .iter()
            .find(|channel| channel.name.as_deref() == Some(name));
        found
            .unwrap_or_else(|| panic!("no channel {name}: {channels:?}"))
            .id
    }

    pub(crate) fn send(&mut self, peer: usize, channel: ChannelId, text: &str) {
        let now = self.now;
        self.client(peer).send_message(channel, text, now).unwrap();
        self.run();
    }

    /// The records on a client's disk.
    pub(crate) fn records(&self, peer: usize, table: Table) -> usize {
        self.peers[peer]
            .disk
            .keys()
            .filter(|(other, _)| *other == table)
            .count()
    }

    pub(crate) fn unix(&self) -> UnixMillis {
        START.saturating_add(self.now - Instant::ZERO)
    }

    /// Lets seconds pass, with every deadline in them.
    pub(crate) fn wait(&mut self, seconds: u64) {
        let end = self.now + Duration::from_secs(seconds);
        for _ in 0..10_000 {
            let clients = self.peers.iter().filter_map(|peer| peer.client.as_ref());
            let deadlines = clients
                .map(Machine::poll_timeout)
                .chain([self.hub.poll_timeout()]);
            let next = deadlines.flatten().min().filter(|at| *at <= end);
            self.now = next.unwrap_or(end).max(self.now);
            self.hub.handle_timeout(self.now);
            for peer in 0..self.peers.len() {
                let now = self.now;
                if let Some(client) = &mut self.peers[peer].client {
                    client.handle_timeout(now);
                }
            }
            self.run();
            if next.is_none() {
                return;
            }
        }
        panic!("deadlines without end");
    }

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
                        if let Some(peer) = self.conns.get(&conn).copied() {
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
                let answer = HttpAnswer {
                    status: response.status,
                    body: &response.body,
                };
                self.tell(
                    peer,
                    Input::Answer {
                        id,
                        result: Ok(answer),
                    },
                );
            }
            Some(Asked::Socket { peer }) => {
                let reason = LinkFailure::Refused(response.status);
                self.tell(peer, Input::SocketClosed { reason });
            }
            Some(Asked::Host) => self.host.push_back(response),
            None => {}
        }
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

    fn next_request(&mut self, asked: Asked) -> RequestId {
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

    fn tell_hub(&mut self, input: hub::Input<'_>) {
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
        other => panic!("{other:?}"),
    }
}
