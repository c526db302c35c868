//! The daemon's socket: one for each home and account.

use core::fmt;
use std::env;
use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process;
use std::time::Duration;

use async_io::Async;
use dialtone_protocol::runtime::Runtime;
use dialtone_protocol::voice::ipc::{Command, Event, Press};
use futures_util::AsyncWriteExt;
use rustix::net::sockopt::socket_peercred;
use rustix::process::{Uid, geteuid};
use sha2::{Digest, Sha256};

use super::Lines;
use crate::home::{AccountDir, Home};
use crate::link::timing;

/// The longest path of a socket that every system takes, in bytes.
const LONGEST: usize = 100;

/// How long the daemon may take to answer.
const ANSWER: Duration = Duration::from_secs(3);

/// Why the daemon cannot be talked to.
#[derive(Debug)]
#[non_exhaustive]
pub enum SocketError {
    /// The path is longer than a socket's can be.
    TooLong(PathBuf),
    /// No daemon is there.
    NotRunning(PathBuf),
    /// Something of another user listens there: it would learn the account's token.
    Foreign(PathBuf),
    /// A daemon that was started for something else listens there already.
    Taken(PathBuf),
    /// The daemon refuses.
    Refused(String),
    /// Something else went wrong.
    Io(PathBuf, io::Error),
}

impl fmt::Display for SocketError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLong(path) => write!(
                f,
                "{} is too long for a socket: set XDG_RUNTIME_DIR, or choose another place by --voice-ipc",
                path.display()
            ),
            Self::NotRunning(path) => write!(
                f,
                "no voice daemon is listening on {}: join a room first, with /voice join or dialtone voice join",
                path.display()
            ),
            Self::Foreign(path) => write!(
                f,
                "{} belongs to another user, and nothing is said to it: remove it, or choose another place by \
                 --voice-ipc",
                path.display()
            ),
            Self::Taken(path) => write!(
                f,
                "a voice daemon is listening on {} already, and takes no --input and no --output: end it, or choose \
                 another place by --voice-ipc",
                path.display()
            ),
            Self::Refused(why) => f.write_str(why),
            Self::Io(path, error) => write!(f, "{}: {error}", path.display()),
        }
    }
}

impl core::error::Error for SocketError {}

/// The folder for sockets in the user's runtime directory, if there is one.
#[must_use]
pub fn runtime_folder() -> Option<PathBuf> {
    let folder = env::var_os("XDG_RUNTIME_DIR").filter(|it| !it.is_empty())?;
    Some(PathBuf::from(folder).join("dialtone"))
}

/// Where the daemon of an account listens: in the runtime directory of the user, or in the home where there is none.
///
/// # Errors
///
/// When the path would be too long.
pub fn socket_path(home: &Home, account: &AccountDir) -> Result<PathBuf, SocketError> {
    path_in(runtime_folder(), home.path(), &account.name())
}

pub(super) fn path_in(
    runtime: Option<PathBuf>,
    home: &Path,
    account: &str,
) -> Result<PathBuf, SocketError> {
    let whole = home.canonicalize().unwrap_or_else(|_| home.to_owned());
    let mut hash = Sha256::new();
    hash.update(whole.as_os_str().as_encoded_bytes());
    hash.update([0]);
    hash.update(account.as_bytes());
    let digits: String = hash
        .finalize()
        .iter()
        .take(8)
        .map(|byte| format!("{byte:02x}"))
        .collect();
    let folder = runtime.unwrap_or_else(|| home.to_owned());
    bounded(folder.join(format!("voice-{digits}.sock")))
}

fn bounded(path: PathBuf) -> Result<PathBuf, SocketError> {
    match path.as_os_str().len() <= LONGEST {
        true => Ok(path),
        false => Err(SocketError::TooLong(path)),
    }
}

/// A socket for a daemon that does something special: that of the account, or one beside it where another daemon
/// listens already. What was `named` by the user has to be free.
///
/// # Errors
///
/// When what was named is taken, or the path would be too long.
pub async fn free_path(path: PathBuf, named: bool) -> Result<PathBuf, SocketError> {
    match connect(&path).await {
        Err(SocketError::NotRunning(_)) => return Ok(path),
        Ok(_) if named => return Err(SocketError::Taken(path)),
        Ok(_) => {}
        Err(error) => return Err(error),
    }
    let name = path.file_stem().unwrap_or_default().to_string_lossy();
    bounded(path.with_file_name(format!("{name}-{}.sock", process::id())))
}

pub(super) async fn connect(path: &Path) -> Result<Async<UnixStream>, SocketError> {
    connect_as(path, geteuid()).await
}

/// Connects to a daemon of this user. Nobody else's hears a word: the first question of a daemon is for the token.
pub(super) async fn connect_as(path: &Path, own: Uid) -> Result<Async<UnixStream>, SocketError> {
    let foreign = || SocketError::Foreign(path.to_owned());
    let failed = |error: io::Error| match error.kind() {
        io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused => {
            SocketError::NotRunning(path.to_owned())
        }
        _ => SocketError::Io(path.to_owned(), error),
    };
    let found = fs::symlink_metadata(path).map_err(failed)?;
    if found.uid() != own.as_raw() {
        return Err(foreign());
    }
    let stream = Async::<UnixStream>::connect(path).await.map_err(failed)?;
    // The file may have been another one by then, and whoever listens may not be its owner.
    let listener = socket_peercred(stream.get_ref()).map_err(|error| failed(error.into()))?;
    match listener.uid == own {
        true => Ok(stream),
        false => Err(foreign()),
    }
}

/// Says what happens to the key to talk, to a daemon that runs. Needs no account.
///
/// # Errors
///
/// When no daemon is there, or it is not set up for a key.
pub async fn press<R: Runtime>(runtime: &R, path: &Path, action: Press) -> Result<(), SocketError> {
    let failed = |error| SocketError::Io(path.to_owned(), error);
    let mut stream = connect(path).await?;
    let lines = [Command::Ptt { action }, Command::Ping].map(|it| it.to_line());
    stream
        .write_all(lines.concat().as_bytes())
        .await
        .map_err(failed)?;
    let answered = async {
        let mut lines = Lines::new(dialtone_protocol::limits::MAX_IPC_LINE_BYTES);
        while let Some(line) = lines.next(&mut stream).await.map_err(failed)? {
            match line
                .ok()
                .and_then(|line| Event::parse(&line).ok().flatten())
            {
                Some(Event::Pong) => return Ok(()),
                Some(Event::Error { error }) => return Err(SocketError::Refused(error)),
                _ => {}
            }
        }
        Err(failed(io::ErrorKind::UnexpectedEof.into()))
    };
    let late = || Err(failed(io::ErrorKind::TimedOut.into()));
    timing::within(runtime, ANSWER, answered)
        .await
        .unwrap_or_else(late)
}
