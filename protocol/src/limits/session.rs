//! Bounds of the session.

use core::time::Duration;

/// The version of the protocol that hello and welcome name.
pub const PROTOCOL: u32 = 1;

/// The most that the first wait before a connection is tried again takes.
pub const BACKOFF_FIRST: Duration = Duration::from_millis(500);

/// The most that any such wait takes: it doubles with each failure up to here. A server that comes back after a restart
/// is found again within it.
pub const BACKOFF_MOST: Duration = Duration::from_secs(30);

/// How long a login, the opening of a socket or a welcome may take.
pub const CONNECT_TIMEOUT: Duration = Duration::from_secs(20);

/// When a silent server is asked for a sign of life: often enough to keep the mappings of home routers alive.
pub const HEARTBEAT: Duration = Duration::from_secs(25);

/// When a silent server is given up.
pub const IDLE_TIMEOUT: Duration = Duration::from_secs(40);

/// How long the server may take for a sign of life after the addresses of this device changed: what stood on an address
/// that is gone says nothing of it. More than a round trip of a slow network takes, and little for who talks.
pub const PROBE_TIMEOUT: Duration = Duration::from_secs(3);

/// A connection that held for so long is not part of the trouble before it: the next loss waits little again.
pub const ONLINE_STABLE: Duration = Duration::from_secs(10);
