//! The operations.

use alloc::string::String;
use alloc::vec::Vec;

use super::rows::{ChainEffect, ChainName, NewDevice, NewEnvelope, NewKeyEnvelope, NewSession};
use super::{TokenHash, UsernameHash};
use crate::ids::{
    ChannelId, ClientId, DeviceId, Epoch, GroupId, Head, MessageId, RecipientId, ServerId,
    SessionId, StoreId, UserId,
};
use crate::time::UnixMillis;
use crate::wire::request::HistoryRange;

/// One transaction. Its answer is named in each variant; see [`Answer`](super::Answer).
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Op {
    /// Gives the server and the store their ids, unless they have them. Answers `Started` with those that count.
    Start {
        /// The server's id, if it has none.
        server_id: ServerId,
        /// The store's id, if it has none.
        store_id: StoreId,
    },

    // Accounts.
    /// Keeps an invite. Answers `Done`.
    CreateInvite {
        /// The hash of its token.
        token_hash: TokenHash,
        /// Since when.
        created_at: UnixMillis,
        /// Until when.
        expires_at: UnixMillis,
    },
    /// Answers `Invite`.
    FindInvite {
        /// The hash of its token.
        token_hash: TokenHash,
    },
    /// Consumes an invite and makes a trusted user, a device and a session. The user is an admin if there was none
    /// with a password: one of [`CreateUser`](Self::CreateUser) never logs in. Answers `Registered`, or, with nothing
    /// changed and in this order, `NotFound` (no such invite), `Used`, `Expired` (`expires_at <= now`), `UsernameTaken`.
    Register {
        /// The hash of the invite's token.
        invite: TokenHash,
        /// The present, by which the invite is judged.
        now: UnixMillis,
        /// The new user.
        user: UserId,
        /// The hash of the username.
        username_hash: UsernameHash,
        /// The password's hash in PHC form.
        password_hash: String,
        /// The user's first device.
        device: NewDevice,
        /// Its first session.
        session: NewSession,
    },
    /// Makes a user who cannot log in: untrusted, no admin. Answers `Done` or `UsernameTaken`.
    CreateUser {
        /// The new user.
        user: UserId,
        /// The hash of the username.
        username_hash: UsernameHash,
        /// When.
        created_at: UnixMillis,
    },
    /// Answers `User`.
    FindUser {
        /// The hash of the username.
        username_hash: UsernameHash,
    },
    /// Answers `Users` with those that exist, in any order.
    FindUsers {
        /// Whom.
        users: Vec<UserId>,
    },

    // Sessions and devices.
    /// Opens a session after a password login. The device is the user's oldest with the same X25519 key, and gets
    /// the Ed25519 key if it has none; without such a one it is made. Sessions of the user that expired by
    /// `session.created_at` go, and past `max_sessions` the oldest. Answers `LoggedIn`, or, with nothing changed,
    /// `NotFound` (no such user), `KeysDiffer` (another Ed25519 key) or `TooMany` (`max_devices` reached).
    LogIn {
        /// The user.
        user: UserId,
        /// The device.
        device: NewDevice,
        /// The session.
        session: NewSession,
        /// How many devices the user may have.
        max_devices: u32,
        /// How many sessions the user may have.
        max_sessions: u32,
    },
    /// Opens a session of a known device, clearing as [`Op::LogIn`] does. Answers `LoggedIn` or `NotFound`.
    OpenSession {
        /// The device.
        device: DeviceId,
        /// The session.
        session: NewSession,
        /// How many sessions the user may have.
        max_sessions: u32,
    },
    /// Answers `Session`; expired ones are found, too.
    FindSession {
        /// The hash of its token.
        token_hash: TokenHash,
    },
    /// Answers `Sessions`: the user's, newest first.
    Sessions {
        /// The user.
        user: UserId,
    },
    /// Ends a session of the user. Answers `Ended`, with nothing in it if the user has no such session.
    EndSession {
        /// The user.
        user: UserId,
        /// The session.
        session: SessionId,
    },
    /// Makes a device. Answers `Done`, `NotFound` (no such user) or `TooMany`.
    AddDevice {
        /// Its user.
        user: UserId,
        /// The device.
        device: NewDevice,
        /// How many devices the user may have.
        max_devices: u32,
    },
    /// Answers `Device`.
    FindDevice {
        /// Which one.
        device: DeviceId,
    },
    /// Answers `Devices`, oldest first.
    Devices {
        /// Whose; everybody's if absent.
        user: Option<UserId>,
    },

    // Profiles, original channels and the base API's envelopes.
    /// Sets a user's profile. Answers `Done`.
    PutProfile {
        /// The user.
        user: UserId,
        /// The sealed name.
        name_enc: String,
        /// When.
        updated_at: UnixMillis,
    },
    /// Answers `Profiles`, newest first.
    Profiles,
    /// Makes an original channel. Answers `Done` or `TooMany`.
    CreateChannel {
        /// The channel.
        channel: ChannelId,
        /// Its sealed name.
        name_enc: String,
        /// Who makes it.
        created_by: UserId,
        /// When.
        created_at: UnixMillis,
        /// How many original channels there may be.
        max_channels: u32,
    },
    /// Renames an original channel. Answers `Channel`; with nothing in it if there is no such original channel.
    RenameChannel {
        /// The channel.
        channel: ChannelId,
        /// Its sealed name.
        name_enc: String,
    },
    /// Deletes an original channel with its messages and envelopes. Answers `Done` or `NotFound`.
    DeleteChannel {
        /// The channel.
        channel: ChannelId,
    },
    /// Answers `Channel`; with nothing in it if there is no such original channel.
    FindChannel {
        /// The channel.
        channel: ChannelId,
    },
    /// Answers `Channels`: the original ones, newest first.
    Channels,
    /// Keeps envelopes, all or none. One stands for each (channel, recipient, sender): a sender replaces its own
    /// and nobody else's. Answers `Done`, `NotFound` (no such original channel) or `UnknownDevice`.
    PutKeyEnvelopes {
        /// The original channel; the directory if absent.
        channel: Option<ChannelId>,
        /// Who sealed them.
        sender: DeviceId,
        /// The envelopes.
        envelopes: Vec<NewKeyEnvelope>,
        /// When.
        created_at: UnixMillis,
    },
    /// Answers `KeyEnvelope`: of those for the device the newest.
    FindKeyEnvelope {
        /// The original channel; the directory if absent.
        channel: Option<ChannelId>,
        /// The recipient.
        device: DeviceId,
    },

    // Messages.
    /// Keeps a message. In this order: no such channel, or a channel of the log without `epoch`, or an original one
    /// with it: `NotFound`. The device used `client_id` in this channel before: `Appended` with what was kept then
    /// and `duplicate`. `epoch` is not the open one of the channel's group: `StaleEpoch`. Else the message gets the
    /// number after the channel's newest, the transcript goes on with `crypto::transcript::next` over `body`, and
    /// the answer is `Appended`.
    AppendMessage {
        /// The channel.
        channel: ChannelId,
        /// The message's name in the base API.
        message_id: MessageId,
        /// Who sends it.
        sender: UserId,
        /// The device that sends it.
        device: DeviceId,
        /// The sender's name for it.
        client_id: ClientId,
        /// The epoch it is sealed in; absent for original channels.
        epoch: Option<Epoch>,
        /// The sender's sealed name; empty in channels of the log.
        sender_name_enc: String,
        /// The ciphertext: the bytes of our format in a channel of the log, else the text as it came.
        body: Vec<u8>,
        /// The present.
        sent_at: UnixMillis,
    },
    /// Answers `History`. An unknown channel has none.
    Messages {
        /// The channel.
        channel: ChannelId,
        /// Which stretch.
        range: HistoryRange,
        /// How many at most: the newest ones of `Newest` and `Before`, the oldest ones of `After`.
        limit: u32,
    },
    /// Answers `LastSeqs` with those channels that exist, in any order.
    LastSeqs {
        /// Which channels.
        channels: Vec<ChannelId>,
    },

    // The log.
    /// Answers `Chain`: entries from an index on, in order, as many as fit `max_bytes`, but at least one if there is
    /// one.
    ChainPage {
        /// The index of the first one.
        from: u64,
        /// How many bytes of entries.
        max_bytes: u32,
    },
    /// Adds entries to the log with all that follows from them. If the log does not end at `expected`: `Conflict`.
    /// If a [`ChainEffect::DeviceAdded`] contradicts the devices: `DeviceMismatch`. Else the entries get the next
    /// indices, the effects happen in their order, envelopes and names are kept as [`Op::PutEnvelopes`] and
    /// [`Op::PutNames`] keep them, and the answer is `ChainAppended`.
    AppendChain {
        /// Where the log ends; none before the first entry.
        expected: Option<Head>,
        /// Where the log ends afterwards.
        head: Head,
        /// The device that posts.
        poster: DeviceId,
        /// The entries.
        entries: Vec<Vec<u8>>,
        /// What they change.
        effects: Vec<ChainEffect>,
        /// Keys.
        envelopes: Vec<NewEnvelope>,
        /// Names.
        names: Vec<ChainName>,
        /// The present.
        now: UnixMillis,
    },

    // Envelopes, names and newcomers of the log.
    /// Keeps envelopes, all or none. One stands for each (recipient, group, epoch, poster): an envelope whose every
    /// key has a newer one of the same poster goes. Each gets the next cursor. Answers `Done`.
    PutEnvelopes {
        /// The device that posts.
        poster: DeviceId,
        /// The envelopes.
        envelopes: Vec<NewEnvelope>,
    },
    /// Answers `Envelopes`: those of a recipient with a cursor past `after`, in order.
    Envelopes {
        /// The recipient.
        recipient: RecipientId,
        /// The last cursor known.
        after: u64,
        /// How many at most.
        limit: u32,
    },
    /// Answers `Held`: for each key asked for, who has an envelope of it from anybody.
    HeldKeys {
        /// Which keys.
        keys: Vec<(GroupId, Epoch)>,
    },
    /// Keeps names, all or none. One stands for each (subject, poster); each gets the next cursor. Answers `Done`.
    PutNames {
        /// The device that posts.
        poster: DeviceId,
        /// The names.
        names: Vec<ChainName>,
    },
    /// Answers `Names`: those with a cursor past `after`, in order.
    Names {
        /// The last cursor known.
        after: u64,
        /// How many at most.
        limit: u32,
    },
    /// Keeps who waits to be vouched for, in place of what that user said before. Answers `Done`.
    PutPending {
        /// The user.
        user: UserId,
        /// The user's device.
        device: DeviceId,
        /// The device's record in CBOR.
        record: Vec<u8>,
        /// The user's name, sealed to devices of admins.
        names: Vec<(DeviceId, Vec<u8>)>,
        /// When.
        created_at: UnixMillis,
    },
    /// Answers `Pending`, oldest first.
    Pending {
        /// The device that asks: names are those sealed to it.
        reader: DeviceId,
        /// How many at most.
        limit: u32,
    },
}

