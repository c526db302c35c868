//! The little SQL that both databases share: positional arguments in, plain values out.
//!
//! Every operation is written once over [`Sql`]; `sqlite.rs` and `postgres.rs` only carry statements across.

use std::fmt;
use std::future::Future;

use dialtone_protocol::hub::store::StoreError;

/// A connection that statements run on, one after the other.
pub(crate) trait Sql: Send {
    /// Runs a statement; says how many rows it changed.
    fn execute(
        &mut self,
        sql: &'static str,
        args: Vec<Arg>,
    ) -> impl Future<Output = Result<u64, SqlError>> + Send;

    /// Runs a query.
    fn query(
        &mut self,
        sql: &'static str,
        args: Vec<Arg>,
    ) -> impl Future<Output = Result<Vec<Row>, SqlError>> + Send;

    /// Runs a query that has one row at most, or of which only the first counts.
    fn query_one(
        &mut self,
        sql: &'static str,
        args: Vec<Arg>,
    ) -> impl Future<Output = Result<Option<Row>, SqlError>> + Send {
        async move { Ok(self.query(sql, args).await?.into_iter().next()) }
    }
}

/// An argument. Absence has a type, which PostgreSQL wants to know.
#[derive(Clone, Debug)]
pub(crate) enum Arg {
    Bytes(Option<Vec<u8>>),
    Int(i64),
    Text(Option<String>),
}

/// The value of a column.
#[derive(Clone, Debug)]
pub(crate) enum Value {
    Bytes(Vec<u8>),
    Int(i64),
    Null,
    Text(String),
}

/// The columns of a row.
#[derive(Clone, Debug)]
pub(crate) struct Row(pub(crate) Vec<Value>);

/// Why a statement, or reading its rows, failed.
#[derive(Debug)]
pub(crate) enum SqlError {
    /// A row does not hold what it must.
    Corrupt(&'static str),
    /// The database said so.
    Database(sqlx::Error),
}

impl Row {
    pub(crate) fn int(&self, column: usize) -> Result<i64, SqlError> {
        match self.0.get(column) {
            Some(Value::Int(value)) => Ok(*value),
            _ => Err(SqlError::Corrupt("a number is missing")),
        }
    }

    /// A number that is never negative.
    pub(crate) fn count(&self, column: usize) -> Result<u64, SqlError> {
        u64::try_from(self.int(column)?).map_err(|_| SqlError::Corrupt("a number is negative"))
    }

    pub(crate) fn flag(&self, column: usize) -> Result<bool, SqlError> {
        Ok(self.int(column)? != 0)
    }

    pub(crate) fn bytes(&self, column: usize) -> Result<&[u8], SqlError> {
        self.bytes_if_any(column)?
            .ok_or(SqlError::Corrupt("bytes are missing"))
    }

    pub(crate) fn bytes_if_any(&self, column: usize) -> Result<Option<&[u8]>, SqlError> {
        match self.0.get(column) {
            Some(Value::Bytes(value)) => Ok(Some(value)),
            Some(Value::Null) => Ok(None),
            _ => Err(SqlError::Corrupt("bytes are missing")),
        }
    }

    /// Bytes of a fixed number, such as an id or a key.
    pub(crate) fn array<const N: usize>(&self, column: usize) -> Result<[u8; N], SqlError> {
        array(self.bytes(column)?)
    }

    pub(crate) fn array_if_any<const N: usize>(
        &self,
        column: usize,
    ) -> Result<Option<[u8; N]>, SqlError> {
        self.bytes_if_any(column)?.map(array).transpose()
    }

    pub(crate) fn text_if_any(&self, column: usize) -> Result<Option<&str>, SqlError> {
        match self.0.get(column) {
            Some(Value::Text(value)) => Ok(Some(value)),
            Some(Value::Null) => Ok(None),
            _ => Err(SqlError::Corrupt("a text is missing")),
        }
    }
}

impl From<&[u8]> for Arg {
    fn from(bytes: &[u8]) -> Self {
        Self::Bytes(Some(bytes.to_vec()))
    }
}

impl From<Vec<u8>> for Arg {
    fn from(bytes: Vec<u8>) -> Self {
        Self::Bytes(Some(bytes))
    }
}

impl<const N: usize> From<[u8; N]> for Arg {
    fn from(bytes: [u8; N]) -> Self {
        Self::Bytes(Some(bytes.to_vec()))
    }
}

impl<const N: usize> From<Option<[u8; N]>> for Arg {
    fn from(bytes: Option<[u8; N]>) -> Self {
        Self::Bytes(bytes.map(|bytes| bytes.to_vec()))
    }
}

impl From<String> for Arg {
    fn from(text: String) -> Self {
        Self::Text(Some(text))
    }
}

impl From<bool> for Arg {
    fn from(flag: bool) -> Self {
        Self::Int(i64::from(flag))
    }
}

impl From<u32> for Arg {
    fn from(number: u32) -> Self {
        Self::Int(i64::from(number))
    }
}

impl From<u64> for Arg {
    /// Past the databases' range everything is as far away as it can be.
    fn from(number: u64) -> Self {
        Self::Int(i64::try_from(number).unwrap_or(i64::MAX))
    }
}

impl fmt::Display for SqlError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Corrupt(what) => f.write_str(what),
            Self::Database(error) => error.fmt(f),
        }
    }
}

impl From<sqlx::Error> for SqlError {
    fn from(error: sqlx::Error) -> Self {
        Self::Database(error)
    }
}

impl From<&SqlError> for StoreError {
    fn from(error: &SqlError) -> Self {
        match error {
            SqlError::Corrupt(_) => Self::Corrupt,
            SqlError::Database(_) => Self::Unavailable,
        }
    }
}

fn array<const N: usize>(bytes: &[u8]) -> Result<[u8; N], SqlError> {
    bytes
        .try_into()
        .map_err(|_| SqlError::Corrupt("bytes have the wrong length"))
}

/// Arguments of a statement, each turned into an [`Arg`].
macro_rules! args {
    ($($value:expr),* $(,)?) => {
        vec![$($crate::store::sql::Arg::from($value)),*]
    };
}

pub(crate) use args;
