//! What clients say over the WebSocket.

use alloc::collections::BTreeMap;
use alloc::string::{String, ToString};
use core::fmt;

use serde::{Deserialize, Serialize};

use super::json;
use super::voice::{RawSignal, Signal, VoiceJoin};
use crate::ids::{ChannelId, ClientId, DeviceId, Epoch, GroupId, Seq};
use crate::limits;

/// A frame of a client. Unknown fields are tolerated.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "type")]
#[non_exhaustive]
pub enum ClientFrame {
    /// The first frame of a client that knows more than the base API.
    #[serde(rename = "session.hello")]
    Hello(Hello),
    /// A message for a channel.
    #[serde(rename = "channel.message.send")]
    SendMessage(SendMessage),
    /// The device cannot open any envelope of a key.
    #[serde(rename = "channel.key.request")]
    KeyRequest {
        /// The group.
        group: GroupId,
        /// The epoch.
        epoch: Epoch,
    },
    /// A wish to enter a voice room.
    #[serde(rename = "voice_join")]
    VoiceJoin(VoiceJoin),
    /// A wish to leave it.
    #[serde(rename = "voice_leave")]
    VoiceLeave {
        /// The room's channel.
        channel_id: String,
    },
    /// A message for a person: refused, since only channels have messages.
    #[serde(rename = "message.send")]
    DirectMessage,
    /// A message for everybody: refused likewise.
    #[serde(rename = "message.broadcast")]
    Broadcast,
    /// Something for a device in the same voice room: an offer, an answer, a candidate.
    #[serde(untagged)]
    Signal(Signal),
    /// A type that the server does not know.
    #[serde(untagged)]
    Unsupported,
}

/// A connection's start.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Hello {
    /// The newest version that the client speaks.
    pub protocol: u32,
    /// The newest message that the client has, by channel.
    pub resume: BTreeMap<ChannelId, Seq>,
}

/// A message for a channel.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct SendMessage {
    /// The channel: a text, since an unknown id and one of another form are answered alike.
    pub channel_id: String,
    /// The sender's sealed name; absent in channels of the log.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub sender_name_enc: String,
    /// The ciphertext.
    pub body: String,
    /// The idempotency key. Original clients have none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client_id: Option<ClientId>,
}

/// A frame that is refused as `invalid_message`.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct FrameError {
    /// What is wrong with it.
    pub reason: FrameFault,
    /// The channel of the message that it carried, if that could be read.
    pub channel_id: Option<String>,
    /// The client id of the message that it carried, if that could be read.
    pub client_id: Option<ClientId>,
}

/// What is wrong with a frame.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum FrameFault {
    /// It is not a JSON object of the right types.
    Malformed(String),
    /// Fields are missing.
    Missing(&'static str),
    /// The body is too long.
    BodyTooLong {
        /// Its length in bytes.
        got: usize,
    },
    /// A description, a candidate or a proof is too long.
    SignalTooLong {
        /// Its length in bytes.
        got: usize,
        /// The longest.
        max: usize,
    },
    /// The sealed name is too long.
    NameTooLong {
        /// Its length in bytes.
        got: usize,
    },
}

impl fmt::Display for FrameFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Malformed(reason) => f.write_str(reason),
            Self::Missing(fields) => write!(f, "{fields} required"),
            Self::BodyTooLong { got } => {
                write!(
                    f,
                    "body too long: {got} of {} bytes",
                    limits::MAX_BODY_BYTES
                )
            }
            Self::SignalTooLong { got, max } => write!(f, "signal too long: {got} of {max} bytes"),
            Self::NameTooLong { got } => write!(
                f,
                "sender_name_enc too long: {got} of {} bytes",
                limits::MAX_NAME_ENC_BYTES
            ),
        }
    }
}

impl fmt::Display for FrameError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.reason.fmt(f)
    }
}

impl core::error::Error for FrameError {}

