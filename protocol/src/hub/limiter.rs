//! How often something may be tried.

use alloc::collections::BTreeMap;
use core::net::{IpAddr, Ipv6Addr};
use core::time::Duration;

use super::store::UsernameHash;
use crate::ids::UserId;
use crate::limits;
use crate::time::Instant;

/// A number of attempts that comes back one by one: all that is kept is when the number will be whole again.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Bucket {
    whole_at: Instant,
}

impl Bucket {
    /// Takes one attempt of `burst`, if there is one left.
    pub(super) fn take(&mut self, burst: u32, every: Duration, now: Instant) -> bool {
        self.take_all(1, burst, every, now)
    }

    /// Takes `count` attempts of `burst`, if there are as many left.
    fn take_all(&mut self, count: usize, burst: u32, every: Duration, now: Instant) -> bool {
        let count = u32::try_from(count).unwrap_or(u32::MAX);
        let whole_at = self.whole_at.max(now) + every.saturating_mul(count);
        let fits = whole_at <= now + every.saturating_mul(burst);
        if fits {
            self.whole_at = whole_at;
        }
        fits
    }

    /// Gives one attempt back.
    fn give_back(&mut self, every: Duration) {
        self.whole_at = Instant::ZERO + (self.whole_at - Instant::ZERO).saturating_sub(every);
    }

    fn is_whole(self, now: Instant) -> bool {
        self.whole_at <= now
    }
}

/// Who tries. Where too many are remembered, the last is forgotten.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Who {
    Announcer(UserId),
    Appender(UserId),
    Author(UserId),
    Mover(UserId),
    Sharer(UserId),
    Name(UsernameHash),
    Peer(IpAddr),
}

impl Who {
    const fn rate(self) -> (u32, Duration) {
        match self {
            Self::Announcer(_) => (
                limits::ANNOUNCED_KEYS_PER_USER,
                limits::ANNOUNCED_KEY_PER_USER_EVERY,
            ),
            Self::Appender(_) => (limits::APPENDS_PER_USER, limits::APPEND_PER_USER_EVERY),
            Self::Author(_) => (limits::ENTRIES_PER_USER, limits::ENTRY_PER_USER_EVERY),
            Self::Mover(_) => (limits::ROOM_CHANGES, limits::ROOM_CHANGE_EVERY),
            Self::Name(_) => (limits::ATTEMPTS_PER_NAME, limits::ATTEMPT_PER_NAME_EVERY),
            Self::Peer(_) => (limits::ATTEMPTS_PER_PEER, limits::ATTEMPT_PER_PEER_EVERY),
            Self::Sharer(_) => (limits::SHARINGS_PER_USER, limits::SHARING_PER_USER_EVERY),
        }
    }
}

/// An attempt that was counted. Given back if it succeeds, so that only failures add up.
#[derive(Clone, Copy, Debug)]
pub(super) struct Attempt {
    name: Option<UsernameHash>,
    peer: Option<IpAddr>,
}

/// Counts attempts to log in and to register, and what users append, share and have announced.
#[derive(Debug, Default)]
pub(super) struct Limiter {
    buckets: BTreeMap<Who, Bucket>,
}

impl Limiter {
    /// Counts an attempt; nothing if there were too many.
    pub(super) fn begin(
        &mut self,
        name: Option<UsernameHash>,
        peer: Option<IpAddr>,
        now: Instant,
    ) -> Option<Attempt> {
        let peer = peer.map(neighbourhood);
        if !peer.is_none_or(|peer| self.take(Who::Peer(peer), now)) {
            return None;
        }
        if !name.is_none_or(|name| self.take(Who::Name(name), now)) {
            return None;
        }
        Some(Attempt { name, peer })
    }

    /// Counts an append to the log, successful or not. Says whether there were not too many.
    pub(super) fn append(&mut self, user: UserId, now: Instant) -> bool {
        self.take(Who::Appender(user), now)
    }

    /// Counts entries that are to be judged. Says whether there were not too many.
    pub(super) fn judge(&mut self, user: UserId, entries: usize, now: Instant) -> bool {
        self.take_all(Who::Author(user), entries, now)
    }

