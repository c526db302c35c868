//! One connection: reads whatever comes, answers pings, and sends if it is a sender.

use std::cell::RefCell;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};

use dialtone_protocol::runtime::Runtime;
use dialtone_protocol::time::Instant;
use futures_io::{AsyncRead, AsyncWrite};
use futures_util::future::BoxFuture;
use memchr::memmem;

use super::body::{Mark, Tag};
use super::pace::{Due, Pace};
use super::tally::Tally;
use crate::base::{Frame, Scanner, put_pong, put_text};

/// What one read may take. Shared by all connections of a thread, so that a thousand of them fit into a cache.
const READ_BYTES: usize = 256 << 10;

/// Reads in one turn. Afterwards the others of the thread have theirs.
const TURN: usize = 8;

thread_local! {
    static BUFFER: RefCell<Vec<u8>> = RefCell::new(vec![0; READ_BYTES]);
}

/// What all connections have in common.
#[derive(Debug)]
pub(super) struct Common {
    pub(super) tag: Tag,
    /// The event around a body: what comes before it, and after.
    pub(super) around: (String, String),
    pub(super) body_bytes: usize,
}

/// What makes a connection a sender.
pub(super) struct Sending<R: Runtime> {
    pub(super) number: u16,
    /// Gives the pace when sending begins.
    pub(super) start: BoxFuture<'static, Option<Pace>>,
    pub(super) pace: Option<Pace>,
    pub(super) timer: Option<(Instant, Pin<Box<R::Sleep>>)>,
}

/// One connection.
pub(super) struct Member<R: Runtime> {
    pub(super) runtime: R,
    pub(super) stream: R::Stream,
    pub(super) common: Arc<Common>,
    pub(super) tally: Arc<Mutex<Tally>>,
    /// The beginning of a frame whose end has not come.
    pub(super) partial: Vec<u8>,
    /// Frames to send, and how much of them is sent.
    pub(super) outgoing: (Vec<u8>, usize),
    pub(super) sending: Option<Sending<R>>,
}

// Nothing in it is pinned but what is boxed.
impl<R: Runtime> Unpin for Member<R> {}

impl<R: Runtime> Future for Member<R> {
    type Output = ();

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let member = self.get_mut();
        let why = ready!(member.turn(context));
        let mut tally = member.tally.lock().unwrap_or_else(PoisonError::into_inner);
        tally.sending = false;
        tally.closed.get_or_insert(why);
        Poll::Ready(())
    }
}

impl<R: Runtime> Member<R> {
    /// Goes on as far as it can; says why the connection ended.
    fn turn(&mut self, context: &mut Context<'_>) -> Poll<String> {
        for _ in 0..TURN {
            let read = self.read(context);
            if let Poll::Ready(Err(why)) = read {
                return Poll::Ready(why);
            }
            self.fill(context);
            let wrote = self.write(context);
            if let Poll::Ready(Err(why)) = wrote {
                return Poll::Ready(why);
            }
            if read.is_pending() && wrote.is_pending() {
                return Poll::Pending;
            }
        }
        context.waker().wake_by_ref();
        Poll::Pending
    }

    fn read(&mut self, context: &mut Context<'_>) -> Poll<Result<(), String>> {
        BUFFER.with_borrow_mut(|buffer| {
            let kept = self.partial.len();
            let Some((head, space)) = buffer.split_at_mut_checked(kept) else {
                return Poll::Ready(Err("a frame is too large".into()));
            };
            let read = ready!(Pin::new(&mut self.stream).poll_read(context, space));
            let end = match read {
                Ok(0) => return Poll::Ready(Err("the server closed it".into())),
                Ok(read) => kept + read,
                Err(error) => return Poll::Ready(Err(error.to_string())),
            };
            head.copy_from_slice(&self.partial);
            Poll::Ready(self.scan(buffer.get(..end).unwrap_or_default()))
        })
    }

    fn scan(&mut self, bytes: &[u8]) -> Result<(), String> {
        let now = self.runtime.now();
        let mut tally = self.tally.lock().unwrap_or_else(PoisonError::into_inner);
        let mut scanner = Scanner::new(bytes);
        loop {
            let frame = scanner.next();
            match frame.map_err(|_| "that is no frame of a server".to_owned())? {
                Some(Frame::Event(event)) => match self.common.tag.find(event) {
                    Some(mark) => {
                        tally.message(mark, now);
                        if let Some(sending) = &mut self.sending
                            && sending.number == mark.sender
                            && let Some(pace) = &mut sending.pace
                        {
                            pace.returned();
                        }
                    }
                    None if memmem::find(event, br#""type":"error""#).is_some() => {
                        tally.refusal(event);
                    }
                    None => {}
                },
                Some(Frame::Ping(payload)) => put_pong(payload, &mut self.outgoing.0),
                // The mark of a message stands in its first piece.
                Some(Frame::Continued | Frame::Pong) => {}
                Some(Frame::Close { code, reason }) => {
                    return Err(format!("{code} {}", String::from_utf8_lossy(reason)));
                }
                None => break,
            }
        }
        self.partial.clear();
        self.partial.extend_from_slice(scanner.rest());
        Ok(())
    }

    /// Puts every message that is due into the outgoing frames.
    fn fill(&mut self, context: &mut Context<'_>) {
        let Some(sending) = &mut self.sending else {
            return;
        };
        if sending.pace.is_none()
            && let Poll::Ready(pace) = sending.start.as_mut().poll(context)
        {
            let Some(pace) = pace else {
                self.sending = None;
                return;
            };
            sending.pace = Some(pace);
        }
        let Some(pace) = &mut sending.pace else {
            return;
        };
        let mut tally = self.tally.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            let now = self.runtime.now();
            match pace.due(self.outgoing.0.is_empty(), now) {
                Due::Now(at) => {
                    let mark = Mark {
                        sender: sending.number,
                        number: pace.count(),
                        at,
                    };
                    put_message(&self.common, mark, &mut self.outgoing.0);
                    pace.sent();
                    tally.sent = pace.count();
                }
                Due::At(at) => {
                    let runtime = &self.runtime;
                    let (until, timer) = sending
                        .timer
                        .get_or_insert_with(|| (at, Box::pin(runtime.sleep_until(at))));
                    if *until != at {
                        *until = at;
                        timer.set(runtime.sleep_until(at));
                    }
                    if timer.as_mut().poll(context).is_pending() {
                        return;
                    }
                    sending.timer = None;
                }
                Due::Later => return,
                Due::Never => {
                    tally.sending = false;
                    drop(tally);
                    self.sending = None;
                    return;
                }
            }
        }
    }

    /// Pending also when there is nothing to write.
    fn write(&mut self, context: &mut Context<'_>) -> Poll<Result<(), String>> {
        let (frames, sent) = &mut self.outgoing;
        let rest = frames.get(*sent..).unwrap_or_default();
        if rest.is_empty() {
            return Poll::Pending;
        }
        match ready!(Pin::new(&mut self.stream).poll_write(context, rest)) {
            Ok(written) => *sent += written,
            Err(error) => return Poll::Ready(Err(error.to_string())),
        }
        if *sent >= frames.len() {
            frames.clear();
            *sent = 0;
        }
        Poll::Ready(Ok(()))
    }
}

fn put_message(common: &Common, mark: Mark, to: &mut Vec<u8>) {
    let (before, after) = &common.around;
    let mut event = Vec::with_capacity(before.len() + common.body_bytes + after.len());
    event.extend_from_slice(before.as_bytes());
    mark.put(&common.tag, common.body_bytes, &mut event);
    event.extend_from_slice(after.as_bytes());
    put_text(&event, to);
}
