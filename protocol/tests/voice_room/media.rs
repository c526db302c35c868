//! What carries the sound between two devices, as far as descriptions go.

use std::collections::VecDeque;

use dialtone_protocol::voice::Command;

/// It connects when both sides hold the same two descriptions.
#[derive(Default)]
pub(crate) struct Media {
    offer: Option<String>,
    /// Offer and answer that were taken in last.
    pub(crate) both: Option<(String, String)>,
    pub(crate) since: u64,
    pub(crate) up: bool,
    /// What it will have made, and when.
    making: VecDeque<(u64, Made)>,
}

pub(crate) enum Made {
    Offer(u32),
    Answer(u32, String),
}

impl Media {
    pub(crate) fn command(&mut self, command: Command, tick: u64) {
        let soon = tick + 1;
        match command {
            Command::MakeOffer { generation, .. } => {
                self.making.push_back((soon, Made::Offer(generation)));
            }
            Command::TakeOffer { generation, sdp } => {
                self.making.push_back((soon, Made::Answer(generation, sdp)));
            }
            Command::TakeAnswer { sdp } => {
                let offer = self.offer.take().expect("an answer fits an offer");
                self.both = Some((offer, sdp));
                self.since = tick;
            }
            Command::Rollback => self.offer = None,
            Command::AddCandidate { .. } | Command::Close => {}
            other => panic!("{other:?}"),
        }
    }

    pub(crate) fn made(&mut self, tick: u64) -> Option<Made> {
        let (due, _) = self.making.front()?;
        if *due > tick {
            return None;
        }
        self.making.pop_front().map(|(_, made)| made)
    }

    pub(crate) fn describe(&mut self, made: &Made, sdp: &str, tick: u64) {
        match made {
            Made::Offer(_) => self.offer = Some(sdp.to_owned()),
            Made::Answer(_, offer) => {
                self.both = Some((offer.clone(), sdp.to_owned()));
                self.since = tick;
            }
        }
    }
}
