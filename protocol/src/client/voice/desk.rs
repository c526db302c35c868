//! What is signed for a room and checked by the log: who may be heard, and who said what to whom.

use alloc::string::{String, ToString};

use crate::client::views::Access;
use crate::crypto::voice::{Leg, ProofError, Seat, Speaker, VoiceNonce, VoiceRoom, verify_join};
use crate::crypto::{DeviceSecret, VerifyKey};
use crate::ids::{ChannelId, CommunityId, Head, UserId};
use crate::sigchain::Chain;
use crate::voice::ask::{Answer, Between, Claim, Refusal};

/// What a name that allows an unsigned speaker has at least in common with the user's id, in characters: so much of an
/// id is shown of somebody who has no name.
const ID_PREFIX: usize = 8;

/// What signing and checking need.
pub(super) struct Desk<'a> {
    pub(super) chain: &'a Chain,
    pub(super) community: CommunityId,
    pub(super) head: Head,
    pub(super) own: Speaker,
    pub(super) secret: &'a DeviceSecret,
}

/// The two ends of a connection, as both signed that they are in the room.
pub(super) struct Seats {
    room: VoiceRoom,
    own: Seat,
    peer: Seat,
    pub(super) peer_key: VerifyKey,
}

impl Seats {
    pub(super) fn leg(&self, own_offer: bool) -> Leg {
        let (from, to) = match own_offer {
            true => (self.own, self.peer),
            false => (self.peer, self.own),
        };
        let room = self.room;
        Leg { room, from, to }
    }
}

impl Desk<'_> {
    pub(super) fn room(&self, channel: ChannelId) -> VoiceRoom {
        let community = self.community;
        VoiceRoom { community, channel }
    }

    /// Whether a device may be heard: what it made when it entered, if it signed that.
    pub(super) fn admit(
        &self,
        room: ChannelId,
        peer: &Claim,
        unsigned: &[String],
    ) -> Result<Option<VoiceNonce>, Answer> {
        if peer.proof.is_some() {
            return self.seat(room, peer).map(|(seat, _)| Some(seat.nonce));
        }
        may_be_unsigned(self.chain, room, peer.user).map_err(refused)?;
        let id = peer.user.to_string();
        let is_named = |name: &String| {
            let name = name.trim_start_matches('@');
            name.len() >= ID_PREFIX && id.starts_with(&name.to_lowercase())
        };
        match unsigned.iter().any(is_named) {
            true => Ok(None),
            false => Err(refused(Refusal::Unsigned)),
        }
    }

    /// Checks that another device signed that it is in the room, and that the log lets it.
    fn seat(&self, room: ChannelId, peer: &Claim) -> Result<(Seat, VerifyKey), Answer> {
        let proof = peer.proof.as_ref().ok_or(refused(Refusal::Unsigned))?;
        // A device that the log does not know may be one that it does not know yet.
        let device = self.chain.device(peer.device).ok_or(Answer::NotYet)?;
        let key = device.record.sign;
        if device.user != peer.user {
            return Err(refused(Refusal::Forged));
        }
        let joined = verify_join(proof, self.room(room), speaker(peer), &key)?;
        self.check_head(joined.head)?;
        if !self.chain.entitled_device(peer.device, room) {
            return Err(refused(Refusal::NotEntitled));
        }
        Ok((joined.seat, key))
    }

    pub(super) fn seats(&self, between: &Between) -> Result<Seats, Answer> {
        let room = self.room(between.room);
        let own_key = self.secret.public().sign;
        let joined = verify_join(&between.own, room, self.own, &own_key)?;
        if !self.chain.entitled_device(self.own.device, between.room) {
            return Err(refused(Refusal::OwnNotEntitled));
        }
        let (peer, peer_key) = self.seat(between.room, &between.peer)?;
        Ok(Seats {
            room,
            own: joined.seat,
            peer,
            peer_key,
        })
    }

    /// What is signed names the last entry that its maker knew: one of this log, or one that is still to come.
    pub(super) fn check_head(&self, head: Head) -> Result<(), Answer> {
        match self.chain.entry_hash_at(head.index) {
            Some(own) if own == head.hash => Ok(()),
            Some(_) => Err(refused(Refusal::OtherLog)),
            None => Err(Answer::NotYet),
        }
    }
}

/// Whether somebody who signs nothing can be heard in a room at all.
pub(super) fn may_be_unsigned(chain: &Chain, room: ChannelId, user: UserId) -> Result<(), Refusal> {
    if chain.user(user).is_some() {
        return Err(Refusal::UnsignedMember);
    }
    match chain.channel(room) {
        Some(channel) if channel.access != Access::Open => Err(Refusal::UnsignedInPrivate),
        Some(channel) if !channel.span.is_open() => Err(Refusal::OwnNotEntitled),
        _ => Ok(()),
    }
}

pub(super) const fn speaker(claim: &Claim) -> Speaker {
    let (user, device) = (claim.user, claim.device);
    Speaker { user, device }
}

pub(super) const fn refused(reason: Refusal) -> Answer {
    Answer::Refused { reason }
}

impl From<ProofError> for Answer {
    fn from(error: ProofError) -> Self {
        refused(match error {
            ProofError::Forged => Refusal::Forged,
            ProofError::Malformed(_)
            | ProofError::TooLong { .. }
            | ProofError::UnknownVersion(_) => Refusal::Malformed,
        })
    }
}
