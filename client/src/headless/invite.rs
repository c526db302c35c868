//! `invite`: makes an invite for one newcomer.

use dialtone_protocol::client::{Client, Event, IntentName};
use dialtone_protocol::runtime::Runtime;

use super::session::Session;
use super::{Context, output};
use crate::exit::Failure;

/// Prints the link, alone.
pub(super) async fn run<R: Runtime>(context: Context<R>) -> Result<(), Failure> {
    let mut session = context.session().await?;
    let link = make(&mut session).await;
    let link = session.close_with(link).await?;
    output::line(&link)
}

async fn make<R: Runtime>(session: &mut Session<R>) -> Result<String, Failure> {
    session.until_member().await?;
    let wanted = session.with(Client::create_invite).await??;
    loop {
        match session.next_event(None).await? {
            Some(Event::InviteReady { id, link }) if id == wanted => return Ok(link),
            Some(Event::IntentRefused { intent, reason })
                if intent == IntentName::Invite(wanted) =>
            {
                return Err(reason.into());
            }
            _ => {}
        }
    }
}
