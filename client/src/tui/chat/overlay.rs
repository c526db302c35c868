//! What covers the messages until it is answered or closed.

use dialtone_protocol::ids::{ChannelId, EntryHash, UserId};

use crate::tui::port::Request;

/// What covers the messages.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Overlay {
    /// One of several things that a name fits.
    Chooser(Chooser),
    /// A question before something that cannot be taken back.
    Confirm {
        /// What is asked, in lines.
        question: Vec<String>,
        /// What a yes asks for.
        request: Request,
    },
    /// The help, from this row on.
    Help {
        /// The first row that is shown.
        top: usize,
    },
    /// The microphone while it is tried out.
    Microphone {
        /// Whether it is open: before, it is on its way.
        began: bool,
    },
    /// An invite link to copy.
    Invite {
        /// The link.
        link: String,
    },
}

/// A list to choose from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Chooser {
    /// What is chosen.
    pub title: String,
    /// What there is.
    pub choices: Vec<Choice>,
    /// The marked one.
    pub marked: usize,
    /// What happens with it.
    pub purpose: Purpose,
}

/// One thing of a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Choice {
    /// What it is called, told apart from the others.
    pub label: String,
    /// What it is.
    pub target: Target,
}

/// Something that a command is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Target {
    /// A channel.
    Channel(ChannelId),
    /// An open invite.
    Invite(EntryHash),
    /// A user.
    User(UserId),
}

/// What a command does with what was chosen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// Takes the user into the channel.
    Add(ChannelId),
    /// Deletes the channel.
    Delete,
    /// Goes to the channel.
    Join,
    /// Gives the channel this name.
    Rename(String),
    /// Ends the invite.
    Revoke,
    /// Talks in its room.
    Talk,
    /// Makes the user so loud here, in percent.
    Volume(u16),
    /// Vouches for the user.
    Vouch,
}

impl Chooser {
    /// Marks the next choice, or the one before.
    pub(crate) fn step(&mut self, down: bool) {
        let last = self.choices.len().saturating_sub(1);
        self.marked = if down {
            (self.marked + 1).min(last)
        } else {
            self.marked.saturating_sub(1)
        };
    }
}
