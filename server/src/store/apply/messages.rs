//! Messages of every channel.

use dialtone_protocol::crypto::transcript;
use dialtone_protocol::hub::store::{Answer, HistoryPage, MessageRow, Op};
use dialtone_protocol::ids::{
    ChannelId, ClientId, DeviceId, Epoch, MessageId, Seq, Transcript, UserId,
};
use dialtone_protocol::time::UnixMillis;
use dialtone_protocol::wire::request::HistoryRange;

use super::{epoch as read_epoch, unknown};
use crate::store::at_rest::{AtRest, Place};
use crate::store::sql::{Row, Sql, SqlError, args};

pub(super) async fn apply<S: Sql>(sql: &mut S, rest: &AtRest, op: Op) -> Result<Answer, SqlError> {
    match op {
        Op::AppendMessage {
            channel,
            message_id,
            sender,
            device,
            client_id,
            epoch,
            sender_name_enc,
            body,
            sent_at,
        } => {
            let message = MessageRow {
                seq: Seq(0),
                id: message_id,
                sender,
                device,
                client_id,
                sender_name_enc,
                body,
                sent_at,
            };
            append(sql, rest, channel, epoch, message).await
        }
        Op::Messages {
            channel,
            range,
            limit,
        } => history(sql, rest, channel, range, limit).await,
        Op::LastSeqs { channels } => {
            let mut last_seqs = Vec::new();
            for channel in channels {
                if let Some(tail) = tail(sql, channel).await? {
                    last_seqs.push((channel, tail.last_seq));
                }
            }
            Ok(Answer::LastSeqs(last_seqs))
        }
        _ => unknown(),
    }
}

async fn append<S: Sql>(
    sql: &mut S,
    rest: &AtRest,
    channel: ChannelId,
    epoch: Option<Epoch>,
    message: MessageRow,
) -> Result<Answer, SqlError> {
    let row = sql
        .query_one(
            "SELECT c.last_seq, c.transcript, c.group_id, e.epoch, m.id, m.seq, m.sent_at \
             FROM channels c LEFT JOIN open_epochs e ON e.group_id = c.group_id \
             LEFT JOIN messages m ON m.channel_id = c.id AND m.device = $2 AND m.client_id = $3 \
             WHERE c.id = $1",
            args![channel.0, message.device.0, message.client_id.0],
        )
        .await?;
    let Some(row) = row else {
        return Ok(Answer::NotFound);
    };
    let of_the_log = row.bytes_if_any(2)?.is_some();
    if of_the_log != epoch.is_some() {
        return Ok(Answer::NotFound);
    }
    if let Some(id) = row.array_if_any(4)? {
        return Ok(Answer::Appended {
            message_id: MessageId(id),
            seq: Seq(row.count(5)?),
            sent_at: UnixMillis(row.count(6)?),
            duplicate: true,
        });
    }
    if of_the_log {
        let open = read_epoch(&row, 3).ok();
        if open != epoch {
            return Ok(Answer::StaleEpoch);
        }
    }
    let seq = Seq(row.count(0)?).next();
    let before = Transcript(row.array(1)?);
    let after = transcript::next(before, message.device, message.client_id, &message.body);
    insert(sql, rest, channel, seq, before, message, after).await
}

async fn insert<S: Sql>(
    sql: &mut S,
    rest: &AtRest,
    channel: ChannelId,
    seq: Seq,
    before: Transcript,
    message: MessageRow,
    after: Transcript,
) -> Result<Answer, SqlError> {
    let answer = Answer::Appended {
        message_id: message.id,
        seq,
        sent_at: message.sent_at,
        duplicate: false,
    };
    let row = row_key(channel, seq);
    let name = rest.seal(name_place(&row), message.sender_name_enc.into_bytes())?;
    let body = rest.seal(body_place(&row), message.body)?;
    sql.execute(
        "INSERT INTO messages (channel_id, seq, id, sender, device, client_id, sender_name_enc, \
         body, sealed, sent_at, transcript) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)",
        args![
            channel.0,
            seq.0,
            message.id.0,
            message.sender.0,
            message.device.0,
            message.client_id.0,
            name,
            body,
            rest.is_on(),
            message.sent_at.0,
            before.0,
        ],
    )
    .await?;
    sql.execute(
        "UPDATE channels SET last_seq = $1, transcript = $2 WHERE id = $3",
        args![seq.0, after.0, channel.0],
    )
    .await?;
    Ok(answer)
}

