//! What connects the devices, and the sound that flows where both ends agree.

use dialtone_protocol::crypto::voice::Speaker;
use dialtone_protocol::voice::Input as PairInput;
use dialtone_protocol::voice::room::{Input, PeerId};

use super::{Fault, World};
use crate::media::Made;

impl World {
    pub(super) fn describe(&mut self, one: usize) {
        let tick = self.tick;
        for peer in self.devices[one].media.keys().copied().collect::<Vec<_>>() {
            while let Some(media) = self.devices[one].media.get_mut(&peer)
                && let Some(made) = media.made(tick)
            {
                self.descriptions += 1;
                let sdp = &format!("description {}", self.descriptions);
                media.describe(&made, sdp, tick);
                let input = match made {
                    Made::Offer(generation) => PairInput::OfferMade { generation, sdp },
                    Made::Answer(generation, _) => PairInput::AnswerMade { generation, sdp },
                };
                self.input(one, Input::Peer { peer, input });
                let candidate = &format!("candidate:{}", self.descriptions);
                let input = PairInput::LocalCandidate { candidate };
                self.input(one, Input::Peer { peer, input });
            }
        }
    }

    fn peer_of(&self, one: usize, other: usize) -> Option<PeerId> {
        let it = &self.devices[other].desk;
        let speaker = Speaker {
            user: it.user,
            device: it.device,
        };
        let mut peers = self.devices[one].media.keys();
        peers
            .find(|peer| self.devices[one].room.speaker(**peer) == Some(speaker))
            .copied()
    }

    /// What two devices hold of each other.
    pub(super) fn both(&self, one: usize, other: usize) -> Option<(String, String)> {
        let peer = self.peer_of(one, other)?;
        self.devices[one].media[&peer].both.clone()
    }

    /// Sound flows while both sides hold the same descriptions and the network lets it; who hears nothing for a while
    /// says so.
    pub(super) fn sound(&mut self) {
        let many = self.devices.len();
        for (one, other) in (0..many).flat_map(|one| (0..many).map(move |other| (one, other))) {
            let silent = self.is(|fault| {
                matches!(fault, Fault::Silence { one: a, other: b } if [*a, *b] == [one, other] || [*b, *a] == [one, other])
            });
            let Some(peer) = self.peer_of(one, other).filter(|_| one != other) else {
                continue;
            };
            let own = self.both(one, other);
            let flows = !silent && own.is_some() && own == self.both(other, one);
            let tick = self.tick;
            let media = self.devices[one].media.get_mut(&peer).unwrap();
            if flows {
                media.since = tick;
                if !std::mem::replace(&mut media.up, true) {
                    let input = PairInput::Connected;
                    self.input(one, Input::Peer { peer, input });
                }
            } else if media.both.is_some() && tick - media.since > 50 {
                media.since = tick;
                media.up = false;
                let input = PairInput::Failed;
                self.input(one, Input::Peer { peer, input });
            }
        }
    }
}
