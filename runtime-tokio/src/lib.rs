//! The runtime port of dialtone on tokio: its multi-threaded scheduler, timers and sockets, with the streams turned to
//! the `futures-io` traits that the drivers use.

use std::fmt;
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::num::NonZero;
use std::panic::resume_unwind;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::{SystemTime, UNIX_EPOCH};

use dialtone_protocol::runtime::{Listener, Runtime, Udp};
use dialtone_protocol::time::{Instant, UnixMillis};
use tokio::net::{TcpListener, TcpStream, UdpSocket};
use tokio::runtime::{Builder, Handle};
use tokio_util::compat::{Compat, TokioAsyncReadCompatExt};

/// A handle to the runtime that [`Tokio::run`] started.
#[derive(Clone, Debug)]
pub struct Tokio {
    handle: Handle,
    start: tokio::time::Instant,
}

impl Tokio {
    /// Runs `main` to its end with tasks spread over `threads` threads, then drops the tasks that are left.
    ///
    /// # Errors
    ///
    /// When the system refuses a thread or the means to wait for sockets.
    pub fn run<T, F: Future<Output = T>>(
        threads: NonZero<usize>,
        main: impl FnOnce(Self) -> F,
    ) -> io::Result<T> {
        let runtime = Builder::new_multi_thread()
            .worker_threads(threads.get())
            .enable_all()
            .build()?;
        let handle = Self {
            handle: runtime.handle().clone(),
            start: tokio::time::Instant::now(),
        };
        let end = runtime.block_on(main(handle));
        // Work that blocks for ever, such as a read from a terminal, must not keep the program.
        runtime.shutdown_background();
        Ok(end)
    }
}

impl Runtime for Tokio {
    type Sleep = Sleep;
    type Stream = Compat<TcpStream>;
    type Listener = TokioListener;
    type Udp = TokioUdp;

    fn now(&self) -> Instant {
        let micros = u64::try_from(self.start.elapsed().as_micros()).unwrap_or(u64::MAX);
        Instant::from_micros(micros)
    }

    fn unix_millis(&self) -> UnixMillis {
        let since = SystemTime::now().duration_since(UNIX_EPOCH);
        let millis = since.map_or(0, |since| since.as_millis());
        UnixMillis(u64::try_from(millis).unwrap_or(u64::MAX))
    }

    #[expect(
        clippy::expect_used,
        reason = "without randomness nothing safe can be done"
    )]
    fn seed(&self) -> [u8; 32] {
        let mut seed = [0; 32];
        getrandom::fill(&mut seed).expect("the system has randomness");
        seed
    }

    fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        self.handle.spawn(task);
    }

    fn sleep_until(&self, at: Instant) -> Sleep {
        // A timer is made inside its runtime; the caller may stand outside, as hyper's timers do.
        let _inside = self.handle.enter();
        let after = std::time::Duration::from_micros(at.as_micros());
        Sleep(
            self.start
                .checked_add(after)
                .map(|at| Box::pin(tokio::time::sleep_until(at))),
        )
    }

    async fn unblock<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> T {
        match self.handle.spawn_blocking(work).await {
            Ok(value) => value,
            Err(error) => match error.try_into_panic() {
                Ok(panic) => resume_unwind(panic),
                // The runtime ends: nobody waits for the value.
                Err(_cancelled) => std::future::pending().await,
            },
        }
    }

    async fn connect(&self, to: SocketAddr) -> io::Result<Compat<TcpStream>> {
        let stream = TcpStream::connect(to).await?;
        stream.set_nodelay(true)?;
        Ok(stream.compat())
    }

    async fn listen(&self, on: SocketAddr) -> io::Result<TokioListener> {
        Ok(TokioListener(TcpListener::bind(on).await?))
    }

    async fn bind_udp(&self, on: SocketAddr) -> io::Result<TokioUdp> {
        Ok(TokioUdp(UdpSocket::bind(on).await?))
    }
}

/// Ends at a point in time; never, when that lies beyond the clock.
pub struct Sleep(Option<Pin<Box<tokio::time::Sleep>>>);

impl Future for Sleep {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        match &mut self.0 {
            Some(sleep) => sleep.as_mut().poll(context),
            None => Poll::Pending,
        }
    }
}

impl fmt::Debug for Sleep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Sleep").finish_non_exhaustive()
    }
}

/// A listening TCP socket.
#[derive(Debug)]
pub struct TokioListener(TcpListener);

impl Listener for TokioListener {
    type Stream = Compat<TcpStream>;

    async fn accept(&self) -> io::Result<(Compat<TcpStream>, SocketAddr)> {
        let (stream, from) = self.0.accept().await?;
        stream.set_nodelay(true)?;
        Ok((stream.compat(), from))
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.0.local_addr()
    }
}

/// A bound UDP socket.
#[derive(Debug)]
pub struct TokioUdp(UdpSocket);

impl Udp for TokioUdp {
    async fn recv_from(&self, buffer: &mut [u8]) -> io::Result<(usize, SocketAddr)> {
        self.0.recv_from(buffer).await
    }

    async fn send_to(&self, bytes: &[u8], to: SocketAddr) -> io::Result<usize> {
        self.0.send_to(bytes, to).await
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.0.local_addr()
    }
}
