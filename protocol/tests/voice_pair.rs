//! A connection between two devices is negotiated, whatever the server and the network do to it.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests"
)]

use std::collections::VecDeque;
use std::time::Duration;

use dialtone_protocol::limits;
use dialtone_protocol::voice::{Command, Event, Input, Output, Pair, PairError, Say};
use dialtone_protocol::{Instant, Machine};
use proptest::prelude::*;

fn outputs(pair: &mut Pair) -> Vec<Output> {
    std::iter::from_fn(|| pair.poll_output()).collect()
}

fn at(seconds: u64) -> Instant {
    Instant::ZERO + Duration::from_secs(seconds)
}

const fn make_offer(generation: u32, restart: bool) -> Output {
    Output::Media(Command::MakeOffer {
        generation,
        restart,
    })
}

fn offer(generation: u32) -> Say {
    let sdp = "offer".to_owned();
    Say::Offer { generation, sdp }
}

/// A pair that has sent its first offer.
fn offering(wins: bool) -> Pair {
    let mut pair = Pair::new(true, wins, at(0));
    assert_eq!(outputs(&mut pair), [make_offer(0, false)]);
    let (generation, sdp) = (0, "offer");
    pair.handle_input(Input::OfferMade { generation, sdp }, at(0))
        .unwrap();
    assert_eq!(outputs(&mut pair), [Output::Send(offer(0))]);
    pair
}

/// A pair that stands.
fn standing(wins: bool) -> Pair {
    let mut pair = offering(wins);
    let (generation, sdp) = (0, "answer");
    pair.handle_input(Input::Answer { generation, sdp }, at(0))
        .unwrap();
    pair.handle_input(Input::Connected, at(1)).unwrap();
    outputs(&mut pair);
    assert_eq!(pair.poll_timeout(), None);
    pair
}

// spec 11.20, 11.22
#[test]
fn who_is_inside_offers_and_the_newcomer_answers() {
    let mut pair = Pair::new(false, true, at(0));
    assert_eq!(outputs(&mut pair), []);
    // Its first candidates came too early.
    for candidate in ["candidate:1", "candidate:2"] {
        pair.handle_input(Input::Candidate { candidate }, at(0))
            .unwrap();
    }
    assert_eq!(outputs(&mut pair), []);
    let (generation, sdp) = (0, "offer");
    pair.handle_input(Input::Offer { generation, sdp }, at(0))
        .unwrap();
    let taken = outputs(&mut pair);
    assert_eq!(
        taken[0],
        Output::Media(Command::TakeOffer {
            generation,
            sdp: sdp.to_owned()
        })
    );
    assert_eq!(taken.len(), 3, "and the candidates, in their order");
    // Its own candidates go out behind the answer.
    let candidate = "candidate:3";
    pair.handle_input(Input::LocalCandidate { candidate }, at(0))
        .unwrap();
    assert_eq!(outputs(&mut pair), []);
    let sdp = "answer";
    pair.handle_input(Input::AnswerMade { generation, sdp }, at(0))
        .unwrap();
    assert_eq!(
        outputs(&mut pair),
        [
            Output::Send(Say::Answer {
                generation,
                sdp: sdp.to_owned()
            }),
            Output::Send(Say::Candidate {
                candidate: candidate.to_owned()
            }),
        ]
    );
    pair.handle_input(Input::Connected, at(1)).unwrap();
    assert_eq!(outputs(&mut pair), [Output::Event(Event::Connected)]);
    assert!(pair.is_connected());
    assert_eq!(pair.poll_timeout(), None);
}

// spec 11.21
#[test]
fn when_both_offer_one_gives_way() {
    let (generation, sdp) = (0, "theirs");
    let theirs = Input::Offer { generation, sdp };
    let mut winner = offering(true);
    assert_eq!(winner.handle_input(theirs, at(1)), Err(PairError::Yielding));
    assert_eq!(outputs(&mut winner), []);
    let mut loser = offering(false);
    loser.handle_input(theirs, at(1)).unwrap();
    let taken = outputs(&mut loser);
    assert_eq!(taken[0], Output::Media(Command::Rollback));
    assert!(matches!(
        taken[1],
        Output::Media(Command::TakeOffer { generation: 0, .. })
    ));
    // An answer to the offer that was taken back comes too late.
    let late = Input::Answer { generation, sdp };
    assert_eq!(loser.handle_input(late, at(1)), Err(PairError::Stale));
}

