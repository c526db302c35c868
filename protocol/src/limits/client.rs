//! Bounds of the keys' machine and of the client.

use core::time::Duration;

use super::{MAX_CHANNELS, MAX_USERS};

/// Envelopes that wait for the log to show their epoch: an append and its envelopes come at nearly the same moment, so
/// a handful is usual. The server still has what is dropped.
pub const MAX_WAITING_ENVELOPES: usize = 256;

/// Keys that one device is about to post for others: a rotation for the whole community fits.
pub const MAX_OWED: usize = 2 * MAX_USERS;

/// Keys that one device asks for at a time: one of each of its groups.
pub const MAX_ASKS: usize = MAX_CHANNELS + 1;

/// How much longer each next member of a group waits before it acts for the group: enough for what the one before did
/// to arrive.
pub const RANK_STEP: Duration = Duration::from_secs(1);

/// The longest wait by rank: in a large group some wait alike, and one post too many does no harm.
pub const RANK_MAX: Duration = Duration::from_secs(30);

/// The pause before a key is asked for again; it grows with each time.
pub const ASK_PAUSE: Duration = Duration::from_secs(30);

/// How often a key is asked for in vain before its group is rotated.
pub const ASKS_UNHELPED: u32 = 4;

/// How many rotations of one device are repaired by another rotation, before its user is named instead.
pub const MAX_REPAIRS: u32 = 3;

/// How long one HTTP call may take: an append of 8 MiB over a slow line fits.
pub const CALL_TIMEOUT: Duration = Duration::from_secs(30);

/// The pause after a request that failed once; it doubles with each failure in a row.
pub const RETRY_FIRST: Duration = Duration::from_secs(1);

/// The longest pause between two tries of a request.
pub const RETRY_MAX: Duration = Duration::from_secs(60);

/// The least pause of who lost the race for the log's head; up to twice as much, so that two seldom collide again.
pub const APPEND_PAUSE: Duration = Duration::from_millis(200);

/// How long a client that leaves may still post what it owes.
pub const CLOSE_BOUND: Duration = Duration::from_secs(10);

/// Changes of the community that wait for their turn: a person makes a few.
pub const MAX_INTENTS: usize = 256;

/// Names that are kept: of every user and every channel that a log may have, with as many that were removed.
pub const MAX_NAMES: usize = 2 * (MAX_USERS + MAX_CHANNELS);

/// Sealed names of one subject that wait for the log or for a key: a name is seldom changed twice in between.
pub const MAX_SEALED_NAMES: usize = 4;

/// Newcomers that are shown as waiting for a vouch: more could only come from a host who lets anybody register.
pub const MAX_NEWCOMERS: usize = 256;

/// Channels of the original system that are shown.
pub const MAX_ORIGINALS: usize = 1024;
