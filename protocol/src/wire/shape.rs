//! The shapes of the events: two of the base API, where absent things are empty texts, and ours.

#![allow(
    clippy::wildcard_enum_match_arm,
    reason = "every event that is not the base API's is ours"
)]

use alloc::collections::BTreeMap;
use alloc::vec::Vec;

use serde::Serialize;

use super::event::{Ack, ErrorEvent, IceServer, Numbered, ServerEvent, Welcome};
use super::voice::{Signalled, VoiceDevice};
use crate::ids::{ChannelId, DeviceId, Epoch, GroupId, Head, MessageId, RecipientId, Seq, UserId};

/// An event with its type, ready to be written.
#[derive(Serialize)]
#[serde(untagged)]
pub(super) enum Shape<'a> {
    Chat(Chat<'a>),
    Voice(Voice<'a>),
    Ours(Ours<'a>),
}

/// The base API's shape of chat events.
#[derive(Default, Serialize)]
pub(super) struct Chat<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    message_id: Text<MessageId>,
    sender: Text<UserId>,
    sender_name: &'static str,
    #[serde(skip_serializing_if = "str::is_empty")]
    sender_name_enc: &'a str,
    body: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    channel_id: Option<ChannelId>,
    #[serde(skip_serializing_if = "str::is_empty")]
    channel_name_enc: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    device_id: Option<DeviceId>,
    sent_at: &'a str,
    #[serde(flatten)]
    numbered: Option<Numbered>,
}

/// The base API's shape of voice events.
#[derive(Default, Serialize)]
pub(super) struct Voice<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    channel_id: Text<ChannelId>,
    sender: Text<UserId>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    users: &'a [UserId],
    #[serde(skip_serializing_if = "is_false")]
    active: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    voice_rooms: Option<&'a BTreeMap<ChannelId, Vec<UserId>>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    recipient: Option<UserId>,
    #[serde(skip_serializing_if = "str::is_empty")]
    sdp: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    candidate: &'a str,
    // What follows is ours.
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    devices: &'a [VoiceDevice],
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    ice_servers: &'a [IceServer],
    #[serde(skip_serializing_if = "Option::is_none")]
    device_id: Option<DeviceId>,
    #[serde(skip_serializing_if = "is_false")]
    lost: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    sender_device_id: Option<DeviceId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    recipient_device_id: Option<DeviceId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    proof: Option<&'a str>,
}

impl<'a> Voice<'a> {
    fn signal(kind: &'static str, signal: &'a Signalled) -> Self {
        Self {
            kind,
            channel_id: Text::Id(signal.channel_id),
            sender: Text::Id(signal.sender),
            recipient: Some(signal.recipient),
            sender_device_id: signal.sender_device_id,
            recipient_device_id: signal.recipient_device_id,
            proof: signal.proof.as_deref(),
            ..Self::default()
        }
    }
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "that is how it is called"
)]
const fn is_false(value: &bool) -> bool {
    !*value
}

