//! Where this device is, and what the server says about the room.

use alloc::string::{String, ToString};
use alloc::vec::Vec;

use super::asks::Purpose;
use super::io::{Event, Leaving, Output, Transmit};
use super::member::{Heard, Member};
use super::{PairInput, Room};
use crate::crypto::voice::Speaker;
use crate::ids::ChannelId;
use crate::limits;
use crate::machine::Machine;
use crate::session;
use crate::time::Instant;
use crate::voice::ask::{Question, Refusal};
use crate::wire::event::{ErrorCode, ErrorEvent, ServerEvent};
use crate::wire::frame::ClientFrame;
use crate::wire::voice::{Signalled, VoiceDevice, VoiceJoin};

/// Where this device is.
#[derive(Clone, Debug)]
pub(super) enum Place {
    /// In no room.
    Nowhere,
    /// What it says when it enters is being signed.
    AwaitProof { room: ChannelId },
    /// The server has to let it in: it was asked if there is a time at which it is asked again.
    AwaitRoster {
        room: ChannelId,
        proof: String,
        asked: Option<Instant>,
        /// It was in before.
        again: bool,
    },
    /// In the room.
    Inside {
        room: ChannelId,
        proof: String,
        /// When what the server lends is asked for anew.
        renew: Option<Instant>,
    },
}

impl Place {
    pub(super) const fn room(&self) -> Option<ChannelId> {
        match self {
            Self::Nowhere => None,
            Self::AwaitProof { room }
            | Self::AwaitRoster { room, .. }
            | Self::Inside { room, .. } => Some(*room),
        }
    }

    pub(super) fn is_inside(&self, room: ChannelId) -> bool {
        matches!(self, Self::Inside { room: here, .. } if *here == room)
    }

    /// What this device signed when it entered.
    pub(super) fn proof(&self) -> Option<(ChannelId, &str)> {
        match self {
            Self::Nowhere | Self::AwaitProof { .. } => None,
            Self::AwaitRoster { room, proof, .. } | Self::Inside { room, proof, .. } => {
                Some((*room, proof))
            }
        }
    }

    pub(super) const fn deadline(&self) -> Option<Instant> {
        match self {
            Self::AwaitRoster { asked, .. } => *asked,
            Self::Inside { renew, .. } => *renew,
            Self::Nowhere | Self::AwaitProof { .. } => None,
        }
    }

    /// Whether the server was asked to let it in, and has not answered yet.
    const fn is_asked(&self) -> bool {
        matches!(self, Self::AwaitRoster { asked: Some(_), .. })
    }
}

impl Room {
    /// Wants to be in a room: what it says when it enters has to be signed first.
    pub(super) fn begin(&mut self, room: ChannelId) {
        if let Some(since) = &mut self.unanswered {
            *since = self.now;
        }
        self.place = Place::AwaitProof { room };
        self.ask(Purpose::Enter, Question::Enter { room });
    }

    /// What was signed is there: the server is asked as soon as there is a connection.
    pub(super) fn proven(&mut self, proof: &str) {
        if let Place::AwaitProof { room } = self.place {
            self.place = Place::AwaitRoster {
                room,
                proof: proof.to_string(),
                asked: None,
                again: false,
            };
            self.knock();
        }
    }

    /// Asks the server to be let in.
    pub(super) fn knock(&mut self) {
        if self.session.state() != session::State::Online {
            return;
        }
        if let Place::AwaitRoster {
            room, proof, asked, ..
        } = &mut self.place
        {
            *asked = Some(self.now + limits::ROSTER_WAIT);
            let join = join(*room, proof);
            self.transmit(join);
        }
    }

    pub(super) fn place_timeout(&mut self) {
        if self.place.deadline().is_none_or(|at| at > self.now) {
            return;
        }
        let again = self.now + limits::ROSTER_WAIT;
        if let Place::Inside { room, proof, renew } = &mut self.place {
            // Whoever is in stays in, whatever the server says to it.
            *renew = Some(again);
            let join = join(*room, proof);
            self.transmit(join);
        } else {
            self.knock();
        }
    }

    /// There is no connection to the server. Whom this device hears it hears on.
    pub(super) fn out_of_reach(&mut self) {
        match &mut self.place {
            Place::AwaitRoster { asked, .. } => *asked = None,
            Place::Inside { room, proof, .. } => {
                self.place = Place::AwaitRoster {
                    room: *room,
                    proof: core::mem::take(proof),
                    asked: None,
                    again: true,
                };
            }
            Place::Nowhere | Place::AwaitProof { .. } => {}
        }
    }

