//! The jitter buffer: packets wait until it is their turn, no longer than the network makes necessary.
//!
//! A packet is due a while after it arrived, the *target*, which follows how unevenly packets arrive. Whether a packet
//! came late is known only when it comes, so the player asks for one frame after the other and is told what there is:
//! the frame, the next packet that may carry it once more, nothing, or that it should wait.

use core::time::Duration;
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use dialtone_protocol::Instant;

use super::RATE;

/// Packets that wait at most: two seconds of frames of 20 ms.
const MAX_PACKETS: usize = 100;

/// The least that a packet waits: where the network is even, the player's own rhythm is what is uneven.
const LEAST: Duration = Duration::from_millis(10);

/// The most: past it people talk into each other's words, and what is later counts as lost.
const MOST: Duration = Duration::from_millis(400);

/// Packets by which it is judged how unevenly they arrive: the last four seconds.
const WINDOW: usize = 200;

/// How many of a hundred packets come in time.
const IN_TIME: usize = 97;

/// A number so far from the last one belongs to a sender that began anew.
const JUMP: u64 = 500;

/// How much is added to the target when a frame was missing and came later.
const LATE_STEP: Duration = Duration::from_millis(10);

/// How long what was added lasts.
const LATE_LASTS: Duration = Duration::from_secs(10);

/// For how long all packets must have waited too long before time is made up for.
const EXCESS_FOR: Duration = Duration::from_secs(2);

/// How much longer than the target they must have waited.
const EXCESS: Duration = Duration::from_millis(15);

#[derive(Clone, Debug)]
struct Waiting {
    time: u64,
    payload: Arc<[u8]>,
    arrived: Instant,
}

/// What there is to play.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Next {
    /// The next frame.
    Frame(Arc<[u8]>),
    /// The next frame is lost or late; this is the packet after it, which may carry it once more.
    Recover(Arc<[u8]>),
    /// The next frame is missing.
    Conceal,
    /// Nobody speaks, or it is not time yet.
    Silence,
}

/// Packets that wait for their turn.
#[derive(Clone, Debug, Default)]
pub struct JitterBuffer {
    packets: BTreeMap<u64, Waiting>,
    /// The number of the packet that is due next, once one was played.
    next: Option<u64>,
    /// When that is due by the sender's clock, in samples.
    next_time: u64,
    /// Whether sound is being played: a frame that is missing then is concealed.
    playing: bool,
    /// The sender's clock, which does not wrap here.
    clock: Option<(u32, u64)>,
    /// How long the last packets were on their way, in microseconds from any beginning.
    transits: VecDeque<i64>,
    target: Duration,
    /// What was added to the target because frames came late, and until when.
    added: Duration,
    added_until: Instant,
    /// Since when all packets have waited longer than they need to.
    excess_since: Option<Instant>,
    /// How many frames in a row were made up.
    made_up: u32,
    /// How long the last packet waited.
    waited: Duration,
    counts: Counts,
    jitter: f64,
}

/// What happened to packets, from the beginning on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Counts {
    /// Packets that were played.
    pub played: u64,
    /// Frames of which no packet was there in time.
    pub missing: u64,
    /// Packets that came after their turn.
    pub late: u64,
    /// Packets that came twice, or that there was no room for.
    pub dropped: u64,
}

impl JitterBuffer {
    /// What happened to packets.
    #[must_use]
    pub const fn counts(&self) -> Counts {
        self.counts
    }

    /// How unevenly packets arrive (RFC 3550, section 6.4.1), in milliseconds.
    #[must_use]
    pub const fn jitter(&self) -> f64 {
        self.jitter / 1000.0
    }

    /// How long the last packet waited for its turn.
    #[must_use]
    pub const fn delay(&self) -> Duration {
        self.waited
    }

    /// How long packets should wait.
    #[must_use]
    pub fn target(&self) -> Duration {
        (self.target + self.added).clamp(LEAST, MOST)
    }

    /// A packet came. `time`: in samples, by the sender's clock.
    pub fn push(&mut self, seq: u64, time: u32, payload: Arc<[u8]>, arrived: Instant) {
        if let Some(next) = self.next
            && seq.abs_diff(next) > JUMP
        {
            self.restart();
        }
        let time = self.unwrap_time(time);
        self.measure(time, arrived);
        if self.next.is_some_and(|next| seq < next) {
            self.counts.late += 1;
            // It was waited for too shortly.
            self.added = (self.added + LATE_STEP).min(MOST);
            self.added_until = arrived + LATE_LASTS;
            return;
        }
        if self.packets.contains_key(&seq) || self.packets.len() >= MAX_PACKETS {
            self.counts.dropped += 1;
            return;
        }
        let waiting = Waiting {
            time,
            payload,
            arrived,
        };
        self.packets.insert(seq, waiting);
    }

