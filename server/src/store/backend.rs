//! A store over any SQL database: what is common to SQLite and PostgreSQL.

use std::future::Future;

use dialtone_protocol::hub::store::{Answer, Op, StoreError};
use futures_util::future::BoxFuture;
use tracing::{error, warn};

use super::apply::apply;
use super::at_rest::AtRest;
use super::sql::{Sql, SqlError};
use super::{OpenError, Store, schema};

/// How a database is reached.
pub(super) trait Backend: std::fmt::Debug + Send + Sync + 'static {
    /// A connection inside a transaction that may write. Dropping it rolls back.
    type Writing: Sql;
    /// A connection that only reads.
    type Reading: Sql;

    /// Begins a transaction.
    fn begin(&self) -> impl Future<Output = Result<Self::Writing, SqlError>> + Send;

    /// Makes a transaction durable.
    fn commit(&self, writing: Self::Writing) -> impl Future<Output = Result<(), SqlError>> + Send;

    /// Waits for a connection.
    fn read(&self) -> impl Future<Output = Result<Self::Reading, SqlError>> + Send;

    /// Keeps other processes from migrating until the transaction ends.
    fn lock_schema(
        &self,
        writing: &mut Self::Writing,
    ) -> impl Future<Output = Result<(), SqlError>> + Send;

    /// Runs several statements in this database's own dialect.
    fn run_script(
        &self,
        writing: &mut Self::Writing,
        script: &'static str,
    ) -> impl Future<Output = Result<(), SqlError>> + Send;

    /// Closes every connection.
    fn close(&self) -> impl Future<Output = ()> + Send;
}

/// The store over a database.
#[derive(Debug)]
pub(super) struct SqlStore<B> {
    backend: B,
    rest: AtRest,
}

impl<B: Backend> SqlStore<B> {
    /// Migrates the database and checks that its sealed rows can be opened.
    pub(super) async fn open(backend: B, rest: AtRest) -> Result<Self, OpenError> {
        schema::migrate(&backend).await?;
        schema::check_key(&backend, &rest).await?;
        Ok(Self { backend, rest })
    }

    /// Carries out all of `ops` in one transaction.
    async fn write_together(&self, ops: Vec<Op>) -> Result<Vec<Answer>, Failure> {
        let mut writing = self.backend.begin().await.map_err(Failure::Database)?;
        let mut answers = Vec::with_capacity(ops.len());
        for op in ops {
            let answer = apply(&mut writing, &self.rest, op).await;
            answers.push(answer.map_err(Failure::Op)?);
        }
        let committed = self.backend.commit(writing).await;
        committed.map_err(Failure::Database)?;
        Ok(answers)
    }
}

/// Why a transaction failed.
enum Failure {
    /// It could not be begun, or nobody knows whether it was committed: others will fare no better.
    Database(SqlError),
    /// One of its operations failed.
    Op(SqlError),
}

impl<B: Backend> Store for SqlStore<B> {
    fn write(&self, ops: Vec<Op>) -> BoxFuture<'_, Vec<Result<Answer, StoreError>>> {
        Box::pin(async move {
            let all = ops.len();
            if all > 1 {
                match self.write_together(ops.clone()).await {
                    Ok(answers) => return answers.into_iter().map(Ok).collect(),
                    Err(Failure::Database(failure)) => return vec![Err(failed(&failure)); all],
                    Err(Failure::Op(failure)) => {
                        warn!(%failure, "a group of writes failed; trying them one by one");
                    }
                }
            }
            // One operation that fails must not take the others with it.
            let mut answers = Vec::with_capacity(all);
            for op in ops {
                match self.write_together(vec![op]).await {
                    Ok(answer) => answers.extend(answer.into_iter().map(Ok)),
                    Err(Failure::Op(failure)) => answers.push(Err(failed(&failure))),
                    Err(Failure::Database(failure)) => {
                        answers.resize(all, Err(failed(&failure)));
                        break;
                    }
                }
            }
            answers
        })
    }

    fn read(&self, op: Op) -> BoxFuture<'_, Result<Answer, StoreError>> {
        Box::pin(async move {
            let read = async {
                let mut reading = self.backend.read().await?;
                apply(&mut reading, &self.rest, op).await
            };
            read.await.map_err(|failure| {
                error!(%failure, "a read failed");
                StoreError::from(&failure)
            })
        })
    }

    fn close(&self) -> BoxFuture<'_, ()> {
        Box::pin(self.backend.close())
    }
}

fn failed(failure: &SqlError) -> StoreError {
    // The text of a database's error can quote values; they are hashes and ciphertext.
    error!(%failure, "a write failed");
    StoreError::from(failure)
}
