//! A portal of the test's own that does what `org.freedesktop.portal.GlobalShortcuts`, version 1,
//! says, and what the test wants a person to do.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_io::Timer;
use zbus::fdo;
use zbus::message::Header;
use zbus::zvariant::{ObjectPath, OwnedObjectPath, OwnedValue, Value};
use zbus::{Connection, connection, interface};

use crate::bus::{Bus, PORTAL};
use crate::program::soon;

pub(crate) const PATH: &str = "/org/freedesktop/portal/desktop";
pub(crate) const SHORTCUTS: &str = "org.freedesktop.portal.GlobalShortcuts";

/// How the portal answers a request.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Answer {
    /// As it is asked to; to bind: by this key.
    Yes(&'static str),
    /// With this outcome: 1 if a person says no, 2 if something else ends it.
    No(u32),
    /// The call fails.
    Error,
    /// Never.
    Nothing,
    /// A person leaves the shortcut out.
    Without,
    /// Before the call itself is answered.
    AtOnce(&'static str),
}

/// A request to bind shortcuts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Asked {
    pub(crate) session: String,
    pub(crate) shortcut: String,
    pub(crate) trigger: Option<String>,
    pub(crate) parent: String,
}

#[derive(Default)]
struct State {
    client: String,
    /// The session, and whether shortcuts were bound in it.
    sessions: HashMap<String, bool>,
    closed: Vec<String>,
    asked: Vec<Asked>,
    begin: VecDeque<Answer>,
    bind: VecDeque<Answer>,
}

/// A portal.
pub(crate) struct Portal {
    pub(crate) bus: Connection,
    state: Arc<Mutex<State>>,
}

impl Portal {
    /// Starts a portal that gives these answers to requests for sessions and to requests to bind.
    pub(crate) async fn start(bus: &Bus, begin: &[Answer], bind: &[Answer]) -> Self {
        let state = Arc::new(Mutex::new(State {
            begin: begin.iter().copied().collect(),
            bind: bind.iter().copied().collect(),
            ..State::default()
        }));
        let shortcuts = Shortcuts(Arc::clone(&state));
        let bus = connection::Builder::address(bus.address.as_str())
            .and_then(|builder| builder.serve_at(PATH, shortcuts))
            .and_then(|builder| builder.name(PORTAL))
            .unwrap();
        let bus = bus.build().await.unwrap();
        Self { bus, state }
    }

    pub(crate) fn asked(&self) -> Vec<Asked> {
        self.state.lock().unwrap().asked.clone()
    }

    /// Waits until the portal was asked to bind a key.
    pub(crate) async fn has_asked(&self) {
        let asked = async {
            while self.asked().is_empty() {
                Timer::after(Duration::from_millis(5)).await;
            }
        };
        soon("the request", asked).await;
    }

    pub(crate) fn closed(&self) -> Vec<String> {
        self.state.lock().unwrap().closed.clone()
    }

    /// The name of the client on the bus.
    pub(crate) fn client(&self) -> String {
        self.state.lock().unwrap().client.clone()
    }

    /// The session in which the shortcut was bound last.
    pub(crate) fn session(&self) -> String {
        self.asked().last().unwrap().session.clone()
    }

    pub(crate) async fn press(&self) {
        self.tell("Activated", &self.session(), "dialtone_ptt")
            .await;
    }

    pub(crate) async fn release(&self) {
        self.tell("Deactivated", &self.session(), "dialtone_ptt")
            .await;
    }

    pub(crate) async fn tell(&self, what: &str, session: &str, shortcut: &str) {
        let options: HashMap<&str, Value<'_>> = HashMap::new();
        let session = ObjectPath::try_from(session).unwrap();
        self.signal(PATH, SHORTCUTS, what, &(session, shortcut, 1u64, options))
            .await;
    }

    pub(crate) async fn close_session(&self) {
        let details: HashMap<&str, Value<'_>> = HashMap::new();
        let session = self.session();
        let interface = "org.freedesktop.portal.Session";
        self.signal(&session, interface, "Closed", &(details,))
            .await;
    }

    pub(crate) async fn signal<B>(&self, path: &str, interface: &str, name: &str, body: &B)
    where
        B: serde::Serialize + zbus::zvariant::DynamicType,
    {
        let client = self.client();
        self.bus
            .emit_signal(Some(client.as_str()), path, interface, name, body)
            .await
            .unwrap();
    }
}

struct Shortcuts(Arc<Mutex<State>>);

type Options = HashMap<String, OwnedValue>;