    /// The next frame, of so many samples if it is missing. `now`: when it will be played.
    pub fn pull(&mut self, samples: usize, now: Instant) -> Next {
        if self.added_until <= now {
            self.added = Duration::ZERO;
        }
        let samples = samples as u64;
        let Some((&seq, first)) = self.packets.first_key_value() else {
            return self.nothing(samples);
        };
        let (time, waited) = (first.time, now - first.arrived);
        let is_next = self.next == Some(seq);
        if self.playing && is_next && time <= self.next_time {
            return self.play(seq, waited, now);
        }
        if self.playing && !is_next && self.next.is_some() && time > self.next_time {
            return self.gap(seq, samples, now);
        }
        // A beginning: after silence, or because the sender's clock jumped.
        if waited < self.target() {
            if self.playing {
                self.next_time += samples;
            }
            return Next::Silence;
        }
        self.next_time = time;
        self.play(seq, waited, now)
    }

    /// Whether so much waits that a part of the next frame may be left out.
    #[must_use]
    pub fn is_behind(&self, now: Instant) -> bool {
        self.excess_since
            .is_some_and(|since| now - since >= EXCESS_FOR)
    }

    /// A part of a frame was left out.
    pub const fn caught_up(&mut self) {
        self.excess_since = None;
    }

    /// A frame of so many samples was played.
    pub fn played(&mut self, samples: usize) {
        self.next_time += samples as u64;
    }

    fn play(&mut self, seq: u64, waited: Duration, now: Instant) -> Next {
        let Some(packet) = self.packets.remove(&seq) else {
            return Next::Silence;
        };
        self.next = Some(seq + 1);
        self.playing = true;
        self.made_up = 0;
        self.counts.played += 1;
        self.waited = waited;
        match waited > self.target() + EXCESS {
            true => self.excess_since = self.excess_since.or(Some(now)),
            false => self.excess_since = None,
        }
        Next::Frame(packet.payload)
    }

    /// Later packets are there, the next one is not.
    fn gap(&mut self, first: u64, samples: u64, now: Instant) -> Next {
        let next = self.next.unwrap_or(first);
        let Some(packet) = self.packets.get(&first) else {
            return Next::Conceal;
        };
        // If the sender was silent, the next packet lies further away in time than in numbers; if packets are lost, the
        // time between is filled.
        let between = packet.time.saturating_sub(self.next_time);
        if between < samples {
            // What is between them is not worth a frame.
            self.next_time = packet.time;
            return self.play(first, now - packet.arrived, now);
        }
        self.made_up += 1;
        self.counts.missing += 1;
        self.next = Some((next + 1).min(first));
        self.next_time += samples;
        match first == next + 1 {
            true => Next::Recover(Arc::clone(&packet.payload)),
            false => Next::Conceal,
        }
    }

    /// Nothing is there: the next packet is late, or nobody speaks any more.
    fn nothing(&mut self, _: u64) -> Next {
        if !self.playing {
            return Next::Silence;
        }
        self.made_up += 1;
        if self.made_up > MAX_MADE_UP {
            self.playing = false;
            self.made_up = 0;
            return Next::Silence;
        }
        // The time does not go on: when the packet comes after all it is played, and all that follow wait longer.
        Next::Conceal
    }

    fn restart(&mut self) {
        self.packets.clear();
        self.next = None;
        self.playing = false;
        self.clock = None;
        self.transits.clear();
    }

    fn unwrap_time(&mut self, time: u32) -> u64 {
        let (last, long) = self.clock.unwrap_or((time, 1 << 32));
        let step = i64::from(time.wrapping_sub(last).cast_signed());
        let long = long.saturating_add_signed(step);
        self.clock = Some((time, long));
        long
    }

    /// How unevenly packets arrive: most of them later than the fastest by no more than the target.
    fn measure(&mut self, time: u64, arrived: Instant) {
        let sent = time.saturating_mul(1_000_000) / u64::from(RATE);
        let transit = i64::try_from(arrived.as_micros())
            .unwrap_or(i64::MAX)
            .saturating_sub(i64::try_from(sent).unwrap_or(i64::MAX));
        if let Some(last) = self.transits.back() {
            #[expect(clippy::cast_precision_loss, reason = "differences are small")]
            let step = transit.abs_diff(*last).min(1_000_000) as f64;
            self.jitter += (step - self.jitter) / 16.0;
        }
        if self.transits.len() >= WINDOW {
            self.transits.pop_front();
        }
        self.transits.push_back(transit);
        let mut sorted: Vec<i64> = self.transits.iter().copied().collect();
        sorted.sort_unstable();
        let fastest = sorted.first().copied().unwrap_or(transit);
        let place = sorted.len().saturating_sub(1) * IN_TIME / 100;
        let slow = sorted.get(place).copied().unwrap_or(transit);
        let spread = u64::try_from(slow.saturating_sub(fastest)).unwrap_or(0);
        self.target = (Duration::from_micros(spread) + LEAST).min(MOST);
    }
}

/// Frames in a row that are made up where nothing comes: after 100 ms it is a pause.
const MAX_MADE_UP: u32 = 5;

#[cfg(test)]
mod tests;
