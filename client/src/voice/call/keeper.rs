//! Keeps the way to the daemon: starts it, hands on what is wanted, answers what it asks, and begins anew when it dies.

use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::process::Child;
use std::time::Duration;

use async_channel::{Receiver, Sender};
use async_io::Async;
use dialtone_protocol::client::Client;
use dialtone_protocol::ids::UserId;
use dialtone_protocol::limits::MAX_IPC_LINE_BYTES;
use dialtone_protocol::runtime::Runtime;
use dialtone_protocol::voice::ipc::{Command, Event, Press};
use futures_util::AsyncWriteExt;
use futures_util::future::{Either, select};

use super::{Keeping, News};
use crate::account::Visitor;
use crate::voice::Lines;
use crate::voice::chosen::{Chosen, ChosenError};
use crate::voice::daemon::{self, Daemon, DaemonError};
use crate::voice::kept::Kept;
use crate::voice::socket::{self, SocketError};

/// The pauses before a daemon that died is started again, in seconds: the original's.
const PAUSES: [u64; 5] = [2, 4, 8, 16, 32];

/// How long a daemon may take to listen once it was started.
const STARTS: Duration = Duration::from_secs(10);

/// A daemon that held for so long is no broken one: when it dies, the pauses begin anew.
const HELD: Duration = Duration::from_secs(60);

/// How often it is tried meanwhile.
pub(super) const LOOK: Duration = Duration::from_millis(20);

pub(super) struct Keeper<R: Runtime> {
    runtime: R,
    account: Visitor,
    user: UserId,
    socket: PathBuf,
    daemon: Option<Daemon>,
    child: Option<Child>,
    wanted: Receiver<Command>,
    news: Sender<News>,
    kept: Kept,
    /// Where what is chosen is kept.
    file: Option<PathBuf>,
    /// Whether a key was pressed by this.
    presses: bool,
}

/// Why the way to the daemon ended.
enum End {
    /// This program wants nothing of it any more.
    Closed,
    /// It is gone.
    Lost(String),
}

impl<R: Runtime> Keeper<R> {
    pub(super) fn new(
        runtime: R,
        account: Visitor,
        user: UserId,
        (socket, daemon): (PathBuf, Option<Daemon>),
        keeping: Keeping,
        (wanted, news): (Receiver<Command>, Sender<News>),
    ) -> Self {
        Self {
            runtime,
            account,
            user,
            socket,
            daemon,
            child: None,
            wanted,
            news,
            kept: Kept::new(keeping.is_threshold_told),
            file: keeping.file,
            presses: false,
        }
    }

    /// Runs until nothing is wanted any more, and ends the daemon that it started.
    pub(super) async fn keep(mut self) {
        self.run().await;
        if let Some(child) = self.child.take() {
            daemon::end(&self.runtime, child).await;
        }
    }

    async fn run(&mut self) {
        let mut tries = 0;
        self.recall().await;
        if !self.idle().await {
            return;
        }
        loop {
            let what = match self.reach().await {
                Ok(stream) => {
                    let _ = self.news.try_send(News::Up);
                    let began = self.runtime.now();
                    match self.serve(&stream).await {
                        End::Closed => return self.leave(&stream).await,
                        End::Lost(what) => {
                            // One that held for a while is started again soon.
                            if self.runtime.now() - began > HELD {
                                tries = 0;
                            }
                            what
                        }
                    }
                }
                Err(what) => what,
            };
            self.kept.give_up();
            let pause = PAUSES.get(tries).or(PAUSES.last()).copied().unwrap_or(32);
            let again = self.kept.room.map(|_| pause);
            let _ = self.news.try_send(News::Down { what, again });
            tries += 1;
            let goes_on = match again {
                Some(seconds) => self.pause(seconds).await,
                None => self.idle().await,
            };
            if !goes_on {
                return;
            }
        }
    }

    /// Waits for something that takes a daemon. `false` if nothing is wanted any more.
    async fn idle(&mut self) -> bool {
        while let Ok(command) = self.wanted.recv().await {
            let is_worth_it = self.kept.queue(command);
            self.save().await;
            if is_worth_it {
                return true;
            }
        }
        false
    }

    /// Reads what was kept. What cannot be read is not written over.
    async fn recall(&mut self) {
        let Some(path) = self.file.clone() else {
            return;
        };
        match self.runtime.unblock(move || Chosen::read(&path)).await {
            Ok(earlier) => self.kept.recall(earlier),
            Err(error) => {
                self.file = None;
                self.not_kept(&error);
            }
        }
    }

    /// Writes what was chosen, if that is something else than before.
    async fn save(&mut self) {
        let Some(path) = self.file.clone() else {
            return;
        };
        let Some(chosen) = self.kept.unsaved() else {
            return;
        };
        let written = self.runtime.unblock(move || chosen.write(&path)).await;
        if let Err(error) = written {
            self.not_kept(&error);
        }
    }

    fn not_kept(&self, error: &ChosenError) {
        let _ = self.news.try_send(News::NotKept(error.to_string()));
    }

