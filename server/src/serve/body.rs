//! Bodies of requests: bounded in size, in time, and in what all of them hold together.

use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use dialtone_protocol::runtime::Runtime;
use dialtone_protocol::wire::http::Response;
use futures_util::future::{Either, select};
use http_body_util::BodyExt;
use hyper::body::Incoming;

/// How long a body may take to arrive: the largest one in a minute is a slow line.
const TIMEOUT: Duration = Duration::from_secs(60);

/// Bytes of all bodies that are held at one time: some of the largest ones and hundreds of others. Anybody can send
/// bodies, since who it is stands only in the request that they belong to.
const HELD: usize = 128 << 20;

/// What all bodies hold.
#[derive(Clone, Debug, Default)]
pub(super) struct Bodies(Arc<AtomicUsize>);

impl Bodies {
    pub(super) fn share(&self) -> Share {
        Share {
            all: self.clone(),
            bytes: 0,
        }
    }
}

/// What one body holds of it, until its request is served.
#[derive(Debug)]
pub(super) struct Share {
    all: Bodies,
    bytes: usize,
}

impl Share {
    /// Takes more, unless too much is held already.
    fn grow(&mut self, bytes: usize) -> bool {
        self.bytes += bytes;
        self.all.0.fetch_add(bytes, Ordering::Relaxed) + bytes <= HELD
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        self.all.0.fetch_sub(self.bytes, Ordering::Relaxed);
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

    #[test]
    fn all_bodies_together_are_bounded_until_they_are_served() {
        let bodies = Bodies::default();
        let (mut one, mut two) = (bodies.share(), bodies.share());
        assert!(one.grow(HELD - 1));
        assert!(two.grow(1));
        assert!(!two.grow(1));
        drop(one);
        assert!(two.grow(1));
        drop(two);
        assert!(bodies.share().grow(HELD));
    }
}
