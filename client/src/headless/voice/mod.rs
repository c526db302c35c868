//! `voice` and `ptt`: talking, or recording who talks, without a screen.

mod questions;
mod watcher;

use std::path::PathBuf;
use std::time::Duration;

use dialtone_protocol::ids::UserId;
use dialtone_protocol::runtime::Runtime;
use dialtone_protocol::voice::ipc::{Command, Press};

use super::{Context, Session};
use crate::cli::{PttAction, VoiceAction};
use crate::exit::{Exit, Failure};
use crate::harmless::harmless;
use crate::voice::{self, Call, Daemon, Keeping, PttBackend, VoiceOptions};
use watcher::Watcher;

/// How to take part.
struct Wanted {
    channel: String,
    input: Option<PathBuf>,
    output: Option<PathBuf>,
    lasts: Option<Duration>,
    json: bool,
}

pub(super) async fn run<R: Runtime>(
    context: Context<R>,
    options: VoiceOptions,
    action: VoiceAction,
) -> Result<(), Failure> {
    match action {
        VoiceAction::Join {
            channel,
            input,
            output,
            lasts,
            json,
        } => {
            let wanted = Wanted {
                channel,
                input,
                output,
                lasts,
                json,
            };
            join(context, options, wanted).await
        }
        VoiceAction::Who { json } => questions::who(context, json).await,
        VoiceAction::Devices => questions::devices(context, options).await,
    }
}

/// Needs only the daemon: no passphrase is asked for.
pub(super) async fn press<R: Runtime>(
    context: Context<R>,
    options: VoiceOptions,
    action: PttAction,
) -> Result<(), Failure> {
    let failed = |error| Failure::new(Exit::Failed, error);
    let path = match options.ipc {
        Some(path) => path,
        None => {
            let account = context.home.choose(context.account.as_deref())?;
            voice::socket_path(&context.home, &account).map_err(failed)?
        }
    };
    let action = match action {
        PttAction::Down => Press::Down,
        PttAction::Up => Press::Up,
        PttAction::Toggle => Press::Toggle,
    };
    voice::press(&context.runtime, &path, action)
        .await
        .map_err(failed)
}

/// Starts a daemon for an account that is connected and a member.
async fn call<R: Runtime>(
    context: &Context<R>,
    session: &Session<R>,
    options: &VoiceOptions,
    more: Vec<std::ffi::OsString>,
) -> Result<Call, Failure> {
    let account = context.home.choose(context.account.as_deref())?;
    let failed = |error: &dyn core::fmt::Display| Failure::new(Exit::Failed, error);
    if options.ptt.is_some() && options.ptt_backend == Some(PttBackend::Terminal) {
        let what =
            "without the screen the terminal watches no key: take another --voice-ptt-backend";
        return Err(Failure::new(Exit::Usage, what));
    }
    let mut socket = match &options.ipc {
        Some(path) => path.clone(),
        None => voice::socket_path(&context.home, &account).map_err(|error| failed(&error))?,
    };
    // Who says a file or records has chosen everything by that.
    let keeping = match more.is_empty() {
        true => Keeping::of(&account, options),
        false => Keeping::default(),
    };
    if !more.is_empty() {
        // A daemon that runs already would speak and record as it was told before.
        if !options.auto {
            let what =
                "--input and --output are for a daemon of this command: leave out --voice-auto";
            return Err(Failure::new(Exit::Usage, what));
        }
        let free = voice::free_path(socket, options.ipc.is_some()).await;
        socket = free.map_err(|error| failed(&error))?;
    }
    let daemon = match options.auto {
        true => {
            let (server, logs) = (account.server(), context.home.logs());
            let found = Daemon::find(options, &context.shared, server, &socket, logs);
            Some(found.map_err(|error| failed(&error))?.with(more))
        }
        false => None,
    };
    let unverified = options.unverified.clone();
    let me = session
        .with(move |client, _| {
            client.allow_unverified_voice(unverified);
            client.me()
        })
        .await?;
    let user = me
        .user
        .ok_or_else(|| Failure::new(Exit::Failed, "this account has no user yet"))?;
    Ok(Call::start(
        &context.runtime,
        session.visitor(),
        user,
        socket,
        daemon,
        keeping,
    ))
}

async fn join<R: Runtime>(
    context: Context<R>,
    options: VoiceOptions,
    wanted: Wanted,
) -> Result<(), Failure> {
    let account = context.home.choose(context.account.as_deref())?;
    let mut session = Session::open(&context, &account).await?;
    let outcome = take_part(&context, &mut session, &options, wanted).await;
    session.close_with(outcome).await
}

async fn take_part<R: Runtime>(
    context: &Context<R>,
    session: &mut Session<R>,
    options: &VoiceOptions,
    wanted: Wanted,
) -> Result<(), Failure> {
    session.until_member().await?;
    let channel = session.channel(&wanted.channel).await?;
    let mut more = Vec::new();
    if let Some(path) = &wanted.input {
        more.extend(["--input".into(), path.into()]);
    }
    if let Some(path) = &wanted.output {
        more.extend(["--output".into(), path.into()]);
    }
    let call = call(context, session, options, more).await?;
    session.be_patient();
    call.tell(Command::VoiceJoin { room: channel.id });
    let name = channel.name.unwrap_or(wanted.channel);
    let mut watcher = Watcher::new(channel.id, name, wanted.json, wanted.output);
    let outcome = watcher.watch(context, session, &call, wanted.lasts).await;
    call.tell(Command::VoiceLeave { room: None });
    call.close().await;
    outcome
}

async fn name<R: Runtime>(session: &Session<R>, user: UserId) -> Result<String, Failure> {
    let name = session
        .with(move |client, _| client.user_name(user).map(String::from))
        .await?;
    Ok(name.map_or_else(|| short(user), |name| harmless(&name)))
}

/// So much of an id is shown of somebody who has no name.
fn short(user: UserId) -> String {
    user.to_string().chars().take(8).collect()
}
