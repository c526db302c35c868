//! What happens on connections: their start, their frames, their end, and sending to many at once.

use alloc::collections::{BTreeMap, VecDeque};
use alloc::string::{String, ToString};
use alloc::sync::Arc;
use alloc::vec::Vec;

use super::access::Caller;
use super::connections::{Connection, Room, Stage};
use super::pending::Awaiting;
use super::store::{Answer, Op, StoreError};
use super::{ConnId, Hub, HubError, Output, SessionKey};
use crate::ids::{ChannelId, Epoch, GroupId, RecipientId, Seq};
use crate::limits;
use crate::wire::event::{ErrorCode, ErrorEvent, ServerEvent, Welcome, WelcomeLimits};
use crate::wire::frame::{ClientFrame, Hello};

/// The version of the protocol on top of the base API.
pub const PROTOCOL: u32 = 1;

/// A connection that ended or left its voice room: what others are told of it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Gone {
    pub(super) caller: Caller,
    /// Whether it was its user's last.
    pub(super) last: bool,
    /// The voice room that it was in.
    pub(super) room: Option<ChannelId>,
    /// Whether the connection ended.
    pub(super) lost: bool,
}

impl Hub {
    pub(super) fn connected(&mut self, conn: ConnId, session: SessionKey) -> Result<(), HubError> {
        if self.connections.contains(conn) {
            return Err(HubError::ConnectionTaken);
        }
        let Some(caller) = self.tickets.take(session, self.now) else {
            let (code, reason) = (1008, "session ended");
            self.emit(Output::Close { conn, code, reason });
            return Ok(());
        };
        // Several may have been accepted at once.
        if self.connections.count_of(caller.user) >= limits::MAX_CONNECTIONS_PER_USER {
            let (code, reason) = (1013, "too many connections");
            self.emit(Output::Close { conn, code, reason });
            return Ok(());
        }
        let life = caller.expires_at.0.saturating_sub(self.unix().0);
        let expires = self.now + core::time::Duration::from_millis(life);
        let hello_by = (!self.config.compat).then(|| self.now + limits::HELLO_WAIT);
        let first = self.connections.open(conn, caller, expires, hello_by);
        self.broadcast(&ServerEvent::DeviceJoined {
            sender: caller.user,
            device_id: caller.device,
        });
        let voice_rooms = self.voice_snapshot(caller);
        self.tell(conn, &ServerEvent::VoiceSnapshot { voice_rooms });
        if first {
            let (user_id, online) = (caller.user, true);
            self.announce(&ServerEvent::PresenceChanged { user_id, online }, |_| true);
        }
        Ok(())
    }

    pub(super) fn closed(&mut self, conn: ConnId) -> Result<(), HubError> {
        if !self.connections.contains(conn) {
            return Err(HubError::UnknownConnection);
        }
        let gone = self.part(conn);
        self.connections.remove(conn);
        self.announce_gone(gone.into_iter().collect());
        Ok(())
    }

    pub(super) fn flushed(&mut self, conn: ConnId, bytes: usize) -> Result<(), HubError> {
        if !self.connections.contains(conn) {
            return Err(HubError::UnknownConnection);
        }
        if let Some(channels) = self.connections.flushed(conn, bytes) {
            self.tell_lagged(conn, channels);
        }
        Ok(())
    }

    pub(super) fn frame(&mut self, conn: ConnId, bytes: &[u8]) -> Result<(), HubError> {
        let stage = match self.connections.get(conn) {
            Some(connection) => connection.stage,
            None => return Err(HubError::UnknownConnection),
        };
        if stage == Stage::Closing {
            return Ok(());
        }
        let frame = ClientFrame::parse(bytes);
        if let (Stage::AwaitFirst, Ok(ClientFrame::Hello(hello))) = (stage, &frame) {
            self.hello(conn, hello);
            return Ok(());
        }
        if stage == Stage::AwaitFirst {
            if !self.config.compat {
                self.close_all([conn].into(), 1008, "hello required");
                return Ok(());
            }
            self.connections.set_stage(conn, Stage::Original);
        }
        match frame {
            Ok(ClientFrame::SendMessage(message)) => self.send_message(conn, message),
            Ok(ClientFrame::KeyRequest { group, epoch }) => self.request_key(conn, group, epoch),
            Ok(ClientFrame::VoiceJoin(join)) => self.join_room(conn, join),
            Ok(ClientFrame::VoiceLeave { channel_id }) => self.quit_room(conn, &channel_id),
            Ok(ClientFrame::Signal(signal)) => self.signal(conn, signal),
            Ok(ClientFrame::Hello(_)) => {
                self.refuse(conn, ErrorCode::InvalidMessage, "hello must come first");
            }
            Ok(ClientFrame::DirectMessage) => self.refuse(
                conn,
                ErrorCode::ChannelsOnly,
                "direct messages are not supported; use channels",
            ),
            Ok(ClientFrame::Broadcast) => self.refuse(
                conn,
                ErrorCode::ChannelsOnly,
                "global chat is not supported; use channels",
            ),
            Ok(ClientFrame::Unsupported) => {
                self.refuse(conn, ErrorCode::UnsupportedType, "unsupported message type");
            }
            Err(error) => {
                let event = ErrorEvent {
                    code: ErrorCode::InvalidMessage,
                    message: error.reason.to_string(),
                    channel_id: error.channel_id,
                    client_id: error.client_id,
                };
                self.tell(conn, &ServerEvent::Error(event));
            }
        }
        Ok(())
    }