impl Op {
    /// Whether the operation changes the store.
    #[must_use]
    pub const fn is_write(&self) -> bool {
        match self {
            Self::Start { .. }
            | Self::CreateInvite { .. }
            | Self::Register { .. }
            | Self::CreateUser { .. }
            | Self::LogIn { .. }
            | Self::OpenSession { .. }
            | Self::EndSession { .. }
            | Self::AddDevice { .. }
            | Self::PutProfile { .. }
            | Self::CreateChannel { .. }
            | Self::RenameChannel { .. }
            | Self::DeleteChannel { .. }
            | Self::PutKeyEnvelopes { .. }
            | Self::AppendMessage { .. }
            | Self::AppendChain { .. }
            | Self::PutEnvelopes { .. }
            | Self::PutNames { .. }
            | Self::PutPending { .. } => true,
            Self::FindInvite { .. }
            | Self::FindUser { .. }
            | Self::FindUsers { .. }
            | Self::FindSession { .. }
            | Self::Sessions { .. }
            | Self::FindDevice { .. }
            | Self::Devices { .. }
            | Self::Profiles
            | Self::FindChannel { .. }
            | Self::Channels
            | Self::FindKeyEnvelope { .. }
            | Self::Messages { .. }
            | Self::LastSeqs { .. }
            | Self::ChainPage { .. }
            | Self::Envelopes { .. }
            | Self::HeldKeys { .. }
            | Self::Names { .. }
            | Self::Pending { .. } => false,
        }
    }
}
