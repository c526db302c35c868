//! What the engine tells whoever looks at the account.

use alloc::string::String;
use core::fmt;

use crate::chat::{self, SendFailure};
use crate::ids::{ChannelId, ClientId, DeviceId, EntryHash, GroupId, MessageId, Seq, UserId};
use crate::session;
use crate::time::Instant;

/// How the account stands to its server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ConnectionState {
    /// Not connected, and not asked to be.
    Offline,
    /// Not connected; the next attempt comes at this time.
    Waiting {
        /// When.
        until: Instant,
    },
    /// Being made: registering, logging in, opening the socket.
    Connecting,
    /// Connected; the log, keys and names are being read.
    Syncing,
    /// Connected, and up to date with the log.
    Online,
    /// The server refused for good; [`Event::Warning`] said why. Only [`connect`](super::Client::connect) tries again.
    Refused,
}

/// Something that was asked for, or that the engine does by itself, with one append to the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum IntentName {
    /// Founding the community.
    Found,
    /// Joining by an open invite.
    Join,
    /// Making a channel.
    CreateChannel(ChannelId),
    /// Renaming a channel.
    RenameChannel(ChannelId),
    /// Deleting a channel.
    DeleteChannel(ChannelId),
    /// Taking a user into a private channel.
    AddToChannel(ChannelId, UserId),
    /// Making an invite.
    Invite(InviteId),
    /// Vouching for a user.
    Vouch(UserId),
    /// Ending an invite: the user asked for it, or it expired.
    RevokeInvite(EntryHash),
    /// Committing to a new name of one's own.
    SetName(UserId),
    /// Opening the next epoch of a group.
    Rotate(GroupId),
}

/// Names an invite that is being made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct InviteId(pub u64);

/// Why something that was asked for does not happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Refusal {
    /// The log moved on, and what was asked for is not allowed or not possible any more.
    Overtaken,
    /// The keys of the group are missing here, so nothing can be sealed.
    NoKeys,
    /// The server refused with this status.
    Server(u16),
    /// The server's answer makes no sense.
    Garbled,
    /// The community is founded already: a founding link refuses a log that has a beginning.
    AlreadyFounded,
    /// Nobody founded a community on this server yet, and this link does not found one.
    NotFounded,
    /// The link's invite is used up, revoked or expired.
    InviteSpent,
    /// The log does not hold the entry that the link names: this is not the community of whoever made the link.
    OtherCommunity,
    /// The server knows no such invite token.
    TokenUnknown,
    /// The server's token was used already, or expired.
    TokenSpent,
    /// The username, the password or a key was refused, or the username is taken.
    AccountRefused,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Overtaken => "somebody else changed this meanwhile",
            Self::NoKeys => "the keys for it are not here yet",
            Self::Server(status) => return write!(f, "the server refused it with status {status}"),
            Self::Garbled => "the server's answer makes no sense",
            Self::AlreadyFounded => "the community is founded already",
            Self::NotFounded => "nobody founded a community on this server yet",
            Self::InviteSpent => "the invite is used, revoked or expired",
            Self::OtherCommunity => "this server's community is not the one of the link",
            Self::TokenUnknown => "the server does not know this invite",
            Self::TokenSpent => "the invite was used already or expired",
            Self::AccountRefused => "the server refused the username, the password or the device",
        })
    }
}

