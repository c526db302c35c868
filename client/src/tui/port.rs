//! The seam between the screen and the account: what the screen asks, and what it is told.
//!
//! The screen runs on a thread of its own and never waits for the network or the disk: a [`Request`] goes one way,
//! [`Update`]s come the other.

use std::fmt;
use std::sync::Arc;

use dialtone_protocol::client::{Access, ConnectionState, History};
use dialtone_protocol::ids::{ChannelId, EntryHash, Seq, UserId};

use super::snapshot::{Channel, Invite, Member, Message, Profile};
use super::voice::{Ask, Voice};

/// What the screen asks of the account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Request {
    /// Opens an account that is on this machine.
    Unlock {
        /// The account, as [`Update::Accounts`] named it.
        account: String,
        /// What opens its keystore.
        passphrase: Hidden,
        /// Whether to go on without TLS, as the user agreed to.
        insecure: bool,
    },
    /// Makes an account by a link.
    Join {
        /// The link, as it was pasted.
        link: String,
        /// The name to be called by.
        username: String,
        /// The password of the account.
        password: Hidden,
        /// What opens the keystore.
        passphrase: Hidden,
        /// Whether to go on without TLS, as the user agreed to.
        insecure: bool,
    },
    /// Stops what [`Unlock`](Self::Unlock) or [`Join`](Self::Join) began.
    Abandon,
    /// Tells the messages of a channel, now and whenever they change.
    Open(ChannelId),
    /// Sends a text.
    Send {
        /// Where.
        channel: ChannelId,
        /// What.
        text: String,
    },
    /// Makes a channel.
    CreateChannel {
        /// Its name.
        name: String,
        /// Who may read it.
        access: Access,
        /// What a newcomer may read.
        history: History,
    },
    /// Gives a channel another name.
    RenameChannel {
        /// The channel.
        channel: ChannelId,
        /// The new name.
        name: String,
    },
    /// Deletes a channel.
    DeleteChannel(ChannelId),
    /// Takes a member into a private channel.
    AddToChannel {
        /// The channel.
        channel: ChannelId,
        /// The member.
        user: UserId,
    },
    /// Makes an invite link.
    CreateInvite,
    /// Ends an open invite.
    RevokeInvite(EntryHash),
    /// Lets somebody in who waits.
    Vouch(UserId),
    /// Remembers that everything up to a message was seen.
    MarkRead {
        /// The channel.
        channel: ChannelId,
        /// The newest message that was seen.
        seq: Seq,
    },
    /// Fetches older messages of a channel.
    LoadOlder(ChannelId),
    /// Does something about voice.
    Voice(Ask),
    /// Posts what is owed and ends; [`Update::Closed`] follows.
    Close,
}

/// What the screen is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Update {
    /// The accounts on this machine, the one used last first.
    Accounts(Vec<String>),
    /// What the opening of the account is busy with.
    Progress(String),
    /// The account could not be opened or made. This says what to do.
    EntryRefused(String),
    /// The way to this server is not encrypted by TLS: the user has to agree.
    ConsentNeeded(String),
    /// The account is open.
    Entered(Profile),
    /// The account itself changed.
    Profile(Profile),
    /// The connection is in another state.
    Connection(ConnectionState),
    /// All channels.
    Channels(Vec<Channel>),
    /// All members, and whoever waits.
    Members(Vec<Member>),
    /// All open invites, in the order in which they were made.
    Invites(Vec<Invite>),
    /// Messages of a channel.
    Messages {
        /// The channel.
        channel: ChannelId,
        /// The lowest number told here.
        from: Seq,
        /// Every message from there on, and those without a number.
        messages: Arc<[Message]>,
    },
    /// There are no older messages in a channel.
    HistoryStart(ChannelId),
    /// A text was not taken for sending, and is the user's again.
    SendRefused {
        /// Where it should have gone.
        channel: ChannelId,
        /// The text.
        text: String,
        /// Why.
        reason: String,
    },
    /// An invite link was made.
    Invite(String),
    /// A channel that was asked for is there.
    Created(ChannelId),
    /// Something that was asked for is done.
    Done(String),
    /// Something of several lines that was asked for.
    Note(String),
    /// How voice stands.
    Voice(Box<Voice>),
    /// Somebody in the room is not heard.
    NotHeard {
        /// Who, by the server's word.
        user: UserId,
        /// Why.
        reason: String,
    },
    /// Something went wrong, or needs a look.
    Problem(String),
    /// The server cannot be reached, for this reason. It is over once the connection stands.
    Trouble(String),
    /// The account is closed.
    Closed,
}

/// What must not be seen: it never shows in a log.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Hidden(pub String);

impl fmt::Debug for Hidden {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Hidden(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_never_shows_in_a_log() {
        let request = Request::Unlock {
            account: "ann".to_owned(),
            passphrase: Hidden("correct horse".to_owned()),
            insecure: false,
        };
        assert!(!format!("{request:?}").contains("horse"));
    }
}
