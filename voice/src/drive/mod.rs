//! The loop of the daemon: it hands the machine of the room, the connections and the sound what happened, and carries
//! out what comes out of them.

mod commands;
mod hearing;
mod key;
mod log;
mod network;
mod outputs;
mod servers;
mod speaking;
mod streams;

use core::fmt;
use core::time::Duration;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::pin::pin;
use std::sync::Arc;
use std::time;

use async_channel::{Receiver, Sender};
use dialtone_client::interrupt::Wish;
use dialtone_client::link::{Connector, Happened as Link, LinkError, Trust, TrustError};
use dialtone_client::server_url::ServerUrl;
use dialtone_protocol::ids::UserId;
use dialtone_protocol::runtime::Runtime;
use dialtone_protocol::voice::ipc;
use dialtone_protocol::voice::room::{Input, PeerId, Room};
use dialtone_protocol::wire::sensitive::Sensitive;
use dialtone_protocol::{Instant, Machine};
use futures_util::FutureExt;
use futures_util::future::{Either, select};

use crate::audio::{CodecError, Gate, Opening, RecentLoss, SendSettings, Sent};
use crate::device::{Happened, Names, Open, Recorder, Sink, Source};
use crate::ipc::{BindError, ClientId, Clients, Heard, Socket};
use crate::media::{Clock, Mesh, Named, Server, SocketId, StreamId};
use crate::ptt::{Binding, Choice};
use hearing::Hearing;
use key::Key;
use network::Network;
use speaking::Speaking;
pub use streams::{Stream, Streams};

/// How much waits for the loop. The tasks that read stop at it.
const INCOMING: usize = 1024;

/// How much is taken in before time is looked at.
const TURN: usize = 64;

/// How often it is looked who speaks, in a room.
const LOOK: Duration = Duration::from_millis(100);

/// How often it is said how good the connections are, and how much gets lost.
const JUDGE: Duration = Duration::from_secs(1);

/// How often it is looked by which addresses this device can be reached.
const ADDRESSES: Duration = Duration::from_secs(1);

/// How long a daemon that ends with its client waits for it to come.
const CLIENT_COMES: Duration = Duration::from_secs(30);

/// How long farewells may take.
const FAREWELL: Duration = Duration::from_millis(300);

/// How the daemon is set up.
#[derive(Debug)]
#[non_exhaustive]
pub struct Settings {
    /// The server.
    pub server: ServerUrl,
    /// Whose word counts for the server's certificate.
    pub trust: Trust,
    /// The token for the server; without one it is asked of the client.
    pub token: Option<Sensitive>,
    /// Where commands come in.
    pub socket: PathBuf,
    /// Where sound comes from.
    pub source: Source,
    /// Where sound goes to.
    pub sink: Sink,
    /// Where each speaker is recorded.
    pub record: Option<PathBuf>,
    /// From which level on sound counts as speech.
    pub threshold: u32,
    /// Take what the loudspeaker plays out of what the microphone hears.
    pub cancel_echo: bool,
    /// The key to talk, if one is wanted.
    pub key: Option<Binding>,
    /// Who watches that key.
    pub key_choice: Choice,
    /// STUN servers that are used in place of those that the server names.
    pub stun: Vec<Named>,
    /// TURN servers that are used in place of those that the server names.
    pub turn: Vec<Named>,
    /// Reach others through relays alone, so that they do not learn this device's address.
    pub relay_only: bool,
    /// End when the last client is gone.
    pub ends_with_client: bool,
    /// Say once a second what the microphone hears, on standard error.
    pub meter: bool,
}

impl Settings {
    /// What has a default.
    #[must_use]
    pub fn new(server: ServerUrl, socket: PathBuf) -> Self {
        Self {
            server,
            trust: Trust::System,
            token: None,
            socket,
            source: Source::System,
            sink: Sink::System,
            record: None,
            threshold: DEFAULT_THRESHOLD,
            cancel_echo: true,
            key: None,
            key_choice: Choice::Auto,
            stun: Vec::new(),
            turn: Vec::new(),
            relay_only: false,
            ends_with_client: false,
            meter: false,
        }
    }
}

/// From which level on sound counts as speech: the original's figure.
pub const DEFAULT_THRESHOLD: u32 = 500;

/// Why the daemon does not run.
#[derive(Debug)]
#[non_exhaustive]
pub enum DaemonError {
    /// The socket for commands cannot be opened.
    Bind(BindError),
    /// What is trusted cannot be read.
    Trust(TrustError),
    /// Opus cannot be set up.
    Codec(CodecError),
    /// Speakers cannot be recorded there.
    Record(PathBuf, std::io::Error),
    /// The file cannot be played.
    Source(std::io::Error),
}

impl fmt::Display for DaemonError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bind(error) => error.fmt(f),
            Self::Trust(error) => error.fmt(f),
            Self::Codec(error) => error.fmt(f),
            Self::Record(path, error) => write!(f, "{}: {error}", path.display()),
            Self::Source(error) => error.fmt(f),
        }
    }
}

