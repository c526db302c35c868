//! Logins and sessions.

use dialtone_protocol::hub::store::{Answer, NewDevice, NewSession, Op, SessionRow};
use dialtone_protocol::ids::{DeviceId, SessionId, UserId};
use dialtone_protocol::time::UnixMillis;

use super::accounts::{count_devices, find_device, has_user, insert_device};
use super::unknown;
use crate::store::sql::{Row, Sql, SqlError, args};

pub(super) async fn apply<S: Sql>(sql: &mut S, op: Op) -> Result<Answer, SqlError> {
    match op {
        Op::LogIn {
            user,
            device,
            session,
            max_devices,
            max_sessions,
        } => match device_of_login(sql, user, device, max_devices).await? {
            Ok(device) => open_session(sql, user, device, &session, max_sessions).await,
            Err(refusal) => Ok(refusal),
        },
        Op::OpenSession {
            device,
            session,
            max_sessions,
        } => match find_device(sql, device).await? {
            Some(row) => open_session(sql, row.user, device, &session, max_sessions).await,
            None => Ok(Answer::NotFound),
        },
        Op::FindSession { token_hash } => {
            let row = sql
                .query_one(
                    "SELECT s.id, s.user_id, s.device_id, d.public_key, u.is_admin, u.is_trusted, \
                     s.created_at, s.expires_at FROM sessions s \
                     JOIN users u ON u.id = s.user_id JOIN devices d ON d.id = s.device_id \
                     WHERE s.token_hash = $1",
                    args![token_hash],
                )
                .await?;
            Ok(Answer::Session(row.as_ref().map(session_row).transpose()?))
        }
        Op::Sessions { user } => {
            let rows = sql
                .query(
                    "SELECT s.id, s.user_id, s.device_id, d.public_key, u.is_admin, u.is_trusted, \
                     s.created_at, s.expires_at FROM sessions s \
                     JOIN users u ON u.id = s.user_id JOIN devices d ON d.id = s.device_id \
                     WHERE s.user_id = $1 ORDER BY s.created_at DESC, s.id",
                    args![user.0],
                )
                .await?;
            let sessions: Result<_, SqlError> = rows.iter().map(session_row).collect();
            Ok(Answer::Sessions(sessions?))
        }
        Op::EndSession { user, session } => {
            let rows = sql
                .query(
                    "DELETE FROM sessions WHERE user_id = $1 AND id = $2 RETURNING id",
                    args![user.0, session.0],
                )
                .await?;
            Ok(Answer::Ended(session_ids(&rows)?))
        }
        _ => unknown(),
    }
}

/// Which device logs in, or the answer if it may not.
async fn device_of_login<S: Sql>(
    sql: &mut S,
    user: UserId,
    device: NewDevice,
    max_devices: u32,
) -> Result<Result<DeviceId, Answer>, SqlError> {
    if !has_user(sql, user).await? {
        return Ok(Err(Answer::NotFound));
    }
    let known = sql
        .query_one(
            "SELECT id, signing_key FROM devices WHERE user_id = $1 AND public_key = $2 \
             ORDER BY place LIMIT 1",
            args![user.0, device.public_key],
        )
        .await?;
    if let Some(known) = known {
        let id = DeviceId(known.array(0)?);
        return match (known.array_if_any(1)?, device.signing_key) {
            (Some(ours), Some(theirs)) if ours != theirs => Ok(Err(Answer::KeysDiffer)),
            (None, Some(theirs)) => {
                sql.execute(
                    "UPDATE devices SET signing_key = $1 WHERE id = $2",
                    args![theirs, id.0],
                )
                .await?;
                Ok(Ok(id))
            }
            (_, _) => Ok(Ok(id)),
        };
    }
    if count_devices(sql, user).await? >= u64::from(max_devices) {
        return Ok(Err(Answer::TooMany));
    }
    insert_device(sql, user, &device).await?;
    Ok(Ok(device.id))
}

async fn open_session<S: Sql>(
    sql: &mut S,
    user: UserId,
    device: DeviceId,
    session: &NewSession,
    max_sessions: u32,
) -> Result<Answer, SqlError> {
    let rows = sql
        .query(
            "DELETE FROM sessions WHERE user_id = $1 AND expires_at <= $2 RETURNING id",
            args![user.0, session.created_at.0],
        )
        .await?;
    let mut ended = session_ids(&rows)?;
    ended.sort_unstable();
    let rows = sql
        .query(
            "SELECT id FROM sessions WHERE user_id = $1 ORDER BY created_at, id",
            args![user.0],
        )
        .await?;
    let excess = (rows.len() + 1).saturating_sub(max_sessions as usize);
    let oldest = session_ids(&rows)?;
    for oldest in oldest.into_iter().take(excess) {
        sql.execute(
            "DELETE FROM sessions WHERE user_id = $1 AND id = $2",
            args![user.0, oldest.0],
        )
        .await?;
        ended.push(oldest);
    }
    keep_session(sql, user, device, session).await?;
    Ok(Answer::LoggedIn { device, ended })
}

pub(super) async fn keep_session<S: Sql>(
    sql: &mut S,
    user: UserId,
    device: DeviceId,
    session: &NewSession,
) -> Result<(), SqlError> {
    sql.execute(
        "INSERT INTO sessions (token_hash, id, user_id, device_id, created_at, expires_at) \
         VALUES ($1, $2, $3, $4, $5, $6)",
        args![
            session.token_hash,
            session.id.0,
            user.0,
            device.0,
            session.created_at.0,
            session.expires_at.0,
        ],
    )
    .await?;
    Ok(())
}

/// Reads the ids that are the first column.
pub(super) fn session_ids(rows: &[Row]) -> Result<Vec<SessionId>, SqlError> {
    rows.iter().map(|row| row.array(0).map(SessionId)).collect()
}

fn session_row(row: &Row) -> Result<SessionRow, SqlError> {
    Ok(SessionRow {
        id: SessionId(row.array(0)?),
        user: UserId(row.array(1)?),
        device: DeviceId(row.array(2)?),
        public_key: row.array(3)?,
        is_admin: row.flag(4)?,
        is_trusted: row.flag(5)?,
        created_at: UnixMillis(row.count(6)?),
        expires_at: UnixMillis(row.count(7)?),
    })
}
