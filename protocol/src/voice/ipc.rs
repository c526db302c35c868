//! What the voice daemon and whoever uses it say to each other: one JSON object a line, over a socket that only its
//! owner can open.
//!
//! The commands and events of the original are there in its shape; what is added for ours stands beside them, and
//! programs that do not know it pass it over.

mod line;
#[cfg(test)]
mod tests;

use alloc::string::String;
use alloc::vec::Vec;

pub use line::LineError;
use serde::{Deserialize, Serialize};

use super::ask::{Answer, Question, Refusal};
use crate::ids::{ChannelId, DeviceId, UserId};

/// How loud a user is who was never made louder or softer, in percent.
pub const NORMAL_VOLUME: u16 = 100;

/// The loudest that a user can be made, in percent.
pub const MAX_VOLUME: u16 = 200;

/// The loudest that a microphone can be: the largest mean of absolute samples of 16 bits.
pub const MAX_LEVEL: u32 = 32_767;

/// Something that the daemon is to do.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "cmd", rename_all = "snake_case")]
#[non_exhaustive]
pub enum Command {
    /// Who uses the daemon.
    Identify {
        /// The user.
        user: UserId,
        /// Whether it answers [`Event::VoiceAsk`]. Programs of the original do not.
        #[serde(default, skip_serializing_if = "is_false")]
        answers: bool,
    },
    /// Enter the room of a channel. Answered by [`Event::VoiceConnected`] or [`Event::VoiceLeft`].
    VoiceJoin {
        /// The channel.
        room: ChannelId,
    },
    /// Leave the room. Answered by [`Event::VoiceReady`] with the room.
    VoiceLeave {
        /// The channel; the room that the daemon is in if absent.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        room: Option<ChannelId>,
    },
    /// Send nothing.
    Mute,
    /// Send again.
    Unmute,
    /// Hear nothing, and send nothing.
    Deafen,
    /// Hear again.
    Undeafen,
    /// Answered by [`Event::Pong`].
    Ping,
    /// Say how everything stands: all events that describe a state come once.
    Status,
    /// How loud a user is here.
    Volume {
        /// The user.
        user: UserId,
        /// In percent, 0 to 200.
        percent: u16,
    },
    /// Answered by [`Event::Devices`].
    Devices,
    /// Choose devices for sound. What is absent stays.
    Device {
        /// The microphone, by its name; empty for the system's.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        input: Option<String>,
        /// The loudspeaker, by its name; empty for the system's.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        output: Option<String>,
    },
    /// The key to talk.
    Ptt {
        /// What happened to it.
        action: Press,
    },
    /// From which level on sound counts as speech, without a key to talk.
    Threshold {
        /// The mean of the absolute samples of 16 bits in 20 ms, 1 to 32767.
        level: u32,
    },
    /// Hear one's own microphone, outside of rooms, to try it out.
    Test {
        /// Whether it begins or ends.
        on: bool,
    },
    /// Send [`Event::Level`] and [`Event::Quality`] from now on, or not any more.
    Meter {
        /// Whether.
        on: bool,
    },
    /// The answer to [`Event::VoiceAsk`].
    VoiceAnswer {
        /// The number of the question.
        ask: u64,
        /// The answer.
        answer: Answer,
    },
    /// The log does not let a device into a room any more.
    VoiceRevoke {
        /// The channel.
        room: ChannelId,
        /// The user.
        user: UserId,
        /// The device.
        device: DeviceId,
    },
}

/// What happens to a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Press {
    /// It is held from now on.
    Down,
    /// It is not held any more.
    Up,
    /// It is held if it was not, and the other way round.
    Toggle,
}

