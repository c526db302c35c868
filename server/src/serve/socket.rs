//! One WebSocket: frames in, frames out, and a pulse.

use std::future::pending;
use std::iter;
use std::mem;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use async_channel::{Receiver, Sender};
use async_tungstenite::tungstenite::protocol::CloseFrame;
use async_tungstenite::tungstenite::protocol::frame::Frame;
use async_tungstenite::tungstenite::protocol::frame::coding::{Data, OpCode};
use async_tungstenite::tungstenite::{Error, Message, Utf8Bytes};
use async_tungstenite::{WebSocketReceiver, WebSocketSender, WebSocketStream};
use dialtone_protocol::hub::{ConnId, SessionKey};
use dialtone_protocol::limits;
use dialtone_protocol::runtime::Runtime;
use dialtone_protocol::time::Instant;
use futures_util::future::{Either, select};
use futures_util::{SinkExt, StreamExt};
use hyper::body::Bytes;

use super::Gate;
use super::batched::Batched;
use super::hub::{Event, HubHandle, Outgoing};
use super::stream::Stream;

/// How often a connection is pinged (the original's interval).
const PING_EVERY: Duration = Duration::from_secs(25);

/// How long a ping may go unanswered before the connection counts as dead.
const PONG_WAIT: Duration = Duration::from_secs(10);

/// How long the peer has to answer our close frame.
const CLOSE_WAIT: Duration = Duration::from_secs(2);

/// Bytes of frames after which a flush is due even if more frames wait.
const FLUSH_AFTER: usize = 64 << 10;

/// Bytes of a frame that go out in one piece. A connection keeps a buffer for its largest piece.
const FRAGMENT: usize = 2 << 10;

/// Bytes of sent frames after which the hub hears of them. It must not hear of every frame of every connection, and
/// what it does not hear of is a small part of what it lets a connection queue.
const REPORT_AFTER: usize = limits::QUEUE_BUDGET / 16;

/// An upgraded connection.
pub(super) type Socket<R> = WebSocketStream<Batched<Stream<R>>>;

/// The side of a connection that writes.
type Outlet<R> = WebSocketSender<Batched<Stream<R>>>;

/// Serves a connection until it ends.
pub(super) async fn run<R: Runtime>(gate: Gate<R>, session: SessionKey, ws: Socket<R>) {
    let conn = gate.next_conn();
    // Bounded by the hub, which counts the bytes that it has queued for each connection.
    let (outgoing, queue) = async_channel::unbounded();
    gate.hub
        .hear(Event::Connected {
            conn,
            session,
            outgoing: outgoing.clone(),
        })
        .await;
    let (sender, receiver) = ws.split();
    let pulse = Pulse::new(gate.runtime.clone());
    let reading = read(conn, receiver, outgoing, &gate.hub, &pulse);
    let writing = write(conn, sender, queue, &gate.hub, &pulse);
    if let Either::Right(((), reading)) = select(pin!(reading), pin!(writing)).await {
        // Our side has said goodbye; the peer may still answer.
        let late = gate.runtime.now() + CLOSE_WAIT;
        select(reading, pin!(gate.runtime.sleep_until(late))).await;
    }
    gate.hub.hear(Event::Closed(conn)).await;
}

/// Hands frames to the hub until the peer has closed, or the connection broke.
async fn read<R: Runtime>(
    conn: ConnId,
    mut receiver: WebSocketReceiver<Batched<Stream<R>>>,
    outgoing: Sender<Vec<Outgoing>>,
    hub: &HubHandle,
    pulse: &Pulse<R>,
) {
    while let Some(message) = receiver.next().await {
        match message {
            Ok(message @ (Message::Text(_) | Message::Binary(_))) => {
                pulse.heard();
                hub.hear(Event::Frame { conn, message }).await;
            }
            Ok(Message::Ping(_) | Message::Pong(_)) => pulse.heard(),
            // The answer goes out with the next read, which then ends.
            Ok(Message::Close(_) | Message::Frame(_)) => {}
            Err(Error::Capacity(_)) => {
                let goodbye = Outgoing::Close {
                    code: 1009,
                    reason: "message too large",
                };
                if outgoing.try_send(vec![goodbye]).is_ok() {
                    // The writer ends this connection.
                    return pending().await;
                }
            }
            Err(_) => return,
        }
    }
}

/// Sends what is queued, all that waits in one flush, until it has sent a close frame or the connection is dead.
async fn write<R: Runtime>(
    conn: ConnId,
    mut sender: Outlet<R>,
    queue: Receiver<Vec<Outgoing>>,
    hub: &HubHandle,
    pulse: &Pulse<R>,
) {
    let mut unreported = 0;
    let mut beat = Beat::new(pulse.runtime.now());
    let mut timer = Box::pin(pulse.runtime.sleep_until(beat.at));
    loop {
        let next = match select(pin!(queue.recv()), &mut timer).await {
            Either::Left((Ok(next), _)) => Some(next),
            Either::Left((Err(_), _)) => return,
            Either::Right(_) => None,
        };
        let sent = match next {
            Some(first) => send_waiting(&mut sender, first, &queue).await,
            None => match beat.next(pulse.runtime.now(), pulse.last_heard()) {
                Ok(ping) => {
                    timer.set(pulse.runtime.sleep_until(beat.at));
                    if !ping {
                        continue;
                    }
                    send_ping(&mut sender).await
                }
                Err(Dead) => return,
            },
        };
        match sent {
            Ok(Sent { bytes, closed }) => {
                unreported += bytes;
                if unreported >= REPORT_AFTER {
                    let bytes = mem::take(&mut unreported);
                    hub.tell(Event::Flushed { conn, bytes }).await;
                }
                if closed {
                    return;
                }
            }
            Err(_) => return,
        }
    }
}

