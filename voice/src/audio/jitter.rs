//! The jitter buffer: packets wait until it is their turn, no longer than the network makes necessary.
//!
//! Of the last packets the fastest is known, and how much slower the others were. A frame is due when all but a few
//! would have arrived, the *target*. Where what is played lags behind it, frames are shortened a little, and where it
//! runs ahead they are stretched, so that nobody hears the target move. Whether a packet came late is known only when
//! it comes, so the player asks for one frame after the other and is told what there is: the frame, the next packet
//! that may carry it once more, nothing, or that it should wait.

mod delays;
mod next;

use core::time::Duration;
use std::collections::BTreeMap;
use std::sync::Arc;

use dialtone_protocol::Instant;

use self::delays::Delays;
pub use self::next::{Counts, Fit, Next};
use super::{PIECE, RATE};

/// Packets that wait at most: two seconds of frames of 20 ms.
const MAX_PACKETS: usize = 100;

/// The least that a packet waits: where the network is even, the player's own rhythm is what is uneven.
const LEAST: Duration = Duration::from_millis(10);

/// The most: past it people talk into each other's words, and what is later counts as lost.
const MOST: Duration = Duration::from_millis(400);

/// A number so far from the last one belongs to a sender that began anew, ...
const JUMP: u64 = 500;

/// ... and so do so many packets in a row that all are too late.
const ALL_LATE: u32 = 10;

/// So much longer than they need to, in microseconds, packets may wait without anything being done, ...
const SLACK: i64 = 15_000;

/// ... for so long, ...
const SLACK_FOR: Duration = Duration::from_secs(2);

/// ... and so near the target, in microseconds, they are left alone again.
const NEAR: i64 = 8_000;

/// So far behind, in microseconds, time is made up for even where it is heard.
const FAR_BEHIND: i64 = 60_000;

/// So far behind, in microseconds, packets are left out.
const TOO_FAR_BEHIND: i64 = 500_000;

/// So shortly before it is asked for, in microseconds, all but a few packets must be there, or frames are stretched.
const AHEAD: i64 = 2_000;

/// How much sound is made up in a row, in samples: after 120 ms it is a pause.
pub(super) const MAX_MADE_UP: usize = 5760;

#[derive(Clone, Debug)]
struct Waiting {
    time: u64,
    payload: Arc<[u8]>,
    arrived: Instant,
}