// spec 11.23
#[test]
fn a_connection_that_breaks_is_restarted_by_the_side_whose_offer_comes_first() {
    let mut winner = standing(true);
    winner.handle_input(Input::Failed, at(5)).unwrap();
    assert_eq!(
        outputs(&mut winner),
        [Output::Event(Event::Reconnecting), make_offer(1, true)]
    );
    let mut loser = standing(false);
    loser.handle_input(Input::Failed, at(5)).unwrap();
    assert_eq!(outputs(&mut loser), [Output::Event(Event::Reconnecting)]);
    // If nothing comes it offers itself.
    let due = loser.poll_timeout().unwrap();
    assert_eq!(due, at(5) + limits::YIELD_WAIT);
    loser.handle_timeout(due);
    assert_eq!(outputs(&mut loser), [make_offer(1, true)]);
}

// spec 11.23
#[test]
fn the_pause_between_tries_doubles() {
    for (wins, more) in [(true, Duration::ZERO), (false, limits::YIELD_WAIT)] {
        let mut pair = offering(wins);
        for (generation, wanted) in (1..).zip([0, 1, 2, 4, 8, 16, 30, 30]) {
            // No answer comes.
            let mut now = pair.poll_timeout().unwrap();
            pair.handle_timeout(now);
            assert_eq!(outputs(&mut pair)[0], Output::Media(Command::Rollback));
            let pause = Duration::from_secs(wanted) + more;
            if !pause.is_zero() {
                assert_eq!(pair.poll_timeout(), Some(now + pause));
                now = now + pause;
                pair.handle_timeout(now);
                outputs(&mut pair);
            }
            // The next offer is sent.
            let sdp = "offer";
            pair.handle_input(Input::OfferMade { generation, sdp }, now)
                .unwrap();
            outputs(&mut pair);
        }
    }
}

// spec 11.24
#[test]
fn another_network_restarts_at_once_and_once_for_many_changes() {
    let mut pair = standing(false);
    pair.handle_input(Input::NetworkChanged, at(5)).unwrap();
    assert_eq!(outputs(&mut pair), [make_offer(1, true)]);
    for _ in 0..3 {
        pair.handle_input(Input::NetworkChanged, at(5)).unwrap();
    }
    let (generation, sdp) = (1, "offer");
    pair.handle_input(Input::OfferMade { generation, sdp }, at(5))
        .unwrap();
    assert_eq!(outputs(&mut pair), [Output::Send(offer(1))]);
    pair.handle_input(Input::Answer { generation, sdp }, at(5))
        .unwrap();
    assert_eq!(outputs(&mut pair)[1], make_offer(2, true));
}

// spec 11.25
#[test]
fn what_belongs_to_an_earlier_exchange_changes_nothing() {
    let mut pair = standing(true);
    let sdp = "x";
    for (input, error) in [
        (Input::Answer { generation: 0, sdp }, PairError::Stale),
        (
            Input::OfferMade { generation: 0, sdp },
            PairError::Unexpected,
        ),
        (
            Input::AnswerMade { generation: 0, sdp },
            PairError::Unexpected,
        ),
    ] {
        assert_eq!(pair.handle_input(input, at(9)), Err(error));
    }
    let offer = Input::Offer { generation: 4, sdp };
    pair.handle_input(offer, at(9)).unwrap();
    assert_eq!(pair.handle_input(offer, at(9)), Err(PairError::Stale));
    let older = Input::Offer { generation: 3, sdp };
    assert_eq!(pair.handle_input(older, at(9)), Err(PairError::Stale));
}

// spec 11.22
#[test]
fn early_candidates_are_bounded() {
    let mut pair = Pair::new(false, false, at(0));
    let candidate = "candidate:1";
    let input = Input::Candidate { candidate };
    for _ in 0..limits::MAX_EARLY_CANDIDATES {
        pair.handle_input(input, at(0)).unwrap();
    }
    assert_eq!(
        pair.handle_input(input, at(0)),
        Err(PairError::TooManyCandidates)
    );
}

