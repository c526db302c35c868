//! The shapes of the events: two of the base API, where absent things are empty texts, and ours.

#![allow(
    clippy::wildcard_enum_match_arm,
    reason = "every event that is not the base API's is ours"
)]

use alloc::collections::BTreeMap;
use alloc::vec::Vec;

use serde::Serialize;

use super::event::{Ack, ErrorEvent, Numbered, ServerEvent, Welcome};
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
#[derive(Serialize)]
pub(super) struct Voice<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    channel_id: &'static str,
    sender: &'static str,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    voice_rooms: &'a BTreeMap<ChannelId, Vec<UserId>>,
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
            channel_id: "",
            sender: "",
            voice_rooms,
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
        | ServerEvent::Unknown => Ours::Unknown,
    }
}
