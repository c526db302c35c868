//! The bounds of the hub.

use core::ops::RangeInclusive;
use core::time::Duration;

/// Ids in one question for presence: a directory's worth, since the base API had no bound.
pub const MAX_PRESENCE_IDS: usize = 1000;

/// Messages on one page of history (the base API had no bound), and the number without a `limit` (the base API's).
pub const MAX_HISTORY_PAGE: u32 = 500;
/// See [`MAX_HISTORY_PAGE`].
pub const DEFAULT_HISTORY_PAGE: u32 = 100;

/// A username, in bytes (the base API's limits).
pub const USERNAME_BYTES: RangeInclusive<usize> = 2..=20;

/// The shortest account password, in bytes (the base API's limit).
pub const MIN_PASSWORD_BYTES: usize = 8;
/// The longest account password, in bytes: our clients send some fifty, and hashing must not be a burden.
pub const MAX_PASSWORD_BYTES: usize = 1024;

/// Devices of one user: a base client that loses its key makes a new one at every login.
pub const MAX_DEVICES_PER_USER: u32 = 100;
/// Sessions of one user: past it the oldest ends.
pub const MAX_SESSIONS_PER_USER: u32 = 100;
/// Original channels: the base API lists all of them in one answer.
pub const MAX_ORIGINAL_CHANNELS: u32 = 10_000;
/// An envelope of the base API, in bytes: the original's are 80.
pub const MAX_KEY_ENVELOPE_BYTES: usize = 1024;

/// Passwords being hashed or waiting for it: about ten seconds of work on two cores.
pub const MAX_OUTSTANDING_WORK: usize = 256;
/// Attempts to log in that one name has before it must wait, and how often it gets one back.
pub const ATTEMPTS_PER_NAME: u32 = 20;
/// See [`ATTEMPTS_PER_NAME`].
pub const ATTEMPT_PER_NAME_EVERY: Duration = Duration::from_secs(5);
/// Failed attempts that one address has before it must wait: many people may share one.
pub const ATTEMPTS_PER_PEER: u32 = 300;
/// How often an address gets an attempt back.
pub const ATTEMPT_PER_PEER_EVERY: Duration = Duration::from_secs(1);
/// Names and addresses whose attempts are remembered.
pub const MAX_REMEMBERED_ATTEMPTS: usize = 4096;

/// Challenges that wait for their signature: one lasts a minute.
pub const MAX_CHALLENGES: usize = 4096;
/// How long a challenge waits: a client signs at once.
pub const CHALLENGE_LIFE: Duration = Duration::from_secs(60);
/// A session of a password login (the base API's life).
pub const PASSWORD_SESSION_LIFE: Duration = Duration::from_secs(24 * 3600);
/// A session of a login by signature: devices prove themselves again before it ends.
pub const DEVICE_SESSION_LIFE: Duration = Duration::from_secs(30 * 24 * 3600);
/// An invite of the base API (the base API's life).
pub const INVITE_LIFE: Duration = Duration::from_secs(24 * 3600);

