//! Voice: this account signs for the process that carries its sound, judges for it who may be heard, and says when
//! somebody may not any more.
//!
//! Nothing of it is durable: a stay in a room ends with the process.

mod desk;

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::string::String;
use alloc::vec::Vec;

use self::desk::{Desk, Seats, may_be_unsigned, refused, speaker};
use super::Client;
use super::event::Event;
use crate::crypto::voice::{
    OfferId, Seat, Speaker, VoiceNonce, sign_answer, sign_join, sign_offer, verify_answer,
    verify_offer,
};
use crate::ids::{ChannelId, DeviceId, UserId};
use crate::limits;
use crate::voice::ask::{Answer, Between, Claim, Described, Question, Refusal};

/// What this account knows of voice.
#[derive(Debug, Default)]
pub(super) struct Voice {
    /// Who is in which room, by the server's word.
    rooms: BTreeMap<ChannelId, BTreeSet<UserId>>,
    /// The stay in a room that was signed last.
    stay: Option<Stay>,
    /// Users of the original who may be heard though nothing is signed, as they were named.
    unsigned: Vec<String>,
}

/// A stay in a room.
#[derive(Debug)]
struct Stay {
    room: ChannelId,
    /// The devices that may be heard in it.
    admitted: BTreeSet<Speaker>,
    /// What they made when they entered, as long as they were not let go of.
    nonces: BTreeMap<DeviceId, VoiceNonce>,
    /// Stays of others that have ended: they are not begun again.
    ended: BTreeSet<(DeviceId, VoiceNonce)>,
}

impl Client {
    /// Answers the process that carries this account's sound (spec 11.30 to 11.36).
    pub fn answer_voice(&mut self, question: &Question) -> Answer {
        match question {
            Question::Token => self.session.token().map_or(Answer::NotYet, |token| {
                let token = token.clone();
                Answer::Token { token }
            }),
            Question::Enter { room } => self.enter_voice(*room),
            Question::Admit { room, peer } => self.admit(*room, peer),
            Question::SignOffer {
                between,
                generation,
                sdp,
            } => {
                let id = OfferId(self.entropy.bytes());
                self.at_desk(between, |desk, seats| {
                    let leg = seats.leg(true);
                    let (generation, head) = (*generation, desk.head);
                    let (_, proof) = sign_offer(leg, id, generation, sdp, head, desk.secret);
                    Ok(Answer::Signed { proof })
                })
            }
            Question::CheckOffer { between, offer } => self.at_desk(between, |desk, seats| {
                let leg = seats.leg(false);
                let offered = verify_offer(&offer.proof, leg, &offer.sdp, &seats.peer_key)?;
                desk.check_head(offered.head)?;
                let generation = offered.generation;
                Ok(Answer::Offered { generation })
            }),
            Question::SignAnswer {
                between,
                offer,
                sdp,
            } => self.at_desk(between, |desk, seats| {
                let leg = seats.leg(false);
                let offered = verify_offer(&offer.proof, leg, &offer.sdp, &seats.peer_key)?;
                let proof = sign_answer(leg, &offered, sdp, desk.head, desk.secret);
                Ok(Answer::Signed { proof })
            }),
            Question::CheckAnswer {
                between,
                offer,
                answer,
            } => self.at_desk(between, |desk, seats| {
                let leg = seats.leg(true);
                let own = desk.secret.public().sign;
                let offered = verify_offer(&offer.proof, leg, &offer.sdp, &own)?;
                let Described { sdp, proof } = answer;
                let answered = verify_answer(proof, leg, &offered, sdp, &seats.peer_key)?;
                desk.check_head(answered.head)?;
                Ok(Answer::Good)
            }),
        }
    }

    /// The stay in a room is over: nobody is watched over any more.
    pub fn leave_voice(&mut self) {
        self.voice.stay = None;
    }

    /// Names the users of the original system who may be heard though their programs sign nothing: by their ids, or by
    /// the first 8 characters or more of them.
    pub fn allow_unverified_voice(&mut self, users: Vec<String>) {
        self.voice.unsigned = users;
    }

    /// Who is in which voice room, by the server's word.
    pub fn voice_rooms(&self) -> impl Iterator<Item = (ChannelId, &BTreeSet<UserId>)> {
        let rooms = self.voice.rooms.iter().map(|(room, users)| (*room, users));
        rooms.filter(|(_, users)| !users.is_empty())
    }

    fn enter_voice(&mut self, room: ChannelId) -> Answer {
        let nonce = VoiceNonce(self.entropy.bytes());
        let Some(desk) = self.desk() else {
            return Answer::NotYet;
        };
        if !desk.chain.entitled_device(desk.own.device, room) {
            return refused(Refusal::OwnNotEntitled);
        }
        let (speaker, place) = (desk.own, desk.room(room));
        let proof = sign_join(place, Seat { speaker, nonce }, desk.head, desk.secret);
        let Speaker { user, device } = speaker;
        self.voice.stay = Some(Stay {
            room,
            admitted: BTreeSet::new(),
            nonces: BTreeMap::new(),
            ended: BTreeSet::new(),
        });
        Answer::Entered {
            user,
            device,
            proof,
        }
    }

