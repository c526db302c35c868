//! Two pairs, what carries their sound, and the way between them.

use std::collections::VecDeque;
use std::time::Duration;

use dialtone_protocol::voice::{Command, Input, Output, Pair, Say};
use dialtone_protocol::{Instant, Machine};

/// What carries the sound, as far as descriptions go: it connects when both sides hold the same two.
#[derive(Default)]
pub(crate) struct Media {
    offer: Option<String>,
    /// Offer and answer that were taken in last.
    pub(crate) both: Option<(String, String)>,
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
pub(crate) enum Fault {
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
pub(crate) struct World {
    tick: u64,
    pub(crate) pairs: [Pair; 2],
    pub(crate) media: [Media; 2],
    /// What is on its way to each side, and when it arrives.
    pub(crate) lanes: [VecDeque<(u64, Say)>; 2],
    pub(crate) descriptions: u64,
    faults: Vec<(u64, u64, Fault)>,
    latency: u64,
}

impl World {
    pub(crate) fn new(faults: Vec<(u64, u64, Fault)>, latency: u64, both_offer: bool) -> Self {
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

    pub(crate) fn carry_out(&mut self, side: usize) {
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

    pub(crate) fn step(&mut self) {
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
