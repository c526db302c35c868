//! The queue of outputs: what a turn persists comes before all else that it brings.

use alloc::collections::{BTreeMap, VecDeque};
use alloc::vec::Vec;

use super::io::{Event, Output, Transmit, Warning};
use crate::client::Change;
use crate::ids::{ChannelId, Seq};

/// The outputs of finished turns, and those of the turn that is under way.
#[derive(Debug, Default)]
pub(super) struct Out {
    queue: VecDeque<Output>,
    changes: Vec<Change>,
    /// The lowest number that changed in each channel.
    touched: BTreeMap<ChannelId, Seq>,
    after: Vec<Output>,
}

impl Out {
    pub(super) fn persist(&mut self, change: Change) {
        self.changes.push(change);
    }

    pub(super) fn transmit(&mut self, transmit: Transmit) {
        self.after.push(Output::Transmit(transmit));
    }

    pub(super) fn event(&mut self, event: Event) {
        self.after.push(Output::Event(event));
    }

    pub(super) fn warn(&mut self, warning: Warning) {
        self.event(Event::Warning(warning));
    }

    pub(super) fn push(&mut self, output: Output) {
        self.after.push(output);
    }

    /// Notes that a message came to its place or changed there.
    pub(super) fn touch(&mut self, channel: ChannelId, seq: Seq) {
        let lowest = self.touched.entry(channel).or_insert(seq);
        *lowest = seq.min(*lowest);
    }

    /// Ends a turn: its changes become one batch in front of the rest (spec 8.2).
    pub(super) fn flush(&mut self) {
        if !self.changes.is_empty() {
            let changes = core::mem::take(&mut self.changes);
            self.queue.push_back(Output::Persist(changes));
        }
        for (channel, from) in core::mem::take(&mut self.touched) {
            self.queue
                .push_back(Output::Event(Event::Messages { channel, from }));
            // A message that came or was judged anew may count, or not any more.
            self.queue
                .push_back(Output::Event(Event::Unread { channel }));
        }
        self.queue.extend(self.after.drain(..));
    }

    pub(super) fn pop(&mut self) -> Option<Output> {
        self.queue.pop_front()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.queue.is_empty()
    }
}