/// Something that a person should know, and that stops nothing it need not.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Warning {
    /// The entry of the log at this index is not valid: the log ends before it.
    InvalidEntry {
        /// The entry's index.
        index: u64,
        /// What is wrong with it.
        reason: String,
    },
    /// The log holds something that only a newer version understands: the log is read up to there.
    NeedsNewer {
        /// The index of the entry.
        index: u64,
    },
    /// The server offers no log, though this account knows one.
    NoLog,
    /// The server offers another log than the one that this account knows.
    OtherLog {
        /// The index of the first entry that differs.
        index: u64,
    },
    /// The server's log is shorter than the one that this account knows.
    FellBehind {
        /// How many entries the server has.
        server: u64,
        /// How many are known here.
        known: u64,
    },
    /// Something is wrong in a channel.
    Chat(chat::Warning),
    /// Something about the server is other than before.
    Session(session::Warning),
    /// Rotations of this user were repaired too often: its device may be broken, or hostile.
    BrokenRotations {
        /// The author.
        user: UserId,
    },
    /// An envelope for this device was refused.
    BadEnvelope {
        /// Who posted it.
        poster: DeviceId,
        /// What is wrong with it.
        reason: String,
    },
    /// The server refused this account's device or password.
    LoginRefused,
    /// The server speaks no version of the protocol that this one speaks.
    WrongProtocol,
    /// The server's answer to a request makes no sense; it is asked again later.
    Garbled,
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::InvalidEntry { index, reason } => {
                write!(
                    f,
                    "entry {index} of the community's log is not valid: {reason}"
                )
            }
            Self::NeedsNewer { index } => {
                write!(
                    f,
                    "entry {index} of the community's log needs a newer version"
                )
            }
            Self::NoLog => f.write_str("the server has no log of this community any more"),
            Self::OtherLog { index } => {
                write!(
                    f,
                    "the server's log is not this community's: it differs at entry {index}"
                )
            }
            Self::FellBehind { server, known } => {
                write!(
                    f,
                    "the server lost a part of the log: it has {server} of {known} entries"
                )
            }
            Self::Chat(warning) => warning.fmt(f),
            Self::Session(warning) => warning.fmt(f),
            Self::BrokenRotations { user } => {
                write!(
                    f,
                    "user {user} made keys that nobody can open, again and again"
                )
            }
            Self::BadEnvelope { poster, reason } => {
                write!(f, "a key from device {poster} was refused: {reason}")
            }
            Self::LoginRefused => f.write_str("the server refused the login"),
            Self::WrongProtocol => f.write_str("the server speaks another version of the protocol"),
            Self::Garbled => f.write_str("an answer of the server makes no sense"),
        }
    }
}

/// Something that happened.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Event {
    /// The connection is in another state.
    StateChanged(ConnectionState),
    /// This account stands otherwise to the community: see [`Client::me`](super::Client::me).
    StandingChanged,
    /// This account became a member, and can read.
    Joined,
    /// The list of channels, a name in it or a count of unread messages changed.
    ChannelsChanged,
    /// Messages of a channel came, were opened or changed their mark, from this number on.
    Messages {
        /// The channel.
        channel: ChannelId,
        /// The lowest number that changed. Messages without a number always stand at the end.
        from: Seq,
    },
    /// The list of members, a name in it or somebody's presence changed.
    MembersChanged,
    /// The server has a message, durably.
    Acked {
        /// The channel.
        channel: ChannelId,
        /// The message, as [`send_message`](super::Client::send_message) named it.
        client_id: ClientId,
        /// Its number.
        seq: Seq,
        /// Its name at the server.
        message_id: MessageId,
    },
    /// A message will not be sent.
    SendFailed {
        /// The channel.
        channel: ChannelId,
        /// The message, as [`send_message`](super::Client::send_message) named it.
        client_id: ClientId,
        /// Why.
        reason: SendFailure,
    },
    /// An invite was made.
    InviteReady {
        /// The invite, as [`create_invite`](super::Client::create_invite) named it.
        id: InviteId,
        /// The link. It holds a secret: whoever has it can join.
        link: String,
    },
    /// What was asked for stands in the log.
    IntentDone {
        /// What.
        intent: IntentName,
    },
    /// What was asked for does not happen.
    IntentRefused {
        /// What.
        intent: IntentName,
        /// Why.
        reason: Refusal,
    },
    /// Something that a person should know.
    Warning(Warning),
    /// After [`close`](super::Client::close): nothing is owed any more, or the time for it ran out. The socket is
    /// closed.
    Settled,
    /// Who is in which voice room changed: see [`Client::voice_rooms`](super::Client::voice_rooms).
    VoiceRoomsChanged,
    /// The log does not let a device into the voice room any more in which it is heard, or in which this device is:
    /// what carries its sound ends at once.
    VoiceRevoked {
        /// The room's channel.
        room: ChannelId,
        /// The device's user.
        user: UserId,
        /// The device; it may be this one.
        device: DeviceId,
    },
    /// There are no older messages in the channel.
    HistoryStart {
        /// The channel.
        channel: ChannelId,
    },
    /// No more of the channel's past is loaded: as much is held as may be.
    HistoryLimit {
        /// The channel.
        channel: ChannelId,
    },
}
