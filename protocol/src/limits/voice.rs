//! Bounds of voice on the side of the devices.

use core::time::Duration;

/// Candidates of a device that come before its description, or wait for it to be sent: machines with many addresses
/// have two dozen.
pub const MAX_EARLY_CANDIDATES: usize = 64;

/// How long what carries the sound may take to describe itself: it only computes.
pub const DESCRIBE_WAIT: Duration = Duration::from_secs(10);

/// How long an answer may take: a round trip through the server, with a slow device at the other end.
pub const ANSWER_WAIT: Duration = Duration::from_secs(5);

/// How long a connection may take to come up once both sides are described: all pairs of candidates are tried in it.
pub const CONNECT_WAIT: Duration = Duration::from_secs(15);

/// How much longer the side whose offer would give way waits for the other's.
pub const YIELD_WAIT: Duration = Duration::from_secs(2);

/// The pause after a try that came to nothing; it doubles with each in a row.
pub const RECONNECT_FIRST: Duration = Duration::from_secs(1);

/// The longest pause between two tries.
pub const RECONNECT_MAX: Duration = Duration::from_secs(30);
