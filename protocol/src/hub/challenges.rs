//! Challenges that wait for a device's signature.

use alloc::collections::{BTreeMap, VecDeque};

use super::limiter::Attempt;
use crate::ids::DeviceId;
use crate::limits;
use crate::time::Instant;

/// A challenge's bytes.
pub(super) type Challenge = [u8; 32];

/// At most [`limits::MAX_CHALLENGES`]; past it the oldest goes.
#[derive(Debug, Default)]
pub(super) struct Challenges {
    waiting: BTreeMap<Challenge, Waiting>,
    /// In the order of their ends, since all live equally long.
    order: VecDeque<Challenge>,
}

#[derive(Debug)]
struct Waiting {
    device: DeviceId,
    end: Instant,
    attempt: Attempt,
}

impl Challenges {
    pub(super) fn add(
        &mut self,
        challenge: Challenge,
        device: DeviceId,
        attempt: Attempt,
        now: Instant,
    ) {
        while let Some(oldest) = self.order.front() {
            let ended = self.waiting.get(oldest).is_none_or(|it| it.end <= now);
            if !ended && self.order.len() < limits::MAX_CHALLENGES {
                break;
            }
            self.waiting.remove(oldest);
            self.order.pop_front();
        }
        let waiting = Waiting {
            device,
            end: now + limits::CHALLENGE_LIFE,
            attempt,
        };
        self.waiting.insert(challenge, waiting);
        self.order.push_back(challenge);
    }

    /// Takes the challenge away. Answers the attempt that it counts as, if it was this device's and in time.
    pub(super) fn take(
        &mut self,
        challenge: &Challenge,
        device: DeviceId,
        now: Instant,
    ) -> Option<Attempt> {
        let waiting = self.waiting.remove(challenge)?;
        (waiting.device == device && now < waiting.end).then_some(waiting.attempt)
    }
}

#[cfg(test)]
mod tests {
    use super::super::limiter::Limiter;
    use super::*;

    fn attempt() -> Attempt {
        Limiter::default().begin(None, None, Instant::ZERO).unwrap()
    }

    const DEVICE: DeviceId = DeviceId([1; 16]);

    #[test]
    fn a_challenge_serves_once_one_device_and_one_minute() {
        let mut challenges = Challenges::default();
        let now = Instant::ZERO;
        challenges.add([1; 32], DEVICE, attempt(), now);
        challenges.add([2; 32], DEVICE, attempt(), now);
        challenges.add([3; 32], DEVICE, attempt(), now);
        assert!(challenges.take(&[1; 32], DEVICE, now).is_some());
        assert!(challenges.take(&[1; 32], DEVICE, now).is_none());
        assert!(challenges.take(&[2; 32], DeviceId([2; 16]), now).is_none());
        assert!(challenges.take(&[2; 32], DEVICE, now).is_none());
        assert!(
            challenges
                .take(&[3; 32], DEVICE, now + limits::CHALLENGE_LIFE)
                .is_none()
        );
    }

    #[test]
    fn a_flood_forgets_the_oldest() {
        let mut challenges = Challenges::default();
        for number in 0..=limits::MAX_CHALLENGES as u64 {
            let mut challenge = [0; 32];
            challenge[..8].copy_from_slice(&number.to_be_bytes());
            challenges.add(challenge, DEVICE, attempt(), Instant::ZERO);
        }
        assert_eq!(challenges.waiting.len(), limits::MAX_CHALLENGES);
        assert_eq!(challenges.order.len(), limits::MAX_CHALLENGES);
        assert!(challenges.take(&[0; 32], DEVICE, Instant::ZERO).is_none());
    }
}
