//! The machine of a device in voice rooms: its link to the server, the room that it is in, and the connections with the
//! other devices there (spec 11.30 to 11.49).
//!
//! ```text
//!              enter                 signed               roster
//!   Nowhere ---------> AwaitProof ---------> AwaitRoster --------> Inside
//!      ^                                          ^                  |
//!      | leave, turned out, refused               +--- socket lost --+   (same proof: the same stay)
//! ```
//!
//! It holds no key and no log: what is to be signed or judged it asks ([`Question`]), and
//! what a device says waits in order until it is answered.

mod asks;
mod io;
mod judging;
mod link;
mod member;
mod place;
mod talking;

pub use io::{
    AskId, Event, Input, Leaving, MemberView, Output, PeerId, RoomError, Standing, Transmit,
};

use alloc::collections::{BTreeMap, VecDeque};
use alloc::vec::Vec;

use asks::{Asks, Purpose};
use member::Member;
use place::Place;

use crate::crypto::voice::Speaker;
use crate::ids::ChannelId;
use crate::machine::Machine;
use crate::session::{self, Session};
use crate::time::Instant;
use crate::voice::ask::Question;
use crate::voice::{Command, Event as PairEvent, Input as PairInput, Output as PairOutput, Say};
use crate::wire::sensitive::Sensitive;

/// A device in voice rooms.
#[derive(Debug)]
pub struct Room {
    now: Instant,
    session: Session,
    /// This device, once it is known.
    own: Option<Speaker>,
    place: Place,
    members: BTreeMap<Speaker, Member>,
    /// Where each connection belongs.
    peers: BTreeMap<PeerId, Speaker>,
    next_peer: u64,
    asks: Asks,
    /// Since when nobody answers what is asked, or since when a room is wanted all the same.
    unanswered: Option<Instant>,
    outputs: VecDeque<Output>,
}

impl Room {
    /// Begins in no room. The seed is for the pauses between attempts to connect.
    #[must_use]
    pub fn new(seed: [u8; 32], now: Instant) -> Self {
        Self {
            now,
            session: Session::new(seed),
            own: None,
            place: Place::Nowhere,
            members: BTreeMap::new(),
            peers: BTreeMap::new(),
            next_peer: 0,
            asks: Asks::default(),
            unanswered: None,
            outputs: VecDeque::new(),
        }
    }

    /// Wants a connection to the server, now and after every loss.
    pub fn connect(&mut self, now: Instant) {
        self.pass(now);
        self.session.connect(self.now);
        self.pump();
    }

    /// Takes in a token for the server. Without one it is asked for.
    pub fn set_token(&mut self, token: Sensitive, now: Instant) {
        self.pass(now);
        self.session.set_token(token, self.now);
        self.pump();
    }

    /// Enters the room of a channel, and leaves any other.
    pub fn enter(&mut self, room: ChannelId, now: Instant) {
        self.pass(now);
        if self.place.is_inside(room) {
            self.event(Event::Entered { room });
        } else if self.place.room() != Some(room) {
            self.leave_for(Leaving::Asked);
            self.begin(room);
        }
        self.pump();
    }

    /// Leaves the room.
    pub fn leave(&mut self, now: Instant) {
        self.pass(now);
        self.leave_for(Leaving::Asked);
        self.pump();
    }

    /// Leaves the room and ends the link to the server.
    pub fn close(&mut self, now: Instant) {
        self.pass(now);
        self.leave_for(Leaving::Asked);
        self.session.close(self.now);
        self.pump();
    }

    /// The room's channel, also while it is being entered.
    #[must_use]
    pub fn room(&self) -> Option<ChannelId> {
        self.place.room()
    }

    /// Whether the server has let this device into the room on this connection.
    #[must_use]
    pub const fn is_inside(&self) -> bool {
        matches!(self.place, Place::Inside { .. })
    }

    /// This device, once it is known.
    #[must_use]
    pub const fn own(&self) -> Option<Speaker> {
        self.own
    }

    /// The link to the server.
    #[must_use]
    pub const fn link(&self) -> session::State {
        self.session.state()
    }

