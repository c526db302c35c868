//! What devices say to each other through the server: checked and signed one after the other, in order.

use alloc::string::{String, ToString};

use super::asks::Purpose;
use super::io::{Event, Transmit};
use super::member::{Heard, Seated};
use super::{PairEvent, PairInput, PairOutput, PeerId, Room, Say};
use crate::crypto::voice::Speaker;
use crate::limits;
use crate::machine::Machine;
use crate::voice::PairError;
use crate::voice::ask::{Answer, Between, Claim, Described, Question, Refusal};
use crate::wire::frame::ClientFrame;
use crate::wire::voice::{Signal, SignalContent};

impl Room {
    /// Takes in what a device said, as far as it is checked, and sends what is to be said to it, as far as it is signed.
    pub(super) fn pump_member(&mut self, speaker: Speaker) {
        loop {
            self.drain_pair(speaker);
            if !self.listen(speaker) {
                break;
            }
        }
        while self.speak(speaker) {}
    }

    fn seat(&mut self, speaker: Speaker) -> Option<&mut Seated> {
        self.members.get_mut(&speaker)?.seat.as_mut()
    }

    fn drain_pair(&mut self, speaker: Speaker) {
        while let Some(seat) = self.seat(speaker)
            && let Some(output) = seat.pair.poll_output()
        {
            match output {
                PairOutput::Media(command) => {
                    let peer = seat.peer;
                    self.media(peer, command);
                }
                PairOutput::Send(say) => {
                    if seat.outbox.len() < limits::MAX_WAITING_SIGNALS {
                        seat.outbox.push_back(say);
                    }
                }
                PairOutput::Event(event) => {
                    seat.was_up |= event == PairEvent::Connected;
                    self.members_changed();
                }
            }
        }
    }

    /// Takes the first thing out of an inbox, or has it checked. `false` if there is nothing more to do.
    fn listen(&mut self, speaker: Speaker) -> bool {
        let place = self
            .place
            .proof()
            .map(|(room, own)| (room, own.to_string()));
        let now = self.now;
        let Some(seat) = self.seat(speaker) else {
            return false;
        };
        if seat.hearing.is_some() {
            return false;
        }
        let Some(heard) = seat.inbox.pop_front() else {
            return false;
        };
        let Some((room, own)) = place else {
            return true;
        };
        let (peer, verified) = (seat.peer, seat.verified);
        let question = match heard {
            Heard::Candidate { candidate } => {
                let candidate = &candidate;
                // One too many is not needed.
                let _ = seat
                    .pair
                    .handle_input(PairInput::Candidate { candidate }, now);
                return true;
            }
            Heard::Offer { sdp, .. } if !verified => {
                let generation = seat.unsigned_offers;
                seat.unsigned_offers = generation.saturating_add(1);
                let offer = Described {
                    sdp,
                    proof: String::new(),
                };
                self.take_offer(speaker, generation, offer);
                return true;
            }
            Heard::Answer { sdp, .. } if !verified => {
                let generation = seat.own_offer.as_ref().map(|(generation, _)| *generation);
                self.take_answer(speaker, generation, &sdp);
                return true;
            }
            Heard::Offer {
                sdp,
                proof: Some(proof),
            } => Question::CheckOffer {
                between: between(room, own, speaker, seat),
                offer: Described { sdp, proof },
            },
            Heard::Answer {
                sdp,
                proof: Some(proof),
            } => {
                let Some((_, offer)) = seat.own_offer.clone() else {
                    return true;
                };
                Question::CheckAnswer {
                    between: between(room, own, speaker, seat),
                    offer,
                    answer: Described { sdp, proof },
                }
            }
            Heard::Offer { proof: None, .. } | Heard::Answer { proof: None, .. } => {
                let reason = Refusal::UnsignedMember;
                self.event(Event::Refused { speaker, reason });
                return true;
            }
        };
        let id = self.ask(Purpose::Hear(speaker, peer), question);
        if let Some(seat) = self.seat(speaker) {
            seat.hearing = Some(id);
        }
        false
    }

    /// What was said about the thing that a device said.
    pub(super) fn believe(&mut self, speaker: Speaker, peer: PeerId, answer: &Answer) -> bool {
        let Some(seat) = self.seat(speaker).filter(|seat| seat.peer == peer) else {
            return true;
        };
        let Some(id) = seat.hearing else {
            return true;
        };
        let own_offer = seat.own_offer.as_ref().map(|(generation, _)| *generation);
        match (answer, self.asks.question(id).cloned()) {
            (Answer::Offered { generation }, Some(Question::CheckOffer { offer, .. })) => {
                self.take_offer(speaker, *generation, offer);
            }
            (Answer::Good, Some(Question::CheckAnswer { answer, .. })) => {
                self.take_answer(speaker, own_offer, &answer.sdp);
            }
            (Answer::Refused { reason }, _) => {
                let reason = *reason;
                self.event(Event::Refused { speaker, reason });
                if reason == Refusal::NotEntitled {
                    self.remove(speaker);
                }
            }
            _ => return false,
        }
        if let Some(seat) = self.seat(speaker) {
            seat.hearing = None;
        }
        true
    }

