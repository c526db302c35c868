//! The one task that owns the hub: what happened goes in, what is to be done comes out.

use std::collections::HashMap;
use std::mem;
use std::net::IpAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use async_channel::{Receiver, Sender};
use async_tungstenite::tungstenite::{Message, Utf8Bytes};
use dialtone_protocol::Machine;
use dialtone_protocol::hub::store::{Answer, Op, StoreError};
use dialtone_protocol::hub::{
    ConnId, Hub, HubFailure, Input, LogEvent, OpId, Output, RequestId, SessionKey, Work,
    WorkAnswer, WorkId,
};
use dialtone_protocol::runtime::{Observer, Runtime};
use dialtone_protocol::time::Instant;
use dialtone_protocol::wire::http::{Request, Response};
use futures_util::future::{Either, select};
use tracing::{debug, error, warn};

use crate::metrics::Metrics;

/// What waits for the hub.
const QUEUE: usize = 1024;

/// What of the sockets waits for the hub. Their readers wait when it is full, so that a flood slows down its senders.
const SOCKET_QUEUE: usize = 64;

/// How often the hub hears what the wall clock says: it may be set while the server runs.
const WALL_CLOCK_EVERY: Duration = Duration::from_secs(30);

/// Events that are taken in before what came of them is sent: a connection is woken once for all of it.
const AT_A_TIME: usize = 32;

/// Something that happened.
#[derive(Debug)]
pub(crate) enum Event {
    Closed(ConnId),
    Connected {
        conn: ConnId,
        session: SessionKey,
        outgoing: Sender<Vec<Outgoing>>,
    },
    /// The server has stopped: nothing else happens.
    End,
    Flushed {
        conn: ConnId,
        bytes: usize,
    },
    Frame {
        conn: ConnId,
        message: Message,
    },
    Request {
        call: Request,
        auth: Option<String>,
        admin_token: Option<String>,
        peer: Option<IpAddr>,
        reply: Sender<Reply>,
    },
    /// The server stops: say goodbye to every connection.
    Stop,
    /// Operations were carried out: a group of writes together, so that what follows from them goes out together.
    Stored(Vec<(OpId, Result<Answer, StoreError>)>),
    Worked {
        id: WorkId,
        result: WorkAnswer,
    },
}

/// What a request came to.
#[derive(Debug)]
pub(crate) enum Reply {
    /// Upgrade to a WebSocket.
    Accept(SessionKey),
    /// Answer.
    Respond(Response),
}

/// What a connection is to send.
#[derive(Clone, Debug)]
pub(crate) enum Outgoing {
    Close { code: u16, reason: &'static str },
    Frame(Utf8Bytes),
}

/// What every connection is told when the server stops.
const GOODBYE: Outgoing = Outgoing::Close {
    code: 1001,
    reason: "the server stops",
};

/// The way to the hub.
#[derive(Clone, Debug)]
pub(crate) struct HubHandle {
    events: Sender<Event>,
    sockets: Sender<Event>,
}

/// What waits for the hub, in two queues: what comes in on sockets waits longer while the hub wants no frames.
#[derive(Debug)]
pub(crate) struct Queues {
    events: Receiver<Event>,
    sockets: Receiver<Event>,
}

impl Queues {
    /// The next event; none when nobody is left to tell of any.
    async fn next(&self, paused: bool) -> Option<Event> {
        if paused {
            return self.events.recv().await.ok();
        }
        match select(pin!(self.events.recv()), pin!(self.sockets.recv())).await {
            Either::Left((event, _)) | Either::Right((event, _)) => event.ok(),
        }
    }
}

impl HubHandle {
    pub(crate) fn new() -> (Self, Queues) {
        let (to_events, events) = async_channel::bounded(QUEUE);
        let (to_sockets, sockets) = async_channel::bounded(SOCKET_QUEUE);
        let handle = Self {
            events: to_events,
            sockets: to_sockets,
        };
        (handle, Queues { events, sockets })
    }

    /// Says what happened. After the hub has ended, nobody hears it.
    pub(crate) async fn tell(&self, event: Event) {
        if self.events.send(event).await.is_err() {
            debug!("the hub has ended");
        }
    }

    /// Says what came in on a socket: its start, its frames and its end, in their order.
    pub(crate) async fn hear(&self, event: Event) {
        if self.sockets.send(event).await.is_err() {
            debug!("the hub has ended");
        }
    }

