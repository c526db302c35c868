//! `dialtone-server invite`: a host's link, made in the store itself, whether a server runs beside or not.

use dialtone_protocol::crypto::password_hash::token_hash;
use dialtone_protocol::hub::store::{Answer, Op, StoreError};
use dialtone_protocol::ids::UserId;
use dialtone_protocol::limits;
use dialtone_protocol::time::UnixMillis;

use crate::store::Store;

/// Makes an invite and answers its link under `url`: the founding one while nobody has founded the community.
///
/// # Errors
///
/// When the store fails.
pub async fn invite(
    store: &dyn Store,
    url: &str,
    random: [u8; 32],
    now: UnixMillis,
) -> Result<String, StoreError> {
    // The original's form of a token.
    let [random @ .., _, _, _, _, _, _, _, _, _, _, _, _, _, _, _, _] = random;
    let token = UserId::from_random(random).to_string();
    let op = Op::CreateInvite {
        token_hash: token_hash(&token),
        created_at: now,
        expires_at: now.saturating_add(limits::INVITE_LIFE),
    };
    for result in store.write(vec![op]).await {
        result?;
    }
    let fragment = if is_founded(store).await? {
        ""
    } else {
        "#found"
    };
    Ok(format!("{url}/invite/{token}{fragment}"))
}

/// Whether the log has its first entry.
///
/// # Errors
///
/// When the store fails.
pub async fn is_founded(store: &dyn Store) -> Result<bool, StoreError> {
    let op = Op::ChainPage {
        from: 0,
        max_bytes: 1,
    };
    match store.read(op).await? {
        Answer::Chain(entries) => Ok(!entries.is_empty()),
        _ => Err(StoreError::Corrupt),
    }
}
