//! The server between the devices, and the way of frames to it and from it.

use dialtone_protocol::voice::room::Input;
use dialtone_protocol::wire::event::{ErrorCode, ErrorEvent, ServerEvent};
use dialtone_protocol::wire::frame::ClientFrame;
use dialtone_protocol::wire::voice::{Signalled, VoiceDevice};

use super::{Device, ROOM, World};
use crate::welcome::welcome;

impl World {
    /// A device's socket ends. The server says that it is lost.
    pub(super) fn hang_up(&mut self, one: usize, tell: bool) {
        let device = &mut self.devices[one];
        let was_open = device.socket.take();
        let was_opening = core::mem::take(&mut device.opening);
        if let Some(socket) = was_open
            && let Some(place) = self.inside.iter().position(|(_, it, _)| *it == socket)
        {
            self.inside.remove(place);
            self.farewell(one, true);
        }
        if tell && (was_open.is_some() || was_opening) {
            self.input(one, Input::SocketClosed { status: None });
        }
    }

    fn farewell(&mut self, one: usize, lost: bool) {
        let desk = &self.devices[one].desk;
        let left = ServerEvent::VoiceLeft {
            channel_id: ROOM,
            sender: desk.user,
            device_id: Some(desk.device),
            lost,
        };
        for (other, socket, _) in self.inside.clone() {
            self.say(other, socket, left.clone());
        }
    }

    fn say(&mut self, one: usize, socket: u64, event: ServerEvent) {
        let due = self.tick + self.latency;
        self.down.push_back((due, one, socket, event));
    }

    fn serve(&mut self, one: usize, socket: u64, frame: &str) {
        let speaker = |it: &Device| (it.desk.user, it.desk.device);
        let (user, device) = speaker(&self.devices[one]);
        match ClientFrame::parse(frame.as_bytes()).unwrap() {
            ClientFrame::Hello(_) => self.say(one, socket, welcome()),
            ClientFrame::VoiceJoin(join) => {
                self.inside.retain(|(_, it, _)| *it != socket);
                self.inside.push((one, socket, join.proof.clone()));
                let devices: Vec<_> = self
                    .inside
                    .iter()
                    .map(|(one, _, proof)| VoiceDevice {
                        user_id: self.devices[*one].desk.user,
                        device_id: self.devices[*one].desk.device,
                        proof: proof.clone(),
                    })
                    .collect();
                let roster = ServerEvent::VoiceRoster {
                    channel_id: ROOM,
                    users: Vec::new(),
                    devices,
                    ice_servers: Vec::new(),
                };
                self.say(one, socket, roster);
                let joined = ServerEvent::VoiceJoined {
                    channel_id: ROOM,
                    sender: user,
                    device_id: Some(device),
                    proof: join.proof,
                };
                for (other, socket, _) in self.inside.clone() {
                    self.say(other, socket, joined.clone());
                }
            }
            ClientFrame::VoiceLeave { .. } => {
                if let Some(place) = self.inside.iter().position(|(_, it, _)| *it == socket) {
                    self.inside.remove(place);
                    self.farewell(one, false);
                }
            }
            ClientFrame::Signal(signal) => {
                let to = signal.recipient_device_id.unwrap();
                let event = ServerEvent::signal(
                    signal.content,
                    Signalled {
                        channel_id: ROOM,
                        sender: user,
                        recipient: signal.recipient.parse().unwrap(),
                        sender_device_id: Some(device),
                        recipient_device_id: Some(to),
                        proof: signal.proof,
                    },
                );
                let is_in = self.inside.iter().any(|(_, it, _)| *it == socket);
                for (other, socket, _) in self.inside.clone() {
                    if is_in && self.devices[other].desk.device == to {
                        self.say(other, socket, event.clone());
                    }
                }
            }
            _ => {
                let error = ErrorEvent {
                    code: ErrorCode::UnsupportedType,
                    message: String::new(),
                    channel_id: None,
                    client_id: None,
                };
                self.say(one, socket, ServerEvent::Error(error));
            }
        }
    }

    pub(super) fn deliver(&mut self) {
        while let Some((due, ..)) = self.up.front()
            && *due <= self.tick
        {
            let (_, one, socket, frame) = self.up.pop_front().unwrap();
            if self.devices[one].hears(socket) {
                self.serve(one, socket, &frame);
            }
        }
        while let Some((due, ..)) = self.down.front()
            && *due <= self.tick
        {
            let (_, one, socket, event) = self.down.pop_front().unwrap();
            if self.devices[one].hears(socket) {
                self.input(one, Input::Frame(event.to_text().as_bytes()));
            }
        }
    }
}