/// What went out.
struct Sent {
    /// The bytes of the hub's frames.
    bytes: usize,
    /// Whether a close frame was among it.
    closed: bool,
}

async fn send_waiting<R: Runtime>(
    sender: &mut Outlet<R>,
    first: Vec<Outgoing>,
    queue: &Receiver<Vec<Outgoing>>,
) -> Result<Sent, Error> {
    let mut sent = Sent {
        bytes: 0,
        closed: false,
    };
    let mut next = Some(first);
    while let Some(all) = next {
        for outgoing in all {
            match outgoing {
                Outgoing::Frame(frame) => {
                    sent.bytes += frame.len();
                    for part in parts(frame) {
                        sender.feed(part).await?;
                    }
                }
                Outgoing::Close { code, reason } => {
                    let frame = CloseFrame {
                        code: code.into(),
                        reason: reason.into(),
                    };
                    sender.feed(Message::Close(Some(frame))).await?;
                    sent.closed = true;
                    break;
                }
            }
        }
        next = if sent.bytes < FLUSH_AFTER && !sent.closed {
            queue.try_recv().ok()
        } else {
            None
        };
    }
    sender.flush().await?;
    Ok(sent)
}

/// A frame as it is sent: a large one in fragments (RFC 6455, section 5.4).
fn parts(frame: Utf8Bytes) -> impl Iterator<Item = Message> {
    let mut rest = Some(Bytes::from(frame));
    let mut data = Data::Text;
    iter::from_fn(move || {
        let mut part = rest.take()?;
        if part.len() > FRAGMENT {
            rest = Some(part.split_off(FRAGMENT));
        }
        let opcode = OpCode::Data(mem::replace(&mut data, Data::Continue));
        let frame = Frame::message(part, opcode, rest.is_none());
        Some(Message::Frame(frame))
    })
}

async fn send_ping<R: Runtime>(sender: &mut Outlet<R>) -> Result<Sent, Error> {
    sender.send(Message::Ping(Bytes::new())).await?;
    Ok(Sent {
        bytes: 0,
        closed: false,
    })
}

/// When the peer was last heard.
struct Pulse<R> {
    runtime: R,
    heard: Arc<AtomicU64>,
}

impl<R: Runtime> Pulse<R> {
    fn new(runtime: R) -> Self {
        let heard = Arc::new(AtomicU64::new(runtime.now().as_micros()));
        Self { runtime, heard }
    }

    fn heard(&self) {
        let now = self.runtime.now().as_micros();
        self.heard.store(now, Ordering::Relaxed);
    }

    fn last_heard(&self) -> Instant {
        Instant::from_micros(self.heard.load(Ordering::Relaxed))
    }
}

/// The peer answers no pings.
#[derive(Debug, PartialEq, Eq)]
struct Dead;

/// Decides when to ping, and when to give up.
#[derive(Debug)]
struct Beat {
    /// When to ask again.
    at: Instant,
    /// Since when an answer is awaited.
    asked: Option<Instant>,
}

impl Beat {
    fn new(now: Instant) -> Self {
        Self {
            at: now + PING_EVERY,
            asked: None,
        }
    }

    /// Says whether a ping is due.
    fn next(&mut self, now: Instant, heard: Instant) -> Result<bool, Dead> {
        if now < self.at {
            return Ok(false);
        }
        match self.asked {
            Some(asked) if heard < asked => Err(Dead),
            Some(asked) => {
                self.asked = None;
                self.at = asked + PING_EVERY;
                Ok(false)
            }
            None => {
                self.asked = Some(now);
                self.at = now + PONG_WAIT;
                Ok(true)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_large_frame_goes_out_in_fragments() {
        for length in [1, FRAGMENT, FRAGMENT + 1, 5 * FRAGMENT] {
            let text = "x".repeat(length);
            let sent: Vec<_> = parts(text.clone().into()).collect();
            assert_eq!(sent.len(), length.div_ceil(FRAGMENT));
            let (mut joined, last) = (String::new(), sent.len() - 1);
            for (index, part) in sent.into_iter().enumerate() {
                let Message::Frame(part) = part else {
                    panic!("{part:?}");
                };
                let first = part.header().opcode == OpCode::Data(Data::Text);
                assert_eq!((first, part.header().is_final), (index == 0, index == last));
                joined.push_str(std::str::from_utf8(part.payload()).unwrap());
            }
            assert_eq!(joined, text);
        }
    }

    #[test]
    fn a_peer_is_pinged_and_given_up_when_it_is_silent() {
        let start = Instant::ZERO;
        let mut beat = Beat::new(start);
        assert_eq!(beat.next(start, start), Ok(false), "too early");
        let ping = start + PING_EVERY;
        assert_eq!(beat.next(ping, start), Ok(true));
        let checked = ping + PONG_WAIT;
        assert_eq!(beat.at, checked);
        assert_eq!(beat.next(checked, ping), Ok(false), "it answered");
        let again = ping + PING_EVERY;
        assert_eq!(beat.at, again);
        assert_eq!(beat.next(again, ping), Ok(true));
        assert_eq!(beat.next(again + PONG_WAIT, ping), Err(Dead));
    }
}
