//! The base API's envelopes.

use dialtone_protocol::hub::store::{Answer, KeyEnvelopeRow, NewKeyEnvelope, Op};
use dialtone_protocol::ids::{ChannelId, DeviceId};
use dialtone_protocol::time::UnixMillis;

use super::accounts::find_device;
use super::{next_numbers, unknown};
use crate::store::sql::{Sql, SqlError, args};

pub(super) async fn apply<S: Sql>(sql: &mut S, op: Op) -> Result<Answer, SqlError> {
    match op {
        Op::PutKeyEnvelopes {
            channel,
            sender,
            envelopes,
            created_at,
        } => {
            if let Some(refusal) = refusal(sql, channel, &envelopes).await? {
                return Ok(refusal);
            }
            let first = next_numbers(sql, envelopes.len()).await?;
            for (place, new) in (first..).zip(envelopes) {
                sql.execute(
                    "INSERT INTO key_envelopes (channel_id, device_id, sender, place, envelope, \
                     created_at) VALUES ($1, $2, $3, $4, $5, $6) \
                     ON CONFLICT (channel_id, device_id, sender) DO UPDATE SET \
                     place = excluded.place, envelope = excluded.envelope, \
                     created_at = excluded.created_at",
                    args![
                        to_bytes(channel),
                        new.device.0,
                        sender.0,
                        place,
                        new.envelope,
                        created_at.0,
                    ],
                )
                .await?;
            }
            Ok(Answer::Done)
        }
        Op::FindKeyEnvelope { channel, device } => {
            let row = sql
                .query_one(
                    "SELECT k.sender, d.public_key, k.envelope, k.created_at FROM key_envelopes k \
                     JOIN devices d ON d.id = k.sender \
                     WHERE k.channel_id = $1 AND k.device_id = $2 ORDER BY k.place DESC LIMIT 1",
                    args![to_bytes(channel), device.0],
                )
                .await?;
            let row = row.map(|row| {
                Ok::<_, SqlError>(KeyEnvelopeRow {
                    sender: DeviceId(row.array(0)?),
                    sender_public_key: row.array(1)?,
                    envelope: row.text_if_any(2)?.unwrap_or_default().to_owned(),
                    created_at: UnixMillis(row.count(3)?),
                })
            });
            Ok(Answer::KeyEnvelope(row.transpose()?))
        }
        _ => unknown(),
    }
}

async fn refusal<S: Sql>(
    sql: &mut S,
    channel: Option<ChannelId>,
    envelopes: &[NewKeyEnvelope],
) -> Result<Option<Answer>, SqlError> {
    if let Some(channel) = channel {
        let row = sql
            .query_one(
                "SELECT 1 FROM channels WHERE id = $1 AND group_id IS NULL",
                args![channel.0],
            )
            .await?;
        if row.is_none() {
            return Ok(Some(Answer::NotFound));
        }
    }
    for new in envelopes {
        if find_device(sql, new.device).await?.is_none() {
            return Ok(Some(Answer::UnknownDevice));
        }
    }
    Ok(None)
}

/// The channel as a column: empty for the directory.
fn to_bytes(channel: Option<ChannelId>) -> Vec<u8> {
    channel.map_or_else(Vec::new, |channel| channel.0.to_vec())
}