    fn admit(&mut self, room: ChannelId, peer: &Claim) -> Answer {
        let Some(desk) = self.desk() else {
            return Answer::NotYet;
        };
        let speaker = speaker(peer);
        let nonce = match desk.admit(room, peer, &self.voice.unsigned) {
            Ok(nonce) => nonce,
            Err(answer) => return answer,
        };
        let stay = self.voice.stay.as_mut().filter(|stay| stay.room == room);
        let Some(stay) = stay else {
            return Answer::NotYet;
        };
        if let Some(nonce) = nonce {
            // Whoever enters anew does not come back to an earlier stay: only a server that replays does that.
            if stay.ended.contains(&(speaker.device, nonce)) {
                return refused(Refusal::Replayed);
            }
            if let Some(before) = stay.nonces.insert(speaker.device, nonce)
                && before != nonce
                && stay.ended.len() < limits::MAX_ENDED_STAYS
            {
                stay.ended.insert((speaker.device, before));
            }
        }
        if stay.admitted.len() >= limits::MAX_ADMITTED {
            return Answer::NotYet;
        }
        stay.admitted.insert(speaker);
        let verified = nonce.is_some();
        Answer::Admitted { verified }
    }

    /// Does something about a description between this device and another, if both may be in the room and signed that
    /// they are.
    fn at_desk(
        &self,
        between: &Between,
        work: impl FnOnce(&Desk<'_>, &Seats) -> Result<Answer, Answer>,
    ) -> Answer {
        let Some(desk) = self.desk() else {
            return Answer::NotYet;
        };
        let done = desk.seats(between).and_then(|seats| work(&desk, &seats));
        done.unwrap_or_else(|answer| answer)
    }

    fn desk(&self) -> Option<Desk<'_>> {
        let (user, device) = self.account.ids?;
        let chain = self.log.chain();
        Some(Desk {
            community: chain.community()?,
            head: chain.head()?,
            chain,
            own: Speaker { user, device },
            secret: &self.account.secret,
        })
    }

    /// The log moved: whoever may not be heard any more is named, this device too (spec 11.36).
    pub(super) fn watch_over_voice(&mut self) {
        let Some((user, device)) = self.account.ids else {
            return;
        };
        let own = Speaker { user, device };
        let Some(stay) = &mut self.voice.stay else {
            return;
        };
        let (room, chain) = (stay.room, self.log.chain());
        let mut gone = Vec::new();
        stay.admitted.retain(|speaker| {
            let stays = match stay.nonces.contains_key(&speaker.device) {
                true => chain.entitled_device(speaker.device, room),
                false => may_be_unsigned(chain, room, speaker.user).is_ok(),
            };
            if !stays {
                gone.push(*speaker);
            }
            stays
        });
        if !chain.entitled_device(device, room) {
            gone.push(own);
            self.voice.stay = None;
        }
        for Speaker { user, device } in gone {
            let revoked = Event::VoiceRevoked { room, user, device };
            self.out.event(revoked);
        }
    }

    pub(super) fn take_voice_rooms(&mut self, rooms: BTreeMap<ChannelId, Vec<UserId>>) {
        let bounded = |users: Vec<UserId>| users.into_iter().take(limits::MAX_ROOM_MEMBERS);
        let rooms = rooms.into_iter().take(limits::MAX_CHANNELS);
        self.voice.rooms = rooms
            .map(|(room, users)| (room, bounded(users).collect()))
            .collect();
        self.out.event_once(Event::VoiceRoomsChanged);
    }

    pub(super) fn take_voice_presence(&mut self, room: ChannelId, user: UserId, active: bool) {
        let rooms = &mut self.voice.rooms;
        let changed = if active {
            if !rooms.contains_key(&room) && rooms.len() >= limits::MAX_CHANNELS {
                return;
            }
            let users = rooms.entry(room).or_default();
            users.len() < limits::MAX_ROOM_MEMBERS && users.insert(user)
        } else {
            let left = rooms
                .get_mut(&room)
                .is_some_and(|users| users.remove(&user));
            rooms.retain(|_, users| !users.is_empty());
            left
        };
        if changed {
            self.out.event_once(Event::VoiceRoomsChanged);
        }
    }

    /// Without a connection nothing is known of the rooms.
    pub(super) fn nobody_in_voice(&mut self) {
        if !core::mem::take(&mut self.voice.rooms).is_empty() {
            self.out.event_once(Event::VoiceRoomsChanged);
        }
    }
}
