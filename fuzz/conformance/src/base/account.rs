//! A user to measure with, and a channel to measure in.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use dialtone_protocol::runtime::Runtime;
use serde_json::{Value, json};

use super::http::call;
use super::{Address, BaseError};

/// A sealed name, as far as a server can tell.
const NAME: &str = "bG9hZA==";

/// Satisfies the rules for passwords. The user is made up anew for each run.
const PASSWORD: &str = "conformance-1";

/// What lets the kit in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Access {
    /// The host's token, which makes an invite.
    AdminToken(String),
    /// An invite, which makes a user.
    Invite(String),
    /// The token of a session.
    Token(String),
}

/// A session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    /// The bearer token.
    pub token: String,
}

/// Gets the sessions of `users` new users, of one who comes by an invite, or of one who is there already.
///
/// # Errors
///
/// When the server refuses.
pub async fn enter<R: Runtime>(
    runtime: &R,
    server: &Address,
    access: &Access,
    users: usize,
) -> Result<Vec<Account>, BaseError> {
    match access {
        Access::Token(token) => Ok(vec![Account {
            token: token.clone(),
        }]),
        Access::Invite(invite) => Ok(vec![register(runtime, server, invite).await?]),
        Access::AdminToken(token) => {
            let header = ("x-admin-token", token.as_str());
            let mut accounts = Vec::with_capacity(users);
            for _ in 0..users {
                let made = call(runtime, server, "POST", "/server/invites", header, None).await?;
                let invite = text(&made, "token")?;
                accounts.push(register(runtime, server, &invite).await?);
            }
            Ok(accounts)
        }
    }
}

async fn register<R: Runtime>(
    runtime: &R,
    server: &Address,
    invite: &str,
) -> Result<Account, BaseError> {
    let mut seed = runtime.seed();
    let name: String = seed
        .iter()
        .take(6)
        .map(|byte| format!("{byte:02x}"))
        .collect();
    if let Some(last) = seed.last_mut() {
        // The highest bit of an X25519 key is always clear.
        *last &= 0x7f;
    }
    let user = json!({
        "username": format!("load-{name}"),
        "password": PASSWORD,
        "public_key": STANDARD.encode(seed),
        "invite_token": invite,
    });
    let header = ("accept", "*/*");
    let made = call(
        runtime,
        server,
        "POST",
        "/auth/register",
        header,
        Some(&user),
    )
    .await?;
    Ok(Account {
        token: text(&made, "token")?,
    })
}

/// Makes a channel, or takes one that is there if the user may make none.
///
/// # Errors
///
/// When the server refuses, or has no channel.
pub async fn channel<R: Runtime>(
    runtime: &R,
    server: &Address,
    account: &Account,
) -> Result<String, BaseError> {
    let bearer = format!("Bearer {}", account.token);
    let header = ("authorization", bearer.as_str());
    let body = json!({ "name_enc": NAME });
    match call(runtime, server, "POST", "/channels", header, Some(&body)).await {
        Ok(made) => text(made.get("channel").unwrap_or(&Value::Null), "id"),
        Err(refused @ BaseError::Refused { status: 403, .. }) => {
            let list = call(runtime, server, "GET", "/channels", header, None).await?;
            match list.pointer("/channels/0") {
                Some(first) => text(first, "id"),
                None => Err(refused),
            }
        }
        Err(error) => Err(error),
    }
}

fn text(object: &Value, field: &str) -> Result<String, BaseError> {
    match object.get(field).and_then(Value::as_str) {
        Some(text) => Ok(text.to_owned()),
        None => Err(BaseError::Garbled(format!("there is no {field}"))),
    }
}