    /// Waits, and goes on keeping in mind what the user wants. `false` if nothing is wanted any more.
    async fn pause(&mut self, seconds: u64) -> bool {
        let until = self.runtime.now() + Duration::from_secs(seconds);
        loop {
            let sleep = self.runtime.sleep_until(until);
            let wanted = self.wanted.recv();
            match select(core::pin::pin!(wanted), core::pin::pin!(sleep)).await {
                Either::Left((Ok(command), _)) => {
                    let before = self.kept.room;
                    self.kept.queue(command);
                    self.save().await;
                    if self.kept.room.is_none() {
                        // There is no daemon to say that it has left.
                        let left = Event::VoiceReady { room: before };
                        let _ = self.news.try_send(News::Said(left));
                        return self.idle().await;
                    }
                }
                Either::Left((Err(_), _)) => return false,
                Either::Right(((), _)) => return true,
            }
        }
    }

    /// A daemon of somebody else stays, but not in the room, and with no key held.
    async fn leave(&self, stream: &Async<UnixStream>) {
        if self.child.is_none() {
            let action = Press::Up;
            if self.presses {
                let _ = write(stream, &Command::Ptt { action }).await;
            }
            if self.kept.room.is_some() {
                let _ = write(stream, &Command::VoiceLeave { room: None }).await;
            }
        }
    }

    /// Connects to the daemon, and starts it before if need be.
    async fn reach(&mut self) -> Result<Async<UnixStream>, String> {
        match socket::connect(&self.socket).await {
            Ok(stream) => return Ok(stream),
            Err(SocketError::NotRunning(_)) => {}
            Err(error) => return Err(error.to_string()),
        }
        let Some(daemon) = &self.daemon else {
            return Err(DaemonError::NotStarted.to_string());
        };
        if let Some(child) = self.child.take() {
            daemon::end(&self.runtime, child).await;
        }
        let (mut child, words) = daemon.start().map_err(|error| error.to_string())?;
        let until = self.runtime.now() + STARTS;
        loop {
            if let Ok(stream) = socket::connect(&self.socket).await {
                self.child = Some(child);
                return Ok(stream);
            }
            if let Ok(Some(status)) = child.try_wait() {
                let words = words.read(&self.runtime).await;
                return Err(match words.strip_prefix("dialtone-voiced: ") {
                    Some(why) => format!("the voice daemon does not begin: {why}"),
                    None => format!(
                        "the voice daemon ended as soon as it was started ({status}): see why with --voice-debug"
                    ),
                });
            }
            // Whoever leaves does not wait for it.
            if self.runtime.now() >= until || self.wanted.is_closed() {
                self.child = Some(child);
                return Err(format!(
                    "the voice daemon was started, and does not listen on {} after {} s: see why with --voice-debug",
                    self.socket.display(),
                    STARTS.as_secs()
                ));
            }
            self.runtime.sleep_until(self.runtime.now() + LOOK).await;
        }
    }

    async fn serve(&mut self, stream: &Async<UnixStream>) -> End {
        let is_own = self.child.is_some();
        for command in self.kept.greeting(self.user, is_own) {
            if let Err(error) = write(stream, &command).await {
                return End::Lost(error);
            }
        }
        let mut lines = Lines::new(MAX_IPC_LINE_BYTES);
        loop {
            let mut reader = stream;
            let line = lines.next(&mut reader);
            let wanted = self.wanted.recv();
            match select(core::pin::pin!(wanted), core::pin::pin!(line)).await {
                Either::Left((Ok(command), _)) => {
                    self.kept.note(&command);
                    self.presses |= matches!(command, Command::Ptt { .. });
                    let written = write(stream, &command).await;
                    self.save().await;
                    if let Err(error) = written {
                        return End::Lost(error);
                    }
                }
                Either::Left((Err(_), _)) => return End::Closed,
                Either::Right((Ok(Some(line)), _)) => {
                    let event = line
                        .ok()
                        .and_then(|line| Event::parse(&line).ok().flatten());
                    if let Some(event) = event
                        && let Err(error) = self.said(stream, event).await
                    {
                        return End::Lost(error);
                    }
                }
                Either::Right((Ok(None) | Err(_), _)) => {
                    return End::Lost("the voice daemon ended".to_owned());
                }
            }
        }
    }

    async fn said(&mut self, stream: &Async<UnixStream>, event: Event) -> Result<(), String> {
        match event {
            Event::VoiceAsk { ask, question } => {
                let answer = self
                    .account
                    .with(move |client, _| client.answer_voice(&question));
                if let Some(answer) = answer.await {
                    write(stream, &Command::VoiceAnswer { ask, answer }).await?;
                }
            }
            event => {
                // Whoever was put out does not come back by itself.
                if let Event::VoiceLeft { room, .. } = &event
                    && self.kept.room == Some(*room)
                {
                    self.forget_room().await;
                }
                // It sees that this machine has other addresses, which this program does not.
                if event == (Event::VoiceLink { online: false }) {
                    self.account.with(Client::doubt_connection).await;
                }
                let _ = self.news.try_send(News::Said(event));
            }
        }
        Ok(())
    }

    async fn forget_room(&mut self) {
        self.kept.room = None;
        self.account.with(|client, _| client.leave_voice()).await;
    }
}

async fn write(stream: &Async<UnixStream>, command: &Command) -> Result<(), String> {
    let mut writer = stream;
    let written = writer.write_all(command.to_line().as_bytes()).await;
    written.map_err(|_| "the voice daemon ended".to_owned())
}
