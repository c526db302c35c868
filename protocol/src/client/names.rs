//! The directory: names that match what the log commits to, and nothing else.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;

use minicbor::{Decode, Encode};

use super::error::RestoreError;
use super::intent::Named;
use super::out::Out;
use super::records::Table;
use crate::crypto::names::{NamePlace, NameSecret};
use crate::ids::{Commitment, Subject};
use crate::keys::Keys;
use crate::limits;
use crate::sigchain::Chain;
use crate::wire::cbor;
use crate::wire::chain::SealedName;

/// An opened name and the commitment that it matched.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub(super) struct NameRecord {
    #[n(0)]
    pub(super) commitment: Commitment,
    #[n(1)]
    pub(super) name: Named,
}

/// What is known of one subject's name.
#[derive(Clone, Debug, Default, Encode, Decode)]
#[cbor(map)]
struct Entry {
    #[n(0)]
    opened: Option<NameRecord>,
    /// Sealed names that did not open yet: the key or the log's entry is still to come.
    #[n(1)]
    sealed: Vec<SealedName>,
}

/// All names that are known here.
#[derive(Debug, Default)]
pub(super) struct Names(BTreeMap<Subject, Entry>);

impl Names {
    pub(super) fn restore(&mut self, key: &[u8], value: &[u8]) -> Result<(), RestoreError> {
        let damaged = |_| RestoreError::Damaged(Table::Names);
        let subject = cbor::decode(key).map_err(damaged)?;
        self.0
            .insert(subject, cbor::decode(value).map_err(damaged)?);
        Ok(())
    }

    /// The verified name of a subject. One that the log replaced stays until the new one was opened.
    pub(super) fn get(&self, subject: Subject) -> Option<&str> {
        self.record(subject).map(|record| record.name.name.as_str())
    }

    pub(super) fn record(&self, subject: Subject) -> Option<&NameRecord> {
        self.0.get(&subject)?.opened.as_ref()
    }

    /// Takes in a name that this device committed to.
    pub(super) fn adopt(&mut self, subject: Subject, record: NameRecord, out: &mut Out) {
        let entry = self.0.entry(subject).or_default();
        entry.opened = Some(record);
        persist(subject, entry, out);
    }

    /// Takes in sealed names. Answers whether a name is another now.
    pub(super) fn receive(
        &mut self,
        sealed: Vec<SealedName>,
        chain: &Chain,
        keys: &Keys,
        out: &mut Out,
    ) -> bool {
        let mut changed = false;
        for name in sealed {
            let subject = name.subject;
            // An honest server takes none that is longer.
            if name.bytes.len() > limits::MAX_NAME_ENC_BYTES {
                continue;
            }
            if !self.0.contains_key(&subject) && self.0.len() >= limits::MAX_NAMES {
                continue;
            }
            let entry = self.0.entry(subject).or_default();
            if entry.sealed.len() >= limits::MAX_SEALED_NAMES {
                entry.sealed.remove(0);
            }
            entry.sealed.push(name);
            changed |= open(subject, entry, chain, keys);
            persist(subject, entry, out);
        }
        changed
    }

    /// Tries what did not open before: the log or the held keys changed. Answers whether a name is another now.
    pub(super) fn reopen(&mut self, chain: &Chain, keys: &Keys, out: &mut Out) -> bool {
        let mut changed = false;
        for (subject, entry) in &mut self.0 {
            if open(*subject, entry, chain, keys) {
                changed = true;
                persist(*subject, entry, out);
            }
        }
        changed
    }
}

/// Opens the newest sealed name that matches what the log commits to now (spec 9.50).
fn open(subject: Subject, entry: &mut Entry, chain: &Chain, keys: &Keys) -> bool {
    let (Some(commitment), Some(community)) = (chain.name_commitment(subject), chain.community())
    else {
        return false;
    };
    let opened = entry
        .sealed
        .iter()
        .enumerate()
        .rev()
        .find_map(|(at, sealed)| {
            let (group, epoch) = (sealed.group, sealed.epoch);
            let key = keys.get(group, epoch)?;
            let place = NamePlace {
                community,
                subject,
                group,
                epoch,
            };
            let secret = NameSecret::open(&sealed.bytes, &place, key, &commitment).ok()?;
            Some((at, secret))
        });
    let Some((at, secret)) = opened else {
        return false;
    };
    // What came before it is old. What came after it may be what the log commits to next.
    entry.sealed.drain(..=at);
    if entry
        .opened
        .as_ref()
        .is_some_and(|opened| opened.commitment == commitment)
    {
        return false;
    }
    entry.opened = Some(NameRecord {
        commitment,
        name: Named::of(&secret),
    });
    true
}

fn persist(subject: Subject, entry: &Entry, out: &mut Out) {
    out.put_cbor(Table::Names, cbor::encode(&subject), entry);
}