    /// Asks the hub to serve a request. Nothing comes back when the hub has ended.
    pub(crate) async fn ask(
        &self,
        call: Request,
        auth: Option<String>,
        admin_token: Option<String>,
        peer: Option<IpAddr>,
    ) -> Option<Reply> {
        let (reply, answer) = async_channel::bounded(1);
        self.tell(Event::Request {
            call,
            auth,
            admin_token,
            peer,
            reply,
        })
        .await;
        answer.recv().await.ok()
    }
}

/// Where the hub's outputs go.
#[derive(Debug)]
pub(crate) struct Outlets {
    pub(crate) reads: Sender<(OpId, Op)>,
    pub(crate) writes: Sender<(OpId, Op)>,
    pub(crate) passwords: Sender<(WorkId, Work)>,
    /// Work of the log: it waits for no passwords.
    pub(crate) appends: Sender<(WorkId, Work)>,
    /// Told once, when requests are served.
    pub(crate) ready: Sender<()>,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) observer: Observer<Output>,
}

/// Drives the hub until [`Event::End`], or until it fails.
pub(crate) async fn drive<R: Runtime>(
    runtime: R,
    hub: Hub,
    queues: Queues,
    outlets: Outlets,
) -> Result<(), HubFailure> {
    let mut driver = Driver {
        hub,
        outlets,
        connections: HashMap::new(),
        unsent: Vec::new(),
        requests: HashMap::new(),
        last_request: 0,
        paused: false,
        stopping: false,
        ended: false,
    };
    driver.take(Input::Started, runtime.now());
    driver.carry_out()?;
    let mut wall_clock_at = runtime.now() + WALL_CLOCK_EVERY;
    while !driver.ended {
        let deadline = driver.hub.poll_timeout();
        let wake = deadline.map_or(wall_clock_at, |deadline| deadline.min(wall_clock_at));
        let next = pin!(queues.next(driver.paused));
        match select(next, pin!(runtime.sleep_until(wake))).await {
            Either::Left((Some(event), _)) => {
                driver.happened(event, runtime.now())?;
                // What is there already needs no timer, but a flood must not keep the clocks from being read.
                for _ in 0..AT_A_TIME {
                    if !driver.take_waiting(&queues, runtime.now())? {
                        break;
                    }
                }
                driver.send_off();
            }
            Either::Left((None, _)) => return Ok(()),
            Either::Right(_) => {}
        }
        let now = runtime.now();
        if now >= wall_clock_at {
            driver.hub.set_wall_clock(runtime.unix_millis(), now);
            wall_clock_at = now + WALL_CLOCK_EVERY;
        }
        if driver.hub.poll_timeout().is_some_and(|at| at <= now) {
            driver.hub.handle_timeout(now);
            driver.carry_out()?;
            driver.send_off();
        }
    }
    Ok(())
}

struct Driver {
    hub: Hub,
    outlets: Outlets,
    connections: HashMap<ConnId, Link>,
    /// Connections for which something waits.
    unsent: Vec<ConnId>,
    requests: HashMap<RequestId, Sender<Reply>>,
    last_request: u64,
    /// The hub wants no frames.
    paused: bool,
    stopping: bool,
    ended: bool,
}

/// The way to a connection.
struct Link {
    outgoing: Sender<Vec<Outgoing>>,
    /// What is handed over with [`Driver::send_off`].
    waiting: Vec<Outgoing>,
}

impl Driver {
    /// Takes in one event of each queue, so that neither waits for the other. Answers whether there was any.
    fn take_waiting(&mut self, queues: &Queues, now: Instant) -> Result<bool, HubFailure> {
        let mut any = false;
        if let Ok(event) = queues.events.try_recv() {
            self.happened(event, now)?;
            any = true;
        }
        if !self.paused
            && let Ok(event) = queues.sockets.try_recv()
        {
            self.happened(event, now)?;
            any = true;
        }
        Ok(any)
    }

