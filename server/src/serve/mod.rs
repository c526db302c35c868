//! The driver loops of the server, generic over the runtime.
//!
//! ```text
//! accept -> (TLS) -> hyper -> tide -> hub task <-> write task, read tasks, work tasks
//!                      |                 |
//!                      +-- /ws ------> socket
//! ```

mod accept;
mod app;
mod batched;
mod body;
mod client;
mod http;
mod hub;
mod socket;
mod storing;
mod stream;
mod timer;
mod tls;
mod upgrade;

use std::fmt;
use std::net::SocketAddr;
use std::num::NonZero;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use async_channel::{Receiver, Sender};
use dialtone_protocol::hub::{Config, ConnId, Hub, HubFailure, Output};
use dialtone_protocol::runtime::{Listener, Observer, Runtime};
use futures_util::future::{Either, select};
use tracing::info;

use crate::metrics::Metrics;
use crate::settings::TlsFiles;
use crate::store::Store;
use app::App;
use body::Bodies;
use hub::{Event, HubHandle, Outlets};

/// How long connections have to end when the server stops (the original's time).
const STOP_WAIT: Duration = Duration::from_secs(10);

/// What a server is made of.
#[derive(Debug)]
pub struct Setup {
    /// Where to listen.
    pub listen: SocketAddr,
    /// Certificate and key, to speak TLS.
    pub tls: Option<TlsFiles>,
    /// The settings of the hub.
    pub config: Config,
    /// The store, opened in this runtime.
    pub store: Arc<dyn Store>,
    /// How much is computed at a time.
    pub cores: NonZero<usize>,
    /// Sees every output of the hub.
    pub observer: Observer<Output>,
}

/// Why a server cannot start, or ends before it was told to.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ServeError {
    /// The hub cannot go on.
    Hub(HubFailure),
    /// The address cannot be listened at.
    Listen(SocketAddr, String),
    /// Certificate or key cannot be used.
    Tls(String),
}

impl fmt::Display for ServeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Hub(HubFailure::Log { index }) => write!(
                f,
                "entry {index} of the stored log does not follow from those before it"
            ),
            Self::Hub(HubFailure::Store(error)) => error.fmt(f),
            Self::Hub(_) => f.write_str("the hub cannot go on"),
            Self::Listen(at, why) => write!(f, "cannot listen at {at}: {why}"),
            Self::Tls(why) => f.write_str(why),
        }
    }
}

impl std::error::Error for ServeError {}

/// What every connection needs. Cheap to clone.
#[derive(Debug)]
struct Gate<R> {
    runtime: R,
    hub: HubHandle,
    app: Arc<tide::Server<App>>,
    connections: Arc<AtomicU64>,
    bodies: Bodies,
    /// Dropped with the last connection: then the server may end.
    alive: Sender<()>,
}

impl<R: Clone> Clone for Gate<R> {
    fn clone(&self) -> Self {
        Self {
            runtime: self.runtime.clone(),
            hub: self.hub.clone(),
            app: Arc::clone(&self.app),
            connections: Arc::clone(&self.connections),
            bodies: self.bodies.clone(),
            alive: self.alive.clone(),
        }
    }
}

impl<R> Gate<R> {
    fn next_conn(&self) -> ConnId {
        ConnId(self.connections.fetch_add(1, Ordering::Relaxed))
    }
}

