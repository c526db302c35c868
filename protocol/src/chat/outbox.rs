//! One's own messages of one channel until they stand in their place.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;

use minicbor::{Decode, Encode};

use super::message::{Delivery, Draft};
use crate::ids::{ClientId, Epoch, Seq};
use crate::time::Instant;

/// A draft and what is being done about it.
#[derive(Debug, Encode, Decode)]
#[cbor(map)]
pub(super) struct Entry {
    #[n(0)]
    pub(super) draft: Draft,
    /// As it was sent last.
    #[n(1)]
    pub(super) sealed: Option<Sealed>,
    /// It is on its way; after this time it is sent again.
    #[cbor(skip)]
    pub(super) in_flight: Option<Instant>,
    /// The server says that this epoch is not open any more.
    #[cbor(skip)]
    pub(super) stale: Option<Epoch>,
}

/// A sealed draft.
#[derive(Debug, Encode, Decode)]
#[cbor(map)]
pub(super) struct Sealed {
    /// The last entry of the log that it names.
    #[n(0)]
    pub(super) head: u64,
    #[n(1)]
    pub(super) epoch: Epoch,
    #[cbor(n(2), with = "minicbor::bytes")]
    pub(super) bytes: Vec<u8>,
}

/// The drafts of one channel, in the order in which they were written.
#[derive(Debug, Default)]
pub(super) struct Outbox {
    pub(super) entries: BTreeMap<u64, Entry>,
    next: u64,
    /// The last entry of the log that any draft here named: none that is sent names an earlier one.
    pub(super) sealed_head: u64,
    /// The server is busy: nothing is sent before this time.
    pub(super) pause: Option<Instant>,
    /// How often in a row the server was busy.
    pub(super) failures: u32,
}

impl Outbox {
    /// Takes a draft in, behind all others.
    pub(super) fn push(&mut self, draft: Draft) -> u64 {
        let number = self.next;
        let entry = Entry {
            draft,
            sealed: None,
            in_flight: None,
            stale: None,
        };
        self.insert(number, entry);
        number
    }

    /// Puts an entry to where it stood before.
    pub(super) fn insert(&mut self, number: u64, entry: Entry) {
        self.next = self.next.max(number.saturating_add(1));
        let head = entry.sealed.as_ref().map_or(0, |sealed| sealed.head);
        self.sealed_head = self.sealed_head.max(head);
        self.entries.insert(number, entry);
    }

    /// Finds the entry of a client id.
    pub(super) fn find(&mut self, client_id: ClientId) -> Option<(u64, &mut Entry)> {
        let mut entries = self.entries.iter_mut();
        entries
            .find(|(_, entry)| entry.draft.client_id == client_id)
            .map(|(number, entry)| (*number, entry))
    }

    /// Drafts that wait for their ack or to be sent.
    pub(super) fn sending(&self) -> impl Iterator<Item = u64> {
        let entries = self.entries.iter();
        entries
            .filter(|(_, entry)| entry.draft.delivery == Delivery::Sending)
            .map(|(number, _)| *number)
    }

    /// Drafts that wait to be sent.
    pub(super) fn waiting(&self) -> impl Iterator<Item = u64> {
        let on_its_way = |number: &u64| {
            let entry = self.entries.get(number);
            entry.is_some_and(|entry| entry.in_flight.is_some())
        };
        self.sending().filter(move |number| !on_its_way(number))
    }

    /// Whether a draft before `number` was sealed in `epoch` under an earlier head than `head`, and has no ack yet.
    pub(super) fn names_earlier(&self, number: u64, epoch: Epoch, head: u64) -> bool {
        self.entries.range(..number).any(|(_, entry)| {
            let sealed = entry.sealed.as_ref();
            entry.draft.delivery == Delivery::Sending
                && sealed.is_some_and(|sealed| sealed.epoch == epoch && sealed.head < head)
        })
    }

    /// How many are on their way.
    pub(super) fn in_flight(&self) -> usize {
        let entries = self.entries.values();
        entries.filter(|entry| entry.in_flight.is_some()).count()
    }

    /// Drafts that the server confirmed under numbers up to `last`.
    pub(super) fn acked_up_to(&self, last: Seq) -> Vec<(u64, Seq)> {
        let entries = self.entries.iter();
        entries
            .filter_map(|(number, entry)| match entry.draft.delivery {
                Delivery::Acked(seq) if seq <= last => Some((*number, seq)),
                Delivery::Acked(_) | Delivery::Sending | Delivery::Failed(_) => None,
            })
            .collect()
    }

    /// Forgets what is on its way: the connection is gone.
    pub(super) fn disconnect(&mut self) {
        self.pause = None;
        self.failures = 0;
        for entry in self.entries.values_mut() {
            entry.in_flight = None;
            entry.stale = None;
        }
    }

    /// When something is due to be sent again.
    pub(super) fn due(&self) -> Option<Instant> {
        let resend = self.entries.values().filter_map(|entry| entry.in_flight);
        self.pause.into_iter().chain(resend).min()
    }

    /// Ends the waits that are over by `now`.
    pub(super) fn wake(&mut self, now: Instant) {
        self.pause = self.pause.filter(|at| *at > now);
        for entry in self.entries.values_mut() {
            entry.in_flight = entry.in_flight.filter(|at| *at > now);
        }
    }
}
