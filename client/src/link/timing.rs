//! How long the link waits for what.

use std::future::Future;
use std::pin::pin;
use std::time::Duration;

use dialtone_protocol::runtime::Runtime;
use futures_util::future::{Either, select};

/// For a name to become addresses. The system's resolver has long timeouts of its own.
pub(crate) const RESOLVE: Duration = Duration::from_secs(10);

/// For one address to take a TCP connection. The next address is tried after it.
pub(crate) const CONNECT: Duration = Duration::from_secs(10);

/// For TLS or the upgrade to a WebSocket to be agreed on.
pub(crate) const HANDSHAKE: Duration = Duration::from_secs(10);

/// For the whole answer of a call. The largest append takes half of it on a line of 3 Mbit/s.
pub(crate) const CALL: Duration = Duration::from_secs(45);

/// For one frame to leave. A peer that takes nothing for so long is gone.
pub(crate) const WRITE: Duration = Duration::from_secs(15);

/// For anything at all to come over the socket. The server pings every 25 s: two pings were missed.
pub(crate) const SILENCE: Duration = Duration::from_secs(60);

/// For an idle connection to be used again. Servers close theirs after 60 s.
pub(crate) const IDLE: Duration = Duration::from_secs(20);

/// What `work` gives, or `None` when it takes longer than `limit`.
pub(crate) async fn within<R: Runtime, T>(
    runtime: &R,
    limit: Duration,
    work: impl Future<Output = T>,
) -> Option<T> {
    let sleep = runtime.sleep_until(runtime.now() + limit);
    match select(pin!(work), pin!(sleep)).await {
        Either::Left((done, _)) => Some(done),
        Either::Right(((), _)) => None,
    }
}