impl core::error::Error for DaemonError {}

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
    Servers(Vec<Server>),
    Stream(StreamId, Stream),
    Key(Key),
}

impl From<(StreamId, Stream)> for Incoming {
    fn from((id, stream): (StreamId, Stream)) -> Self {
        Self::Stream(id, stream)
    }
}

/// Why the loop woke.
enum Wake {
    Client(ClientId, Heard),
    Device(Happened),
    Incoming(Incoming),
    Sent(Sent),
    Stop,
    Timeout,
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
    output: Option<Open>,
    incoming: (Sender<Incoming>, Receiver<Incoming>),
    sent: (Sender<Sent>, Receiver<Sent>),
    happened: (Sender<Happened>, Receiver<Happened>),
    link: Option<(u64, Sender<String>)>,
    links: u64,
    /// The user of this daemon, as a client or the log says.
    user: Option<UserId>,
    /// Who was said to speak.
    spoke: BTreeMap<UserId, ()>,
    /// How much of each connection's sound gets lost.
    losses: BTreeMap<PeerId, RecentLoss>,
    /// The connections that were said to be stalled.
    stalled: Vec<PeerId>,
    /// Whether this device is sending, and how loud it was since that was said.
    sending: bool,
    loudest: u32,
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
        let mut stages = match from_file {
            true => SendSettings::as_it_is(),
            false => SendSettings::default(),
        };
        stages.cancel_echo &= settings.cancel_echo;
        let gate = Gate::new(opening, settings.threshold);
        let speaking = Speaking::new(stages, gate).map_err(DaemonError::Codec)?;
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
            was_used: false,
            since: now,
            hearing,
            speaking,
            key: ipc::Gate::Voice,
            muted: false,
            deafened: false,
            input: None,
            output: None,
            incoming,
            sent: async_channel::bounded(INCOMING),
            happened: async_channel::bounded(INCOMING),
            link: None,
            links: 0,
            user: None,
            spoke: BTreeMap::new(),
            losses: BTreeMap::new(),
            stalled: Vec::new(),
            sending: false,
            loudest: 0,
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

    async fn run(&mut self, socket: &Socket, wish: &Wish) {
        self.carry_out().await;
        while !self.stopping {
            let wake = self.wait(socket, wish).await;
            self.take(wake);
            for _ in 0..TURN {
                match self.already_there(socket) {
                    Some(wake) => self.take(wake),
                    None => break,
                }
            }
            self.pass_time();
            self.carry_out().await;
            self.look_at_addresses().await;
        }
        self.say_farewell().await;
    }

    async fn wait(&self, socket: &Socket, wish: &Wish) -> Wake {
        let client = socket.heard().recv().map(|heard| match heard {
            Ok((id, heard)) => Wake::Client(id, heard),
            Err(_) => Wake::Stop,
        });
        let incoming = self.incoming.1.recv();
        let incoming = incoming.map(|it| it.map_or(Wake::Timeout, Wake::Incoming));
        let sent = self.sent.1.recv();
        let sent = sent.map(|it| it.map_or(Wake::Timeout, Wake::Sent));
        let device = self.happened.1.recv();
        let device = device.map(|it| it.map_or(Wake::Timeout, Wake::Device));
        let stop = wish.comes().map(|()| Wake::Stop);
        let sleep = self.runtime.sleep_until(self.due()).map(|()| Wake::Timeout);
        let network = first(incoming, sent);
        let people = first(client, device);
        first(first(network, people), first(stop, sleep)).await
    }

    /// What has happened already. Sound comes before all else.
    fn already_there(&self, socket: &Socket) -> Option<Wake> {
        if let Ok(sent) = self.sent.1.try_recv() {
            return Some(Wake::Sent(sent));
        }
        if let Ok(incoming) = self.incoming.1.try_recv() {
            return Some(Wake::Incoming(incoming));
        }
        let (id, heard) = socket.heard().try_recv().ok()?;
        Some(Wake::Client(id, heard))
    }

    /// When to wake at the latest.
    fn due(&self) -> Instant {
        let now = self.runtime.now();
        let own = match (self.is_busy(), self.was_used) {
            (true, _) => Some(self.looked + LOOK),
            (false, false) if self.settings.ends_with_client => Some(self.since + CLIENT_COMES),
            (false, _) => None,
        };
        let machines = [self.room.poll_timeout(), self.mesh.poll_timeout()];
        let due = machines.into_iter().flatten().chain(own).min();
        due.unwrap_or(now + Duration::from_secs(60))
    }

    /// Whether sound is on.
    fn is_busy(&self) -> bool {
        self.input.is_some() || self.output.is_some()
    }

