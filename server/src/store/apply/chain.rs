//! The log and what its entries change.

use dialtone_protocol::hub::store::{Answer, ChainEffect, NewDevice, Op};
use dialtone_protocol::ids::{
    DeviceId, EntryHash, Head, RecipientId, SessionId, Transcript, UserId,
};
use dialtone_protocol::time::UnixMillis;

use super::accounts::{find_device, has_user, insert_device};
use super::sessions::session_ids;
use super::sharing::{put_envelopes, put_names};
use super::{group_to_bytes, next_place, recipient_to_bytes, unknown};
use crate::store::sql::{Sql, SqlError, args};

/// How many entries one query of a page brings.
const ENTRIES_AT_A_TIME: u64 = 64;

pub(super) async fn apply<S: Sql>(sql: &mut S, op: Op) -> Result<Answer, SqlError> {
    match op {
        Op::ChainPage { from, max_bytes } => page(sql, from, max_bytes as usize).await,
        Op::AppendChain {
            expected,
            head,
            poster,
            entries,
            effects,
            envelopes,
            names,
            now,
        } => {
            let at = read_head(sql).await?;
            if at != expected {
                return Ok(Answer::Conflict { head: at });
            }
            for effect in &effects {
                if contradicts(sql, effect).await? {
                    return Ok(Answer::DeviceMismatch);
                }
            }
            let mut ended = Vec::new();
            for effect in effects {
                ended.extend(apply_effect(sql, effect, now).await?);
            }
            append_entries(sql, entries, head).await?;
            put_envelopes(sql, poster, envelopes).await?;
            put_names(sql, poster, names).await?;
            Ok(Answer::ChainAppended { ended })
        }
        _ => unknown(),
    }
}

async fn page<S: Sql>(sql: &mut S, from: u64, max_bytes: usize) -> Result<Answer, SqlError> {
    let mut page = Vec::new();
    let (mut next, mut bytes) = (from, 0_usize);
    loop {
        let past = next.saturating_add(ENTRIES_AT_A_TIME);
        let rows = sql
            .query(
                "SELECT entry FROM chain WHERE place >= $1 AND place < $2 ORDER BY place",
                args![next, past],
            )
            .await?;
        if rows.is_empty() {
            return Ok(Answer::Chain(page));
        }
        for row in rows {
            let entry = row.bytes(0)?;
            bytes = bytes.saturating_add(entry.len());
            if bytes > max_bytes && !page.is_empty() {
                return Ok(Answer::Chain(page));
            }
            page.push(entry.to_vec());
        }
        next = past;
    }
}

async fn read_head<S: Sql>(sql: &mut S) -> Result<Option<Head>, SqlError> {
    let row = sql
        .query_one(
            "SELECT head_hash, COALESCE(head_index, 0) FROM server WHERE id = 1",
            vec![],
        )
        .await?
        .ok_or(SqlError::Corrupt("the server's row is missing"))?;
    let hash = row.array_if_any(0)?;
    hash.map(|hash| {
        Ok(Head {
            index: row.count(1)?,
            hash: EntryHash(hash),
        })
    })
    .transpose()
}

async fn append_entries<S: Sql>(
    sql: &mut S,
    entries: Vec<Vec<u8>>,
    head: Head,
) -> Result<(), SqlError> {
    let first = (head.index + 1).saturating_sub(entries.len() as u64);
    for (place, entry) in (first..).zip(entries) {
        sql.execute(
            "INSERT INTO chain (place, entry) VALUES ($1, $2)",
            args![place, entry],
        )
        .await?;
    }
    sql.execute(
        "UPDATE server SET head_index = $1, head_hash = $2 WHERE id = 1",
        args![head.index, head.hash.0],
    )
    .await?;
    Ok(())
}

/// Whether the store knows the device otherwise, or not even its user.
async fn contradicts<S: Sql>(sql: &mut S, effect: &ChainEffect) -> Result<bool, SqlError> {
    let ChainEffect::DeviceAdded {
        user,
        device,
        signing_key,
        public_key,
    } = effect
    else {
        return Ok(false);
    };
    match find_device(sql, *device).await? {
        Some(known) => Ok((known.user, known.public_key, known.signing_key)
            != (*user, *public_key, Some(*signing_key))),
        None => Ok(!has_user(sql, *user).await?),
    }
}

