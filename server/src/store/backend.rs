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
    async fn write_together(&self, ops: Vec<Op>) -> Result<Vec<Answer>, SqlError> {
        let mut writing = self.backend.begin().await?;
        let mut answers = Vec::with_capacity(ops.len());
        for op in ops {
            answers.push(apply(&mut writing, &self.rest, op).await?);
        }
        self.backend.commit(writing).await?;
        Ok(answers)
    }

    async fn write_one(&self, op: Op) -> Result<Answer, StoreError> {
        let answers = self.write_together(vec![op]).await.map_err(|failure| {
            // The text of a database's error can quote values; they are hashes and ciphertext.
            error!(%failure, "a write failed");
            StoreError::from(&failure)
        })?;
        answers.into_iter().next().ok_or(StoreError::Unavailable)
    }
}

impl<B: Backend> Store for SqlStore<B> {
    fn write(&self, ops: Vec<Op>) -> BoxFuture<'_, Vec<Result<Answer, StoreError>>> {
        Box::pin(async move {
            // One operation that fails must not take the others with it.
            let failed = match ops.len() {
                0 | 1 => ops,
                _ => match self.write_together(ops.clone()).await {
                    Ok(answers) => return answers.into_iter().map(Ok).collect(),
                    Err(failure) => {
                        warn!(%failure, "a group of writes failed; trying them one by one");
                        ops
                    }
                },
            };
            let mut answers = Vec::with_capacity(failed.len());
            for op in failed {
                answers.push(self.write_one(op).await);
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