    fn take(&mut self, wake: Wake) {
        let now = self.runtime.now();
        match wake {
            Wake::Client(id, heard) => self.client(id, heard),
            Wake::Device(happened) => self.device(&happened),
            Wake::Incoming(Incoming::Datagram {
                socket,
                from,
                bytes,
            }) => self.mesh.datagram(socket, from, &bytes, now),
            Wake::Incoming(Incoming::Link { number, happened }) => {
                if self.link.as_ref().is_some_and(|(it, _)| *it == number) {
                    self.link_happened(happened);
                }
            }
            Wake::Incoming(Incoming::Servers(servers)) => self.mesh.set_servers(servers, now),
            Wake::Incoming(Incoming::Stream(id, stream)) => self.stream(id, stream),
            Wake::Incoming(Incoming::Key(key)) => self.key(key),
            Wake::Incoming(Incoming::Names(client, names)) => self.say_devices(client, names),
            Wake::Sent(sent) => self.send(&sent),
            Wake::Stop => self.stopping = true,
            Wake::Timeout => {}
        }
    }

    fn link_happened(&mut self, happened: Link) {
        let now = self.runtime.now();
        // The machine passes over what it does not wait for.
        let _ = match happened {
            Link::Opened => self.room.handle_input(Input::SocketOpened, now),
            Link::Frame(frame) => self.room.handle_input(Input::Frame(frame.as_bytes()), now),
            Link::Closed(error) => {
                self.link = None;
                let status = status(&error);
                self.room.handle_input(Input::SocketClosed { status }, now)
            }
            _ => Ok(()),
        };
    }

    fn send(&mut self, sent: &Sent) {
        let now = self.runtime.now();
        if self.room.room().is_some() {
            for frame in &sent.frames {
                self.mesh
                    .send(&frame.payload, frame.time, frame.marker, now);
            }
        }
        self.loudest = self.loudest.max(sent.level);
        self.note_sending(sent.sending && !self.speaking.is_testing());
    }

    fn device(&mut self, happened: &Happened) {
        match happened {
            Happened::Trouble { end, what } => {
                let what = format!("the {end} cannot be used: {what}; it is tried again");
                self.tell_all(&ipc::Event::Error { error: what });
            }
            Happened::Opened(_) => self.say_state(),
            Happened::Ended => {
                let what = "the file is at its end".to_owned();
                self.tell_all(&ipc::Event::Info { error: what });
            }
        }
    }

    fn key(&mut self, key: Key) {
        match key {
            Key::Held(held) => self.hold(held),
            Key::Gate(gate) => {
                self.hold(false);
                self.key = gate;
                self.say_state();
            }
        }
    }

    fn pass_time(&mut self) {
        let now = self.runtime.now();
        if self.room.poll_timeout().is_some_and(|at| at <= now) {
            self.room.handle_timeout(now);
        }
        if self.mesh.poll_timeout().is_some_and(|at| at <= now) {
            self.mesh.handle_timeout(now);
        }
        if self.is_busy() && now >= self.looked + LOOK {
            self.looked = now;
            self.say_who_speaks(now);
            if now >= self.judged + JUDGE {
                self.judged = now;
                self.judge();
            }
        }
        let alone = self.clients.is_empty();
        let waited = self.was_used || now >= self.since + CLIENT_COMES;
        if self.settings.ends_with_client && alone && waited {
            self.stopping = true;
        }
    }

    /// Addresses come and go: another network, a cable, a tunnel.
    async fn look_at_addresses(&mut self) {
        let now = self.runtime.now();
        if self.room.room().is_none() || now < self.searched + ADDRESSES {
            return;
        }
        self.searched = now;
        if self.find_addresses().await {
            let _ = self.room.handle_input(Input::NetworkChanged, now);
            self.carry_out().await;
        }
    }

    /// Answers whether anything changed.
    async fn find_addresses(&mut self) -> bool {
        let Ok(changes) = self.network.look().await else {
            return false;
        };
        let now = self.runtime.now();
        let changed = !changes.new.is_empty() || !changes.gone.is_empty();
        for id in changes.gone {
            self.mesh.remove_socket(id, now);
        }
        for (id, address) in changes.new {
            self.mesh.add_socket(id, address, now);
        }
        changed
    }

    async fn say_farewell(&mut self) {
        self.room.close(self.runtime.now());
        self.carry_out().await;
        self.input = None;
        self.output = None;
        // The writer of the link sends what it has.
        self.link = None;
        self.runtime
            .sleep_until(self.runtime.now() + FAREWELL)
            .await;
    }
}

/// What comes first.
async fn first<T>(one: impl Future<Output = T>, other: impl Future<Output = T>) -> T {
    match select(pin!(one), pin!(other)).await {
        Either::Left((it, _)) | Either::Right((it, _)) => it,
    }
}

const fn status(error: &LinkError) -> Option<u16> {
    match error.failure {
        dialtone_protocol::client::LinkFailure::Refused(status) => Some(status),
        _ => None,
    }
}
