//! The loop that owns an engine: it hands in what happened, and carries out what comes out, in order.
//!
//! Each turn takes in what is waiting, within a budget, makes all changes durable in one batch, and only then sends
//! and reports. What must be durable before something is sent is thereby never late.

use std::pin::pin;
use std::sync::Arc;

use async_channel::{Receiver, Sender};
use dialtone_protocol::Machine;
use dialtone_protocol::client::{
    CallId, Change, Client, Event, HttpAnswer, Input, Output, Transmit,
};
use dialtone_protocol::runtime::{Observer, Runtime};
use dialtone_protocol::time::{Instant, UnixMillis};
use futures_util::FutureExt;
use futures_util::future::{Either, select};

use super::http::{Answer, Caller};
use super::{Connector, LinkError, ws};
use crate::store::{Store, StoreError};

/// How much is taken in before its outputs are carried out: enough to share one write to the disk, and little
/// enough that nobody waits long.
const TURN_BUDGET: usize = 256;

/// How much from the network waits for the loop. The tasks that read stop at it, and with them the server.
const INCOMING: usize = 512;

/// How far the wall clock may run from the monotonic one between two turns before the engine is told.
const CLOCK_TOLERANCE_MS: u64 = 1000;

/// What somebody wants of the engine. What it gives back runs once the changes it made are durable.
pub(crate) type Visit = Box<dyn FnOnce(&mut Client, Instant) -> Box<dyn FnOnce() + Send> + Send>;

/// What the loop tells whoever looks at the account.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Report {
    /// The engine's word.
    Event(Event),
    /// Why the way to the server failed, in detail. The engine decides what follows from it.
    Trouble(LinkError),
    /// Nothing can be made durable any more. The loop has ended: this is the last report.
    Failed(StoreError),
}

/// The loop and what it works with.
pub(crate) struct Drive<R: Runtime> {
    runtime: R,
    client: Client,
    store: Arc<Store>,
    connector: Arc<Connector<R>>,
    caller: Arc<Caller<R>>,
    visits: Receiver<Visit>,
    reports: Sender<Report>,
    observer: Observer<Output>,
    incoming: (Sender<Incoming>, Receiver<Incoming>),
    socket: Option<Socket>,
    sockets_opened: u64,
    /// When the two clocks were last compared, by both of them.
    compared: (Instant, UnixMillis),
}

/// The socket that is open or being opened. What an older one still reports is ignored.
struct Socket {
    number: u64,
    frames: Sender<String>,
}

/// What the tasks around the loop bring.
enum Incoming {
    Answer {
        id: CallId,
        result: Result<Answer, LinkError>,
    },
    Socket {
        number: u64,
        happened: ws::Happened,
    },
}

/// Why the loop woke.
enum Wake {
    Abandoned,
    Incoming(Incoming),
    Timeout,
    Visit(Visit),
}

impl<R: Runtime> Drive<R> {
    pub(crate) fn new(
        client: Client,
        store: Arc<Store>,
        connector: Connector<R>,
        visits: Receiver<Visit>,
        reports: Sender<Report>,
        observer: Observer<Output>,
    ) -> Self {
        let connector = Arc::new(connector);
        let runtime = connector.runtime().clone();
        let compared = (runtime.now(), runtime.unix_millis());
        Self {
            runtime,
            client,
            store,
            caller: Arc::new(Caller::new(Arc::clone(&connector))),
            connector,
            visits,
            reports,
            observer,
            incoming: async_channel::bounded(INCOMING),
            socket: None,
            sockets_opened: 0,
            compared,
        }
    }

    /// Runs until the engine has settled, nobody holds the account any more, or the store fails.
    pub(crate) async fn run(mut self) {
        let mut turn = Turn::default();
        turn.drain(&mut self.client, &self.observer);
        loop {
            let settled = turn.has_settled();
            if let Err(error) = self.carry_out(turn).await {
                self.report(Report::Failed(error)).await;
                return;
            }
            if settled {
                return;
            }
            turn = Turn::default();
            let mut next = Some(self.wait().await);
            self.compare_clocks();
            while let Some(wake) = next {
                match wake {
                    Wake::Abandoned => return,
                    Wake::Incoming(incoming) => self.take_in(incoming).await,
                    Wake::Timeout => {}
                    Wake::Visit(visit) => {
                        turn.replies
                            .push(visit(&mut self.client, self.runtime.now()));
                    }
                }
                turn.drain(&mut self.client, &self.observer);
                // Whether a deadline has passed is the clock's word, not the timer's.
                let now = self.runtime.now();
                if self.client.poll_timeout().is_some_and(|at| at <= now) {
                    self.client.handle_timeout(now);
                    turn.drain(&mut self.client, &self.observer);
                }
                turn.taken += 1;
                next = if turn.taken < TURN_BUDGET {
                    self.already_there()
                } else {
                    None
                };
            }
        }
    }

    /// Tells the engine when somebody set the wall clock, or the machine slept.
    fn compare_clocks(&mut self) {
        let (now, unix) = (self.runtime.now(), self.runtime.unix_millis());
        let expected = self.compared.1.saturating_add(now - self.compared.0);
        if unix.0.abs_diff(expected.0) > CLOCK_TOLERANCE_MS {
            self.client.set_wall_clock(unix, now);
        }
        self.compared = (now, unix);
    }

