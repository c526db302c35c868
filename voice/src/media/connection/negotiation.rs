//! Offers and answers: how the two ends come to know each other (RFC 8829, as far as str0m makes it).

use std::time::Instant;

use str0m::change::{SdpAnswer, SdpOffer};
use str0m::media::{Direction, MediaKind};
use str0m::{Candidate, IceCreds};

use super::Connection;
use crate::media::PeerEvent;
use crate::media::kept::MAX_CANDIDATES;

/// The names that the original gives its stream and its track.
const STREAM: &str = "dialtone";
const TRACK: &str = "audio";

impl Connection {
    pub(super) fn make_offer(&mut self, generation: u32, now: Instant) {
        // The library forgets none of the ways that it named: when no more fit, all that are left are named anew.
        if self.broken || self.named >= MAX_CANDIDATES || !self.rtc.is_alive() {
            self.begin(now);
        }
        let mut mid = self.mid;
        let mut api = self.rtc.sdp_api();
        if self.mid.is_none() {
            let (stream, track) = (Some(STREAM.to_owned()), Some(TRACK.to_owned()));
            let added = api.add_media(MediaKind::Audio, Direction::SendRecv, stream, track, None);
            mid = Some(added);
        } else {
            api.ice_restart(true);
        }
        let Some((offer, pending)) = api.apply() else {
            return self.fail();
        };
        self.pending = Some((pending, mid));
        let sdp = offer.to_sdp_string();
        self.event(PeerEvent::OfferMade { generation, sdp });
    }

    pub(super) fn take_offer(&mut self, generation: u32, sdp: &str, now: Instant) {
        self.pending = None;
        let theirs = fingerprint(sdp);
        let is_other = self.fingerprint.is_some() && self.fingerprint != theirs;
        // A device that began anew has another certificate: nothing of what stands fits it.
        if self.broken || is_other || self.kept.is_full() || !self.rtc.is_alive() {
            self.begin(now);
        }
        let Some(heard) = self.kept.describe(sdp) else {
            return self.break_off();
        };
        let Some(answer) = self.accept(&heard) else {
            return self.fail();
        };
        self.fingerprint = theirs;
        self.event(PeerEvent::AnswerMade {
            generation,
            sdp: answer.to_sdp_string(),
        });
    }

    fn accept(&mut self, sdp: &str) -> Option<SdpAnswer> {
        let offer = SdpOffer::from_sdp_string(sdp).ok()?;
        let before = self.rtc.direct_api().local_ice_credentials();
        let answer = self.rtc.sdp_api().accept_offer(offer).ok();
        self.note_restart(&before);
        answer
    }

    /// Both sides get other credentials at once, and no candidate of before counts.
    fn note_restart(&mut self, before: &IceCreds) {
        if self.rtc.direct_api().local_ice_credentials() != *before {
            self.kept.restarted();
        }
    }

    pub(super) fn take_answer(&mut self, sdp: &str) {
        let Some((pending, mid)) = self.pending.take() else {
            return;
        };
        let theirs = fingerprint(sdp);
        // Whoever began anew meanwhile cannot go on with what stands here either.
        let is_other = self.fingerprint.is_some() && self.fingerprint != theirs;
        let has_room = !is_other && !self.kept.is_full();
        let Some(heard) = self.kept.describe(sdp).filter(|_| has_room) else {
            return self.break_off();
        };
        let Ok(answer) = SdpAnswer::from_sdp_string(&heard) else {
            return self.fail();
        };
        let before = self.rtc.direct_api().local_ice_credentials();
        let taken = self.rtc.sdp_api().accept_answer(pending, answer);
        self.note_restart(&before);
        if taken.is_err() {
            return self.fail();
        }
        self.mid = mid;
        self.fingerprint = theirs;
    }

    /// Names that only the other device's network knows, and what else cannot be read, lead nowhere.
    pub(super) fn add_candidate(&mut self, candidate: &str) {
        if let Ok(candidate) = Candidate::from_sdp_string(candidate)
            && self.kept.candidate()
        {
            self.rtc.add_remote_candidate(candidate);
        }
    }
}

/// The certificate that a description names (RFC 8122, section 5).
pub(super) fn fingerprint(sdp: &str) -> Option<String> {
    let mut lines = sdp.lines();
    let line = lines.find_map(|line| line.strip_prefix("a=fingerprint:"))?;
    Some(line.trim().to_ascii_lowercase())
}