/// Every field of every frame.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Raw {
    r#type: String,
    channel_id: String,
    sender_name_enc: String,
    body: String,
    recipient: String,
    recipient_device_id: Option<DeviceId>,
    sdp: String,
    candidate: String,
    proof: Option<String>,
    client_id: Option<ClientId>,
    protocol: u32,
    resume: BTreeMap<ChannelId, Seq>,
    group: Option<GroupId>,
    epoch: Option<Epoch>,
}

impl ClientFrame {
    /// Reads a frame.
    ///
    /// # Errors
    ///
    /// When the frame must be answered with `invalid_message`.
    pub fn parse(frame: &[u8]) -> Result<Self, FrameError> {
        let raw: Raw = json::read_object(frame).map_err(|reason| FrameError {
            reason: FrameFault::Malformed(reason),
            channel_id: None,
            client_id: None,
        })?;
        let (client_id, channel_id) = (raw.client_id, raw.channel_id.clone());
        Self::from_raw(raw).map_err(|reason| FrameError {
            reason,
            channel_id: client_id.map(|_| channel_id),
            client_id,
        })
    }

    fn from_raw(raw: Raw) -> Result<Self, FrameFault> {
        let body = raw.body.trim();
        Ok(match raw.r#type.trim() {
            "session.hello" => Self::Hello(Hello {
                protocol: raw.protocol,
                resume: raw.resume,
            }),
            "channel.message.send" => {
                let name = raw.sender_name_enc.trim();
                if raw.channel_id.is_empty() || body.is_empty() {
                    return Err(FrameFault::Missing("channel_id and body"));
                }
                // Who sends a client id knows channels of the log, where names are not sent.
                if name.is_empty() && raw.client_id.is_none() {
                    return Err(FrameFault::Missing("sender_name_enc"));
                }
                if body.len() > limits::MAX_BODY_BYTES {
                    return Err(FrameFault::BodyTooLong { got: body.len() });
                }
                if name.len() > limits::MAX_NAME_ENC_BYTES {
                    return Err(FrameFault::NameTooLong { got: name.len() });
                }
                Self::SendMessage(SendMessage {
                    sender_name_enc: name.to_string(),
                    body: body.to_string(),
                    channel_id: raw.channel_id,
                    client_id: raw.client_id,
                })
            }
            "channel.key.request" => match (raw.group, raw.epoch) {
                (Some(group), Some(epoch)) => Self::KeyRequest { group, epoch },
                _ => return Err(FrameFault::Missing("group and epoch")),
            },
            "voice_join" => Self::VoiceJoin(VoiceJoin::read(raw.channel_id, raw.proof)?),
            "voice_leave" if raw.channel_id.is_empty() => {
                return Err(FrameFault::Missing("channel_id"));
            }
            "voice_leave" => Self::VoiceLeave {
                channel_id: raw.channel_id,
            },
            kind @ ("webrtc_offer" | "webrtc_answer" | "ice_candidate") => {
                Self::Signal(Signal::read(RawSignal {
                    kind,
                    channel_id: raw.channel_id,
                    recipient: raw.recipient,
                    recipient_device_id: raw.recipient_device_id,
                    sdp: raw.sdp,
                    candidate: raw.candidate,
                    proof: raw.proof,
                })?)
            }
            "message.send" => {
                if raw.recipient.is_empty() || body.is_empty() {
                    return Err(FrameFault::Missing("recipient and body"));
                }
                Self::DirectMessage
            }
            "message.broadcast" => {
                if raw.sender_name_enc.trim().is_empty() || body.is_empty() {
                    return Err(FrameFault::Missing("body and sender_name_enc"));
                }
                Self::Broadcast
            }
            "" => return Err(FrameFault::Missing("type")),
            _ => Self::Unsupported,
        })
    }

    /// Writes the frame.
    #[must_use]
    pub fn to_text(&self) -> String {
        String::from_utf8(json::write(self)).unwrap_or_default()
    }
}
