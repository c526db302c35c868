//! One person: a real client engine on a virtual disk and a virtual link.

use std::collections::BTreeMap;

use dialtone_protocol::Instant;
use dialtone_protocol::client::{CallId, Change, Client, Event, Table};
use dialtone_protocol::ids::{ChannelId, ClientId, Seq};
use dialtone_protocol::wire::link::Link;

/// How a person's account began, so that a crash before its first record begins it again.
#[derive(Clone, Debug)]
pub struct Beginning {
    /// The link that was pasted.
    pub link: Link,
    /// The name that was chosen.
    pub username: String,
}

/// What an engine has been told is durable: its records, as a disk keeps them over a crash.
#[derive(Clone, Debug, Default)]
pub struct Disk(BTreeMap<(Table, Vec<u8>), Vec<u8>>);

impl Disk {
    /// Carries out one atomic batch.
    pub fn apply(&mut self, batch: Vec<Change>) {
        for change in batch {
            match change {
                Change::Put { table, key, value } => {
                    self.0.insert((table, key), value);
                }
                Change::Delete { table, key } => {
                    self.0.remove(&(table, key));
                }
                _ => {}
            }
        }
    }

    /// All records.
    pub fn records(&self) -> impl Iterator<Item = (Table, Vec<u8>, Vec<u8>)> + '_ {
        self.0
            .iter()
            .map(|((table, key), value)| (*table, key.clone(), value.clone()))
    }

    /// Whether nothing was ever written.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// An acked message, as the sender was told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Acked {
    /// Its channel.
    pub channel: ChannelId,
    /// Its number.
    pub seq: Seq,
    /// The sender's own name for it.
    pub client_id: ClientId,
}

/// A person and their terminal.
#[derive(Debug)]
pub struct Person {
    /// How the account began.
    pub beginning: Beginning,
    /// The engine, while the program runs.
    pub client: Option<Client>,
    /// What outlives the program.
    pub disk: Disk,
    /// The open or opening socket.
    pub socket: Option<u64>,
    /// Calls without an answer, and when the driver gives them up.
    pub calls: BTreeMap<CallId, Instant>,
    /// What was acked, over all runs of the program.
    pub acked: Vec<Acked>,
    /// How far each channel was marked as read.
    pub read: BTreeMap<ChannelId, Seq>,
    /// Links of invites that were made and not given away yet.
    pub links: Vec<String>,
    /// What the engine warned of.
    pub warnings: Vec<String>,
    /// What was refused to this person.
    pub refusals: Vec<String>,
}

impl Person {
    /// Somebody who has just pasted a link. The program does not run yet.
    #[must_use]
    pub fn new(beginning: Beginning) -> Self {
        Self {
            beginning,
            client: None,
            disk: Disk::default(),
            socket: None,
            calls: BTreeMap::new(),
            acked: Vec::new(),
            read: BTreeMap::new(),
            links: Vec::new(),
            warnings: Vec::new(),
            refusals: Vec::new(),
        }
    }

    /// Takes note of what the engine told.
    pub fn notice(&mut self, event: Event) {
        match event {
            Event::Acked {
                channel,
                client_id,
                seq,
                ..
            } => self.acked.push(Acked {
                channel,
                seq,
                client_id,
            }),
            Event::InviteReady { link, .. } => self.links.push(link),
            Event::Warning(warning) => self.warnings.push(warning.to_string()),
            Event::IntentRefused { intent, reason } => {
                self.refusals.push(format!("{intent:?}: {reason}"))
            }
            Event::SendFailed { reason, .. } => self.refusals.push(format!("send: {reason}")),
            _ => {}
        }
    }

    /// Ends the program at once, as `kill -9` does.
    pub fn crash(&mut self) {
        self.client = None;
        self.socket = None;
        self.calls.clear();
    }
}
