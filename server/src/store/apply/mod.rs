//! Every operation of the store, once, in the SQL that both databases share.

mod accounts;
mod chain;
mod channels;
mod keys;
mod messages;
mod sessions;
mod sharing;

use dialtone_protocol::hub::store::{Answer, Op};
use dialtone_protocol::ids::{
    ChannelId, DeviceId, EntryHash, Epoch, GroupId, RecipientId, ServerId, StoreId,
};

use super::at_rest::AtRest;
use super::sql::{Row, Sql, SqlError, args};

/// Carries out one operation inside the transaction that `sql` is in.
///
/// A write that answers with a refusal has changed nothing, and one that fails is to be rolled back.
pub(crate) async fn apply<S: Sql>(sql: &mut S, rest: &AtRest, op: Op) -> Result<Answer, SqlError> {
    match op {
        Op::Start {
            server_id,
            store_id,
        } => start(sql, server_id, store_id).await,
        Op::CreateInvite { .. }
        | Op::FindInvite { .. }
        | Op::Register { .. }
        | Op::CreateUser { .. }
        | Op::FindUser { .. }
        | Op::FindUsers { .. }
        | Op::AddDevice { .. }
        | Op::FindDevice { .. }
        | Op::Devices { .. } => accounts::apply(sql, op).await,
        Op::LogIn { .. }
        | Op::OpenSession { .. }
        | Op::FindSession { .. }
        | Op::Sessions { .. }
        | Op::EndSession { .. } => sessions::apply(sql, op).await,
        Op::PutProfile { .. }
        | Op::Profiles
        | Op::CreateChannel { .. }
        | Op::RenameChannel { .. }
        | Op::DeleteChannel { .. }
        | Op::FindChannel { .. }
        | Op::Channels => channels::apply(sql, rest, op).await,
        Op::PutKeyEnvelopes { .. } | Op::FindKeyEnvelope { .. } => keys::apply(sql, op).await,
        Op::AppendMessage { .. } | Op::Messages { .. } | Op::LastSeqs { .. } => {
            messages::apply(sql, rest, op).await
        }
        Op::ChainPage { .. } | Op::AppendChain { .. } => chain::apply(sql, op).await,
        Op::PutEnvelopes { .. }
        | Op::Envelopes { .. }
        | Op::HeldKeys { .. }
        | Op::PutNames { .. }
        | Op::Names { .. }
        | Op::PutPending { .. }
        | Op::Pending { .. } => sharing::apply(sql, op).await,
        _ => unknown(),
    }
}

/// The hub speaks of something that this store was not taught.
fn unknown() -> Result<Answer, SqlError> {
    Err(SqlError::Corrupt("an operation is not known"))
}

async fn start<S: Sql>(
    sql: &mut S,
    server_id: ServerId,
    store_id: StoreId,
) -> Result<Answer, SqlError> {
    let row = sql
        .query_one(
            "UPDATE server SET server_id = COALESCE(server_id, $1), store_id = COALESCE(store_id, $2) \
             WHERE id = 1 RETURNING server_id, store_id",
            args![server_id.0, store_id.0],
        )
        .await?
        .ok_or(SqlError::Corrupt("the server's row is missing"))?;
    Ok(Answer::Started {
        server_id: ServerId(row.array(0)?),
        store_id: StoreId(row.array(1)?),
    })
}

/// Takes the next `count` numbers for profiles, envelopes or names; answers the first.
async fn next_numbers<S: Sql>(sql: &mut S, count: usize) -> Result<u64, SqlError> {
    let count = count as u64;
    let row = sql
        .query_one(
            "UPDATE server SET counter = counter + $1 WHERE id = 1 RETURNING counter",
            args![count],
        )
        .await?
        .ok_or(SqlError::Corrupt("the server's row is missing"))?;
    Ok(row.count(0)?.saturating_sub(count).saturating_add(1))
}

/// Takes the next place in the order in which devices and channels were made.
async fn next_place<S: Sql>(sql: &mut S) -> Result<u64, SqlError> {
    let row = sql
        .query_one(
            "UPDATE server SET places = places + 1 WHERE id = 1 RETURNING places",
            vec![],
        )
        .await?
        .ok_or(SqlError::Corrupt("the server's row is missing"))?;
    row.count(0)
}

/// A group as a column: empty for everybody's.
fn group_to_bytes(group: GroupId) -> Result<Vec<u8>, SqlError> {
    match group {
        GroupId::Channel(channel) => Ok(channel.0.to_vec()),
        GroupId::Open => Ok(Vec::new()),
        _ => Err(SqlError::Corrupt("a group is not known")),
    }
}

fn group_from_bytes(bytes: &[u8]) -> Result<GroupId, SqlError> {
    if bytes.is_empty() {
        return Ok(GroupId::Open);
    }
    let id = bytes.try_into();
    id.map(|id| GroupId::Channel(ChannelId(id)))
        .map_err(|_| SqlError::Corrupt("a group is neither everybody nor a channel"))
}

fn epoch(row: &Row, column: usize) -> Result<Epoch, SqlError> {
    u32::try_from(row.int(column)?)
        .map(Epoch)
        .map_err(|_| SqlError::Corrupt("an epoch is out of range"))
}

/// A recipient as a column: 16 bytes for a device, 32 for an invite.
fn recipient_to_bytes(recipient: RecipientId) -> Result<Vec<u8>, SqlError> {
    match recipient {
        RecipientId::Device(device) => Ok(device.0.to_vec()),
        RecipientId::Invite(entry) => Ok(entry.0.to_vec()),
        _ => Err(SqlError::Corrupt("a recipient is not known")),
    }
}

fn recipient_from_bytes(bytes: &[u8]) -> Result<RecipientId, SqlError> {
    if let Ok(device) = bytes.try_into() {
        return Ok(RecipientId::Device(DeviceId(device)));
    }
    let hash = bytes.try_into();
    hash.map(|hash| RecipientId::Invite(EntryHash(hash)))
        .map_err(|_| SqlError::Corrupt("a recipient has the wrong length"))
}
