//! Putting a judged message into its place, and what follows from it.

use super::io::{Event, Received, Warning};
use super::message::{Body, Message, Refused, Signed};
use super::{Turn, records};
use crate::crypto::message::Seen;
use crate::ids::{ChannelId, DeviceId, Seq, Transcript, UserId};
use crate::time::Instant;

/// A judged message.
#[derive(Debug)]
pub(super) struct Placed(pub(super) Message);

impl Placed {
    pub(super) fn new(
        message: &Received,
        transcript: Transcript,
        user: Option<UserId>,
        body: Body,
    ) -> Self {
        Self(Message {
            seq: message.seq,
            message_id: message.message_id,
            user,
            device: message.device,
            client_id: message.client_id,
            sent_at: message.sent_at,
            transcript,
            body,
        })
    }
}

impl Turn<'_> {
    /// Keeps a judged message, durably, and says what it means for others.
    pub(super) fn place(&mut self, id: ChannelId, placed: Placed, seen: Option<Seen>) {
        let message = placed.0;
        let (seq, device, user) = (message.seq, message.device, message.user);
        if let Body::Locked { epoch, .. } = message.body {
            let locked = self.chat.locked.entry((id, epoch)).or_default();
            locked.insert(seq);
            self.want_key(id, epoch);
        }
        if let Some(signed) = message.body.signed() {
            self.displace(id, &message, signed);
        }
        if let (Some(user), Body::Refused(Refused::Fork)) = (user, &message.body) {
            self.name_fork(id, seq, user, message.device);
        }
        if device == self.context.device() && message.body.signed().is_some() {
            self.settle(id, message.client_id, seq, message.message_id);
        }
        let Some(channel) = self.chat.channels.get_mut(&id) else {
            return;
        };
        self.chat.out.persist(records::put_message(id, &message));
        self.chat.out.touch(id, seq);
        channel.keep(message);

        // spec 8.12
        let (Some(seen), Some(user)) = (seen, user) else {
            return;
        };
        let here = channel.transcript_at(seen.seq);
        let unlike = seen.seq >= seq || here.is_some_and(|here| here != seen.transcript);
        if unlike && channel.warned.insert(device) {
            self.chat.out.warn(Warning::OtherTranscript {
                channel: id,
                seq,
                user,
                device,
            });
        }
    }

    /// Refuses messages that were judged before this one, which stands in front of them: a device's later messages
    /// give way to its earlier ones, in whichever order they came here (spec 8.10).
    fn displace(&mut self, id: ChannelId, message: &Message, signed: Signed) {
        let Some(channel) = self.chat.channels.get_mut(&id) else {
            return;
        };
        for (seq, reason) in channel.displaced(message, signed) {
            if let Some(later) = channel.refuse(seq, reason) {
                self.chat.out.persist(records::put_message(id, later));
                self.chat.out.touch(id, seq);
            }
        }
    }

    /// Names a fork once for each device, and stops sending until the user decides (spec 8.11).
    fn name_fork(&mut self, id: ChannelId, seq: Seq, user: UserId, device: DeviceId) {
        let Some(channel) = self.chat.channels.get_mut(&id) else {
            return;
        };
        if channel.forks.contains_key(&device) {
            return;
        }
        channel.forks.insert(device, false);
        self.chat.out.persist(records::put_device(channel, device));
        self.chat.out.warn(Warning::Fork {
            channel: id,
            seq,
            user,
            device,
        });
    }

    /// Lets go of what is too much (spec 8.18).
    pub(super) fn trim(&mut self, id: ChannelId) {
        let Some(channel) = self.chat.channels.get_mut(&id) else {
            return;
        };
        let trimmed = channel.trim();
        if trimmed.messages.is_empty() {
            return;
        }
        for seq in &trimmed.messages {
            self.chat.out.persist(records::delete_message(id, *seq));
            self.chat.unjudged.remove(&(id, *seq));
        }
        for device in &trimmed.devices {
            self.chat.out.persist(records::put_device(channel, *device));
        }
        self.chat.out.persist(records::put_channel(channel));
        self.chat.locked.retain(|(channel, _), seqs| {
            if *channel == id {
                seqs.retain(|seq| !trimmed.messages.contains(seq));
            }
            !seqs.is_empty()
        });
    }

    /// The user goes on in spite of the forks of a channel: nothing more is said of the devices that made them, and
    /// sending starts again.
    pub fn decide_forks(&mut self, id: ChannelId, now: Instant) {
        self.chat.pass(now);
        if let Some(channel) = self.chat.channels.get_mut(&id) {
            for device in channel.decide() {
                self.chat.out.persist(records::put_device(channel, device));
            }
        }
        self.pump(id);
        self.chat.out.flush();
    }

    /// Forgets what the server told of a channel, and begins again with its newest page: after a warning that the
    /// server tells another past. Drafts and decisions stay.
    pub fn start_over(&mut self, id: ChannelId, now: Instant) {
        self.chat.pass(now);
        if let Some(channel) = self.chat.channels.get_mut(&id) {
            for seq in channel.messages.keys() {
                self.chat.out.persist(records::delete_message(id, *seq));
            }
            for device in channel.devices_marked() {
                self.chat.out.persist(records::delete_device(id, device));
            }
            channel.forget();
            for device in channel.forks.keys() {
                self.chat.out.persist(records::put_device(channel, *device));
            }
            self.chat.out.persist(records::put_channel(channel));
            self.chat.out.event(Event::Messages {
                channel: id,
                from: Seq(0),
            });
            self.chat.fetches.retain(|_, (channel, _)| *channel != id);
            self.chat.locked.retain(|(channel, _), _| *channel != id);
            self.chat.unjudged.retain(|(channel, _), _| *channel != id);
        }
        self.pursue(id);
        self.chat.out.flush();
    }
}
