//! A connection between two devices is negotiated, whatever the server and the network do to it.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests"
)]

#[path = "voice_pair/world.rs"]
mod world;

use std::collections::VecDeque;
use std::time::Duration;

use dialtone_protocol::limits;
use dialtone_protocol::voice::{Command, Event, Input, Output, Pair, PairError, Say};
use dialtone_protocol::{Instant, Machine};
use proptest::prelude::*;

use world::{Fault, World};

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

// spec 11.27
#[test]
fn an_offer_that_may_be_lost_is_made_anew_when_signals_get_through_again() {
    let mut pair = standing(false);
    pair.handle_input(Input::Reachable, at(5)).unwrap();
    assert_eq!(outputs(&mut pair), [], "nothing was said");
    pair.handle_input(Input::NetworkChanged, at(5)).unwrap();
    pair.handle_input(Input::Reachable, at(5)).unwrap();
    assert_eq!(outputs(&mut pair), [make_offer(1, true)], "it is not said");
    let (generation, sdp) = (1, "offer");
    pair.handle_input(Input::OfferMade { generation, sdp }, at(5))
        .unwrap();
    assert_eq!(outputs(&mut pair), [Output::Send(offer(1))]);
    pair.handle_input(Input::Reachable, at(6)).unwrap();
    let rollback = Output::Media(Command::Rollback);
    assert_eq!(outputs(&mut pair), [rollback, make_offer(2, true)]);
    pair.handle_input(Input::Failed, at(7)).unwrap();
    outputs(&mut pair);
    pair.handle_input(Input::Reachable, at(7)).unwrap();
    assert_eq!(outputs(&mut pair), [], "it is under way");
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
