//! SQLite: the default, which needs nothing.

use std::num::NonZero;
use std::path::Path;
use std::time::Duration;

use sqlx::pool::PoolConnection;
use sqlx::sqlite::{
    SqliteConnectOptions, SqliteConnection, SqliteJournalMode, SqlitePool, SqlitePoolOptions,
    SqliteSynchronous,
};
use sqlx::{AssertSqlSafe, Transaction};

use super::OpenError;
use super::adapter::session;
use super::backend::Backend;
use super::sql::SqlError;
use crate::home::make_owner_only;

/// How long a write waits for another process, such as `dialtone-server invite`.
const BUSY_TIMEOUT: Duration = Duration::from_secs(10);

/// Connections that only read. A query is short, and two cores are the machine that this is for.
const READERS: u32 = 4;

/// Enough for every statement of the store.
const CACHED_STATEMENTS: NonZero<usize> = NonZero::new(128).unwrap();

/// One file in WAL mode: one connection writes, others read beside it.
#[derive(Debug)]
pub(super) struct Sqlite {
    writer: SqlitePool,
    readers: SqlitePool,
}

session!(
    /// A connection to SQLite.
    Session,
    sqlx::Sqlite,
    SqliteConnection
);

impl Sqlite {
    pub(super) async fn open(path: &Path) -> Result<Self, OpenError> {
        make_owner_only(path).map_err(|error| OpenError::Unusable(error.to_string()))?;
        let options = SqliteConnectOptions::new()
            .filename(path)
            .journal_mode(SqliteJournalMode::Wal)
            // An ack promises that the message survives a loss of power.
            .synchronous(SqliteSynchronous::Full)
            .busy_timeout(BUSY_TIMEOUT)
            .statement_cache_capacity(CACHED_STATEMENTS.get());
        let writer = SqlitePoolOptions::new()
            .max_connections(1)
            .idle_timeout(None)
            .max_lifetime(None)
            .connect_with(options.clone())
            .await
            .map_err(SqlError::from)?;
        let readers = SqlitePoolOptions::new()
            .max_connections(READERS)
            .idle_timeout(None)
            .max_lifetime(None)
            .connect_lazy_with(options.read_only(true));
        Ok(Self { writer, readers })
    }
}

impl Backend for Sqlite {
    type Writing = Session<Transaction<'static, sqlx::Sqlite>>;
    type Reading = Session<PoolConnection<sqlx::Sqlite>>;

    async fn begin(&self) -> Result<Self::Writing, SqlError> {
        // Takes the lock at once: one that is taken later can fail in the middle of a transaction.
        Ok(Session(self.writer.begin_with("BEGIN IMMEDIATE").await?))
    }

    async fn commit(&self, writing: Self::Writing) -> Result<(), SqlError> {
        Ok(writing.0.commit().await?)
    }

    async fn read(&self) -> Result<Self::Reading, SqlError> {
        Ok(Session(self.readers.acquire().await?))
    }

    async fn lock_schema(&self, _writing: &mut Self::Writing) -> Result<(), SqlError> {
        // `BEGIN IMMEDIATE` holds the only lock there is.
        Ok(())
    }

    async fn run_script(
        &self,
        writing: &mut Self::Writing,
        script: &'static str,
    ) -> Result<(), SqlError> {
        let script = script.replace("BYTEA", "BLOB");
        sqlx::raw_sql(AssertSqlSafe(script))
            .execute(&mut *writing.0)
            .await?;
        Ok(())
    }

    async fn close(&self) {
        self.readers.close().await;
        self.writer.close().await;
    }
}
