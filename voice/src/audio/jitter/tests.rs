#![allow(
    clippy::unwrap_used,
    clippy::cast_possible_truncation,
    clippy::indexing_slicing,
    reason = "tests"
)]

use proptest::prelude::*;

use super::super::testing::Noise;
use super::*;

const FRAME: usize = 960;

/// By how much the player of these tests changes the length of a frame, in samples: 7.5 ms.
const CHANGE: usize = 360;

/// A packet on its way.
#[derive(Clone, Copy, Debug)]
struct Packet {
    seq: u64,
    /// By the sender's clock, in samples.
    time: u32,
    /// When it arrives, in microseconds.
    at: u64,
}

/// One packet every 20 ms, each on its way for 30 ms.
fn steady(many: u64) -> Vec<Packet> {
    (0..many)
        .map(|seq| Packet {
            seq,
            time: seq as u32 * FRAME as u32,
            at: seq * 20_000 + 30_000,
        })
        .collect()
}

/// What became of a trace.
struct Played {
    /// One letter for each decision: `F` a frame, `s` a shortened, `h` a hastened and `l` a longer one, `R` one that
    /// is recovered, `C` and `c` 20 and 10 ms that are made up, `.` 10 ms of silence.
    decisions: String,
    /// The numbers of the frames that were played.
    seqs: Vec<u64>,
    /// How long the packets of these frames had waited.
    waits: Vec<Duration>,
    buffer: JitterBuffer,
}

impl Played {
    /// The decisions with their repetitions counted.
    fn trace(&self) -> String {
        let mut parts: Vec<(char, u32)> = Vec::new();
        for letter in self.decisions.chars() {
            match parts.last_mut() {
                Some((last, many)) if *last == letter => *many += 1,
                _ => parts.push((letter, 1)),
            }
        }
        let parts: Vec<String> = parts.iter().map(|it| format!("{}{}", it.1, it.0)).collect();
        parts.join(" ")
    }

    fn count(&self, letter: char) -> usize {
        self.decisions.chars().filter(|it| *it == letter).count()
    }

    /// The longest that a packet waited, in milliseconds.
    fn longest(&self, from: usize, to: usize) -> u128 {
        self.waits[from..to].iter().max().unwrap().as_millis()
    }
}

/// Plays a trace: pieces of 10 ms are asked for, by a clock whose 10 ms may be a little longer or shorter.
fn play_by(packets: &[Packet], tick: f64, millis: u64) -> Played {
    let mut packets = packets.to_vec();
    packets.sort_by_key(|it| it.at);
    let mut packets = packets.into_iter().peekable();
    let mut played = Played {
        decisions: String::new(),
        seqs: Vec::new(),
        waits: Vec::new(),
        buffer: JitterBuffer::default(),
    };
    let mut ready = 0;
    for step in 0..millis / 10 {
        #[expect(clippy::cast_precision_loss, clippy::cast_sign_loss, reason = "tests")]
        let now = (step as f64 * tick) as u64;
        while let Some(it) = packets.next_if(|it| it.at <= now) {
            let payload: Arc<[u8]> = it.seq.to_be_bytes().into();
            let at = Instant::from_micros(it.at);
            played.buffer.push(it.seq, it.time, payload, at);
        }
        while ready < PIECE {
            ready += decide(&mut played, ready, now);
        }
        ready -= PIECE;
    }
    played
}

fn play(packets: &[Packet], millis: u64) -> Played {
    play_by(packets, 10_000.0, millis)
}

/// Plays what is next, and says how many samples that were.
fn decide(played: &mut Played, ready: usize, now: u64) -> usize {
    let next = played.buffer.pull(FRAME, ready, Instant::from_micros(now));
    let (letter, samples) = match next {
        Next::Frame(payload, fit) => {
            played.buffer.played(FRAME);
            played
                .seqs
                .push(u64::from_be_bytes((*payload).try_into().unwrap()));
            played.waits.push(played.buffer.delay());
            match fit {
                Fit::Whole => ('F', FRAME),
                Fit::Shorten => ('s', FRAME - CHANGE),
                Fit::Hasten => ('h', FRAME - CHANGE),
                Fit::Stretch => ('l', FRAME + CHANGE),
            }
        }
        Next::Recover(_) => ('R', FRAME),
        Next::Conceal(FRAME) => ('C', FRAME),
        Next::Conceal(samples) => ('c', samples),
        Next::Silence => ('.', PIECE),
    };
    played.decisions.push(letter);
    samples
}

