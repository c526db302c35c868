//! Envelopes, names and newcomers of the log.

use std::collections::BTreeSet;

use dialtone_protocol::hub::store::{
    Answer, ChainName, EnvelopeRow, NameRow, NewEnvelope, Op, PendingRow,
};
use dialtone_protocol::ids::{ChannelId, DeviceId, Epoch, GroupId, Subject, UserId};
use dialtone_protocol::time::UnixMillis;

use super::{
    epoch, group_from_bytes, group_to_bytes, next_numbers, recipient_from_bytes,
    recipient_to_bytes, unknown,
};
use crate::store::sql::{Row, Sql, SqlError, args};

pub(super) async fn apply<S: Sql>(sql: &mut S, op: Op) -> Result<Answer, SqlError> {
    match op {
        Op::PutEnvelopes { poster, envelopes } => {
            put_envelopes(sql, poster, envelopes).await?;
            Ok(Answer::Done)
        }
        Op::Envelopes {
            recipient,
            after,
            limit,
        } => {
            let rows = sql
                .query(
                    "SELECT cursor, poster, bytes FROM envelopes \
                     WHERE recipient = $1 AND cursor > $2 ORDER BY cursor LIMIT $3",
                    args![recipient_to_bytes(recipient)?, after, limit],
                )
                .await?;
            let rows: Result<_, SqlError> = rows.iter().map(envelope_row).collect();
            Ok(Answer::Envelopes(rows?))
        }
        Op::HeldKeys { keys } => held_keys(sql, keys.into_iter().collect()).await,
        Op::PutNames { poster, names } => {
            put_names(sql, poster, names).await?;
            Ok(Answer::Done)
        }
        Op::Names { after, limit } => {
            let rows = sql
                .query(
                    "SELECT cursor, subject, group_id, epoch, bytes FROM names \
                     WHERE cursor > $1 ORDER BY cursor LIMIT $2",
                    args![after, limit],
                )
                .await?;
            let rows: Result<_, SqlError> = rows.iter().map(name_row).collect();
            Ok(Answer::Names(rows?))
        }
        Op::PutPending {
            user,
            device,
            record,
            names,
            created_at,
        } => {
            sql.execute(
                "INSERT INTO pending (user_id, device_id, record, created_at) \
                 VALUES ($1, $2, $3, $4) ON CONFLICT (user_id) DO UPDATE SET \
                 device_id = excluded.device_id, record = excluded.record, \
                 created_at = excluded.created_at",
                args![user.0, device.0, record, created_at.0],
            )
            .await?;
            put_pending_names(sql, user, names).await?;
            Ok(Answer::Done)
        }
        Op::Pending { reader, limit } => {
            let rows = sql
                .query(
                    "SELECT p.user_id, p.device_id, p.record, n.sealed, p.created_at \
                     FROM pending p LEFT JOIN pending_names n \
                     ON n.user_id = p.user_id AND n.device_id = $1 \
                     ORDER BY p.created_at, p.user_id LIMIT $2",
                    args![reader.0, limit],
                )
                .await?;
            let rows: Result<_, SqlError> = rows.iter().map(pending_row).collect();
            Ok(Answer::Pending(rows?))
        }
        _ => unknown(),
    }
}

pub(super) async fn put_envelopes<S: Sql>(
    sql: &mut S,
    poster: DeviceId,
    envelopes: Vec<NewEnvelope>,
) -> Result<(), SqlError> {
    let first = next_numbers(sql, envelopes.len()).await?;
    for (cursor, new) in (first..).zip(envelopes) {
        let recipient = recipient_to_bytes(new.recipient)?;
        sql.execute(
            "INSERT INTO envelopes (cursor, recipient, poster, bytes) VALUES ($1, $2, $3, $4)",
            args![cursor, recipient.clone(), poster.0, new.bytes],
        )
        .await?;
        for (group, epoch) in new.keys {
            sql.execute(
                "INSERT INTO envelope_keys (recipient, group_id, epoch, poster, cursor) \
                 VALUES ($1, $2, $3, $4, $5) ON CONFLICT (recipient, group_id, epoch, poster) \
                 DO UPDATE SET cursor = excluded.cursor",
                args![
                    recipient.clone(),
                    group_to_bytes(group)?,
                    epoch.0,
                    poster.0,
                    cursor,
                ],
            )
            .await?;
        }
        // An envelope stays as long as one of its keys is the newest of its poster.
        sql.execute(
            "DELETE FROM envelopes WHERE recipient = $1 AND poster = $2 AND NOT EXISTS \
             (SELECT 1 FROM envelope_keys k WHERE k.cursor = envelopes.cursor)",
            args![recipient, poster.0],
        )
        .await?;
    }
    Ok(())
}