#[interface(name = "org.freedesktop.portal.GlobalShortcuts")]
impl Shortcuts {
    async fn create_session(
        &self,
        options: Options,
        #[zbus(header)] header: Header<'_>,
        #[zbus(connection)] bus: &Connection,
    ) -> fdo::Result<OwnedObjectPath> {
        let client = header.sender().unwrap().to_string();
        let token = text(&options, "session_handle_token");
        let session = format!("{PATH}/session/{}/{token}", escaped(&client));
        let answer = {
            let mut state = self.0.lock().unwrap();
            state.client.clone_from(&client);
            state.begin.pop_front().unwrap()
        };
        let mut results = HashMap::new();
        if matches!(answer, Answer::Yes(_) | Answer::AtOnce(_)) {
            let object = Session(Arc::clone(&self.0), session.clone());
            bus.object_server().at(session.as_str(), object).await?;
            let sessions = &mut self.0.lock().unwrap().sessions;
            assert_eq!(sessions.insert(session.clone(), false), None, "used twice");
            results.insert("session_handle", Value::from(session));
        }
        respond(bus, client, &options, answer, results).await
    }

    async fn bind_shortcuts(
        &self,
        session: OwnedObjectPath,
        shortcuts: Vec<(String, Options)>,
        parent: String,
        options: Options,
        #[zbus(header)] header: Header<'_>,
        #[zbus(connection)] bus: &Connection,
    ) -> fdo::Result<OwnedObjectPath> {
        let client = header.sender().unwrap().to_string();
        let [(shortcut, about)] = shortcuts.as_slice() else {
            return Err(fdo::Error::InvalidArgs("one shortcut".to_owned()));
        };
        assert!(!text(about, "description").is_empty());
        let answer = {
            let mut state = self.0.lock().unwrap();
            match state.sessions.insert(session.to_string(), true) {
                Some(false) => {}
                Some(true) => return Err(fdo::Error::AccessDenied("bound already".to_owned())),
                None => return Err(fdo::Error::AccessDenied("no such session".to_owned())),
            }
            state.asked.push(Asked {
                session: session.to_string(),
                shortcut: shortcut.clone(),
                trigger: about
                    .contains_key("preferred_trigger")
                    .then(|| text(about, "preferred_trigger")),
                parent,
            });
            state.bind.pop_front().unwrap()
        };
        let bound = match answer {
            Answer::Yes(key) | Answer::AtOnce(key) => {
                let about = HashMap::from([
                    ("description", Value::from(text(about, "description"))),
                    ("trigger_description", Value::from(key)),
                ]);
                vec![(shortcut.clone(), about)]
            }
            _ => Vec::new(),
        };
        let results = HashMap::from([("shortcuts", Value::from(bound))]);
        respond(bus, client, &options, answer, results).await
    }

    #[zbus(property, name = "version")]
    fn version(&self) -> u32 {
        1
    }
}

/// Another part of a portal, in which nothing happens.
pub(crate) struct Settings;

#[interface(name = "org.freedesktop.portal.Settings")]
impl Settings {
    fn nothing(&self) {}
}

struct Session(Arc<Mutex<State>>, String);

#[interface(name = "org.freedesktop.portal.Session")]
impl Session {
    fn close(&self) {
        let mut state = self.0.lock().unwrap();
        state.sessions.remove(&self.1);
        state.closed.push(self.1.clone());
    }
}

async fn respond(
    bus: &Connection,
    client: String,
    options: &Options,
    answer: Answer,
    results: HashMap<&'static str, Value<'static>>,
) -> fdo::Result<OwnedObjectPath> {
    let token = text(options, "handle_token");
    let path = format!("{PATH}/request/{}/{token}", escaped(&client));
    let outcome = match answer {
        Answer::Error => return Err(fdo::Error::Failed("the desktop is\x1b[31m busy".to_owned())),
        Answer::No(outcome) => outcome,
        _ => 0,
    };
    let tell = {
        let (bus, path) = (bus.clone(), path.clone());
        async move {
            let interface = "org.freedesktop.portal.Request";
            let body = (outcome, results);
            let client = Some(client.as_str());
            bus.emit_signal(client, path.as_str(), interface, "Response", &body)
                .await
                .unwrap();
        }
    };
    match answer {
        Answer::Nothing => {}
        Answer::AtOnce(_) => tell.await,
        _ => {
            let later = async move {
                Timer::after(Duration::from_millis(20)).await;
                tell.await;
            };
            bus.executor().spawn(later, "response").detach();
        }
    }
    Ok(OwnedObjectPath::try_from(path).unwrap())
}

fn text(options: &Options, name: &str) -> String {
    match options.get(name).map(|value| &**value) {
        Some(Value::Str(text)) => text.to_string(),
        other => panic!("{name} is {other:?}"),
    }
}

/// A client's name as it stands in paths.
fn escaped(client: &str) -> String {
    client.trim_start_matches(':').replace('.', "_")
}