/// Something that the daemon says.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
#[non_exhaustive]
pub enum Event {
    /// The daemon is there, and in no room; with a room: it has left that one.
    VoiceReady {
        /// The channel.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        room: Option<ChannelId>,
    },
    /// The server let this device into the room.
    VoiceConnected {
        /// The channel.
        room: ChannelId,
    },
    /// This device is not in the room, though nobody asked to leave it.
    VoiceLeft {
        /// The channel.
        room: ChannelId,
        /// Why, in words.
        why: String,
    },
    /// Who is in the room.
    VoiceMembers {
        /// The channel.
        room: ChannelId,
        /// The users, sorted, one's own too.
        users: Vec<UserId>,
        /// The other devices.
        #[serde(default)]
        members: Vec<Member>,
    },
    /// Somebody begins or ceases to speak.
    UserSpeaking {
        /// Who.
        user: UserId,
        /// Whether they speak.
        #[serde(default, skip_serializing_if = "is_false")]
        active: bool,
    },
    /// Something that a person may want to know.
    Info {
        /// It.
        error: String,
    },
    /// Something went wrong.
    Error {
        /// What, and what to do next.
        error: String,
    },
    /// The answer to [`Command::Ping`].
    Pong,
    /// A question to whoever holds the device's key and the log.
    VoiceAsk {
        /// Its number.
        ask: u64,
        /// It.
        question: Question,
    },
    /// Something that was said of or by a device is not believed.
    VoiceRefused {
        /// The user, by the server's word.
        user: UserId,
        /// The device, by the server's word.
        device: DeviceId,
        /// Why.
        reason: Refusal,
    },
    /// Whether the daemon has a connection to the server.
    VoiceLink {
        /// Whether.
        #[serde(default, skip_serializing_if = "is_false")]
        online: bool,
    },
    /// How sending and hearing are set.
    VoiceState {
        /// Nothing is sent.
        #[serde(default, skip_serializing_if = "is_false")]
        muted: bool,
        /// Nothing is heard.
        #[serde(default, skip_serializing_if = "is_false")]
        deafened: bool,
        /// How it is decided when to send.
        gate: Gate,
        /// From which level on sound counts as speech.
        threshold: u32,
        /// The microphone is open.
        #[serde(default, skip_serializing_if = "is_false")]
        microphone: bool,
        /// The microphone is being tried out.
        #[serde(default, skip_serializing_if = "is_false")]
        testing: bool,
    },
    /// What the microphone hears, ten times a second while somebody wants to know.
    Level {
        /// The mean of the absolute samples of 16 bits in 20 ms.
        level: u32,
        /// Whether it is sent.
        #[serde(default, skip_serializing_if = "is_false")]
        sending: bool,
    },
    /// How good the connections are, every second while somebody wants to know.
    Quality {
        /// One for each device that is heard.
        members: Vec<Quality>,
    },
    /// The devices for sound.
    Devices {
        /// Microphones.
        inputs: Vec<String>,
        /// Loudspeakers.
        outputs: Vec<String>,
        /// The chosen microphone; empty for the system's.
        input: String,
        /// The chosen loudspeaker; empty for the system's.
        output: String,
    },
}

/// How it is decided when to send.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Gate {
    /// By the level of the sound.
    Voice,
    /// While a key is held.
    Ptt {
        /// Which key, and who watches it.
        key: String,
    },
    /// A key was wanted, but nobody can watch it: nothing is sent.
    PttFailed {
        /// Why.
        why: String,
    },
    /// Always: sound comes from a file.
    Open,
}

/// Another device in the room.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Member {
    /// Its user.
    pub user: UserId,
    /// The device.
    pub device: DeviceId,
    /// Whether the log knows it and it signed that it is here. All else is the server's word.
    #[serde(default, skip_serializing_if = "is_false")]
    pub verified: bool,
    /// How it stands.
    pub standing: Standing,
    /// The server lost it from sight.
    #[serde(default, skip_serializing_if = "is_false")]
    pub absent: bool,
    /// How loud it is here, in percent.
    pub volume: u16,
}

/// How a device in the room stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Standing {
    /// Whether it may be heard is being judged.
    Judging,
    /// It may not be heard.
    Refused,
    /// A connection is being made.
    Connecting,
    /// It is heard, as far as it speaks.
    Connected,
    /// The connection stands, but nothing has come over it for a while (spec 11.56).
    Stalled,
    /// The connection is broken and is being made again.
    Reconnecting,
}

/// How good a connection is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Quality {
    /// The user.
    pub user: UserId,
    /// The device.
    pub device: DeviceId,
    /// What got lost or came too late of its sound of late, in percent.
    pub loss: f32,
    /// How unevenly its sound arrives, in milliseconds.
    pub jitter: f32,
    /// How long its sound waits here for what is late, in milliseconds.
    pub buffer: f32,
    /// The way there and back, in milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub round_trip: Option<f32>,
    /// Whether a relay carries it.
    #[serde(default, skip_serializing_if = "is_false")]
    pub relayed: bool,
}

impl Command {
    /// Reads a line. `None` if it is an object that is no command: the original passes it over.
    ///
    /// # Errors
    ///
    /// When it is no JSON, too long, or lacks something.
    pub fn parse(line: &[u8]) -> Result<Option<Self>, LineError> {
        line::read(line, "cmd")
    }

    /// Writes a line, with its end.
    #[must_use]
    pub fn to_line(&self) -> String {
        line::write(self)
    }
}

impl Event {
    /// Reads a line. `None` if it is an object that is no event.
    ///
    /// # Errors
    ///
    /// When it is no JSON, too long, or lacks something.
    pub fn parse(line: &[u8]) -> Result<Option<Self>, LineError> {
        line::read(line, "event")
    }

    /// Writes a line, with its end.
    #[must_use]
    pub fn to_line(&self) -> String {
        line::write(self)
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde's signature")]
const fn is_false(it: &bool) -> bool {
    !*it
}