    fn hello(&mut self, conn: ConnId, hello: &Hello) {
        if hello.protocol < PROTOCOL {
            self.refuse(
                conn,
                ErrorCode::InvalidMessage,
                "protocol must be at least 1",
            );
            return;
        }
        let Some(user) = self.connections.get(conn).map(|it| it.caller.user) else {
            return;
        };
        self.connections.set_stage(conn, Stage::Greeted);
        let (server_id, store_id) = self.ids;
        let welcome = Welcome {
            protocol: PROTOCOL,
            server_id,
            store_id,
            limits: welcome_limits(),
            features: ["sigchain", "names", "pending", "voice"]
                .map(String::from)
                .into(),
            ice_servers: self.config.ice.of(user, self.unix()),
            sigchain_head: self.members.head(),
        };
        self.tell(conn, &ServerEvent::Welcome(welcome));
        let resume = hello.resume.clone();
        if !resume.is_empty() {
            let channels = resume.keys().copied().collect();
            self.store(Op::LastSeqs { channels }, Awaiting::Resume { conn, resume });
        }
    }

    /// Says what a resumed connection has missed. Without an answer of the store it is closed: it would never know.
    pub(super) fn resume_stored(
        &mut self,
        conn: ConnId,
        resume: &BTreeMap<ChannelId, Seq>,
        result: Result<Answer, StoreError>,
    ) {
        let Some(device) = self.connections.get(conn).map(|it| it.caller.device) else {
            return;
        };
        let Ok(Answer::LastSeqs(last)) = result else {
            self.close_all([conn].into(), 1011, "the server failed");
            return;
        };
        let behind = last.into_iter().filter_map(|(channel, last)| {
            let has = *resume.get(&channel)?;
            let may_read =
                !self.members.knows_channel(channel) || self.members.may_use(device, channel);
            (may_read && has < last).then(|| (channel, has.next()))
        });
        let behind = behind.collect();
        self.tell_lagged(conn, behind);
    }

    fn tell_lagged(&mut self, conn: ConnId, channels: BTreeMap<ChannelId, Seq>) {
        let all: Vec<(ChannelId, Seq)> = channels.into_iter().collect();
        for some in all.chunks(limits::MAX_LAGGED_CHANNELS) {
            let channels = some.iter().copied().collect();
            self.tell(conn, &ServerEvent::Lagged { channels });
        }
    }

    fn request_key(&mut self, conn: ConnId, group: GroupId, epoch: Epoch) {
        let now = self.now;
        let Some(connection) = self.connections.get_mut(conn) else {
            return;
        };
        let device = connection.caller.device;
        if !connection.is_greeted() {
            self.refuse(conn, ErrorCode::UnsupportedType, "unsupported message type");
        } else if !connection.key_requests.take(
            limits::KEY_REQUESTS,
            limits::KEY_REQUEST_EVERY,
            now,
        ) {
            self.refuse(conn, ErrorCode::RateLimited, "too many requests for keys");
        } else if self.members.commitment(group, epoch).is_none()
            || !self
                .members
                .is_recipient(RecipientId::Device(device), group)
        {
            self.refuse(conn, ErrorCode::NotEntitled, "not entitled to that key");
        } else {
            let event = ServerEvent::KeyRequested {
                device_id: device,
                group,
                epoch,
            };
            let holders = self.in_group(group);
            let others = holders.into_iter().filter(|id| *id != conn).collect();
            self.send(others, &event);
        }
    }

    /// The greeted connections of devices that a group's keys are sealed to.
    pub(super) fn in_group(&self, group: GroupId) -> Vec<ConnId> {
        self.connections.select(|it| {
            let device = RecipientId::Device(it.caller.device);
            it.is_greeted() && self.members.is_recipient(device, group)
        })
    }

    /// Refuses a frame that carried no message.
    pub(super) fn refuse(&mut self, conn: ConnId, code: ErrorCode, message: &str) {
        let event = ErrorEvent {
            code,
            message: message.to_string(),
            channel_id: None,
            client_id: None,
        };
        self.tell(conn, &ServerEvent::Error(event));
    }

    /// Sends an event of the base API to everybody.
    pub(super) fn broadcast(&mut self, event: &ServerEvent) {
        let to = self.connections.select(|_| true);
        self.send(to, event);
    }

