//! Bounds of voice on the side of the devices.

use core::time::Duration;

use super::TURN_LOGIN_LIFE;

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

/// Devices that an account lets be heard in one stay, those that left again included: far more than a room takes.
pub const MAX_ADMITTED: usize = 1024;

/// Stays of other devices that have ended and are remembered, so that a server cannot begin them again.
pub const MAX_ENDED_STAYS: usize = 4096;

/// Signals of a device that wait until the one before them is checked: a description with all its candidates, twice.
pub const MAX_WAITING_SIGNALS: usize = 2 * (MAX_EARLY_CANDIDATES + 1);

/// Descriptions among them: an offer that is taken back, the next one, and an answer.
pub const MAX_WAITING_DESCRIPTIONS: usize = 4;

/// The pause before a question is asked again that could not be answered yet; it doubles with each.
pub const ASK_AGAIN_FIRST: Duration = Duration::from_millis(250);

/// The longest pause between two times that the same is asked.
pub const ASK_AGAIN_MAX: Duration = Duration::from_secs(8);

/// How long a device stays in a room, or waits to enter one, while nobody answers for it: a client that is started again
/// is there by then.
pub const UNANSWERED: Duration = Duration::from_secs(10);

/// How long a device may still be heard whose connection to the server ended, or that is not there when this one comes
/// back: a restart of a server and the backoff after it.
pub const ABSENCE: Duration = Duration::from_secs(45);

/// How long the server may take to let a device into a room.
pub const ROSTER_WAIT: Duration = Duration::from_secs(10);

/// How long a device stays in a room before it asks for logins of relays that last longer: the server may be away for as
/// long again.
pub const RELAY_RENEWAL: Duration = Duration::from_secs(TURN_LOGIN_LIFE.as_secs() / 2);

/// A line between the voice daemon and its client, in bytes: a question that holds two descriptions fits, with all
/// that JSON escapes in them.
pub const MAX_IPC_LINE_BYTES: usize = 96 << 10;
