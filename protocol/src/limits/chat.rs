//! Bounds of chat.

use core::time::Duration;

/// A text that is sent, in bytes: sealed and in base64 it fits [`MAX_BODY_BYTES`](super::MAX_BODY_BYTES) with its head, signature and padding.
pub const MAX_TEXT_BYTES: usize = 12_000;

/// Messages of a channel that are kept, give or take a factor of two: more than anyone scrolls through, and an engine
/// with dozens of busy channels stays small. What was let go is fetched again when it is looked at.
pub const KEPT_MESSAGES: usize = 20_000;

/// Bytes of a channel's messages that are kept, give or take a factor of two: the longest messages fill it long before
/// [`KEPT_MESSAGES`].
pub const KEPT_BYTES: usize = 16 << 20;

/// Names of messages of a channel that are remembered after the messages were let go of, so that a replay is known as
/// one. Only those of devices that have signed at no later head since are needed: it takes a long quiet time of the log
/// to fill this, of at most 4 MiB.
pub const MAX_NAMES_LET_GO: usize = 1 << 16;

/// Messages of a channel that came before their turn and are held: a few pages, so that a channel that runs on while
/// its gap is fetched seldom needs a second fetch.
pub const MAX_HELD_MESSAGES: usize = 512;

/// Messages on a page of history that is asked for: the base API's default; of the longest ones they are 1.6 MiB.
pub const PAGE_MESSAGES: u32 = 100;

/// Messages of one's own that wait to be sent in one channel: hours of typing offline, or a large paste.
pub const MAX_OUTBOX_MESSAGES: usize = 1024;

/// Messages of a channel that are on their way at once: enough to keep a group commit busy, few to send again.
pub const MAX_IN_FLIGHT: usize = 32;

/// When a message without an ack is sent again on a connection that seems well: longer than any server takes.
pub const ACK_TIMEOUT: Duration = Duration::from_secs(20);

/// The first wait before a page is asked for again, or a message that came too early is sent again.
pub const CHAT_RETRY_FIRST: Duration = Duration::from_secs(1);

/// The longest such wait: it doubles with each failure up to here.
pub const CHAT_RETRY_MOST: Duration = Duration::from_secs(30);

/// Channels that one hello resumes: each takes at most 60 bytes of its frame.
pub const MAX_RESUMED_CHANNELS: usize = 500;
