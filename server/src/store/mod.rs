//! The store: the operations of [`dialtone_protocol::hub::store`] on SQLite and on PostgreSQL.

mod adapter;
mod apply;
mod at_rest;
mod backend;
mod postgres;
mod schema;
mod sql;
mod sqlite;

use std::fmt;
use std::sync::Arc;

use dialtone_protocol::hub::store::{Answer, Op, StoreError};
use futures_util::future::BoxFuture;

use crate::settings::{ChannelKey, Database};
use at_rest::AtRest;
use backend::SqlStore;
use sql::SqlError;

/// A store that outlives the process.
pub trait Store: fmt::Debug + Send + Sync {
    /// Carries out writes in their order, each of them wholly or not at all, and answers in that order once they are
    /// durable. They share one transaction where none of them fails.
    fn write(&self, ops: Vec<Op>) -> BoxFuture<'_, Vec<Result<Answer, StoreError>>>;

    /// Carries out a read. Reads run beside each other and beside writes.
    fn read(&self, op: Op) -> BoxFuture<'_, Result<Answer, StoreError>>;

    /// Ends every connection to the database.
    fn close(&self) -> BoxFuture<'_, ()>;
}

/// Who else may have the database open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "there is no third way")]
pub enum Sharing {
    /// A server: it numbers messages, and no other server may write to the same database. A file of SQLite is kept
    /// from others by the lock of the data directory.
    Alone,
    /// A command of the host, beside a server or without one.
    Beside,
}

/// Opens the store, and brings its tables up to date.
///
/// Belongs to the runtime inside which it was opened.
///
/// # Errors
///
/// When the database cannot be reached or used.
pub async fn open(
    database: &Database,
    key: Option<&ChannelKey>,
    sharing: Sharing,
) -> Result<Arc<dyn Store>, OpenError> {
    let rest = AtRest::new(key);
    match database {
        Database::Sqlite(path) => {
            let backend = sqlite::Sqlite::open(path).await?;
            Ok(Arc::new(SqlStore::open(backend, rest).await?))
        }
        Database::Postgres(url) => {
            let backend = postgres::Postgres::open(url, sharing).await?;
            Ok(Arc::new(SqlStore::open(backend, rest).await?))
        }
    }
}

/// Why a store cannot be opened.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum OpenError {
    /// Rows are sealed under a channel key that is not the one given.
    ChannelKey,
    /// The tables were made by a newer version.
    Newer,
    /// Another server writes to this database.
    Served,
    /// The database cannot be reached, or refuses what is asked of it.
    Unusable(String),
}

impl fmt::Display for OpenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ChannelKey => f.write_str(
                "the database is sealed under a channel key, and DIALTONE_CHANNEL_KEY is not that one",
            ),
            Self::Newer => f.write_str("the database was made by a newer dialtone-server"),
            Self::Served => f.write_str(
                "another dialtone-server uses this database: stop it, or set DIALTONE_DB_URL to another database",
            ),
            Self::Unusable(why) => write!(f, "the database cannot be used: {why}"),
        }
    }
}

impl std::error::Error for OpenError {}

impl From<SqlError> for OpenError {
    fn from(error: SqlError) -> Self {
        Self::Unusable(error.to_string())
    }
}
