#![allow(
    clippy::unwrap_used,
    clippy::cast_possible_truncation,
    reason = "tests"
)]

use proptest::prelude::*;

use super::super::testing::Noise;
use super::*;

const FRAME: u32 = 960;

/// A trace: when each packet arrives, in microseconds, by its number.
struct Trace(Vec<(u64, u64)>);

struct Played {
    /// What was played, by number; `None` where nothing was there.
    frames: Vec<Option<u64>>,
    delays: Vec<Duration>,
    buffer: JitterBuffer,
}

/// Plays a trace: frames are asked for every 20 ms, by a clock that may run faster or slower.
fn play(trace: &Trace, step: u64, until: u64) -> Played {
    let mut buffer = JitterBuffer::default();
    let mut arrivals: Vec<(u64, u64)> = trace.0.clone();
    arrivals.sort_by_key(|(_, at)| *at);
    let mut arrivals = arrivals.into_iter().peekable();
    let (mut frames, mut delays) = (Vec::new(), Vec::new());
    let mut now = 0;
    while now < until {
        while let Some((seq, at)) = arrivals.next_if(|(_, at)| *at <= now) {
            let payload: Arc<[u8]> = seq.to_be_bytes().into();
            let at = Instant::ZERO + Duration::from_micros(at);
            buffer.push(seq, (seq as u32).wrapping_mul(FRAME), payload, at);
        }
        let mut samples = 0;
        while samples < FRAME {
            match buffer.pull(FRAME as usize, Instant::ZERO + Duration::from_micros(now)) {
                Next::Frame(payload) => {
                    frames.push(Some(u64::from_be_bytes((*payload).try_into().unwrap())));
                    delays.push(buffer.delay());
                    buffer.played(FRAME as usize);
                    samples = FRAME;
                    if buffer.is_behind(Instant::ZERO + Duration::from_micros(now)) {
                        buffer.caught_up();
                        samples = FRAME / 2;
                        now -= step / 2;
                    }
                }
                Next::Recover(_) | Next::Conceal => {
                    frames.push(None);
                    samples = FRAME;
                }
                Next::Silence => samples = FRAME,
            }
        }
        now += step;
    }
    Played {
        frames,
        delays,
        buffer,
    }
}

fn steady(many: u64) -> Trace {
    Trace((0..many).map(|seq| (seq, seq * 20_000 + 30_000)).collect())
}

fn in_order(frames: &[Option<u64>]) -> bool {
    let played: Vec<u64> = frames.iter().flatten().copied().collect();
    played.windows(2).all(|it| it[0] < it[1])
}

#[test]
fn where_the_network_is_even_nothing_waits_long() {
    let played = play(&steady(500), 20_000, 10_200_000);
    let whole = played
        .frames
        .iter()
        .take(500)
        .copied()
        .eq((0..500).map(Some));
    assert!(whole);
    let most = played.delays.iter().max().unwrap();
    assert!(*most <= Duration::from_millis(30), "{most:?}");
}

#[test]
fn what_is_lost_is_made_up_and_nothing_else() {
    let mut trace = steady(500);
    trace.0.retain(|(seq, _)| seq % 10 != 7);
    let played = play(&trace, 20_000, 10_200_000);
    let last = played.frames.iter().rposition(Option::is_some).unwrap();
    let missing = played
        .frames
        .iter()
        .take(last)
        .filter(|it| it.is_none())
        .count();
    // The first ones are waited for, since they might be late.
    assert!((50..=53).contains(&missing), "{missing}");
    assert!(in_order(&played.frames));
    assert_eq!(played.buffer.counts().late, 0);
}

#[test]
fn a_burst_of_loss_is_filled_frame_by_frame() {
    let mut trace = steady(300);
    trace.0.retain(|(seq, _)| !(100..110).contains(seq));
    let played = play(&trace, 20_000, 6_000_000);
    assert!(in_order(&played.frames));
    let at = played.frames.iter().position(|it| *it == Some(99)).unwrap();
    let next = played
        .frames
        .iter()
        .position(|it| *it == Some(110))
        .unwrap();
    assert!((5..=10).contains(&(next - at - 1)), "{}", next - at);
}

