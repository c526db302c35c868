//! The streams to TURN servers: each is opened, read and written by a task of its own.

use core::fmt;
use core::pin::pin;
use std::collections::BTreeMap;

use async_channel::{Receiver, SendError, Sender};
use dialtone_client::link::{Tls, Trust, Wire, open_stream};
use dialtone_protocol::runtime::Runtime;
use futures_util::future::select;
use futures_util::{AsyncReadExt, AsyncWriteExt};

use super::turn::first;
use crate::media::{Server, StreamId};

/// How much is read at once, in bytes.
const CHUNK: usize = 4096;

/// Messages that wait to be written: some seconds of sound for one listener. More is lost, as sound that is late is.
const WAITING: usize = 256;

/// What a stream does.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Stream {
    /// It stands.
    Opened,
    /// This came.
    Bytes(Vec<u8>),
    /// It is gone, or could not be opened, and why.
    Closed(String),
}

/// The streams that are wanted. What they do goes into a channel: who does not read it lets the servers wait.
pub struct Streams<R, T> {
    runtime: R,
    /// Whose word counts for the servers' certificates.
    trust: Trust,
    incoming: Sender<T>,
    open: BTreeMap<StreamId, Open>,
}

struct Open {
    outgoing: Sender<Vec<u8>>,
    /// The task ends when this is dropped.
    _alive: Sender<()>,
}

impl<R, T> fmt::Debug for Streams<R, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Streams")
            .field("open", &self.open.len())
            .finish_non_exhaustive()
    }
}

impl<R: Runtime, T: From<(StreamId, Stream)> + Send + 'static> Streams<R, T> {
    /// None yet.
    #[must_use]
    pub const fn new(runtime: R, trust: Trust, incoming: Sender<T>) -> Self {
        Self {
            runtime,
            trust,
            incoming,
            open: BTreeMap::new(),
        }
    }

    /// Opens a stream, with TLS if the server wants it.
    pub fn open(&mut self, id: StreamId, server: Server) {
        let (outgoing, messages) = async_channel::bounded(WAITING);
        let (alive, gone) = async_channel::bounded::<()>(1);
        let (runtime, trust, incoming) = (
            self.runtime.clone(),
            self.trust.clone(),
            self.incoming.clone(),
        );
        self.runtime.spawn(async move {
            let run = async {
                let why = run(&runtime, trust, &server, &messages, |stream| {
                    incoming.send(T::from((id, stream)))
                });
                let closed = Stream::Closed(why.await);
                let _ = incoming.send(T::from((id, closed))).await;
            };
            select(pin!(run), pin!(gone.recv())).await;
        });
        let open = Open {
            outgoing,
            _alive: alive,
        };
        self.open.insert(id, open);
    }

    /// Writes a message, unless too much waits already.
    pub fn write(&self, id: StreamId, bytes: Vec<u8>) {
        if let Some(open) = self.open.get(&id) {
            // What finds no place is like what gets lost.
            let _ = open.outgoing.try_send(bytes);
        }
    }

    /// Closes a stream, or stops opening it.
    pub fn close(&mut self, id: StreamId) {
        self.open.remove(&id);
    }
}

/// Carries bytes until something ends it. Answers what.
async fn run<R: Runtime, T, F>(
    runtime: &R,
    trust: Trust,
    server: &Server,
    messages: &Receiver<Vec<u8>>,
    report: impl Fn(Stream) -> F,
) -> String
where
    F: Future<Output = Result<(), SendError<T>>>,
{
    let stream = match open(runtime, trust, server).await {
        Ok(stream) => stream,
        Err(why) => return why,
    };
    if report(Stream::Opened).await.is_err() {
        return String::new();
    }
    let (mut reads, mut writes) = stream.split();
    let read = async {
        let mut buffer = vec![0; CHUNK];
        loop {
            let length = match reads.read(&mut buffer).await {
                Ok(0) => return "the server closed it".to_owned(),
                Ok(length) => length,
                Err(error) => return error.to_string(),
            };
            let bytes = buffer.get(..length).unwrap_or_default().to_vec();
            if report(Stream::Bytes(bytes)).await.is_err() {
                return String::new();
            }
        }
    };
    let write = async {
        while let Ok(message) = messages.recv().await {
            let done = async {
                writes.write_all(&message).await?;
                writes.flush().await
            };
            if let Err(error) = done.await {
                return error.to_string();
            }
        }
        String::new()
    };
    first(read, write).await
}

async fn open<R: Runtime>(
    runtime: &R,
    trust: Trust,
    server: &Server,
) -> Result<Box<dyn Wire>, String> {
    let tls = match server.is_tls() {
        true => {
            // Made each time: that is seldom, and what is trusted may have changed.
            let made = runtime.unblock(move || Tls::new(&trust)).await;
            Some(made.map_err(|error| error.to_string())?)
        }
        false => None,
    };
    let addresses = [server.address];
    let opened = open_stream(runtime, &addresses, &server.host, tls.as_ref());
    opened.await.map_err(|error| error.to_string())
}
