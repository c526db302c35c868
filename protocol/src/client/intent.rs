//! What the user asked for, and what the engine does by itself, until the log shows it.

use alloc::string::String;

use minicbor::{Decode, Encode};

use super::event::{IntentName, InviteId, Refusal};
use crate::crypto::names::NameSecret;
use crate::crypto::{InviteSecret, Secret};
use crate::ids::{ChannelId, Commitment, DeviceId, EntryHash, Epoch, GroupId, Subject, UserId};
use crate::sigchain::{Access, Chain, History};
use crate::time::UnixMillis;

/// One wish that becomes one append to the log. It holds what makes it recognisable there: after a lost answer, or a
/// crash, the log says whether it was done (spec 9.42).
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub(super) enum Wish {
    #[n(0)]
    Found,
    #[n(1)]
    Join {
        #[n(0)]
        invite: EntryHash,
    },
    #[n(2)]
    CreateChannel {
        #[n(0)]
        channel: ChannelId,
        #[n(1)]
        name: Named,
        #[n(2)]
        access: Access,
        #[n(3)]
        history: History,
    },
    #[n(3)]
    Name {
        #[n(0)]
        subject: Subject,
        #[n(1)]
        name: Named,
    },
    #[n(4)]
    DeleteChannel {
        #[n(0)]
        channel: ChannelId,
    },
    #[n(5)]
    AddToChannel {
        #[n(0)]
        channel: ChannelId,
        #[n(1)]
        user: UserId,
    },
    #[n(6)]
    Invite(#[n(0)] InviteWish),
    #[n(7)]
    Vouch {
        #[n(0)]
        user: UserId,
        /// The newcomer's device, as it signed it.
        #[cbor(n(1), with = "minicbor::bytes")]
        record: alloc::vec::Vec<u8>,
    },
    #[n(8)]
    RevokeInvite {
        #[n(0)]
        invite: EntryHash,
        /// Whether the user asked for it. The engine ends by itself what expired.
        #[n(1)]
        asked: bool,
    },
    #[n(9)]
    Rotate {
        #[n(0)]
        group: GroupId,
        /// The epoch to open.
        #[n(1)]
        epoch: Epoch,
    },
}

/// A name with the salt of its commitment.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub(super) struct Named {
    #[n(0)]
    pub(super) name: String,
    #[cbor(n(1), with = "minicbor::bytes")]
    pub(super) salt: [u8; 16],
}

/// An invite that is being made.
#[derive(Clone, PartialEq, Eq, Encode, Decode)]
pub(super) struct InviteWish {
    #[n(0)]
    pub(super) id: u64,
    #[cbor(n(1), with = "minicbor::bytes")]
    pub(super) secret: [u8; 16],
    /// The server's token, once it gave one.
    #[n(2)]
    pub(super) token: Option<String>,
    /// Until when the server takes the token, in milliseconds since 1970.
    #[n(3)]
    pub(super) expires: u64,
}

impl core::fmt::Debug for InviteWish {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("InviteWish")
            .field("id", &self.id)
            .finish_non_exhaustive()
    }
}

/// What the log says of a wish.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It stands in the log.
    Done,
    /// It does not, and can be appended.
    Wanted,
    /// It cannot be appended any more.
    Dropped(Refusal),
}

/// Who wishes, and when.
#[derive(Clone, Copy, Debug)]
pub(super) struct Wisher {
    pub(super) user: UserId,
    pub(super) device: DeviceId,
    pub(super) unix: UnixMillis,
}

impl Wish {
    /// What the embedder knows it as.
    pub(super) fn name(&self) -> IntentName {
        match self {
            Self::Found => IntentName::Found,
            Self::Join { .. } => IntentName::Join,
            Self::CreateChannel { channel, .. } => IntentName::CreateChannel(*channel),
            Self::Name {
                subject: Subject::Channel(channel),
                ..
            } => IntentName::RenameChannel(*channel),
            Self::Name {
                subject: Subject::User(user),
                ..
            } => IntentName::SetName(*user),
            Self::DeleteChannel { channel } => IntentName::DeleteChannel(*channel),
            Self::AddToChannel { channel, user } => IntentName::AddToChannel(*channel, *user),
            Self::Invite(invite) => IntentName::Invite(InviteId(invite.id)),
            Self::Vouch { user, .. } => IntentName::Vouch(*user),
            Self::RevokeInvite { invite, .. } => IntentName::RevokeInvite(*invite),
            Self::Rotate { group, .. } => IntentName::Rotate(*group),
        }
    }

