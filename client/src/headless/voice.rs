//! `voice` and `ptt`: talking, or recording who talks, without a screen.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use dialtone_protocol::client::Event;
use dialtone_protocol::ids::{ChannelId, UserId};
use dialtone_protocol::runtime::Runtime;
use dialtone_protocol::voice::ipc::{self, Command, Member, Press, Standing};
use futures_util::future::{Either, select};
use serde_json::{Value, json};

use super::{Context, Session, output};
use crate::cli::{PttAction, VoiceAction};
use crate::exit::{Exit, Failure};
use crate::harmless::harmless;
use crate::voice::{self, Call, Daemon, News, PttBackend, VoiceOptions};

/// How long the daemon may take to name the devices for sound.
const DEVICES: Duration = Duration::from_secs(15);

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
        VoiceAction::Who { json } => who(context, json).await,
        VoiceAction::Devices => devices(context, options).await,
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
    let mut watcher = Watcher {
        room: channel.id,
        name: channel.name.unwrap_or(wanted.channel),
        json: wanted.json,
        members: BTreeMap::new(),
        inside: false,
        online: false,
    };
    let outcome = watcher.watch(context, session, &call, wanted.lasts).await;
    call.tell(Command::VoiceLeave { room: None });
    call.close().await;
    outcome
}

/// Says what happens in a room.
struct Watcher {
    room: ChannelId,
    name: String,
    json: bool,
    members: BTreeMap<(UserId, String), Hears>,
    inside: bool,
    /// Whether the daemon has a connection to the server.
    online: bool,
}

/// How another device is heard, as far as people are told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Hears {
    NotYet,
    Well,
    /// Nothing comes from it, though the connection stands.
    Nothing,
    Broken,
}

impl Hears {
    const fn of(member: &Member) -> Self {
        match member.standing {
            Standing::Connected if member.stalled => Self::Nothing,
            Standing::Connected => Self::Well,
            Standing::Reconnecting => Self::Broken,
            _ => Self::NotYet,
        }
    }
}

impl Watcher {
    async fn watch<R: Runtime>(
        &mut self,
        context: &Context<R>,
        session: &mut Session<R>,
        call: &Call,
        lasts: Option<Duration>,
    ) -> Result<(), Failure> {
        let mut until = None;
        loop {
            let now = context.runtime.now();
            if until.is_some_and(|at| at <= now) {
                return Ok(());
            }
            let patience = until.map(|at| at - now);
            let happened = {
                let event = core::pin::pin!(session.next_event(patience));
                let news = core::pin::pin!(call.news().recv());
                match select(news, event).await {
                    Either::Left((news, _)) => Either::Left(news),
                    Either::Right((event, _)) => Either::Right(event),
                }
            };
            match happened {
                Either::Left(Ok(News::Said(event))) => {
                    if let ipc::Event::VoiceConnected { .. } = event {
                        let over = lasts.map(|lasts| context.runtime.now() + lasts);
                        until = until.or(over);
                    }
                    self.say(session, event).await?;
                }
                Either::Left(Ok(News::Down { what, again })) => {
                    if !self.inside {
                        return Err(Failure::new(Exit::Failed, what));
                    }
                    let when = again.map_or(String::new(), |again| {
                        format!("; it is started again in {again} s")
                    });
                    output::note(&format!("dialtone: {what}{when}"));
                }
                Either::Left(Ok(News::Up)) => {}
                Either::Left(Err(_)) => return Ok(()),
                Either::Right(Ok(Some(Event::VoiceRevoked { room, user, device }))) => {
                    call.revoke(room, user, device);
                }
                Either::Right(Ok(_)) => {}
                // To be asked to end is how this command ends.
                Either::Right(Err(failure)) if failure.is_interruption() => return Ok(()),
                Either::Right(Err(failure)) => return Err(failure),
            }
        }
    }