    /// Leaves the room that this device is in or about to enter, if any.
    pub(super) fn leave_for(&mut self, why: Leaving) {
        let Some(room) = self.place.room() else {
            return;
        };
        let tells = match (&self.place, &why) {
            (_, Leaving::TurnedOut | Leaving::Refused(_)) => false,
            (Place::Inside { .. }, _) => true,
            (Place::AwaitRoster { asked, .. }, _) => asked.is_some(),
            (Place::Nowhere | Place::AwaitProof { .. }, _) => false,
        };
        self.place = Place::Nowhere;
        for speaker in self.members.keys().copied().collect::<Vec<Speaker>>() {
            self.remove(speaker);
        }
        self.asks
            .forget(|purpose| !matches!(purpose, Purpose::LogIn(_)));
        if tells {
            let channel_id = room.to_string();
            let leave = ClientFrame::VoiceLeave { channel_id };
            self.transmit(Transmit::Frame(leave.to_text()));
        }
        self.event(Event::Left { room, why });
    }

    /// The log does not let a device into the room any more (spec 11.44).
    pub(super) fn revoked(&mut self, room: ChannelId, speaker: Speaker) {
        if self.place.room() != Some(room) {
            return;
        }
        if self.own == Some(speaker) {
            self.leave_for(Leaving::NotAllowed(Refusal::OwnNotEntitled));
        } else if self.members.contains_key(&speaker) {
            self.remove(speaker);
            let reason = Refusal::NotEntitled;
            self.event(Event::Refused { speaker, reason });
        }
    }

    pub(super) fn network_changed(&mut self) {
        self.tell_session(session::Input::NetworkChanged);
        for member in self.members.values_mut() {
            if let Some(seat) = &mut member.seat {
                let _ = seat.pair.handle_input(PairInput::NetworkChanged, self.now);
            }
        }
    }

