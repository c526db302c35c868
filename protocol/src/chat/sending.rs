//! Messages of one's own on their way out: durable first, then sealed and sent, and sent again until the server has
//! them.

use alloc::string::String;
use alloc::vec::Vec;

use super::content::encode_text;
use super::context::KeyStatus;
use super::fetch::delay;
use super::io::{Event, Refusal, Transmit, Warning};
use super::message::{Delivery, Draft, SendError, SendFailure};
use super::outbox::Sealed;
use super::{Turn, records};
use crate::crypto::message::{self, Address, Plain, Seen};
use crate::ids::{ChannelId, ClientId, Epoch, MessageId, Seq};
use crate::limits::{ACK_TIMEOUT, MAX_IN_FLIGHT, MAX_OUTBOX_MESSAGES, MAX_TEXT_BYTES};
use crate::time::{Instant, UnixMillis};
use crate::wire::base64;

impl Turn<'_> {
    /// Queues a text, durably, and sends it as soon as that can be done. `unix` is what the wall clock shows.
    ///
    /// # Errors
    ///
    /// When the text or the channel does not allow it; nothing is queued then.
    pub fn send_message(
        &mut self,
        id: ChannelId,
        text: &str,
        unix: UnixMillis,
        now: Instant,
    ) -> Result<ClientId, SendError> {
        if text.is_empty() {
            return Err(SendError::Empty);
        }
        if text.len() > MAX_TEXT_BYTES {
            return Err(SendError::TooLong {
                got: text.len(),
                max: MAX_TEXT_BYTES,
            });
        }
        let channel = self.chat.channels.get_mut(&id);
        let channel = channel.filter(|channel| channel.followed);
        let channel = channel.ok_or(SendError::NotEntitled)?;
        if channel.forked() {
            return Err(SendError::Forked);
        }
        if channel.outbox.entries.len() >= MAX_OUTBOX_MESSAGES {
            return Err(SendError::OutboxFull);
        }
        let client_id = ClientId::from_random(self.chat.entropy.bytes());
        channel.outbox.push(Draft {
            client_id,
            text: text.into(),
            written_at: unix,
            delivery: Delivery::Sending,
        });
        self.chat.pass(now);
        self.persist_draft(id, client_id);
        self.pump(id);
        self.chat.out.flush();
        Ok(client_id)
    }

    /// Tries a failed message again, under the same name: it cannot come to stand twice.
    pub fn retry(&mut self, id: ChannelId, client_id: ClientId, now: Instant) {
        self.chat.pass(now);
        let channel = self.chat.channels.get_mut(&id);
        if let Some((_, entry)) = channel.and_then(|channel| channel.outbox.find(client_id))
            && matches!(entry.draft.delivery, Delivery::Failed(_))
        {
            entry.draft.delivery = Delivery::Sending;
            entry.sealed = None;
            entry.stale = None;
            self.persist_draft(id, client_id);
            self.pump(id);
        }
        self.chat.out.flush();
    }

    /// Lets go of a failed message. Answers its text.
    pub fn discard(&mut self, id: ChannelId, client_id: ClientId, now: Instant) -> Option<String> {
        self.chat.pass(now);
        let channel = self.chat.channels.get_mut(&id)?;
        let (number, entry) = channel.outbox.find(client_id)?;
        if !matches!(entry.draft.delivery, Delivery::Failed(_)) {
            return None;
        }
        let entry = channel.outbox.entries.remove(&number)?;
        self.chat.out.persist(records::delete_draft(id, number));
        self.chat.out.flush();
        Some(entry.draft.text)
    }

    /// Sends what waits, in the order in which it was written, as far as the window allows (spec 8.15).
    pub(super) fn pump(&mut self, id: ChannelId) {
        let Some(channel) = self.chat.channels.get(&id) else {
            return;
        };
        if !self.chat.online || !channel.followed || channel.forked() {
            return;
        }
        let outbox = &channel.outbox;
        if outbox.pause.is_some() {
            return;
        }
        let room = MAX_IN_FLIGHT.saturating_sub(outbox.in_flight());
        for number in outbox.waiting().take(room).collect::<Vec<_>>() {
            if self.send(id, number).is_none() {
                return;
            }
        }
    }

    /// Sends one draft; none if that cannot be done now.
    fn send(&mut self, id: ChannelId, number: u64) -> Option<()> {
        let epoch = self.context.open_epoch(id)?;
        let channel = self.chat.channels.get(&id)?;
        let entry = channel.outbox.entries.get(&number)?;
        if entry.stale == Some(epoch) {
            return None;
        }
        let floor = channel.newest_head(self.context.device());
        let floor = floor.max(channel.outbox.sealed_head);
        let fits = |sealed: &Sealed| sealed.epoch == epoch && sealed.head >= floor;
        if !entry.sealed.as_ref().is_some_and(fits) {
            // An earlier draft that is on its way names an earlier head, and may arrive late: it must not come to
            // stand behind one that names a later head.
            let head = self.context.head()?.index;
            if channel.outbox.names_earlier(number, epoch, head) {
                return None;
            }
            self.seal(id, number, epoch)?;
        }
        let channel = self.chat.channels.get_mut(&id)?;
        let entry = channel.outbox.entries.get_mut(&number)?;
        entry.stale = None;
        entry.in_flight = Some(self.chat.now + ACK_TIMEOUT);
        let client_id = entry.draft.client_id;
        self.chat.in_flight.insert(client_id, id);
        self.chat.out.transmit(Transmit::Send {
            channel: id,
            client_id,
            body: base64::encode(&entry.sealed.as_ref()?.bytes),
        });
        Some(())
    }

    /// Seals a draft in an epoch, durably; none if that cannot be done now (spec 8.16).
    fn seal(&mut self, id: ChannelId, number: u64, epoch: Epoch) -> Option<()> {
        let group = self.context.group_of(id)?;
        let KeyStatus::Held(key) = self.context.key(group, epoch) else {
            self.want_key(id, epoch);
            return None;
        };
        let channel = self.chat.channels.get_mut(&id)?;
        let seen = channel.end().map_or_else(Seen::default, |end| Seen {
            seq: end.seq,
            transcript: end.transcript,
        });
        let entry = channel.outbox.entries.get_mut(&number)?;
        let address = Address {
            community: self.context.community(),
            channel: id,
            epoch,
            user: self.context.user(),
            device: self.context.device(),
            client_id: entry.draft.client_id,
        };
        let head = self.context.head()?;
        let plain = Plain {
            content: encode_text(&entry.draft.text),
            head,
            seen,
        };
        let secret = self.context.secret();
        let bytes = message::seal(&address, &plain, key, secret, &mut self.chat.entropy).ok()?;
        let head = head.index;
        entry.sealed = Some(Sealed { head, epoch, bytes });
        let put = records::put_draft(id, number, entry);
        channel.outbox.sealed_head = channel.outbox.sealed_head.max(head);
        self.chat.out.persist(put);
        Some(())
    }

    pub(super) fn take_ack(
        &mut self,
        id: ChannelId,
        client_id: ClientId,
        seq: Seq,
        message_id: MessageId,
    ) {
        self.chat.in_flight.remove(&client_id);
        let Some(channel) = self.chat.channels.get_mut(&id) else {
            return;
        };
        let Some((_, entry)) = channel.outbox.find(client_id) else {
            return;
        };
        entry.in_flight = None;
        if !matches!(entry.draft.delivery, Delivery::Acked(_)) {
            entry.draft.delivery = Delivery::Acked(seq);
            channel.last_known = channel.last_known.max(seq);
            channel.outbox.failures = 0;
            self.persist_draft(id, client_id);
            self.chat.out.event(Event::Acked {
                channel: id,
                client_id,
                seq,
                message_id,
            });
        }
        self.advance(id, None);
    }

    pub(super) fn take_refusal(&mut self, client_id: ClientId, reason: Refusal) {
        let Some(id) = self.chat.in_flight.remove(&client_id) else {
            return;
        };
        let Some(channel) = self.chat.channels.get_mut(&id) else {
            return;
        };
        let outbox = &mut channel.outbox;
        let Some((number, entry)) = outbox.find(client_id) else {
            return;
        };
        entry.in_flight = None;
        match reason {
            Refusal::Busy => self.rest(id),
            Refusal::StaleEpoch => {
                entry.stale = entry.sealed.take().map(|sealed| sealed.epoch);
                self.want_log();
            }
            Refusal::Malformed => self.fail(id, number, SendFailure::Malformed),
            Refusal::NoChannel => self.fail(id, number, SendFailure::NoChannel),
            Refusal::NotEntitled => self.fail(id, number, SendFailure::NotEntitled),
        }
        self.pump(id);
    }

    /// Sends nothing to a channel for a while.
    fn rest(&mut self, id: ChannelId) {
        if let Some(channel) = self.chat.channels.get_mut(&id) {
            let outbox = &mut channel.outbox;
            let wait = delay(outbox.failures, &mut self.chat.entropy);
            outbox.pause = Some(self.chat.now + wait);
            outbox.failures = outbox.failures.saturating_add(1);
        }
    }

    /// The server called an epoch stale, and its log says that it is open: it is asked again, but not at once.
    pub(super) fn rest_if_stale(&mut self, id: ChannelId) {
        let Some(epoch) = self.context.open_epoch(id) else {
            return;
        };
        let Some(channel) = self.chat.channels.get_mut(&id) else {
            return;
        };
        let mut stuck = false;
        for entry in channel.outbox.entries.values_mut() {
            if entry.stale == Some(epoch) {
                entry.stale = None;
                stuck = true;
            }
        }
        if stuck {
            self.rest(id);
        }
    }

    /// Takes a message of one's own out of the outbox: it stands in its place (spec 8.17).
    pub(super) fn settle(
        &mut self,
        id: ChannelId,
        client_id: ClientId,
        seq: Seq,
        message_id: MessageId,
    ) {
        let Some(channel) = self.chat.channels.get_mut(&id) else {
            return;
        };
        let Some((number, entry)) = channel.outbox.find(client_id) else {
            return;
        };
        let told = matches!(entry.draft.delivery, Delivery::Acked(_));
        channel.outbox.entries.remove(&number);
        self.chat.in_flight.remove(&client_id);
        self.chat.out.persist(records::delete_draft(id, number));
        if !told {
            self.chat.out.event(Event::Acked {
                channel: id,
                client_id,
                seq,
                message_id,
            });
        }
    }

    /// Looks after drafts that were confirmed under a number that is processed, and do not stand there.
    pub(super) fn settle_acked(&mut self, id: ChannelId) {
        let Some(channel) = self.chat.channels.get_mut(&id) else {
            return;
        };
        let Some(anchor) = channel.anchor else {
            return;
        };
        for (number, seq) in channel.outbox.acked_up_to(channel.last_seq()) {
            if seq > anchor.seq {
                let channel = id;
                self.chat.out.warn(Warning::BrokenAck { channel, seq });
                self.fail(id, number, SendFailure::Lost);
            } else if let Some(channel) = self.chat.channels.get_mut(&id) {
                // It stands in the past that is not kept.
                channel.outbox.entries.remove(&number);
                self.chat.out.persist(records::delete_draft(id, number));
            }
        }
    }

    /// Fails what waits in channels that this device may not write to any more.
    pub(super) fn fail_unfollowed(&mut self) {
        let unfollowed = self.chat.channels.values().filter(|c| !c.followed);
        let stranded: Vec<_> = unfollowed
            .flat_map(|channel| channel.outbox.sending().map(|number| (channel.id, number)))
            .collect();
        for (id, number) in stranded {
            self.fail(id, number, SendFailure::NotEntitled);
        }
    }

    fn fail(&mut self, id: ChannelId, number: u64, reason: SendFailure) {
        let channel = self.chat.channels.get_mut(&id);
        let entry = channel.and_then(|channel| channel.outbox.entries.get_mut(&number));
        let Some(entry) = entry else {
            return;
        };
        let client_id = entry.draft.client_id;
        entry.draft.delivery = Delivery::Failed(reason);
        entry.in_flight = None;
        self.chat.in_flight.remove(&client_id);
        self.chat.out.persist(records::put_draft(id, number, entry));
        self.chat.out.event(Event::SendFailed {
            channel: id,
            client_id,
            reason,
        });
    }

    fn persist_draft(&mut self, id: ChannelId, client_id: ClientId) {
        if let Some(channel) = self.chat.channels.get_mut(&id)
            && let Some((number, entry)) = channel.outbox.find(client_id)
        {
            let put = records::put_draft(id, number, entry);
            self.chat.out.persist(put);
        }
    }
}
