//! Kept messages whose key was missing, opened in their place once it comes.

use alloc::vec::Vec;

use super::accept::{self, Claim, Verdict};
use super::context::KeyStatus;
use super::io::Output;
use super::message::{Body, Message};
use super::place::Placed;
use super::{Chat, Turn};
use crate::ids::{ChannelId, Epoch, GroupId, Seq};

/// Finds the locked messages after a restore.
pub(super) fn index_locked(chat: &mut Chat) {
    for channel in chat.channels.values() {
        for message in channel.messages.values() {
            if let Body::Locked { epoch, .. } = message.body {
                let locked = chat.locked.entry((channel.id, epoch)).or_default();
                locked.insert(message.seq);
            }
        }
    }
}

/// Opens what can be opened now, and asks for the keys that are missing.
pub(super) fn refresh(turn: &mut Turn<'_>) {
    let locked: Vec<_> = turn.chat.locked.keys().copied().collect();
    for (id, epoch) in locked {
        let Some(group) = turn.context.group_of(id) else {
            continue;
        };
        match turn.context.key(group, epoch) {
            KeyStatus::Held(_) => unlock(turn, id, epoch),
            KeyStatus::Missing => turn.want_key(id, epoch),
            KeyStatus::BeforeJoin | KeyStatus::Unknown => {}
        }
    }
    judge_waiting(turn, None);
}

/// Judges again what needed more of the log than was known. `log_read`: what came before that moment waits no more.
pub(super) fn judge_waiting(turn: &mut Turn<'_>, log_read: Option<u64>) {
    let waiting: Vec<_> = turn.chat.unjudged.iter().map(|(k, v)| (*k, *v)).collect();
    for ((id, seq), stamp) in waiting {
        judge_again(turn, id, seq, log_read.is_some_and(|asked| stamp <= asked));
    }
}

/// Opens the messages of a channel that waited for the key of an epoch.
fn unlock(turn: &mut Turn<'_>, id: ChannelId, epoch: Epoch) {
    for seq in turn.chat.locked.remove(&(id, epoch)).unwrap_or_default() {
        judge_again(turn, id, seq, false);
    }
}

fn judge_again(turn: &mut Turn<'_>, id: ChannelId, seq: Seq, log_read: bool) {
    let Some(channel) = turn.chat.channels.get(&id) else {
        return;
    };
    let Some(message) = channel.messages.get(&seq) else {
        return;
    };
    let Body::Locked { sealed, .. } = &message.body else {
        return;
    };
    let claim = Claim {
        seq,
        device: message.device,
        client_id: message.client_id,
        sealed: Some(sealed),
    };
    match accept::judge(claim, channel, turn.context, log_read) {
        Verdict::AwaitLog => {
            let stamp = turn.chat.arrivals;
            turn.chat.unjudged.entry((id, seq)).or_insert(stamp);
            turn.want_log();
        }
        Verdict::Keep { user, body, seen } => {
            let message = Message {
                user,
                body,
                ..message.clone()
            };
            turn.chat.unjudged.remove(&(id, seq));
            turn.place(id, Placed(message), seen);
        }
    }
}

impl Turn<'_> {
    pub(super) fn take_key(&mut self, group: GroupId, epoch: Epoch) {
        let locked: Vec<_> = self.chat.locked.keys().copied().collect();
        for (id, of) in locked {
            if of == epoch && self.context.group_of(id) == Some(group) {
                unlock(self, id, epoch);
            }
        }
        let ids: Vec<_> = self.chat.channels.keys().copied().collect();
        for id in ids {
            self.pump(id);
        }
    }

    /// Asks for the key of a channel's epoch, once for each connection, if the log knows it and it can come.
    pub(super) fn want_key(&mut self, id: ChannelId, epoch: Epoch) {
        let Some(group) = self.context.group_of(id) else {
            return;
        };
        let missing = matches!(self.context.key(group, epoch), KeyStatus::Missing);
        if missing && self.chat.online && self.chat.wanted.insert((group, epoch)) {
            self.chat.out.push(Output::WantKey { group, epoch });
        }
    }
}
