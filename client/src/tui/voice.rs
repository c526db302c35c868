//! What the screen knows of voice: who is in which room, how one's own stands, and what can be asked of it.

use std::collections::{BTreeMap, BTreeSet};

use dialtone_protocol::ids::{ChannelId, UserId};
use dialtone_protocol::voice::ipc::{Event, Gate, Quality, Standing};

use super::text::sanitize_line;

/// What the screen asks of voice.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ask {
    /// Enter the room of a channel.
    Join(ChannelId),
    /// Leave the room.
    Leave,
    /// Send nothing, or send again.
    Mute(bool),
    /// Hear nothing, or hear again.
    Deafen(bool),
    /// How loud a user is here, in percent.
    Volume(UserId, u16),
    /// Name the devices for sound.
    Devices,
    /// Choose a microphone, or a loudspeaker; empty for the system's.
    Device {
        /// Whether it is the microphone.
        input: bool,
        /// Its name.
        name: String,
    },
    /// The key to talk is held from now on, or not any more.
    Hold(bool),
    /// Hear one's own microphone, or not any more.
    Test(bool),
    /// From which level on sound counts as speech.
    Threshold(u32),
}

/// How voice stands.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Voice {
    /// Who is in which room, by the server's word.
    pub rooms: BTreeMap<ChannelId, Vec<UserId>>,
    /// The room that the user wants to be in.
    pub room: Option<ChannelId>,
    /// Whether the server let this device in.
    pub inside: bool,
    /// The daemon cannot be had.
    pub gone: bool,
    /// Whether the daemon reaches the server.
    pub online: bool,
    /// The other devices in the room.
    pub members: Vec<Talker>,
    /// Who speaks now, this user too.
    pub speaking: BTreeSet<UserId>,
    /// Nothing is sent.
    pub muted: bool,
    /// Nothing is heard.
    pub deafened: bool,
    /// The microphone is open.
    pub microphone: bool,
    /// The microphone is being tried out.
    pub testing: bool,
    /// How loud it is here: see the daemon's level.
    pub level: u32,
    /// It is sent.
    pub sending: bool,
    /// From which level on sound counts as speech.
    pub threshold: u32,
    /// What it takes to talk, where it is not the voice alone.
    pub key: Option<String>,
    /// The worst of all connections.
    pub quality: Option<Worst>,
}

/// Another device in the room.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Talker {
    /// Its user.
    pub user: UserId,
    /// Whether the log knows it and it signed that it is here.
    pub verified: bool,
    /// How it stands.
    pub standing: Standing,
    /// How loud it is here, in percent.
    pub volume: u16,
}

/// The worst of all connections.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Worst {
    /// What gets lost, in percent.
    pub loss: u32,
    /// How unevenly sound arrives, in milliseconds.
    pub jitter: u32,
    /// The way there and back, in milliseconds.
    pub round_trip: Option<u32>,
}

impl Voice {
    /// Takes in what the daemon says. Answers what a person is told of it, and whether it is something wrong.
    pub fn take(&mut self, event: Event) -> Option<(String, bool)> {
        match event {
            Event::VoiceReady { room } => {
                if room.is_some() && room == self.room {
                    self.leave();
                }
                None
            }
            Event::VoiceConnected { room } => {
                self.room = Some(room);
                self.inside = true;
                None
            }
            Event::VoiceLeft { why, .. } => {
                self.leave();
                Some((format!("voice: {}", sanitize_line(&why)), true))
            }
            Event::VoiceMembers { members, .. } => {
                let talker = |it: dialtone_protocol::voice::ipc::Member| Talker {
                    user: it.user,
                    verified: it.verified,
                    standing: it.standing,
                    volume: it.volume,
                };
                self.members = members.into_iter().map(talker).collect();
                None
            }
            Event::UserSpeaking { user, active } => {
                match active {
                    true => self.speaking.insert(user),
                    false => self.speaking.remove(&user),
                };
                None
            }
            Event::VoiceLink { online } => {
                self.online = online;
                None
            }
            Event::VoiceState {
                muted,
                deafened,
                gate,
                threshold,
                microphone,
                testing,
            } => {
                (self.muted, self.deafened) = (muted, deafened);
                (self.microphone, self.testing) = (microphone, testing);
                self.threshold = threshold;
                match gate {
                    Gate::Ptt { key } => {
                        self.key = Some(sanitize_line(&key));
                        None
                    }
                    Gate::PttFailed { why } => {
                        let was_said = self.key.replace("no key".to_owned()).is_some();
                        let text = format!("voice: {}", sanitize_line(&why));
                        (!was_said).then_some((text, true))
                    }
                    _ => {
                        self.key = None;
                        None
                    }
                }
            }
            Event::Level { level, sending } => {
                (self.level, self.sending) = (level, sending);
                None
            }
            Event::Quality { members } => {
                self.quality = worst(&members);
                None
            }
            Event::Devices {
                inputs,
                outputs,
                input,
                output,
            } => Some((devices(&inputs, &outputs, &input, &output), false)),
            Event::Error { error } => Some((format!("voice: {}", sanitize_line(&error)), true)),
            Event::Info { error } => Some((format!("voice: {}", sanitize_line(&error)), false)),
            _ => None,
        }
    }

    /// The daemon is gone: nothing of what it said holds.
    pub fn lose(&mut self) {
        self.gone = true;
        self.members.clear();
        self.speaking.clear();
        self.quality = None;
        (self.inside, self.online, self.microphone, self.testing) = (false, false, false, false);
        (self.level, self.sending) = (0, false);
    }

    fn leave(&mut self) {
        self.room = None;
        (self.inside, self.sending) = (false, false);
        self.members.clear();
        self.speaking.clear();
        self.quality = None;
    }
}

fn worst(members: &[Quality]) -> Option<Worst> {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "figures for people"
    )]
    let whole = |it: f32| it.clamp(0.0, 9999.0) as u32;
    let mut all = members.iter().map(|it| Worst {
        loss: whole(it.loss),
        jitter: whole(it.jitter),
        round_trip: it.round_trip.map(whole),
    });
    let first = all.next()?;
    Some(all.fold(first, |worst, it| Worst {
        loss: worst.loss.max(it.loss),
        jitter: worst.jitter.max(it.jitter),
        round_trip: worst.round_trip.max(it.round_trip),
    }))
}

fn devices(inputs: &[String], outputs: &[String], input: &str, output: &str) -> String {
    let mut lines = Vec::new();
    for (title, names, chosen) in [
        ("microphones:", inputs, input),
        ("loudspeakers:", outputs, output),
    ] {
        lines.push(title.to_owned());
        let mark = |is_chosen| if is_chosen { "•" } else { " " };
        lines.push(format!("{} the system's", mark(chosen.is_empty())));
        // One may be chosen that has another name here, or that is not there now.
        let is_named = chosen.is_empty() || names.iter().any(|name| name == chosen);
        for name in names
            .iter()
            .map(String::as_str)
            .chain((!is_named).then_some(chosen))
        {
            lines.push(format!("{} {}", mark(name == chosen), sanitize_line(name)));
        }
    }
    lines.push("choose by /voice device in NAME, /voice device out NAME".to_owned());
    lines.join("\n")
}
