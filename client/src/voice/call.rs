//! The way to the daemon: it is started when it is not there, watched, started again when it dies, and ended with this
//! program. What it asks is answered by the account.

mod keeper;
#[cfg(test)]
mod tests;

use std::path::PathBuf;

use async_channel::{Receiver, Sender};
use dialtone_protocol::ids::{ChannelId, DeviceId, UserId};
use dialtone_protocol::runtime::Runtime;
use dialtone_protocol::voice::ipc::{Command, Event};

use super::VoiceOptions;
use super::daemon::Daemon;
use crate::account::Visitor;
use crate::home::AccountDir;
use keeper::Keeper;

/// What happens on the way to the daemon.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum News {
    /// The daemon is there.
    Up,
    /// The daemon says this.
    Said(Event),
    /// The daemon is not there.
    Down {
        /// Why, in words.
        what: String,
        /// In how many seconds it is tried again by itself. In no room there is no need to: the next command does.
        again: Option<u64>,
    },
    /// What was chosen is not kept, and why: in words.
    NotKept(String),
}

/// Where what a person chooses is kept from one start to the next.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Keeping {
    /// The file. Without one nothing is read and nothing kept.
    pub file: Option<PathBuf>,
    /// The command line says from which level on sound is speech, and counts for more than what was kept of it.
    pub is_threshold_told: bool,
}

impl Keeping {
    /// In the folder of an account, whose lock is held as long as the call lasts.
    #[must_use]
    pub fn of(account: &AccountDir, options: &VoiceOptions) -> Self {
        Self {
            file: Some(account.voice_file()),
            is_threshold_told: options.threshold.is_some(),
        }
    }
}

/// A daemon, as the rest of the client sees it. When this is dropped, the daemon that was started for it ends.
#[derive(Debug)]
pub struct Call {
    commands: Sender<Command>,
    news: Receiver<News>,
    ended: Receiver<()>,
}

impl Call {
    /// Begins. With the first command the daemon is started, if it is to be and is not there.
    #[must_use]
    pub fn start<R: Runtime>(
        runtime: &R,
        account: Visitor,
        user: UserId,
        socket: PathBuf,
        daemon: Option<Daemon>,
        keeping: Keeping,
    ) -> Self {
        let (commands, wanted) = async_channel::unbounded();
        let (say, news) = async_channel::unbounded();
        let (alive, ended) = async_channel::bounded::<()>(1);
        let (place, line) = ((socket, daemon), (wanted, say));
        let keeper = Keeper::new(runtime.clone(), account, user, place, keeping, line);
        runtime.spawn(async move {
            keeper.keep().await;
            drop(alive);
        });
        Self {
            commands,
            news,
            ended,
        }
    }

    /// Tells the daemon something, as soon as it is there.
    pub fn tell(&self, command: Command) {
        // It is not bounded, and ends with this.
        let _ = self.commands.try_send(command);
    }

    /// The log does not let a device into a room any more.
    pub fn revoke(&self, room: ChannelId, user: UserId, device: DeviceId) {
        self.tell(Command::VoiceRevoke { room, user, device });
    }

    /// What happens, in order.
    #[must_use]
    pub const fn news(&self) -> &Receiver<News> {
        &self.news
    }

    /// Ends the daemon that was started for this, and waits for that.
    pub async fn close(self) {
        let Self {
            commands, ended, ..
        } = self;
        drop(commands);
        let _ = ended.recv().await;
    }
}
