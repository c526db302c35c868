//! What the server alone says: who is connected, and which channels of the original system there are.

use alloc::collections::BTreeSet;
use alloc::string::ToString;
use alloc::vec::Vec;

use super::Client;
use super::event::Event;
use crate::ids::{ChannelId, UserId};
use crate::limits;
use crate::wire::answer::{ChannelsAnswer, PresenceAnswer};
use crate::wire::body::PresenceQuery;
use crate::wire::request::Request;

/// What the server alone says. It is shown, and nothing is decided by it.
#[derive(Debug, Default)]
pub(super) struct Roster {
    online: BTreeSet<UserId>,
    pub(super) originals: Vec<ChannelId>,
}

impl Roster {
    pub(super) fn is_online(&self, user: UserId) -> bool {
        self.online.contains(&user)
    }
}

impl Client {
    pub(super) fn presence_request(&self) -> Request {
        let users = self.log.chain().users().map(|(user, _)| user.to_string());
        Request::Presence(PresenceQuery {
            user_ids: users.collect(),
        })
    }

    pub(super) fn take_presence(&mut self, answer: PresenceAnswer) {
        let online = answer.statuses.into_iter().filter(|(_, online)| *online);
        let online = online.filter_map(|(user, _)| user.parse().ok());
        let chain = self.log.chain();
        self.roster.online = online.filter(|user| chain.is_member(*user)).collect();
        self.out.event_once(Event::MembersChanged);
    }

    /// Without a connection nothing is known of others.
    pub(super) fn nobody_online(&mut self) {
        if !self.roster.online.is_empty() {
            self.roster.online.clear();
            self.out.event_once(Event::MembersChanged);
        }
    }

    pub(super) fn presence_changed(&mut self, user: UserId, online: bool) {
        if !self.log.chain().is_member(user) {
            return;
        }
        let changed = match online {
            true => self.roster.online.insert(user),
            false => self.roster.online.remove(&user),
        };
        if changed {
            self.out.event_once(Event::MembersChanged);
        }
    }

    pub(super) fn take_originals(&mut self, answer: ChannelsAnswer) {
        let chain = self.log.chain();
        let unknown = answer.channels.iter().map(|channel| channel.id);
        let unknown = unknown.filter(|channel| chain.channel(*channel).is_none());
        self.roster.originals = unknown.take(limits::MAX_ORIGINALS).collect();
        self.out.event_once(Event::ChannelsChanged);
    }
}
