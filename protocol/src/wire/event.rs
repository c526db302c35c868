//! What the server says over the WebSocket.

#![allow(
    clippy::wildcard_enum_match_arm,
    reason = "the original knows all other events as they are, or not at all"
)]

use alloc::collections::BTreeMap;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

use super::json;
use super::sensitive::Sensitive;
use super::shape;
use super::voice::{SignalContent, Signalled, VoiceDevice};
use crate::ids::{
    ChannelId, ClientId, DeviceId, Epoch, GroupId, Head, MessageId, RecipientId, Seq, ServerId,
    StoreId, UserId,
};

/// An event. Those of the base API have its shape to the byte; the others go only to connections that said hello.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(tag = "type")]
#[non_exhaustive]
pub enum ServerEvent {
    /// A message was stored.
    #[serde(rename = "channel.message.new")]
    MessageNew(MessageNew),
    /// An original channel was created or renamed.
    #[serde(rename = "channel.updated")]
    ChannelUpdated {
        /// The channel.
        channel_id: ChannelId,
        /// Its sealed name.
        channel_name_enc: String,
    },
    /// An original channel was deleted.
    #[serde(rename = "channel.deleted")]
    ChannelDeleted {
        /// The channel.
        channel_id: ChannelId,
    },
    /// A device connected.
    #[serde(rename = "device.joined")]
    DeviceJoined {
        /// Its user.
        sender: UserId,
        /// The device.
        device_id: DeviceId,
    },
    /// A user set a profile.
    #[serde(rename = "user.profile.updated")]
    ProfileUpdated {
        /// The user.
        sender: UserId,
    },
    /// Who is in which voice room: the last of the three steps of every connection's start.
    #[serde(rename = "voice.presence.snapshot")]
    VoiceSnapshot {
        /// Users by channel.
        #[serde(default)]
        voice_rooms: BTreeMap<ChannelId, Vec<UserId>>,
    },
    /// Somebody is in a voice room now, or not any more.
    #[serde(rename = "voice.presence")]
    VoicePresence {
        /// The room's channel.
        channel_id: ChannelId,
        /// Who.
        sender: UserId,
        /// Whether they are in it.
        #[serde(default)]
        active: bool,
    },
    /// Who is in the voice room that this connection has entered.
    #[serde(rename = "voice_roster")]
    VoiceRoster {
        /// The room's channel.
        channel_id: ChannelId,
        /// The users, sorted: one for each connection, this one's too.
        #[serde(default)]
        users: Vec<UserId>,
        /// The devices, in the same order.
        #[serde(default)]
        devices: Vec<VoiceDevice>,
        /// The servers of the welcome, with logins that last from now on.
        #[serde(default)]
        ice_servers: Vec<IceServer>,
    },
    /// A device entered the voice room.
    #[serde(rename = "voice_join")]
    VoiceJoined {
        /// The room's channel.
        channel_id: ChannelId,
        /// Its user.
        sender: UserId,
        /// The device. Servers of the original do not say.
        #[serde(default)]
        device_id: Option<DeviceId>,
        /// What the device signed about it, in base64.
        #[serde(default)]
        proof: Option<String>,
    },
    /// A device left the voice room.
    #[serde(rename = "voice_leave")]
    VoiceLeft {
        /// The room's channel.
        channel_id: ChannelId,
        /// Its user.
        sender: UserId,
        /// The device. Servers of the original do not say.
        #[serde(default)]
        device_id: Option<DeviceId>,
        /// Whether only its connection to the server ended: it may come again, and be heard meanwhile.
        #[serde(default)]
        lost: bool,
    },
    /// A device offers a connection.
    #[serde(rename = "webrtc_offer")]
    Offer {
        /// The description of the connection.
        #[serde(default)]
        sdp: String,
        /// From whom and for whom.
        #[serde(flatten)]
        signal: Signalled,
    },
    /// A device answers an offer.
    #[serde(rename = "webrtc_answer")]
    Answer {
        /// The description of the connection.
        #[serde(default)]
        sdp: String,
        /// From whom and for whom.
        #[serde(flatten)]
        signal: Signalled,
    },
    /// A device may be reached by another way.
    #[serde(rename = "ice_candidate")]
    Candidate {
        /// The bare attribute, beginning with `candidate:`.
        #[serde(default)]
        candidate: String,
        /// From whom and for whom.
        #[serde(flatten)]
        signal: Signalled,
    },
    /// A frame was refused.
    #[serde(rename = "error")]
    Error(ErrorEvent),
    /// The answer to a hello.
    #[serde(rename = "session.welcome")]
    Welcome(Welcome),
    /// Messages were dropped for this connection or missed by it; they are to be fetched.
    #[serde(rename = "session.lagged")]
    Lagged {
        /// The number of the first missing message by channel.
        channels: BTreeMap<ChannelId, Seq>,
    },
    /// A message of this device is durable.
    #[serde(rename = "channel.message.ack")]
    Ack(Ack),
    /// The log grew.
    #[serde(rename = "sigchain.appended")]
    SigchainAppended {
        /// Where it ends now.
        head: Head,
    },
    /// An envelope came.
    #[serde(rename = "channel.key.available")]
    KeyAvailable {
        /// For whom.
        recipient: RecipientId,
        /// With a key of which group.
        group: GroupId,
        /// Of which epoch.
        epoch: Epoch,
    },
    /// A device cannot open any envelope of a key and asks for another.
    #[serde(rename = "channel.key.requested")]
    KeyRequested {
        /// Who asks.
        device_id: DeviceId,
        /// The group.
        group: GroupId,
        /// The epoch.
        epoch: Epoch,
    },
    /// Sealed names came.
    #[serde(rename = "names.available")]
    NamesAvailable,
    /// A user's first connection came or the last one went.
    #[serde(rename = "presence.changed")]
    PresenceChanged {
        /// The user.
        user_id: UserId,
        /// Whether there is a connection.
        online: bool,
    },
    /// Somebody waits to be vouched for. Goes to admins.
    #[serde(rename = "pending.added")]
    PendingAdded,
    /// An event that this version does not know.
    #[serde(other)]
    Unknown,
}

