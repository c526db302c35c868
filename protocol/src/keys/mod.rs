//! Sharing the keys of groups: which are held, which are missing, and who is owed one.
//!
//! The log commits to every key, so that an envelope from anybody can be taken and one that lies is refused. Nothing
//! here polls: a missing key is asked for, a holder answers after a delay by its rank, and stands down as soon as
//! somebody else was faster.

mod asks;
mod duties;
mod held;
mod rotations;

use alloc::collections::VecDeque;
use alloc::vec::Vec;
use core::convert::Infallible;

pub use held::{Held, reads_all};

use asks::Asks;
use duties::Duties;
use rotations::Rotations;

use crate::crypto::envelope::{EnvelopeError, KeyRecord};
use crate::crypto::{DeviceSecret, GroupKey};
use crate::ids::{DeviceId, Epoch, GroupId, RecipientId, UserId};
use crate::machine::Machine;
use crate::sigchain::Chain;
use crate::time::Instant;
use crate::wire::chain::{OwedKey, StoredEnvelope};

/// What the engine decides by: the verified log, and who this device is.
#[derive(Clone, Copy, Debug)]
pub struct Context<'a> {
    /// The verified log.
    pub chain: &'a Chain,
    /// This device.
    pub device: DeviceId,
    /// Its secret keys.
    pub secret: &'a DeviceSecret,
}

impl Context<'_> {
    /// Whether this device may have the keys of a group now.
    fn is_entitled(&self, group: GroupId) -> bool {
        self.chain
            .is_recipient(RecipientId::Device(self.device), group)
    }

    /// How many devices of the group come before this one: the first is the first to act for the group.
    fn rank(&self, group: GroupId) -> u32 {
        let own = RecipientId::Device(self.device);
        let recipients = self.chain.recipients(group);
        let before = recipients
            .iter()
            .filter(|other| matches!(other.id, RecipientId::Device(_)) && other.id < own)
            .count();
        u32::try_from(before).unwrap_or(u32::MAX)
    }
}

/// What happened.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum Input<'a> {
    /// Somebody posted an envelope.
    Available {
        /// For whom.
        recipient: RecipientId,
        /// The group.
        group: GroupId,
        /// The epoch.
        epoch: Epoch,
    },
    /// Envelopes for this device came.
    Envelopes {
        /// The log as it is now.
        context: Context<'a>,
        /// The envelopes.
        envelopes: &'a [StoredEnvelope],
    },
    /// All envelopes that the server has for this device were read: what is missing now is missing.
    Fetched {
        /// The log as it is now.
        context: Context<'a>,
    },
    /// The log grew, or was restored.
    LogMoved {
        /// The log as it is now.
        context: Context<'a>,
    },
    /// The server says who lacks a key. The log decides whether that is so.
    Owed {
        /// The log as it is now.
        context: Context<'a>,
        /// What the server says.
        owed: &'a [OwedKey],
    },
    /// A device asks for a key.
    Requested {
        /// The log as it is now.
        context: Context<'a>,
        /// Who lacks it.
        key: OwedKey,
    },
}

/// What is to be done.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Output {
    /// Ask the members of a group for a key.
    Ask {
        /// The group.
        group: GroupId,
        /// The epoch.
        epoch: Epoch,
    },
    /// Repairs of this user's rotations were needed too often.
    Broken {
        /// The author.
        user: UserId,
    },
    /// A key is held now: keep it.
    Held(KeyRecord),
    /// Seal and post these keys.
    Post(Vec<OwedKey>),
    /// An envelope was refused.
    Refused {
        /// Who posted it.
        poster: DeviceId,
        /// What is wrong with it.
        reason: EnvelopeError,
    },
    /// Open the next epoch of a group.
    Rotate(GroupId),
    /// An envelope speaks of an epoch that is not in the log here: read the log on.
    WantLog,
}

/// The machine that shares keys.
#[derive(Debug, Default)]
pub struct Keys {
    now: Instant,
    held: Held,
    asks: Asks,
    duties: Duties,
    rotations: Rotations,
    outputs: VecDeque<Output>,
}

impl Keys {
    /// Starts with the keys that were kept.
    #[must_use]
    pub fn new(kept: impl IntoIterator<Item = KeyRecord>, now: Instant) -> Self {
        let mut keys = Self {
            now,
            ..Self::default()
        };
        for record in kept {
            keys.held.insert(record);
        }
        keys
    }

