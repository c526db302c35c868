//! What operations carry and answers bring: plain fields, one struct a table or a part of one.

use alloc::string::String;
use alloc::vec::Vec;

use super::TokenHash;
use crate::ids::{
    ChannelId, ClientId, DeviceId, Epoch, GroupId, MessageId, RecipientId, Seq, SessionId, Subject,
    Transcript, UserId,
};
use crate::time::UnixMillis;

macro_rules! rows {
    ($($(#[$doc:meta])* $name:ident { $($(#[$field_doc:meta])* $field:ident: $type:ty,)* })*) => {$(
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq)]
        pub struct $name {
            $($(#[$field_doc])* pub $field: $type,)*
        }
    )*};
}

rows! {
    /// A session that is to be opened.
    NewSession {
        /// Its name.
        id: SessionId,
        /// The hash of its token.
        token_hash: TokenHash,
        /// Since when.
        created_at: UnixMillis,
        /// Until when.
        expires_at: UnixMillis,
    }

    /// A session with what the hub wants to know of its user and its device.
    SessionRow {
        /// Its name.
        id: SessionId,
        /// Its user.
        user: UserId,
        /// Its device.
        device: DeviceId,
        /// The device's X25519 key.
        public_key: [u8; 32],
        /// Whether the users table calls the user an admin.
        is_admin: bool,
        /// Whether the user registered with an invite.
        is_trusted: bool,
        /// Since when.
        created_at: UnixMillis,
        /// Until when.
        expires_at: UnixMillis,
    }

    /// A user.
    UserRow {
        /// The user.
        id: UserId,
        /// The password's hash in PHC form; users made by `POST /users` have none.
        password_hash: Option<String>,
        /// Whether the users table calls the user an admin.
        is_admin: bool,
        /// Whether the user registered with an invite.
        is_trusted: bool,
    }

    /// A device that is to be made, unless the user has one with that X25519 key.
    NewDevice {
        /// Its id.
        id: DeviceId,
        /// Its X25519 key.
        public_key: [u8; 32],
        /// Its Ed25519 key; original clients have none.
        signing_key: Option<[u8; 32]>,
        /// Since when.
        created_at: UnixMillis,
    }

    /// A device.
    DeviceRow {
        /// The device.
        id: DeviceId,
        /// Its user.
        user: UserId,
        /// Its X25519 key.
        public_key: [u8; 32],
        /// Its Ed25519 key; original clients have none.
        signing_key: Option<[u8; 32]>,
        /// Since when.
        created_at: UnixMillis,
    }

    /// An invite of the base API.
    InviteRow {
        /// Until when.
        expires_at: UnixMillis,
        /// Whether it was consumed.
        used: bool,
    }

    /// A user's sealed name in the base API.
    ProfileRow {
        /// The user.
        user: UserId,
        /// The sealed name.
        name_enc: String,
        /// When it was set.
        updated_at: UnixMillis,
    }

    /// An original channel.
    ChannelRow {
        /// The channel.
        id: ChannelId,
        /// Its sealed name.
        name_enc: String,
        /// Who made it.
        created_by: UserId,
        /// When.
        created_at: UnixMillis,
    }

    /// A stored message.
    MessageRow {
        /// Its number.
        seq: Seq,
        /// Its name in the base API.
        id: MessageId,
        /// Who sent it.
        sender: UserId,
        /// The device that sent it.
        device: DeviceId,
        /// The sender's name for it.
        client_id: ClientId,
        /// The sender's sealed name; empty in channels of the log.
        sender_name_enc: String,
        /// The ciphertext: the bytes of our format in a channel of the log, else the text as it came.
        body: Vec<u8>,
        /// When it was taken.
        sent_at: UnixMillis,
    }

    /// A stretch of a channel's history.
    HistoryPage {
        /// In ascending order.
        messages: Vec<MessageRow>,
        /// `T` before the first of them, or the channel's newest if there is none.
        transcript: Transcript,
        /// The number of the channel's newest message.
        last_seq: Seq,
    }

    /// An envelope of the base API that is to be kept.
    NewKeyEnvelope {
        /// The recipient.
        device: DeviceId,
        /// The sealed key.
        envelope: String,
    }

    /// An envelope of the base API.
    KeyEnvelopeRow {
        /// Who sealed it.
        sender: DeviceId,
        /// The sender's X25519 key.
        sender_public_key: [u8; 32],
        /// The sealed key.
        envelope: String,
        /// When it came.
        created_at: UnixMillis,
    }

    /// An envelope of ours that is to be kept.
    NewEnvelope {
        /// The recipient.
        recipient: RecipientId,
        /// The keys inside, as its header says.
        keys: Vec<(GroupId, Epoch)>,
        /// The envelope.
        bytes: Vec<u8>,
    }

    /// An envelope of ours.
    EnvelopeRow {
        /// Its place among all envelopes, from 1.
        cursor: u64,
        /// The device that posted it.
        poster: DeviceId,
        /// The envelope.
        bytes: Vec<u8>,
    }

    /// A sealed name that is to be kept.
    ChainName {
        /// Whose name.
        subject: Subject,
        /// Under whose key.
        group: GroupId,
        /// Under which key of that group.
        epoch: Epoch,
        /// The sealed name.
        bytes: Vec<u8>,
    }

    /// A sealed name.
    NameRow {
        /// Its place among all names, from 1.
        cursor: u64,
        /// The name.
        name: ChainName,
    }

    /// A user who waits to be vouched for.
    PendingRow {
        /// The user.
        user: UserId,
        /// The user's device.
        device: DeviceId,
        /// The device's record in CBOR.
        record: Vec<u8>,
        /// The user's name, sealed to the device that asks.
        name: Option<Vec<u8>>,
        /// Since when.
        created_at: UnixMillis,
    }
}

/// What entries of the log change outside of it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ChainEffect {
    /// A channel of the log begins, empty.
    ChannelCreated {
        /// The channel.
        channel: ChannelId,
        /// Whose keys its messages are sealed under.
        group: GroupId,
    },
    /// A channel of the log ends, its messages with it.
    ChannelDeleted {
        /// The channel.
        channel: ChannelId,
    },
    /// A device belongs to a user. If the store knows the device, then user and keys must be the same; if not, it is
    /// made, provided that the user exists.
    DeviceAdded {
        /// The user.
        user: UserId,
        /// The device.
        device: DeviceId,
        /// Its Ed25519 key.
        signing_key: [u8; 32],
        /// Its X25519 key.
        public_key: [u8; 32],
    },
    /// A device belongs to nobody any more: its sessions end, envelopes for it go.
    DeviceRevoked {
        /// The device.
        device: DeviceId,
    },
    /// Messages of a group are taken in this epoch from now on.
    EpochOpened {
        /// The group.
        group: GroupId,
        /// The epoch.
        epoch: Epoch,
    },
    /// Messages of a group are taken in no epoch until the next one opens.
    EpochClosed {
        /// The group.
        group: GroupId,
    },
    /// An invite is used up, revoked or ended: envelopes for it go.
    InviteClosed {
        /// The invite.
        recipient: RecipientId,
    },
    /// A user is a member: no longer pending.
    UserJoined {
        /// The user.
        user: UserId,
    },
    /// A user is no longer a member: the user's sessions end.
    UserRemoved {
        /// The user.
        user: UserId,
    },
}
