//! Who may be heard: claims, and what is answered about them.

use super::asks::Purpose;
use super::io::{AskId, Event, Leaving, PeerId, RoomError};
use super::member::{Claimed, Member, Seated};
use super::{Command, PairInput, Room};
use crate::crypto::voice::Speaker;
use crate::limits;
use crate::machine::Machine;
use crate::session::{self, CallFailure};
use crate::voice::ask::{Answer, Claim, Question, Refusal};

impl Room {
    /// The server says that a device is in the room. `offers`: this device was there before.
    pub(super) fn appear(
        &mut self,
        speaker: Speaker,
        proof: Option<alloc::string::String>,
        offers: bool,
    ) {
        if self.own == Some(speaker) {
            return;
        }
        let Some(room) = self.place.room() else {
            return;
        };
        if !self.members.contains_key(&speaker) && self.members.len() >= limits::MAX_ROOM_MEMBERS {
            return;
        }
        let now = self.now;
        let member = self.members.entry(speaker).or_default();
        member.absent = None;
        if member.is_known(&proof) {
            // The same stay: what stands goes on, and what is broken is mended now that signals get through again.
            if let Some(seat) = &mut member.seat {
                let _ = seat.pair.handle_input(PairInput::Reachable, now);
            }
            self.members_changed();
            return;
        }
        member.claim = Some(Claimed::new(proof.clone(), offers));
        self.asks
            .forget(|purpose| purpose == Purpose::Admit(speaker));
        let Speaker { user, device } = speaker;
        let peer = Claim {
            user,
            device,
            proof,
        };
        self.ask(Purpose::Admit(speaker), Question::Admit { room, peer });
        self.members_changed();
    }

    /// An answer to a question of this machine.
    pub(super) fn answered(&mut self, id: AskId, answer: &Answer) -> Result<(), RoomError> {
        let purpose = self.asks.purpose(id).ok_or(RoomError::UnknownAsk)?;
        if self.takes(purpose, answer) {
            self.asks.take(id);
        } else {
            self.asks.put_off(id, self.now);
        }
        Ok(())
    }

    /// Does what an answer is for. `false` if it is none: the question stays open.
    fn takes(&mut self, purpose: Purpose, answer: &Answer) -> bool {
        // That this device may not be there ends everything.
        if let Answer::Refused {
            reason: reason @ Refusal::OwnNotEntitled,
        } = answer
            && !matches!(purpose, Purpose::LogIn(_))
        {
            self.leave_for(Leaving::NotAllowed(*reason));
            return true;
        }
        match (purpose, answer) {
            (
                Purpose::Enter,
                Answer::Entered {
                    user,
                    device,
                    proof,
                },
            ) => {
                let (user, device) = (*user, *device);
                self.own = Some(Speaker { user, device });
                self.proven(proof);
                true
            }
            (Purpose::Enter, Answer::Refused { reason }) => {
                self.leave_for(Leaving::NotAllowed(*reason));
                true
            }
            (Purpose::Admit(speaker), Answer::Admitted { verified }) => {
                self.admit(speaker, *verified);
                true
            }
            (Purpose::Admit(speaker), Answer::Refused { reason }) => {
                self.refuse(speaker, *reason);
                true
            }
            (Purpose::Hear(speaker, peer), answer) => self.believe(speaker, peer, answer),
            (Purpose::Say(speaker, peer), answer) => self.signed(speaker, peer, answer),
            (Purpose::LogIn(attempt), Answer::Token { token }) => {
                let result = Ok(token.clone());
                self.tell_session(session::Input::LoggedIn { attempt, result });
                true
            }
            (Purpose::LogIn(attempt), Answer::Refused { .. }) => {
                let result = Err(CallFailure::Unavailable);
                self.tell_session(session::Input::LoggedIn { attempt, result });
                true
            }
            (Purpose::Enter | Purpose::Admit(_) | Purpose::LogIn(_), _) => false,
        }
    }

    /// A device may be heard: it gets a connection of its own, in place of any that it had before.
    fn admit(&mut self, speaker: Speaker, verified: bool) {
        let Some(own) = self.own else {
            return;
        };
        let peer = PeerId(self.next_peer);
        let Some(member) = self.members.get_mut(&speaker) else {
            return;
        };
        let Some(claim) = member.claim.take() else {
            return;
        };
        self.next_peer = self.next_peer.saturating_add(1);
        let wins = own.device < speaker.device;
        let seat = Seated::new(peer, claim, verified, wins, self.now);
        member.refused = None;
        let before = member.seat.replace(seat);
        self.peers.insert(peer, speaker);
        if let Some(before) = before {
            self.close_seat(before);
        }
        self.members_changed();
    }

    /// A device may not be heard. One that was let in before keeps its seat: this may not be its word.
    pub(super) fn refuse(&mut self, speaker: Speaker, reason: Refusal) {
        let Some(member) = self.members.get_mut(&speaker) else {
            return;
        };
        if let Some(claim) = member.claim.take() {
            member.refused = Some((claim.proof, reason));
            if let Some(seat) = &mut member.seat {
                seat.inbox.extend(claim.inbox);
                seat.inbox.truncate(limits::MAX_WAITING_SIGNALS);
            }
        }
        self.event(Event::Refused { speaker, reason });
        self.members_changed();
    }

    /// A device is not in the room any more.
    pub(super) fn remove(&mut self, speaker: Speaker) {
        let Some(Member { seat, .. }) = self.members.remove(&speaker) else {
            return;
        };
        self.asks
            .forget(|purpose| purpose == Purpose::Admit(speaker));
        if let Some(seat) = seat {
            self.close_seat(seat);
        }
        self.members_changed();
    }

    fn close_seat(&mut self, seat: Seated) {
        let peer = seat.peer;
        self.peers.remove(&peer);
        self.asks.forget(
            |purpose| matches!(purpose, Purpose::Hear(_, it) | Purpose::Say(_, it) if it == peer),
        );
        self.media(peer, Command::Close);
    }
}