    /// Takes in a key that this device made, or opened elsewhere against the log, with every older one that it leads
    /// to.
    pub fn hold(&mut self, record: KeyRecord, chain: &Chain) {
        for record in self.held.take(record, chain) {
            self.asks.settle(record.group, record.epoch);
            self.outputs.push_back(Output::Held(record));
        }
    }

    /// The key of a group in an epoch, if it is held.
    #[must_use]
    pub fn get(&self, group: GroupId, epoch: Epoch) -> Option<&GroupKey> {
        self.held.get(group, epoch)
    }

    /// Whether an envelope that was read waits for the log: after a crash it has to be read again (spec 9.13).
    #[must_use]
    pub fn waits_for_log(&self) -> bool {
        self.held.waits()
    }

    /// Makes everything that this device owes due now: it is about to leave.
    pub fn hurry(&mut self, now: Instant) {
        self.now = self.now.max(now);
        self.duties.hurry(self.now);
        self.pump();
    }

    /// Whether this device still owes a key to anybody.
    #[must_use]
    pub fn owes(&self) -> bool {
        !self.duties.is_empty()
    }

    /// The connection is lost: what others asked for, they ask again.
    pub fn interrupted(&mut self) {
        self.duties.clear();
        self.asks.clear();
    }

    fn take_envelopes(&mut self, context: Context<'_>, envelopes: &[StoredEnvelope]) {
        for envelope in envelopes {
            if !self.open(context, envelope) {
                self.outputs.push_back(Output::WantLog);
            }
        }
    }

    /// Opens an envelope, for good or bad. Answers whether the log is far enough for it; if not, it is kept.
    fn open(&mut self, context: Context<'_>, envelope: &StoredEnvelope) -> bool {
        match self.held.open(context, envelope) {
            Ok(records) => {
                for record in records {
                    self.hold(record, context.chain);
                }
            }
            Err(EnvelopeError::NotInLog { .. }) => {
                self.held.keep_for_later(envelope);
                return false;
            }
            Err(reason) => {
                let poster = envelope.poster;
                self.outputs.push_back(Output::Refused { poster, reason });
            }
        }
        true
    }

    fn log_moved(&mut self, context: Context<'_>) {
        for envelope in self.held.take_waiting() {
            self.open(context, &envelope);
        }
        self.duties
            .retain(|key| context.chain.is_recipient(key.recipient, key.group));
        self.asks.retain(|group| context.is_entitled(group));
        self.rotations.log_moved(context, self.now);
    }

    /// What is due now goes out.
    fn pump(&mut self) {
        let due = self.duties.take_due(self.now);
        if !due.is_empty() {
            self.outputs.push_back(Output::Post(due));
        }
        for (group, epoch, unhelped) in self.asks.take_due(self.now) {
            if unhelped {
                match self.rotations.repair(group, epoch) {
                    Ok(()) => self.outputs.push_back(Output::Rotate(group)),
                    Err(Some(user)) => self.outputs.push_back(Output::Broken { user }),
                    Err(None) => {}
                }
            }
            self.outputs.push_back(Output::Ask { group, epoch });
        }
        for group in self.rotations.take_due(self.now) {
            self.outputs.push_back(Output::Rotate(group));
        }
    }
}

impl Machine for Keys {
    type Input<'a> = Input<'a>;
    type Output = Output;
    type Error = Infallible;

    fn handle_input(&mut self, input: Input<'_>, now: Instant) -> Result<(), Infallible> {
        self.now = self.now.max(now);
        match input {
            Input::Available {
                recipient,
                group,
                epoch,
            } => {
                self.duties.stand_down(&OwedKey {
                    recipient,
                    group,
                    epoch,
                });
            }
            Input::Envelopes { context, envelopes } => self.take_envelopes(context, envelopes),
            Input::Fetched { context } => self.asks.want(self.held.missing(context), self.now),
            Input::LogMoved { context } => self.log_moved(context),
            Input::Owed { context, owed } => {
                self.duties.owe(context, &self.held, owed, self.now);
            }
            Input::Requested { context, key } => {
                self.duties.owe(context, &self.held, &[key], self.now);
            }
        }
        self.pump();
        Ok(())
    }

    fn handle_timeout(&mut self, now: Instant) {
        self.now = self.now.max(now);
        self.pump();
    }

    fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    fn poll_timeout(&self) -> Option<Instant> {
        if !self.outputs.is_empty() {
            return Some(self.now);
        }
        let deadlines = [
            self.duties.deadline(),
            self.asks.deadline(),
            self.rotations.deadline(),
        ];
        deadlines.into_iter().flatten().min()
    }
}

#[cfg(test)]
mod tests;