/// A message as it is fanned out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MessageNew {
    /// Its name in the base API.
    pub message_id: MessageId,
    /// Its channel.
    pub channel_id: ChannelId,
    /// Who sent it, by the server's word.
    pub sender: UserId,
    /// The sender's sealed name; empty in channels of the log.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub sender_name_enc: String,
    /// The ciphertext.
    pub body: String,
    /// When the server took it, RFC 3339.
    pub sent_at: String,
    /// What connections without a hello are not told.
    #[serde(flatten)]
    pub numbered: Option<Numbered>,
}

/// A message's place and origin.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Numbered {
    /// Its number in the channel.
    pub seq: Seq,
    /// Its sender's name for it.
    pub client_id: ClientId,
    /// The device that sent it.
    pub sender_device_id: DeviceId,
}

/// The answer to a message that is durable.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ack {
    /// The sender's name for the message.
    pub client_id: ClientId,
    /// Its channel.
    pub channel_id: ChannelId,
    /// Its name in the base API.
    pub message_id: MessageId,
    /// Its number in the channel.
    pub seq: Seq,
    /// When the server took it, RFC 3339.
    pub sent_at: String,
}

/// A frame was refused; the connection stays.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ErrorEvent {
    /// What is wrong, for programs.
    pub code: ErrorCode,
    /// What is wrong, for people.
    pub message: String,
    /// The channel of the refused message, where it carried a client id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub channel_id: Option<String>,
    /// The client id of the refused message.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_id: Option<ClientId>,
}

/// Why a frame was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum ErrorCode {
    /// The frame is malformed, or a field is missing or too long.
    InvalidMessage,
    /// Only channels have messages.
    ChannelsOnly,
    /// There is no such channel.
    ChannelNotFound,
    /// The server failed; the frame may be sent again.
    ServerError,
    /// The sender is not in that voice room.
    VoiceNotJoined,
    /// There is no such type of frame.
    UnsupportedType,
    /// The message is sealed in an epoch that is not open: seal it again once the log moved.
    StaleEpoch,
    /// The sending device may not write there.
    NotEntitled,
    /// A channel of the log takes only our message format.
    MalformedBody,
    /// Too much at once: send it again a little later.
    RateLimited,
    /// A code that this version does not know.
    #[serde(other)]
    Unknown,
}

/// The answer to a hello.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Welcome {
    /// The version that both speak.
    pub protocol: u32,
    /// The server.
    pub server_id: ServerId,
    /// Its store.
    pub store_id: StoreId,
    /// What it bounds.
    pub limits: WelcomeLimits,
    /// What it can do. Never chooses cryptography.
    pub features: Vec<String>,
    /// Where voice finds its way through networks.
    pub ice_servers: Vec<IceServer>,
    /// Where the log ends; none while nobody has founded.
    pub sigchain_head: Option<Head>,
}

/// The bounds that a client must keep.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WelcomeLimits {
    /// The body of a message after base64, in bytes.
    pub body_bytes: u32,
    /// One frame, in bytes.
    pub frame_bytes: u32,
    /// Messages of one connection that wait for their ack.
    pub unacked_messages: u32,
    /// Messages on one page of history.
    pub history_page: u32,
}

/// A STUN or TURN server.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct IceServer {
    /// Its URLs.
    pub urls: Vec<String>,
    /// The name to log in with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub username: Option<String>,
    /// The password to log in with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub credential: Option<Sensitive>,
}

impl ServerEvent {
    /// Hands a signal on.
    #[must_use]
    pub fn signal(content: SignalContent, signal: Signalled) -> Self {
        match content {
            SignalContent::Offer { sdp } => Self::Offer { sdp, signal },
            SignalContent::Answer { sdp } => Self::Answer { sdp, signal },
            SignalContent::Candidate { candidate } => Self::Candidate { candidate, signal },
        }
    }

    /// A voice event as the original knows it: without devices and proofs.
    #[must_use]
    pub fn for_original(self) -> Self {
        match self {
            Self::VoiceRoster {
                channel_id, users, ..
            } => Self::VoiceRoster {
                channel_id,
                users,
                devices: Vec::new(),
                ice_servers: Vec::new(),
            },
            Self::VoiceJoined {
                channel_id, sender, ..
            } => Self::VoiceJoined {
                channel_id,
                sender,
                device_id: None,
                proof: None,
            },
            Self::VoiceLeft {
                channel_id, sender, ..
            } => Self::VoiceLeft {
                channel_id,
                sender,
                device_id: None,
                lost: false,
            },
            Self::Offer { sdp, signal } => Self::Offer {
                sdp,
                signal: signal.for_original(),
            },
            Self::Answer { sdp, signal } => Self::Answer {
                sdp,
                signal: signal.for_original(),
            },
            Self::Candidate { candidate, signal } => Self::Candidate {
                candidate,
                signal: signal.for_original(),
            },
            other => other,
        }
    }

    /// Reads an event. An unknown type is [`ServerEvent::Unknown`].
    ///
    /// # Errors
    ///
    /// A text that says what is wrong.
    pub fn parse(frame: &[u8]) -> Result<Self, String> {
        serde_json::from_slice(frame).map_err(|error| error.to_string())
    }

    /// Writes the event.
    #[must_use]
    pub fn to_text(&self) -> String {
        String::from_utf8(json::write(&shape::of(self))).unwrap_or_default()
    }
}