    /// Sends an event of ours to the greeted connections that `wanted` names.
    pub(super) fn announce(&mut self, event: &ServerEvent, wanted: impl Fn(&Connection) -> bool) {
        let to = self
            .connections
            .select(|connection| connection.is_greeted() && wanted(connection));
        self.send(to, event);
    }

    /// Sends an event to one connection.
    pub(super) fn tell(&mut self, conn: ConnId, event: &ServerEvent) {
        self.send([conn].into(), event);
    }

    /// Sends an event that cannot be fetched later. Who has no room for it is closed, and resumes.
    pub(super) fn send(&mut self, to: Vec<ConnId>, event: &ServerEvent) {
        if to.is_empty() {
            return;
        }
        let frame: Arc<str> = event.to_text().into();
        self.queue(to, &frame, |it| it.queue(frame.len()));
    }

    /// Sends a frame to those connections that have room.
    pub(super) fn queue(
        &mut self,
        mut to: Vec<ConnId>,
        frame: &Arc<str>,
        room: impl Fn(&mut Connection) -> Room,
    ) {
        let full = self.fill(&mut to, room);
        if !to.is_empty() {
            let frame = Arc::clone(frame);
            self.emit(Output::Send { to, frame });
        }
        self.close_all(full, 1013, "too slow");
    }

    /// Leaves in `to` the connections that have taken a frame, and answers those that must be closed.
    fn fill(
        &mut self,
        to: &mut Vec<ConnId>,
        room: impl Fn(&mut Connection) -> Room,
    ) -> Vec<ConnId> {
        let mut full = Vec::new();
        to.retain(|id| match self.connections.queue(*id, &room) {
            Some(Room::Queued) => true,
            Some(Room::Full) => {
                full.push(*id);
                false
            }
            Some(Room::Dropped) | None => false,
        });
        full
    }

    pub(super) fn close_all(&mut self, conns: Vec<ConnId>, code: u16, reason: &'static str) {
        let gone = self.shut(conns, code, reason);
        self.announce_gone(gone);
    }

    /// Sends nothing more to connections. Answers what others must be told about it.
    fn shut(&mut self, conns: Vec<ConnId>, code: u16, reason: &'static str) -> Vec<Gone> {
        let mut gone = Vec::new();
        for conn in conns {
            if self.connections.get(conn).is_some_and(Connection::is_open) {
                self.emit(Output::Close { conn, code, reason });
                gone.extend(self.part(conn));
            }
        }
        gone
    }

    /// Sends nothing more to a connection, and takes it out of its voice room.
    fn part(&mut self, conn: ConnId) -> Option<Gone> {
        let connection = self.connections.get(conn).filter(|it| it.is_open())?;
        let caller = connection.caller;
        let last = self.connections.close(conn).is_some();
        let room = self.rooms.leave(conn);
        let lost = true;
        (last || room.is_some()).then_some(Gone {
            caller,
            last,
            room,
            lost,
        })
    }

    /// Says who went offline. Whom that fills up is closed and announced in turn, by a list and not by a call within the
    /// call: one broadcast may fill up everybody.
    pub(super) fn announce_gone(&mut self, gone: Vec<Gone>) {
        let mut gone = VecDeque::from(gone);
        if gone.is_empty() {
            return;
        }
        let mut greeted = self.connections.select(Connection::is_greeted);
        while let Some(one) = gone.pop_front() {
            let mut full = Vec::new();
            let Gone { caller, last, .. } = one;
            for (mut to, event) in self.farewells(one).into_iter().flatten() {
                full.extend(self.deliver(&mut to, &event));
            }
            if last {
                let (user_id, online) = (caller.user, false);
                let event = ServerEvent::PresenceChanged { user_id, online };
                full.extend(self.deliver(&mut greeted, &event));
            }
            gone.extend(self.shut(full, 1013, "too slow"));
        }
    }

    /// Sends an event to those that have room. Leaves them in `to`, and answers those that must be closed.
    fn deliver(&mut self, to: &mut Vec<ConnId>, event: &ServerEvent) -> Vec<ConnId> {
        let frame: Arc<str> = event.to_text().into();
        let full = self.fill(to, |it| it.queue(frame.len()));
        if !to.is_empty() {
            let to = to.clone();
            self.emit(Output::Send { to, frame });
        }
        full
    }

    pub(super) fn expire_connections(&mut self) {
        while let Some((conn, expired)) = self.connections.due(self.now) {
            let reason = if expired {
                "session ended"
            } else {
                "hello required"
            };
            self.close_all([conn].into(), 1008, reason);
        }
    }
}

fn welcome_limits() -> WelcomeLimits {
    // All of them are small constants.
    let number = |bound: usize| u32::try_from(bound).unwrap_or(u32::MAX);
    WelcomeLimits {
        body_bytes: number(limits::MAX_BODY_BYTES),
        frame_bytes: number(limits::MAX_FRAME_BYTES),
        unacked_messages: limits::MAX_UNACKED_MESSAGES,
        history_page: limits::MAX_HISTORY_PAGE,
    }
}
