//! What follows from the log: reading it on, and everything that depends on it.

use alloc::vec::Vec;
use core::time::Duration;

use super::Client;
use super::account::Plan;
use super::chores::{Chore, jitter};
use super::event::{Event, Refusal, Warning};
use super::facts::key_context;
use super::intent::{Named, Wish};
use super::io::{HttpAnswer, LinkFailure};
use super::log::Broken;
use crate::chat;
use crate::crypto::names::NameSecret;
use crate::ids::{DeviceId, GroupId, Subject};
use crate::keys;
use crate::limits;
use crate::machine::Machine;
use crate::sigchain::Effect;
use crate::wire::cbor;
use crate::wire::chain::ChainPage;

impl Client {
    /// The answer to reading the log on.
    pub(super) fn log_answered(&mut self, from: u64, result: Result<HttpAnswer<'_>, LinkFailure>) {
        match result {
            Ok(HttpAnswer { status: 200, body }) => match cbor::decode::<ChainPage>(body) {
                Ok(page) => {
                    self.chores.done(Chore::Log);
                    if self.log_page(from, &page) {
                        self.tell_chat(chat::Input::LogRead);
                    }
                }
                Err(_) => {
                    self.out.warn(Warning::Garbled);
                    self.chores.failed(Chore::Log, self.now);
                }
            },
            Ok(_) | Err(_) => self.chores.failed(Chore::Log, self.now),
        }
    }

    /// Takes in a stretch of the server's log. Says whether the log is as long here now as it was there.
    pub(super) fn log_page(&mut self, from: u64, page: &ChainPage) -> bool {
        let before = self.log.next_index();
        let (effects, result) = self.log.read(from, page, &mut self.out);
        self.log_moved(&effects);
        match result {
            Ok(true) => {
                self.log_complete();
                true
            }
            Ok(false) => {
                if self.log.next_index() == before {
                    // What brings nothing while more is promised must not be asked for in a tight circle.
                    self.chores.failed(Chore::Log, self.now);
                } else {
                    self.chores.want(Chore::Log);
                }
                false
            }
            Err(Broken::Ends(warning)) => {
                self.out.warn(warning);
                self.log_complete();
                true
            }
            Err(Broken::Other(warning)) => {
                self.out.warn(warning);
                self.refuse_server();
                false
            }
        }
    }

    /// The log is as long here as at the server.
    fn log_complete(&mut self) {
        self.log_is_right();
        self.settle_flight(false);
        match &self.account.plan {
            Plan::Found => self.wish(Wish::Found),
            Plan::Join { invite, .. } => {
                let invite = *invite;
                self.join_if_right(invite);
            }
            Plan::AskVouch if self.log.chain().head().is_none() => {
                self.out.event(Event::IntentRefused {
                    intent: self.account.plan.intent(),
                    reason: Refusal::NotFounded,
                });
                self.refuse_server();
            }
            Plan::AskVouch => self.chores.want(Chore::PostPending),
            Plan::Member => self.keep_order(),
        }
        if !self.intents.is_empty() {
            self.chores.want(Chore::Append);
        }
    }

    /// The log grew: everything that depends on it looks again.
    pub(super) fn log_moved(&mut self, effects: &[Effect]) {
        if let Some(context) = key_context(&self.account, &self.log) {
            let _ = self
                .keys
                .handle_input(keys::Input::LogMoved { context }, self.now);
        }
        if effects.is_empty() {
            return;
        }
        self.become_member();
        self.watch_over_voice();
        self.tell_chat(chat::Input::LogMoved);
        self.let_chat_work();
        self.names
            .reopen(self.log.chain(), &self.keys, &mut self.out);
        for effect in effects {
            match effect {
                Effect::NameSet { .. } => self.want_as_member(Chore::Names),
                Effect::EpochOpened { .. } => self.want_as_member(Chore::Envelopes),
                Effect::UserJoined { user } => {
                    self.newcomers.remove(user);
                    self.presence_wanted();
                }
                Effect::DeviceAdded { .. } | Effect::RoleSet { .. } => {
                    if self.account.plan == Plan::AskVouch {
                        self.chores.want(Chore::PostPending);
                    }
                }
                Effect::UserRemoved { .. }
                | Effect::DeviceRevoked { .. }
                | Effect::InviteOpened { .. }
                | Effect::InviteClosed { .. }
                | Effect::ChannelCreated { .. }
                | Effect::ChannelDeleted { .. }
                | Effect::MemberAdded { .. }
                | Effect::MemberRemoved { .. }
                | Effect::EpochClosed { .. } => {}
            }
        }
        self.out.event_once(Event::ChannelsChanged);
        self.out.event_once(Event::MembersChanged);
    }