    /// An event of the server, while the link is online.
    #[allow(
        clippy::wildcard_enum_match_arm,
        reason = "the other events are for chat"
    )]
    pub(super) fn server_event(&mut self, event: ServerEvent) {
        match event {
            ServerEvent::VoiceRoster {
                channel_id,
                devices,
                ice_servers,
                ..
            } => {
                let is_lent = ice_servers.iter().any(|it| it.credential.is_some());
                if !ice_servers.is_empty() {
                    self.outputs.push_back(Output::IceServers(ice_servers));
                }
                self.roster(channel_id, devices, is_lent);
            }
            ServerEvent::VoiceJoined {
                channel_id,
                sender: user,
                device_id: Some(device),
                proof,
            } if self.place.is_inside(channel_id) => {
                self.appear(Speaker { user, device }, proof, true);
            }
            ServerEvent::VoiceLeft {
                channel_id,
                sender: user,
                device_id: Some(device),
                lost,
            } if self.place.room() == Some(channel_id) => {
                self.gone(Speaker { user, device }, lost);
            }
            ServerEvent::Offer { sdp, signal } => {
                let proof = signal.proof.clone();
                let fits = sdp.len() <= limits::MAX_SDP_BYTES;
                self.heard(&signal, fits.then_some(Heard::Offer { sdp, proof }));
            }
            ServerEvent::Answer { sdp, signal } => {
                let proof = signal.proof.clone();
                let fits = sdp.len() <= limits::MAX_SDP_BYTES;
                self.heard(&signal, fits.then_some(Heard::Answer { sdp, proof }));
            }
            ServerEvent::Candidate { candidate, signal } => {
                let fits = candidate.len() <= limits::MAX_CANDIDATE_BYTES;
                self.heard(&signal, fits.then_some(Heard::Candidate { candidate }));
            }
            ServerEvent::Error(error) => self.server_refused(error),
            _ => {}
        }
    }

    /// The server let this device in, for the first time or again (spec 11.41).
    fn roster(&mut self, room: ChannelId, devices: Vec<VoiceDevice>, is_lent: bool) {
        let Some((wanted, proof)) = self.place.proof() else {
            return;
        };
        if wanted != room {
            return;
        }
        let proof = proof.to_string();
        // Without a connection the logins of relays are named with the next one (spec 11.45).
        let renew = is_lent.then_some(self.now + limits::RELAY_RENEWAL);
        let was_inside = self.is_inside();
        self.place = Place::Inside { room, proof, renew };
        if !was_inside {
            self.event(Event::Entered { room });
        }
        let here = |it: &VoiceDevice| Speaker {
            user: it.user_id,
            device: it.device_id,
        };
        let missing: Vec<Speaker> = self
            .members
            .keys()
            .filter(|speaker| !devices.iter().any(|it| here(it) == **speaker))
            .copied()
            .collect();
        for speaker in missing {
            self.gone(speaker, true);
        }
        for device in devices {
            // Whoever was here all along has nothing new to say. A roster for an earlier stay may have come before this.
            let member = self.members.get(&here(&device));
            let is_new = |it: &Member| it.absent.is_some() || !it.said(&device.proof);
            if !was_inside || member.is_none_or(is_new) {
                self.appear(here(&device), device.proof, false);
            }
        }
        if !was_inside {
            self.members_changed();
        }
    }

    /// A device left, or the server lost it from sight.
    fn gone(&mut self, speaker: Speaker, lost: bool) {
        if self.own == Some(speaker) {
            // What only ended with this device's own earlier connection is of no account.
            if !lost && self.is_inside() {
                self.leave_for(Leaving::TurnedOut);
            }
            return;
        }
        let until = self.now + limits::ABSENCE;
        match self.members.get_mut(&speaker) {
            Some(member) if lost && member.is_connected() => {
                member.claim = None;
                member.absent.get_or_insert(until);
                self.asks
                    .forget(|purpose| purpose == Purpose::Admit(speaker));
                self.members_changed();
            }
            Some(_) => self.remove(speaker),
            None => {}
        }
    }

    /// Who is away too long, or is away and cannot be heard, is gone.
    pub(super) fn absences(&mut self) {
        let is_over = |member: &Member| {
            let until = member.absent;
            until.is_some_and(|at| at <= self.now || !member.is_connected())
        };
        let over = self.members.iter().filter(|(_, member)| is_over(member));
        for speaker in over.map(|(speaker, _)| *speaker).collect::<Vec<_>>() {
            self.remove(speaker);
        }
    }

    fn heard(&mut self, signal: &Signalled, heard: Option<Heard>) {
        let (Some(device), Some(heard)) = (signal.sender_device_id, heard) else {
            return;
        };
        let own = self.own;
        let meant = signal
            .recipient_device_id
            .is_none_or(|device| own.is_some_and(|own| own.device == device));
        if !meant || !self.place.is_inside(signal.channel_id) {
            return;
        }
        let user = signal.sender;
        if let Some(member) = self.members.get_mut(&Speaker { user, device }) {
            member.hear(heard);
        }
    }

    /// Only what is said while this device waits to be let in is about that.
    fn server_refused(&mut self, error: ErrorEvent) {
        let is_waiting = self.place.is_asked();
        let was_in = matches!(self.place, Place::AwaitRoster { again: true, .. });
        match error.code {
            // Who comes back a moment after others is let in a little later.
            ErrorCode::RateLimited | ErrorCode::ServerError if is_waiting && was_in => {}
            ErrorCode::ChannelNotFound
            | ErrorCode::NotEntitled
            | ErrorCode::RateLimited
            | ErrorCode::ServerError
            | ErrorCode::InvalidMessage
                if is_waiting =>
            {
                self.leave_for(Leaving::Refused(error.message));
            }
            // The server does not know of it, perhaps after a restart that this connection outlived.
            ErrorCode::VoiceNotJoined if self.is_inside() => {
                self.out_of_reach();
                self.knock();
            }
            ErrorCode::InvalidMessage
            | ErrorCode::ChannelsOnly
            | ErrorCode::ChannelNotFound
            | ErrorCode::ServerError
            | ErrorCode::VoiceNotJoined
            | ErrorCode::UnsupportedType
            | ErrorCode::StaleEpoch
            | ErrorCode::NotEntitled
            | ErrorCode::MalformedBody
            | ErrorCode::RateLimited
            | ErrorCode::Unknown => {}
        }
    }
}

/// Asks the server to be let in.
fn join(room: ChannelId, proof: &str) -> Transmit {
    let join = ClientFrame::VoiceJoin(VoiceJoin {
        channel_id: room.to_string(),
        proof: Some(proof.to_string()),
    });
    Transmit::Frame(join.to_text())
}