    /// Whether the wish is the user's, and outlives a restart. The others are made anew from the log.
    pub(super) fn is_kept(&self) -> bool {
        match self {
            Self::Found | Self::Join { .. } | Self::Rotate { .. } => false,
            Self::RevokeInvite { asked, .. } => *asked,
            Self::Name { subject, .. } => matches!(subject, Subject::Channel(_)),
            Self::CreateChannel { .. }
            | Self::DeleteChannel { .. }
            | Self::AddToChannel { .. }
            | Self::Invite(_)
            | Self::Vouch { .. } => true,
        }
    }

    /// Whether the append seals a name once more, for somebody who cannot open it as it stands (spec 9.44).
    pub(super) fn hands_a_name_on(&self) -> bool {
        matches!(self, Self::AddToChannel { .. })
    }

    /// Judges the wish anew by the log as it is now (spec 9.41).
    pub(super) fn judge(&self, chain: &Chain, who: Wisher) -> Verdict {
        let wanted = |allowed: bool| match allowed {
            true => Verdict::Wanted,
            false => Verdict::Dropped(Refusal::Overtaken),
        };
        match self {
            Self::Found if chain.device(who.device).is_some() => Verdict::Done,
            Self::Found if chain.head().is_some() => Verdict::Dropped(Refusal::AlreadyFounded),
            Self::Found => Verdict::Wanted,
            Self::Join { .. } if chain.device(who.device).is_some() => Verdict::Done,
            Self::Join { invite } => match chain.invite(*invite) {
                Some(open) if open.expires > who.unix => Verdict::Wanted,
                _ => Verdict::Dropped(Refusal::InviteSpent),
            },
            Self::CreateChannel { channel, .. } if chain.channel(*channel).is_some() => {
                Verdict::Done
            }
            Self::CreateChannel { .. } => wanted(chain.is_admin(who.user)),
            Self::Name { subject, name } => {
                let commitment = name.commitment();
                if commitment.is_some() && chain.name_commitment(*subject) == commitment {
                    return Verdict::Done;
                }
                wanted(match subject {
                    Subject::User(user) => *user == who.user && chain.is_member(who.user),
                    Subject::Channel(channel) => {
                        chain.is_admin(who.user) && exists(chain, *channel)
                    }
                })
            }
            Self::DeleteChannel { channel } if !exists(chain, *channel) => Verdict::Done,
            Self::DeleteChannel { .. } => wanted(chain.is_admin(who.user)),
            Self::AddToChannel { channel, user } => match chain.channel(*channel) {
                Some(it) if it.members.contains(user) => Verdict::Done,
                Some(it) => wanted(
                    it.has(who.user)
                        && chain.is_member(*user)
                        && (it.creator == who.user || chain.is_admin(who.user)),
                ),
                None => wanted(false),
            },
            Self::Invite(invite) => match invite.entry_in(chain) {
                Some(_) => Verdict::Done,
                None => wanted(chain.is_admin(who.user)),
            },
            Self::Vouch { user, .. } if chain.user(*user).is_some() => Verdict::Done,
            Self::Vouch { .. } => wanted(chain.is_admin(who.user)),
            Self::RevokeInvite { invite, .. } if chain.invite(*invite).is_none() => Verdict::Done,
            Self::RevokeInvite { .. } => wanted(chain.is_admin(who.user)),
            Self::Rotate { group, epoch } => match chain.group(*group) {
                Some(state) if state.epoch() >= Some(*epoch) => Verdict::Done,
                state => wanted(state.is_some() && chain.is_in_group(who.user, *group)),
            },
        }
    }
}

pub(super) fn exists(chain: &Chain, channel: ChannelId) -> bool {
    chain
        .channel(channel)
        .is_some_and(|channel| channel.span.is_open())
}

impl Named {
    pub(super) fn of(secret: &NameSecret) -> Self {
        Self {
            name: secret.name().into(),
            salt: *secret.salt().expose(),
        }
    }

    /// The name with its salt; `None` if a record of it was damaged.
    pub(super) fn secret(&self) -> Option<NameSecret> {
        NameSecret::new(&self.name, Secret::from_bytes(self.salt)).ok()
    }

    pub(super) fn commitment(&self) -> Option<Commitment> {
        self.secret().map(|secret| secret.commitment())
    }
}

impl InviteWish {
    pub(super) fn secret(&self) -> InviteSecret {
        InviteSecret::from_bytes(self.secret)
    }

    /// The invite's entry in the log, whether it is still open or not.
    pub(super) fn entry_in(&self, chain: &Chain) -> Option<EntryHash> {
        let key = self.secret().keys().public().sign;
        chain
            .invites()
            .find(|(_, invite)| invite.key == key)
            .map(|(hash, _)| hash)
    }
}
