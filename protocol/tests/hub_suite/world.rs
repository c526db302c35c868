//! A hub over the store in memory, with clocks and passwords that cost nothing.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use dialtone_protocol::crypto::password::{KdfMemory, KdfParams};
use dialtone_protocol::hub::memory::MemoryStore;
use dialtone_protocol::hub::store::{Answer, Op, StoreError};
use dialtone_protocol::hub::{
    Config, ConnId, Hub, Ice, Input, LogEvent, OpId, Output, RequestId, SessionKey, Work,
    WorkAnswer,
};
use dialtone_protocol::wire::http::{Request, Response};
use dialtone_protocol::wire::sensitive::Sensitive;
use dialtone_protocol::{Instant, Machine, UnixMillis};
use serde_json::{Value, json};

pub(crate) const ADMIN_TOKEN: &str = "host secret";
pub(crate) const START: UnixMillis = UnixMillis(1_790_000_000_000);

/// How the store misbehaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Trouble {
    /// It does what is asked, and says that it failed.
    AnswerLost,
    /// It does nothing, and says that it failed.
    Down,
}

pub(crate) struct World {
    pub(crate) hub: Hub,
    pub(crate) store: MemoryStore,
    pub(crate) now: Instant,
    /// Operations wait here while the store is held.
    pub(crate) held: Option<VecDeque<(OpId, Op)>>,
    pub(crate) trouble: Option<Trouble>,
    /// What the store was asked, once that is wanted.
    pub(crate) asked: Option<Vec<Op>>,
    /// Whether sent frames leave at once.
    pub(crate) flushing: bool,
    /// The only connection whose frames are kept, once there are too many to keep all.
    pub(crate) witness: Option<ConnId>,
    pub(crate) responses: BTreeMap<RequestId, Response>,
    pub(crate) accepted: BTreeMap<RequestId, SessionKey>,
    pub(crate) sent: BTreeMap<ConnId, Vec<String>>,
    pub(crate) closed: BTreeMap<ConnId, (u16, &'static str)>,
    pub(crate) log: Vec<LogEvent>,
    pub(crate) works: usize,
    pub(crate) sends: usize,
    pub(crate) ready: bool,
    /// Whether the hub wants no frames.
    pub(crate) paused: bool,
    last_id: u64,
}

pub(crate) fn config() -> Config {
    Config {
        pepper: Sensitive::new("pepper"),
        admin_token: Sensitive::new(ADMIN_TOKEN),
        compat: true,
        ice: Ice::default(),
        password_cost: KdfParams::SERVER,
    }
}

/// Somebody with a session.
#[derive(Clone, Debug)]
pub(crate) struct Account {
    pub(crate) token: String,
    pub(crate) user: String,
    pub(crate) device: String,
    pub(crate) key: String,
    pub(crate) answer: Value,
}

impl World {
    pub(crate) fn new() -> Self {
        Self::over(config(), MemoryStore::new())
    }

    pub(crate) fn with(config: Config) -> Self {
        Self::over(config, MemoryStore::new())
    }

    /// A hub that starts over what a store holds.
    pub(crate) fn over(config: Config, store: MemoryStore) -> Self {
        let mut world = Self {
            hub: Hub::new(config, [7; 32], Instant::ZERO, START),
            store,
            now: Instant::ZERO,
            held: None,
            trouble: None,
            asked: None,
            flushing: true,
            witness: None,
            responses: BTreeMap::new(),
            accepted: BTreeMap::new(),
            sent: BTreeMap::new(),
            closed: BTreeMap::new(),
            log: Vec::new(),
            works: 0,
            sends: 0,
            ready: false,
            paused: false,
            last_id: 0,
        };
        world.input(Input::Started);
        assert!(world.ready);
        world
    }

    /// The server was killed and starts again.
    pub(crate) fn restart(self) -> Self {
        let mut world = Self::over(config(), self.store);
        world.last_id = self.last_id;
        world
    }

    pub(crate) fn input(&mut self, input: Input<'_>) {
        self.hub.handle_input(input, self.now).unwrap();
        self.run();
    }

