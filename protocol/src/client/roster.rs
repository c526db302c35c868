//! What the server alone says: who is connected, and which channels of the original system there are.

use alloc::collections::BTreeSet;
use alloc::string::ToString;
use alloc::vec::Vec;

use super::Client;
use super::chores::Chore;
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
    /// The users of the question that is on its way.
    asked: Vec<UserId>,
    /// The last user who was asked for, while there are more.
    asked_to: Option<UserId>,
    /// Somebody joined who may come before those that are still to be asked for.
    again: bool,
    pub(super) originals: Vec<ChannelId>,
}

impl Roster {
    pub(super) fn is_online(&self, user: UserId) -> bool {
        self.online.contains(&user)
    }
}

impl Client {
    /// Asks about the next members, as many as one question may name.
    pub(super) fn presence_request(&mut self) -> Request {
        if self.roster.asked_to.is_none() {
            self.roster.again = false;
        }
        let users = self.log.chain().users().map(|(user, _)| user);
        self.roster.asked = after(self.roster.asked_to, users);
        Request::Presence(PresenceQuery {
            user_ids: self.roster.asked.iter().map(UserId::to_string).collect(),
        })
    }

    pub(super) fn take_presence(&mut self, answer: &PresenceAnswer) {
        let asked = core::mem::take(&mut self.roster.asked);
        self.roster.asked_to = last_of(&asked);
        if self.roster.asked_to.is_some() || self.roster.again {
            self.chores.want(Chore::Presence);
        }
        for user in asked {
            match answer.statuses.get(&user.to_string()) {
                Some(true) => self.roster.online.insert(user),
                Some(false) | None => self.roster.online.remove(&user),
            };
        }
        self.out.event_once(Event::MembersChanged);
    }

    /// A member came: it is asked for, too.
    pub(super) fn presence_wanted(&mut self) {
        self.roster.again = true;
        self.want_as_member(Chore::Presence);
    }

    /// Without a connection nothing is known of others.
    pub(super) fn nobody_online(&mut self) {
        self.roster.asked_to = None;
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

/// The users of the next question: those after `last`, in the order of their ids.
fn after(last: Option<UserId>, users: impl Iterator<Item = UserId>) -> Vec<UserId> {
    users
        .filter(|user| last.is_none_or(|last| *user > last))
        .take(limits::MAX_PRESENCE_IDS)
        .collect()
}

/// The last user of a question after which there may be more.
fn last_of(asked: &[UserId]) -> Option<UserId> {
    asked
        .last()
        .copied()
        .filter(|_| asked.len() >= limits::MAX_PRESENCE_IDS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_member_is_asked_for_once() {
        for many in [0, 1, 999, 1000, 1001, 2000, 2500] {
            let users = (0..many).map(|number: u128| UserId(number.to_be_bytes()));
            let mut asked = Vec::new();
            let mut last = None;
            loop {
                let question = after(last, users.clone());
                assert!(question.len() <= limits::MAX_PRESENCE_IDS);
                last = last_of(&question);
                asked.extend(question);
                if last.is_none() {
                    break;
                }
            }
            assert_eq!(asked, users.collect::<Vec<_>>());
        }
    }
}