// spec 11.26
#[test]
fn a_closed_pair_says_nothing_more() {
    for mut pair in [offering(true), standing(false)] {
        pair.close(at(2));
        assert_eq!(outputs(&mut pair), [Output::Media(Command::Close)]);
        pair.close(at(2));
        assert_eq!(
            pair.handle_input(Input::Failed, at(2)),
            Err(PairError::Closed)
        );
        assert_eq!((outputs(&mut pair), pair.poll_timeout()), (vec![], None));
    }
}

/// What carries the sound, as far as descriptions go: it connects when both sides hold the same two.
#[derive(Default)]
struct Media {
    offer: Option<String>,
    /// Offer and answer that were taken in last.
    both: Option<(String, String)>,
    since: u64,
    up: bool,
    /// What it will have made, and when.
    making: VecDeque<(u64, Made)>,
}

enum Made {
    Offer(u32),
    Answer(u32, String),
}

/// What can go wrong: from when on, for how many ticks.
#[derive(Clone, Debug)]
enum Fault {
    /// What is said one way gets lost.
    Cut { way: usize },
    /// The same arrives twice.
    Double { way: usize },
    /// No sound comes through.
    Silence,
    /// A side has other addresses.
    Moved { side: usize },
}

const TICK: Duration = Duration::from_millis(100);

/// Two sides, and the way between them in ticks.
struct World {
    tick: u64,
    pairs: [Pair; 2],
    media: [Media; 2],
    /// What is on its way to each side, and when it arrives.
    lanes: [VecDeque<(u64, Say)>; 2],
    descriptions: u64,
    faults: Vec<(u64, u64, Fault)>,
    latency: u64,
}

impl World {
    fn new(faults: Vec<(u64, u64, Fault)>, latency: u64, both_offer: bool) -> Self {
        Self {
            tick: 0,
            pairs: [
                Pair::new(true, true, Instant::ZERO),
                Pair::new(both_offer, false, Instant::ZERO),
            ],
            media: <[Media; 2]>::default(),
            lanes: <[VecDeque<_>; 2]>::default(),
            descriptions: 0,
            faults,
            latency,
        }
    }

    fn now(&self) -> Instant {
        Instant::ZERO + TICK * u32::try_from(self.tick).unwrap()
    }

    fn is(&self, fault: impl Fn(&Fault) -> bool) -> bool {
        let mut now = self.faults.iter();
        now.any(|(from, many, it)| (*from..from + many).contains(&self.tick) && fault(it))
    }

    fn input(&mut self, side: usize, input: Input<'_>) {
        let before = self.pairs[side].poll_timeout();
        if self.pairs[side].handle_input(input, self.now()).is_err() {
            assert_eq!(self.pairs[side].poll_timeout(), before, "spec 1.5");
        }
        self.carry_out(side);
    }

    fn carry_out(&mut self, side: usize) {
        loop {
            let due = self.pairs[side].poll_timeout();
            let Some(output) = self.pairs[side].poll_output() else {
                break;
            };
            assert!(due.is_some_and(|at| at <= self.now()), "spec 1.2");
            match output {
                Output::Send(say) => self.send(side, say),
                Output::Media(command) => self.command(side, command),
                Output::Event(_) => {}
                other => panic!("{other:?}"),
            }
        }
    }

    fn send(&mut self, side: usize, say: Say) {
        let way = 1 - side;
        if self.is(|fault| matches!(fault, Fault::Cut { way: cut } if *cut == way)) {
            return;
        }
        let doubled = self.is(|fault| matches!(fault, Fault::Double { way: it } if *it == way));
        for _ in 0..=usize::from(doubled) {
            self.lanes[way].push_back((self.tick + self.latency, say.clone()));
        }
    }

    fn command(&mut self, side: usize, command: Command) {
        let soon = self.tick + 1;
        let media = &mut self.media[side];
        match command {
            Command::MakeOffer { generation, .. } => {
                media.making.push_back((soon, Made::Offer(generation)));
            }
            Command::TakeOffer { generation, sdp } => {
                media
                    .making
                    .push_back((soon, Made::Answer(generation, sdp)));
            }
            Command::TakeAnswer { sdp } => {
                let offer = media.offer.take().expect("an answer fits an offer");
                media.both = Some((offer, sdp));
                media.since = self.tick;
            }
            Command::Rollback => media.offer = None,
            Command::AddCandidate { .. } | Command::Close => {}
            other => panic!("{other:?}"),
        }
    }

