//! Invites, users and devices.

use dialtone_protocol::hub::store::{
    Answer, DeviceRow, InviteRow, NewDevice, NewSession, Op, TokenHash, UserRow, UsernameHash,
};
use dialtone_protocol::ids::{DeviceId, UserId};
use dialtone_protocol::time::UnixMillis;

use super::sessions::keep_session;
use super::{next_place, unknown};
use crate::store::sql::{Arg, Row, Sql, SqlError, args};

/// How many users one query asks for.
const USERS_AT_A_TIME: usize = 16;

pub(super) async fn apply<S: Sql>(sql: &mut S, op: Op) -> Result<Answer, SqlError> {
    match op {
        Op::CreateInvite {
            token_hash,
            created_at,
            expires_at,
        } => {
            sql.execute(
                "INSERT INTO invites (token_hash, created_at, expires_at, used) VALUES ($1, $2, $3, 0)",
                args![token_hash, created_at.0, expires_at.0],
            )
            .await?;
            Ok(Answer::Done)
        }
        Op::FindInvite { token_hash } => Ok(Answer::Invite(find_invite(sql, &token_hash).await?)),
        Op::Register {
            invite,
            now,
            user,
            username_hash,
            password_hash,
            device,
            session,
        } => {
            if let Err(refusal) = check_invite(sql, &invite, now, &username_hash).await? {
                return Ok(refusal);
            }
            sql.execute(
                "UPDATE invites SET used = 1 WHERE token_hash = $1",
                args![invite],
            )
            .await?;
            register(sql, user, username_hash, password_hash, device, session).await
        }
        Op::CreateUser {
            user,
            username_hash,
            ..
        } => {
            if is_taken(sql, &username_hash).await? {
                return Ok(Answer::UsernameTaken);
            }
            sql.execute(
                "INSERT INTO users (id, username_hash, password_hash, is_admin, is_trusted) \
                 VALUES ($1, $2, NULL, 0, 0)",
                args![user.0, username_hash],
            )
            .await?;
            Ok(Answer::Done)
        }
        Op::FindUser { username_hash } => {
            let row = sql
                .query_one(
                    "SELECT id, password_hash, is_admin, is_trusted FROM users WHERE username_hash = $1",
                    args![username_hash],
                )
                .await?;
            Ok(Answer::User(row.as_ref().map(user_row).transpose()?))
        }
        Op::FindUsers { users } => find_users(sql, &users).await,
        Op::AddDevice {
            user,
            device,
            max_devices,
        } => {
            if !has_user(sql, user).await? {
                return Ok(Answer::NotFound);
            }
            if count_devices(sql, user).await? >= u64::from(max_devices) {
                return Ok(Answer::TooMany);
            }
            insert_device(sql, user, &device).await?;
            Ok(Answer::Done)
        }
        Op::FindDevice { device } => Ok(Answer::Device(find_device(sql, device).await?)),
        Op::Devices { user } => devices(sql, user).await,
        _ => unknown(),
    }
}

async fn register<S: Sql>(
    sql: &mut S,
    user: UserId,
    username_hash: UsernameHash,
    password_hash: String,
    device: NewDevice,
    session: NewSession,
) -> Result<Answer, SqlError> {
    let is_admin = sql
        .query_one(
            "SELECT 1 FROM users WHERE password_hash IS NOT NULL LIMIT 1",
            vec![],
        )
        .await?
        .is_none();
    sql.execute(
        "INSERT INTO users (id, username_hash, password_hash, is_admin, is_trusted) \
         VALUES ($1, $2, $3, $4, 1)",
        args![user.0, username_hash, password_hash, is_admin],
    )
    .await?;
    insert_device(sql, user, &device).await?;
    keep_session(sql, user, device.id, &session).await?;
    Ok(Answer::Registered { is_admin })
}

async fn find_invite<S: Sql>(
    sql: &mut S,
    token_hash: &TokenHash,
) -> Result<Option<InviteRow>, SqlError> {
    let row = sql
        .query_one(
            "SELECT expires_at, used FROM invites WHERE token_hash = $1",
            args![*token_hash],
        )
        .await?;
    row.map(|row| {
        Ok(InviteRow {
            expires_at: UnixMillis(row.count(0)?),
            used: row.flag(1)?,
        })
    })
    .transpose()
}

