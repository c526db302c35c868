//! The log as far as it was verified.

use alloc::vec::Vec;
use core::fmt;

use super::effect::Effect;
use super::entry::Entry;
use super::error::Invalid;
use super::rules;
use super::signatures;
use super::state::State;
use crate::ids::{CommunityId, EntryHash, Head};

/// The verified log: what every entry of it says together, and nothing of an entry that was refused.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Chain {
    community: Option<CommunityId>,
    /// The hash of each entry.
    hashes: Vec<EntryHash>,
    state: State,
}

/// What an entry that was taken did.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Applied {
    /// The head with this entry.
    pub head: Head,
    /// What it changed, in order.
    pub effects: Vec<Effect>,
}

/// Why an append of several entries was refused, all of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Rejected {
    /// Which of the entries is invalid, counted from 0.
    pub at: usize,
    /// Why.
    pub reason: Invalid,
}

impl fmt::Display for Rejected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "entry {} of the append: {}", self.at, self.reason)
    }
}

impl core::error::Error for Rejected {}

/// Why a stored log is not the one that was verified before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ReplayError {
    /// An entry is invalid even with its signatures taken on trust.
    Invalid(Rejected),
    /// The entries do not end at the checkpoint.
    WrongHead {
        /// Where they end.
        got: Option<Head>,
    },
}

impl fmt::Display for ReplayError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Invalid(rejected) => rejected.fmt(f),
            Self::WrongHead { .. } => f.write_str("stored log does not end at its checkpoint"),
        }
    }
}

impl core::error::Error for ReplayError {}

/// Who vouches for an entry's signatures.
#[derive(Clone, Copy)]
enum Signatures {
    /// They are checked here.
    Checked,
    /// They were checked when the checkpoint was made, whose hash covers them.
    Checkpoint,
}

impl Chain {
    /// A log without entries.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes in again a log that was verified before up to `checkpoint`, without checking its signatures anew: the
    /// checkpoint's hash covers every byte of it (spec 4.46).
    ///
    /// # Errors
    ///
    /// When the entries are not exactly those up to the checkpoint.
    pub fn replay<E: AsRef<[u8]>>(
        entries: impl IntoIterator<Item = E>,
        checkpoint: Head,
    ) -> Result<Self, ReplayError> {
        let mut chain = Self::new();
        for (at, bytes) in entries.into_iter().enumerate() {
            Entry::decode(bytes.as_ref())
                .map_err(Invalid::from)
                .and_then(|entry| chain.take(&entry, Signatures::Checkpoint))
                .map_err(|reason| ReplayError::Invalid(Rejected { at, reason }))?;
        }
        match chain.head() {
            Some(head) if head == checkpoint => Ok(chain),
            got => Err(ReplayError::WrongHead { got }),
        }
    }

    /// Takes in the next entry.
    ///
    /// # Errors
    ///
    /// When the entry is invalid; the log is then as it was.
    pub fn append(&mut self, bytes: &[u8]) -> Result<Applied, Invalid> {
        self.apply(&Entry::decode(bytes)?)
    }

    /// Takes in the next entry, which is decoded already.
    ///
    /// # Errors
    ///
    /// When the entry is invalid; the log is then as it was.
    pub fn apply(&mut self, entry: &Entry) -> Result<Applied, Invalid> {
        self.take(entry, Signatures::Checked)
    }

    /// Takes in several entries or none. Copies the state when there is more than one.
    ///
    /// # Errors
    ///
    /// When one of them is invalid; the log is then as it was.
    pub fn apply_all(&mut self, entries: &[Entry]) -> Result<Vec<Applied>, Rejected> {
        let rejected = |at| move |reason| Rejected { at, reason };
        if let [entry] = entries {
            return Ok([self.apply(entry).map_err(rejected(0))?].into());
        }
        let mut trial = self.clone();
        let mut applied = Vec::with_capacity(entries.len());
        for (at, entry) in entries.iter().enumerate() {
            applied.push(trial.apply(entry).map_err(rejected(at))?);
        }
        *self = trial;
        Ok(applied)
    }

    /// The last entry's index and hash.
    #[must_use]
    pub fn head(&self) -> Option<Head> {
        let index = u64::try_from(self.hashes.len()).ok()?.checked_sub(1)?;
        let hash = *self.hashes.last()?;
        Some(Head { index, hash })
    }

    /// The community: none while the log is empty.
    #[must_use]
    pub fn community(&self) -> Option<CommunityId> {
        self.community
    }

    /// The hash of an entry.
    #[must_use]
    pub fn entry_hash_at(&self, index: u64) -> Option<EntryHash> {
        let index = usize::try_from(index).ok()?;
        self.hashes.get(index).copied()
    }

    /// How many entries there are: the index of the next one.
    #[must_use]
    pub fn next_index(&self) -> u64 {
        self.head().map_or(0, |head| head.index.saturating_add(1))
    }

    pub(super) fn state(&self) -> &State {
        &self.state
    }

    /// Judges the entry and takes it in. Nothing changes before all has been judged.
    fn take(&mut self, entry: &Entry, signatures: Signatures) -> Result<Applied, Invalid> {
        self.check_place(entry)?;
        match signatures {
            Signatures::Checked => signatures::check(&self.state, entry)?,
            Signatures::Checkpoint => {}
        }
        let effects = rules::apply(&mut self.state, entry)?;
        self.community.get_or_insert_with(|| entry.community());
        self.hashes.push(entry.hash());
        Ok(Applied {
            head: entry.head(),
            effects,
        })
    }

    /// Judges whether the entry follows this log and no other (spec 4.7 to 4.10).
    fn check_place(&self, entry: &Entry) -> Result<(), Invalid> {
        let body = entry.body();
        match (self.community, entry.is_genesis()) {
            (None, false) => return Err(Invalid::NoGenesis),
            (Some(_), true) => return Err(Invalid::SecondGenesis),
            _ => {}
        }
        if body.community != self.community.unwrap_or_default() {
            return Err(Invalid::WrongCommunity);
        }
        let expected = self.next_index();
        if body.index != expected {
            return Err(Invalid::WrongIndex {
                got: body.index,
                expected,
            });
        }
        if body.previous != self.hashes.last().copied().unwrap_or_default() {
            return Err(Invalid::WrongPrevious);
        }
        Ok(())
    }
}
