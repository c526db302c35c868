//! Two people and the server between them: three engines in one thread, without a runtime, a socket or a clock.
//!
//! `cargo run -p dialtone-protocol --example two_people`
//!
//! What stands here is all that a driver does: carry out each output in its order, and hand in what came of it.

#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "an example ends where something is not as it says"
)]

use std::collections::BTreeMap;

use dialtone_protocol::client::{
    self, Access, Body, CallId, Change, Client, Event, History, HttpAnswer, NewAccount, Table,
    Transmit,
};
use dialtone_protocol::crypto::password::{KdfMemory, KdfParams};
use dialtone_protocol::hub::memory::MemoryStore;
use dialtone_protocol::hub::{self, Config, ConnId, Hub, Ice, RequestId, Work, WorkAnswer};
use dialtone_protocol::wire::http::{Request, Response};
use dialtone_protocol::wire::link::Link;
use dialtone_protocol::wire::sensitive::Sensitive;
use dialtone_protocol::{Instant, Machine, UnixMillis};

/// Anna founds a community and goes; Bob joins by her link, and reads what she wrote before.
fn main() {
    for line in conversation() {
        println!("{line}");
    }
}

/// What Bob reads.
pub(crate) fn conversation() -> Vec<String> {
    let mut world = World::new();
    let founding = world.founding_link();
    let anna = world.join("anna", &founding);

    let now = world.now;
    let made = world
        .client(anna)
        .create_channel("general", Access::Open, History::All, now);
    let channel = made.expect("an admin makes channels");
    world.settle();
    let sent = world
        .client(anna)
        .send_message(channel, "read this when you are here", now);
    sent.expect("a member writes");
    world
        .client(anna)
        .create_invite(now)
        .expect("an admin invites");
    world.settle();
    let invite = world.people[anna].invite.take().expect("a link was made");
    world.client(anna).close(now);
    world.settle();

    let bob = world.join("bob", &invite);
    let messages = world.people[bob].client.messages(channel);
    let lines = messages.map(|message| match message.body {
        Body::Text(text) => format!("{}: {text}", message.sender_name.unwrap_or("?")),
        _ => "not readable".to_owned(),
    });
    lines.collect()
}

/// Somebody's engine, and what its driver keeps for it.
struct Person {
    client: Client,
    disk: BTreeMap<(Table, Vec<u8>), Vec<u8>>,
    socket: Option<ConnId>,
    invite: Option<String>,
}

/// Who waits for an answer of the hub.
enum Asked {
    Call(usize, CallId),
    Socket(usize),
    Host,
}

struct World {
    now: Instant,
    hub: Hub,
    store: MemoryStore,
    people: Vec<Person>,
    asked: BTreeMap<RequestId, Asked>,
    host: Option<Response>,
    last: u64,
}

const START: UnixMillis = UnixMillis(1_790_000_000_000);

impl World {
    fn new() -> Self {
        let config = Config {
            pepper: Sensitive::new("pepper"),
            admin_token: Sensitive::new("host"),
            compat: true,
            ice: Ice::default(),
            password_cost: KdfParams::SERVER,
        };
        let mut world = Self {
            now: Instant::ZERO,
            hub: Hub::new(config, [0; 32], Instant::ZERO, START),
            store: MemoryStore::new(),
            people: Vec::new(),
            asked: BTreeMap::new(),
            host: None,
            last: 0,
        };
        world.tell_hub(hub::Input::Started);
        world.settle();
        world
    }

    fn founding_link(&mut self) -> String {
        self.request(Asked::Host, Request::CreateInvite, None, Some("host"));
        self.settle();
        let answer = self.host.take().expect("the host is answered");
        let answer: serde_json::Value = serde_json::from_slice(&answer.body).expect("JSON");
        let token = answer["token"].as_str().expect("a token");
        format!("http://localhost/invite/{token}#found")
    }

    fn join(&mut self, name: &str, link: &str) -> usize {
        let link = Link::parse(link).expect("a link");
        let account = NewAccount::new(link, name, "dt1-password-1");
        // Real seeds are random, and never used twice.
        let seed = [u8::try_from(self.people.len()).expect("few") + 1; 32];
        let mut client = Client::join(seed, account, self.now, START);
        client.connect(self.now);
        self.people.push(Person {
            client,
            disk: BTreeMap::new(),
            socket: None,
            invite: None,
        });
        self.settle();
        self.people.len() - 1
    }

    fn client(&mut self, person: usize) -> &mut Client {
        &mut self.people[person].client
    }

    /// The run loop of all three: drain, then go on to the next deadline, for a minute of their time.
    fn settle(&mut self) {
        let end = self.now + std::time::Duration::from_secs(60);
        loop {
            while self.drain_hub() | self.drain_people() {}
            let clients = self
                .people
                .iter()
                .map(|person| person.client.poll_timeout());
            let next = clients.chain([self.hub.poll_timeout()]).flatten().min();
            let Some(next) = next.filter(|next| *next < end) else {
                return;
            };
            self.now = next;
            self.hub.handle_timeout(next);
            for person in &mut self.people {
                person.client.handle_timeout(next);
            }
        }
    }

