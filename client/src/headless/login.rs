//! `login`: proves to the server that this account is still itself, and prefers it from now on.

use dialtone_protocol::runtime::Runtime;

use super::session::Session;
use super::{Context, output};
use crate::exit::{Exit, Failure};
use crate::server_url::ServerUrl;

/// Logs in and ends.
pub(super) async fn run<R: Runtime>(
    context: Context<R>,
    server: &str,
    username: &str,
) -> Result<(), Failure> {
    let server: ServerUrl = server
        .parse()
        .map_err(|error| Failure::new(Exit::Usage, error))?;
    let account = context.home.account(&server, username);
    if !account.exists() {
        return Err(Failure::new(
            Exit::Failed,
            format_args!("this device has no account called {username} on {server}"),
        )
        .or("Make one with: dialtone join LINK --username NAME. An account lives on the device that made it."));
    }
    let mut session = Session::open(&context, &account).await?;
    let outcome = session.until_online().await;
    session.close_with(outcome).await?;
    context.home.prefer(&account)?;
    output::note(&format!("logged in to {server} as {}", account.username()));
    Ok(())
}
