//! Voice in the chat: what its commands do, and how it is shown.

use std::borrow::Cow;

use dialtone_protocol::ids::{ChannelId, UserId};
use dialtone_protocol::voice::ipc::{NORMAL_VOLUME, Standing};
use tuirealm::ratatui::text::Line;

use super::Chat;
use super::command::VoiceCommand;
use super::lookup;
use super::overlay::Purpose;
use crate::tui::msg::Effect;
use crate::tui::picture::Row;
use crate::tui::port::Request;
use crate::tui::snapshot::{Channel, short};
use crate::tui::text::{clip, sanitize_line, width};
use crate::tui::theme::Role;
use crate::tui::voice::Ask;

/// How many steps the meter has.
const METER: u32 = 6;

impl Chat {
    pub(super) fn voice_command(&mut self, command: VoiceCommand) -> Result<Vec<Effect>, String> {
        let ask = match command {
            VoiceCommand::Join(Some(name)) => return self.with_channel(&name, Purpose::Talk),
            VoiceCommand::Join(None) => {
                let channel = self
                    .active
                    .ok_or("no channel is open: /voice join CHANNEL")?;
                return Ok(self.talk(channel));
            }
            VoiceCommand::Volume(name, percent) => {
                return self.with_member(&name, false, Purpose::Volume(percent));
            }
            VoiceCommand::Leave if self.voice.room.is_none() => {
                return Err("you are in no room".to_owned());
            }
            VoiceCommand::Leave => Ask::Leave,
            VoiceCommand::Mute(muted) => Ask::Mute(muted),
            VoiceCommand::Deafen(deafened) => Ask::Deafen(deafened),
            VoiceCommand::Devices => Ask::Devices,
            VoiceCommand::Device(input, name) => Ask::Device { input, name },
            VoiceCommand::Test if !self.voice.testing && self.voice.room.is_some() => {
                return Err("leave the room to try the microphone out: /voice leave".to_owned());
            }
            VoiceCommand::Test if self.voice.testing => Ask::Test(false),
            VoiceCommand::Test => return Ok(self.begin_test()),
            VoiceCommand::Threshold(level) => Ask::Threshold(level),
        };
        Ok(self.ask_voice(ask))
    }

    /// Asks for something, and says what comes of it. What goes wrong is said in its place.
    pub(super) fn ask_voice(&mut self, ask: Ask) -> Vec<Effect> {
        if let Some(text) = self.answer(&ask) {
            self.notify(text, Role::Faint);
        }
        vec![Effect::Ask(Request::Voice(ask))]
    }

    fn answer(&self, ask: &Ask) -> Option<String> {
        let voice = &self.voice;
        let text = match ask {
            Ask::Mute(true) => "muted: nothing is sent until /voice unmute",
            Ask::Mute(false) if voice.deafened => {
                "not muted any more, but deaf still: /voice undeafen ends that"
            }
            Ask::Mute(false) => "not muted any more",
            Ask::Deafen(true) => {
                "deaf: you hear nobody, and nobody hears you, until /voice undeafen"
            }
            Ask::Deafen(false) if voice.muted => {
                "not deaf any more, but muted still: /voice unmute ends that"
            }
            Ask::Deafen(false) => "not deaf any more",
            Ask::Device { input, name } => {
                let what = if *input { "microphone" } else { "loudspeaker" };
                let name = if name.is_empty() {
                    "the system's"
                } else {
                    name
                };
                let when = match voice.room.is_some() || voice.testing {
                    true => "",
                    false => ", once you are in a room",
                };
                return Some(format!("the {what} is {}{when}", sanitize_line(name)));
            }
            Ask::Volume(user, percent) => {
                return Some(format!("{} is at {percent} % here", self.user_label(*user)));
            }
            Ask::Threshold(level) => return Some(format!("{level} and louder counts as speech")),
            Ask::Join(_) | Ask::Leave | Ask::Devices | Ask::Hold(_) | Ask::Test(_) => return None,
        };
        Some(text.to_owned())
    }

    pub(super) fn talk(&mut self, channel: ChannelId) -> Vec<Effect> {
        self.notify("joining the room", Role::Faint);
        vec![Effect::Ask(Request::Voice(Ask::Join(channel)))]
    }

    /// The key to talk is held, or not any more. It is let go of wherever one is by then.
    pub fn hold_key(&self, held: bool) -> Vec<Effect> {
        match !held || self.voice.room.is_some() || self.voice.testing {
            true => vec![Effect::Ask(Request::Voice(Ask::Hold(held)))],
            false => Vec::new(),
        }
    }

