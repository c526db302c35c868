//! Why a wish of the user is refused at once.

use core::fmt;

/// Why a message cannot be sent. The draft stays where it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SendError {
    /// No such channel is known here, or it was deleted.
    NoChannel,
    /// The account is not a member of the community yet.
    NotMember,
    /// The channel is not of the log: nothing in it can be verified, so nothing is sent to it.
    Original,
    /// The channel is private and the account is not in it.
    NotInChannel,
    /// There is nothing to send.
    Empty,
    /// The text is too long.
    TooLong {
        /// Its length in bytes.
        got: usize,
        /// The most that fits.
        max: usize,
    },
    /// Too many messages wait for their ack.
    OutboxFull,
    /// Somebody signed another log in this channel: sending stops until the user decides.
    Forked,
}

impl fmt::Display for SendError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoChannel => f.write_str("no such channel"),
            Self::NotMember => f.write_str("not a member of the community yet"),
            Self::Original => f.write_str("this channel cannot be verified, nothing is sent to it"),
            Self::NotInChannel => f.write_str("not in this channel"),
            Self::Empty => f.write_str("nothing to send"),
            Self::TooLong { got, max } => {
                write!(f, "the message is too long: {got} of {max} bytes")
            }
            Self::OutboxFull => f.write_str("too many messages wait to be sent"),
            Self::Forked => {
                f.write_str("somebody in this channel follows another log: sending stopped")
            }
        }
    }
}

impl core::error::Error for SendError {}

/// Why a change of the community cannot be asked for. What the log refuses later comes as
/// [`Event::IntentRefused`](super::Event::IntentRefused).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum IntentError {
    /// The account is not a member of the community yet.
    NotMember,
    /// Only an admin may do this.
    NotAdmin,
    /// Only the channel's creator or an admin may do this.
    NotAllowed,
    /// No such channel is known here, or it was deleted.
    NoChannel,
    /// No such user is known here.
    NoUser,
    /// No such invite is open: it was never made, was used up, or was ended.
    NoInvite,
    /// The channel is open: everybody is in it.
    OpenChannel,
    /// A name is 1 to 64 bytes of text without control characters.
    BadName,
    /// Another channel that is shown here has this name, or one that looks like it.
    NameTaken,
    /// Too many changes wait for their turn.
    TooMany,
}

impl fmt::Display for IntentError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotMember => "not a member of the community yet",
            Self::NotAdmin => "only an admin may do this",
            Self::NotAllowed => "only the channel's creator or an admin may do this",
            Self::NoChannel => "no such channel",
            Self::NoUser => "no such user",
            Self::NoInvite => "no such invite is open",
            Self::OpenChannel => "the channel is open: everybody is in it",
            Self::BadName => "a name is 1 to 64 bytes of text without control characters",
            Self::NameTaken => "another channel has this name, or one that looks like it",
            Self::TooMany => "too many changes wait for their turn",
        })
    }
}

impl core::error::Error for IntentError {}

/// Why an account cannot be restored from its records.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RestoreError {
    /// There is no account among the records.
    NoAccount,
    /// A record of this table cannot be read.
    Damaged(super::Table),
    /// A newer version of the program wrote a record of this table.
    NeedsNewer(super::Table),
}

impl fmt::Display for RestoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoAccount => f.write_str("there is no account here"),
            Self::Damaged(table) => write!(f, "a record of the table {} is damaged", table.name()),
            Self::NeedsNewer(table) => {
                write!(
                    f,
                    "a record of the table {} needs a newer version",
                    table.name()
                )
            }
        }
    }
}

impl core::error::Error for RestoreError {}
