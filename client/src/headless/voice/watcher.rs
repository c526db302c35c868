//! What people and programs are told of a room while they are in it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::time::Duration;

use dialtone_protocol::client::Event;
use dialtone_protocol::ids::{ChannelId, DeviceId, UserId};
use dialtone_protocol::runtime::Runtime;
use dialtone_protocol::voice::ipc::{self, Member, Standing};
use futures_util::future::{Either, select};
use serde_json::{Value, json};

use super::super::{Context, Session, output};
use super::name;
use crate::exit::{Exit, Failure};
use crate::voice::{Call, News, recording_file};

/// Says what happens in a room.
pub(super) struct Watcher {
    room: ChannelId,
    name: String,
    json: bool,
    /// Where each speaker is recorded.
    recorded: Option<PathBuf>,
    /// Whose file was named.
    named: BTreeSet<(UserId, DeviceId)>,
    members: BTreeMap<(UserId, DeviceId), Standing>,
    inside: bool,
    /// Whether the daemon has a connection to the server.
    online: bool,
    /// The daemon ended, and is started again.
    is_lost: bool,
}

impl Watcher {
    pub(super) const fn new(
        room: ChannelId,
        name: String,
        json: bool,
        recorded: Option<PathBuf>,
    ) -> Self {
        Self {
            room,
            name,
            json,
            recorded,
            named: BTreeSet::new(),
            members: BTreeMap::new(),
            inside: false,
            online: false,
            is_lost: false,
        }
    }

    pub(super) async fn watch<R: Runtime>(
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
                    self.is_lost = true;
                }
                Either::Left(Ok(News::NotKept(what))) => {
                    output::note(&format!("dialtone: {what}"));
                }
                Either::Left(Ok(News::Up)) => {
                    if core::mem::take(&mut self.is_lost) {
                        output::note("dialtone: voice works again");
                    }
                }
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
            .map(|it| ((it.user, it.device), it.standing))
            .collect();
        let before = core::mem::replace(&mut self.members, here.clone());
        for (member, standing) in &here {
            if before.get(member) == Some(standing) {
                continue;
            }
            let (user, device) = member;
            let heard_before = before
                .iter()
                .any(|((it, _), was)| it == user && *was == Standing::Connected);
            let name = name(session, *user).await?;
            if let Some(folder) = &self.recorded
                && *standing == Standing::Connected
                && self.named.insert(*member)
            {
                let file = folder.join(recording_file(*user, *device));
                self.note(format!(
                    "{name} is recorded in {} while speaking",
                    file.display()
                ));
            }
            match standing {
                Standing::Connected if !heard_before => {
                    let verified = members.iter().any(|it| it.user == *user && it.verified);
                    let mark = if verified { "" } else { " (not verified)" };
                    self.note(format!("{name} is heard{mark}"));
                }
                Standing::Stalled => self.note(format!(
                    "nothing comes from {name} any more: it goes on by itself when the network does"
                )),
                Standing::Reconnecting => self.note(format!(
                    "the connection with {name} broke: it is made again by itself; if it is not, look at the network"
                )),
                _ => {}
            }
        }
        for member in before.keys() {
            if !here.contains_key(member) {
                let name = name(session, member.0).await?;
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