    async fn say<R: Runtime>(
        &mut self,
        session: &Session<R>,
        event: ipc::Event,
    ) -> Result<(), Failure> {
        if self.json {
            let line = self.line(session, &event).await?;
            if let Some(line) = line {
                output::object(&line)?;
            }
        }
        match event {
            ipc::Event::VoiceConnected { room }
                if room == self.room && !core::mem::replace(&mut self.inside, true) =>
            {
                self.note(format!("in the room of #{}", self.name));
            }
            ipc::Event::VoiceLeft { why, .. } => {
                return Err(Failure::new(Exit::Refused, why));
            }
            ipc::Event::VoiceMembers { members, .. } => self.members(session, members).await?,
            ipc::Event::VoiceLink { online } => self.link(online),
            ipc::Event::UserSpeaking { user, active: true } => {
                let name = name(session, user).await?;
                self.note(format!("{name} speaks"));
            }
            ipc::Event::VoiceRefused { user, reason, .. } => {
                let name = name(session, user).await?;
                output::note(&format!("dialtone: {name} is not heard: {reason}"));
            }
            ipc::Event::Error { error } | ipc::Event::Info { error } => {
                output::note(&format!("dialtone: {error}"));
            }
            _ => {}
        }
        Ok(())
    }

    /// The daemon's connection to the server came or went.
    fn link(&mut self, online: bool) {
        let was = core::mem::replace(&mut self.online, online);
        if self.inside && was != online {
            self.note(match online {
                true => "the server is there again".to_owned(),
                false => {
                    "the server is not reached: who is heard is heard on, and it is tried again"
                        .to_owned()
                }
            });
        }
    }

    async fn members<R: Runtime>(
        &mut self,
        session: &Session<R>,
        members: Vec<Member>,
    ) -> Result<(), Failure> {
        let here: BTreeMap<_, _> = members
            .iter()
            .map(|it| ((it.user, it.device.to_string()), Hears::of(it)))
            .collect();
        let before = core::mem::replace(&mut self.members, here.clone());
        for ((user, device), hears) in &here {
            let was = before.get(&(*user, device.clone())).copied();
            let heard_before = before
                .iter()
                .any(|((it, _), was)| it == user && *was == Hears::Well);
            let name = name(session, *user).await?;
            match hears {
                Hears::Well if !heard_before => {
                    let verified = members.iter().any(|it| it.user == *user && it.verified);
                    let mark = if verified { "" } else { " (not verified)" };
                    self.note(format!("{name} is heard{mark}"));
                }
                Hears::Nothing if was != Some(Hears::Nothing) => self.note(format!(
                    "nothing comes from {name} any more: it goes on by itself when the network does"
                )),
                Hears::Broken if was != Some(Hears::Broken) => self.note(format!(
                    "the connection with {name} broke: it is made again by itself; if it is not, look at the network"
                )),
                _ => {}
            }
        }
        for (user, device) in before.keys() {
            if !here.contains_key(&(*user, device.clone())) {
                let name = name(session, *user).await?;
                self.note(format!("{name} left"));
            }
        }
        Ok(())
    }

    /// An event of the daemon, with names.
    async fn line<R: Runtime>(
        &self,
        session: &Session<R>,
        event: &ipc::Event,
    ) -> Result<Option<Value>, Failure> {
        if matches!(event, ipc::Event::Pong | ipc::Event::Level { .. }) {
            return Ok(None);
        }
        let Ok(mut line) = serde_json::to_value(event) else {
            return Ok(None);
        };
        let mut users: Vec<UserId> = line
            .get("users")
            .and_then(|it| serde_json::from_value(it.clone()).ok())
            .unwrap_or_default();
        let user = line
            .get("user")
            .and_then(|it| serde_json::from_value(it.clone()).ok());
        users.extend::<Option<UserId>>(user);
        let mut names = serde_json::Map::new();
        for user in users {
            names.insert(user.to_string(), json!(name(session, user).await?));
        }
        if let Some(fields) = line.as_object_mut()
            && !names.is_empty()
        {
            fields.insert("names".to_owned(), Value::Object(names));
        }
        Ok(Some(line))
    }

    fn note(&self, what: String) {
        if !self.json {
            output::note(&what);
        }
    }
}

async fn who<R: Runtime>(context: Context<R>, json: bool) -> Result<(), Failure> {
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

async fn devices<R: Runtime>(context: Context<R>, options: VoiceOptions) -> Result<(), Failure> {
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
