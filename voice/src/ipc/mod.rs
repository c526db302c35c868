//! The socket on which the daemon is told what to do: only its owner can open it.
//!
//! Each client is read and written by tasks of its own. What it says comes out of one channel, in order; what is said
//! to it waits in a queue, and a client that does not read is let go of.

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::os::unix::fs::{DirBuilderExt, FileTypeExt, PermissionsExt};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use async_channel::{Receiver, Sender};
use async_io::Async;
use core::fmt;
use dialtone_client::voice::Lines;
use dialtone_protocol::limits::MAX_IPC_LINE_BYTES;
use dialtone_protocol::runtime::Runtime;
use dialtone_protocol::voice::ipc::{Command, Event, LineError};
use futures_util::AsyncWriteExt;

/// Clients at a time: a screen, a few commands, and what a desktop binds to keys.
const MAX_CLIENTS: usize = 16;

/// Events that wait for a client: more than a minute of everything that is said.
const MAX_WAITING: usize = 1024;

/// Commands that wait for the daemon. Clients are read no further meanwhile.
const COMMANDS: usize = 64;

/// Names a client as long as it is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ClientId(pub u64);

/// What a client did.
#[derive(Debug)]
#[non_exhaustive]
pub enum Heard {
    /// It came. Here is where it is written to.
    Came(Outgoing),
    /// It said something.
    Command(Command),
    /// It said something that is no command.
    Malformed(LineError),
    /// It is gone.
    Gone,
}

/// Where a client is written to.
#[derive(Debug)]
pub struct Outgoing(Sender<Arc<str>>);

/// Why the socket cannot be opened.
#[derive(Debug)]
#[non_exhaustive]
pub enum BindError {
    /// Another daemon answers there.
    Busy(PathBuf),
    /// Something that is no socket lies there.
    NotASocket(PathBuf),
    /// The folder can be written to by others: one of them could answer in its place.
    Unsafe(PathBuf),
    /// The system says no.
    Io(PathBuf, io::Error),
}

impl fmt::Display for BindError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Busy(path) => write!(
                f,
                "another voice daemon is listening on {}: end it, or choose another socket by --ipc",
                path.display()
            ),
            Self::NotASocket(path) => write!(
                f,
                "{} is there and is no socket: remove it, or choose another one by --ipc",
                path.display()
            ),
            Self::Unsafe(path) => write!(
                f,
                "others can write to {}: choose a socket in a folder of your own by --ipc",
                path.display()
            ),
            Self::Io(path, error) => write!(f, "{}: {error}", path.display()),
        }
    }
}

impl core::error::Error for BindError {}

/// The socket. It is removed when this is dropped.
#[derive(Debug)]
pub struct Socket {
    path: PathBuf,
    heard: Receiver<(ClientId, Heard)>,
}

impl Socket {
    /// Opens the socket and listens.
    ///
    /// # Errors
    ///
    /// When another daemon answers there, or the place cannot be used.
    pub fn bind<R: Runtime>(runtime: &R, path: &Path) -> Result<Self, BindError> {
        let listener = listen(path)?;
        let (say, heard) = async_channel::bounded(COMMANDS);
        runtime.spawn(accept(runtime.clone(), listener, say));
        let path = path.to_owned();
        Ok(Self { path, heard })
    }

    /// What clients do, in order.
    #[must_use]
    pub const fn heard(&self) -> &Receiver<(ClientId, Heard)> {
        &self.heard
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        // It may be gone already.
        let _ = fs::remove_file(&self.path);
    }
}

/// The clients, as the daemon sees them.
#[derive(Debug, Default)]
pub struct Clients(BTreeMap<ClientId, Outgoing>);

impl Clients {
    /// A client came.
    pub fn add(&mut self, id: ClientId, outgoing: Outgoing) {
        self.0.insert(id, outgoing);
    }

    /// A client is gone.
    pub fn remove(&mut self, id: ClientId) {
        self.0.remove(&id);
    }

    /// Whether nobody is there.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Says something to one.
    pub fn tell(&mut self, id: ClientId, event: &Event) {
        let line: Arc<str> = event.to_line().into();
        if self
            .0
            .get(&id)
            .is_some_and(|it| it.0.try_send(line).is_err())
        {
            // Its queue is full, or it is gone. Its reader says so.
            self.0.remove(&id);
        }
    }

