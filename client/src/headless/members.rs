//! `members`: lists who belongs, and lets in who waits.

use dialtone_protocol::client::{Client, IntentName, MemberView, Role};
use dialtone_protocol::ids::UserId;
use dialtone_protocol::runtime::Runtime;
use serde::Serialize;

use super::session::{APPEARS_WITHIN, Session};
use super::{Context, channels, output};
use crate::cli::MembersAction;
use crate::exit::{Exit, Failure};
use crate::harmless::harmless;

/// Does what was asked for, and prints the members that it is about.
pub(super) async fn run<R: Runtime>(
    context: Context<R>,
    action: Option<MembersAction>,
    json: bool,
) -> Result<(), Failure> {
    let mut session = context.session().await?;
    let members = act(&mut session, action).await;
    for member in session.close_with(members).await? {
        print(&member, json)?;
    }
    Ok(())
}

/// The member that is meant: by name or by id.
pub(super) async fn find<R: Runtime>(
    session: &Session<R>,
    wanted: &str,
) -> Result<UserId, Failure> {
    let members = session.with(|client, _| client.members()).await?;
    let matching = members.iter().filter(|member| member.pending.is_none());
    let matching = matching.filter(|member| {
        member.name.as_deref() == Some(wanted) || member.user.to_string() == wanted
    });
    only(matching, wanted)
}

async fn act<R: Runtime>(
    session: &mut Session<R>,
    action: Option<MembersAction>,
) -> Result<Vec<MemberView>, Failure> {
    session.until_member().await?;
    let Some(MembersAction::Vouch { name }) = action else {
        session.until(Some(APPEARS_WITHIN), told_all).await?;
        return session.with(|client, _| client.members()).await;
    };
    let user = waiting(session, &name).await?;
    let vouch = move |client: &mut Client, now| client.vouch(user, now);
    session.with(vouch).await??;
    channels::until_done(session, IntentName::Vouch(user)).await?;
    let members = session.with(|client, _| client.members()).await?;
    Ok(members
        .into_iter()
        .filter(|member| member.user == user)
        .collect())
}

/// Whether the names are here, who waits for a vouch, and who is online: whoever asks is, so that its own presence tells.
fn told_all(client: &Client) -> Option<()> {
    let me = client.me().user;
    let told = |member: &MemberView| {
        let named = member.pending.is_some() || member.name.is_some();
        named && (member.online || Some(member.user) != me)
    };
    let all = client.knows_newcomers() && client.members().iter().all(told);
    all.then_some(())
}

/// Who waits and is meant: by the name that they say, their id, or their safety number.
async fn waiting<R: Runtime>(session: &mut Session<R>, wanted: &str) -> Result<UserId, Failure> {
    let means = |member: &MemberView, wanted: &str| {
        member.pending.as_ref().is_some_and(|pending| {
            pending.says.as_deref() == Some(wanted)
                || pending.safety_number == wanted
                || member.user.to_string() == wanted
        })
    };
    let name = wanted.to_owned();
    let appeared = move |client: &Client| {
        let members = client.members();
        let found: Vec<_> = members
            .into_iter()
            .filter(|member| means(member, &name))
            .collect();
        (!found.is_empty()).then_some(found)
    };
    let found = session.until(Some(APPEARS_WITHIN), appeared);
    only(found.await?.unwrap_or_default().iter(), wanted)
}

fn only<'a>(
    mut matching: impl Iterator<Item = &'a MemberView>,
    wanted: &str,
) -> Result<UserId, Failure> {
    match (matching.next(), matching.next()) {
        (Some(member), None) => Ok(member.user),
        (None, _) => Err(Failure::new(
            Exit::Failed,
            format_args!("nobody here is called {wanted}"),
        )
        .or("List who is here with: dialtone members")),
        (Some(_), Some(_)) => Err(Failure::new(
            Exit::Failed,
            format_args!("more than one is called {wanted}"),
        )
        .or("Name the one you mean by the id or the safety number that `dialtone members` shows.")),
    }
}

#[derive(Serialize)]
struct Line<'a> {
    user: String,
    name: Option<&'a str>,
    role: &'static str,
    online: bool,
    pending: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    says: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    safety_number: Option<&'a str>,
    confusable: bool,
}

fn print(member: &MemberView, json: bool) -> Result<(), Failure> {
    let pending = member.pending.as_ref();
    let line = Line {
        user: member.user.to_string(),
        name: member.name.as_deref(),
        role: match (pending, member.role) {
            (Some(_), _) => "pending",
            (None, Role::Admin) => "admin",
            (None, _) => "member",
        },
        online: member.online,
        pending: pending.is_some(),
        says: pending.and_then(|pending| pending.says.as_deref()),
        safety_number: pending.map(|pending| pending.safety_number.as_str()),
        confusable: member.confusable,
    };
    if json {
        return output::object(&line);
    }
    let name = match (line.name, line.says) {
        (Some(name), _) => harmless(name),
        (None, Some(says)) => format!("says \"{}\"", harmless(says)),
        (None, None) => format!("({})", line.user),
    };
    let presence = if line.online { "online" } else { "offline" };
    let mut text = format!("{name}\t{}\t{presence}", line.role);
    if line.confusable {
        text.push_str("\tlooks like another name");
    }
    if let Some(number) = line.safety_number {
        text.push('\t');
        text.push_str(number);
    }
    output::line(&text)
}