#[test]
fn jitter_is_waited_for_and_no_longer_than_it_lasts() {
    let mut noise = Noise::new(11);
    let mut trace = steady(3000);
    for (seq, at) in &mut trace.0 {
        if *seq < 1000 {
            *at += noise.next() % 60_000;
        }
    }
    let played = play(&trace, 20_000, 60_000_000);
    assert!(in_order(&played.frames));
    let missing = |from: usize, to: usize| {
        let frames = played.frames.iter().skip(from).take(to - from);
        frames.filter(|it| it.is_none()).count()
    };
    assert!(missing(200, 1000) < 40, "{}", missing(200, 1000));
    assert_eq!(missing(1300, 2900), 0);
    let waits = |from: usize, to: usize| played.delays[from..to].iter().max().copied().unwrap();
    assert!(waits(300, 900) > Duration::from_millis(40));
    assert!(
        waits(2500, 2900) < Duration::from_millis(40),
        "{:?}",
        waits(2500, 2900)
    );
}

#[test]
fn packets_that_overtake_each_other_are_put_in_order() {
    let mut trace = steady(400);
    for (seq, at) in &mut trace.0 {
        if *seq % 5 == 0 {
            *at += 25_000;
        }
    }
    let played = play(&trace, 20_000, 8_000_000);
    assert!(in_order(&played.frames));
    let missing = played
        .frames
        .iter()
        .skip(50)
        .take(340)
        .filter(|it| it.is_none())
        .count();
    assert_eq!(missing, 0);
}

#[test]
fn clocks_that_drift_for_an_hour_are_followed() {
    for step in [19_996, 20_004] {
        let many = 180_000;
        let played = play(&steady(many), step, many * 20_000);
        assert!(in_order(&played.frames));
        let most = played.delays.iter().skip(100).max().unwrap();
        assert!(*most < Duration::from_millis(90), "{step}: {most:?}");
        let missing = played.frames.iter().filter(|it| it.is_none()).count();
        assert!(missing < 100, "{step}: {missing}");
    }
}

#[test]
fn after_a_pause_sound_begins_as_soon_as_it_can() {
    let mut trace = Trace(Vec::new());
    let mut buffer = JitterBuffer::default();
    for seq in 0..100 {
        // The sender was silent for a second in the middle: its clock went on, its numbers did not.
        let pause = if seq >= 50 { 1_000_000 } else { 0 };
        trace.0.push((seq, seq * 20_000 + 30_000 + pause));
    }
    let mut now = 0;
    let mut arrivals = trace.0.iter().peekable();
    let (mut first, mut played) = (None, 0);
    while now < 4_000_000 {
        while let Some((seq, at)) = arrivals.next_if(|(_, at)| *at <= now) {
            let pause = if *seq >= 50 { 50 * FRAME } else { 0 };
            let at = Instant::ZERO + Duration::from_micros(*at);
            buffer.push(
                *seq,
                *seq as u32 * FRAME + pause,
                seq.to_be_bytes().into(),
                at,
            );
        }
        if let Next::Frame(payload) = buffer.pull(960, Instant::ZERO + Duration::from_micros(now)) {
            buffer.played(960);
            played += 1;
            if *payload == 50_u64.to_be_bytes() {
                first = Some(now);
            }
        }
        now += 20_000;
    }
    assert_eq!(played, 100);
    let came = 50 * 20_000 + 30_000 + 1_000_000;
    assert!(first.unwrap() - came <= 40_000, "{first:?}");
}

#[test]
fn a_sender_that_begins_anew_is_heard_at_once() {
    let mut buffer = JitterBuffer::default();
    let mut now = Instant::ZERO;
    let mut played = 0;
    for (base, time) in [(60_000_u64, u32::MAX - 5000), (3, 77), (1_000_000, 5)] {
        for step in 0..50_u64 {
            let time = time.wrapping_add(step as u32 * FRAME);
            buffer.push(base + step, time, [0].into(), now);
            now = now + Duration::from_millis(20);
            if let Next::Frame(_) = buffer.pull(960, now) {
                buffer.played(960);
                played += 1;
            }
        }
    }
    assert!(played >= 146, "{played}");
}

proptest! {
    #[test]
    fn nothing_that_comes_grows_it_or_ends_it(
        packets in prop::collection::vec((any::<u64>(), any::<u32>(), 0..300_u64), 0..400),
        near: bool,
    ) {
        let mut buffer = JitterBuffer::default();
        let mut now = Instant::ZERO;
        for (seq, time, wait) in packets {
            let seq = if near { seq % 300 } else { seq >> 8 };
            buffer.push(seq, time, [1].into(), now);
            now = now + Duration::from_millis(wait);
            if let Next::Frame(_) = buffer.pull(960, now) {
                buffer.played(960);
            }
            prop_assert!(buffer.packets.len() <= MAX_PACKETS);
            prop_assert!(buffer.transits.len() <= WINDOW);
            prop_assert!(buffer.target() <= MOST);
        }
    }
}
