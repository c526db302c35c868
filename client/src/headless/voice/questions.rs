//! Who is in which room, and what there is to hear and to speak with.

use std::time::Duration;

use dialtone_protocol::ids::ChannelId;
use dialtone_protocol::runtime::Runtime;
use dialtone_protocol::voice::ipc::{self, Command};
use futures_util::future::{Either, select};
use serde_json::json;

use super::super::{Context, Session, output};
use super::{call, short};
use crate::exit::{Exit, Failure};
use crate::harmless::harmless;
use crate::voice::{News, VoiceOptions};

/// How long the daemon may take to name the devices for sound.
const DEVICES: Duration = Duration::from_secs(15);

pub(super) async fn who<R: Runtime>(context: Context<R>, json: bool) -> Result<(), Failure> {
    let mut session = context.session().await?;
    let outcome = async {
        session.until_member().await?;
        let rooms = session
            .with(|client, _| {
                let channels = client.channels();
                let named = |room: ChannelId| {
                    let channel = channels.iter().find(|it| it.id == room)?;
                    channel.name.clone()
                };
                client
                    .voice_rooms()
                    .map(|(room, users)| {
                        let users: Vec<_> = users
                            .iter()
                            .map(|user| (*user, client.user_name(*user).map(String::from)))
                            .collect();
                        (room, named(room), users)
                    })
                    .collect::<Vec<_>>()
            })
            .await?;
        for (room, channel, users) in rooms {
            if json {
                let users: Vec<_> = users
                    .iter()
                    .map(|(user, name)| json!({ "user": user, "name": name }))
                    .collect();
                output::object(&json!({ "room": room, "channel": channel, "users": users }))?;
                continue;
            }
            let users: Vec<String> = users
                .into_iter()
                .map(|(user, name)| harmless(&name.unwrap_or_else(|| short(user))))
                .collect();
            let channel =
                channel.map_or_else(|| room.to_string(), |it| format!("#{}", harmless(&it)));
            output::line(&format!("{channel}\t{}", users.join(", ")))?;
        }
        Ok(())
    }
    .await;
    session.close_with(outcome).await
}

pub(super) async fn devices<R: Runtime>(
    context: Context<R>,
    options: VoiceOptions,
) -> Result<(), Failure> {
    let account = context.home.choose(context.account.as_deref())?;
    let mut session = Session::open(&context, &account).await?;
    let outcome = async {
        session.until_member().await?;
        let call = call(&context, &session, &options, Vec::new()).await?;
        call.tell(Command::Devices);
        let give_up = context.runtime.now() + DEVICES;
        let found = loop {
            let sleep = core::pin::pin!(context.runtime.sleep_until(give_up));
            let news = core::pin::pin!(call.news().recv());
            match select(news, sleep).await {
                Either::Left((
                    Ok(News::Said(ipc::Event::Devices {
                        inputs, outputs, ..
                    })),
                    _,
                )) => {
                    break Ok((inputs, outputs));
                }
                Either::Left((Ok(News::Down { what, .. }), _)) => {
                    break Err(Failure::new(Exit::Failed, what));
                }
                Either::Left((Ok(_), _)) => {}
                Either::Left((Err(_), _)) | Either::Right(_) => {
                    break Err(Failure::new(
                        Exit::Failed,
                        "the sound server does not answer",
                    ));
                }
            }
        };
        call.close().await;
        let (inputs, outputs) = found?;
        for (kind, names) in [("input", inputs), ("output", outputs)] {
            for name in names {
                output::line(&format!("{kind}\t{}", harmless(&name)))?;
            }
        }
        Ok(())
    }
    .await;
    session.close_with(outcome).await
}