#[test]
fn where_the_network_is_even_nothing_waits_long() {
    let played = play(&steady(500), 10_400);
    assert_eq!(played.trace(), "4. 500F 12c 24.");
    assert_eq!(played.longest(0, 500), 10);
    // The player may ask at any time.
    for late in [3_000, 9_999] {
        let packets = steady(500).into_iter();
        let packets: Vec<Packet> = packets
            .map(|it| Packet {
                at: it.at + late,
                ..it
            })
            .collect();
        let played = play(&packets, 10_200);
        assert_eq!(played.count('F'), 500);
        assert!(played.longest(0, 500) < 20);
    }
}

#[test]
fn a_rare_loss_is_made_up_and_delays_nothing() {
    let mut packets = steady(300);
    packets.retain(|it| it.seq != 100 && it.seq != 200);
    let played = play(&packets, 6_030);
    assert_eq!(played.trace(), "4. 100F 1c 1R 99F 1R 98F");
}

#[test]
fn where_much_is_lost_it_waits_for_what_carries_it_once_more() {
    let mut packets = steady(500);
    packets.retain(|it| it.seq % 10 != 7);
    let played = play(&packets, 10_030);
    // Once the target has grown by a frame, each loss is recovered and no sound is made up.
    let trace = format!("4. 7F 1c 1R 9F 1R 2l 7F 1R{} 1F", " 9F 1R".repeat(47));
    assert_eq!(played.trace(), trace);
}

#[test]
fn a_burst_of_loss_fades_into_a_pause() {
    let mut packets = steady(200);
    packets.retain(|it| !(100..112).contains(&it.seq));
    let played = play(&packets, 4_030);
    assert_eq!(played.trace(), "4. 100F 12c 12. 88F");
}

#[test]
fn a_burst_of_packets_after_a_stall_is_caught_up_with() {
    let mut packets = steady(400);
    for it in &mut packets {
        if (100..115).contains(&it.seq) {
            it.at = 115 * 20_000 + 30_000;
        }
    }
    let played = play(&packets, 8_030);
    assert_eq!(played.trace(), "4. 100F 12c 17. 136F 2h 7s 45F 22h 85F");
}

#[test]
fn jitter_is_waited_for_and_no_longer_than_it_lasts() {
    let mut noise = Noise::new(11);
    let mut packets = steady(3000);
    for it in &mut packets {
        if it.seq < 1000 {
            it.at += noise.next() % 60_000;
        }
    }
    let played = play(&packets, 60_000);
    assert_eq!(
        played.trace(),
        "6. 1F 2c 1F 1R 4F 1c 63F 2l 1118F 1h 44F 7s 1756F"
    );
}

#[test]
fn a_way_that_becomes_longer_is_got_used_to() {
    let mut packets = steady(1000);
    for it in &mut packets {
        if it.seq >= 200 {
            it.at += 70_000;
        }
    }
    let played = play(&packets, 20_000);
    assert_eq!(played.trace(), "4. 200F 6c 4F 2l 789F");
}

#[test]
fn packets_that_overtake_each_other_are_put_in_order() {
    let mut packets = steady(400);
    for it in &mut packets {
        if it.seq % 5 == 0 {
            it.at += 25_000;
        }
    }
    let played = play(&packets, 8_030);
    assert_eq!(played.trace(), "6. 399F");
}

#[test]
fn clocks_that_drift_for_minutes_are_followed() {
    for (tick, trace) in [
        (
            9_998.0,
            "5. 4498F 2l 2498F 1l 2498F 1l 2499F 2l 2497F 1l 493F",
        ),
        (
            10_002.0,
            "4. 3849F 1s 1874F 1s 1875F 1s 2499F 2s 3124F 1s 1769F",
        ),
    ] {
        let played = play_by(&steady(15_000), tick, 299_900);
        assert_eq!((tick, played.trace().as_str()), (tick, trace));
    }
}

#[test]
fn after_a_pause_sound_begins_as_soon_as_it_can() {
    // The sender was silent for a second: its clock went on, its numbers did not.
    let mut packets = steady(100);
    for it in packets.iter_mut().skip(50) {
        it.time += 48_000;
        it.at += 1_000_000;
    }
    let played = play(&packets, 3_030);
    assert_eq!(played.trace(), "4. 50F 12c 88. 50F");
}

#[test]
fn a_sender_whose_clock_stands_still_in_pauses_is_not_waited_for() {
    // As the original's daemon does it.
    let mut packets = steady(400);
    for it in &mut packets {
        it.at += it.seq / 50 * 333_333;
    }
    let played = play(&packets, 10_360);
    assert_eq!(
        played.trace(),
        "4. 50F 12c 21. 50F 12c 21. 50F 12c 21. 2F 2l 46F 12c 21. 50F 12c 21. 50F 12c 21. 2F 1l 47F 12c 21. 50F"
    );
}

