//! A device in the room: the claim that it is there while it is judged, and its seat once it was let in.

use alloc::collections::VecDeque;
use alloc::string::String;

use super::io::{AskId, PeerId, Standing};
use crate::limits;
use crate::machine::Machine;
use crate::time::Instant;
use crate::voice::ask::{Described, Refusal};
use crate::voice::{Pair, Say};

/// Something that a device is said to have said.
#[derive(Debug)]
pub(super) enum Heard {
    Offer { sdp: String, proof: Option<String> },
    Answer { sdp: String, proof: Option<String> },
    Candidate { candidate: String },
}

/// Everything known of a device in the room.
#[derive(Debug, Default)]
pub(super) struct Member {
    /// What it says of itself now, until that is judged.
    pub(super) claim: Option<Claimed>,
    /// Its seat, once it was let in. It keeps it while a newer claim is judged.
    pub(super) seat: Option<Seated>,
    /// The claim that was refused last.
    pub(super) refused: Option<(Option<String>, Refusal)>,
    /// The server lost it from sight; if it does not come back by then, it is gone.
    pub(super) absent: Option<Instant>,
}

/// A claim that is being judged.
#[derive(Debug)]
pub(super) struct Claimed {
    pub(super) proof: Option<String>,
    /// Whether this device was in the room when the other one came.
    pub(super) offers: bool,
    /// What it said meanwhile.
    pub(super) inbox: VecDeque<Heard>,
}

/// A device that was let in.
#[derive(Debug)]
pub(super) struct Seated {
    pub(super) peer: PeerId,
    pub(super) proof: Option<String>,
    pub(super) verified: bool,
    pub(super) pair: Pair,
    /// Whether it was ever heard.
    pub(super) was_up: bool,
    /// What it said, in order. The first is being checked while `hearing`.
    pub(super) inbox: VecDeque<Heard>,
    pub(super) hearing: Option<AskId>,
    /// What is to be said to it, in order. The first is being signed while `saying`.
    pub(super) outbox: VecDeque<Say>,
    pub(super) saying: Option<AskId>,
    /// The offer that was sent to it last.
    pub(super) own_offer: Option<(u32, Described)>,
    /// Its offer that was believed last.
    pub(super) their_offer: Option<(u32, Described)>,
    /// How many offers it made that are not signed: they carry no generation.
    pub(super) unsigned_offers: u32,
}

impl Claimed {
    pub(super) const fn new(proof: Option<String>, offers: bool) -> Self {
        let inbox = VecDeque::new();
        Self {
            proof,
            offers,
            inbox,
        }
    }
}

impl Member {
    pub(super) fn standing(&self) -> Standing {
        if let Some(seat) = &self.seat {
            return match (seat.pair.is_connected(), seat.was_up) {
                (true, _) => Standing::Connected,
                (false, true) => Standing::Reconnecting,
                (false, false) => Standing::Connecting,
            };
        }
        match (&self.claim, &self.refused) {
            (None, Some((_, reason))) => Standing::Refused(*reason),
            (Some(_), _) | (None, None) => Standing::Judging,
        }
    }

    pub(super) fn is_connected(&self) -> bool {
        let seat = self.seat.as_ref();
        seat.is_some_and(|seat| seat.pair.is_connected())
    }

    /// Whether the device said this last.
    pub(super) fn said(&self, proof: &Option<String>) -> bool {
        let claimed = self.claim.as_ref().map(|it| &it.proof);
        let seated = self.seat.as_ref().map(|it| &it.proof);
        let refused = self.refused.as_ref().map(|(it, _)| it);
        claimed.or(seated).or(refused) == Some(proof)
    }

    /// Whether a device that comes says what it said already, in the same stay. Who was let in though it signs nothing
    /// cannot say that.
    pub(super) fn is_known(&self, proof: &Option<String>) -> bool {
        let can_tell = |seat: &Seated| self.claim.is_some() || seat.verified;
        self.said(proof) && self.seat.as_ref().is_none_or(can_tell)
    }

    /// Keeps what the device said until it can be looked at.
    pub(super) fn hear(&mut self, heard: Heard) {
        let inbox = match (&mut self.claim, &mut self.seat) {
            (Some(claim), _) => &mut claim.inbox,
            (None, Some(seat)) => &mut seat.inbox,
            (None, None) => return,
        };
        let is_long = |heard: &&Heard| !matches!(heard, Heard::Candidate { .. });
        let long = inbox.iter().filter(is_long).count();
        let fits = !is_long(&&heard) || long < limits::MAX_WAITING_DESCRIPTIONS;
        if fits && inbox.len() < limits::MAX_WAITING_SIGNALS {
            inbox.push_back(heard);
        }
    }

    pub(super) fn deadline(&self) -> Option<Instant> {
        let pair = self.seat.as_ref().and_then(|seat| seat.pair.poll_timeout());
        [pair, self.absent].into_iter().flatten().min()
    }
}

impl Seated {
    pub(super) fn new(
        peer: PeerId,
        claim: Claimed,
        verified: bool,
        wins: bool,
        now: Instant,
    ) -> Self {
        Self {
            peer,
            proof: claim.proof,
            verified,
            pair: Pair::new(claim.offers, wins, now),
            was_up: false,
            inbox: claim.inbox,
            hearing: None,
            outbox: VecDeque::new(),
            saying: None,
            own_offer: None,
            their_offer: None,
            unsigned_offers: 0,
        }
    }
}