    /// What the header says of voice: the room, what is set, and how it does.
    pub(super) fn voice_label(&self) -> Option<(String, Role)> {
        let voice = &self.voice;
        if voice.testing {
            return Some((format!("test {}", self.meter()), Role::Caution));
        }
        let room = voice.room?;
        let name =
            lookup::channel(&self.channels, room).map_or_else(|| short(&room), Channel::label);
        let (state, role) = match (voice.inside, voice.online) {
            (true, true) => ("♪", Role::Online),
            (true, false) => ("♪ no server", Role::Caution),
            (false, _) => ("♪ joining", Role::Caution),
        };
        let mut text = format!("{state} #{name}");
        match (voice.deafened, voice.muted, &voice.key) {
            (true, ..) => text.push_str(" deafened"),
            (false, true, _) => text.push_str(" muted"),
            (false, false, Some(key)) => {
                let held = if voice.sending && voice.microphone {
                    "● "
                } else {
                    ""
                };
                text.push_str(&format!(" [{held}{key}] {}", self.meter()));
            }
            (false, false, None) => text.push_str(&format!(" {}", self.meter())),
        }
        if let Some(worst) = voice.quality {
            if let Some(round_trip) = worst.round_trip {
                text.push_str(&format!(" {round_trip}ms"));
            }
            text.push_str(&format!(" ±{}", worst.jitter));
            if worst.loss > 0 {
                text.push_str(&format!(" -{}%", worst.loss));
            }
        }
        Some((text, role))
    }

    /// How loud it is here, by twos: a step is twice as loud as the one before. What is loud enough is filled.
    fn meter(&self) -> String {
        if !self.voice.microphone {
            return "no mic".to_owned();
        }
        let level = self.voice.level;
        let steps = (level / 100)
            .checked_ilog2()
            .map_or(0, |it| it + 1)
            .min(METER);
        let loud = if level >= self.voice.threshold {
            "▮"
        } else {
            "▪"
        };
        (0..METER)
            .map(|step| if step < steps { loud } else { "·" })
            .collect()
    }

    /// Who is in the room of a channel, a row for each.
    pub(super) fn room_rows(
        &self,
        channel: ChannelId,
        row: impl Fn() -> Row,
        columns: usize,
    ) -> Vec<Line<'static>> {
        let voice = &self.voice;
        let own = voice.room == Some(channel);
        let mut users: Vec<UserId> = voice.rooms.get(&channel).cloned().unwrap_or_default();
        if own {
            users.extend(voice.members.iter().map(|it| it.user));
            users.extend(self.profile.user);
        }
        users.sort_unstable();
        users.dedup();
        let mut rows = Vec::new();
        for user in users {
            let speaks = own && voice.speaking.contains(&user);
            let mark = if speaks { "  ♪ " } else { "    " };
            let (note, role) = match own {
                true => self.standing(user),
                false => ("".into(), Role::Faint),
            };
            let name = clip(
                &self.user_label(user),
                columns.saturating_sub(8 + width(&note)),
            );
            rows.push(
                row()
                    .then(mark, Role::Online)
                    .then(&name, if speaks { Role::Strong } else { Role::Faint })
                    .then(&note, role)
                    .line(),
            );
        }
        rows
    }

    fn standing(&self, user: UserId) -> (Cow<'static, str>, Role) {
        let (note, role) = if self.profile.user == Some(user) {
            match (self.voice.deafened, self.voice.muted) {
                (true, _) => (" deaf", Role::Caution),
                (false, true) => (" muted", Role::Caution),
                (false, false) => ("", Role::Faint),
            }
        } else {
            let members = self.voice.members.iter().filter(|it| it.user == user);
            // Who has several devices is heard by the best of them. Of two alike, what nobody verified is not hidden.
            match members.max_by_key(|it| (closeness(it.standing), !it.verified)) {
                None if !self.voice.inside => (" …", Role::Faint),
                // The server says so, but names no device that could be heard.
                None => (" no device", Role::Caution),
                Some(best) => match best.standing {
                    Standing::Refused => (" refused", Role::Error),
                    Standing::Connected if !best.verified => (" unverified", Role::Caution),
                    Standing::Connected if best.volume == 0 => (" silenced", Role::Faint),
                    Standing::Connected if best.volume != NORMAL_VOLUME => {
                        return (format!(" {}%", best.volume).into(), Role::Faint);
                    }
                    Standing::Connected => ("", Role::Faint),
                    Standing::Stalled | Standing::Reconnecting => (" lost", Role::Caution),
                    _ => (" …", Role::Faint),
                },
            }
        };
        (note.into(), role)
    }

    pub(super) fn user_label(&self, user: UserId) -> String {
        let member = self.members.iter().find(|it| it.user == user);
        match member {
            // A room is no place to pass for somebody: what is only said is told from what is verified.
            Some(member) if member.pending.is_some() => format!("says {}", member.label()),
            Some(member) => member.label(),
            None if self.profile.user == Some(user) => self.profile.username.clone(),
            None => short(&user),
        }
    }
}

/// How near a device is to being heard.
const fn closeness(standing: Standing) -> u8 {
    match standing {
        Standing::Connected => 5,
        Standing::Stalled => 4,
        Standing::Reconnecting => 3,
        Standing::Connecting => 2,
        Standing::Refused => 0,
        _ => 1,
    }
}
