//! PostgreSQL, by `DIALTONE_DB_URL`.

use std::pin::pin;
use std::time::Duration;

use async_channel::Sender;
use futures_util::future::{Either, select};
use sqlx::pool::PoolConnection;
use sqlx::postgres::{PgConnectOptions, PgConnection, PgPool, PgPoolOptions};
use sqlx::{AssertSqlSafe, Transaction};

use super::adapter::session;
use super::backend::Backend;
use super::sql::SqlError;
use super::{OpenError, Sharing};

/// How long a query waits for a connection before the store counts as unavailable.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(5);

/// The same for the connection that writes: on a slow machine it takes some time besides waiting for its lock.
const WRITER_TIMEOUT: Duration = Duration::from_secs(15);

/// Connections that read. Each costs the database a process.
const READERS: u32 = 8;

/// Any number that no other program locks in this database: "dialtone" in ASCII.
const SCHEMA_LOCK: i64 = 0x6469_616c_746f_6e65;

/// What a server holds for as long as it writes: the number after that.
const SERVER_LOCK: i64 = SCHEMA_LOCK + 1;

/// How long a server that starts waits for another one that is just ending.
const LOCK_WAIT: &str = "SET lock_timeout = '3s'";

/// PostgreSQL asks after a client that was silent for 10 s, and ends its session, and with it the lock, when three
/// questions 5 s apart have no answer. By itself it would let two hours pass.
const KEEPALIVE: [(&str, &str); 3] = [
    ("tcp_keepalives_idle", "10"),
    ("tcp_keepalives_interval", "5"),
    ("tcp_keepalives_count", "3"),
];

/// What PostgreSQL says when a lock was not to be had in time.
const LOCK_NOT_AVAILABLE: &str = "55P03";

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
    pub(super) async fn open(url: &str, sharing: Sharing) -> Result<Self, OpenError> {
        let options: PgConnectOptions = url.parse().map_err(SqlError::from)?;
        let options = options
            .application_name("dialtone-server")
            // An ack promises that the message survives a loss of power, whatever the database's default is.
            .options([("synchronous_commit", "on")])
            .options(KEEPALIVE);
        let writer = PgPoolOptions::new()
            .max_connections(1)
            .acquire_timeout(WRITER_TIMEOUT);
        let (refuse, refused) = async_channel::bounded(1);
        let writer = match sharing {
            Sharing::Alone => hold_lock(writer, refuse.clone()),
            Sharing::Beside => writer,
        };
        let writer = writer.connect_with(options.clone());
        // The pool would try again for as long as it may.
        let writer = match select(pin!(writer), pin!(refused.recv())).await {
            Either::Left((writer, _)) => writer.map_err(SqlError::from)?,
            Either::Right(_) => return Err(OpenError::Served),
        };
        let readers = PgPoolOptions::new()
            .max_connections(READERS)
            .acquire_timeout(ACQUIRE_TIMEOUT)
            .connect_lazy_with(options);
        Ok(Self { writer, readers })
    }
}

/// Lets the connection that writes hold a lock for as long as it lives: a second server would number messages anew.
/// After the database was lost it is taken again, or nothing is written any more.
fn hold_lock(writer: PgPoolOptions, refuse: Sender<()>) -> PgPoolOptions {
    writer
        .idle_timeout(None)
        .max_lifetime(None)
        .after_connect(move |connection, _| Box::pin(lock(connection, refuse.clone())))
}

/// Takes the lock. Says so to `refuse` when another server has it.
async fn lock(connection: &mut PgConnection, refuse: Sender<()>) -> Result<(), sqlx::Error> {
    sqlx::query(LOCK_WAIT).execute(&mut *connection).await?;
    let locked = sqlx::query("SELECT pg_advisory_lock($1)")
        .bind(SERVER_LOCK)
        .execute(&mut *connection)
        .await;
    let code = match &locked {
        Err(sqlx::Error::Database(error)) => error.code(),
        _ => None,
    };
    if code.as_deref() == Some(LOCK_NOT_AVAILABLE) {
        // Once the store is open nobody listens any more.
        let _ = refuse.try_send(());
    }
    locked?;
    sqlx::query("RESET lock_timeout")
        .execute(&mut *connection)
        .await?;
    Ok(())
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
