//! Messages on their way to their place: the connection, what is followed, live messages and their turn.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec::Vec;

use super::accept::{self, Claim, Verdict};
use super::io::{Output, Received, Warning};
use super::place::Placed;
use super::{Turn, opening};
use crate::crypto::transcript;
use crate::ids::{ChannelId, Seq, Transcript};
use crate::wire::base64;

/// The sealed bytes of a message; none if its body is no base64, which an honest server takes from nobody.
pub(super) fn sealed(message: &Received) -> Option<Vec<u8>> {
    base64::decode(&message.body)
}

/// The transcript up to a message: over its sealed bytes, or over what stands in their place.
pub(super) fn transcript_after(
    before: Transcript,
    message: &Received,
    sealed: Option<&[u8]>,
) -> Transcript {
    let body = sealed.unwrap_or(message.body.as_bytes());
    transcript::next(before, message.device, message.client_id, body)
}

impl Turn<'_> {
    pub(super) fn go_online(&mut self) {
        self.disconnect();
        // What the log gave since the hello was said was not in it.
        let resumed = core::mem::take(&mut self.chat.resumed);
        for channel in self.chat.channels.values_mut() {
            channel.broken = false;
            channel.unsure = channel.followed && !resumed.contains(&channel.id);
        }
        self.chat.online = true;
        self.follow();
        let awaits = self
            .chat
            .channels
            .values()
            .any(|channel| channel.awaits_log);
        if awaits || !self.chat.unjudged.is_empty() {
            self.want_log();
        }
    }

    pub(super) fn go_offline(&mut self) {
        self.chat.online = false;
        self.disconnect();
    }

    /// Forgets what is on its way: nobody will answer it.
    fn disconnect(&mut self) {
        self.chat.fetches.clear();
        self.chat.in_flight.clear();
        self.chat.wanted.clear();
        self.chat.log_wanted = false;
        self.chat.log_asked = None;
        for channel in self.chat.channels.values_mut() {
            channel.disconnect();
        }
    }

    /// Looks at the facts anew: which channels to follow, what waited for the log, what can be opened and sent.
    pub(super) fn follow(&mut self) {
        let followed: BTreeSet<_> = self.context.channels().into_iter().collect();
        for id in &followed {
            self.chat.channel(*id);
        }
        let online = self.chat.online;
        for channel in self.chat.channels.values_mut() {
            let follows = followed.contains(&channel.id);
            // No hello has resumed it, and while it was not followed nothing of it was sent here.
            channel.unsure |= online && follows && !channel.followed;
            channel.followed = follows;
        }
        self.fail_unfollowed();
        opening::refresh(self);
        let ids: Vec<_> = self.chat.channels.keys().copied().collect();
        for id in ids {
            self.advance(id, None);
        }
    }

    /// The log reaches as far as the server had it when it was asked for: who still waits since before waits in vain.
    pub(super) fn take_log_read(&mut self) {
        let Some(asked) = self.chat.log_asked.take() else {
            return;
        };
        self.chat.log_wanted = false;
        opening::judge_waiting(self, Some(asked));
        let ids: Vec<_> = self.chat.channels.keys().copied().collect();
        for id in ids {
            self.rest_if_stale(id);
            self.advance(id, Some(asked));
        }
    }

    pub(super) fn receive(&mut self, id: ChannelId, message: Received) {
        let stamp = self.chat.stamp();
        let Some(channel) = self.chat.channels.get_mut(&id) else {
            return;
        };
        if !channel.followed || channel.broken {
            return;
        }
        // spec 8.7
        let kept = channel.messages.get(&message.seq);
        if kept.is_some_and(|kept| {
            (kept.device, kept.client_id) != (message.device, message.client_id)
        }) {
            self.break_off(id, message.seq);
            return;
        }
        channel.hold(message, stamp);
        self.advance(id, None);
    }

    pub(super) fn take_lag(&mut self, channels: &BTreeMap<ChannelId, Seq>) {
        for (id, seq) in channels {
            if let Some(channel) = self.chat.channels.get_mut(id) {
                channel.last_known = channel.last_known.max(*seq);
                self.advance(*id, None);
            }
        }
    }

    /// Takes a channel as far as it goes now: judges what has its turn, asks for what is missing, sends what waits.
    pub(super) fn advance(&mut self, id: ChannelId, log_read: Option<u64>) {
        self.judge_held(id, log_read);
        self.judge_older(id, log_read);
        self.settle_acked(id);
        self.trim(id);
        self.pursue(id);
        self.pump(id);
    }

    /// Judges the held messages whose turn it is, each once and in order (spec 8.5).
    fn judge_held(&mut self, id: ChannelId, log_read: Option<u64>) {
        loop {
            let Some(channel) = self.chat.channels.get_mut(&id) else {
                return;
            };
            let (Some(end), Some(held)) = (channel.end(), channel.next_held()) else {
                break;
            };
            let sealed = sealed(&held.message);
            let claim = Claim {
                seq: held.message.seq,
                device: held.message.device,
                client_id: held.message.client_id,
                sealed: sealed.as_deref(),
            };
            let read = log_read.is_some_and(|asked| held.stamp <= asked);
            let verdict = accept::judge(claim, channel, self.context, read);
            let Verdict::Keep { user, body, seen } = verdict else {
                channel.awaits_log = true;
                self.want_log();
                return;
            };
            let transcript = transcript_after(end.transcript, &held.message, sealed.as_deref());
            let Some(held) = channel.held.remove(&end.seq.next()) else {
                return;
            };
            self.place(id, Placed::new(&held.message, transcript, user, body), seen);
        }
        if let Some(channel) = self.chat.channels.get_mut(&id)
            && let Some(end) = channel.end()
        {
            channel.awaits_log = false;
            channel.held = channel.held.split_off(&end.seq.next());
        }
    }

    /// Rests a channel of which the server tells another past than before.
    pub(super) fn break_off(&mut self, id: ChannelId, seq: Seq) {
        if let Some(channel) = self.chat.channels.get_mut(&id) {
            channel.broken = true;
            channel.awaits_log = false;
            channel.held.clear();
            let channel = id;
            self.chat.out.warn(Warning::OtherHistory { channel, seq });
        }
    }

    pub(super) fn want_log(&mut self) {
        if self.chat.online && !core::mem::replace(&mut self.chat.log_wanted, true) {
            self.chat.out.push(Output::WantLog);
        }
    }

    pub(super) fn wake(&mut self) {
        if !self.chat.online {
            return;
        }
        let now = self.chat.now;
        let mut due = Vec::new();
        for channel in self.chat.channels.values_mut() {
            if channel.due().is_some_and(|at| at <= now) {
                channel.wake(now);
                due.push(channel.id);
            }
        }
        for id in due {
            self.pursue(id);
            self.pump(id);
        }
    }
}
