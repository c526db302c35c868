//! What the screen knows of the account: the engine's views, owned and cleaned.
//!
//! Everything that somebody else wrote passes [`sanitize`] here, on its way in, and nowhere else.

use dialtone_protocol::client::{
    Access, Body, ChannelView, Delivery, InviteView, Me, MemberView, MessageView, Role, Standing,
};
use dialtone_protocol::ids::{ChannelId, ClientId, EntryHash, Seq, UserId};
use dialtone_protocol::time::UnixMillis;

use super::text::{sanitize, sanitize_line};

/// The account itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Profile {
    /// The user, once the server has answered the registration.
    pub user: Option<UserId>,
    /// The username.
    pub username: String,
    /// Whether the log says that the user is an admin.
    pub admin: bool,
    /// How it stands to the community.
    pub standing: Standing,
    /// What an admin compares before a vouch.
    pub safety_number: Option<String>,
}

/// A channel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Channel {
    /// The channel.
    pub id: ChannelId,
    /// Its name, if it is known and verified.
    pub name: Option<String>,
    /// Who may read it.
    pub access: Access,
    /// How many messages are unread.
    pub unread: u64,
    /// Whether this account can send to it now.
    pub can_send: bool,
    /// Whether nothing in it can be verified.
    pub original: bool,
    /// Whether another channel's name looks like this one's.
    pub confusable: bool,
}

/// A member, or somebody who waits to become one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    /// The user.
    pub user: UserId,
    /// The name, if it is known and verified.
    pub name: Option<String>,
    /// Whether the user administers the community.
    pub admin: bool,
    /// Whether the server says that the user is connected.
    pub online: bool,
    /// Of somebody who waits for a vouch: what it says of itself.
    pub pending: Option<Newcomer>,
    /// Whether another name looks like this one.
    pub confusable: bool,
}

/// Somebody who waits for a vouch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Newcomer {
    /// What to compare by another way than this server.
    pub safety_number: String,
    /// The name that it gives itself, unverified.
    pub says: Option<String>,
}

/// An open invite.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Invite {
    /// What names it.
    pub id: EntryHash,
    /// Who made it.
    pub by: String,
    /// How many can still join by it.
    pub uses_left: u32,
    /// When it ends by itself.
    pub expires: UnixMillis,
}

/// What a message says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Content {
    /// A text.
    Text(String),
    /// It cannot be read, for this reason.
    Locked(String),
}

/// How far a message has come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Mark {
    /// It waits for its ack.
    Sending,
    /// The server has it.
    Sent,
    /// It will not be sent, for this reason.
    Failed(String),
}

/// A message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// Its number, once it has one.
    pub seq: Option<Seq>,
    /// Its sender's name for it.
    pub client_id: ClientId,
    /// Who wrote it; none if the log does not know the device.
    pub sender: Option<UserId>,
    /// The writer's name, if it is known and verified.
    pub sender_name: Option<String>,
    /// What it says.
    pub content: Content,
    /// When the server took it.
    pub sent_at: UnixMillis,
    /// How far it has come.
    pub mark: Mark,
}

impl Channel {
    /// The name, or else the start of the id.
    #[must_use]
    pub fn label(&self) -> String {
        self.name.clone().unwrap_or_else(|| short(&self.id))
    }
}

impl Member {
    /// The verified name, or what a newcomer says its name is, or else the start of the id.
    #[must_use]
    pub fn label(&self) -> String {
        let says = || {
            self.pending
                .as_ref()
                .and_then(|newcomer| newcomer.says.clone())
        };
        self.name
            .clone()
            .or_else(says)
            .unwrap_or_else(|| short(&self.user))
    }
}

impl Message {
    /// The writer's name, or else the start of its id.
    #[must_use]
    pub fn sender_label(&self) -> String {
        match (&self.sender_name, &self.sender) {
            (Some(name), _) => name.clone(),
            (None, Some(sender)) => short(sender),
            (None, None) => "nobody known".to_owned(),
        }
    }
}

/// The first eight digits of an id: how people tell nameless things apart.
#[must_use]
pub fn short(id: &impl ToString) -> String {
    let mut text = id.to_string();
    text.truncate(8);
    text
}

impl From<&Me> for Profile {
    fn from(me: &Me) -> Self {
        Self {
            user: me.user,
            username: sanitize_line(&me.username),
            admin: me.admin,
            standing: me.standing,
            safety_number: me.safety_number.clone(),
        }
    }
}

impl From<&ChannelView> for Channel {
    fn from(view: &ChannelView) -> Self {
        Self {
            id: view.id,
            name: view.name.as_deref().and_then(clean_name),
            access: view.access,
            unread: view.unread,
            can_send: view.can_send,
            original: view.original,
            confusable: view.confusable,
        }
    }
}

impl From<&MemberView> for Member {
    fn from(view: &MemberView) -> Self {
        Self {
            user: view.user,
            name: view.name.as_deref().and_then(clean_name),
            admin: view.role == Role::Admin,
            online: view.online,
            pending: view.pending.as_ref().map(|pending| Newcomer {
                safety_number: pending.safety_number.clone(),
                says: pending.says.as_deref().and_then(clean_name),
            }),
            confusable: view.confusable,
        }
    }
}

impl From<&InviteView> for Invite {
    fn from(view: &InviteView) -> Self {
        let name = view.by_name.as_deref().and_then(clean_name);
        Self {
            id: view.id,
            by: name.unwrap_or_else(|| short(&view.by)),
            uses_left: view.uses_left,
            expires: view.expires,
        }
    }
}

impl From<&MessageView<'_>> for Message {
    fn from(view: &MessageView<'_>) -> Self {
        Self {
            seq: view.seq,
            client_id: view.client_id,
            // A device that the log does not know is called by its own id.
            sender: view.sender,
            sender_name: view.sender_name.and_then(clean_name),
            content: Content::from(view.body),
            sent_at: view.sent_at,
            mark: Mark::from(view.mark),
        }
    }
}

impl From<Body<'_>> for Content {
    fn from(body: Body<'_>) -> Self {
        match body {
            Body::Text(text) => Self::Text(sanitize(text)),
            Body::Locked(reason) => Self::Locked(reason.to_string()),
            Body::Refused(reason) => Self::Locked(format!("refused: {reason}")),
            _ => Self::Locked("this message needs a newer version of dialtone".to_owned()),
        }
    }
}

impl From<Delivery> for Mark {
    fn from(delivery: Delivery) -> Self {
        match delivery {
            Delivery::Sending => Self::Sending,
            Delivery::Failed(reason) => Self::Failed(reason.to_string()),
            _ => Self::Sent,
        }
    }
}

/// A name as it may be shown; one that has nothing to show is none.
fn clean_name(name: &str) -> Option<String> {
    Some(sanitize_line(name)).filter(|name| !name.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_others_wrote_is_cleaned_on_its_way_in() {
        let text = Content::from(Body::Text("\u{1b}[2Jhi\u{202e}"));
        assert_eq!(text, Content::Text("hi".to_owned()));
        assert_eq!(clean_name("an\u{200b}n"), Some("ann".to_owned()));
        assert_eq!(clean_name("\u{200b}"), None);
    }

    #[test]
    fn a_thing_without_a_name_is_called_by_its_id() {
        let user = UserId([0xab; 16]);
        assert_eq!(short(&user), "abababab");
    }
}