/// Whether the invite may be consumed by somebody of that name, or the answer if not.
async fn check_invite<S: Sql>(
    sql: &mut S,
    invite: &TokenHash,
    now: UnixMillis,
    username_hash: &UsernameHash,
) -> Result<Result<(), Answer>, SqlError> {
    let Some(invite) = find_invite(sql, invite).await? else {
        return Ok(Err(Answer::NotFound));
    };
    if invite.used {
        return Ok(Err(Answer::Used));
    }
    if invite.expires_at <= now {
        return Ok(Err(Answer::Expired));
    }
    if is_taken(sql, username_hash).await? {
        return Ok(Err(Answer::UsernameTaken));
    }
    Ok(Ok(()))
}

async fn is_taken<S: Sql>(sql: &mut S, username_hash: &UsernameHash) -> Result<bool, SqlError> {
    let row = sql
        .query_one(
            "SELECT 1 FROM users WHERE username_hash = $1",
            args![*username_hash],
        )
        .await?;
    Ok(row.is_some())
}

pub(super) async fn has_user<S: Sql>(sql: &mut S, user: UserId) -> Result<bool, SqlError> {
    let row = sql
        .query_one("SELECT 1 FROM users WHERE id = $1", args![user.0])
        .await?;
    Ok(row.is_some())
}

async fn find_users<S: Sql>(sql: &mut S, users: &[UserId]) -> Result<Answer, SqlError> {
    let mut found = Vec::new();
    for some in users.chunks(USERS_AT_A_TIME) {
        let mut args: Vec<Arg> = some.iter().map(|user| Arg::from(user.0)).collect();
        // One text for any number of users: nobody has the id that fills up.
        args.resize(USERS_AT_A_TIME, Arg::from(Vec::new()));
        let rows = sql
            .query(
                "SELECT id, password_hash, is_admin, is_trusted FROM users WHERE id IN \
                 ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16)",
                args,
            )
            .await?;
        for row in &rows {
            found.push(user_row(row)?);
        }
    }
    Ok(Answer::Users(found))
}

fn user_row(row: &Row) -> Result<UserRow, SqlError> {
    Ok(UserRow {
        id: UserId(row.array(0)?),
        password_hash: row.text_if_any(1)?.map(str::to_owned),
        is_admin: row.flag(2)?,
        is_trusted: row.flag(3)?,
    })
}

pub(super) async fn insert_device<S: Sql>(
    sql: &mut S,
    user: UserId,
    device: &NewDevice,
) -> Result<(), SqlError> {
    let place = next_place(sql).await?;
    sql.execute(
        "INSERT INTO devices (id, place, user_id, public_key, signing_key, created_at) \
         VALUES ($1, $2, $3, $4, $5, $6)",
        args![
            device.id.0,
            place,
            user.0,
            device.public_key,
            device.signing_key,
            device.created_at.0,
        ],
    )
    .await?;
    Ok(())
}

pub(super) async fn count_devices<S: Sql>(sql: &mut S, user: UserId) -> Result<u64, SqlError> {
    let row = sql
        .query_one(
            "SELECT COUNT(*) FROM devices WHERE user_id = $1",
            args![user.0],
        )
        .await?;
    row.map_or(Ok(0), |row| row.count(0))
}

pub(super) async fn find_device<S: Sql>(
    sql: &mut S,
    device: DeviceId,
) -> Result<Option<DeviceRow>, SqlError> {
    let row = sql
        .query_one(
            "SELECT id, user_id, public_key, signing_key, created_at FROM devices WHERE id = $1",
            args![device.0],
        )
        .await?;
    row.as_ref().map(device_row).transpose()
}

async fn devices<S: Sql>(sql: &mut S, user: Option<UserId>) -> Result<Answer, SqlError> {
    let rows = match user {
        Some(user) => {
            sql.query(
                "SELECT id, user_id, public_key, signing_key, created_at FROM devices \
                 WHERE user_id = $1 ORDER BY place",
                args![user.0],
            )
            .await?
        }
        None => {
            sql.query(
                "SELECT id, user_id, public_key, signing_key, created_at FROM devices ORDER BY place",
                vec![],
            )
            .await?
        }
    };
    let devices: Result<_, SqlError> = rows.iter().map(device_row).collect();
    Ok(Answer::Devices(devices?))
}

fn device_row(row: &Row) -> Result<DeviceRow, SqlError> {
    Ok(DeviceRow {
        id: DeviceId(row.array(0)?),
        user: UserId(row.array(1)?),
        public_key: row.array(2)?,
        signing_key: row.array_if_any(3)?,
        created_at: UnixMillis(row.count(4)?),
    })
}
