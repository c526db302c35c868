//! JSON bodies of answers.

use alloc::collections::BTreeMap;
use alloc::string::String;
use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

use super::sensitive::Sensitive;
use crate::ids::{ChannelId, ClientId, DeviceId, MessageId, Seq, Transcript, UserId};

macro_rules! answers {
    ($($(#[$doc:meta])* $name:ident { $($(#[$field_doc:meta])* $field:ident: $type:ty,)* })*) => {$(
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
        pub struct $name {
            $($(#[$field_doc])* pub $field: $type,)*
        }
    )*};
}

answers! {
    /// Every refusal.
    ErrorAnswer {
        /// Why.
        error: String,
    }

    /// What has nothing to say.
    StatusAnswer {
        /// `ok`
        status: String,
    }

    /// A new session: the answer to registering and to every kind of login.
    LoggedIn {
        /// The bearer token.
        token: Sensitive,
        /// The user.
        user_id: UserId,
        /// The device.
        device_id: DeviceId,
        /// When the session ends, RFC 3339.
        expires_at: String,
        /// The normalised username; empty after a login by signature, since the server keeps only its hash.
        username: String,
        /// The device's X25519 key in base64.
        device_public_key: String,
        /// Whether the user is an admin.
        is_admin: bool,
        /// Whether the user registered with an invite.
        is_trusted: bool,
    }

    /// `POST /auth/challenge`.
    ChallengeAnswer {
        /// 32 bytes in base64, to be signed.
        challenge: String,
        /// Until when, RFC 3339.
        expires_at: String,
    }

    /// `GET /sessions`.
    SessionsAnswer {
        /// The user's sessions, newest first.
        sessions: Vec<SessionInfo>,
    }

    /// One session of the caller's user.
    SessionInfo {
        /// Its name for `DELETE /sessions`.
        id: String,
        /// Its device.
        device_id: DeviceId,
        /// Since when, RFC 3339.
        created_at: String,
        /// Until when, RFC 3339.
        expires_at: String,
        /// Whether it is the one that asks.
        current: bool,
    }

    /// `POST /users`.
    UserAnswer {
        /// The new user.
        id: UserId,
        /// The username as given.
        username: String,
        /// When, RFC 3339.
        created_at: String,
    }

    /// `GET /users/profiles`.
    ProfilesAnswer {
        /// Newest first.
        profiles: Vec<Profile>,
    }

    /// One user's sealed name.
    Profile {
        /// The user.
        user_id: UserId,
        /// The sealed name.
        name_enc: String,
        /// When it was set, RFC 3339.
        updated_at: String,
    }

    /// `POST /devices`.
    DeviceAnswer {
        /// The new device.
        id: DeviceId,
        /// Its user.
        user_id: UserId,
        /// Its X25519 key in base64.
        public_key: String,
        /// When, RFC 3339.
        created_at: String,
    }

    /// `GET /devices/keys`.
    DeviceKeysAnswer {
        /// The user asked for; empty when all were.
        user_id: String,
        /// Oldest first.
        keys: Vec<DeviceKey>,
    }

    /// One device's key.
    DeviceKey {
        /// The device's user, said only when all were asked for.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        user_id: Option<UserId>,
        /// The device.
        device_id: DeviceId,
        /// Its X25519 key in base64.
        public_key: String,
    }

    /// `GET /channels/keys` and, without a channel, `GET /directory/keys`.
    KeyEnvelopeAnswer {
        /// The channel.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        channel_id: Option<ChannelId>,
        /// The recipient: the caller.
        device_id: DeviceId,
        /// Who sealed it.
        sender_device_id: DeviceId,
        /// The sender's X25519 key in base64.
        sender_public_key: String,
        /// The sealed key.
        envelope: String,
        /// When, RFC 3339.
        created_at: String,
    }

    /// `GET /channels`.
    ChannelsAnswer {
        /// Newest first.
        channels: Vec<Channel>,
    }

    /// `POST /channels` and `PATCH /channels`.
    ChannelAnswer {
        /// The channel as it is now.
        channel: Channel,
    }

    /// An original channel.
    Channel {
        /// The channel.
        id: ChannelId,
        /// Its sealed name.
        name_enc: String,
        /// Who made it.
        created_by: UserId,
        /// When, RFC 3339.
        created_at: String,
    }

    /// `GET /channels/messages`.
    MessagesAnswer {
        /// The channel as it was asked for.
        channel_id: String,
        /// In ascending order.
        messages: Vec<Message>,
        /// The channel's transcript before the first message here, or up to now if there is none.
        transcript: Transcript,
        /// The number of the channel's newest message.
        last_seq: Seq,
    }

    /// A message of a channel's history.
    Message {
        /// Its name in the base API.
        id: MessageId,
        /// Its channel.
        channel_id: ChannelId,
        /// Who sent it, by the server's word.
        sender_id: UserId,
        /// The sender's sealed name; empty in channels of the log.
        sender_name_enc: String,
        /// The ciphertext.
        body: String,
        /// When the server took it, RFC 3339.
        sent_at: String,
        /// Its number.
        seq: Seq,
        /// Its sender's name for it.
        client_id: ClientId,
        /// The device that sent it.
        sender_device_id: DeviceId,
    }

    /// `POST /presence`.
    PresenceAnswer {
        /// Who is online; `false` for the unknown.
        statuses: BTreeMap<String, bool>,
        /// Who is an admin; without the unknown.
        admins: BTreeMap<String, bool>,
    }

    /// `POST /server/invites`.
    InviteAnswer {
        /// The token.
        token: Sensitive,
        /// Until when, RFC 3339.
        expires_at: String,
        /// Whether the community is founded; said only to the holder of the admin token.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        founded: Option<bool>,
    }

    /// `GET /pending`.
    PendingAnswer {
        /// Oldest first.
        pending: Vec<PendingUser>,
    }

    /// A user who waits to be vouched for.
    PendingUser {
        /// The user.
        user_id: UserId,
        /// The user's device.
        device_id: DeviceId,
        /// The device's record in CBOR, in base64.
        record: String,
        /// The user's name, sealed to the caller's device, in base64.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        name: Option<String>,
        /// Since when, RFC 3339.
        created_at: String,
    }
}