    /// The other devices in the room, in the order of their users.
    pub fn members(&self) -> impl Iterator<Item = MemberView> {
        self.members.iter().map(|(speaker, member)| MemberView {
            speaker: *speaker,
            standing: member.standing(),
            verified: member.seat.as_ref().is_some_and(|seat| seat.verified),
            peer: member.seat.as_ref().map(|seat| seat.peer),
            absent: member.absent.is_some(),
        })
    }

    /// The device at the other end of a connection.
    #[must_use]
    pub fn speaker(&self, peer: PeerId) -> Option<Speaker> {
        self.peers.get(&peer).copied()
    }

    fn peer_input(&mut self, peer: PeerId, input: PairInput<'_>) -> Result<(), RoomError> {
        let speaker = self.speaker(peer).ok_or(RoomError::UnknownPeer)?;
        let member = self.members.get_mut(&speaker);
        let seat = member.and_then(|it| it.seat.as_mut());
        let seat = seat.ok_or(RoomError::UnknownPeer)?;
        let told = seat.pair.handle_input(input, self.now);
        told.map_err(RoomError::Pair)
    }

    /// Carries out what all parts want, until none wants anything more.
    fn pump(&mut self) {
        self.drain_session();
        self.absences();
        let speakers: Vec<Speaker> = self.members.keys().copied().collect();
        for speaker in speakers {
            self.pump_member(speaker);
        }
    }

    fn ask(&mut self, purpose: Purpose, question: Question) -> AskId {
        let id = self.asks.add(purpose, question.clone());
        self.outputs.push_back(Output::Ask { id, question });
        id
    }

    fn media(&mut self, peer: PeerId, command: Command) {
        self.outputs.push_back(Output::Media { peer, command });
    }

    fn transmit(&mut self, transmit: Transmit) {
        self.outputs.push_back(Output::Transmit(transmit));
    }

    fn event(&mut self, event: Event) {
        self.outputs.push_back(Output::Event(event));
    }

    /// It is said once that the members changed, however much of it changes at once.
    fn members_changed(&mut self) {
        let event = Output::Event(Event::MembersChanged);
        if self.outputs.back() != Some(&event) {
            self.outputs.push_back(event);
        }
    }

    fn pass(&mut self, now: Instant) {
        self.now = self.now.max(now);
    }
}

impl Machine for Room {
    type Input<'a> = Input<'a>;
    type Output = Output;
    type Error = RoomError;

    fn handle_input(&mut self, input: Input<'_>, now: Instant) -> Result<(), RoomError> {
        let before = self.now;
        self.pass(now);
        let taken = match input {
            Input::Answered { id, answer } => self.answered(id, answer),
            Input::Peer { peer, input } => self.peer_input(peer, input),
            Input::NetworkChanged => {
                self.network_changed();
                Ok(())
            }
            Input::Revoked { room, speaker } => {
                self.revoked(room, speaker);
                Ok(())
            }
            Input::SocketOpened | Input::SocketClosed { .. } | Input::Frame(_) => {
                match self.expects_socket() {
                    true => {
                        self.socket(input);
                        Ok(())
                    }
                    false => Err(RoomError::NoSocket),
                }
            }
        };
        match taken {
            Ok(()) => self.pump(),
            Err(_) => self.now = before,
        }
        taken
    }

    fn handle_timeout(&mut self, now: Instant) {
        self.pass(now);
        self.session.handle_timeout(self.now);
        self.place_timeout();
        if self.gives_up().is_some_and(|at| at <= self.now) {
            self.leave_for(Leaving::Unanswered);
        }
        while let Some((id, question)) = self.asks.due(self.now) {
            self.outputs.push_back(Output::Ask { id, question });
        }
        for member in self.members.values_mut() {
            if let Some(seat) = &mut member.seat {
                seat.pair.handle_timeout(self.now);
            }
        }
        self.pump();
    }

    fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    fn poll_timeout(&self) -> Option<Instant> {
        if !self.outputs.is_empty() {
            return Some(self.now);
        }
        let own = [
            self.session.poll_timeout(),
            self.place.deadline(),
            self.gives_up(),
            self.asks.deadline(),
        ];
        let members = self.members.values().filter_map(Member::deadline);
        own.into_iter().flatten().chain(members).min()
    }
}
