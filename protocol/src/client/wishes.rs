//! What the user can ask for.

use alloc::string::String;

use super::Client;
use super::error::{IntentError, SendError};
use super::event::InviteId;
use super::facts::Facts;
use super::intent::{InviteWish, Named, Wish, exists};
use super::views::{Access, History};
use crate::chat;
use crate::crypto::InviteSecret;
use crate::crypto::names::NameSecret;
use crate::ids::{ChannelId, ClientId, EntryHash, Seq, Subject, UserId};
use crate::time::Instant;

impl Client {
    /// Queues a text for a channel, durably, and sends it once that can be done.
    ///
    /// # Errors
    ///
    /// When the text or the channel does not allow it; nothing is queued then.
    pub fn send_message(
        &mut self,
        channel: ChannelId,
        text: &str,
        now: Instant,
    ) -> Result<ClientId, SendError> {
        self.pass(now);
        if !self.is_member() {
            return Err(SendError::NotMember);
        }
        if !exists(self.log.chain(), channel) {
            return Err(match self.roster.originals.contains(&channel) {
                true => SendError::Original,
                false => SendError::NoChannel,
            });
        }
        let unix = self.unix();
        let facts = Facts::of(&self.account, &self.log, &self.keys).ok_or(SendError::NotMember)?;
        let sent = self
            .chat
            .turn(&facts)
            .send_message(channel, text, unix, self.now);
        let client_id = sent.map_err(|error| match error {
            chat::SendError::Empty => SendError::Empty,
            chat::SendError::Forked => SendError::Forked,
            chat::SendError::NotEntitled => SendError::NotInChannel,
            chat::SendError::OutboxFull => SendError::OutboxFull,
            chat::SendError::TooLong { got, max } => SendError::TooLong { got, max },
        })?;
        self.pump();
        Ok(client_id)
    }

    /// Makes a channel, as soon as the log takes it. A private channel has its maker as its first member.
    ///
    /// # Errors
    ///
    /// When the log as it is known here does not allow it.
    pub fn create_channel(
        &mut self,
        name: &str,
        access: Access,
        history: History,
        now: Instant,
    ) -> Result<ChannelId, IntentError> {
        self.pass(now);
        self.as_admin()?;
        let name = self.named(name, None)?;
        let channel = ChannelId::from_random(self.entropy.bytes());
        self.ask(Wish::CreateChannel {
            channel,
            name,
            access,
            history,
        });
        Ok(channel)
    }

    /// Gives a channel another name.
    ///
    /// # Errors
    ///
    /// When the log as it is known here does not allow it.
    pub fn rename_channel(
        &mut self,
        channel: ChannelId,
        name: &str,
        now: Instant,
    ) -> Result<(), IntentError> {
        self.pass(now);
        self.as_admin()?;
        self.known(channel)?;
        let name = self.named(name, Some(channel))?;
        self.ask(Wish::Name {
            subject: Subject::Channel(channel),
            name,
        });
        Ok(())
    }

    /// Deletes a channel with its messages.
    ///
    /// # Errors
    ///
    /// When the log as it is known here does not allow it.
    pub fn delete_channel(&mut self, channel: ChannelId, now: Instant) -> Result<(), IntentError> {
        self.pass(now);
        self.as_admin()?;
        self.known(channel)?;
        self.ask(Wish::DeleteChannel { channel });
        Ok(())
    }

    /// Takes a member of the community into a private channel.
    ///
    /// # Errors
    ///
    /// When the log as it is known here does not allow it.
    pub fn add_to_channel(
        &mut self,
        channel: ChannelId,
        user: UserId,
        now: Instant,
    ) -> Result<(), IntentError> {
        self.pass(now);
        let me = self.as_member()?;
        self.known(channel)?;
        let chain = self.log.chain();
        let state = chain.channel(channel).ok_or(IntentError::NoChannel)?;
        if state.access == Access::Open {
            return Err(IntentError::OpenChannel);
        }
        if !state.has(me) || (state.creator != me && !chain.is_admin(me)) {
            return Err(IntentError::NotAllowed);
        }
        if !chain.is_member(user) {
            return Err(IntentError::NoUser);
        }
        self.ask(Wish::AddToChannel { channel, user });
        Ok(())
    }

    /// Makes an invite for one newcomer; [`Event::InviteReady`](super::Event::InviteReady) brings the link.
    ///
    /// # Errors
    ///
    /// When the log as it is known here does not allow it.
    pub fn create_invite(&mut self, now: Instant) -> Result<InviteId, IntentError> {
        self.pass(now);
        self.as_admin()?;
        let id = u64::from_be_bytes(self.entropy.bytes());
        let secret = *InviteSecret::generate(&mut self.entropy).expose();
        self.ask(Wish::Invite(InviteWish {
            id,
            secret,
            token: None,
            expires: 0,
        }));
        Ok(InviteId(id))
    }