    fn step(&mut self) {
        self.tick += 1;
        for side in 0..2 {
            if self.is(|fault| matches!(fault, Fault::Moved { side: it } if *it == side)) {
                self.input(side, Input::NetworkChanged);
            }
            while let Some((due, _)) = self.media[side].making.front()
                && *due <= self.tick
            {
                let (_, made) = self.media[side].making.pop_front().unwrap();
                self.made(side, made);
            }
            while let Some((due, _)) = self.lanes[side].front()
                && *due <= self.tick
            {
                let (_, say) = self.lanes[side].pop_front().unwrap();
                match say {
                    Say::Offer { generation, sdp } => {
                        let sdp = &sdp;
                        self.input(side, Input::Offer { generation, sdp });
                    }
                    Say::Answer { generation, sdp } => {
                        let sdp = &sdp;
                        self.input(side, Input::Answer { generation, sdp });
                    }
                    Say::Candidate { candidate } => {
                        let candidate = &candidate;
                        self.input(side, Input::Candidate { candidate });
                    }
                    other => panic!("{other:?}"),
                }
            }
            let now = self.now();
            self.pairs[side].handle_timeout(now);
            self.carry_out(side);
            assert!(
                self.pairs[side].poll_timeout().is_none_or(|at| at > now),
                "spec 1.3"
            );
        }
        self.sound();
    }

    fn made(&mut self, side: usize, made: Made) {
        self.descriptions += 1;
        let number = self.descriptions;
        match made {
            Made::Offer(generation) => {
                let sdp = format!("offer {number}");
                self.media[side].offer = Some(sdp.clone());
                let sdp = &sdp;
                self.input(side, Input::OfferMade { generation, sdp });
            }
            Made::Answer(generation, offer) => {
                let sdp = format!("answer {number}");
                self.media[side].both = Some((offer, sdp.clone()));
                self.media[side].since = self.tick;
                let sdp = &sdp;
                self.input(side, Input::AnswerMade { generation, sdp });
            }
        }
    }

    /// Sound flows while both sides hold the same descriptions and the network lets it; who hears nothing for a while
    /// says so.
    fn sound(&mut self) {
        let silent = self.is(|fault| matches!(fault, Fault::Silence));
        let flows =
            !silent && self.media[0].both.is_some() && self.media[0].both == self.media[1].both;
        for side in 0..2 {
            let tick = self.tick;
            let media = &mut self.media[side];
            if flows {
                media.since = tick;
                if !std::mem::replace(&mut media.up, true) {
                    self.input(side, Input::Connected);
                }
            } else if media.both.is_some() && tick - media.since > 50 {
                media.since = tick;
                media.up = false;
                self.input(side, Input::Failed);
            }
        }
    }
}

fn fault() -> impl Strategy<Value = (u64, u64, Fault)> {
    let kind = prop_oneof![
        3 => (0..2_usize).prop_map(|way| Fault::Cut { way }),
        2 => (0..2_usize).prop_map(|way| Fault::Double { way }),
        2 => Just(Fault::Silence),
        2 => (0..2_usize).prop_map(|side| Fault::Moved { side }),
    ];
    (0..600_u64, 1..150_u64, kind).prop_map(|(from, many, kind)| {
        // Addresses change in a moment.
        let many = match kind {
            Fault::Moved { .. } => 1 + many % 3,
            _ => many,
        };
        (from, many, kind)
    })
}

proptest! {
    // spec 11.23, 11.24: whatever happened, both hear each other some time after it has ended, and then nothing is
    // said any more.
    #[test]
    fn after_every_fault_both_hear_each_other(
        faults in prop::collection::vec(fault(), 0..8),
        latency in 1..8_u64,
        both_offer: bool,
    ) {
        let mut world = World::new(faults, latency, both_offer);
        for side in 0..2 {
            world.carry_out(side);
        }
        for _ in 0..2400 {
            world.step();
        }
        for side in 0..2 {
            prop_assert!(world.pairs[side].is_connected());
            prop_assert_eq!(world.pairs[side].poll_timeout(), None);
        }
        prop_assert_eq!(&world.media[0].both, &world.media[1].both);
        prop_assert!(world.lanes.iter().all(VecDeque::is_empty));
        let said = world.descriptions;
        for _ in 0..600 {
            world.step();
        }
        prop_assert_eq!(world.descriptions, said);
    }
}
