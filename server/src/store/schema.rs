//! The tables, brought up to date by embedded migrations, and the check of the key that seals rows.

use super::OpenError;
use super::at_rest::AtRest;
use super::backend::Backend;
use super::sql::{Sql, SqlError, args};

/// Every step, in order. A step that was released is never changed.
const MIGRATIONS: &[&str] = &[include_str!("../../migrations/0001.sql")];

/// Brings the tables up to date, while no other process does.
pub(super) async fn migrate<B: Backend>(backend: &B) -> Result<(), OpenError> {
    let mut writing = backend.begin().await?;
    backend.lock_schema(&mut writing).await?;
    writing
        .execute(
            "CREATE TABLE IF NOT EXISTS migrations (version BIGINT PRIMARY KEY)",
            vec![],
        )
        .await?;
    let row = writing
        .query_one("SELECT COUNT(*) FROM migrations", vec![])
        .await?;
    let done = row.map_or(Ok(0), |row| row.count(0))?;
    let done = usize::try_from(done).unwrap_or(usize::MAX);
    if done > MIGRATIONS.len() {
        return Err(OpenError::Newer);
    }
    for (version, script) in (1_u64..).zip(MIGRATIONS).skip(done) {
        backend.run_script(&mut writing, script).await?;
        writing
            .execute(
                "INSERT INTO migrations (version) VALUES ($1)",
                args![version],
            )
            .await?;
    }
    backend.commit(writing).await?;
    Ok(())
}

/// Refuses a channel key that is not the one rows were sealed under; remembers the first one.
pub(super) async fn check_key<B: Backend>(backend: &B, rest: &AtRest) -> Result<(), OpenError> {
    let mut writing = backend.begin().await?;
    let row = writing
        .query_one("SELECT key_check FROM server WHERE id = 1", vec![])
        .await?
        .ok_or(SqlError::Corrupt("the server's row is missing"))?;
    if let Some(check) = row.bytes_if_any(0)? {
        return if rest.matches(check) {
            Ok(())
        } else {
            Err(OpenError::ChannelKey)
        };
    }
    if let Some(check) = rest.check()? {
        writing
            .execute(
                "UPDATE server SET key_check = $1 WHERE id = 1",
                args![check],
            )
            .await?;
        backend.commit(writing).await?;
    }
    Ok(())
}