    /// Ends an open invite before its time, and opens a new epoch of everybody's key: whoever has the link neither
    /// joins by it nor reads what is written from then on.
    ///
    /// # Errors
    ///
    /// When no such invite is open, or the log as it is known here does not allow it.
    pub fn revoke_invite(&mut self, invite: EntryHash, now: Instant) -> Result<(), IntentError> {
        self.pass(now);
        self.as_admin()?;
        if self.log.chain().invite(invite).is_none() {
            return Err(IntentError::NoInvite);
        }
        self.ask(Wish::RevokeInvite {
            invite,
            asked: true,
        });
        Ok(())
    }

    /// Vouches for somebody who waits, after the safety numbers were compared.
    ///
    /// # Errors
    ///
    /// When nobody of that id waits, or the log as it is known here does not allow it.
    pub fn vouch(&mut self, user: UserId, now: Instant) -> Result<(), IntentError> {
        self.pass(now);
        self.as_admin()?;
        let record = match self.newcomers.get(&user) {
            Some(newcomer) => newcomer.record.clone(),
            None => return Err(IntentError::NoUser),
        };
        self.ask(Wish::Vouch { user, record });
        Ok(())
    }

    /// Sends a message that failed once more, under the same name.
    pub fn retry_message(&mut self, channel: ChannelId, client_id: ClientId, now: Instant) {
        self.pass(now);
        if let Some(facts) = Facts::of(&self.account, &self.log, &self.keys) {
            self.chat.turn(&facts).retry(channel, client_id, self.now);
        }
        self.pump();
    }

    /// Lets go of a message that failed. Answers its text, for another draft.
    pub fn discard_message(
        &mut self,
        channel: ChannelId,
        client_id: ClientId,
        now: Instant,
    ) -> Option<String> {
        self.pass(now);
        let facts = Facts::of(&self.account, &self.log, &self.keys)?;
        let text = self.chat.turn(&facts).discard(channel, client_id, self.now);
        self.pump();
        text
    }

    /// Goes on in a channel in spite of its forks: nothing more is said of the devices that made them, and sending
    /// starts again.
    pub fn decide_forks(&mut self, channel: ChannelId, now: Instant) {
        self.pass(now);
        if let Some(facts) = Facts::of(&self.account, &self.log, &self.keys) {
            self.chat.turn(&facts).decide_forks(channel, self.now);
        }
        self.pump();
    }

    /// Forgets what the server told of a channel, and begins again with its newest page: after a warning that the
    /// server tells another past. One's own drafts stay.
    pub fn start_over(&mut self, channel: ChannelId, now: Instant) {
        self.pass(now);
        if let Some(facts) = Facts::of(&self.account, &self.log, &self.keys) {
            self.chat.turn(&facts).start_over(channel, self.now);
        }
        self.pump();
    }

    /// Marks a channel as read up to a message.
    pub fn mark_read(&mut self, channel: ChannelId, seq: Seq, now: Instant) {
        self.pass(now);
        self.chat.mark_read(channel, seq, self.now);
        self.pump();
    }

    /// Fetches the page of messages before the oldest one that is here. [`Event::Messages`](super::Event::Messages) or
    /// [`Event::HistoryStart`](super::Event::HistoryStart) follows.
    pub fn load_older(&mut self, channel: ChannelId, now: Instant) {
        self.pass(now);
        if let Some(facts) = Facts::of(&self.account, &self.log, &self.keys) {
            self.chat.turn(&facts).load_older(channel, self.now);
        }
        self.pump();
    }

    fn ask(&mut self, wish: Wish) {
        self.wish(wish);
        self.pump();
    }

    fn as_member(&self) -> Result<UserId, IntentError> {
        let user = self.account.user().filter(|_| self.is_member());
        let user = user.ok_or(IntentError::NotMember)?;
        if self.intents.is_full() {
            return Err(IntentError::TooMany);
        }
        Ok(user)
    }

    fn as_admin(&self) -> Result<UserId, IntentError> {
        let user = self.as_member()?;
        self.log
            .chain()
            .is_admin(user)
            .then_some(user)
            .ok_or(IntentError::NotAdmin)
    }

    fn known(&self, channel: ChannelId) -> Result<(), IntentError> {
        exists(self.log.chain(), channel)
            .then_some(())
            .ok_or(IntentError::NoChannel)
    }

    fn named(&mut self, name: &str, channel: Option<ChannelId>) -> Result<Named, IntentError> {
        let secret = NameSecret::generate(name.trim(), &mut self.entropy);
        let secret = secret.map_err(|_| IntentError::BadName)?;
        if self.is_channel_name_taken(secret.name(), channel) {
            return Err(IntentError::NameTaken);
        }
        Ok(Named::of(&secret))
    }
}