    /// Takes an event in, and does what comes of it.
    fn happened(&mut self, event: Event, now: Instant) -> Result<(), HubFailure> {
        match event {
            Event::Closed(conn) => {
                self.connections.remove(&conn);
                self.outlets.metrics.connections.dec();
                self.take(Input::Closed { conn }, now);
            }
            Event::Connected {
                conn,
                session,
                outgoing,
            } => {
                self.outlets.metrics.connections.inc();
                let waiting = Vec::new();
                self.connections.insert(conn, Link { outgoing, waiting });
                self.take(Input::Connected { conn, session }, now);
                if self.stopping {
                    self.send(conn, GOODBYE);
                }
            }
            Event::End => self.ended = true,
            Event::Flushed { conn, bytes } => self.take(Input::Flushed { conn, bytes }, now),
            Event::Frame { conn, message } => {
                let bytes = match &message {
                    Message::Text(text) => text.as_bytes(),
                    Message::Binary(bytes) => bytes,
                    // The socket keeps the rest to itself.
                    _ => return Ok(()),
                };
                self.take(Input::Frame { conn, bytes }, now);
            }
            Event::Request {
                call,
                auth,
                admin_token,
                peer,
                reply,
            } => {
                self.last_request += 1;
                let id = RequestId(self.last_request);
                self.requests.insert(id, reply);
                let request = Input::Request {
                    id,
                    call,
                    auth: auth.as_deref(),
                    admin_token: admin_token.as_deref(),
                    peer,
                };
                self.take(request, now);
            }
            Event::Stop => {
                self.stopping = true;
                let all: Vec<ConnId> = self.connections.keys().copied().collect();
                for conn in all {
                    self.send(conn, GOODBYE);
                }
            }
            Event::Stored(answers) => {
                for (id, result) in answers {
                    if let Ok(Answer::Appended {
                        duplicate: false, ..
                    }) = result
                    {
                        self.outlets.metrics.messages.inc();
                    }
                    self.take(Input::Stored { id, result }, now);
                    self.carry_out()?;
                }
            }
            Event::Worked { id, result } => self.take(Input::Worked { id, result }, now),
        }
        self.carry_out()
    }

    fn take(&mut self, input: Input<'_>, now: Instant) {
        if let Err(error) = self.hub.handle_input(input, now) {
            debug!(?error, "the hub refused an input");
        }
    }

    /// Does what the hub wants done, without waiting for any of it.
    fn carry_out(&mut self) -> Result<(), HubFailure> {
        while let Some(output) = self.hub.poll_output() {
            self.outlets.observer.see(&output);
            match output {
                Output::Accept { id, session } => self.reply(id, Reply::Accept(session)),
                Output::Close { conn, code, reason } => {
                    self.send(conn, Outgoing::Close { code, reason });
                }
                Output::Failed(failure) => return Err(failure),
                Output::Log(event) => log(event),
                Output::Pause => self.paused = true,
                Output::Ready => hand_over(&self.outlets.ready, ()),
                Output::Respond { id, response } => self.reply(id, Reply::Respond(response)),
                Output::Resume => self.paused = false,
                Output::Send { to, frame } => self.fan_out(&to, &frame),
                Output::Store { id, op } if op.is_write() => {
                    hand_over(&self.outlets.writes, (id, op));
                }
                Output::Store { id, op } => hand_over(&self.outlets.reads, (id, op)),
                Output::Work { id, work } if work.is_password() => {
                    hand_over(&self.outlets.passwords, (id, work));
                }
                Output::Work { id, work } => hand_over(&self.outlets.appends, (id, work)),
                _ => error!("the hub wants something that this server does not know"),
            }
        }
        Ok(())
    }

    fn reply(&mut self, id: RequestId, reply: Reply) {
        if let Some(waiting) = self.requests.remove(&id) {
            hand_over(&waiting, reply);
        }
    }

    /// Copies the frame once; its receivers share it.
    fn fan_out(&mut self, to: &[ConnId], frame: &str) {
        let frame = Utf8Bytes::from(frame);
        for conn in to {
            self.send(*conn, Outgoing::Frame(frame.clone()));
        }
        self.outlets.metrics.deliveries.inc_by(to.len() as u64);
    }

    /// Keeps something for a connection until the next [`Self::send_off`].
    fn send(&mut self, conn: ConnId, outgoing: Outgoing) {
        if let Some(link) = self.connections.get_mut(&conn) {
            if link.waiting.is_empty() {
                self.unsent.push(conn);
            }
            link.waiting.push(outgoing);
        }
    }

    /// Hands over to each connection all that waits for it.
    fn send_off(&mut self) {
        for conn in self.unsent.drain(..) {
            if let Some(link) = self.connections.get_mut(&conn) {
                hand_over(&link.outgoing, mem::take(&mut link.waiting));
            }
        }
    }
}

/// Puts something into a queue that always has room. Nobody waits for it any more when the receiver is gone.
fn hand_over<T>(to: &Sender<T>, what: T) {
    if to.try_send(what).is_err() {
        debug!("a receiver is gone");
    }
}

fn log(event: LogEvent) {
    match event {
        LogEvent::AnswerUnexpected => error!("the store answered something else than was asked"),
        LogEvent::LoginRefused => debug!("a login was refused"),
        LogEvent::TooManyAttempts => warn!("attempts at logging in come too fast"),
        LogEvent::StoreFailed(failure) => error!(%failure, "the store failed"),
        other => warn!(?other, "the hub noticed something"),
    }
}
