//! Writes of many small frames, gathered into few.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures_io::{AsyncRead, AsyncWrite};

/// Bytes that are gathered at most: some sixteen frames of the usual size.
const BATCH: usize = 8 << 10;

/// Gathers what is written until it is flushed. In between it holds no memory: most connections are idle most of the
/// time, and a buffer that stayed would be most of what they cost.
#[derive(Debug)]
pub(super) struct Batched<S> {
    stream: S,
    waiting: Vec<u8>,
    /// How much of it went out.
    sent: usize,
}

impl<S: AsyncWrite + Unpin> Batched<S> {
    pub(super) const fn new(stream: S) -> Self {
        Self {
            stream,
            waiting: Vec::new(),
            sent: 0,
        }
    }

    /// Hands on all that waits.
    fn poll_send(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        while let Some(rest) = self.waiting.get(self.sent..).filter(|it| !it.is_empty()) {
            match ready!(Pin::new(&mut self.stream).poll_write(context, rest))? {
                0 => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                written => self.sent += written,
            }
        }
        (self.waiting, self.sent) = (Vec::new(), 0);
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Batched<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Batched<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        if self.waiting.len() + bytes.len() > BATCH {
            ready!(self.poll_send(context))?;
            if bytes.len() >= BATCH {
                return Pin::new(&mut self.stream).poll_write(context, bytes);
            }
        }
        if !self.waiting.is_empty() {
            // More than one frame waits: more will come.
            let room = BATCH - self.waiting.len();
            self.waiting.reserve_exact(room);
        }
        self.waiting.extend_from_slice(bytes);
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_send(context))?;
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_close(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_send(context))?;
        Pin::new(&mut self.stream).poll_close(context)
    }
}

#[cfg(test)]
mod tests {
    use std::pin::pin;
    use std::task::Waker;

    use futures_util::AsyncWriteExt as _;
    use proptest::prelude::*;

    use super::*;

    fn block_on<T>(future: impl Future<Output = T>) -> T {
        let mut future = pin!(future);
        let mut context = Context::from_waker(Waker::noop());
        loop {
            if let Poll::Ready(output) = future.as_mut().poll(&mut context) {
                return output;
            }
        }
    }

    /// Takes some bytes at a time, and every other time none.
    #[derive(Default)]
    struct Slow {
        taken: Vec<u8>,
        writes: usize,
        at_a_time: usize,
    }

    impl AsyncWrite for Slow {
        fn poll_write(
            mut self: Pin<&mut Self>,
            _: &mut Context<'_>,
            bytes: &[u8],
        ) -> Poll<io::Result<usize>> {
            self.writes += 1;
            if self.writes.is_multiple_of(2) {
                return Poll::Pending;
            }
            let taken = bytes.len().min(self.at_a_time);
            self.taken.extend_from_slice(&bytes[..taken]);
            Poll::Ready(Ok(taken))
        }

        fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }

        fn poll_close(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }
    }

    proptest! {
        #[test]
        fn every_byte_arrives_once_and_in_order(
            writes in prop::collection::vec((0usize..3 * BATCH, any::<bool>()), 0..12),
            at_a_time in 1usize..2 * BATCH,
        ) {
            let mut next = 0_u8;
            let mut expected = Vec::new();
            let slow = Slow { at_a_time, ..Slow::default() };
            let mut batched = Batched::new(slow);
            block_on(async {
                for (length, flush) in writes {
                    let bytes: Vec<u8> = (0..length).map(|_| { next = next.wrapping_add(1); next }).collect();
                    expected.extend_from_slice(&bytes);
                    batched.write_all(&bytes).await.unwrap();
                    prop_assert!(batched.waiting.len() <= BATCH);
                    if flush {
                        batched.flush().await.unwrap();
                        prop_assert_eq!(batched.waiting.capacity(), 0);
                    }
                }
                batched.close().await.unwrap();
                Ok(())
            })?;
            prop_assert_eq!(batched.stream.taken, expected);
        }
    }

    #[test]
    fn small_writes_go_out_in_one() {
        let slow = Slow {
            at_a_time: BATCH,
            ..Slow::default()
        };
        let mut batched = Batched::new(slow);
        block_on(async {
            for _ in 0..10 {
                batched.write_all(b"a frame").await.unwrap();
            }
            batched.flush().await.unwrap();
        });
        assert_eq!(batched.stream.writes, 1);
    }

    #[test]
    fn a_peer_that_takes_nothing_is_an_error() {
        // It takes nothing at all.
        let mut batched = Batched::new(Slow::default());
        let failed = block_on(async {
            batched.write_all(b"longer than four").await?;
            batched.flush().await
        });
        assert_eq!(failed.unwrap_err().kind(), io::ErrorKind::WriteZero);
    }
}
