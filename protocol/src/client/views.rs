//! What a screen shows. Nothing in it is the server's word unless it says so.

use alloc::string::String;

use crate::chat::{Locked, Refused, SendFailure};
use crate::ids::{ChannelId, ClientId, DeviceId, EntryHash, MessageId, Seq, UserId};
pub use crate::sigchain::{Access, History, Role};
use crate::time::UnixMillis;

/// How the account stands to the community.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Standing {
    /// It is about to found the community.
    Founding,
    /// It is about to join by an open invite.
    Joining,
    /// It waits until an admin vouches for it.
    Pending,
    /// It is a member.
    Member,
    /// It was a member, and was removed.
    Removed,
}

/// The account itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Me {
    /// The user, once the server has answered the registration.
    pub user: Option<UserId>,
    /// The device, once the server has answered the registration.
    pub device: Option<DeviceId>,
    /// The username.
    pub username: String,
    /// Whether the log says that the user is an admin.
    pub admin: bool,
    /// How it stands to the community.
    pub standing: Standing,
    /// While the standing is pending: the number that an admin compares before vouching.
    pub safety_number: Option<String>,
    /// The server.
    pub server_url: String,
}

/// A channel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChannelView {
    /// The channel.
    pub id: ChannelId,
    /// Its name, if it is known and verified.
    pub name: Option<String>,
    /// Who may read it.
    pub access: Access,
    /// What a newcomer may read.
    pub history: History,
    /// How many messages are unread.
    pub unread: u64,
    /// The newest message that is marked as read; zero for none.
    pub read: Seq,
    /// The number of the newest message known here.
    pub last_seq: Seq,
    /// Whether that is the newest that the server has named on this connection or an earlier one.
    pub caught_up: bool,
    /// Whether this account can send to it now.
    pub can_send: bool,
    /// Whether it is a channel of the original system, of which nothing can be verified.
    pub original: bool,
    /// Whether another channel's name is the same or looks like it.
    pub confusable: bool,
}

/// What a message says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Body<'a> {
    /// A text. It is as its writer made it: a screen strips control sequences.
    Text(&'a str),
    /// It cannot be read yet. This says why, and what would help.
    Locked(Locked),
    /// Its kind is unknown here: a newer version can show it.
    NeedsNewer,
    /// It is not what it claims to be. This says why.
    Refused(Refused),
}

/// How far a message of one's own has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Delivery {
    /// It waits for its ack.
    Sending,
    /// The server has it, durably.
    Sent,
    /// It will not be sent. This says why.
    Failed(SendFailure),
}

/// A message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MessageView<'a> {
    /// Its number, once it has one.
    pub seq: Option<Seq>,
    /// Its sender's name for it.
    pub client_id: ClientId,
    /// The server's name for it, once it has one.
    pub message_id: Option<MessageId>,
    /// Who wrote it; none if the log does not know the device.
    pub sender: Option<UserId>,
    /// The writer's name, if it is known and verified.
    pub sender_name: Option<&'a str>,
    /// The writer's device.
    pub device: DeviceId,
    /// What it says.
    pub body: Body<'a>,
    /// When the server took it: the server's word.
    pub sent_at: UnixMillis,
    /// How far it has come.
    pub mark: Delivery,
}

/// A member, or somebody who waits to become one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MemberView {
    /// The user.
    pub user: UserId,
    /// The name, if it is known and verified; of somebody who waits: none.
    pub name: Option<String>,
    /// What the log lets the user do.
    pub role: Role,
    /// Whether the server says that the user is connected.
    pub online: bool,
    /// Of somebody who waits for a vouch: what to compare first.
    pub pending: Option<PendingView>,
    /// Whether another name is the same or looks like it.
    pub confusable: bool,
}

/// An open invite.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InviteView {
    /// What names it: the hash of its entry in the log, which also stands at the end of its link.
    pub id: EntryHash,
    /// Who made it.
    pub by: UserId,
    /// The maker's name, if it is known and verified.
    pub by_name: Option<String>,
    /// How many can still join by it.
    pub uses_left: u32,
    /// When it ends by itself.
    pub expires: UnixMillis,
}

/// Somebody who waits for a vouch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PendingView {
    /// The number to compare with the newcomer's own, by another way than this server.
    pub safety_number: String,
    /// What the newcomer says its name is. Nobody verified it.
    pub says: Option<String>,
}
