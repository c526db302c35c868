//! The local store: the engine's records in one file, sealed, in atomic and durable batches.
//!
//! Every value is sealed by the keystore's file key, with its table and key as associated data, so that no record
//! can stand in for another. Keys of records are ids and numbers that the server knows too; they are not hidden.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use dialtone_protocol::client::{Change, Table};
use dialtone_protocol::crypto::keystore::FileKey;
use dialtone_protocol::crypto::random::Entropy;
use redb::{Builder, Database, Durability, ReadableDatabase, ReadableTable, TableDefinition};

use crate::private;

#[cfg(test)]
mod tests;

/// What the database keeps in memory. The engine holds all that it works with, so the file is read only once.
const CACHE_BYTES: usize = 4 << 20;

/// A record as the engine knows it: table, key and value.
pub type Record = (Table, Vec<u8>, Vec<u8>);

/// The records of one account. All methods block: they belong on the pool for blocking work.
pub struct Store {
    path: PathBuf,
    database: Database,
    key: FileKey,
    entropy: Mutex<Entropy>,
}

impl Store {
    /// Makes an empty store, or opens the one that is there.
    ///
    /// # Errors
    ///
    /// When the file cannot be made, or is there and damaged.
    pub fn create(path: &Path, key: FileKey, seed: [u8; 32]) -> Result<Self, StoreError> {
        // Made here, so that only its owner may read it from its first moment on.
        private::open_or_create(path).map_err(|error| StoreError::io(path, &error))?;
        let database = builder()
            .create(path)
            .map_err(|error| StoreError::redb(path, error.into()))?;
        Ok(Self::new(path, database, key, seed))
    }

    /// Opens a store that must be there. One that is missing or damaged is never replaced.
    ///
    /// # Errors
    ///
    /// When the file is missing, cannot be read, or is damaged.
    pub fn open(path: &Path, key: FileKey, seed: [u8; 32]) -> Result<Self, StoreError> {
        if !path.exists() {
            return Err(StoreError::Missing(path.to_owned()));
        }
        let database = builder()
            .open(path)
            .map_err(|error| StoreError::redb(path, error.into()))?;
        Ok(Self::new(path, database, key, seed))
    }

    /// Reads and opens all records.
    ///
    /// # Errors
    ///
    /// When the file cannot be read, or holds a record that the file key did not seal.
    pub fn load(&self) -> Result<Vec<Record>, StoreError> {
        let failed = |error: redb::Error| StoreError::redb(&self.path, error);
        let reading = self.database.begin_read().map_err(|e| failed(e.into()))?;
        let mut records = Vec::new();
        for table in Table::ALL {
            let rows = match reading.open_table(definition(table)) {
                Ok(rows) => rows,
                Err(redb::TableError::TableDoesNotExist(_)) => continue,
                Err(error) => return Err(failed(error.into())),
            };
            for row in rows.iter().map_err(|e| failed(e.into()))? {
                let (key, sealed) = row.map_err(|e| failed(e.into()))?;
                let value = self
                    .key
                    .open_record(table.name(), key.value(), sealed.value())
                    .map_err(|_| StoreError::Foreign {
                        path: self.path.clone(),
                        table,
                    })?;
                records.push((table, key.value().to_vec(), value.to_vec()));
            }
        }
        Ok(records)
    }

    /// Makes all these changes durable, or none of them.
    ///
    /// # Errors
    ///
    /// When the system refuses. Nothing of the batch is then in the store.
    pub fn apply(&self, changes: &[Change]) -> Result<(), StoreError> {
        let failed = |error: redb::Error| StoreError::redb(&self.path, error);
        let mut writing = self.database.begin_write().map_err(|e| failed(e.into()))?;
        writing
            .set_durability(Durability::Immediate)
            .map_err(|e| failed(e.into()))?;
        for change in changes {
            self.apply_one(&writing, change).map_err(failed)?;
        }
        writing.commit().map_err(|e| failed(e.into()))
    }

    fn apply_one(
        &self,
        writing: &redb::WriteTransaction,
        change: &Change,
    ) -> Result<(), redb::Error> {
        match change {
            Change::Put { table, key, value } => {
                let sealed = self.seal(*table, key, value);
                writing
                    .open_table(definition(*table))?
                    .insert(key.as_slice(), sealed.as_slice())?;
            }
            Change::Delete { table, key } => {
                writing
                    .open_table(definition(*table))?
                    .remove(key.as_slice())?;
            }
            // The enum grows only together with this crate.
            _ => {}
        }
        Ok(())
    }

    fn seal(&self, table: Table, key: &[u8], value: &[u8]) -> Vec<u8> {
        let mut entropy = self.entropy.lock().unwrap_or_else(PoisonError::into_inner);
        self.key.seal_record(table.name(), key, value, &mut entropy)
    }

    fn new(path: &Path, database: Database, key: FileKey, seed: [u8; 32]) -> Self {
        Self {
            path: path.to_owned(),
            database,
            key,
            entropy: Mutex::new(Entropy::from_seed(seed)),
        }
    }
}

impl fmt::Debug for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Store")
            .field("path", &self.path)
            .finish_non_exhaustive()
    }
}

fn builder() -> Builder {
    let mut builder = Builder::new();
    builder.set_cache_size(CACHE_BYTES);
    // Without it a file that something else altered could end the process instead of being named.
    builder.set_check_integrity_on_open(true);
    builder
}

fn definition(table: Table) -> TableDefinition<'static, &'static [u8], &'static [u8]> {
    TableDefinition::new(table.name())
}

/// Why the local store cannot be used.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum StoreError {
    /// The file is not what was written into it.
    Damaged {
        /// The file.
        path: PathBuf,
        /// How that was seen.
        reason: String,
    },
    /// A record was not sealed by this account's key.
    Foreign {
        /// The file.
        path: PathBuf,
        /// The table of the record.
        table: Table,
    },
    /// The system refused.
    Io {
        /// The file.
        path: PathBuf,
        /// Its reason.
        reason: String,
    },
    /// The file is not there.
    Missing(PathBuf),
}

impl StoreError {
    pub(crate) fn io(path: &Path, error: &std::io::Error) -> Self {
        Self::Io {
            path: path.to_owned(),
            reason: error.to_string(),
        }
    }

    fn redb(path: &Path, error: redb::Error) -> Self {
        match error {
            redb::Error::Io(error) if error.kind() != std::io::ErrorKind::InvalidData => {
                Self::io(path, &error)
            }
            error => Self::Damaged {
                path: path.to_owned(),
                reason: error.to_string(),
            },
        }
    }
}

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Damaged { path, reason } => {
                write!(f, "the local store {} is damaged: {reason}", path.display())
            }
            Self::Foreign { path, table } => write!(
                f,
                "the local store {} is damaged: a record of its table {} was not sealed by this account",
                path.display(),
                table.name()
            ),
            Self::Io { path, reason } => {
                write!(f, "cannot use the local store {}: {reason}", path.display())
            }
            Self::Missing(path) => write!(f, "the local store {} is missing", path.display()),
        }
    }
}

impl std::error::Error for StoreError {}
