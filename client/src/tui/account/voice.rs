//! Voice of an open account: the daemon is started when it is first wanted.

use std::future::pending;

use dialtone_protocol::client::Client;
use dialtone_protocol::ids::{ChannelId, DeviceId, UserId};
use dialtone_protocol::runtime::Runtime;
use dialtone_protocol::voice::ipc::{Command, Event, Press};

use crate::account::Account;
use crate::cli::Shared;
use crate::home::Home;
use crate::tui::input::Talking;
use crate::tui::port::Update;
use crate::tui::voice::{Ask, Voice};
use crate::voice::{Call, Daemon, Keeping, News, VoiceOptions, socket_path};

/// With what voice is set up.
#[derive(Clone, Debug)]
pub(crate) struct Setup {
    pub(crate) home: Home,
    pub(crate) shared: Shared,
    pub(crate) options: VoiceOptions,
    pub(crate) talking: Talking,
}

/// Voice of an account.
pub(super) struct Line<R: Runtime> {
    runtime: R,
    setup: Setup,
    call: Option<Call>,
    state: Voice,
}

impl<R: Runtime> Line<R> {
    pub(super) fn new(runtime: R, setup: Setup) -> Self {
        Self {
            runtime,
            setup,
            call: None,
            state: Voice::default(),
        }
    }

    /// What happens next on the way to the daemon.
    pub(super) async fn news(&self) -> News {
        match &self.call {
            Some(call) => match call.news().recv().await {
                Ok(news) => news,
                Err(_) => pending().await,
            },
            None => pending().await,
        }
    }

    /// What is there already, so that many levels make one picture.
    pub(super) fn more_news(&self) -> Option<News> {
        self.call.as_ref()?.news().try_recv().ok()
    }

    pub(super) fn take(&mut self, news: News) -> Vec<Update> {
        let said = match news {
            News::Up => {
                let was_gone = std::mem::take(&mut self.state.gone);
                was_gone.then(|| ("voice works again".to_owned(), false))
            }
            News::NotKept(what) => Some((what, true)),
            News::Said(Event::VoiceRefused { user, reason, .. }) => {
                let reason = reason.to_string();
                return vec![Update::NotHeard { user, reason }];
            }
            News::Said(event) => self.state.take(self.amended(event)),
            News::Down { what, again } => {
                self.state.lose();
                let when = again.map_or(String::new(), |again| {
                    format!("; it is tried again in {again} s")
                });
                Some((format!("voice: {what}{when}"), true))
            }
        };
        match said {
            Some((text, true)) => vec![Update::Problem(text)],
            Some((text, false)) if text.contains('\n') => vec![Update::Note(text)],
            Some((text, false)) => vec![Update::Done(text)],
            None => Vec::new(),
        }
    }

    /// The daemon does not know what the terminal watches.
    fn amended(&self, mut event: Event) -> Event {
        if let Event::VoiceState { gate, .. } = &mut event {
            *gate = self.setup.talking.amend(gate.clone());
        }
        event
    }

    /// What the screen shows of it.
    pub(super) fn update(&self) -> Update {
        Update::Voice(Box::new(self.state.clone()))
    }

    /// Who is in which room, by the server's word.
    pub(super) async fn read_rooms(&mut self, account: &Account<R>) {
        let rooms = account.with(|client, _| {
            let rooms = client.voice_rooms();
            rooms
                .map(|(room, users)| (room, users.iter().copied().collect()))
                .collect()
        });
        if let Some(rooms) = rooms.await {
            self.state.rooms = rooms;
        }
    }

    pub(super) fn revoke(&self, room: ChannelId, user: UserId, device: DeviceId) {
        if let Some(call) = &self.call {
            call.revoke(room, user, device);
        }
    }

    pub(super) async fn ask(&mut self, account: &Account<R>, ask: Ask) -> Result<(), String> {
        if self.call.is_none() && matches!(ask, Ask::Leave) {
            return Err("you are in no room".to_owned());
        }
        // No daemon is started for a key, nor for the end of something.
        if self.call.is_none() && matches!(ask, Ask::Hold(_) | Ask::Test(false)) {
            return Ok(());
        }
        self.state.gone = false;
        if let Err(why) = self.start(account).await {
            self.state.gone = true;
            return Err(why);
        }
        let Some(call) = &self.call else {
            return Ok(());
        };
        match ask {
            Ask::Join(room) => {
                self.state.room = Some(room);
                call.tell(Command::VoiceJoin { room });
            }
            Ask::Leave => {
                call.tell(Command::VoiceLeave { room: None });
                account.with(|client, _| client.leave_voice()).await;
            }
            Ask::Mute(true) => call.tell(Command::Mute),
            Ask::Mute(false) => call.tell(Command::Unmute),
            Ask::Deafen(true) => call.tell(Command::Deafen),
            Ask::Deafen(false) => call.tell(Command::Undeafen),
            Ask::Volume(user, percent) => call.tell(Command::Volume { user, percent }),
            Ask::Devices => call.tell(Command::Devices),
            Ask::Device { input, name } => {
                let (input, output) = match input {
                    true => (Some(name), None),
                    false => (None, Some(name)),
                };
                call.tell(Command::Device { input, output });
            }
            Ask::Hold(held) => call.tell(Command::Ptt {
                action: match held {
                    true => Press::Down,
                    false => Press::Up,
                },
            }),
            Ask::Test(on) => call.tell(Command::Test { on }),
            Ask::Threshold(level) => call.tell(Command::Threshold { level }),
        }
        Ok(())
    }

    async fn start(&mut self, account: &Account<R>) -> Result<(), String> {
        if self.call.is_some() {
            return Ok(());
        }
        let Setup {
            home,
            shared,
            options,
            ..
        } = &self.setup;
        let unverified = options.unverified.clone();
        let me = account.with(move |client: &mut Client, _| {
            client.allow_unverified_voice(unverified);
            client.me()
        });
        let user = me.await.and_then(|me| me.user);
        let user = user.ok_or("this account has no user yet")?;
        let place = account.place();
        let socket = match &options.ipc {
            Some(path) => path.clone(),
            None => socket_path(home, place).map_err(|error| error.to_string())?,
        };
        let daemon = match options.auto {
            true => Some(
                Daemon::find(options, shared, place.server(), &socket, home.logs())
                    .map_err(|error| error.to_string())?,
            ),
            false => None,
        };
        let visitor = account.visitor();
        let keeping = Keeping::of(place, options);
        let runtime = &self.runtime;
        let call = Call::start(runtime, visitor, user, socket, daemon, keeping);
        self.call = Some(call);
        Ok(())
    }

    pub(super) async fn close(self) {
        if let Some(call) = self.call {
            call.close().await;
        }
    }
}
