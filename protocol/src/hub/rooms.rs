//! The voice rooms: which connection is in which. Nothing of it is stored: it ends with the connections.

use alloc::collections::BTreeMap;
use alloc::string::String;
use alloc::vec::Vec;

use super::ConnId;
use crate::ids::ChannelId;

/// All voice rooms.
#[derive(Debug, Default)]
pub(super) struct Rooms {
    /// The members of each, with what they signed when they entered.
    rooms: BTreeMap<ChannelId, BTreeMap<ConnId, Option<String>>>,
    /// The room of each connection that is in one.
    by_conn: BTreeMap<ConnId, ChannelId>,
}

impl Rooms {
    /// Puts a connection into a room. It must be in no other one.
    pub(super) fn enter(&mut self, conn: ConnId, channel: ChannelId, proof: Option<String>) {
        debug_assert!(self.of(conn).is_none_or(|room| room == channel));
        self.rooms.entry(channel).or_default().insert(conn, proof);
        self.by_conn.insert(conn, channel);
    }

    /// Takes a connection out of its room; answers which that was.
    pub(super) fn leave(&mut self, conn: ConnId) -> Option<ChannelId> {
        let channel = self.by_conn.remove(&conn)?;
        if let Some(room) = self.rooms.get_mut(&channel) {
            room.remove(&conn);
            if room.is_empty() {
                self.rooms.remove(&channel);
            }
        }
        Some(channel)
    }

    /// The room that a connection is in.
    pub(super) fn of(&self, conn: ConnId) -> Option<ChannelId> {
        self.by_conn.get(&conn).copied()
    }

    /// What a connection signed when it entered a room that it is in.
    pub(super) fn proof(&self, channel: ChannelId, conn: ConnId) -> Option<&String> {
        self.rooms.get(&channel)?.get(&conn)?.as_ref()
    }

    /// How many connections are in a room.
    pub(super) fn len(&self, channel: ChannelId) -> usize {
        self.rooms.get(&channel).map_or(0, BTreeMap::len)
    }

    /// Who is in a room, with what they signed.
    pub(super) fn members(
        &self,
        channel: ChannelId,
    ) -> impl Iterator<Item = (ConnId, Option<&String>)> {
        let room = self.rooms.get(&channel);
        room.into_iter()
            .flatten()
            .map(|(conn, proof)| (*conn, proof.as_ref()))
    }

    /// The connections in a room.
    pub(super) fn conns(&self, channel: ChannelId) -> Vec<ConnId> {
        self.members(channel).map(|(conn, _)| conn).collect()
    }

    /// The rooms in which somebody is.
    pub(super) fn channels(&self) -> impl Iterator<Item = ChannelId> {
        self.rooms.keys().copied()
    }
}
