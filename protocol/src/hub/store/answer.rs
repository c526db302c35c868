//! The answers.

use alloc::vec::Vec;

use super::rows::{
    ChannelRow, DeviceRow, EnvelopeRow, HistoryPage, InviteRow, KeyEnvelopeRow, NameRow,
    PendingRow, ProfileRow, SessionRow, UserRow,
};
use crate::ids::{
    ChannelId, DeviceId, Epoch, GroupId, Head, MessageId, RecipientId, Seq, ServerId, SessionId,
    StoreId,
};
use crate::time::UnixMillis;

/// What an operation came to. Which variants an operation answers with is said at [`Op`](super::Op).
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Answer {
    /// A message is kept.
    Appended {
        /// Its name in the base API.
        message_id: MessageId,
        /// Its number.
        seq: Seq,
        /// When it was taken.
        sent_at: UnixMillis,
        /// Whether it was kept before, and nothing changed now.
        duplicate: bool,
    },
    /// A stretch of the log.
    Chain(Vec<Vec<u8>>),
    /// The log grew.
    ChainAppended {
        /// Sessions that ended by it.
        ended: Vec<SessionId>,
    },
    /// An original channel, if there is one.
    Channel(Option<ChannelRow>),
    /// Original channels.
    Channels(Vec<ChannelRow>),
    /// Refused: the log ends elsewhere.
    Conflict {
        /// Where.
        head: Option<Head>,
    },
    /// A device, if there is one.
    Device(Option<DeviceRow>),
    /// Refused: the log contradicts the device that the store knows.
    DeviceMismatch,
    /// Devices.
    Devices(Vec<DeviceRow>),
    /// It happened; there is nothing to say.
    Done,
    /// Sessions that ended.
    Ended(Vec<SessionId>),
    /// Envelopes.
    Envelopes(Vec<EnvelopeRow>),
    /// Refused: the invite is past its time.
    Expired,
    /// Who has an envelope of which key.
    Held(Vec<(GroupId, Epoch, RecipientId)>),
    /// A stretch of a channel's history.
    History(HistoryPage),
    /// An invite, if there is one.
    Invite(Option<InviteRow>),
    /// An envelope of the base API, if there is one.
    KeyEnvelope(Option<KeyEnvelopeRow>),
    /// Refused: the device has another Ed25519 key.
    KeysDiffer,
    /// The numbers of channels' newest messages.
    LastSeqs(Vec<(ChannelId, Seq)>),
    /// A session is open.
    LoggedIn {
        /// Its device.
        device: DeviceId,
        /// Sessions that ended for it.
        ended: Vec<SessionId>,
    },
    /// Names.
    Names(Vec<NameRow>),
    /// Refused: there is no such thing.
    NotFound,
    /// Who waits to be vouched for.
    Pending(Vec<PendingRow>),
    /// Profiles.
    Profiles(Vec<ProfileRow>),
    /// An account was made.
    Registered {
        /// Whether it is the first.
        is_admin: bool,
    },
    /// A session, if there is one.
    Session(Option<SessionRow>),
    /// Sessions.
    Sessions(Vec<SessionRow>),
    /// Refused: the message is sealed in an epoch that is not open.
    StaleEpoch,
    /// The store's ids.
    Started {
        /// The server's.
        server_id: ServerId,
        /// The store's.
        store_id: StoreId,
    },
    /// Refused: a bound is reached.
    TooMany,
    /// Refused: an envelope is for a device that does not exist.
    UnknownDevice,
    /// Refused: the invite was consumed before.
    Used,
    /// A user, if there is one.
    User(Option<UserRow>),
    /// Refused: another user has that name.
    UsernameTaken,
    /// Users.
    Users(Vec<UserRow>),
}
