//! A runtime whose clock, wall clock and seeds are a script's, over a real one that has the tasks and the sockets.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll, Waker};

use dialtone_protocol::runtime::{Listener, Runtime};
use dialtone_protocol::time::{Instant, UnixMillis};
use futures_io::{AsyncRead, AsyncWrite};
use sha2::{Digest, Sha256};

use crate::world::{Alarm, World};

/// The wall clock at the start: 2026-01-01.
const START: u64 = 1_767_225_600_000;

/// One party's view of the scripted world.
#[derive(Clone)]
pub(crate) struct Scripted<R> {
    inner: R,
    world: World,
    party: &'static str,
    seeds: Arc<AtomicU64>,
}

impl<R: Runtime> Scripted<R> {
    pub(crate) fn new(inner: R, world: World, party: &'static str) -> Self {
        Self {
            inner,
            world,
            party,
            seeds: Arc::default(),
        }
    }

    fn wire(&self, stream: R::Stream) -> Wire<R::Stream> {
        Wire {
            id: self.world.add_wire(self.party),
            world: self.world.clone(),
            stream,
        }
    }
}

impl<R: Runtime> Runtime for Scripted<R> {
    type Sleep = Sleep;
    type Stream = Wire<R::Stream>;
    type Listener = Wires<R>;
    type Udp = R::Udp;

    fn now(&self) -> Instant {
        self.world.now()
    }

    fn unix_millis(&self) -> UnixMillis {
        UnixMillis(START + self.world.now().as_micros() / 1000)
    }

    fn seed(&self) -> [u8; 32] {
        let number = self.seeds.fetch_add(1, Ordering::SeqCst);
        Sha256::digest(format!("{} {number}", self.party)).into()
    }

    fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        self.inner.spawn(Task {
            alarm: Alarm::new(&self.world),
            world: self.world.clone(),
            future: Box::pin(task),
        });
    }

    fn sleep_until(&self, at: Instant) -> Sleep {
        Sleep {
            id: self.world.sleep_id(),
            world: self.world.clone(),
            at,
        }
    }

    async fn unblock<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> T {
        let _busy = self.world.busy();
        self.inner.unblock(work).await
    }

    async fn connect(&self, to: SocketAddr) -> io::Result<Self::Stream> {
        let _busy = self.world.busy();
        Ok(self.wire(self.inner.connect(to).await?))
    }

    async fn listen(&self, on: SocketAddr) -> io::Result<Self::Listener> {
        Ok(Wires {
            listener: self.inner.listen(on).await?,
            runtime: self.clone(),
        })
    }

    async fn bind_udp(&self, on: SocketAddr) -> io::Result<R::Udp> {
        self.inner.bind_udp(on).await
    }
}

/// A task of which the world knows whether it can run.
struct Task {
    alarm: Arc<Alarm>,
    world: World,
    future: Pin<Box<dyn Future<Output = ()> + Send>>,
}

impl Future for Task {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let _running = self.world.busy();
        self.alarm.runs(context.waker());
        let waker = Waker::from(Arc::clone(&self.alarm));
        self.future.as_mut().poll(&mut Context::from_waker(&waker))
    }
}

impl Drop for Task {
    fn drop(&mut self) {
        self.alarm.end();
    }
}

/// Ends when the script's clock says so.
pub(crate) struct Sleep {
    world: World,
    at: Instant,
    id: u64,
}

impl Future for Sleep {
    type Output = ();

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        if self.world.has_come(self.at, self.id, context.waker()) {
            Poll::Ready(())
        } else {
            Poll::Pending
        }
    }
}

impl Drop for Sleep {
    fn drop(&mut self) {
        self.world.end_sleep(self.at, self.id);
    }
}

/// A listening socket.
pub(crate) struct Wires<R: Runtime> {
    listener: R::Listener,
    runtime: Scripted<R>,
}

impl<R: Runtime> Listener for Wires<R> {
    type Stream = Wire<R::Stream>;

    async fn accept(&self) -> io::Result<(Self::Stream, SocketAddr)> {
        let (stream, from) = self.listener.accept().await?;
        Ok((self.runtime.wire(stream), from))
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }
}

/// A connection on which the script decides when what came in is seen.
pub(crate) struct Wire<S> {
    stream: S,
    world: World,
    id: u64,
}

impl<S: AsyncRead + Unpin> AsyncRead for Wire<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        let mut bytes = [0; 16 << 10];
        loop {
            match Pin::new(&mut self.stream).poll_read(context, &mut bytes) {
                Poll::Ready(Ok(count)) if count > 0 => self.world.came(self.id, &bytes[..count]),
                // An end is seen after what came before it.
                Poll::Ready(end) if !self.world.has_held(self.id) => return Poll::Ready(end),
                Poll::Ready(_) | Poll::Pending => break,
            }
        }
        match self.world.take(self.id, buffer, context.waker()) {
            0 => Poll::Pending,
            count => Poll::Ready(Ok(count)),
        }
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Wire<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(context, bytes);
        if let Poll::Ready(Ok(count)) = written {
            self.world.wrote(self.id, &bytes[..count]);
        }
        written
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_close(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_close(context)
    }
}

impl<S> Drop for Wire<S> {
    fn drop(&mut self) {
        self.world.remove_wire(self.id);
    }
}