    fn drain_hub(&mut self) -> bool {
        let mut any = false;
        while let Some(output) = self.hub.poll_output() {
            any = true;
            match output {
                hub::Output::Store { id, op } => {
                    let result = self.store.apply(op);
                    self.tell_hub(hub::Input::Stored { id, result });
                }
                hub::Output::Work { id, work } => {
                    let result = hash_cheaply(&work);
                    self.tell_hub(hub::Input::Worked { id, result });
                }
                hub::Output::Accept { id, session } => {
                    if let Some(Asked::Socket(person)) = self.asked.remove(&id) {
                        let conn = ConnId(id.0);
                        self.people[person].socket = Some(conn);
                        self.tell_hub(hub::Input::Connected { conn, session });
                        self.tell(person, client::Input::SocketOpened);
                    }
                }
                hub::Output::Send { to, frame } => {
                    for conn in to {
                        let bytes = frame.len();
                        self.tell_hub(hub::Input::Flushed { conn, bytes });
                        let mut people = self.people.iter();
                        if let Some(person) = people.position(|it| it.socket == Some(conn)) {
                            self.tell(person, client::Input::Frame(frame.as_bytes()));
                        }
                    }
                }
                hub::Output::Respond { id, response } => match self.asked.remove(&id) {
                    Some(Asked::Call(person, id)) => {
                        let (status, body) = (response.status, &response.body);
                        let result = Ok(HttpAnswer { status, body });
                        self.tell(person, client::Input::Answer { id, result });
                    }
                    Some(Asked::Host) => self.host = Some(response),
                    _ => {}
                },
                _ => {}
            }
        }
        any
    }

    fn drain_people(&mut self) -> bool {
        let mut any = false;
        for person in 0..self.people.len() {
            while let Some(output) = self.client(person).poll_output() {
                any = true;
                match output {
                    client::Output::Persist(changes) => self.persist(person, changes),
                    client::Output::Transmit(transmit) => self.transmit(person, transmit),
                    client::Output::Event(Event::InviteReady { link, .. }) => {
                        self.people[person].invite = Some(link);
                    }
                    _ => {}
                }
            }
        }
        any
    }

    /// A real driver has this on the disk before it takes the next output.
    fn persist(&mut self, person: usize, changes: Vec<Change>) {
        let disk = &mut self.people[person].disk;
        for change in changes {
            match change {
                Change::Put { table, key, value } => disk.insert((table, key), value),
                Change::Delete { table, key } => disk.remove(&(table, key)),
                _ => None,
            };
        }
    }

    fn transmit(&mut self, person: usize, transmit: Transmit) {
        match transmit {
            Transmit::Call { id, call, token } => {
                let target = call.path_and_query.as_str();
                let (path, query) = target.split_once('?').unwrap_or((target, ""));
                let parsed = Request::parse(call.method.as_str(), path, query, &call.body);
                let request = parsed.expect("clients ask for what there is");
                self.request(Asked::Call(person, id), request, token, None);
            }
            Transmit::OpenSocket { token } => {
                self.request(Asked::Socket(person), Request::WebSocket, Some(token), None);
            }
            Transmit::Frame(frame) => {
                if let Some(conn) = self.people[person].socket {
                    let bytes = frame.as_bytes();
                    self.tell_hub(hub::Input::Frame { conn, bytes });
                }
            }
            Transmit::CloseSocket => {
                if let Some(conn) = self.people[person].socket.take() {
                    self.tell_hub(hub::Input::Closed { conn });
                }
            }
            _ => {}
        }
    }

    fn request(&mut self, from: Asked, call: Request, token: Option<String>, admin: Option<&str>) {
        self.last += 1;
        let id = RequestId(self.last);
        self.asked.insert(id, from);
        let auth = token.map(|token| format!("Bearer {token}"));
        self.tell_hub(hub::Input::Request {
            id,
            call,
            auth: auth.as_deref(),
            admin_token: admin,
            peer: None,
        });
    }

    fn tell_hub(&mut self, input: hub::Input<'_>) {
        let taken = self.hub.handle_input(input, self.now);
        taken.expect("the hub asked for it");
    }

    fn tell(&mut self, person: usize, input: client::Input<'_>) {
        let now = self.now;
        let taken = self.client(person).handle_input(input, now);
        taken.expect("the client asked for it");
    }
}

/// A real driver stretches passwords here, on a thread of its own.
fn hash_cheaply(work: &Work) -> WorkAnswer {
    match work {
        Work::VerifyPassword { password, hash } => WorkAnswer::Verified(password.expose() == hash),
        Work::HashPassword { password, .. } => WorkAnswer::Hashed(password.expose().to_owned()),
        other => other.run(&mut KdfMemory::default()),
    }
}
