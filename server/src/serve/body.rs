//! Bodies of requests: bounded in size, in time, and in what all of them hold together.
//!
//! Anybody can send bodies, since who it is stands only in the request that they belong to. So nobody may hold all there
//! is, and large bodies have a budget of their own: they never starve the small ones, as of logins.

use std::collections::HashMap;
use std::net::IpAddr;
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use dialtone_protocol::hub::neighbourhood;
use dialtone_protocol::limits::{MAX_APPEND_BYTES, MAX_REQUEST_BYTES};
use dialtone_protocol::runtime::Runtime;
use dialtone_protocol::wire::http::Response;
use futures_util::future::{Either, select};
use http_body_util::BodyExt;
use hyper::body::{Body, Incoming};

/// How long a body may take to arrive: the largest one in a minute is a slow line.
const TIMEOUT: Duration = Duration::from_secs(60);

/// Bytes of all bodies of one budget that are held at one time: some of the largest ones, or hundreds of others.
const HELD: usize = 64 << 20;

/// Bytes of it that one house holds: two people of it may send the largest ones at the same time.
const HELD_BY_ONE: usize = 2 * MAX_APPEND_BYTES;

/// What all bodies hold: those of at most [`MAX_REQUEST_BYTES`], and larger ones.
#[derive(Clone, Debug, Default)]
pub(super) struct Bodies {
    small: Budget,
    large: Budget,
}

impl Bodies {
    /// The share of a body that comes from an address. Its length counts as it is announced, its bytes as they come.
    pub(super) fn share(&self, body: &Incoming, from: IpAddr) -> Share {
        let announced = body.size_hint().upper();
        let is_small = announced.is_some_and(|bytes| bytes <= MAX_REQUEST_BYTES as u64);
        let budget = if is_small { &self.small } else { &self.large };
        budget.share(from)
    }
}

#[derive(Clone, Debug, Default)]
struct Budget(Arc<Mutex<Held>>);

#[derive(Debug, Default)]
struct Held {
    all: usize,
    by: HashMap<IpAddr, usize>,
}

impl Budget {
    fn share(&self, from: IpAddr) -> Share {
        Share {
            budget: self.clone(),
            from: neighbourhood(from),
            bytes: 0,
        }
    }

    fn held(&self) -> MutexGuard<'_, Held> {
        // Sums are whole whoever panicked.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What one body holds of its budget, until its request is served.
#[derive(Debug)]
pub(super) struct Share {
    budget: Budget,
    from: IpAddr,
    bytes: usize,
}

impl Share {
    /// Takes more, unless too much is held already.
    fn grow(&mut self, bytes: usize) -> bool {
        let mut held = self.budget.held();
        let by_one = held.by.get(&self.from).unwrap_or(&0) + bytes;
        if held.all + bytes > HELD || by_one > HELD_BY_ONE {
            return false;
        }
        held.all += bytes;
        held.by.insert(self.from, by_one);
        self.bytes += bytes;
        true
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        let mut held = self.budget.held();
        held.all -= self.bytes;
        if let Some(by_one) = held.by.get_mut(&self.from) {
            *by_one -= self.bytes;
            if *by_one == 0 {
                held.by.remove(&self.from);
            }
        }
    }
}

/// Reads a body of at most `limit` bytes.
pub(super) async fn collect<R: Runtime>(
    runtime: &R,
    body: Incoming,
    limit: usize,
    share: &mut Share,
) -> Result<Vec<u8>, Response> {
    let late = runtime.sleep_until(runtime.now() + TIMEOUT);
    match select(pin!(receive(body, limit, share)), pin!(late)).await {
        Either::Left((received, _)) => received,
        Either::Right(_) => Err(Response::error(408, "the body took too long")),
    }
}

async fn receive(mut body: Incoming, limit: usize, share: &mut Share) -> Result<Vec<u8>, Response> {
    let mut all = Vec::new();
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|_| Response::error(400, "the body ended early"))?;
        let Ok(bytes) = frame.into_data() else {
            continue;
        };
        if bytes.len() > limit - all.len() {
            return Err(Response::error(413, "request body too large"));
        }
        if !share.grow(bytes.len()) {
            return Err(Response::error(503, "the server is busy"));
        }
        all.extend_from_slice(&bytes);
    }
    Ok(all)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One of many houses.
    fn house(nth: u8) -> IpAddr {
        [192, 0, 2, nth].into()
    }

    #[test]
    fn all_bodies_together_are_bounded_until_they_are_served() {
        let budget = Budget::default();
        let shares: Vec<_> = (0..4)
            .map(|nth| {
                let mut share = budget.share(house(nth));
                assert!(share.grow(HELD / 4));
                share
            })
            .collect();
        let mut late = budget.share(house(9));
        assert!(!late.grow(1));
        drop(shares);
        assert!(late.grow(1));
        drop(late);
        assert!(budget.held().by.is_empty());
    }

    #[test]
    fn one_house_does_not_hold_it_all() {
        let budget = Budget::default();
        let (mut one, mut two) = (budget.share(house(1)), budget.share(house(1)));
        assert!(one.grow(HELD_BY_ONE - 1));
        assert!(two.grow(1));
        assert!(!two.grow(1));
        assert!(budget.share(house(2)).grow(HELD_BY_ONE));
        drop(one);
        assert!(two.grow(HELD_BY_ONE - 1));
    }
}