/// Where a channel ends.
struct Tail {
    last_seq: Seq,
    transcript: Transcript,
}

async fn tail<S: Sql>(sql: &mut S, channel: ChannelId) -> Result<Option<Tail>, SqlError> {
    let row = sql
        .query_one(
            "SELECT last_seq, transcript FROM channels WHERE id = $1",
            args![channel.0],
        )
        .await?;
    row.map(|row| {
        Ok(Tail {
            last_seq: Seq(row.count(0)?),
            transcript: Transcript(row.array(1)?),
        })
    })
    .transpose()
}

async fn history<S: Sql>(
    sql: &mut S,
    rest: &AtRest,
    channel: ChannelId,
    range: HistoryRange,
    limit: u32,
) -> Result<Answer, SqlError> {
    // The end is read first: a message that comes between the two queries is then past it, and left out.
    let Some(tail) = tail(sql, channel).await? else {
        return Ok(Answer::History(HistoryPage {
            messages: Vec::new(),
            transcript: Transcript::default(),
            last_seq: Seq(0),
        }));
    };
    let (after, last) = match range {
        HistoryRange::After(seq) => (
            seq.0,
            tail.last_seq.0.min(seq.0.saturating_add(limit.into())),
        ),
        HistoryRange::Before(seq) => newest(seq.previous().0.min(tail.last_seq.0), limit),
        HistoryRange::Newest => newest(tail.last_seq.0, limit),
    };
    let rows = sql
        .query(
            "SELECT seq, id, sender, device, client_id, sender_name_enc, body, sealed, sent_at, \
             transcript FROM messages WHERE channel_id = $1 AND seq > $2 AND seq <= $3 ORDER BY seq",
            args![channel.0, after, last],
        )
        .await?;
    let transcript = match rows.first() {
        Some(first) => Transcript(first.array(9)?),
        None => tail.transcript,
    };
    let messages: Result<_, SqlError> = rows
        .iter()
        .map(|row| message_row(rest, channel, row))
        .collect();
    Ok(Answer::History(HistoryPage {
        messages: messages?,
        transcript,
        last_seq: tail.last_seq,
    }))
}

/// The stretch of at most `limit` numbers that ends with `last`: after which number, and up to which.
fn newest(last: u64, limit: u32) -> (u64, u64) {
    (last.saturating_sub(limit.into()), last)
}

fn message_row(rest: &AtRest, channel: ChannelId, row: &Row) -> Result<MessageRow, SqlError> {
    let seq = Seq(row.count(0)?);
    let key = row_key(channel, seq);
    let sealed = row.flag(7)?;
    Ok(MessageRow {
        seq,
        id: MessageId(row.array(1)?),
        sender: UserId(row.array(2)?),
        device: DeviceId(row.array(3)?),
        client_id: ClientId(row.array(4)?),
        sender_name_enc: rest.open_text(name_place(&key), sealed, row.bytes(5)?)?,
        body: rest.open(body_place(&key), sealed, row.bytes(6)?)?,
        sent_at: UnixMillis(row.count(8)?),
    })
}

fn row_key(channel: ChannelId, seq: Seq) -> Vec<u8> {
    [&channel.0[..], &seq.0.to_be_bytes()].concat()
}

fn name_place(row: &[u8]) -> Place<'_> {
    Place {
        column: "messages.sender_name_enc",
        row,
    }
}

fn body_place(row: &[u8]) -> Place<'_> {
    Place {
        column: "messages.body",
        row,
    }
}
