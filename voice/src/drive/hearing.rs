//! What is heard: the sound of all connections, mixed whenever the loudspeaker wants more.
//!
//! The loop puts packets in, the loudspeaker's thread takes pieces out; between them stands a lock that neither holds
//! for longer than a millisecond.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use dialtone_client::voice::recording_file;
use dialtone_protocol::Instant;
use dialtone_protocol::crypto::voice::Speaker;
use dialtone_protocol::ids::UserId;
use dialtone_protocol::voice::ipc::NORMAL_VOLUME;
use dialtone_protocol::voice::room::PeerId;

use super::log;
use crate::audio::{Mixer, PIECE, Receiver, RecentLoss, Stats};
use crate::device::Recorder;
use crate::media::Packet;

/// One's own voice that waits to be heard in a test, in samples: half a second.
const MAX_SIDETONE: usize = 24_000;

/// Pieces that were played and wait for the microphone, so that it knows them when it hears them: half a second.
const MAX_PLAYED: usize = 50;

/// Shared between the loop and the loudspeaker.
#[derive(Clone, Debug, Default)]
pub(super) struct Hearing(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    connections: BTreeMap<PeerId, Connection>,
    volumes: BTreeMap<UserId, u16>,
    mixer: Mixer,
    deafened: bool,
    recorder: Option<Recorder>,
    /// One's own voice, while the microphone is tried out.
    sidetone: VecDeque<f32>,
    /// What was played, since the microphone asked last: nothing is kept while nobody asks.
    played: Option<VecDeque<[f32; PIECE]>>,
}

#[derive(Debug)]
struct Connection {
    speaker: Speaker,
    receiver: Receiver,
    loss: RecentLoss,
}

impl Hearing {
    fn lock(&self) -> MutexGuard<'_, State> {
        // Whoever panicked while holding it has left sound, which is whole at any time.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn record(&self, recorder: Recorder) {
        self.lock().recorder = Some(recorder);
    }

    pub(super) fn recording_failed(&self) -> Option<std::io::Error> {
        self.lock().recorder.as_mut()?.take_error()
    }

    /// Sound came over a connection.
    pub(super) fn push(&self, peer: PeerId, speaker: Speaker, packet: Packet) {
        let mut state = self.lock();
        let connection = match state.connections.entry(peer) {
            Entry::Occupied(there) => there.into_mut(),
            Entry::Vacant(place) => {
                let Ok(receiver) = Receiver::new() else {
                    return;
                };
                let loss = RecentLoss::default();
                place.insert(Connection {
                    speaker,
                    receiver,
                    loss,
                })
            }
        };
        let Packet {
            seq,
            time,
            payload,
            arrived,
            ..
        } = packet;
        connection.receiver.push(seq, time, payload, arrived);
    }

    /// A connection is closed: nothing of it is heard any more.
    pub(super) fn close(&self, peer: PeerId) {
        self.lock().connections.remove(&peer);
    }

    pub(super) fn clear(&self) {
        let mut state = self.lock();
        state.connections.clear();
        state.played = None;
    }

    pub(super) fn deafen(&self, deafened: bool) {
        self.lock().deafened = deafened;
    }

    pub(super) fn set_volume(&self, user: UserId, percent: u16) {
        self.lock().volumes.insert(user, percent);
    }

    pub(super) fn volume(&self, user: UserId) -> u16 {
        let state = self.lock();
        state.volumes.get(&user).copied().unwrap_or(NORMAL_VOLUME)
    }

    /// One's own voice, to be heard in a test.
    pub(super) fn sidetone(&self, samples: &[f32]) {
        let mut state = self.lock();
        state.sidetone.extend(samples);
        let many = state.sidetone.len().saturating_sub(MAX_SIDETONE);
        state.sidetone.drain(..many);
    }

    /// What was played since this was asked last. What is played from now on is kept for the next time.
    pub(super) fn played(&self) -> VecDeque<[f32; PIECE]> {
        self.lock()
            .played
            .replace(VecDeque::new())
            .unwrap_or_default()
    }

    /// The users who speak now.
    pub(super) fn speaking(&self, now: Instant) -> Vec<UserId> {
        let state = self.lock();
        let speaking = state.connections.values();
        speaking
            .filter(|it| it.receiver.is_speaking(now))
            .map(|it| it.speaker.user)
            .collect()
    }

    /// How well the sound of a connection comes in, and how much of it got lost over the last few times that this was
    /// asked, in percent.
    pub(super) fn judge(&self, peer: PeerId) -> Option<(Stats, f32)> {
        let mut state = self.lock();
        let connection = state.connections.get_mut(&peer)?;
        let stats = connection.receiver.stats();
        let counts = stats.counts;
        Some((stats, connection.loss.look(counts.played, counts.missing)))
    }

    /// The next piece to be played.
    pub(super) fn pull(&self, now: Instant, piece: &mut [f32; PIECE]) {
        let mut state = self.lock();
        let State {
            connections,
            volumes,
            mixer,
            deafened,
            recorder,
            sidetone,
            played,
        } = &mut *state;
        for connection in connections.values_mut() {
            let heard = connection.receiver.pull(now);
            let Speaker { user, device } = connection.speaker;
            if let Some(recorder) = recorder {
                recorder.add(&recording_file(user, device), &heard);
            }
            if !*deafened {
                mixer.add(&heard, volumes.get(&user).copied().unwrap_or(NORMAL_VOLUME));
            }
        }
        if let Some(recorder) = recorder {
            if recorder.is_new() {
                log::note(format_args!("recording begins"));
            }
            recorder.step();
        }
        let is_test = !sidetone.is_empty();
        if is_test {
            let mut own = [0.0; PIECE];
            let ready = sidetone.drain(..PIECE.min(sidetone.len()));
            for (to, from) in own.iter_mut().zip(ready) {
                *to = from;
            }
            mixer.add(&own, NORMAL_VOLUME);
        }
        *piece = mixer.take();
        if let Some(played) = played {
            if played.len() >= MAX_PLAYED {
                played.pop_front();
            }
            // Whoever tries the microphone out wants to hear it as it is.
            played.push_back(if is_test { [0.0; PIECE] } else { *piece });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ones_own_voice_in_a_test_is_no_echo() {
        let hearing = Hearing::default();
        assert!(hearing.played().is_empty());
        hearing.sidetone(&[0.5; PIECE]);
        let mut piece = [0.0; PIECE];
        hearing.pull(Instant::ZERO, &mut piece);
        assert!(piece.iter().all(|it| *it > 0.4));
        assert_eq!(hearing.played(), [[0.0; PIECE]]);
    }
}