    /// Waits for the first thing to happen, or for the engine's deadline.
    async fn wait(&self) -> Wake {
        let incoming = pin!(self.incoming.1.recv());
        let visit = pin!(self.visits.recv());
        let happened = select(incoming, visit).map(|first| match first {
            // The loop holds a sender itself, so this channel is never closed.
            Either::Left((incoming, _)) => incoming.map_or(Wake::Timeout, Wake::Incoming),
            Either::Right((visit, _)) => visit.map_or(Wake::Abandoned, Wake::Visit),
        });
        let Some(deadline) = self.client.poll_timeout() else {
            return happened.await;
        };
        let sleep = pin!(self.runtime.sleep_until(deadline));
        match select(pin!(happened), sleep).await {
            Either::Left((wake, _)) => wake,
            Either::Right(((), _)) => Wake::Timeout,
        }
    }

    /// What has happened already. People come before the network.
    fn already_there(&self) -> Option<Wake> {
        if let Ok(visit) = self.visits.try_recv() {
            return Some(Wake::Visit(visit));
        }
        self.incoming.1.try_recv().ok().map(Wake::Incoming)
    }

    async fn take_in(&mut self, incoming: Incoming) {
        let now = self.runtime.now();
        // The engine refuses what it did not ask for or does not wait for any more: nothing is lost by that.
        match incoming {
            Incoming::Answer { id, result } => {
                let result = match &result {
                    Ok(answer) => Ok(HttpAnswer {
                        status: answer.status,
                        body: &answer.body,
                    }),
                    Err(error) => {
                        self.report(Report::Trouble(error.clone())).await;
                        Err(error.failure)
                    }
                };
                let _ = self.client.handle_input(Input::Answer { id, result }, now);
            }
            Incoming::Socket { number, happened } => {
                if self
                    .socket
                    .as_ref()
                    .is_none_or(|socket| socket.number != number)
                {
                    return;
                }
                let _ = match happened {
                    ws::Happened::Opened => self.client.handle_input(Input::SocketOpened, now),
                    ws::Happened::Frame(frame) => self
                        .client
                        .handle_input(Input::Frame(frame.as_bytes()), now),
                    ws::Happened::Closed(error) => {
                        self.socket = None;
                        let reason = error.failure;
                        self.report(Report::Trouble(error)).await;
                        self.client
                            .handle_input(Input::SocketClosed { reason }, now)
                    }
                };
            }
        }
    }

    /// Makes the turn's changes durable, then does the rest of it in order.
    async fn carry_out(&mut self, turn: Turn) -> Result<(), StoreError> {
        if !turn.changes.is_empty() {
            let store = Arc::clone(&self.store);
            let work = move || store.apply(&turn.changes);
            self.runtime.unblock(work).await?;
        }
        for output in turn.rest {
            match output {
                Rest::Transmit(transmit) => self.transmit(transmit),
                Rest::Event(event) => self.report(Report::Event(event)).await,
            }
        }
        for reply in turn.replies {
            reply();
        }
        Ok(())
    }

    fn transmit(&mut self, transmit: Transmit) {
        match transmit {
            Transmit::Call { id, call, token } => {
                let (caller, incoming) = (Arc::clone(&self.caller), self.incoming.0.clone());
                self.runtime.spawn(async move {
                    let result = caller.call(call, token).await;
                    let _ = incoming.send(Incoming::Answer { id, result }).await;
                });
            }
            Transmit::OpenSocket { token } => self.open_socket(token),
            Transmit::Frame(frame) => {
                if let Some(socket) = &self.socket {
                    // Fails only when the socket has ended, which is reported by itself.
                    let _ = socket.frames.try_send(frame);
                }
            }
            // Its writer sends what it has, and says farewell.
            Transmit::CloseSocket => self.socket = None,
            // The enum grows only together with this crate.
            _ => {}
        }
    }

    fn open_socket(&mut self, token: String) {
        self.sockets_opened += 1;
        let number = self.sockets_opened;
        // Not bounded here: the engine bounds what it has on the way.
        let (frames, outgoing) = async_channel::unbounded();
        self.socket = Some(Socket { number, frames });
        let incoming = self.incoming.0.clone();
        let report = move |happened| {
            let incoming = incoming.clone();
            async move {
                let _ = incoming.send(Incoming::Socket { number, happened }).await;
            }
        };
        let connector = Arc::clone(&self.connector);
        self.runtime
            .spawn(ws::run(connector, token, outgoing, report));
    }

    async fn report(&self, report: Report) {
        // Nobody may be looking. The channel is not bounded, so this never waits.
        let _ = self.reports.send(report).await;
    }
}

/// What one turn has to carry out.
#[derive(Default)]
struct Turn {
    taken: usize,
    changes: Vec<Change>,
    rest: Vec<Rest>,
    replies: Vec<Box<dyn FnOnce() + Send>>,
}

enum Rest {
    Event(Event),
    Transmit(Transmit),
}

impl Turn {
    /// Whether the engine is done for good.
    fn has_settled(&self) -> bool {
        let settled = |rest: &Rest| matches!(rest, Rest::Event(Event::Settled));
        self.rest.iter().any(settled)
    }

    /// Takes all outputs of the engine. Changes of one turn become one batch: that makes some of them durable
    /// earlier than the engine asked for, and none later.
    fn drain(&mut self, client: &mut Client, observer: &Observer<Output>) {
        while let Some(output) = client.poll_output() {
            observer.see(&output);
            match output {
                Output::Persist(changes) => self.changes.extend(changes),
                Output::Transmit(transmit) => self.rest.push(Rest::Transmit(transmit)),
                Output::Event(event) => self.rest.push(Rest::Event(event)),
                // The enum grows only together with this crate.
                _ => {}
            }
        }
    }
}
