//! Carries the statements of [`Sql`](super::sql::Sql) over to a connection of sqlx.

/// What a column's value is, by the name of its type in either database.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Bytes,
    Int,
    ShortInt,
    Text,
    Unknown,
}

impl Kind {
    pub(super) fn of(name: &str) -> Self {
        match name {
            "BYTEA" | "BLOB" => Self::Bytes,
            "INT8" | "INTEGER" => Self::Int,
            "INT4" => Self::ShortInt,
            "TEXT" => Self::Text,
            _ => Self::Unknown,
        }
    }
}

/// Implements `Sql` for whatever leads to a connection of a database: a transaction or a pooled connection.
///
/// A macro, since the bounds of one generic implementation would be longer than the two that this writes.
macro_rules! session {
    ($(#[$doc:meta])* $name:ident, $database:ty, $connection:ty) => {
        $(#[$doc])*
        #[derive(Debug)]
        pub(super) struct $name<C>(pub(super) C);

        impl<C> $crate::store::sql::Sql for $name<C>
        where
            C: std::ops::DerefMut<Target = $connection> + Send,
        {
            async fn execute(
                &mut self,
                sql: &'static str,
                args: Vec<$crate::store::sql::Arg>,
            ) -> Result<u64, $crate::store::sql::SqlError> {
                let done = bind(sql, args).execute(&mut *self.0).await?;
                Ok(done.rows_affected())
            }

            async fn query(
                &mut self,
                sql: &'static str,
                args: Vec<$crate::store::sql::Arg>,
            ) -> Result<Vec<$crate::store::sql::Row>, $crate::store::sql::SqlError> {
                let rows = bind(sql, args).fetch_all(&mut *self.0).await?;
                rows.iter().map(read).collect()
            }
        }

        fn bind(
            sql: &'static str,
            args: Vec<$crate::store::sql::Arg>,
        ) -> sqlx::query::Query<
            'static,
            $database,
            <$database as sqlx::Database>::Arguments,
        > {
            use $crate::store::sql::Arg;
            args.into_iter().fold(sqlx::query(sql), |query, arg| match arg {
                Arg::Bytes(bytes) => query.bind(bytes),
                Arg::Int(number) => query.bind(number),
                Arg::Text(text) => query.bind(text),
            })
        }

        fn read(
            row: &<$database as sqlx::Database>::Row,
        ) -> Result<$crate::store::sql::Row, $crate::store::sql::SqlError> {
            use sqlx::{Row, TypeInfo, ValueRef};
            use $crate::store::adapter::Kind;
            use $crate::store::sql::{SqlError, Value};
            let value = |column| -> Result<Value, SqlError> {
                let raw = row.try_get_raw(column)?;
                if raw.is_null() {
                    return Ok(Value::Null);
                }
                Ok(match Kind::of(raw.type_info().name()) {
                    Kind::Bytes => Value::Bytes(row.try_get_unchecked(column)?),
                    Kind::Int => Value::Int(row.try_get_unchecked(column)?),
                    Kind::ShortInt => {
                        let number: i32 = row.try_get_unchecked(column)?;
                        Value::Int(number.into())
                    }
                    Kind::Text => Value::Text(row.try_get_unchecked(column)?),
                    Kind::Unknown => return Err(SqlError::Corrupt("a column has an odd type")),
                })
            };
            let values: Result<_, SqlError> = (0..row.len()).map(value).collect();
            Ok($crate::store::sql::Row(values?))
        }
    };
}

pub(super) use session;
