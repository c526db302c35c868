//! PostgreSQL, by `DIALTONE_DB_URL`.

use std::time::Duration;

use sqlx::pool::PoolConnection;
use sqlx::postgres::{PgConnectOptions, PgConnection, PgPool, PgPoolOptions};
use sqlx::{AssertSqlSafe, Transaction};

use super::OpenError;
use super::adapter::session;
use super::backend::Backend;
use super::sql::SqlError;

/// How long a query waits for a connection before the store counts as unavailable.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(5);

/// Connections that read. Each costs the database a process.
const READERS: u32 = 8;

/// Any number that no other program locks in this database: "dialtone" in ASCII.
const SCHEMA_LOCK: i64 = 0x6469_616c_746f_6e65;

/// A database on a PostgreSQL server. One connection writes, in the order of the hub; others read.
#[derive(Debug)]
pub(super) struct Postgres {
    writer: PgPool,
    readers: PgPool,
}

session!(
    /// A connection to PostgreSQL.
    Session,
    sqlx::Postgres,
    PgConnection
);

impl Postgres {
    pub(super) async fn open(url: &str) -> Result<Self, OpenError> {
        let options: PgConnectOptions = url.parse().map_err(SqlError::from)?;
        let options = options
            .application_name("dialtone-server")
            // An ack promises that the message survives a loss of power, whatever the database's default is.
            .options([("synchronous_commit", "on")]);
        let writer = PgPoolOptions::new()
            .max_connections(1)
            .acquire_timeout(ACQUIRE_TIMEOUT)
            .connect_with(options.clone())
            .await
            .map_err(SqlError::from)?;
        let readers = PgPoolOptions::new()
            .max_connections(READERS)
            .acquire_timeout(ACQUIRE_TIMEOUT)
            .connect_lazy_with(options);
        Ok(Self { writer, readers })
    }
}

impl Backend for Postgres {
    type Writing = Session<Transaction<'static, sqlx::Postgres>>;
    type Reading = Session<PoolConnection<sqlx::Postgres>>;

    async fn begin(&self) -> Result<Self::Writing, SqlError> {
        Ok(Session(self.writer.begin().await?))
    }

    async fn commit(&self, writing: Self::Writing) -> Result<(), SqlError> {
        Ok(writing.0.commit().await?)
    }

    async fn read(&self) -> Result<Self::Reading, SqlError> {
        Ok(Session(self.readers.acquire().await?))
    }

    async fn lock_schema(&self, writing: &mut Self::Writing) -> Result<(), SqlError> {
        sqlx::query("SELECT pg_advisory_xact_lock($1)")
            .bind(SCHEMA_LOCK)
            .execute(&mut *writing.0)
            .await?;
        Ok(())
    }

    async fn run_script(
        &self,
        writing: &mut Self::Writing,
        script: &'static str,
    ) -> Result<(), SqlError> {
        sqlx::raw_sql(AssertSqlSafe(script.to_owned()))
            .execute(&mut *writing.0)
            .await?;
        Ok(())
    }

    async fn close(&self) {
        self.readers.close().await;
        self.writer.close().await;
    }
}
