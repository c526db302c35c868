//! The loop of the daemon: it hands the machine of the room, the connections and the sound what happened, and carries
//! out what comes out of them.

mod commands;
mod hearing;
mod key;
mod log;
mod lookup;
mod network;
mod outputs;
mod servers;
mod settings;
mod speaking;
mod state;
mod streams;
mod turn;

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time;

use async_channel::{Receiver, Sender};
use dialtone_client::interrupt::Wish;
use dialtone_client::link::{Connector, Happened as Link};
use dialtone_protocol::Instant;
use dialtone_protocol::ids::UserId;
use dialtone_protocol::runtime::Runtime;
use dialtone_protocol::voice::ipc;
use dialtone_protocol::voice::room::Room;

use crate::audio::{Gate, Opening, Sent};
use crate::device::{Happened, Names, Open, Recorder, Source};
use crate::ipc::{ClientId, Clients, Socket};
use crate::media::{Clock, Mesh, Server, SocketId, StreamId};
use hearing::Hearing;
use key::Key;
use lookup::LookedUp;
use network::Network;
pub use settings::{DEFAULT_THRESHOLD, DaemonError, Settings};
use speaking::Speaking;
pub use streams::{Stream, Streams};

/// How much waits for the loop. The tasks that read stop at it.
const INCOMING: usize = 1024;

/// Something that happened.
enum Incoming {
    Link {
        number: u64,
        happened: Link,
    },
    Datagram {
        socket: SocketId,
        from: SocketAddr,
        bytes: Vec<u8>,
    },
    Names(ClientId, Names),
    Servers(Vec<LookedUp>),
    Stream(StreamId, Stream),
    Key(Key),
}

impl From<(StreamId, Stream)> for Incoming {
    fn from((id, stream): (StreamId, Stream)) -> Self {
        Self::Stream(id, stream)
    }
}

/// The daemon, and all that it works with.
struct Daemon<R: Runtime> {
    runtime: R,
    settings: Settings,
    connector: Arc<Connector<R>>,
    room: Room,
    mesh: Mesh,
    network: Network<R>,
    streams: Streams<R, Incoming>,
    clients: Clients,
    /// Who answers the questions of the room.
    answers: Option<ClientId>,
    /// Who tries the microphone out.
    tests: Option<ClientId>,
    /// Somebody was there once.
    was_used: bool,
    since: Instant,
    hearing: Hearing,
    speaking: Speaking,
    /// Who watches the key to talk, or why nobody does.
    key: ipc::Gate,
    muted: bool,
    deafened: bool,
    input: Option<Open>,
    /// It cannot be used, and is tried again.
    is_microphone_lost: bool,
    output: Option<Open>,
    incoming: (Sender<Incoming>, Receiver<Incoming>),
    sent: (Sender<Sent>, Receiver<Sent>),
    happened: (Sender<Happened>, Receiver<Happened>),
    /// A relay was named, by the settings or by the server.
    has_relay: bool,
    /// Its weak ends look names up until other names are wanted.
    lookup: Arc<()>,
    /// The STUN and TURN servers that are used.
    servers: Vec<Server>,
    /// Hosts of servers that have no address, as it was said.
    unknown_hosts: BTreeSet<String>,
    link: Option<(u64, Sender<String>)>,
    links: u64,
    /// The user of this daemon, as a client or the log says.
    user: Option<UserId>,
    /// Who was said to speak.
    spoke: BTreeSet<UserId>,
    /// Who was said to be in the room, and how they stand.
    told: Option<ipc::Event>,
    /// Whether this device is sending.
    sending: bool,
    /// How loud it was here since clients were told, and since it was written to the log.
    loudest: u32,
    loudest_logged: u32,
    meters: bool,
    looked: Instant,
    judged: Instant,
    searched: Instant,
    stopping: bool,
}

/// Runs the daemon until it is asked to end.
///
/// # Errors
///
/// When it cannot begin.
pub async fn run<R: Runtime>(
    runtime: R,
    settings: Settings,
    wish: Wish,
) -> Result<(), DaemonError> {
    let socket = Socket::bind(&runtime, &settings.socket).map_err(DaemonError::Bind)?;
    let mut daemon = Daemon::new(runtime, settings)?;
    daemon.run(&socket, &wish).await;
    Ok(())
}

impl<R: Runtime> Daemon<R> {
    fn new(runtime: R, settings: Settings) -> Result<Self, DaemonError> {
        let (server, trust) = (settings.server.clone(), &settings.trust);
        let loopback = server.is_loopback();
        let connector =
            Connector::new(runtime.clone(), server, trust).map_err(DaemonError::Trust)?;
        let now = runtime.now();
        let from_file = matches!(settings.source, Source::File(_));
        let opening = match (&settings.key, from_file) {
            (_, true) => Opening::Open,
            (Some(_), false) => Opening::Key,
            (None, false) => Opening::Voice,
        };
        let gate = Gate::new(opening, settings.threshold);
        let speaking = Speaking::new(settings.stages(), gate).map_err(DaemonError::Codec)?;
        let hearing = Hearing::default();
        if let Some(folder) = &settings.record {
            let recorder = Recorder::new(folder);
            let failed = |error| DaemonError::Record(folder.clone(), error);
            hearing.record(recorder.map_err(failed)?);
        }
        let mut room = Room::new(runtime.seed(), now);
        if let Some(token) = &settings.token {
            room.set_token(token.clone(), now);
        }
        room.connect(now);
        room.unanswered(now);
        let incoming = async_channel::bounded(INCOMING);
        let clock = Clock::new(time::Instant::now(), now);
        let mut daemon = Self {
            network: Network::new(runtime.clone(), incoming.0.clone(), loopback),
            streams: Streams::new(runtime.clone(), settings.trust.clone(), incoming.0.clone()),
            connector: Arc::new(connector),
            room,
            mesh: Mesh::new(clock, now),
            clients: Clients::default(),
            answers: None,
            tests: None,
            was_used: false,
            since: now,
            hearing,
            speaking,
            key: ipc::Gate::Voice,
            muted: false,
            deafened: false,
            input: None,
            is_microphone_lost: false,
            output: None,
            incoming,
            sent: async_channel::bounded(INCOMING),
            happened: async_channel::bounded(INCOMING),
            has_relay: false,
            lookup: Arc::default(),
            servers: Vec::new(),
            unknown_hosts: BTreeSet::new(),
            link: None,
            links: 0,
            user: None,
            spoke: BTreeSet::new(),
            told: None,
            sending: false,
            loudest: 0,
            loudest_logged: 0,
            meters: false,
            looked: now,
            judged: now,
            searched: now,
            stopping: false,
            runtime,
            settings,
        };
        daemon.mesh.set_relay_only(daemon.settings.relay_only);
        if let (Some(binding), false) = (daemon.settings.key, from_file) {
            daemon.key = key::asked(binding);
            let (choice, tell) = (daemon.settings.key_choice, daemon.incoming.0.clone());
            daemon.runtime.spawn(key::watch(binding, choice, tell));
        }
        // A file that cannot be played is said at once, and not when it is too late.
        if from_file {
            daemon.open_input().map_err(DaemonError::Source)?;
            daemon.input = None;
            daemon.speaking.clear();
        }
        Ok(daemon)
    }
}