    /// Says something to all.
    pub fn tell_all(&mut self, event: &Event) {
        let line: Arc<str> = event.to_line().into();
        self.0
            .retain(|_, it| it.0.try_send(Arc::clone(&line)).is_ok());
    }
}

fn listen(path: &Path) -> Result<Async<UnixListener>, BindError> {
    let fail = |error: io::Error| BindError::Io(path.to_owned(), error);
    if let Some(folder) = path.parent().filter(|it| !it.as_os_str().is_empty()) {
        let mut builder = fs::DirBuilder::new();
        builder.recursive(true).mode(0o700);
        builder.create(folder).map_err(fail)?;
        let mode = fs::metadata(folder).map_err(fail)?.permissions().mode();
        // Where others may write, but not remove what is not theirs, a socket is safe once it is bound.
        if mode & 0o022 != 0 && mode & 0o1000 == 0 {
            return Err(BindError::Unsafe(folder.to_owned()));
        }
    }
    match fs::symlink_metadata(path) {
        Ok(found) if !found.file_type().is_socket() => {
            return Err(BindError::NotASocket(path.to_owned()));
        }
        Ok(_) if UnixStream::connect(path).is_ok() => {
            return Err(BindError::Busy(path.to_owned()));
        }
        // What a daemon that was killed left.
        Ok(_) => fs::remove_file(path).map_err(fail)?,
        Err(_) => {}
    }
    // Nobody else can connect between the two steps: who connects is looked at.
    let listener = UnixListener::bind(path).map_err(fail)?;
    fs::set_permissions(path, fs::Permissions::from_mode(0o600)).map_err(fail)?;
    Async::new(listener).map_err(fail)
}

async fn accept<R: Runtime>(
    runtime: R,
    listener: Async<UnixListener>,
    say: Sender<(ClientId, Heard)>,
) {
    let mut next = 0;
    // It counts who is there: each holds a clone.
    let places = Arc::new(());
    while !say.is_closed() {
        let Ok((stream, _)) = listener.accept().await else {
            // Out of descriptors, perhaps: some will be free soon.
            let soon = runtime.now() + core::time::Duration::from_millis(100);
            runtime.sleep_until(soon).await;
            continue;
        };
        if !is_own(&stream) || Arc::strong_count(&places) > MAX_CLIENTS {
            continue;
        }
        let id = ClientId(next);
        next += 1;
        let place = Arc::clone(&places);
        let (inner, say) = (runtime.clone(), say.clone());
        runtime.spawn(async move {
            serve(&inner, id, stream, &say).await;
            drop(place);
        });
    }
}

/// Whether the process at the other end is the same user's, or root's.
fn is_own(stream: &Async<UnixStream>) -> bool {
    let own = rustix::process::geteuid();
    rustix::net::sockopt::socket_peercred(stream.get_ref())
        .is_ok_and(|it| it.uid == own || it.uid.is_root())
}

async fn serve<R: Runtime>(
    runtime: &R,
    id: ClientId,
    stream: Async<UnixStream>,
    say: &Sender<(ClientId, Heard)>,
) {
    let stream = Arc::new(stream);
    let (outgoing, lines) = async_channel::bounded(MAX_WAITING);
    if say
        .send((id, Heard::Came(Outgoing(outgoing))))
        .await
        .is_err()
    {
        return;
    }
    runtime.spawn(write(Arc::clone(&stream), lines));
    let mut lines = Lines::new(MAX_IPC_LINE_BYTES);
    while let Ok(Some(line)) = lines.next(&mut &*stream).await {
        let heard = match line.and_then(|line| Command::parse(&line)) {
            Ok(Some(command)) => Heard::Command(command),
            Ok(None) => continue,
            Err(error) => Heard::Malformed(error),
        };
        if say.send((id, heard)).await.is_err() {
            return;
        }
    }
    let _ = say.send((id, Heard::Gone)).await;
}

async fn write(stream: Arc<Async<UnixStream>>, lines: Receiver<Arc<str>>) {
    while let Ok(line) = lines.recv().await {
        if (&*stream).write_all(line.as_bytes()).await.is_err() {
            break;
        }
    }
    // The reader ends with it.
    let _ = stream.get_ref().shutdown(std::net::Shutdown::Both);
}
