//! Telling connections what came for the members of a group.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec::Vec;

use super::connections::Connection;
use super::{ConnId, Hub};
use crate::ids::{Epoch, GroupId, RecipientId, UserId};
use crate::limits;
use crate::wire::event::ServerEvent;

impl Hub {
    /// Tells a key's recipient and its other holders that there is an envelope: they stand down. Of more than
    /// [`limits::MAX_ANNOUNCED_KEYS`] only the recipients hear, once each, and so of too many in a row by one user: what
    /// is in an envelope the hub cannot see, and events for everybody would overflow every queue.
    pub(super) fn announce_keys(&mut self, by: UserId, keys: &[(RecipientId, GroupId, Epoch)]) {
        let mut keys: BTreeSet<_> = keys.iter().copied().collect();
        let is_many = keys.len() > limits::MAX_ANNOUNCED_KEYS
            || !self.limiter.announce(by, keys.len(), self.now);
        if is_many {
            let mut told = None;
            keys.retain(|(recipient, _, _)| told.replace(*recipient) != Some(*recipient));
        }
        let mut by_device = BTreeMap::<_, Vec<ConnId>>::new();
        let mut by_group = BTreeMap::new();
        for (recipient, group, epoch) in keys {
            let to = if is_many {
                if by_device.is_empty() {
                    by_device = self.greeted_by_device();
                }
                by_device.get(&recipient).cloned().unwrap_or_default()
            } else {
                let to = by_group.entry(group);
                to.or_insert_with(|| self.in_group(group)).clone()
            };
            let event = ServerEvent::KeyAvailable {
                recipient,
                group,
                epoch,
            };
            self.send(to, &event);
        }
    }

    fn greeted_by_device(&self) -> BTreeMap<RecipientId, Vec<ConnId>> {
        let mut by_device = BTreeMap::<_, Vec<ConnId>>::new();
        for conn in self.connections.select(Connection::is_greeted) {
            if let Some(connection) = self.connections.get(conn) {
                let device = RecipientId::Device(connection.caller.device);
                by_device.entry(device).or_default().push(conn);
            }
        }
        by_device
    }

    pub(super) fn announce_names(&mut self) {
        let to = self.in_group(GroupId::Open);
        self.send(to, &ServerEvent::NamesAvailable);
    }
}
