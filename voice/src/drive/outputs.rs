//! What the machines want: frames for the server, datagrams for others, questions and events for the clients.

use std::sync::Arc;

use dialtone_client::link::run_socket;
use dialtone_protocol::Machine;
use dialtone_protocol::crypto::voice::Speaker;
use dialtone_protocol::runtime::Runtime;
use dialtone_protocol::session::State;
use dialtone_protocol::voice::Command;
use dialtone_protocol::voice::ipc;
use dialtone_protocol::voice::room::{
    Event, Input, Leaving, MemberView, Output, PeerId, Standing, Transmit,
};

use super::{Daemon, Incoming, log};
use crate::media::{self, PeerEvent};

impl<R: Runtime> Daemon<R> {
    /// Carries out what all parts want, until none wants anything more.
    pub(super) async fn carry_out(&mut self) {
        loop {
            if let Some(output) = self.room.poll_output() {
                self.room_says(output).await;
            } else if let Some(output) = self.mesh.poll_output() {
                self.mesh_says(output).await;
            } else {
                break;
            }
        }
    }

    async fn room_says(&mut self, output: Output) {
        let now = self.runtime.now();
        match output {
            Output::Ask { id, question } => {
                if let Some(client) = self.answers {
                    let ask = id.0;
                    let event = ipc::Event::VoiceAsk { ask, question };
                    self.clients.tell(client, &event);
                }
            }
            Output::Event(event) => self.room_event(event).await,
            Output::Media { peer, command } => {
                if command == Command::Close {
                    log::note(format_args!("connection {} is closed", peer.0));
                    self.hearing.close(peer);
                }
                self.mesh.command(peer, command, now);
            }
            Output::Transmit(transmit) => self.transmit(transmit),
            Output::IceServers(servers) => self.name_servers(&servers),
            _ => {}
        }
    }

    fn transmit(&mut self, transmit: Transmit) {
        match transmit {
            Transmit::OpenSocket { token } => {
                self.links += 1;
                let number = self.links;
                // Not bounded here: the machine bounds what it says.
                let (frames, outgoing) = async_channel::unbounded();
                self.link = Some((number, frames));
                let incoming = self.incoming.0.clone();
                let report = move |happened| {
                    let incoming = incoming.clone();
                    async move {
                        let _ = incoming.send(Incoming::Link { number, happened }).await;
                    }
                };
                let connector = Arc::clone(&self.connector);
                let token = token.expose().to_owned();
                self.runtime
                    .spawn(run_socket(connector, token, outgoing, report));
            }
            Transmit::Frame(frame) => {
                if let Some((_, frames)) = &self.link {
                    // Fails only when the socket has ended, which is reported by itself.
                    let _ = frames.try_send(frame);
                }
            }
            Transmit::CloseSocket => self.link = None,
            _ => {}
        }
    }

    async fn room_event(&mut self, event: Event) {
        match event {
            Event::Entered { room } => {
                if let Some(own) = self.room.own() {
                    self.user = Some(own.user);
                }
                self.find_addresses().await;
                self.open_sound();
                self.tell_all(&ipc::Event::VoiceConnected { room });
                self.say_members();
                self.say_state();
                if self.settings.relay_only && !self.has_relay {
                    let error = "nobody is heard: sound is to go through relays alone, and there is none; name one by \
                                 --voice-turn, or ask the server's host for one (--turn)"
                        .to_owned();
                    self.tell_all(&ipc::Event::Error { error });
                }
            }
            Event::Left { room, why } => {
                self.told = None;
                self.close_sound();
                for id in self.network.close() {
                    self.mesh.remove_socket(id, self.runtime.now());
                }
                self.say_silence();
                if why != Leaving::Asked {
                    let why = why.to_string();
                    self.tell_all(&ipc::Event::VoiceLeft { room, why });
                }
                self.tell_all(&ipc::Event::VoiceReady { room: Some(room) });
                self.say_state();
            }
            Event::Link(state) => {
                log::note(format_args!("the server: {state:?}"));
                let online = state == State::Online;
                self.tell_all(&ipc::Event::VoiceLink { online });
            }
            Event::MembersChanged => self.say_members(),
            Event::Refused { speaker, reason } => {
                let Speaker { user, device } = speaker;
                self.tell_all(&ipc::Event::VoiceRefused {
                    user,
                    device,
                    reason,
                });
            }
            _ => {}
        }
    }

    async fn mesh_says(&mut self, output: media::Output) {
        let now = self.runtime.now();
        match output {
            media::Output::Peer { peer, event } => {
                if matches!(event, PeerEvent::Connected | PeerEvent::Failed) {
                    log::note(format_args!("connection {}: {event:?}", peer.0));
                }
                let input = event.as_input();
                // What a connection says that was closed meanwhile is nobody's.
                let _ = self.room.handle_input(Input::Peer { peer, input }, now);
            }
            media::Output::RelayTrouble { server, why } => {
                log::note(format_args!("the relay {server}: {why}"));
                let error = format!(
                    "the relay {server} cannot be used: {why}. Who cannot be reached directly is not heard; it is \
                     tried again"
                );
                self.tell_all(&ipc::Event::Error { error });
            }
            media::Output::Sound { peer, packet } => {
                if let Some(speaker) = self.room.speaker(peer) {
                    self.hearing.push(peer, speaker, packet);
                }
            }
            media::Output::Transmit { socket, to, bytes } => {
                self.network.send(socket, to, &bytes).await;
            }
            media::Output::CloseStream { stream } => self.streams.close(stream),
            media::Output::OpenStream { stream, server } => self.streams.open(stream, server),
            media::Output::WriteStream { stream, bytes } => self.streams.write(stream, bytes),
        }
    }

    /// Says who is in the room and how they stand, unless that was said already.
    pub(super) fn say_members(&mut self) {
        let members = self.members();
        if members != self.told {
            if let Some(event) = &members {
                self.clients.tell_all(event);
            }
            self.told = members;
        }
    }

    pub(super) fn members(&self) -> Option<ipc::Event> {
        let room = self.room.room()?;
        let members: Vec<ipc::Member> = self.room.members().map(|it| self.member(it)).collect();
        let heard = members
            .iter()
            .filter(|it| it.standing != ipc::Standing::Refused);
        let mut users: Vec<_> = heard.map(|it| it.user).chain(self.user).collect();
        users.sort_unstable();
        users.dedup();
        Some(ipc::Event::VoiceMembers {
            room,
            users,
            members,
        })
    }

    fn member(&self, view: MemberView) -> ipc::Member {
        let Speaker { user, device } = view.speaker;
        let health = view.peer.and_then(|peer| self.mesh.health(peer));
        let is_stalled = health.is_some_and(|it| it.stalled);
        ipc::Member {
            user,
            device,
            verified: view.verified,
            standing: match view.standing {
                Standing::Judging => ipc::Standing::Judging,
                Standing::Refused(_) => ipc::Standing::Refused,
                Standing::Connected if is_stalled => ipc::Standing::Stalled,
                Standing::Connected => ipc::Standing::Connected,
                Standing::Reconnecting => ipc::Standing::Reconnecting,
                _ => ipc::Standing::Connecting,
            },
            absent: view.absent,
            volume: self.hearing.volume(user),
        }
    }

    pub(super) fn peers(&self) -> Vec<(PeerId, Speaker)> {
        let members = self.room.members();
        members
            .filter_map(|it| Some((it.peer?, it.speaker)))
            .collect()
    }

    pub(super) fn tell_all(&mut self, event: &ipc::Event) {
        self.clients.tell_all(event);
    }
}
