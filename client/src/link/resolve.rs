//! Names to addresses. The system's resolver blocks, so it runs on the pool for blocking work.

use std::net::{SocketAddr, ToSocketAddrs};

use dialtone_protocol::client::LinkFailure;
use dialtone_protocol::runtime::Runtime;

use super::{LinkError, timing};

/// All addresses of a host, in the order that the system prefers.
pub(crate) async fn resolve<R: Runtime>(
    runtime: &R,
    host: &str,
    port: u16,
) -> Result<Vec<SocketAddr>, LinkError> {
    let failed = |why: &dyn std::fmt::Display| {
        LinkError::new(
            LinkFailure::Unreachable,
            format_args!("no address is known for {host}: {why}"),
        )
    };
    let target = (host.to_owned(), port);
    let lookup = runtime.unblock(move || target.to_socket_addrs().map(Iterator::collect::<Vec<_>>));
    let addresses = timing::within(runtime, timing::RESOLVE, lookup)
        .await
        .ok_or_else(|| failed(&"the lookup took too long"))?
        .map_err(|error| failed(&error))?;
    if addresses.is_empty() {
        return Err(failed(&"the name has none"));
    }
    Ok(addresses)
}
