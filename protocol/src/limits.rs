//! Every bound of the protocol, with its reason. What a peer or a server sends past one is refused by name.

mod chat;
mod client;
mod hub;
mod session;
mod voice;

pub use chat::*;
pub use client::*;
pub use hub::*;
pub use session::*;
pub use voice::*;

/// The body of an HTTP request, in bytes (the base API's limit).
pub const MAX_REQUEST_BYTES: usize = 1 << 20;

/// One append to the log with its envelopes, in bytes: envelopes for some tens of thousands of devices fit.
pub const MAX_APPEND_BYTES: usize = 8 << 20;

/// One WebSocket message in either direction, in bytes: clients of the original end their connection at a larger one.
pub const MAX_FRAME_BYTES: usize = 32_768;

/// The `body` of a channel message after base64, in bytes (the base API's limit).
pub const MAX_BODY_BYTES: usize = 16_384;

/// A sealed name, after base64, in bytes: the base API had no bound, and one long name could end every client.
pub const MAX_NAME_ENC_BYTES: usize = 1024;

/// An envelope, in bytes: twice what one with [`MAX_ENVELOPE_KEYS`] takes.
pub const MAX_ENVELOPE_BYTES: usize = 64 << 10;

/// The keys in one envelope: a rotation touches at most the groups of one member, and a sealer with more splits them.
pub const MAX_ENVELOPE_KEYS: usize = 256;

/// A sealed message before base64, in bytes: what fills [`MAX_BODY_BYTES`] exactly.
pub const MAX_SEALED_BYTES: usize = MAX_BODY_BYTES / 4 * 3;

/// The sizes that a message's plaintext is padded to, so that a ciphertext tells little of its length. The steps waste
/// at most half; the last one fills [`MAX_SEALED_BYTES`].
pub const MESSAGE_BUCKETS: [usize; 10] =
    [256, 512, 1024, 1536, 2048, 3072, 4096, 6144, 8192, 12_243];

/// A description of a voice connection, in bytes: one audio track takes about 1,500, and browsers offer many codecs.
pub const MAX_SDP_BYTES: usize = 12 << 10;

/// An ICE candidate, in bytes: they take about 150.
pub const MAX_CANDIDATE_BYTES: usize = 1024;

/// What a device signs about its voice, in bytes after base64: it takes about 500, and a full roster must fit into a
/// frame.
pub const MAX_PROOF_BYTES: usize = 640;

/// The name of a user or a channel, in bytes of UTF-8: it fits on a line of the narrowest terminal.
pub const MAX_NAME_BYTES: usize = 64;

/// An invite link, in bytes: twice what the longest address of a server and our fragment take.
pub const MAX_LINK_BYTES: usize = 1024;

/// One entry of the log, in bytes: the largest of today takes about 500, and a later version may add fields.
pub const MAX_ENTRY_BYTES: usize = 4096;

/// Entries in one append: a removal together with the rotation of every group that the remover is in.
pub const MAX_APPEND_ENTRIES: usize = 4096;

/// Users of a community at one time: a rotation for all of their devices must fit into one append.
pub const MAX_USERS: usize = 10_000;

/// Devices of one user at one time, without the one for recovery: each costs every rotation an envelope.
pub const MAX_USER_DEVICES: usize = 32;

/// Channels of a community at one time: a removal may close the epochs of all of them.
pub const MAX_CHANNELS: usize = 2048;

/// Open invites at one time: each costs every rotation of the group of everybody an envelope.
pub const MAX_OPEN_INVITES: usize = 1024;

/// Uses of one invite: a link that more people than these hold is public.
pub const MAX_INVITE_USES: u32 = 1000;
