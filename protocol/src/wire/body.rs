//! JSON bodies of requests. Absent fields are empty texts, which the hub refuses where it must.

use alloc::string::String;
use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

use super::sensitive::Sensitive;
use crate::ids::{DeviceId, UserId};

macro_rules! bodies {
    ($($(#[$doc:meta])* $name:ident { $($(#[$field_doc:meta])* $field:ident: $type:ty,)* })*) => {$(
        $(#[$doc])*
        #[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
        #[serde(deny_unknown_fields, default)]
        pub struct $name {
            $($(#[$field_doc])* pub $field: $type,)*
        }
    )*};
}

bodies! {
    /// `POST /auth/register` and, without an invite, `POST /auth/login`.
    Credentials {
        /// The username, normalised by the server.
        username: String,
        /// The account's password.
        password: Sensitive,
        /// The device's X25519 key in base64.
        public_key: String,
        /// The invite's token; not looked at by a login.
        #[serde(skip_serializing_if = "is_empty")]
        invite_token: Sensitive,
        /// The device's Ed25519 key in base64. Original clients have none.
        #[serde(skip_serializing_if = "Option::is_none")]
        signing_key: Option<String>,
    }

    /// `POST /users`.
    NewUser {
        /// The username.
        username: String,
    }

    /// `POST /users/profiles` and `POST /channels`.
    NameBody {
        /// The sealed name.
        name_enc: String,
    }

    /// `PATCH /channels`.
    Rename {
        /// The channel.
        channel_id: String,
        /// Its new sealed name.
        name_enc: String,
    }

    /// `POST /devices`.
    NewDevice {
        /// The caller.
        user_id: String,
        /// The device's X25519 key in base64.
        public_key: String,
    }

    /// `POST /channels/keys` and, without a channel, `POST /directory/keys`.
    KeyEnvelopes {
        /// The channel.
        #[serde(skip_serializing_if = "String::is_empty")]
        channel_id: String,
        /// The envelopes.
        envelopes: Vec<KeyEnvelope>,
    }

    /// One envelope of the base API.
    KeyEnvelope {
        /// Ignored, as in the original.
        #[serde(skip_serializing_if = "String::is_empty")]
        channel_id: String,
        /// The recipient.
        device_id: String,
        /// The sender, who must be the caller.
        sender_device_id: String,
        /// The sender's X25519 key in base64.
        sender_public_key: String,
        /// The sealed key.
        envelope: String,
    }

    /// `POST /presence`.
    PresenceQuery {
        /// Whose presence is asked for.
        user_ids: Vec<String>,
    }

    /// `POST /pending`.
    NewPending {
        /// The newcomer's `DeviceRecord` in CBOR, in base64.
        record: String,
        /// The newcomer's name, sealed to devices of admins.
        names: Vec<PendingName>,
    }
}

fn is_empty(text: &Sensitive) -> bool {
    text.expose().is_empty()
}

/// `POST /auth/challenge`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ChallengeBody {
    /// The device that wants to log in.
    pub device_id: DeviceId,
}

/// `POST /auth/device`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DeviceLogInBody {
    /// The device that logs in.
    pub device_id: DeviceId,
    /// The challenge, as it came.
    pub challenge: String,
    /// The device's signature over it, in base64.
    pub signature: String,
}

/// A name sealed to one device.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PendingName {
    /// The admin's device.
    pub device_id: DeviceId,
    /// The sealed name in base64.
    pub sealed: String,
}

impl NewDevice {
    /// A device of `user`.
    #[must_use]
    pub fn of(user: UserId, public_key: String) -> Self {
        Self {
            user_id: alloc::string::ToString::to_string(&user),
            public_key,
        }
    }
}