    /// Counts a request to share, successful or not. Says whether there were not too many.
    pub(super) fn share(&mut self, user: UserId, now: Instant) -> bool {
        self.take(Who::Sharer(user), now)
    }

    /// Counts keys of which all holders are to be told. Says whether they may be.
    pub(super) fn announce(&mut self, user: UserId, keys: usize, now: Instant) -> bool {
        self.take_all(Who::Announcer(user), keys, now)
    }

    /// Counts a change of voice room. Says whether there were not too many.
    pub(super) fn change_room(&mut self, user: UserId, now: Instant) -> bool {
        self.take(Who::Mover(user), now)
    }

    /// Gives a successful attempt back.
    pub(super) fn succeeded(&mut self, attempt: Attempt) {
        let name = attempt.name.map(Who::Name);
        let peer = attempt.peer.map(Who::Peer);
        for who in name.into_iter().chain(peer) {
            if let Some(bucket) = self.buckets.get_mut(&who) {
                bucket.give_back(who.rate().1);
            }
        }
    }

    fn take(&mut self, who: Who, now: Instant) -> bool {
        self.take_all(who, 1, now)
    }

    fn take_all(&mut self, who: Who, count: usize, now: Instant) -> bool {
        if self.buckets.len() >= limits::MAX_REMEMBERED_ATTEMPTS && !self.buckets.contains_key(&who)
        {
            self.buckets.retain(|_, bucket| !bucket.is_whole(now));
            if self.buckets.len() >= limits::MAX_REMEMBERED_ATTEMPTS {
                // Forgetting somebody is better than refusing everybody new.
                self.buckets.pop_last();
            }
        }
        let (burst, every) = who.rate();
        let bucket = self.buckets.entry(who).or_default();
        bucket.take_all(count, burst, every, now)
    }
}

/// The addresses that count as one where something is counted by address: one house has a /64 of IPv6.
#[must_use]
pub const fn neighbourhood(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(_) => address,
        IpAddr::V6(address) => IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() >> 64 << 64)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn attempts_come_back_one_by_one() {
        let mut bucket = Bucket::default();
        let start = Instant::from_micros(5);
        assert!((0..3).all(|_| bucket.take(3, SECOND, start)));
        assert!(!bucket.take(3, SECOND, start));
        assert!(bucket.take(3, SECOND, start + SECOND));
        assert!(!bucket.take(3, SECOND, start + SECOND));
    }

    #[test]
    fn successes_do_not_add_up() {
        let mut limiter = Limiter::default();
        for _ in 0..1000 {
            let attempt = limiter.begin(Some([1; 32]), None, Instant::ZERO).unwrap();
            limiter.succeeded(attempt);
        }
        for _ in 0..limits::ATTEMPTS_PER_NAME {
            assert!(limiter.begin(Some([1; 32]), None, Instant::ZERO).is_some());
        }
        assert!(limiter.begin(Some([1; 32]), None, Instant::ZERO).is_none());
        assert!(limiter.begin(Some([2; 32]), None, Instant::ZERO).is_some());
    }

    #[test]
    fn what_is_remembered_is_bounded() {
        let mut limiter = Limiter::default();
        for number in 0..2 * limits::MAX_REMEMBERED_ATTEMPTS as u32 {
            let peer = IpAddr::V4(number.to_be_bytes().into());
            assert!(limiter.begin(None, Some(peer), Instant::ZERO).is_some());
        }
        assert!(limiter.buckets.len() <= limits::MAX_REMEMBERED_ATTEMPTS);
    }

    #[test]
    fn a_house_is_one_neighbour_however_many_addresses_it_has() {
        let of = |address: &str| neighbourhood(address.parse().unwrap());
        assert_eq!(of("2001:db8:1:2:3:4:5:6"), of("2001:db8:1:2::7"));
        assert_ne!(of("2001:db8:1:2::7"), of("2001:db8:1:3::7"));
        assert_ne!(of("192.0.2.7"), of("192.0.2.8"));
    }
}