/// Answers the sessions that end.
async fn apply_effect<S: Sql>(
    sql: &mut S,
    effect: ChainEffect,
    now: UnixMillis,
) -> Result<Vec<SessionId>, SqlError> {
    match effect {
        ChainEffect::ChannelCreated { channel, group } => {
            let place = next_place(sql).await?;
            sql.execute(
                "INSERT INTO channels (id, place, group_id, sealed, created_at, last_seq, \
                 transcript) VALUES ($1, $2, $3, 0, $4, 0, $5)",
                args![
                    channel.0,
                    place,
                    group_to_bytes(group)?,
                    now.0,
                    Transcript::default().0,
                ],
            )
            .await?;
        }
        ChainEffect::ChannelDeleted { channel } => {
            sql.execute("DELETE FROM channels WHERE id = $1", args![channel.0])
                .await?;
            sql.execute(
                "DELETE FROM messages WHERE channel_id = $1",
                args![channel.0],
            )
            .await?;
        }
        ChainEffect::DeviceAdded {
            user,
            device,
            signing_key,
            public_key,
        } => {
            if find_device(sql, device).await?.is_none() {
                let new = NewDevice {
                    id: device,
                    public_key,
                    signing_key: Some(signing_key),
                    created_at: now,
                };
                insert_device(sql, user, &new).await?;
            }
        }
        ChainEffect::DeviceRevoked { device } => {
            forget_recipient(sql, RecipientId::Device(device)).await?;
            let rows = sql
                .query(
                    "DELETE FROM sessions WHERE device_id = $1 RETURNING id",
                    args![device.0],
                )
                .await?;
            return sorted(session_ids(&rows)?);
        }
        ChainEffect::EpochOpened { group, epoch } => {
            sql.execute(
                "INSERT INTO open_epochs (group_id, epoch) VALUES ($1, $2) \
                 ON CONFLICT (group_id) DO UPDATE SET epoch = excluded.epoch",
                args![group_to_bytes(group)?, epoch.0],
            )
            .await?;
        }
        ChainEffect::EpochClosed { group } => {
            sql.execute(
                "DELETE FROM open_epochs WHERE group_id = $1",
                args![group_to_bytes(group)?],
            )
            .await?;
        }
        ChainEffect::InviteClosed { recipient } => forget_recipient(sql, recipient).await?,
        ChainEffect::UserJoined { user } => {
            sql.execute("DELETE FROM pending WHERE user_id = $1", args![user.0])
                .await?;
            sql.execute(
                "DELETE FROM pending_names WHERE user_id = $1",
                args![user.0],
            )
            .await?;
        }
        ChainEffect::UserRemoved { user } => return remove_user(sql, user).await,
        _ => return Err(SqlError::Corrupt("an effect is not known")),
    }
    Ok(Vec::new())
}

async fn remove_user<S: Sql>(sql: &mut S, user: UserId) -> Result<Vec<SessionId>, SqlError> {
    let devices = sql
        .query("SELECT id FROM devices WHERE user_id = $1", args![user.0])
        .await?;
    for row in devices {
        forget_recipient(sql, RecipientId::Device(DeviceId(row.array(0)?))).await?;
    }
    let rows = sql
        .query(
            "DELETE FROM sessions WHERE user_id = $1 RETURNING id",
            args![user.0],
        )
        .await?;
    sorted(session_ids(&rows)?)
}

async fn forget_recipient<S: Sql>(sql: &mut S, recipient: RecipientId) -> Result<(), SqlError> {
    let recipient = recipient_to_bytes(recipient)?;
    sql.execute(
        "DELETE FROM envelopes WHERE recipient = $1",
        args![recipient.clone()],
    )
    .await?;
    sql.execute(
        "DELETE FROM envelope_keys WHERE recipient = $1",
        args![recipient],
    )
    .await?;
    Ok(())
}

fn sorted(mut sessions: Vec<SessionId>) -> Result<Vec<SessionId>, SqlError> {
    sessions.sort_unstable();
    Ok(sessions)
}