/// An id, or an empty text where the base API has nothing to say.
#[derive(Serialize)]
#[serde(untagged)]
enum Text<T> {
    Id(T),
    Nothing(&'static str),
}

impl<T> Default for Text<T> {
    fn default() -> Self {
        Self::Nothing("")
    }
}

#[derive(Serialize)]
#[serde(tag = "type")]
pub(super) enum Ours<'a> {
    #[serde(rename = "error")]
    Error(&'a ErrorEvent),
    #[serde(rename = "session.welcome")]
    Welcome(&'a Welcome),
    #[serde(rename = "session.lagged")]
    Lagged {
        channels: &'a BTreeMap<ChannelId, Seq>,
    },
    #[serde(rename = "channel.message.ack")]
    Ack(&'a Ack),
    #[serde(rename = "sigchain.appended")]
    SigchainAppended { head: Head },
    #[serde(rename = "channel.key.available")]
    KeyAvailable {
        recipient: RecipientId,
        group: GroupId,
        epoch: Epoch,
    },
    #[serde(rename = "channel.key.requested")]
    KeyRequested {
        device_id: DeviceId,
        group: GroupId,
        epoch: Epoch,
    },
    #[serde(rename = "names.available")]
    NamesAvailable,
    #[serde(rename = "presence.changed")]
    PresenceChanged { user_id: UserId, online: bool },
    #[serde(rename = "pending.added")]
    PendingAdded,
    #[serde(rename = "unknown")]
    Unknown,
}

pub(super) fn of(event: &ServerEvent) -> Shape<'_> {
    match event {
        ServerEvent::MessageNew(message) => Shape::Chat(Chat {
            kind: "channel.message.new",
            message_id: Text::Id(message.message_id),
            sender: Text::Id(message.sender),
            sender_name_enc: &message.sender_name_enc,
            body: &message.body,
            channel_id: Some(message.channel_id),
            sent_at: &message.sent_at,
            numbered: message.numbered,
            ..Chat::default()
        }),
        ServerEvent::ChannelUpdated {
            channel_id,
            channel_name_enc,
        } => Shape::Chat(Chat {
            kind: "channel.updated",
            channel_id: Some(*channel_id),
            channel_name_enc,
            ..Chat::default()
        }),
        ServerEvent::ChannelDeleted { channel_id } => Shape::Chat(Chat {
            kind: "channel.deleted",
            channel_id: Some(*channel_id),
            ..Chat::default()
        }),
        ServerEvent::DeviceJoined { sender, device_id } => Shape::Chat(Chat {
            kind: "device.joined",
            sender: Text::Id(*sender),
            device_id: Some(*device_id),
            ..Chat::default()
        }),
        ServerEvent::ProfileUpdated { sender } => Shape::Chat(Chat {
            kind: "user.profile.updated",
            sender: Text::Id(*sender),
            ..Chat::default()
        }),
        ServerEvent::VoiceSnapshot { voice_rooms } => Shape::Voice(Voice {
            kind: "voice.presence.snapshot",
            voice_rooms: Some(voice_rooms).filter(|rooms| !rooms.is_empty()),
            ..Voice::default()
        }),
        ServerEvent::VoicePresence {
            channel_id,
            sender,
            active,
        } => Shape::Voice(Voice {
            kind: "voice.presence",
            channel_id: Text::Id(*channel_id),
            sender: Text::Id(*sender),
            active: *active,
            ..Voice::default()
        }),
        ServerEvent::VoiceRoster {
            channel_id,
            users,
            devices,
            ice_servers,
        } => Shape::Voice(Voice {
            kind: "voice_roster",
            channel_id: Text::Id(*channel_id),
            users,
            devices,
            ice_servers,
            ..Voice::default()
        }),
        ServerEvent::VoiceJoined {
            channel_id,
            sender,
            device_id,
            proof,
        } => Shape::Voice(Voice {
            kind: "voice_join",
            channel_id: Text::Id(*channel_id),
            sender: Text::Id(*sender),
            device_id: *device_id,
            proof: proof.as_deref(),
            ..Voice::default()
        }),
        ServerEvent::VoiceLeft {
            channel_id,
            sender,
            device_id,
            lost,
        } => Shape::Voice(Voice {
            kind: "voice_leave",
            channel_id: Text::Id(*channel_id),
            sender: Text::Id(*sender),
            device_id: *device_id,
            lost: *lost,
            ..Voice::default()
        }),
        ServerEvent::Offer { sdp, signal } => Shape::Voice(Voice {
            sdp,
            ..Voice::signal("webrtc_offer", signal)
        }),
        ServerEvent::Answer { sdp, signal } => Shape::Voice(Voice {
            sdp,
            ..Voice::signal("webrtc_answer", signal)
        }),
        ServerEvent::Candidate { candidate, signal } => Shape::Voice(Voice {
            candidate,
            ..Voice::signal("ice_candidate", signal)
        }),
        other => Shape::Ours(ours(other)),
    }
}

fn ours(event: &ServerEvent) -> Ours<'_> {
    match event {
        ServerEvent::Error(error) => Ours::Error(error),
        ServerEvent::Welcome(welcome) => Ours::Welcome(welcome),
        ServerEvent::Lagged { channels } => Ours::Lagged { channels },
        ServerEvent::Ack(ack) => Ours::Ack(ack),
        ServerEvent::SigchainAppended { head } => Ours::SigchainAppended { head: *head },
        ServerEvent::KeyAvailable {
            recipient,
            group,
            epoch,
        } => Ours::KeyAvailable {
            recipient: *recipient,
            group: *group,
            epoch: *epoch,
        },
        ServerEvent::KeyRequested {
            device_id,
            group,
            epoch,
        } => Ours::KeyRequested {
            device_id: *device_id,
            group: *group,
            epoch: *epoch,
        },
        ServerEvent::NamesAvailable => Ours::NamesAvailable,
        ServerEvent::PresenceChanged { user_id, online } => Ours::PresenceChanged {
            user_id: *user_id,
            online: *online,
        },
        ServerEvent::PendingAdded => Ours::PendingAdded,
        ServerEvent::MessageNew(_)
        | ServerEvent::ChannelUpdated { .. }
        | ServerEvent::ChannelDeleted { .. }
        | ServerEvent::DeviceJoined { .. }
        | ServerEvent::ProfileUpdated { .. }
        | ServerEvent::VoiceSnapshot { .. }
        | ServerEvent::VoicePresence { .. }
        | ServerEvent::VoiceRoster { .. }
        | ServerEvent::VoiceJoined { .. }
        | ServerEvent::VoiceLeft { .. }
        | ServerEvent::Offer { .. }
        | ServerEvent::Answer { .. }
        | ServerEvent::Candidate { .. }
        | ServerEvent::Unknown => Ours::Unknown,
    }
}
