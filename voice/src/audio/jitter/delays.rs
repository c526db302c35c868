//! How long packets are on their way, compared with the fastest of the last ones, and how long they should wait.

use core::time::Duration;
use std::collections::VecDeque;

use dialtone_protocol::Instant;

use super::{LEAST, MOST};

/// Packets by which it is judged how unevenly they arrive: four seconds of frames of 20 ms.
pub(super) const WINDOW: usize = 200;

/// Packets that are older say nothing any more: clocks that differ by 200 ppm have drifted by 6 ms.
const OLDEST: Duration = Duration::from_secs(30);

/// How many of a hundred packets come in time.
const IN_TIME: usize = 98;

/// A step of the way, or of the sender's clock, after which packets are not compared with those before it.
const STEP: i64 = 1_000_000;

/// So much slower than the fastest, in microseconds, ...
const SHIFT: i64 = 100_000;

/// ... and so many packets in a row: the way has become longer, or the sender's clock stands still while it is silent.
const SHIFTED: u32 = 10;

/// The sender's clock makes a larger step, in samples, than any packet is long (120 ms): it was silent.
const PAUSE: u64 = 5760;

/// The sender's clock begins here, so that what is before the first packet has a time, too.
const BEGINNING: u64 = 1 << 32;

#[derive(Clone, Copy, Debug)]
struct Seen {
    seq: u64,
    /// By the sender's clock, in samples.
    time: u64,
    /// How long it was on its way, in microseconds from any beginning.
    transit: i64,
    arrived: Instant,
    /// It came itself, not only within the packet after it.
    itself: bool,
}

/// The last packets, by how long they were on their way.
#[derive(Clone, Debug)]
pub(super) struct Delays {
    /// The sender's clock: its last time as it came, and as it does not wrap.
    clock: Option<(u32, u64)>,
    /// The foremost packet: its number, and its time.
    foremost: Option<(u64, u64)>,
    window: VecDeque<Seen>,
    /// Packets in a row that were much slower than the fastest.
    slow: u32,
    fastest: i64,
    target: Duration,
    last: Option<i64>,
    jitter: f64,
}

impl Default for Delays {
    fn default() -> Self {
        Self {
            clock: None,
            foremost: None,
            window: VecDeque::new(),
            slow: 0,
            fastest: 0,
            target: LEAST,
            last: None,
            jitter: 0.0,
        }
    }
}

impl Delays {
    /// The time of a packet as it does not wrap.
    pub(super) fn unwrap(&mut self, time: u32) -> u64 {
        let (last, long) = self
            .clock
            .unwrap_or_else(|| (time, BEGINNING + u64::from(time)));
        let step = i64::from(time.wrapping_sub(last).cast_signed());
        let long = long.saturating_add_signed(step);
        self.clock = Some((time, long));
        long
    }

    /// Whether a packet of this number and this time came.
    pub(super) fn has(&self, seq: u64, time: u32) -> bool {
        let time = u64::from(time);
        let mut window = self.window.iter();
        window.any(|it| it.itself && it.seq == seq && it.time % (1 << 32) == time)
    }

    /// Takes a packet into account. `time`: in samples, by the sender's clock.
    pub(super) fn measure(&mut self, seq: u64, time: u64, arrived: Instant) {
        let transit = way(time, arrived);
        if let Some(last) = self.last.replace(transit) {
            #[expect(clippy::cast_precision_loss, reason = "differences are small")]
            let step = transit.abs_diff(last).min(1_000_000) as f64;
            self.jitter += (step - self.jitter) / 16.0;
        }
        self.forget(transit, arrived);
        let before = self.foremost;
        if before.is_none_or(|(foremost, _)| seq > foremost) {
            self.foremost = Some((seq, time));
        }
        // What is said first is held back by the sender until it knows that it is speech: it says nothing of the way.
        let after_pause = before.is_some_and(|(foremost, at)| {
            seq == foremost.saturating_add(1) && time.saturating_sub(at) > PAUSE
        });
        if !after_pause || self.window.is_empty() {
            self.note(Seen {
                seq,
                time,
                transit,
                arrived,
                itself: true,
            });
            if let Some((foremost, at)) = before
                && seq == foremost.saturating_add(2)
            {
                // What is lost comes with the packet after it, which was sent later.
                let time = at.saturating_add(time.saturating_sub(at).min(PAUSE) / 2);
                self.window.push_back(Seen {
                    seq: seq.saturating_sub(1),
                    time,
                    transit: way(time, arrived),
                    arrived,
                    itself: false,
                });
            }
        }
        self.judge();
    }

    /// How long after the fastest packets' arrival a sound is played, in microseconds: it may be negative.
    pub(super) fn lag(&self, time: u64, at: Instant) -> i64 {
        way(time, at).saturating_sub(self.fastest)
    }

    /// How long packets should wait, from when the fastest would have arrived.
    pub(super) const fn target(&self) -> Duration {
        self.target
    }

    /// RFC 3550, section 6.4.1, in microseconds.
    pub(super) const fn jitter(&self) -> f64 {
        self.jitter
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.window.len()
    }

    /// Forgets what the present packet is not compared with.
    fn forget(&mut self, transit: i64, arrived: Instant) {
        // A packet may bring the one before it, so that there must be room for two.
        while let Some(first) = self.window.front()
            && (self.window.len() + 1 >= WINDOW || arrived - first.arrived > OLDEST)
        {
            self.window.pop_front();
        }
        let slower = transit.saturating_sub(self.fastest);
        if slower.saturating_abs() > STEP {
            self.window.clear();
        }
        self.slow = match slower > SHIFT && !self.window.is_empty() {
            true => self.slow + 1,
            false => 0,
        };
        if self.slow >= SHIFTED {
            let old = self.window.len().saturating_sub(SHIFTED as usize - 1);
            self.window.drain(..old);
            self.slow = 0;
        }
    }

    /// A packet came itself, perhaps after it was thought lost.
    fn note(&mut self, packet: Seen) {
        let mut window = self.window.iter_mut().rev();
        match window.find(|it| it.seq == packet.seq) {
            Some(seen) => {
                *seen = Seen {
                    transit: seen.transit.min(packet.transit),
                    ..packet
                }
            }
            None => self.window.push_back(packet),
        }
    }

    /// Most packets come later than the fastest by no more than the target.
    fn judge(&mut self) {
        let mut transits: Vec<i64> = self.window.iter().map(|it| it.transit).collect();
        self.fastest = transits.iter().copied().min().unwrap_or(0);
        let place = transits.len().saturating_sub(1) * IN_TIME / 100;
        let slow = match transits.is_empty() {
            true => self.fastest,
            false => *transits.select_nth_unstable(place).1,
        };
        let spread = u64::try_from(slow.saturating_sub(self.fastest)).unwrap_or(0);
        self.target = (Duration::from_micros(spread) + LEAST).min(MOST);
    }
}

/// How long it takes to play so many samples, in microseconds.
const fn micros(samples: u64) -> u64 {
    samples.saturating_mul(125) / 6
}

/// How long a sound of this time was on its way, in microseconds from any beginning.
fn way(time: u64, at: Instant) -> i64 {
    let at = i64::try_from(at.as_micros()).unwrap_or(i64::MAX);
    at.saturating_sub(i64::try_from(micros(time)).unwrap_or(i64::MAX))
}
