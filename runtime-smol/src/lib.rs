//! The runtime port of dialtone on smol's parts: an executor of its own on as many threads as asked, `async-io` for
//! timers and sockets, and the `blocking` pool. `smol::spawn` is not used, since that executor has one thread.

use std::future::Future;
use std::io;
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::num::NonZero;
use std::pin::Pin;
use std::sync::{Arc, Weak};
use std::task::{Context, Poll};
use std::thread;
use std::time::{SystemTime, UNIX_EPOCH};

use async_executor::Executor;
use async_io::{Async, Timer, block_on};
use dialtone_protocol::runtime::{Listener, Runtime, Udp};
use dialtone_protocol::time::{Instant, UnixMillis};
use futures_io::{AsyncRead, AsyncWrite};

/// How many connections may wait to be accepted. The standard library asks for 128, which a burst of clients that
/// come back after a restart overruns.
const BACKLOG: i32 = 1024;

/// A handle to the runtime that [`Smol::run`] started.
#[derive(Clone, Debug)]
pub struct Smol {
    // Weak, so that tasks which hold a handle do not keep the executor, and with it themselves, alive for ever.
    executor: Weak<Executor<'static>>,
    start: std::time::Instant,
}

impl Smol {
    /// Runs `main` to its end with tasks spread over `threads` threads, then drops the tasks that are left.
    ///
    /// # Errors
    ///
    /// When the system refuses a thread.
    pub fn run<T, F: Future<Output = T>>(
        threads: NonZero<usize>,
        main: impl FnOnce(Self) -> F,
    ) -> io::Result<T> {
        let executor = Arc::new(Executor::new());
        let runtime = Self {
            executor: Arc::downgrade(&executor),
            start: std::time::Instant::now(),
        };
        let (stop, stopped) = async_channel::bounded::<()>(1);
        thread::scope(|scope| {
            // Owned by the scope: the workers also end when a thread cannot be started, or when `main` panics.
            let _stop = stop;
            for number in 0..threads.get() {
                let executor = Arc::clone(&executor);
                let stopped = stopped.clone();
                thread::Builder::new()
                    .name(format!("smol-{number}"))
                    .spawn_scoped(scope, move || {
                        let _closed = block_on(executor.run(stopped.recv()));
                    })?;
            }
            Ok(block_on(main(runtime)))
        })
    }
}

impl Runtime for Smol {
    type Sleep = Sleep;
    type Stream = SmolStream;
    type Listener = SmolListener;
    type Udp = SmolUdp;

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
        if let Some(executor) = self.executor.upgrade() {
            executor.spawn(task).detach();
        }
    }

    fn sleep_until(&self, at: Instant) -> Sleep {
        let after = std::time::Duration::from_micros(at.as_micros());
        Sleep(match self.start.checked_add(after) {
            Some(at) => Timer::at(at),
            None => Timer::never(),
        })
    }

    async fn unblock<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> T {
        blocking::unblock(work).await
    }

    async fn connect(&self, to: SocketAddr) -> io::Result<SmolStream> {
        SmolStream::new(Async::<TcpStream>::connect(to).await?)
    }

    async fn listen(&self, on: SocketAddr) -> io::Result<SmolListener> {
        let listener = TcpListener::bind(on)?;
        // A second `listen` only sets the length of the queue.
        rustix::net::listen(&listener, BACKLOG)?;
        Ok(SmolListener(Async::new(listener)?))
    }

    async fn bind_udp(&self, on: SocketAddr) -> io::Result<SmolUdp> {
        Ok(SmolUdp(Async::<UdpSocket>::bind(on)?))
    }
}

/// Ends at a point in time.
#[derive(Debug)]
pub struct Sleep(Timer);

impl Future for Sleep {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        Pin::new(&mut self.0).poll(context).map(|_at| ())
    }
}

/// A TCP connection. Closing it tells the peer, which closing an [`Async`] stream does not.
#[derive(Debug)]
pub struct SmolStream(Async<TcpStream>);

impl SmolStream {
    fn new(stream: Async<TcpStream>) -> io::Result<Self> {
        stream.get_ref().set_nodelay(true)?;
        Ok(Self(stream))
    }
}

impl AsyncRead for SmolStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_read(context, buffer)
    }

    fn poll_read_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffers: &mut [io::IoSliceMut<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_read_vectored(context, buffers)
    }
}

impl AsyncWrite for SmolStream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(context, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffers: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write_vectored(context, buffers)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(context)
    }

    fn poll_close(self: Pin<&mut Self>, _context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(self.0.get_ref().shutdown(Shutdown::Write))
    }
}

/// A listening TCP socket.
#[derive(Debug)]
pub struct SmolListener(Async<TcpListener>);

impl Listener for SmolListener {
    type Stream = SmolStream;

    async fn accept(&self) -> io::Result<(SmolStream, SocketAddr)> {
        let (stream, from) = self.0.accept().await?;
        Ok((SmolStream::new(stream)?, from))
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.0.get_ref().local_addr()
    }
}

/// A bound UDP socket.
#[derive(Debug)]
pub struct SmolUdp(Async<UdpSocket>);

impl Udp for SmolUdp {
    async fn recv_from(&self, buffer: &mut [u8]) -> io::Result<(usize, SocketAddr)> {
        self.0.recv_from(buffer).await
    }

    async fn send_to(&self, bytes: &[u8], to: SocketAddr) -> io::Result<usize> {
        self.0.send_to(bytes, to).await
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.0.get_ref().local_addr()
    }
}
