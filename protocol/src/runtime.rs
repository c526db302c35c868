//! The port between the drivers and the runtime under them. Implementations live in crates of their own.
//!
//! This is the only place of the crate where a `Future` appears: the engines never see one.

use core::fmt;
use core::future::Future;
use core::net::SocketAddr;
use std::io;
use std::sync::Arc;

use futures_io::{AsyncRead, AsyncWrite};

use crate::time::{Instant, UnixMillis};

/// What a driver needs of a runtime: time, seeds, tasks, blocking work and the network.
pub trait Runtime: Clone + Send + Sync + 'static {
    /// Ends at a point in time. Shareable, since hyper keeps it inside its connections.
    type Sleep: Future<Output = ()> + Send + Sync + 'static;
    /// A TCP connection.
    type Stream: AsyncRead + AsyncWrite + Send + Unpin + 'static;
    /// A listening TCP socket.
    type Listener: Listener<Stream = Self::Stream>;
    /// A bound UDP socket.
    type Udp: Udp;

    /// The monotonic clock.
    fn now(&self) -> Instant;

    /// The wall clock.
    fn unix_millis(&self) -> UnixMillis;

    /// Fresh randomness for one engine.
    fn seed(&self) -> [u8; 32];

    /// Runs a task until it ends.
    fn spawn(&self, task: impl Future<Output = ()> + Send + 'static);

    /// Waits until `at`.
    fn sleep_until(&self, at: Instant) -> Self::Sleep;

    /// Runs work that blocks or computes for long on a pool of threads made for it.
    fn unblock<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> impl Future<Output = T> + Send;

    /// Opens a TCP connection with `TCP_NODELAY`.
    fn connect(&self, to: SocketAddr) -> impl Future<Output = io::Result<Self::Stream>> + Send;

    /// Listens for TCP connections.
    fn listen(&self, on: SocketAddr) -> impl Future<Output = io::Result<Self::Listener>> + Send;

    /// Binds a UDP socket.
    fn bind_udp(&self, on: SocketAddr) -> impl Future<Output = io::Result<Self::Udp>> + Send;
}

/// A listening TCP socket.
pub trait Listener: Send + Sync + 'static {
    /// What is accepted.
    type Stream;

    /// Waits for the next connection, which has `TCP_NODELAY` set.
    fn accept(&self) -> impl Future<Output = io::Result<(Self::Stream, SocketAddr)>> + Send;

    /// Where it listens.
    ///
    /// # Errors
    ///
    /// When the system cannot say.
    fn local_addr(&self) -> io::Result<SocketAddr>;
}

/// A bound UDP socket.
pub trait Udp: Send + Sync + 'static {
    /// Receives one datagram into `buffer`.
    fn recv_from(
        &self,
        buffer: &mut [u8],
    ) -> impl Future<Output = io::Result<(usize, SocketAddr)>> + Send;

    /// Sends one datagram.
    fn send_to(
        &self,
        bytes: &[u8],
        to: SocketAddr,
    ) -> impl Future<Output = io::Result<usize>> + Send;

    /// Where it is bound.
    ///
    /// # Errors
    ///
    /// When the system cannot say.
    fn local_addr(&self) -> io::Result<SocketAddr>;
}

/// Sees every output of an engine, in order, before its driver carries it out. By default nobody does.
///
/// For tests that compare what engines do under different runtimes.
#[expect(clippy::type_complexity, reason = "it is this type that names it")]
pub struct Observer<O>(Option<Arc<dyn Fn(&O) + Send + Sync>>);

impl<O> Observer<O> {
    /// Calls `see` with every output.
    pub fn new(see: impl Fn(&O) + Send + Sync + 'static) -> Self {
        Self(Some(Arc::new(see)))
    }

    /// Called by drivers, once for each output.
    pub fn see(&self, output: &O) {
        if let Some(see) = &self.0 {
            see(output);
        }
    }
}

impl<O> Clone for Observer<O> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<O> Default for Observer<O> {
    fn default() -> Self {
        Self(None)
    }
}

impl<O> fmt::Debug for Observer<O> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Observer").field(&self.0.is_some()).finish()
    }
}
