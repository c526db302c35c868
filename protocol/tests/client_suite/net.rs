//! One hub, some clients, and what lies between them.

mod wires;

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use dialtone_protocol::client::{CallId, Client, Event, NewAccount, Output, Table};
use dialtone_protocol::crypto::password::KdfParams;
use dialtone_protocol::hub::memory::MemoryStore;
use dialtone_protocol::hub::{self, Config, ConnId, Hub, Ice, RequestId};
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

/// The answers to some requests of one client.
#[derive(Clone, Copy)]
pub(crate) struct Hold {
    pub(crate) of: usize,
    pub(crate) to: fn(&Request) -> bool,
}

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
    /// Answers that stay on their way until they are let through.
    pub(crate) holds: Option<Hold>,
    pub(crate) held: VecDeque<(usize, CallId, Response)>,
    /// A client to whom no frame comes through.
    pub(crate) deaf: Option<usize>,
    /// Everything that the clients said.
    pub(crate) outputs: Vec<(usize, Output)>,
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
            ice: Ice::default(),
            password_cost: KdfParams::SERVER,
        };
        let mut net = Self {
            hub: Hub::new(config, [7; 32], Instant::ZERO, START),
            store: MemoryStore::new(),
            now: Instant::ZERO,
            peers: Vec::new(),
            tamper: None,
            loses: None,
            holds: None,
            held: VecDeque::new(),
            deaf: None,
            outputs: Vec::new(),
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
}