    fn take_offer(&mut self, speaker: Speaker, generation: u32, offer: Described) {
        let now = self.now;
        let Some(seat) = self.seat(speaker) else {
            return;
        };
        let sdp = &offer.sdp;
        match seat
            .pair
            .handle_input(PairInput::Offer { generation, sdp }, now)
        {
            Ok(()) => seat.their_offer = Some((generation, offer)),
            Err(PairError::Stale) => {
                let reason = Refusal::Replayed;
                self.event(Event::Refused { speaker, reason });
            }
            // Ours comes first, or it is over.
            Err(_) => {}
        }
    }

    fn take_answer(&mut self, speaker: Speaker, generation: Option<u32>, sdp: &str) {
        let now = self.now;
        if let Some(generation) = generation
            && let Some(seat) = self.seat(speaker)
        {
            // One that comes twice or too late is of no account.
            let _ = seat
                .pair
                .handle_input(PairInput::Answer { generation, sdp }, now);
        }
    }

    /// Sends the first thing of an outbox, or has it signed. `false` if there is nothing more to do.
    fn speak(&mut self, speaker: Speaker) -> bool {
        let place = self
            .place
            .proof()
            .map(|(room, own)| (room, own.to_string()));
        let inside = self.is_inside();
        let Some(seat) = self.seat(speaker) else {
            return false;
        };
        if !inside && seat.saying.is_none() {
            // Nothing gets through now; the pair says it again.
            seat.outbox.clear();
        }
        if seat.saying.is_some() {
            return false;
        }
        let Some(say) = seat.outbox.front().cloned() else {
            return false;
        };
        let Some((room, own)) = place else {
            return false;
        };
        let peer = seat.peer;
        let question = match say {
            Say::Candidate { .. } => None,
            Say::Offer { .. } | Say::Answer { .. } if !seat.verified => None,
            Say::Offer { generation, sdp } => Some(Question::SignOffer {
                between: between(room, own, speaker, seat),
                generation,
                sdp,
            }),
            Say::Answer { generation, sdp } => {
                let theirs = seat.their_offer.as_ref();
                let theirs = theirs.filter(|(offered, _)| *offered == generation);
                let Some((_, offer)) = theirs else {
                    seat.outbox.pop_front();
                    return true;
                };
                let offer = offer.clone();
                Some(Question::SignAnswer {
                    between: between(room, own, speaker, seat),
                    offer,
                    sdp,
                })
            }
        };
        let Some(question) = question else {
            self.send_first(speaker, None);
            return true;
        };
        let id = self.ask(Purpose::Say(speaker, peer), question);
        if let Some(seat) = self.seat(speaker) {
            seat.saying = Some(id);
        }
        false
    }

    /// The first thing of an outbox was signed.
    pub(super) fn signed(&mut self, speaker: Speaker, peer: PeerId, answer: &Answer) -> bool {
        let Some(seat) = self.seat(speaker).filter(|seat| seat.peer == peer) else {
            return true;
        };
        match answer {
            Answer::Signed { proof } => {
                seat.saying = None;
                self.send_first(speaker, Some(proof.clone()));
                true
            }
            Answer::Refused { reason } => {
                let reason = *reason;
                seat.saying = None;
                seat.outbox.pop_front();
                self.event(Event::Refused { speaker, reason });
                if reason == Refusal::NotEntitled {
                    self.remove(speaker);
                }
                true
            }
            Answer::Entered { .. }
            | Answer::Admitted { .. }
            | Answer::Offered { .. }
            | Answer::Good
            | Answer::Token { .. }
            | Answer::NotYet => false,
        }
    }

    fn send_first(&mut self, speaker: Speaker, proof: Option<String>) {
        let inside = self.is_inside();
        let Some(room) = self.place.room() else {
            return;
        };
        let Some(seat) = self.seat(speaker) else {
            return;
        };
        let Some(say) = seat.outbox.pop_front() else {
            return;
        };
        let content = match say {
            Say::Offer { generation, sdp } => {
                let proof = proof.clone().unwrap_or_default();
                let sent = Described {
                    sdp: sdp.clone(),
                    proof,
                };
                seat.own_offer = Some((generation, sent));
                SignalContent::Offer { sdp }
            }
            Say::Answer { sdp, .. } => SignalContent::Answer { sdp },
            Say::Candidate { candidate } => SignalContent::Candidate { candidate },
        };
        if inside {
            let signal = ClientFrame::Signal(Signal {
                channel_id: room.to_string(),
                recipient: speaker.user.to_string(),
                recipient_device_id: Some(speaker.device),
                content,
                proof,
            });
            self.transmit(Transmit::Frame(signal.to_text()));
        }
    }
}

fn between(room: crate::ids::ChannelId, own: String, speaker: Speaker, seat: &Seated) -> Between {
    let Speaker { user, device } = speaker;
    let proof = seat.proof.clone();
    Between {
        room,
        own,
        peer: Claim {
            user,
            device,
            proof,
        },
    }
}