    /// Carries out what the hub says until it says nothing more.
    pub(crate) fn run(&mut self) {
        while let Some(output) = self.hub.poll_output() {
            match output {
                Output::Store { id, op } => {
                    if let Some(asked) = &mut self.asked {
                        asked.push(op.clone());
                    }
                    match &mut self.held {
                        Some(held) => held.push_back((id, op)),
                        None => {
                            let result = self.apply(op);
                            let input = Input::Stored { id, result };
                            self.hub.handle_input(input, self.now).unwrap();
                        }
                    }
                }
                Output::Work { id, work } => {
                    self.works += 1;
                    let result = work_cheaply(work);
                    let input = Input::Worked { id, result };
                    self.hub.handle_input(input, self.now).unwrap();
                }
                Output::Respond { id, response } => {
                    assert!(
                        self.responses.insert(id, response).is_none(),
                        "answered twice"
                    );
                }
                Output::Accept { id, session } => {
                    self.accepted.insert(id, session);
                }
                Output::Send { to, frame } => {
                    self.sends += 1;
                    for conn in to {
                        assert!(!self.closed.contains_key(&conn), "sent after close");
                        if self.witness.is_none_or(|witness| witness == conn) {
                            self.sent.entry(conn).or_default().push(frame.to_string());
                        }
                        if self.flushing {
                            let bytes = frame.len();
                            let input = Input::Flushed { conn, bytes };
                            self.hub.handle_input(input, self.now).unwrap();
                        }
                    }
                }
                Output::Close { conn, code, reason } => {
                    assert!(self.closed.insert(conn, (code, reason)).is_none());
                }
                Output::Log(event) => self.log.push(event),
                Output::Ready => self.ready = true,
                Output::Pause => assert!(!std::mem::replace(&mut self.paused, true)),
                Output::Resume => assert!(std::mem::replace(&mut self.paused, false)),
                other => panic!("{other:?}"),
            }
        }
        assert!(self.hub.poll_timeout().is_none_or(|at| at > self.now));
    }

    fn apply(&mut self, op: Op) -> Result<Answer, StoreError> {
        match self.trouble {
            Some(Trouble::Down) => Err(StoreError::Unavailable),
            Some(Trouble::AnswerLost) => {
                let _ = self.store.apply(op);
                Err(StoreError::Unavailable)
            }
            None => self.store.apply(op),
        }
    }

    /// Carries out the first of what was held.
    pub(crate) fn release_one(&mut self) {
        let (id, op) = self.held.as_mut().and_then(VecDeque::pop_front).unwrap();
        let result = self.apply(op);
        self.input(Input::Stored { id, result });
    }

    /// Carries out what was held, and holds nothing more.
    pub(crate) fn release(&mut self) {
        for (id, op) in self.held.take().unwrap_or_default() {
            let result = self.apply(op);
            let input = Input::Stored { id, result };
            self.hub.handle_input(input, self.now).unwrap();
        }
        self.run();
    }

    pub(crate) fn sleep(&mut self, time: Duration) {
        self.now = self.now + time;
        self.hub.handle_timeout(self.now);
        self.run();
    }

    /// Says a request without waiting for its answer.
    pub(crate) fn say(&mut self, request: Request, token: Option<&str>) -> RequestId {
        self.last_id += 1;
        let id = RequestId(self.last_id);
        let auth = token.map(|token| format!("Bearer {token}"));
        self.input(Input::Request {
            id,
            call: request,
            auth: auth.as_deref(),
            admin_token: None,
            peer: None,
        });
        id
    }

    pub(crate) fn ask(&mut self, request: Request, token: Option<&str>) -> Response {
        let id = self.say(request, token);
        self.responses.remove(&id).unwrap()
    }

    /// A request as it comes from the network.
    pub(crate) fn http(
        &mut self,
        method: &str,
        target: &str,
        token: Option<&str>,
        body: Value,
    ) -> (u16, Value) {
        let body = if body.is_null() {
            String::new()
        } else {
            body.to_string()
        };
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let response = match Request::parse(method, path, query, body.as_bytes()) {
            Ok(request) => self.ask(request, token),
            Err(response) => response,
        };
        let value = serde_json::from_slice(&response.body).unwrap_or(Value::Null);
        (response.status, value)
    }

