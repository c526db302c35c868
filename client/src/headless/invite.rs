//! `invite`: makes an invite for one newcomer, lists those that are open, and ends one.

use dialtone_protocol::client::{Client, Event, IntentName, InviteView};
use dialtone_protocol::ids::EntryHash;
use dialtone_protocol::runtime::Runtime;
use serde::Serialize;

use super::session::Session;
use super::{Context, channels, output};
use crate::cli::InviteAction;
use crate::exit::{Exit, Failure};
use crate::harmless::harmless;
use crate::invites;

/// Does what was asked for. Without an action: prints the new link, alone.
pub(super) async fn run<R: Runtime>(
    context: Context<R>,
    action: Option<InviteAction>,
) -> Result<(), Failure> {
    let mut session = context.session().await?;
    match action {
        None => {
            let link = make(&mut session).await;
            output::line(&session.close_with(link).await?)
        }
        Some(InviteAction::List { json }) => {
            let open = list(&mut session).await;
            let open = session.close_with(open).await?;
            open.iter().try_for_each(|invite| print(invite, json))
        }
        Some(InviteAction::Revoke { invite }) => {
            let done = revoke(&mut session, &invite).await;
            session.close_with(done).await
        }
    }
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

async fn list<R: Runtime>(session: &mut Session<R>) -> Result<Vec<InviteView>, Failure> {
    session.until_member().await?;
    session.with(|client, _| client.invites()).await
}

async fn revoke<R: Runtime>(session: &mut Session<R>, typed: &str) -> Result<(), Failure> {
    let id = only(&list(session).await?, typed)?;
    let revoke = move |client: &mut Client, now| client.revoke_invite(id, now);
    session.with(revoke).await??;
    channels::until_done(session, IntentName::RevokeInvite(id)).await
}

fn only(open: &[InviteView], typed: &str) -> Result<EntryHash, Failure> {
    let found = invites::meant(open.iter().map(|invite| invite.id), typed);
    match found[..] {
        [id] => Ok(id),
        [] => Err(
            Failure::new(Exit::Failed, "no open invite is the one you mean")
                .or("See which are open with: dialtone invite list"),
        ),
        _ => Err(
            Failure::new(Exit::Failed, "more than one open invite starts so")
                .or("Give more digits of the id that `dialtone invite list` shows."),
        ),
    }
}

#[derive(Serialize)]
struct Line<'a> {
    id: String,
    by: String,
    by_name: Option<&'a str>,
    uses_left: u32,
    expires: String,
}

fn print(invite: &InviteView, json: bool) -> Result<(), Failure> {
    let line = Line {
        id: invite.id.to_string(),
        by: invite.by.to_string(),
        by_name: invite.by_name.as_deref(),
        uses_left: invite.uses_left,
        expires: invite.expires.to_string(),
    };
    if json {
        return output::object(&line);
    }
    let by = line.by_name.map_or_else(|| line.by.clone(), harmless);
    let (id, left, expires) = (&line.id, line.uses_left, &line.expires);
    output::line(&format!("{id}\tby {by}\t{left} left\tuntil {expires}"))
}