#[test]
fn what_comes_twice_is_played_once() {
    let mut packets = steady(100);
    packets.extend(steady(100).iter().map(|it| Packet {
        at: it.at + 70_000,
        ..*it
    }));
    let played = play(&packets, 2_030);
    assert_eq!(played.trace(), "4. 100F");
}

#[test]
fn a_sender_that_begins_anew_is_heard_soon() {
    // Far away in numbers, or a little before those that were there: then it is known by ten that all are too late.
    for (first, trace) in [(60_000, "4. 200F"), (40, "4. 100F 12c 6. 91F")] {
        let mut packets = steady(200);
        for it in packets.iter_mut().skip(100) {
            it.seq = it.seq - 100 + first;
            it.time = it.time.wrapping_sub(77_777_777);
        }
        let played = play(&packets, 4_030);
        assert_eq!(played.trace(), trace, "{first}");
    }
}

#[test]
fn what_nobody_plays_is_bounded_and_what_is_newest_is_kept() {
    let mut buffer = JitterBuffer::default();
    for it in steady(1000) {
        let payload = it.seq.to_be_bytes().into();
        buffer.push(it.seq, it.time, payload, Instant::from_micros(it.at));
    }
    assert_eq!(buffer.packets.len(), MAX_PACKETS);
    let now = Instant::from_micros(1000 * 20_000 + 30_000);
    let Next::Frame(payload, Fit::Hasten) = buffer.pull(FRAME, 0, now) else {
        panic!("nothing is played");
    };
    // Of two seconds half a one is caught up with, the rest is left out.
    let seq = u64::from_be_bytes((*payload).try_into().unwrap());
    assert_eq!(seq, 974);
    assert_eq!(buffer.counts().dropped, 974);
}

proptest! {
    #[test]
    fn whatever_comes_it_stays_bounded_and_in_order_and_its_counts_add_up(
        steps in prop::collection::vec((any::<u64>(), any::<u32>(), 0..300_u64, 0..4_usize), 0..400),
        near: bool,
    ) {
        let mut buffer = JitterBuffer::default();
        let (mut now, mut pushed, mut last) = (0, 0, None);
        for (seq, time, wait, pulls) in steps {
            let (seq, time) = match near {
                true => (seq % 300, seq as u32 % 300 * 960 + time % 3),
                false => (seq >> (seq % 64), time),
            };
            buffer.push(seq, time, seq.to_be_bytes().into(), Instant::from_micros(now));
            pushed += 1;
            if buffer.next.is_none() {
                // It began anew.
                last = None;
            }
            now += wait * 1000;
            for _ in 0..pulls {
                if let Next::Frame(payload, _) = buffer.pull(FRAME, 0, Instant::from_micros(now)) {
                    buffer.played(FRAME);
                    let seq = u64::from_be_bytes((*payload).try_into().unwrap());
                    prop_assert!(last.is_none_or(|last| seq > last), "{seq} after {last:?}");
                    last = Some(seq);
                }
            }
            prop_assert!(buffer.packets.len() <= MAX_PACKETS);
            prop_assert!(buffer.delays.len() <= delays::WINDOW);
            prop_assert!(buffer.target() >= LEAST && buffer.target() <= MOST);
            let Counts { played, late, dropped, .. } = buffer.counts();
            prop_assert_eq!(pushed, played + late + dropped + buffer.packets.len() as u64);
        }
    }

    #[test]
    fn each_frame_is_played_or_missing_and_nothing_is_made_up_for_longer_than_a_pause(
        fates in prop::collection::vec((0..10_u8, 0..120_000_u64), 1..300),
    ) {
        let mut packets = steady(fates.len() as u64);
        for (it, (_, late)) in packets.iter_mut().zip(&fates) {
            it.at += late;
        }
        let kept = fates.iter().map(|(fate, _)| *fate > 2);
        let mut kept = kept.collect::<Vec<_>>().into_iter();
        packets.retain(|_| kept.next().unwrap());
        let played = play(&packets, 8_000);
        let in_order = played.seqs.windows(2).all(|it| it[0] < it[1]);
        prop_assert!(in_order);
        let counts = played.buffer.counts();
        prop_assert_eq!(counts.played, played.seqs.len() as u64);
        if let (Some(first), Some(next)) = (played.seqs.first(), played.buffer.next) {
            prop_assert_eq!(next - first, counts.played + counts.missing);
        }
        prop_assert!(!played.decisions.contains("ccccccccccccc"));
        prop_assert!(!played.decisions.contains("CCCCCCC"));
    }
}
