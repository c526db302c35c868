//! Who this account is: one record, written when it is made and when it changes.

use alloc::string::String;
use core::fmt;

use minicbor::{Decode, Encode};

use super::error::RestoreError;
use super::event::IntentName;
use super::out::Out;
use super::records::Table;
use crate::crypto::{DeviceSecret, Entropy, InviteSecret, Secret};
use crate::ids::{DeviceId, EntryHash, UserId};
use crate::wire::cbor;
use crate::wire::sensitive::Sensitive;

/// The version of the record.
const VERSION: u8 = 1;

/// How the account is to become a member.
#[derive(Clone, PartialEq, Eq)]
pub(super) enum Plan {
    /// By founding the community.
    Found,
    /// By an open invite.
    Join {
        /// The invite's secret.
        secret: InviteSecret,
        /// The hash of the invite's entry.
        invite: EntryHash,
    },
    /// By the vouch of an admin.
    AskVouch,
    /// It is one, or was.
    Member,
}

impl Plan {
    /// What the embedder knows it as.
    pub(super) const fn intent(&self) -> IntentName {
        match self {
            Self::Found => IntentName::Found,
            Self::Join { .. } | Self::AskVouch | Self::Member => IntentName::Join,
        }
    }

    pub(super) const fn invite(&self) -> Option<&InviteSecret> {
        match self {
            Self::Join { secret, .. } => Some(secret),
            Self::Found | Self::AskVouch | Self::Member => None,
        }
    }
}

/// What is needed until the server has answered the registration.
#[derive(Clone)]
pub(super) struct Registration {
    pub(super) token: Sensitive,
    pub(super) password: Sensitive,
}

/// Who this account is.
pub(super) struct Account {
    pub(super) secret: DeviceSecret,
    pub(super) server_url: String,
    pub(super) username: String,
    pub(super) plan: Plan,
    /// The user and this device, once the server has answered.
    pub(super) ids: Option<(UserId, DeviceId)>,
    pub(super) registration: Option<Registration>,
}

#[derive(Encode, Decode)]
#[cbor(map)]
struct Record {
    #[n(0)]
    version: u8,
    #[cbor(n(1), with = "minicbor::bytes")]
    seed: [u8; 32],
    #[n(2)]
    server_url: String,
    #[n(3)]
    username: String,
    #[n(4)]
    plan: PlanRecord,
    #[n(5)]
    user: Option<UserId>,
    #[n(6)]
    device: Option<DeviceId>,
    #[n(7)]
    token: Option<String>,
    #[n(8)]
    password: Option<String>,
}

#[derive(Encode, Decode)]
enum PlanRecord {
    #[n(0)]
    Found,
    #[n(1)]
    Join {
        #[cbor(n(0), with = "minicbor::bytes")]
        secret: [u8; 16],
        #[n(1)]
        invite: EntryHash,
    },
    #[n(2)]
    AskVouch,
    #[n(3)]
    Member,
}

impl Account {
    /// The record's key in [`Table::Account`].
    pub(super) const KEY: [u8; 1] = *b"a";

    pub(super) fn new(
        server_url: String,
        username: String,
        plan: Plan,
        registration: Registration,
        entropy: &mut Entropy,
    ) -> Self {
        let secret = DeviceSecret::generate(entropy);
        Self {
            secret,
            server_url,
            username,
            plan,
            ids: None,
            registration: Some(registration),
        }
    }

    /// The keys are durable before the server hears of them: a crash at any time goes on with the same device
    /// (spec 9.2).
    pub(super) fn persist(&self, out: &mut Out) {
        let registration = self.registration.as_ref();
        let text = |secret: &Sensitive| String::from(secret.expose());
        let record = Record {
            version: VERSION,
            seed: *self.secret.seed().expose(),
            server_url: self.server_url.clone(),
            username: self.username.clone(),
            plan: match &self.plan {
                Plan::Found => PlanRecord::Found,
                Plan::Join { secret, invite } => PlanRecord::Join {
                    secret: *secret.expose(),
                    invite: *invite,
                },
                Plan::AskVouch => PlanRecord::AskVouch,
                Plan::Member => PlanRecord::Member,
            },
            user: self.ids.map(|(user, _)| user),
            device: self.ids.map(|(_, device)| device),
            token: registration.map(|it| text(&it.token)),
            password: registration.map(|it| text(&it.password)),
        };
        out.put_cbor(Table::Account, Self::KEY, &record);
    }

    pub(super) fn restore(value: &[u8]) -> Result<Self, RestoreError> {
        let damaged = RestoreError::Damaged(Table::Account);
        let record: Record = cbor::decode(value).map_err(|_| damaged)?;
        if record.version != VERSION {
            return Err(RestoreError::NeedsNewer(Table::Account));
        }
        let registration = match (record.token, record.password) {
            (Some(token), Some(password)) => Some(Registration {
                token: Sensitive::new(token),
                password: Sensitive::new(password),
            }),
            _ => None,
        };
        let ids = record.user.zip(record.device);
        if ids.is_none() && registration.is_none() {
            return Err(damaged);
        }
        Ok(Self {
            secret: DeviceSecret::from_seed(Secret::from_bytes(record.seed)),
            server_url: record.server_url,
            username: record.username,
            plan: match record.plan {
                PlanRecord::Found => Plan::Found,
                PlanRecord::Join { secret, invite } => Plan::Join {
                    secret: InviteSecret::from_bytes(secret),
                    invite,
                },
                PlanRecord::AskVouch => Plan::AskVouch,
                PlanRecord::Member => Plan::Member,
            },
            ids,
            registration,
        })
    }

    pub(super) fn user(&self) -> Option<UserId> {
        self.ids.map(|(user, _)| user)
    }

    pub(super) fn device(&self) -> Option<DeviceId> {
        self.ids.map(|(_, device)| device)
    }
}

impl fmt::Debug for Account {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Account")
            .field("server_url", &self.server_url)
            .field("username", &self.username)
            .field("ids", &self.ids)
            .finish_non_exhaustive()
    }
}
