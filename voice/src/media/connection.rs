//! One connection: str0m, as far as a pair needs it.

mod negotiation;
mod setup;
#[cfg(test)]
mod tests;

use core::fmt;
use core::time::Duration;
use std::collections::{BTreeSet, VecDeque};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Instant;

use dialtone_protocol::voice::Command;
pub(super) use setup::use_pure_cryptography;
use str0m::change::SdpPendingOffer;
use str0m::media::Mid;
use str0m::net::{Protocol, Receive};
use str0m::rtp::SeqNo;
use str0m::{Candidate, Event, IceConnectionState, Input, Rtc};

use super::kept::{Kept, MAX_CANDIDATES, Verdict};
use super::way::Way;
use super::{Health, PeerEvent};

/// The longest packet of Opus that is sent or taken in, in bytes: 20 ms at the highest rate take 1,275 (RFC 6716).
const MAX_PAYLOAD: usize = 1275;

/// How long a connection that stood may take to stand again when ICE starts anew.
const COMES_BACK: Duration = Duration::from_secs(8);

/// A connection over which nothing came for so long is stalled: reports come every second, whoever speaks or not.
const STALLED: Duration = Duration::from_secs(3);

/// Something that a connection puts out.
pub(super) enum Output {
    Event(PeerEvent),
    Sound(Sound),
    Transmit {
        from: SocketAddr,
        to: SocketAddr,
        bytes: Vec<u8>,
    },
}

/// A packet of sound that came.
pub(super) struct Sound {
    pub(super) seq: u64,
    pub(super) time: u32,
    pub(super) marker: bool,
    pub(super) payload: Arc<[u8]>,
    pub(super) arrived: Instant,
}

/// One connection.
pub(super) struct Connection {
    rtc: Rtc,
    /// The ways to this device.
    ways: BTreeSet<Way>,
    /// How many were named since it began.
    named: usize,
    /// The offer that waits for its answer.
    pending: Option<(SdpPendingOffer, Option<Mid>)>,
    /// Where sound is sent, once both sides were described.
    mid: Option<Mid>,
    /// The other device's certificate, as its last description has it.
    fingerprint: Option<String>,
    next_seq: u64,
    kept: Kept,
    /// Whether sound can flow.
    up: bool,
    /// Since when nothing comes through, though nobody has said yet that it failed.
    down: Option<Instant>,
    /// It failed for good: only a new one helps.
    broken: bool,
    due: Option<Instant>,
    /// When anything last came over it.
    heard: Instant,
    health: Health,
    now: Instant,
    outputs: VecDeque<Output>,
}

impl Connection {
    pub(super) fn new(now: Instant, ways: BTreeSet<Way>) -> Self {
        let mut connection = Self {
            rtc: setup::rtc(now),
            ways,
            named: 0,
            pending: None,
            mid: None,
            fingerprint: None,
            next_seq: 0,
            kept: Kept::default(),
            up: false,
            down: None,
            broken: false,
            due: None,
            heard: now,
            health: Health::default(),
            now,
            outputs: VecDeque::new(),
        };
        connection.begin(now);
        connection
    }

    /// Begins anew, as if nothing had been said yet.
    fn begin(&mut self, now: Instant) {
        self.rtc = setup::rtc(now);
        self.kept = Kept::default();
        self.pending = None;
        self.mid = None;
        self.fingerprint = None;
        self.broken = false;
        self.down = None;
        if core::mem::take(&mut self.up) {
            self.event(PeerEvent::Failed);
        }
        self.now = now;
        self.named = 0;
        for way in self.ways.clone() {
            self.name(way);
        }
        self.handle_timeout(now);
    }

    pub(super) fn health(&self) -> Health {
        Health {
            stalled: self.up && self.now >= self.heard + STALLED,
            ..self.health
        }
    }

    pub(super) fn due(&self) -> Option<Instant> {
        let down = self.down.map(|since| since + COMES_BACK);
        self.due.into_iter().chain(down).min()
    }

