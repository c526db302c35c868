//! The keys that are held, and how an envelope becomes one.

use alloc::collections::{BTreeMap, VecDeque};
use alloc::vec::Vec;

use super::Context;
use crate::crypto::GroupKey;
use crate::crypto::envelope::{self, EnvelopeError, KeyRecord};
use crate::ids::{CommunityId, Epoch, GroupId, RecipientId};
use crate::limits;
use crate::sigchain::{Chain, Group, History};
use crate::wire::chain::StoredEnvelope;

/// The keys that are held.
#[derive(Debug, Default)]
pub struct Held {
    keys: BTreeMap<(GroupId, Epoch), GroupKey>,
    /// Envelopes that speak of an epoch that the log does not show here yet.
    waiting: VecDeque<StoredEnvelope>,
    /// More of them came than can wait: the rest is only at the server.
    overflowed: bool,
}

impl Held {
    /// The key of a group in an epoch.
    #[must_use]
    pub fn get(&self, group: GroupId, epoch: Epoch) -> Option<&GroupKey> {
        self.keys.get(&(group, epoch))
    }

    /// Takes in a key that was kept.
    pub(super) fn insert(&mut self, record: KeyRecord) {
        self.keys.insert((record.group, record.epoch), record.key);
    }

    /// Takes in a key that matches the log, and every older one of its group that the log carries under it
    /// (spec 9.12). Answers those that are new here.
    pub(super) fn take(&mut self, record: KeyRecord, chain: &Chain) -> Vec<KeyRecord> {
        let mut new = Vec::new();
        let mut next = Some(record);
        while let Some(record) = next {
            if self.get(record.group, record.epoch).is_some() {
                break;
            }
            next = chain
                .community()
                .and_then(|community| previous(&community, &record, chain));
            self.insert(record.clone());
            new.push(record);
        }
        new
    }

    /// Opens an envelope for this device: a key that is not the one of the log is refused (spec 9.11).
    pub(super) fn open(
        &self,
        context: Context<'_>,
        envelope: &StoredEnvelope,
    ) -> Result<Vec<KeyRecord>, EnvelopeError> {
        let community = context.chain.community().unwrap_or_default();
        envelope::open(
            &envelope.bytes,
            &community,
            RecipientId::Device(context.device),
            context.secret.dh(),
            |group, epoch| context.chain.commitment(group, epoch),
        )
    }

    /// Keeps an envelope until the log moves. The oldest goes when there are too many: the server still has it.
    pub(super) fn keep_for_later(&mut self, envelope: &StoredEnvelope) {
        if self.waiting.len() >= limits::MAX_WAITING_ENVELOPES {
            self.waiting.pop_front();
            self.overflowed = true;
        }
        self.waiting.push_back(envelope.clone());
    }

    /// Whether an envelope that was read is in memory only, or not even there.
    pub(super) fn waits(&self) -> bool {
        self.overflowed || !self.waiting.is_empty()
    }

    pub(super) fn take_waiting(&mut self) -> VecDeque<StoredEnvelope> {
        core::mem::take(&mut self.waiting)
    }

    /// The keys that this device may have and does not (spec 9.20).
    pub(super) fn missing(&self, context: Context<'_>) -> Vec<(GroupId, Epoch)> {
        let own = RecipientId::Device(context.device);
        let mut missing = Vec::new();
        for (group, state) in context.chain.groups() {
            let Some(current) = state.epoch().filter(|_| context.is_entitled(group)) else {
                continue;
            };
            let lacking = (0..=current.0).rev().map(Epoch).filter(|epoch| {
                self.get(group, *epoch).is_none() && may_hold(context.chain, own, group, *epoch)
            });
            // Where a newer key leads to the older ones, the newest that is missing is enough.
            let most = if reads_all(context.chain, group) {
                1
            } else {
                limits::MAX_ASKS
            };
            missing.extend(lacking.take(most).map(|epoch| (group, epoch)));
        }
        missing
    }
}

/// Whether a recipient may have the key of an epoch: it is one of the group now, and newcomers read all of the group's
/// history, or it was one of the group when the epoch began (spec 9.20).
#[must_use]
pub(super) fn may_hold(
    chain: &Chain,
    recipient: RecipientId,
    group: GroupId,
    epoch: Epoch,
) -> bool {
    let newest = chain.group(group).and_then(Group::epoch);
    let was_there = || match (recipient, group, chain.epoch(group, epoch)) {
        (RecipientId::Device(device), GroupId::Channel(channel), Some(record)) => {
            chain.entitled_device_at(device, channel, record.span.from)
        }
        _ => false,
    };
    chain.is_recipient(recipient, group)
        && (newest == Some(epoch) || reads_all(chain, group) || was_there())
}

/// Whether newcomers of a group get its older keys too.
#[must_use]
pub fn reads_all(chain: &Chain, group: GroupId) -> bool {
    match group {
        GroupId::Open => true,
        GroupId::Channel(channel) => chain
            .channel(channel)
            .is_some_and(|channel| channel.history == History::All),
    }
}

fn previous(community: &CommunityId, record: &KeyRecord, chain: &Chain) -> Option<KeyRecord> {
    let (group, epoch) = (record.group, record.epoch);
    let before = Epoch(epoch.0.checked_sub(1)?);
    let sealed = chain.epoch(group, epoch)?.previous.as_deref()?;
    let commitment = chain.commitment(group, before)?;
    let key = record
        .key
        .open_previous(community, group, epoch, sealed, &commitment)
        .ok()?;
    Some(KeyRecord {
        group,
        epoch: before,
        key,
    })
}
