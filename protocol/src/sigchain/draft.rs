//! Making entries.

use super::chain::Chain;
use super::entry::{Body, Entry};
use super::payload::Payload;
use crate::crypto::{DeviceSecret, InviteSecret, Label};
use crate::ids::{CommunityId, DeviceId};
use crate::time::UnixMillis;
use crate::wire::cbor;

/// An entry that is not signed yet. Whether the log would take it is not asked here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Draft {
    body: Body,
}

impl Draft {
    /// An entry to follow the head of `chain`.
    #[must_use]
    pub fn new(chain: &Chain, author: DeviceId, time: UnixMillis, payload: Payload) -> Self {
        let head = chain.head();
        Self {
            body: Body {
                community: chain.community().unwrap_or_default(),
                previous: head.map(|head| head.hash).unwrap_or_default(),
                index: head.map_or(0, |head| head.index.saturating_add(1)),
                author,
                time,
                payload,
            },
        }
    }

    /// An entry to follow one that is not part of the log yet, as in an append of several.
    #[must_use]
    pub fn after(entry: &Entry, author: DeviceId, time: UnixMillis, payload: Payload) -> Self {
        Self {
            body: Body {
                community: entry.community(),
                previous: entry.hash(),
                index: entry.index().saturating_add(1),
                author,
                time,
                payload,
            },
        }
    }

    /// The community that the entry will belong to: all zeros for `Genesis`.
    #[must_use]
    pub fn community(&self) -> CommunityId {
        self.body.community
    }

    /// Signs as the author's device.
    #[must_use]
    pub fn sign(self, device: &DeviceSecret) -> Entry {
        let signed = cbor::encode(&self.body);
        let signatures = [device.sign(Label::Entry, &signed)].into();
        Entry::assemble(self.body, &signed, signatures)
    }

    /// Signs a `Join` as the new device and by the invite.
    #[must_use]
    pub fn sign_join(self, device: &DeviceSecret, invite: &InviteSecret) -> Entry {
        let signed = cbor::encode(&self.body);
        let signatures = [
            device.sign(Label::Entry, &signed),
            invite.keys().sign(Label::Entry, &signed),
        ]
        .into();
        Entry::assemble(self.body, &signed, signatures)
    }
}