fn envelope_row(row: &Row) -> Result<EnvelopeRow, SqlError> {
    Ok(EnvelopeRow {
        cursor: row.count(0)?,
        poster: DeviceId(row.array(1)?),
        bytes: row.bytes(2)?.to_vec(),
    })
}

async fn held_keys<S: Sql>(
    sql: &mut S,
    keys: BTreeSet<(GroupId, Epoch)>,
) -> Result<Answer, SqlError> {
    let mut held = BTreeSet::new();
    for (group, epoch) in keys {
        let rows = sql
            .query(
                "SELECT DISTINCT recipient FROM envelope_keys WHERE group_id = $1 AND epoch = $2",
                args![group_to_bytes(group)?, epoch.0],
            )
            .await?;
        for row in rows {
            held.insert((group, epoch, recipient_from_bytes(row.bytes(0)?)?));
        }
    }
    Ok(Answer::Held(held.into_iter().collect()))
}

pub(super) async fn put_names<S: Sql>(
    sql: &mut S,
    poster: DeviceId,
    names: Vec<ChainName>,
) -> Result<(), SqlError> {
    let first = next_numbers(sql, names.len()).await?;
    for (cursor, name) in (first..).zip(names) {
        sql.execute(
            "INSERT INTO names (subject, poster, cursor, group_id, epoch, bytes) \
             VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (subject, poster) DO UPDATE SET \
             cursor = excluded.cursor, group_id = excluded.group_id, \
             epoch = excluded.epoch, bytes = excluded.bytes",
            args![
                subject_to_bytes(name.subject)?,
                poster.0,
                cursor,
                group_to_bytes(name.group)?,
                name.epoch.0,
                name.bytes,
            ],
        )
        .await?;
    }
    Ok(())
}

fn name_row(row: &Row) -> Result<NameRow, SqlError> {
    Ok(NameRow {
        cursor: row.count(0)?,
        name: ChainName {
            subject: subject_from_bytes(row.bytes(1)?)?,
            group: group_from_bytes(row.bytes(2)?)?,
            epoch: epoch(row, 3)?,
            bytes: row.bytes(4)?.to_vec(),
        },
    })
}

async fn put_pending_names<S: Sql>(
    sql: &mut S,
    user: UserId,
    names: Vec<(DeviceId, Vec<u8>)>,
) -> Result<(), SqlError> {
    sql.execute(
        "DELETE FROM pending_names WHERE user_id = $1",
        args![user.0],
    )
    .await?;
    for (device, sealed) in names {
        sql.execute(
            "INSERT INTO pending_names (user_id, device_id, sealed) VALUES ($1, $2, $3) \
             ON CONFLICT (user_id, device_id) DO UPDATE SET sealed = excluded.sealed",
            args![user.0, device.0, sealed],
        )
        .await?;
    }
    Ok(())
}

fn pending_row(row: &Row) -> Result<PendingRow, SqlError> {
    Ok(PendingRow {
        user: UserId(row.array(0)?),
        device: DeviceId(row.array(1)?),
        record: row.bytes(2)?.to_vec(),
        name: row.bytes_if_any(3)?.map(<[u8]>::to_vec),
        created_at: UnixMillis(row.count(4)?),
    })
}

/// A subject as a column: a byte for its kind, then its id.
fn subject_to_bytes(subject: Subject) -> Result<Vec<u8>, SqlError> {
    match subject {
        Subject::User(user) => Ok([&[0], &user.0[..]].concat()),
        Subject::Channel(channel) => Ok([&[1], &channel.0[..]].concat()),
        _ => Err(SqlError::Corrupt("a subject is not known")),
    }
}

fn subject_from_bytes(bytes: &[u8]) -> Result<Subject, SqlError> {
    let wrong = SqlError::Corrupt("a subject is not known");
    match bytes.split_first() {
        Some((0, id)) => Ok(Subject::User(UserId(id.try_into().map_err(|_| wrong)?))),
        Some((1, id)) => Ok(Subject::Channel(ChannelId(
            id.try_into().map_err(|_| wrong)?,
        ))),
        _ => Err(wrong),
    }
}
