//! What the engine keeps: records in tables, changed in atomic batches.

use alloc::vec::Vec;
use core::fmt;

/// A table of records.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Table {
    /// Who this is: the device's secret, the user, the server.
    Account,
    /// Entries of the log, by index.
    Chain,
    /// The head up to which the log was verified here.
    Checkpoint,
    /// Keys of groups, by group and epoch.
    Keys,
    /// Messages and the range of each channel that is processed.
    Messages,
    /// Messages that have no ack yet.
    Outbox,
    /// Opened names, by subject.
    Names,
    /// How far pages of the server were read.
    Cursors,
    /// What the user asked for and the log does not show yet.
    Pending,
}

impl Table {
    /// Every table, for a store that makes them all.
    pub const ALL: [Self; 9] = [
        Self::Account,
        Self::Chain,
        Self::Checkpoint,
        Self::Keys,
        Self::Messages,
        Self::Outbox,
        Self::Names,
        Self::Cursors,
        Self::Pending,
    ];

    /// The table's name in a store. It never changes.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Account => "account",
            Self::Chain => "chain",
            Self::Checkpoint => "checkpoint",
            Self::Keys => "keys",
            Self::Messages => "messages",
            Self::Outbox => "outbox",
            Self::Names => "names",
            Self::Cursors => "cursors",
            Self::Pending => "pending",
        }
    }
}

/// One change of one record.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Change {
    /// Writes a record, in place of an older one.
    Put {
        /// The table.
        table: Table,
        /// The record's key in the table. It says nothing secret.
        key: Vec<u8>,
        /// The record. It may hold secrets: a driver seals it before it touches a disk.
        value: Vec<u8>,
    },
    /// Removes a record, if it is there.
    Delete {
        /// The table.
        table: Table,
        /// The record's key in the table.
        key: Vec<u8>,
    },
}

impl fmt::Debug for Change {
    /// Without the value: it may hold secrets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Put { table, key, value } => write!(
                f,
                "Put({}, {} bytes of key, {} bytes)",
                table.name(),
                key.len(),
                value.len()
            ),
            Self::Delete { table, key } => {
                write!(f, "Delete({}, {} bytes of key)", table.name(), key.len())
            }
        }
    }
}
