//! The views: what a screen shows.

use alloc::string::String;
use alloc::vec::Vec;

use super::account::Plan;
use super::chores::Chore;
use super::confusable::Skeletons;
use super::views::{
    Access, Body, ChannelView, Delivery, History, InviteView, Me, MemberView, MessageView, Role,
    Standing,
};
use super::{Client, ConnectionState};
use crate::chat;
use crate::ids::{ChannelId, Seq, Subject, UserId};

impl Client {
    /// How the account stands to its server.
    #[must_use]
    pub const fn state(&self) -> ConnectionState {
        self.state
    }

    /// The account itself.
    #[must_use]
    pub fn me(&self) -> Me {
        let standing = match self.account.plan {
            Plan::Found => Standing::Founding,
            Plan::Join { .. } => Standing::Joining,
            Plan::AskVouch => Standing::Pending,
            Plan::Member if self.is_member() => Standing::Member,
            Plan::Member => Standing::Removed,
        };
        let user = self.account.user();
        Me {
            user,
            device: self.account.device(),
            username: self.account.username.clone(),
            admin: user.is_some_and(|user| self.log.chain().is_admin(user)),
            standing,
            safety_number: match standing {
                Standing::Pending => self.own_safety_number(),
                Standing::Founding | Standing::Joining | Standing::Member | Standing::Removed => {
                    None
                }
            },
            server_url: self.account.server_url.clone(),
        }
    }

    /// The channels that this account can read, then those of the original system, each sorted by name.
    #[must_use]
    pub fn channels(&self) -> Vec<ChannelView> {
        let (chain, Some((user, device))) = (self.log.chain(), self.account.ids) else {
            return Vec::new();
        };
        let readable = chain
            .channels()
            .filter(|(id, _)| chain.entitled_device(device, *id));
        let mut views: Vec<ChannelView> = readable
            .map(|(id, channel)| ChannelView {
                id,
                name: self.names.get(Subject::Channel(id)).map(String::from),
                access: channel.access,
                history: channel.history,
                unread: self.chat.unread(id, user),
                read: self.chat.read_mark(id),
                last_seq: self.chat.last_seq(id),
                caught_up: self.chat.is_caught_up(id),
                can_send: self.is_member() && !self.chat.forked(id),
                original: false,
                confusable: false,
            })
            .collect();
        let names = Skeletons::of(views.iter().filter_map(|view| view.name.as_deref()));
        for view in &mut views {
            view.confusable = view
                .name
                .as_deref()
                .is_some_and(|name| names.is_confusable(name));
        }
        views.sort_by(|one, other| by_name(&one.name, &other.name).then(one.id.cmp(&other.id)));
        views.extend(self.roster.originals.iter().map(|id| ChannelView {
            id: *id,
            name: None,
            access: Access::Open,
            history: History::All,
            unread: 0,
            read: Seq(0),
            last_seq: Seq(0),
            caught_up: true,
            can_send: false,
            original: true,
            confusable: false,
        }));
        views
    }

    /// The messages of a channel that are here, in their order; one's own that wait for their number stand last.
    pub fn messages(&self, channel: ChannelId) -> impl DoubleEndedIterator<Item = MessageView<'_>> {
        let placed = self
            .chat
            .messages(channel)
            .map(|message| self.message_view(message));
        let own = self.account.ids;
        let waiting = self.chat.drafts(channel).filter_map(move |draft| {
            let (user, device) = own?;
            Some(MessageView {
                seq: None,
                client_id: draft.client_id,
                message_id: None,
                sender: Some(user),
                sender_name: self.names.get(Subject::User(user)),
                device,
                body: Body::Text(&draft.text),
                sent_at: draft.written_at,
                mark: match draft.delivery {
                    chat::Delivery::Sending => Delivery::Sending,
                    chat::Delivery::Acked(_) => Delivery::Sent,
                    chat::Delivery::Failed(reason) => Delivery::Failed(reason),
                },
            })
        });
        placed.chain(waiting)
    }

    fn message_view<'a>(&'a self, message: &'a chat::Message) -> MessageView<'a> {
        MessageView {
            seq: Some(message.seq),
            client_id: message.client_id,
            message_id: Some(message.message_id),
            sender: message.user,
            sender_name: message
                .user
                .and_then(|user| self.names.get(Subject::User(user))),
            device: message.device,
            body: match &message.body {
                chat::Body::Text { text, .. } => Body::Text(text),
                chat::Body::Locked { reason, .. } => Body::Locked(*reason),
                chat::Body::NeedsNewer { .. } => Body::NeedsNewer,
                chat::Body::Refused(reason) => Body::Refused(*reason),
            },
            sent_at: message.sent_at,
            mark: Delivery::Sent,
        }
    }

    /// Whether it is known who waits for a vouch: an admin's engine asks for that once it is online, and
    /// [`Event::MembersChanged`] follows.
    ///
    /// [`Event::MembersChanged`]: super::Event::MembersChanged
    #[must_use]
    pub fn knows_newcomers(&self) -> bool {
        !self.chores.is_busy(Chore::Pending)
    }

    /// The members, sorted by name, then those who wait for a vouch.
    #[must_use]
    pub fn members(&self) -> Vec<MemberView> {
        let mut views: Vec<MemberView> = self
            .log
            .chain()
            .users()
            .map(|(id, user)| MemberView {
                user: id,
                name: self.names.get(Subject::User(id)).map(String::from),
                role: user.role,
                online: self.roster.is_online(id),
                pending: None,
                confusable: false,
            })
            .collect();
        let names = Skeletons::of(views.iter().filter_map(|view| view.name.as_deref()));
        for view in &mut views {
            view.confusable = view
                .name
                .as_deref()
                .is_some_and(|name| names.is_confusable(name));
        }
        views.sort_by(|one, other| by_name(&one.name, &other.name).then(one.user.cmp(&other.user)));
        views.extend(self.newcomers.iter().map(|(user, newcomer)| {
            let says = newcomer.view.says.as_deref();
            MemberView {
                user: *user,
                name: None,
                role: Role::Member,
                online: false,
                pending: Some(newcomer.view.clone()),
                confusable: says.is_some_and(|says| names.is_taken(says)),
            }
        }));
        views
    }

    /// The open invites, in the order in which they were made.
    #[must_use]
    pub fn invites(&self) -> Vec<InviteView> {
        let mut open: Vec<_> = self.log.chain().invites().collect();
        open.sort_by_key(|(_, invite)| invite.opened_at);
        open.into_iter()
            .map(|(id, invite)| InviteView {
                id,
                by: invite.user,
                by_name: self.user_name(invite.user).map(String::from),
                uses_left: invite.uses_left,
                expires: invite.expires,
            })
            .collect()
    }

    /// The verified name of a user, if it is known.
    #[must_use]
    pub fn user_name(&self, user: UserId) -> Option<&str> {
        self.names.get(Subject::User(user))
    }

    /// Whether a channel that is shown here has this name, or one that looks like it.
    pub(super) fn is_channel_name_taken(&self, name: &str, but: Option<ChannelId>) -> bool {
        let channels = self
            .log
            .chain()
            .channels()
            .filter(|(id, _)| Some(*id) != but);
        let names = channels.filter_map(|(id, _)| self.names.get(Subject::Channel(id)));
        Skeletons::of(names).is_taken(name)
    }
}

/// Those with a name stand first.
fn by_name(one: &Option<String>, other: &Option<String>) -> core::cmp::Ordering {
    let key = |name: &Option<String>| (name.is_none(), name.as_deref().map(str::to_lowercase));
    key(one).cmp(&key(other))
}