/// Packets that wait for their turn.
#[derive(Clone, Debug, Default)]
pub struct JitterBuffer {
    packets: BTreeMap<u64, Waiting>,
    /// The number of the packet that is due next, once one was played.
    next: Option<u64>,
    /// When that was said by the sender's clock, in samples.
    next_time: u64,
    /// Whether sound is being played: a frame that is missing then is concealed.
    playing: bool,
    delays: Delays,
    /// Since when packets have waited longer than they need to.
    slack_since: Option<Instant>,
    /// They did for so long that it is made up for.
    shortens: bool,
    /// Samples that were made up in a row.
    made_up: usize,
    /// Samples that were made up while nothing was there.
    bridged: usize,
    /// Packets in a row that came after their turn.
    all_late: u32,
    /// How long the last packet waited.
    waited: Duration,
    counts: Counts,
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
        self.delays.jitter() / 1000.0
    }

    /// How long the last packet waited for its turn.
    #[must_use]
    pub const fn delay(&self) -> Duration {
        self.waited
    }

    /// How long packets should wait, from when the fastest would have arrived: 10 to 400 ms.
    #[must_use]
    pub const fn target(&self) -> Duration {
        self.delays.target()
    }

    /// A packet came. `time`: in samples, by the sender's clock.
    pub fn push(&mut self, seq: u64, time: u32, payload: Arc<[u8]>, arrived: Instant) {
        let late = self.next.is_some_and(|next| seq < next);
        let twice = self.packets.contains_key(&seq) || (late && self.delays.has(seq, time));
        self.all_late = match late && !twice {
            true => self.all_late + 1,
            false => 0,
        };
        let last = || self.packets.last_key_value().map(|(seq, _)| *seq);
        let far = self
            .next
            .or_else(last)
            .is_some_and(|it| seq.abs_diff(it) > JUMP);
        if far || self.all_late >= ALL_LATE {
            self.restart();
        } else if twice {
            self.counts.dropped += 1;
            return;
        }
        let time = self.delays.unwrap(time);
        self.delays.measure(seq, time, arrived);
        if self.next.is_some_and(|next| seq < next) {
            self.counts.late += 1;
            return;
        }
        let waiting = Waiting {
            time,
            payload,
            arrived,
        };
        self.packets.insert(seq, waiting);
        if self.packets.len() > MAX_PACKETS {
            self.drop_first();
        }
    }

    /// The next frame, of so many samples if it is missing. It is played after so many that are `ready`.
    pub fn pull(&mut self, samples: usize, ready: usize, now: Instant) -> Next {
        let at = now + playing_time(ready);
        while self.behind(at) > TOO_FAR_BEHIND {
            self.drop_first();
        }
        let Some((&seq, first)) = self.packets.first_key_value() else {
            return self.bridge();
        };
        let (time, lag) = (first.time, self.delays.lag(first.time, at));
        let is_due = lag >= self.target_micros();
        let continues = time < self.next_time.saturating_add(samples as u64);
        if self.playing && continues {
            return self.play(seq, at, now);
        }
        if self.playing && self.next != Some(seq) && !(self.bridged > 0 && is_due) {
            return self.fill(seq, samples);
        }
        // A beginning: after silence, or after what was made up has taken the place of what is missing.
        if !is_due {
            self.pause();
            return Next::Silence;
        }
        self.play(seq, at, now)
    }

    /// A frame of so many samples was decoded.
    pub fn played(&mut self, samples: usize) {
        self.next_time = self.next_time.saturating_add(samples as u64);
    }

    fn play(&mut self, seq: u64, at: Instant, now: Instant) -> Next {
        let fit = self.fit(at, now);
        let Some(packet) = self.packets.remove(&seq) else {
            return Next::Silence;
        };
        let skipped = self.next.map_or(0, |next| seq.saturating_sub(next));
        self.counts.missing += skipped;
        self.counts.played += 1;
        self.next = Some(seq.saturating_add(1));
        self.next_time = packet.time;
        self.playing = true;
        self.made_up = 0;
        self.bridged = 0;
        self.waited = at - packet.arrived;
        Next::Frame(packet.payload, fit)
    }

    /// Later packets are there, the next one is not.
    fn fill(&mut self, first: u64, samples: usize) -> Next {
        if self.made_up >= MAX_MADE_UP {
            self.pause();
            return Next::Silence;
        }
        // What was made up while nothing was there takes the place of what no packet carries.
        let mut length = samples;
        let mut next = self.next.unwrap_or(first);
        while next.saturating_add(1) < first && self.bridged >= samples {
            self.bridged -= samples;
            next = self.pass(next, samples);
        }
        if next.saturating_add(1) < first {
            length -= self.bridged;
        }
        self.bridged = 0;
        self.made_up += length;
        next = self.pass(next, samples);
        match self.packets.get(&first) {
            Some(packet) if first == next => Next::Recover(Arc::clone(&packet.payload)),
            _ => Next::Conceal(length),
        }
    }

    /// A frame is missing, and something else takes its place. The number after it.
    fn pass(&mut self, next: u64, samples: usize) -> u64 {
        let next = next.saturating_add(1);
        self.counts.missing += 1;
        self.next = Some(next);
        self.next_time = self.next_time.saturating_add(samples as u64);
        next
    }

    /// Nothing is there: the next packet is late or lost, or nobody speaks any more. The sender's time does not go on:
    /// if the packet comes after all it is played, and those that follow wait longer.
    fn bridge(&mut self) -> Next {
        if !self.playing {
            return Next::Silence;
        }
        if self.made_up >= MAX_MADE_UP {
            self.pause();
            return Next::Silence;
        }
        self.made_up += PIECE;
        self.bridged += PIECE;
        Next::Conceal(PIECE)
    }

    fn pause(&mut self) {
        self.playing = false;
        self.made_up = 0;
        self.bridged = 0;
        self.slack_since = None;
        self.shortens = false;
    }

    fn restart(&mut self) {
        self.counts.dropped += self.packets.len() as u64;
        let counts = self.counts;
        *self = Self {
            counts,
            ..Self::default()
        };
    }

    /// Leaves a packet out.
    fn drop_first(&mut self) {
        let Some((seq, packet)) = self.packets.pop_first() else {
            return;
        };
        self.counts.dropped += 1;
        let next = self.next.unwrap_or(seq);
        self.counts.missing += seq.saturating_sub(next);
        self.next = Some(seq.saturating_add(1));
        let after = self.packets.first_key_value();
        self.next_time = after.map_or(packet.time, |(_, it)| it.time);
    }

    fn target_micros(&self) -> i64 {
        micros(self.target())
    }

    /// How much longer than they need to packets wait, in microseconds, as far as there are any.
    fn behind(&self, at: Instant) -> i64 {
        let (Some((_, first)), Some((_, last))) = (
            self.packets.first_key_value(),
            self.packets.last_key_value(),
        ) else {
            return 0;
        };
        let lag = self.delays.lag(first.time, at);
        let waits = lag.saturating_sub(self.delays.lag(last.time, at));
        lag.saturating_sub(self.target_micros()).min(waits.max(0))
    }

    /// Whether the next frame, which is asked for now and played then, should take another time.
    fn fit(&mut self, at: Instant, now: Instant) -> Fit {
        let behind = self.behind(at);
        if behind > SLACK {
            let since = *self.slack_since.get_or_insert(now);
            self.shortens |= now - since >= SLACK_FOR;
        } else {
            self.slack_since = None;
        }
        self.shortens &= behind > NEAR;
        let first = self.packets.first_key_value();
        let spread = self.target_micros() - micros(LEAST);
        let early = first.map_or(0, |(_, it)| self.delays.lag(it.time, now));
        if behind >= FAR_BEHIND {
            Fit::Hasten
        } else if self.shortens {
            Fit::Shorten
        } else if early.saturating_sub(spread) < AHEAD {
            Fit::Stretch
        } else {
            Fit::Whole
        }
    }
}

fn micros(time: Duration) -> i64 {
    i64::try_from(time.as_micros()).unwrap_or(i64::MAX)
}

/// How long it takes to play so many samples.
fn playing_time(samples: usize) -> Duration {
    Duration::from_micros(samples as u64 * 1_000_000 / u64::from(RATE))
}

#[cfg(test)]
mod tests;
