//! The ordered queue of outputs, with changes gathered into atomic batches.

use alloc::collections::VecDeque;
use alloc::vec::Vec;

use minicbor::Encode;

use super::event::{Event, Warning};
use super::io::{Output, Transmit};
use super::records::{Change, Table};
use crate::wire::cbor;

/// Gathers changes until something else is said: what was changed before a request or an event is durable before it
/// (spec 1.7).
#[derive(Debug, Default)]
pub(super) struct Out {
    batch: Vec<Change>,
    queue: VecDeque<Output>,
}

impl Out {
    pub(super) fn put(&mut self, table: Table, key: impl Into<Vec<u8>>, value: Vec<u8>) {
        self.batch.push(Change::Put {
            table,
            key: key.into(),
            value,
        });
    }

    pub(super) fn put_cbor(
        &mut self,
        table: Table,
        key: impl Into<Vec<u8>>,
        value: &impl Encode<()>,
    ) {
        self.put(table, key, cbor::encode(value));
    }

    pub(super) fn delete(&mut self, table: Table, key: impl Into<Vec<u8>>) {
        self.batch.push(Change::Delete {
            table,
            key: key.into(),
        });
    }

    pub(super) fn extend(&mut self, changes: Vec<Change>) {
        self.batch.extend(changes);
    }

    pub(super) fn event(&mut self, event: Event) {
        self.say(Output::Event(event));
    }

    pub(super) fn warn(&mut self, warning: Warning) {
        self.event(Event::Warning(warning));
    }

    pub(super) fn transmit(&mut self, transmit: Transmit) {
        self.say(Output::Transmit(transmit));
    }

    /// An event that is worth saying once: not again while it still waits for its reader.
    pub(super) fn event_once(&mut self, event: Event) {
        let event = Output::Event(event);
        if self.queue.back() != Some(&event) || !self.batch.is_empty() {
            self.say(event);
        }
    }

    pub(super) fn pop(&mut self) -> Option<Output> {
        self.queue.pop_front().or_else(|| self.take_batch())
    }

    pub(super) fn is_empty(&self) -> bool {
        self.queue.is_empty() && self.batch.is_empty()
    }

    fn say(&mut self, output: Output) {
        if let Some(batch) = self.take_batch() {
            self.queue.push_back(batch);
        }
        self.queue.push_back(output);
    }

    fn take_batch(&mut self) -> Option<Output> {
        let batch = core::mem::take(&mut self.batch);
        (!batch.is_empty()).then_some(Output::Persist(batch))
    }
}

#[cfg(test)]
mod tests {
    use alloc::vec;

    use super::*;

    // spec 1.7
    #[test]
    fn changes_come_before_what_relies_on_them() {
        let mut out = Out::default();
        out.put(Table::Keys, *b"a", vec![1]);
        out.put(Table::Keys, *b"b", vec![2]);
        out.transmit(Transmit::CloseSocket);
        out.delete(Table::Keys, *b"a");
        assert!(matches!(out.pop(), Some(Output::Persist(batch)) if batch.len() == 2));
        assert_eq!(out.pop(), Some(Output::Transmit(Transmit::CloseSocket)));
        assert!(matches!(out.pop(), Some(Output::Persist(batch)) if batch.len() == 1));
        assert!(out.is_empty());
        assert_eq!(out.pop(), None);
    }

    #[test]
    fn an_event_that_still_waits_is_not_repeated() {
        let mut out = Out::default();
        out.event_once(Event::ChannelsChanged);
        out.event_once(Event::ChannelsChanged);
        assert!(out.pop().is_some());
        assert_eq!(out.pop(), None);
    }
}
