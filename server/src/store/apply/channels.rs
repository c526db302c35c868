//! Profiles and original channels.

use dialtone_protocol::hub::store::{Answer, ChannelRow, Op, ProfileRow};
use dialtone_protocol::ids::{ChannelId, Transcript, UserId};
use dialtone_protocol::time::UnixMillis;

use super::{next_numbers, next_place, unknown};
use crate::store::at_rest::{AtRest, Place};
use crate::store::sql::{Row, Sql, SqlError, args};

pub(super) async fn apply<S: Sql>(sql: &mut S, rest: &AtRest, op: Op) -> Result<Answer, SqlError> {
    match op {
        Op::PutProfile {
            user,
            name_enc,
            updated_at,
        } => {
            let place = next_numbers(sql, 1).await?;
            let name = rest.seal(profile_name(&user), name_enc.into_bytes())?;
            sql.execute(
                "INSERT INTO profiles (user_id, place, name_enc, sealed, updated_at) \
                 VALUES ($1, $2, $3, $4, $5) ON CONFLICT (user_id) DO UPDATE SET \
                 place = excluded.place, name_enc = excluded.name_enc, \
                 sealed = excluded.sealed, updated_at = excluded.updated_at",
                args![user.0, place, name, rest.is_on(), updated_at.0],
            )
            .await?;
            Ok(Answer::Done)
        }
        Op::Profiles => profiles(sql, rest).await,
        Op::CreateChannel {
            channel,
            name_enc,
            created_by,
            created_at,
            max_channels,
        } => {
            let row = sql
                .query_one(
                    "SELECT COUNT(*) FROM channels WHERE group_id IS NULL",
                    vec![],
                )
                .await?;
            if row.map_or(Ok(0), |row| row.count(0))? >= u64::from(max_channels) {
                return Ok(Answer::TooMany);
            }
            let place = next_place(sql).await?;
            let name = rest.seal(channel_name(&channel), name_enc.into_bytes())?;
            sql.execute(
                "INSERT INTO channels (id, place, group_id, name_enc, sealed, created_by, \
                 created_at, last_seq, transcript) VALUES ($1, $2, NULL, $3, $4, $5, $6, 0, $7)",
                args![
                    channel.0,
                    place,
                    name,
                    rest.is_on(),
                    created_by.0,
                    created_at.0,
                    Transcript::default().0,
                ],
            )
            .await?;
            Ok(Answer::Done)
        }
        Op::RenameChannel { channel, name_enc } => {
            let name = rest.seal(channel_name(&channel), name_enc.into_bytes())?;
            sql.execute(
                "UPDATE channels SET name_enc = $1, sealed = $2 WHERE id = $3 AND group_id IS NULL",
                args![name, rest.is_on(), channel.0],
            )
            .await?;
            find_channel(sql, rest, channel).await
        }
        Op::DeleteChannel { channel } => delete_channel(sql, channel).await,
        Op::FindChannel { channel } => find_channel(sql, rest, channel).await,
        Op::Channels => {
            let rows = sql
                .query(
                    "SELECT id, name_enc, sealed, created_by, created_at FROM channels \
                     WHERE group_id IS NULL ORDER BY place DESC",
                    vec![],
                )
                .await?;
            let channels: Result<_, SqlError> =
                rows.iter().map(|row| channel_row(rest, row)).collect();
            Ok(Answer::Channels(channels?))
        }
        _ => unknown(),
    }
}

async fn profiles<S: Sql>(sql: &mut S, rest: &AtRest) -> Result<Answer, SqlError> {
    let rows = sql
        .query(
            "SELECT user_id, name_enc, sealed, updated_at FROM profiles \
             ORDER BY updated_at DESC, place DESC",
            vec![],
        )
        .await?;
    let profiles: Result<_, SqlError> = rows
        .iter()
        .map(|row| {
            let user = UserId(row.array(0)?);
            Ok(ProfileRow {
                user,
                name_enc: rest.open_text(profile_name(&user), row.flag(2)?, row.bytes(1)?)?,
                updated_at: UnixMillis(row.count(3)?),
            })
        })
        .collect();
    Ok(Answer::Profiles(profiles?))
}

async fn delete_channel<S: Sql>(sql: &mut S, channel: ChannelId) -> Result<Answer, SqlError> {
    let deleted = sql
        .execute(
            "DELETE FROM channels WHERE id = $1 AND group_id IS NULL",
            args![channel.0],
        )
        .await?;
    if deleted == 0 {
        return Ok(Answer::NotFound);
    }
    sql.execute(
        "DELETE FROM messages WHERE channel_id = $1",
        args![channel.0],
    )
    .await?;
    sql.execute(
        "DELETE FROM key_envelopes WHERE channel_id = $1",
        args![channel.0],
    )
    .await?;
    Ok(Answer::Done)
}

async fn find_channel<S: Sql>(
    sql: &mut S,
    rest: &AtRest,
    channel: ChannelId,
) -> Result<Answer, SqlError> {
    let row = sql
        .query_one(
            "SELECT id, name_enc, sealed, created_by, created_at FROM channels \
             WHERE id = $1 AND group_id IS NULL",
            args![channel.0],
        )
        .await?;
    let channel = row.map(|row| channel_row(rest, &row)).transpose()?;
    Ok(Answer::Channel(channel))
}

fn channel_row(rest: &AtRest, row: &Row) -> Result<ChannelRow, SqlError> {
    let id = ChannelId(row.array(0)?);
    Ok(ChannelRow {
        id,
        name_enc: rest.open_text(channel_name(&id), row.flag(2)?, row.bytes(1)?)?,
        created_by: UserId(row.array(3)?),
        created_at: UnixMillis(row.count(4)?),
    })
}

fn profile_name(user: &UserId) -> Place<'_> {
    Place {
        column: "profiles.name_enc",
        row: &user.0,
    }
}

fn channel_name(channel: &ChannelId) -> Place<'_> {
    Place {
        column: "channels.name_enc",
        row: &channel.0,
    }
}