    pub(super) fn poll(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// This device can be reached in another way, too.
    pub(super) fn add(&mut self, way: Way) {
        if self.ways.insert(way) {
            if let Some(candidate) = self.name(way) {
                self.event(PeerEvent::LocalCandidate { candidate });
            }
            self.drain();
        }
    }

    /// It cannot any more.
    pub(super) fn remove(&mut self, way: Way) {
        if self.ways.remove(&way) {
            if let Some(candidate) = way.candidate() {
                self.rtc.direct_api().invalidate_candidate(&candidate);
            }
            self.drain();
        }
    }

    fn name(&mut self, way: Way) -> Option<String> {
        if self.named >= MAX_CANDIDATES {
            return None;
        }
        let added = self.rtc.add_local_candidate(way.candidate()?)?;
        self.named += 1;
        Some(added.to_sdp_string())
    }

    pub(super) fn command(&mut self, command: Command, now: Instant) {
        self.handle_timeout(now);
        match command {
            Command::AddCandidate { candidate } => self.add_candidate(&candidate),
            // Whatever was described before starts anew.
            Command::MakeOffer { generation, .. } => self.make_offer(generation, now),
            // Of an offer that was taken in there is nothing to take back: the next one goes over it.
            Command::Rollback => self.pending = None,
            Command::TakeAnswer { sdp } => self.take_answer(&sdp),
            Command::TakeOffer { generation, sdp } => self.take_offer(generation, &sdp, now),
            // The mesh ends it.
            _ => {}
        }
        self.drain();
    }

    /// Takes in a datagram if it is for this connection.
    pub(super) fn datagram(
        &mut self,
        from: SocketAddr,
        to: SocketAddr,
        bytes: &[u8],
        now: Instant,
    ) -> bool {
        let Ok(receive) = Receive::new(Protocol::Udp, from, to, bytes) else {
            return false;
        };
        let input = Input::Receive(self.now.max(now), receive);
        if self.broken || !self.rtc.accepts(&input) {
            return false;
        }
        self.heard = self.now.max(now);
        match self.kept.judge(from, bytes) {
            Verdict::Admit => self.input(input),
            Verdict::Ignore => {}
            Verdict::Full => self.break_off(),
        }
        true
    }

    pub(super) fn send(&mut self, payload: &Arc<[u8]>, time: u32, marker: bool, now: Instant) {
        let Some(mid) = self.mid.filter(|_| self.up && payload.len() <= MAX_PAYLOAD) else {
            return;
        };
        let types = self.rtc.media(mid).map(|media| media.remote_pts().to_vec());
        let Some(pt) = types.and_then(|types| types.first().copied()) else {
            return;
        };
        let seq: SeqNo = self.next_seq.into();
        let mut api = self.rtc.direct_api();
        let Some(stream) = api.stream_tx_by_mid(mid, None) else {
            return;
        };
        let packet = str0m::rtp::RtpWrite::new(pt, seq, time, now, Arc::clone(payload));
        stream.write_rtp(packet.marker(marker));
        self.next_seq = self.next_seq.wrapping_add(1);
        self.handle_timeout(now);
    }

    pub(super) fn handle_timeout(&mut self, now: Instant) {
        self.now = self.now.max(now);
        self.input(Input::Timeout(self.now));
        if self
            .down
            .is_some_and(|since| self.now >= since + COMES_BACK)
        {
            self.fail();
        }
    }

    /// Tells the other device, and ends.
    pub(super) fn close(&mut self) {
        if !self.broken && self.rtc.close().is_ok() {
            self.drain();
        }
        self.outputs
            .retain(|output| matches!(output, Output::Transmit { .. }));
    }

    fn input(&mut self, input: Input<'_>) {
        if self.broken {
            return;
        }
        match self.rtc.handle_input(input) {
            Ok(()) => self.drain(),
            Err(_) => self.break_off(),
        }
    }

    fn drain(&mut self) {
        while !self.broken {
            match self.rtc.poll_output() {
                Ok(str0m::Output::Timeout(at)) => {
                    // The library's word for never is a moment far away.
                    self.due = self.rtc.is_alive().then_some(at);
                    break;
                }
                Ok(str0m::Output::Transmit(transmit)) => {
                    self.kept.sent(&transmit.contents);
                    self.outputs.push_back(Output::Transmit {
                        from: transmit.source,
                        to: transmit.destination,
                        bytes: transmit.contents.to_vec(),
                    });
                }
                Ok(str0m::Output::Event(event)) => self.take(event),
                Err(_) => return self.break_off(),
            }
        }
        let up = !self.broken && self.rtc.is_alive() && self.rtc.is_connected();
        if up && !core::mem::replace(&mut self.up, up) {
            self.event(PeerEvent::Connected);
        }
        // While ICE starts anew sound may go on by the old way, but not for long.
        match up || !self.up {
            true => self.down = None,
            false => self.down = self.down.or(Some(self.now)),
        }
    }

    #[allow(
        clippy::wildcard_enum_match_arm,
        reason = "the library has many events, most of them for pictures and data"
    )]
    fn take(&mut self, event: Event) {
        match event {
            Event::IceConnectionStateChange(IceConnectionState::Disconnected) => self.fail(),
            Event::IceConnectionStateChange(state)
                if state.is_connected() && self.rtc.is_connected() =>
            {
                self.up = true;
                self.event(PeerEvent::Connected);
            }
            Event::MediaAdded(media) => self.mid = Some(media.mid),
            Event::RtpPacket(packet) if !self.kept.stream(*packet.header.ssrc) => self.break_off(),
            Event::RtpPacket(packet) if packet.payload.len() <= MAX_PAYLOAD => {
                self.outputs.push_back(Output::Sound(Sound {
                    seq: *packet.seq_no,
                    time: packet.header.timestamp,
                    marker: packet.header.marker,
                    payload: packet.payload,
                    arrived: packet.timestamp,
                }));
            }
            Event::PeerStats(stats) => {
                let pair = stats.selected_candidate_pair;
                self.health = Health {
                    round_trip: pair
                        .as_ref()
                        .and_then(|it| it.current_round_trip_time)
                        .or(stats.rtt),
                    loss_there: stats.egress_loss_fraction,
                    relayed: pair.as_ref().is_some_and(|pair| {
                        let local = pair.local.addr;
                        let is_it =
                            |way: &Way| matches!(way, Way::Relayed { at, .. } if *at == local);
                        self.ways.iter().any(is_it)
                    }),
                    stalled: false,
                };
            }
            Event::Closed => self.break_off(),
            _ => {}
        }
    }

    fn fail(&mut self) {
        (self.up, self.down) = (false, None);
        self.event(PeerEvent::Failed);
    }

    fn break_off(&mut self) {
        if !core::mem::replace(&mut self.broken, true) {
            self.due = None;
            self.fail();
        }
    }

    fn event(&mut self, event: PeerEvent) {
        self.outputs.push_back(Output::Event(event));
    }
}

/// Where a candidate leads.
pub(super) fn address_of(candidate: &str) -> Option<SocketAddr> {
    Candidate::from_sdp_string(candidate)
        .ok()
        .map(|it| it.addr())
}

impl fmt::Debug for Connection {
    /// Without addresses and keys.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connection")
            .field("up", &self.up)
            .field("broken", &self.broken)
            .finish_non_exhaustive()
    }
}