/// Requests and messages that wait for the store: past it the server says that it is busy.
pub const MAX_OUTSTANDING_OPS: usize = 16_384;
/// Appends to the log that one user has before having to wait: judging one copies the log's state and checks
/// signatures while nobody else is served, and the log keeps for ever what is taken. More than founding a community with
/// all its channels takes.
pub const APPENDS_PER_USER: u32 = 256;
/// How often a user gets an append back.
pub const APPEND_PER_USER_EVERY: Duration = Duration::from_secs(1);
/// Entries that one user may have judged before having to wait: two of the largest appends. Who removes a member rotates
/// every group it is in, some two thousand at most, and may have to do so again since the head had moved; people make a
/// few entries a day.
pub const ENTRIES_PER_USER: u32 = 2 * super::MAX_APPEND_ENTRIES as u32;
/// How often a user gets an entry back: the largest append is possible again after ten minutes at most.
pub const ENTRY_PER_USER_EVERY: Duration = Duration::from_millis(125);
/// Appends to the log that wait for their turn, each of up to [`MAX_APPEND_BYTES`](super::MAX_APPEND_BYTES).
pub const MAX_WAITING_APPENDS: usize = 16;
/// How long the hub waits before it asks the store again for what an append with an unknown outcome has left: messages
/// may be refused until it knows.
pub const CATCH_UP_PAUSE: Duration = Duration::from_secs(1);
/// A page of the log, in bytes.
pub const CHAIN_PAGE_BYTES: u32 = 1 << 20;
/// Envelopes or names on one page.
pub const SHARING_PAGE: u32 = 500;
/// Posts of envelopes and names, and questions for what is owed, that one user has before having to wait: what is in
/// them only the clients can judge. A client asks once for each connection, and what it posts meanwhile is gathered into
/// one post: what a thousand devices ask for at once takes a few dozen.
pub const SHARINGS_PER_USER: u32 = 512;
/// How often a user gets one of these back: a program that connects for every message asks as often.
pub const SHARING_PER_USER_EVERY: Duration = Duration::from_millis(100);
/// Recipients that the store is asked about at once, of what is owed: some pages of an answer, as nearly all hold theirs.
pub const OWED_AT_ONCE: usize = 2_000;
/// Keys of one append or post of which every holder is told: those of a newcomer. Of more only the recipients are.
pub const MAX_ANNOUNCED_KEYS: usize = 32;
/// Keys of which every holder is told by one user, before only the recipients are told: the events of a dozen users who
/// mean harm still fit into a queue. Nobody misses a key: another holder does not hear that it may stand down.
pub const ANNOUNCED_KEYS_PER_USER: u32 = 256;
/// How often a user gets one of these back.
pub const ANNOUNCED_KEY_PER_USER_EVERY: Duration = Duration::from_millis(250);
/// Users who wait to be vouched for that one answer lists.
pub const PENDING_PAGE: u32 = 200;
/// Devices of admins to which a newcomer seals its name.
pub const MAX_PENDING_NAMES: usize = 100;
/// A newcomer's record or sealed name, in bytes.
pub const MAX_PENDING_BYTES: usize = 2048;

/// WebSocket connections in all: each costs some kilobytes.
pub const MAX_CONNECTIONS: usize = 65_536;
/// WebSocket connections of one user: a few programs on a few devices.
pub const MAX_CONNECTIONS_PER_USER: usize = 100;
/// How long an accepted upgrade may take.
pub const UPGRADE_LIFE: Duration = Duration::from_secs(30);
/// How long a connection may wait with its hello where original clients are refused.
pub const HELLO_WAIT: Duration = Duration::from_secs(10);
/// Bytes queued for one connection past which it gets no messages: seconds of a busy channel.
pub const QUEUE_BUDGET: usize = 256 << 10;
/// Bytes queued for one connection past which it is closed: other events cannot be fetched later.
pub const QUEUE_LIMIT: usize = 512 << 10;
/// What messages that wait for the store may take in a queue, in bytes, before frames are read no more: together with
/// what is queued already they stay within [`QUEUE_BUDGET`].
pub const STORING_BUDGET: usize = QUEUE_BUDGET / 2;
/// How long frames are not read for the sake of readers that lag behind: a reader that takes its time slows a sender
/// down, and one that takes no more must not stop it.
pub const READERS_WAIT: Duration = Duration::from_millis(250);
/// Messages of one connection that wait for the store.
pub const MAX_UNACKED_MESSAGES: u32 = 1024;
/// Channels in one `session.lagged`, so that it stays within a frame.
pub const MAX_LAGGED_CHANNELS: usize = 500;
/// Connections in one voice room: each talks to each, and the roster with all proofs must fit into a frame.
pub const MAX_ROOM_MEMBERS: usize = 32;

/// Changes of a voice room that a user has before having to wait: a person goes back and forth now and then, on a few
/// devices. Everybody hears of each.
pub const ROOM_CHANGES: u32 = 20;

/// How often a user gets one of [`ROOM_CHANGES`] back.
pub const ROOM_CHANGE_EVERY: Duration = Duration::from_secs(1);

/// Signals that a connection has before it must wait: a description and two dozen candidates for each other device in a
/// full room.
pub const SIGNALS: u32 = 1024;

/// How often a connection gets one of [`SIGNALS`] back.
pub const SIGNAL_EVERY: Duration = Duration::from_millis(20);

/// How long a login to a TURN server lasts that was made for one user: a long call, and no more.
pub const TURN_LOGIN_LIFE: Duration = Duration::from_secs(12 * 3600);

/// Requests for keys that a connection has before it must wait, and how often it gets one back.
pub const KEY_REQUESTS: u32 = 32;
/// See [`KEY_REQUESTS`].
pub const KEY_REQUEST_EVERY: Duration = Duration::from_secs(1);
