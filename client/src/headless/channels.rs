//! `channels`: lists, makes and changes channels.

use std::time::Duration;

use dialtone_protocol::client::{Access, ChannelView, Client, Event, History, IntentName};
use dialtone_protocol::ids::ChannelId;
use dialtone_protocol::runtime::Runtime;
use serde::Serialize;

use super::session::{self, APPEARS_WITHIN, Session};
use super::{Context, members, output};
use crate::cli::ChannelsAction;
use crate::exit::{Exit, Failure};
use crate::harmless::harmless;

/// How long a list waits for what was written since the last connection, so that its counts are right.
const CAUGHT_UP_WITHIN: Duration = Duration::from_secs(30);

/// Does what was asked for, and prints the channels that it is about.
pub(super) async fn run<R: Runtime>(
    context: Context<R>,
    action: Option<ChannelsAction>,
    json: bool,
) -> Result<(), Failure> {
    let mut session = context.session().await?;
    let channels = act(&mut session, action).await;
    for channel in session.close_with(channels).await? {
        print(&channel, json)?;
    }
    Ok(())
}

async fn act<R: Runtime>(
    session: &mut Session<R>,
    action: Option<ChannelsAction>,
) -> Result<Vec<ChannelView>, Failure> {
    session.until_member().await?;
    let Some(action) = action else {
        let named = |channel: &ChannelView| channel.original || channel.name.is_some();
        let all_named = move |client: &Client| client.channels().iter().all(named).then_some(());
        session.until(Some(APPEARS_WITHIN), all_named).await?;
        let up_to_date = |channel: &ChannelView| channel.caught_up;
        let all_here =
            move |client: &Client| client.channels().iter().all(up_to_date).then_some(());
        session.until(Some(CAUGHT_UP_WITHIN), all_here).await?;
        return session.with(|client, _| client.channels()).await;
    };
    let intent = match action {
        ChannelsAction::Create {
            name,
            private,
            from_join,
        } => {
            let access = if private {
                Access::Private
            } else {
                Access::Open
            };
            let history = if from_join {
                History::FromJoin
            } else {
                History::All
            };
            let name = name.strip_prefix('#').unwrap_or(&name).to_owned();
            let create =
                move |client: &mut Client, now| client.create_channel(&name, access, history, now);
            let id = session.with(create).await??;
            IntentName::CreateChannel(id)
        }
        ChannelsAction::Add { channel, member } => {
            let id = session.channel(&channel).await?.id;
            let user = members::find(session, &member).await?;
            let add = move |client: &mut Client, now| client.add_to_channel(id, user, now);
            session.with(add).await??;
            IntentName::AddToChannel(id, user)
        }
        ChannelsAction::Rename { channel, name } => {
            let id = session.channel(&channel).await?.id;
            let rename = move |client: &mut Client, now| client.rename_channel(id, &name, now);
            session.with(rename).await??;
            IntentName::RenameChannel(id)
        }
        ChannelsAction::Delete { channel } => {
            let id = session.channel(&channel).await?.id;
            let delete = move |client: &mut Client, now| client.delete_channel(id, now);
            session.with(delete).await??;
            IntentName::DeleteChannel(id)
        }
    };
    until_done(session, intent).await?;
    let (IntentName::CreateChannel(id)
    | IntentName::RenameChannel(id)
    | IntentName::AddToChannel(id, _)) = intent
    else {
        return Ok(Vec::new());
    };
    Ok(vec![shown(session, id).await?])
}

/// Waits until the log shows what was asked for.
pub(super) async fn until_done<R: Runtime>(
    session: &mut Session<R>,
    wanted: IntentName,
) -> Result<(), Failure> {
    loop {
        match session.next_event(None).await? {
            Some(Event::IntentDone { intent }) if intent == wanted => return Ok(()),
            Some(Event::IntentRefused { intent, reason }) if intent == wanted => {
                return Err(reason.into());
            }
            _ => {}
        }
    }
}

async fn shown<R: Runtime>(
    session: &mut Session<R>,
    id: ChannelId,
) -> Result<ChannelView, Failure> {
    let wanted = id.to_string();
    let found = session.until(None, move |client| session::find(client, &wanted));
    found
        .await?
        .ok_or_else(|| Failure::new(Exit::Failed, format_args!("the channel {id} is gone")))
}

#[derive(Serialize)]
struct Line<'a> {
    id: String,
    name: Option<&'a str>,
    access: &'static str,
    history: &'static str,
    unread: u64,
    last_seq: u64,
    original: bool,
}

fn print(channel: &ChannelView, json: bool) -> Result<(), Failure> {
    let line = Line {
        id: channel.id.to_string(),
        name: channel.name.as_deref(),
        access: match channel.access {
            Access::Private => "private",
            _ => "open",
        },
        history: match channel.history {
            History::FromJoin => "from-join",
            _ => "all",
        },
        unread: channel.unread,
        last_seq: channel.last_seq.0,
        original: channel.original,
    };
    if json {
        return output::object(&line);
    }
    let name = match (line.name, line.original) {
        (_, true) => "(not verifiable)".to_owned(),
        (Some(name), false) => format!("#{}", harmless(name)),
        (None, false) => "(no name yet)".to_owned(),
    };
    output::line(&format!(
        "{name}\t{}\t{} unread\t{}",
        line.id, line.unread, line.access
    ))
}