/// Serves until `stop` says something or closes. Calls `listening` once, when requests are served.
///
/// # Errors
///
/// When it cannot start, or the hub fails.
pub async fn serve<R: Runtime>(
    runtime: R,
    setup: Setup,
    listening: impl FnOnce(SocketAddr),
    stop: Receiver<()>,
) -> Result<(), ServeError> {
    let refused = |error: std::io::Error| ServeError::Listen(setup.listen, error.to_string());
    let tls = setup.tls.as_ref().map(tls::acceptor).transpose()?;
    let listener = runtime.listen(setup.listen).await.map_err(refused)?;
    let address = listener.local_addr().map_err(refused)?;

    let metrics = Arc::new(Metrics::new());
    let (hub, ready) = Running::start(&runtime, &setup, &metrics);
    let mut failure = pin!(hub.failure.recv());
    match select(pin!(ready.recv()), &mut failure).await {
        Either::Left(_) => {}
        Either::Right((failure, _)) => return Err(failed(failure)),
    }

    let app = App {
        hub: hub.handle.clone(),
        metrics,
    };
    let (alive, all_gone) = async_channel::bounded::<()>(1);
    let gate = Gate {
        runtime: runtime.clone(),
        hub: hub.handle.clone(),
        app: Arc::new(app::routes(app)),
        connections: Arc::default(),
        bodies: Bodies::default(),
        alive,
    };
    let (stopping, stopped) = async_channel::bounded::<()>(1);
    runtime.spawn(accept::accept(gate, listener, tls, stopped));
    listening(address);

    if let Either::Right((failure, _)) = select(pin!(stop.recv()), &mut failure).await {
        return Err(failed(failure));
    }
    // Who says it again is not heard, and finds that out.
    stop.close();
    info!("stopping");
    drop(stopping);
    hub.handle.tell(Event::Stop).await;
    let late = runtime.sleep_until(runtime.now() + STOP_WAIT);
    select(pin!(all_gone.recv()), pin!(late)).await;
    hub.handle.tell(Event::End).await;
    // Everything that was taken in is written.
    let written = hub.written.recv().await;
    debug_assert!(written.is_err(), "nothing is ever sent");
    setup.store.close().await;
    Ok(())
}

fn failed(failure: Result<HubFailure, async_channel::RecvError>) -> ServeError {
    ServeError::Hub(failure.unwrap_or(HubFailure::Store(
        dialtone_protocol::hub::store::StoreError::Unavailable,
    )))
}

/// The tasks behind the connections.
struct Running {
    handle: HubHandle,
    /// Says why the hub failed, if it does.
    failure: Receiver<HubFailure>,
    /// Closes when the store task has ended.
    written: Receiver<()>,
}

impl Running {
    /// Starts them; the second answer says when the hub has read its store.
    fn start<R: Runtime>(
        runtime: &R,
        setup: &Setup,
        metrics: &Arc<Metrics>,
    ) -> (Self, Receiver<()>) {
        let (handle, queues) = HubHandle::new();
        let (to_read, reads) = async_channel::unbounded();
        let (to_write, writes) = async_channel::unbounded();
        let (to_hash, passwords) = async_channel::unbounded();
        let (to_judge, appends) = async_channel::unbounded();
        let (is_ready, ready) = async_channel::bounded(1);
        let (fails, failure) = async_channel::bounded(1);
        let (writing, written) = async_channel::bounded(1);

        let write = storing::write(
            runtime.clone(),
            Arc::clone(&setup.store),
            writes,
            handle.clone(),
            Arc::clone(metrics),
        );
        runtime.spawn(async move {
            write.await;
            drop(writing);
        });
        storing::read(runtime, &setup.store, &reads, &handle, metrics);
        let hashing = storing::passwords_at_a_time(setup.cores);
        storing::work(runtime, hashing, &passwords, &handle);
        // The hub judges one append after the other.
        storing::work(runtime, 1, &appends, &handle);

        let engine = Hub::new(
            setup.config.clone(),
            runtime.seed(),
            runtime.now(),
            runtime.unix_millis(),
        );
        let outlets = Outlets {
            reads: to_read,
            writes: to_write,
            passwords: to_hash,
            appends: to_judge,
            ready: is_ready,
            metrics: Arc::clone(metrics),
            observer: setup.observer.clone(),
        };
        let driving = hub::drive(runtime.clone(), engine, queues, outlets);
        runtime.spawn(async move {
            match driving.await {
                // Kept open until the server ends: a closed channel would look like a failure.
                Ok(()) => std::future::pending().await,
                Err(reason) => {
                    if fails.send(reason).await.is_err() {
                        info!("the hub failed after the server");
                    }
                }
            }
        });
        let running = Self {
            handle,
            failure,
            written,
        };
        (running, ready)
    }
}
