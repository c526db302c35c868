//! What goes into chat and what comes out of it.

use alloc::collections::BTreeMap;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use super::message::SendFailure;
use crate::client::Change;
use crate::ids::{
    ChannelId, ClientId, DeviceId, Epoch, GroupId, MessageId, Seq, Transcript, UserId,
};
use crate::time::UnixMillis;

/// A message as the server tells it. Nothing in it is believed before it is judged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Received {
    /// Its number in the channel.
    pub seq: Seq,
    /// The server's name for it.
    pub message_id: MessageId,
    /// The device that sent it.
    pub device: DeviceId,
    /// The device's name for it.
    pub client_id: ClientId,
    /// The sealed message, in base64 as on the wire.
    pub body: String,
    /// When the server took it.
    pub sent_at: UnixMillis,
}

/// A page of history as the server tells it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page {
    /// The channel's transcript before the first message of the page.
    pub transcript: Transcript,
    /// The number of the channel's newest message.
    pub last_seq: Seq,
    /// The messages, in rising order.
    pub messages: Vec<Received>,
}

/// Names a fetch in its answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FetchId(pub u64);

/// Which part of a channel's history is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Part {
    /// The newest messages.
    Newest,
    /// The messages that follow this number: `after_seq`.
    After(Seq),
    /// The messages before this number: `before_seq`.
    Before(Seq),
}

/// Why the server refused a message that was sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Refusal {
    /// Too much at once, or the server failed: later it may go.
    Busy,
    /// The server takes no such body.
    Malformed,
    /// There is no such channel.
    NoChannel,
    /// This device may not write there.
    NotEntitled,
    /// The epoch of the message is not open.
    StaleEpoch,
}

/// What happened outside.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Input<'a> {
    /// The session is online: what was not answered is asked for and sent again.
    Online,
    /// The session is not online any more: nothing that is on its way will be answered.
    Offline,
    /// A message was fanned out.
    Message {
        /// Its channel.
        channel: ChannelId,
        /// The message.
        message: Received,
    },
    /// The server has stored a message of this device.
    Ack {
        /// Its channel.
        channel: ChannelId,
        /// This device's name for it.
        client_id: ClientId,
        /// Its number.
        seq: Seq,
        /// The server's name for it.
        message_id: MessageId,
    },
    /// The server refused a message of this device.
    Refused {
        /// This device's name for it.
        client_id: ClientId,
        /// Why.
        reason: Refusal,
    },
    /// The server dropped messages for this connection.
    Lagged {
        /// The number of the first missing message by channel.
        channels: &'a BTreeMap<ChannelId, Seq>,
    },
    /// The answer to [`Transmit::Fetch`].
    Page {
        /// Which fetch it answers.
        id: FetchId,
        /// What came; none if nothing did, or nothing that makes sense.
        page: Option<Page>,
    },
    /// The verified log has new entries.
    LogMoved,
    /// The server is being asked for the rest of the log, or for one more page of it.
    LogAsked,
    /// The log was read to the end that the server had after the last [`Input::LogAsked`].
    LogRead,
    /// A key is held now.
    KeyArrived {
        /// Whose key.
        group: GroupId,
        /// Of which epoch.
        epoch: Epoch,
    },
}

/// An input that chat refused. Nothing changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum InputError {
    /// A page that nobody waits for: it came twice, or too late.
    UnknownFetch(FetchId),
}

impl fmt::Display for InputError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UnknownFetch(FetchId(id)) => write!(f, "nobody waits for page {id}"),
        }
    }
}

impl core::error::Error for InputError {}

/// What is to be done, in order.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Output {
    /// One atomic batch: durable before what follows it.
    Persist(Vec<Change>),
    /// Something for the server. It comes only between [`Input::Online`] and [`Input::Offline`].
    Transmit(Transmit),
    /// Something for whoever looks at the account.
    Event(Event),
    /// A message needs this key. Said once for each connection.
    WantKey {
        /// Whose key.
        group: GroupId,
        /// Of which epoch.
        epoch: Epoch,
    },
    /// A message was signed at a part of the log that is not known here. It is to be asked for anew: what is on its way
    /// already may have been answered before that message was sent.
    WantLog,
}

/// Something for the server.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Transmit {
    /// Send a message. It may be the second time: the server tells by the client id.
    Send {
        /// The channel.
        channel: ChannelId,
        /// The device's name for the message.
        client_id: ClientId,
        /// The sealed message, in base64.
        body: String,
    },
    /// Fetch a page of a channel's history.
    Fetch {
        /// Names the fetch in its answer.
        id: FetchId,
        /// The channel.
        channel: ChannelId,
        /// Which part of it.
        part: Part,
        /// How many messages at most.
        limit: u32,
    },
}

/// Something that happened.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event {
    /// Messages came, were opened or were judged, from this number on.
    Messages {
        /// The channel.
        channel: ChannelId,
        /// The lowest number that changed.
        from: Seq,
    },
    /// The count of unread messages may be another.
    Unread {
        /// The channel.
        channel: ChannelId,
    },
    /// The server has a message of this device, durably, and it stands in its place.
    Acked {
        /// The channel.
        channel: ChannelId,
        /// The device's name for it.
        client_id: ClientId,
        /// Its number.
        seq: Seq,
        /// The server's name for it.
        message_id: MessageId,
    },
    /// A message will not be sent. Its text stays until it is discarded or tried again.
    SendFailed {
        /// The channel.
        channel: ChannelId,
        /// The device's name for it.
        client_id: ClientId,
        /// Why.
        reason: SendFailure,
    },
    /// There are no older messages.
    HistoryStart {
        /// The channel.
        channel: ChannelId,
    },
    /// No more of the past is loaded: as much is held as may be.
    HistoryLimit {
        /// The channel.
        channel: ChannelId,
    },
    /// Something that a person should know.
    Warning(Warning),
}

/// Something that a person should know: somebody is not honest, or has lost data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Warning {
    /// A device signed an entry that is not in this log: the server or the sender is lying. Nothing is sent to the
    /// channel until the user decides.
    Fork {
        /// Where.
        channel: ChannelId,
        /// The message that showed it.
        seq: Seq,
        /// The sender's user.
        user: UserId,
        /// The sender's device.
        device: DeviceId,
    },
    /// A device saw other messages before its own than this one did.
    OtherTranscript {
        /// Where.
        channel: ChannelId,
        /// The message that showed it.
        seq: Seq,
        /// The sender's user.
        user: UserId,
        /// The sender's device.
        device: DeviceId,
    },
    /// The server tells another past than it told before. The channel is not followed any further on this connection.
    OtherHistory {
        /// Where.
        channel: ChannelId,
        /// The number at which the two meet, or should.
        seq: Seq,
    },
    /// The server acked a message of this device, but holds another one in its place.
    BrokenAck {
        /// Where.
        channel: ChannelId,
        /// The number that the ack named.
        seq: Seq,
    },
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Fork {
                channel,
                seq,
                user,
                device,
            } => write!(
                f,
                "message {} of channel {channel} is signed on another log: the server or device {device} of user \
                 {user} is lying",
                seq.0
            ),
            Self::OtherTranscript {
                channel,
                seq,
                user,
                device,
            } => write!(
                f,
                "before message {} device {device} of user {user} saw other messages in channel {channel}",
                seq.0
            ),
            Self::OtherHistory { channel, seq } => write!(
                f,
                "the server tells another past of channel {channel} around message {}",
                seq.0
            ),
            Self::BrokenAck { channel, seq } => write!(
                f,
                "the server lost message {} of channel {channel} after it confirmed it",
                seq.0
            ),
        }
    }
}
