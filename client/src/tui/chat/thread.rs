//! The messages of one channel as they are known here, with the notes that the program put between them.

use dialtone_protocol::ids::{ClientId, Seq, UserId};

use crate::tui::snapshot::Message;
use crate::tui::theme::Role;

/// Where the view of a thread stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Position {
    /// At the end; new messages move it.
    #[default]
    Bottom,
    /// The last visible row is in this block, with so many rows of the block below it.
    At {
        /// The block.
        anchor: Anchor,
        /// Rows of the block that are below the view.
        hidden: usize,
    },
}

/// Names a block of a thread, whatever comes before or after it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Anchor {
    /// What stands before the oldest message.
    Head,
    /// The message of this number.
    Numbered(Seq),
    /// A message without a number.
    Unsent(ClientId),
}

/// What the program says between messages. It is not sent to anybody and not kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Note {
    /// The number of the message that it follows.
    pub after: Option<Seq>,
    /// What it says, in lines.
    pub text: String,
    /// How it looks.
    pub role: Role,
}

/// A channel's messages, in order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Thread {
    /// The messages: by number, then those without one.
    messages: Vec<Message>,
    notes: Vec<Note>,
    /// The number of the last message that was read when the channel was opened: a line is drawn below it.
    divider: Option<Seq>,
    /// How many messages were unread when the channel was opened, until the divider stands.
    unread: u64,
    /// Where the view stands.
    pub position: Position,
    /// The newest number that the view has shown.
    pub seen: Option<Seq>,
    /// The newest number that was said to be read.
    pub read: Option<Seq>,
    /// Whether the messages that are here were told.
    pub told: bool,
    /// Whether older messages were asked for and did not come yet.
    pub loading: bool,
    /// Whether the oldest message is the first of the channel.
    pub complete: bool,
}

impl Thread {
    /// A thread of a channel with so many unread messages.
    #[must_use]
    pub(crate) fn new(unread: u64) -> Self {
        Self {
            unread,
            ..Self::default()
        }
    }

    /// Takes in every message from a number on, and those without one.
    pub(crate) fn replace_from(&mut self, from: Seq, messages: &[Message], me: Option<UserId>) {
        self.told = true;
        let oldest = self.first_seq();
        self.messages
            .retain(|message| message.seq.is_some_and(|seq| seq < from));
        self.messages.extend_from_slice(messages);
        self.loading &= self.first_seq() == oldest;
        if self.unread > 0 {
            self.place_divider(me);
        }
        if self.position == Position::Bottom {
            self.seen = self.last_seq();
        }
    }

    /// Puts the names that are known now to the messages. Who is not known any more keeps the old one.
    pub(crate) fn rename(&mut self, name: impl Fn(&UserId) -> Option<String>) {
        for message in &mut self.messages {
            if let Some(name) = message.sender.as_ref().and_then(&name) {
                message.sender_name = Some(name);
            }
        }
    }

    /// Says something below the newest message.
    pub(crate) fn add_note(&mut self, text: impl Into<String>, role: Role) {
        self.notes.push(Note {
            after: self.last_seq(),
            text: text.into(),
            role,
        });
    }

    /// Draws the line for unread messages anew when the channel is opened again.
    pub(crate) fn reopen(&mut self, unread: u64, me: Option<UserId>) {
        self.divider = None;
        self.unread = unread;
        if unread > 0 {
            self.place_divider(me);
        }
    }

    /// The messages, oldest first.
    #[must_use]
    pub(crate) fn messages(&self) -> &[Message] {
        &self.messages
    }

    /// The number of the last message that was read before, if a line is drawn below it.
    #[must_use]
    pub(crate) const fn divider(&self) -> Option<Seq> {
        self.divider
    }

    fn first_seq(&self) -> Option<Seq> {
        self.messages.first().and_then(|message| message.seq)
    }

    /// The newest number.
    #[must_use]
    pub(crate) fn last_seq(&self) -> Option<Seq> {
        self.messages.iter().rev().find_map(|message| message.seq)
    }

    /// How many messages came since the view left the end.
    #[must_use]
    pub(crate) fn new_below(&self) -> usize {
        if self.position == Position::Bottom {
            return 0;
        }
        self.messages
            .iter()
            .rev()
            .take_while(|message| message.seq.is_none_or(|seq| Some(seq) > self.seen))
            .filter(|message| message.seq.is_some())
            .count()
    }

    /// The notes that follow the message at `index`, or that stand before all messages.
    pub(crate) fn notes_after(&self, index: Option<usize>) -> impl Iterator<Item = &Note> {
        let number = |index: usize| self.messages.get(index).map(|message| message.seq);
        let here = index.and_then(number).flatten();
        let next = number(index.map_or(0, |index| index + 1)).flatten();
        let belongs = move |note: &&Note| match index {
            None => note.after.is_none() || next.is_some_and(|next| note.after < Some(next)),
            // The numbers of two neighbours may leave a gap that is still being fetched.
            Some(_) => {
                here.is_some()
                    && note.after >= here
                    && next.is_none_or(|next| note.after < Some(next))
            }
        };
        self.notes.iter().filter(belongs)
    }

    /// The line stands above the oldest of the unread messages, one's own not counted.
    fn place_divider(&mut self, me: Option<UserId>) {
        let mut left = self.unread;
        for (index, message) in self.messages.iter().enumerate().rev() {
            if message.seq.is_some() && message.sender != me {
                left -= 1;
            }
            if left == 0 {
                self.divider = message.seq.map(|Seq(seq)| Seq(seq.saturating_sub(1)));
                self.unread = 0;
                // Above the oldest message a line would divide nothing.
                if index == 0 {
                    self.divider = None;
                }
                return;
            }
        }
    }
}