    pub(crate) fn invite(&mut self) -> String {
        self.last_id += 1;
        let id = RequestId(self.last_id);
        self.input(Input::Request {
            id,
            call: Request::CreateInvite,
            auth: None,
            admin_token: Some(ADMIN_TOKEN),
            peer: None,
        });
        let response = self.responses.remove(&id).unwrap();
        assert_eq!(response.status, 201);
        let answer: Value = serde_json::from_slice(&response.body).unwrap();
        answer["token"].as_str().unwrap().to_owned()
    }

    pub(crate) fn register_with(&mut self, invite: &str, name: &str) -> (u16, Value) {
        let body = json!({
            "username": name, "password": "password1", "public_key": key(name), "invite_token": invite,
        });
        self.http("POST", "/auth/register", None, body)
    }

    pub(crate) fn register(&mut self, name: &str) -> Account {
        let invite = self.invite();
        let (status, answer) = self.register_with(&invite, name);
        assert_eq!(status, 201, "{answer}");
        account(answer)
    }

    pub(crate) fn log_in(&mut self, name: &str, password: &str) -> (u16, Value) {
        let body = json!({ "username": name, "password": password, "public_key": key(name) });
        self.http("POST", "/auth/login", None, body)
    }

    pub(crate) fn connect(&mut self, token: &str) -> ConnId {
        let id = self.say(Request::WebSocket, Some(token));
        let session = self.accepted.remove(&id).expect("not accepted");
        let conn = ConnId(id.0);
        self.input(Input::Connected { conn, session });
        conn
    }

    /// A connection that said hello, with nothing unread.
    pub(crate) fn greet(&mut self, token: &str) -> ConnId {
        let conn = self.connect(token);
        self.frame(conn, json!({ "type": "session.hello", "protocol": 1 }));
        self.events(conn);
        conn
    }

    pub(crate) fn frame(&mut self, conn: ConnId, frame: Value) {
        let text = frame.to_string();
        let bytes = text.as_bytes();
        self.input(Input::Frame { conn, bytes });
    }

    /// What a connection was sent since it was last asked.
    pub(crate) fn texts(&mut self, conn: ConnId) -> Vec<String> {
        self.sent.remove(&conn).unwrap_or_default()
    }

    pub(crate) fn events(&mut self, conn: ConnId) -> Vec<Value> {
        let texts = self.texts(conn).into_iter();
        texts
            .map(|text| serde_json::from_str(&text).unwrap())
            .collect()
    }

    /// What a connection was sent has left.
    pub(crate) fn flush(&mut self, conn: ConnId, texts: &[String]) {
        let bytes = texts.iter().map(String::len).sum();
        self.input(Input::Flushed { conn, bytes });
    }

    /// The types of the events, in order.
    pub(crate) fn types(&mut self, conn: ConnId) -> Vec<String> {
        let events = self.events(conn).into_iter();
        events
            .map(|event| event["type"].as_str().unwrap().to_owned())
            .collect()
    }

    pub(crate) fn close(&mut self, conn: ConnId) {
        self.input(Input::Closed { conn });
    }

    pub(crate) fn channel(&mut self, admin: &Account) -> String {
        let body = json!({ "name_enc": "c2VhbGVk" });
        let (status, answer) = self.http("POST", "/channels", Some(&admin.token), body);
        assert_eq!(status, 201);
        answer["channel"]["id"].as_str().unwrap().to_owned()
    }
}

pub(crate) fn account(answer: Value) -> Account {
    let text = |name: &str| answer[name].as_str().unwrap().to_owned();
    Account {
        token: text("token"),
        user: text("user_id"),
        device: text("device_id"),
        key: text("device_public_key"),
        answer: answer.clone(),
    }
}

/// A public key that differs from name to name.
pub(crate) fn key(name: &str) -> String {
    let mut bytes = [9; 32];
    for (byte, of_name) in bytes.iter_mut().zip(name.trim().to_lowercase().bytes()) {
        *byte = of_name;
    }
    dialtone_protocol::wire::base64::encode(&bytes)
}

fn work_cheaply(work: Work) -> WorkAnswer {
    match work {
        Work::HashPassword { password, .. } => {
            WorkAnswer::Hashed(format!("hash of {}", password.expose()))
        }
        Work::VerifyPassword { password, hash } => {
            WorkAnswer::Verified(hash == format!("hash of {}", password.expose()))
        }
        other => other.run(&mut KdfMemory::default()),
    }
}