    /// The log shows this device: whatever the plan was, it is done.
    fn become_member(&mut self) {
        let Some(device) = self.account.device() else {
            return;
        };
        let own = self.account.secret.public().sign;
        let known = self.log.chain().device(device);
        if self.account.plan == Plan::Member || known.is_none_or(|it| it.record.sign != own) {
            return;
        }
        self.account.plan = Plan::Member;
        self.account.persist(&mut self.out);
        self.out.event(Event::StandingChanged);
        self.want_all();
        self.tell_joined();
    }

    /// Says once that this account is a member and can read, and sees to its name. A program that died in between has
    /// said so, and may still be without a name.
    pub(super) fn tell_joined(&mut self) {
        if !self.can_read() {
            return;
        }
        if !self.joined {
            self.joined = true;
            self.out.event(Event::Joined);
        }
        self.name_self();
    }

    /// Whether this account is a member and holds the key of everybody.
    pub(super) fn can_read(&self) -> bool {
        let chain = self.log.chain();
        let newest = chain.group(GroupId::Open).and_then(|group| group.epoch());
        self.account.plan == Plan::Member
            && newest.is_some_and(|epoch| self.keys.get(GroupId::Open, epoch).is_some())
    }

    /// Whoever came without its name's key commits to its name now.
    fn name_self(&mut self) {
        let Some(user) = self.account.user() else {
            return;
        };
        let subject = Subject::User(user);
        if self.log.chain().name_commitment(subject).is_some() {
            return;
        }
        if let Ok(secret) = NameSecret::generate(&self.account.username, &mut self.entropy) {
            self.wish(Wish::Name {
                subject,
                name: Named::of(&secret),
            });
        }
    }

    /// What a member does without being asked: an admin ends invites that expired (spec 9.45).
    fn keep_order(&mut self) {
        self.tell_joined();
        if self
            .account
            .user()
            .is_some_and(|user| self.log.chain().is_admin(user))
        {
            self.revoke_expired();
            self.chores.want(Chore::Pending);
        }
    }

    /// Ends invites that expired, and looks when the next one does.
    pub(super) fn revoke_expired(&mut self) {
        let now = self.unix();
        let invites = self.log.chain().invites();
        let expired: Vec<_> = invites
            .filter(|(_, it)| it.expires <= now)
            .map(|(invite, _)| invite)
            .collect();
        for invite in expired {
            self.wish(Wish::RevokeInvite {
                invite,
                asked: false,
            });
            let [random] = self.entropy.bytes();
            self.chores.want_at(
                Chore::Append,
                self.now + jitter(limits::APPEND_PAUSE, random),
            );
        }
        let open = self.log.chain().invites().map(|(_, it)| it.expires);
        let next = open.filter(|expires| *expires > now).min();
        self.expiry = next.map(|next| {
            let wait = Duration::from_millis(next.0.saturating_sub(now.0));
            self.now + wait
        });
    }

    pub(super) fn want_as_member(&mut self, chore: Chore) {
        if self.account.plan == Plan::Member {
            self.chores.want(chore);
        }
    }

    /// Whether the log shows this device as one that may act.
    pub(super) fn is_member(&self) -> bool {
        let valid = |device: DeviceId| {
            self.log
                .chain()
                .device(device)
                .is_some_and(|device| device.span.is_open())
        };
        self.account.plan == Plan::Member && self.account.device().is_some_and(valid)
    }
}
