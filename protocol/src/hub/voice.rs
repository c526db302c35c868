//! Voice rooms: who enters and leaves them, who is told, and the signals between their members.
//!
//! The hub relays what it cannot check for others: descriptions and candidates are the devices' own affair, and proofs
//! are for the devices to judge. It keeps those out whom the log keeps out.

use alloc::collections::BTreeMap;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;

use super::access::Caller;
use super::connections::Connection;
use super::pending::Awaiting;
use super::sockets::Gone;
use super::store::{Answer, Op, StoreError};
use super::{ConnId, Hub};
use crate::ids::{ChannelId, UserId};
use crate::limits;
use crate::wire::event::{ErrorCode, ServerEvent};
use crate::wire::voice::{Signal, Signalled, VoiceDevice, VoiceJoin};

/// What a room and each of its users take in a snapshot, in bytes: an id in quotes with what parts it from the next.
const SNAPSHOT_ROOM: usize = 48;
/// See [`SNAPSHOT_ROOM`].
const SNAPSHOT_USER: usize = 40;

/// Why a room is not entered.
struct Refusal(ErrorCode, &'static str);

const NO_CHANNEL: Refusal = Refusal(ErrorCode::ChannelNotFound, "channel not found");
const FULL: Refusal = Refusal(
    ErrorCode::RateLimited,
    "this room is full: enter when somebody has left, or talk in another channel",
);
const BUSY: Refusal = Refusal(
    ErrorCode::RateLimited,
    "too many changes of room: wait a few seconds, and enter again",
);

/// Where it is written which channel a room belongs to.
enum Known {
    /// In the log, and the caller may enter.
    Log,
    /// Only the store can say whether there is such a channel.
    Store,
}

impl Hub {
    /// `voice_join`.
    pub(super) fn join_room(&mut self, conn: ConnId, join: VoiceJoin) {
        let now = self.now;
        let Some(connection) = self.connections.get_mut(conn) else {
            return;
        };
        connection.entering = None;
        let caller = connection.caller;
        let judged = if self.limiter.change_room(caller.user, now) {
            self.judge_room(caller, &join.channel_id)
        } else {
            Err(BUSY)
        };
        match judged {
            Ok((channel, Known::Log)) => self.enter_room(conn, caller, channel, join.proof),
            Ok((channel, Known::Store)) => {
                if let Some(connection) = self.connections.get_mut(conn) {
                    connection.entering = Some(channel);
                }
                let channels = [channel].into();
                let proof = join.proof;
                let awaiting = Awaiting::Room {
                    conn,
                    channel,
                    proof,
                };
                self.store(Op::LastSeqs { channels }, awaiting);
            }
            Err(Refusal(code, text)) => self.refuse(conn, code, text),
        }
    }

    /// The store said whether there is the channel that a connection wants to enter the room of.
    pub(super) fn room_stored(
        &mut self,
        conn: ConnId,
        channel: ChannelId,
        proof: Option<String>,
        result: Result<Answer, StoreError>,
    ) {
        // It may have gone, or want something else by now.
        let connection = self.connections.get_mut(conn);
        let connection = connection.filter(|it| it.is_open() && it.entering == Some(channel));
        let Some(connection) = connection else {
            return;
        };
        connection.entering = None;
        let caller = connection.caller;
        match result {
            Ok(Answer::LastSeqs(last)) if last.iter().any(|(id, _)| *id == channel) => {
                self.enter_room(conn, caller, channel, proof);
            }
            Ok(_) => self.refuse(conn, NO_CHANNEL.0, NO_CHANNEL.1),
            Err(_) => self.refuse(conn, ErrorCode::ServerError, "cannot resolve the channel"),
        }
    }

    /// `voice_leave`. Who is not in that room is not told so, as in the original.
    pub(super) fn quit_room(&mut self, conn: ConnId, channel: &str) {
        let channel = channel.parse().ok();
        let Some(connection) = self.connections.get_mut(conn) else {
            return;
        };
        if connection.entering == channel {
            connection.entering = None;
        }
        if channel.is_some() && self.rooms.of(conn) == channel {
            self.leave_room(conn);
        }
    }

    /// An offer, an answer or a candidate: it reaches the devices of its recipient in the same room.
    pub(super) fn signal(&mut self, conn: ConnId, signal: Signal) {
        let now = self.now;
        let Some(connection) = self.connections.get_mut(conn) else {
            return;
        };
        let caller = connection.caller;
        let (burst, every) = (limits::SIGNALS, limits::SIGNAL_EVERY);
        if !connection.signals.take(burst, every, now) {
            self.refuse(conn, ErrorCode::RateLimited, "too many signals");
            return;
        }
        let channel = self.rooms.of(conn);
        let Some(channel_id) = channel.filter(|room| signal.channel_id.parse() == Ok(*room)) else {
            self.refuse(conn, ErrorCode::VoiceNotJoined, "join the voice room first");
            return;
        };
        let Ok(recipient) = signal.recipient.parse::<UserId>() else {
            return;
        };
        let signalled = Signalled {
            channel_id,
            sender: caller.user,
            recipient,
            sender_device_id: Some(caller.device),
            recipient_device_id: signal.recipient_device_id,
            proof: signal.proof,
        };
        let is_meant = |other: &ConnId| {
            let Some(it) = self.connections.get(*other) else {
                return false;
            };
            let device = signalled.recipient_device_id;
            *other != conn
                && it.caller.user == recipient
                && device.is_none_or(|device| it.caller.device == device)
        };
        let mut to = self.rooms.conns(channel_id);
        to.retain(is_meant);
        let event = ServerEvent::signal(signal.content, signalled);
        if event.to_text().len() > limits::MAX_FRAME_BYTES {
            self.refuse(conn, ErrorCode::InvalidMessage, "signal too long");
            return;
        }
        // It may get lost, as any signal may: devices make up for that, and nobody is thrown out for another's signals.
        for (to, event) in self.versions(to, event) {
            if !to.is_empty() {
                let frame: Arc<str> = event.to_text().into();
                self.queue(to, &frame, |it| it.queue_signal(frame.len()));
            }
        }
    }

    /// Who is in which room, as far as it concerns a caller and fits into a frame.
    pub(super) fn voice_snapshot(&self, caller: Caller) -> BTreeMap<ChannelId, Vec<UserId>> {
        let mut room_left = limits::MAX_FRAME_BYTES.saturating_sub(SNAPSHOT_ROOM);
        let mut rooms = BTreeMap::new();
        for channel in self.rooms.channels() {
            if !self.members.may_know_room(caller.device, channel) {
                continue;
            }
            let mut users = self.users_of(channel);
            users.dedup();
            let takes = SNAPSHOT_ROOM + SNAPSHOT_USER * users.len();
            let Some(left) = room_left.checked_sub(takes) else {
                break;
            };
            room_left = left;
            rooms.insert(channel, users);
        }
        rooms
    }

    /// The log moved: whoever may not be in a room any more leaves it, and is told.
    pub(super) fn evict(&mut self) {
        let rooms: Vec<_> = self.rooms.channels().collect();
        for channel in rooms {
            if !self.members.knows_channel(channel) {
                continue;
            }
            let mut out = self.rooms.conns(channel);
            out.retain(|conn| {
                let caller = self.connections.get(*conn).map(|it| it.caller);
                caller.is_none_or(|it| !self.members.may_enter_room(it.device, channel))
            });
            self.turn_out(channel, out);
        }
    }

    /// A channel is gone: its room ends.
    pub(super) fn end_room(&mut self, channel: ChannelId) {
        let all = self.rooms.conns(channel);
        self.turn_out(channel, all);
    }

    fn turn_out(&mut self, channel_id: ChannelId, conns: Vec<ConnId>) {
        for conn in conns {
            let Some(caller) = self.connections.get(conn).map(|it| it.caller) else {
                continue;
            };
            // Who leaves by itself knows it.
            let event = ServerEvent::VoiceLeft {
                channel_id,
                sender: caller.user,
                device_id: Some(caller.device),
                lost: false,
            };
            self.send_voice([conn].into(), event);
            self.leave_room(conn);
        }
    }

    fn judge_room(&self, caller: Caller, channel: &str) -> Result<(ChannelId, Known), Refusal> {
        let channel: ChannelId = channel.parse().map_err(|_| NO_CHANNEL)?;
        if !self.members.knows_channel(channel) {
            return match self.is_busy() {
                true => Err(Refusal(ErrorCode::RateLimited, "the server is busy")),
                false => Ok((channel, Known::Store)),
            };
        }
        if !self.members.has_channel(channel) {
            return Err(NO_CHANNEL);
        }
        match self.members.may_enter_room(caller.device, channel) {
            true => Ok((channel, Known::Log)),
            false => Err(Refusal(
                ErrorCode::NotEntitled,
                "not a member of this channel",
            )),
        }
    }

    /// In the original's order: the old room's farewell, the roster, the news for the room, the news for all.
    fn enter_room(
        &mut self,
        conn: ConnId,
        caller: Caller,
        channel_id: ChannelId,
        proof: Option<String>,
    ) {
        if self.rooms.of(conn) != Some(channel_id) {
            if self.rooms.len(channel_id) >= limits::MAX_ROOM_MEMBERS {
                self.refuse(conn, FULL.0, FULL.1);
                return;
            }
            self.leave_room(conn);
        }
        // What was said of it may have filled it up.
        let connection = self.connections.get(conn);
        if !connection.is_some_and(Connection::is_open) {
            return;
        }
        // Who only asks for what a roster lends has said to all already that it is here.
        let is_known = proof.is_some() && self.rooms.proof(channel_id, conn) == proof.as_ref();
        self.rooms.enter(conn, channel_id, proof.clone());
        let (users, devices) = self.roster(channel_id);
        let roster = ServerEvent::VoiceRoster {
            channel_id,
            users,
            devices,
            ice_servers: self.config.ice.of(caller.user, self.unix()),
        };
        self.send_voice([conn].into(), roster);
        // Who has no room for a roster is closed, and has left.
        if is_known || self.rooms.of(conn) != Some(channel_id) {
            return;
        }
        let joined = ServerEvent::VoiceJoined {
            channel_id,
            sender: caller.user,
            device_id: Some(caller.device),
            proof,
        };
        self.send_voice(self.rooms.conns(channel_id), joined);
        let presence = ServerEvent::VoicePresence {
            channel_id,
            sender: caller.user,
            active: true,
        };
        self.send(self.who_may_know(channel_id), &presence);
    }

    fn leave_room(&mut self, conn: ConnId) {
        let Some(caller) = self.connections.get(conn).map(|it| it.caller) else {
            return;
        };
        if let Some(channel) = self.rooms.leave(conn) {
            self.announce_gone(
                [Gone {
                    caller,
                    last: false,
                    room: Some(channel),
                    lost: false,
                }]
                .into(),
            );
        }
    }

    fn send_voice(&mut self, to: Vec<ConnId>, event: ServerEvent) {
        for (to, event) in self.versions(to, event) {
            self.send(to, &event);
        }
    }

    /// An event for those who said hello, and for the others what the original knows of it.
    fn versions(&self, to: Vec<ConnId>, event: ServerEvent) -> [(Vec<ConnId>, ServerEvent); 2] {
        let is_greeted = |conn: &ConnId| {
            let connection = self.connections.get(*conn);
            connection.is_some_and(Connection::is_greeted)
        };
        let (greeted, others) = to.into_iter().partition(is_greeted);
        [(greeted, event.clone()), (others, event.for_original())]
    }

    /// What is said when somebody has left a room, and to whom.
    pub(super) fn farewells(&self, gone: Gone) -> Option<[(Vec<ConnId>, ServerEvent); 3]> {
        let Gone {
            caller, room, lost, ..
        } = gone;
        let channel_id = room?;
        let (sender, device_id) = (caller.user, Some(caller.device));
        let left = ServerEvent::VoiceLeft {
            channel_id,
            sender,
            device_id,
            lost,
        };
        let active = false;
        let presence = ServerEvent::VoicePresence {
            channel_id,
            sender,
            active,
        };
        let [greeted, others] = self.versions(self.rooms.conns(channel_id), left);
        // Who is still there by another device has not gone.
        let told = match self.users_of(channel_id).contains(&sender) {
            true => Vec::new(),
            false => self.who_may_know(channel_id),
        };
        Some([greeted, others, (told, presence)])
    }

    fn who_may_know(&self, channel: ChannelId) -> Vec<ConnId> {
        let may_know = |it: &Connection| self.members.may_know_room(it.caller.device, channel);
        self.connections.select(may_know)
    }

    /// The users of a room, sorted, one for each connection.
    fn users_of(&self, channel: ChannelId) -> Vec<UserId> {
        let conns = self.rooms.members(channel);
        let mut users: Vec<_> = conns
            .filter_map(|(conn, _)| Some(self.connections.get(conn)?.caller.user))
            .collect();
        users.sort_unstable();
        users
    }

    fn roster(&self, channel: ChannelId) -> (Vec<UserId>, Vec<VoiceDevice>) {
        let members = self.rooms.members(channel).filter_map(|(conn, proof)| {
            let caller = self.connections.get(conn)?.caller;
            Some(VoiceDevice {
                user_id: caller.user,
                device_id: caller.device,
                proof: proof.cloned(),
            })
        });
        let mut devices: Vec<_> = members.collect();
        devices.sort_by_key(|it| (it.user_id, it.device_id));
        (devices.iter().map(|it| it.user_id).collect(), devices)
    }
}
