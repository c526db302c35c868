//! Why an entry is refused, by name.

use core::fmt;

use crate::crypto::device::KeyError;
use crate::ids::Epoch;
use crate::wire::cbor::CborError;

/// Something that only a newer version of the program understands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Newer {
    /// The format of the log.
    Version(u64),
    /// The kind of the entry.
    Kind(u64),
    /// The suite of a device's keys.
    Suite(u64),
}

/// Why bytes are not an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum DecodeError {
    /// Not deterministic CBOR, or not of the shape of an entry.
    Cbor(CborError),
    /// A public key that is malformed or of low order.
    Key(KeyError),
    /// Made by a newer version of the program. Nothing after it can be judged here.
    NeedsNewer(Newer),
    /// A sealed previous key of another length than a sealed key has.
    PreviousLength {
        /// Its length in bytes.
        got: usize,
    },
    /// More bytes than an entry may have.
    TooLong {
        /// The length in bytes.
        got: usize,
        /// The most that is taken.
        max: usize,
    },
}

impl From<CborError> for DecodeError {
    fn from(error: CborError) -> Self {
        Self::Cbor(error)
    }
}

impl From<KeyError> for DecodeError {
    fn from(error: KeyError) -> Self {
        Self::Key(error)
    }
}

impl fmt::Display for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Cbor(error) => error.fmt(f),
            Self::Key(error) => error.fmt(f),
            Self::NeedsNewer(Newer::Version(version)) => {
                write!(f, "log format {version} needs a newer version")
            }
            Self::NeedsNewer(Newer::Kind(kind)) => {
                write!(f, "entry of kind {kind} needs a newer version")
            }
            Self::NeedsNewer(Newer::Suite(suite)) => {
                write!(f, "device of suite {suite} needs a newer version")
            }
            Self::PreviousLength { got } => write!(f, "sealed previous key has {got} bytes"),
            Self::TooLong { got, max } => write!(f, "entry has {got} of at most {max} bytes"),
        }
    }
}

impl core::error::Error for DecodeError {}

macro_rules! invalid {
    ($($(#[$doc:meta])* $name:ident => $text:literal, $word:literal;)*) => {
        /// Why the log does not take an entry (spec 4.7 to 4.43). The log is as it was.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #[non_exhaustive]
        pub enum Invalid {
            /// Not an entry at all, or one that only a newer version knows.
            Decode(DecodeError),
            /// The entry claims another index than the next.
            WrongIndex {
                /// The index it claims.
                got: u64,
                /// The next index of the log.
                expected: u64,
            },
            /// A group's epochs are counted without a gap.
            WrongEpoch {
                /// The epoch of the entry.
                got: Epoch,
                /// The group's next epoch.
                expected: Epoch,
            },
            $($(#[$doc])* $name,)*
        }

        impl Invalid {
            /// The reason's name on the wire.
            #[must_use]
            pub const fn name(&self) -> &'static str {
                match self {
                    Self::Decode(DecodeError::NeedsNewer(_)) => "needs_newer",
                    Self::Decode(_) => "malformed",
                    Self::WrongIndex { .. } => "wrong_index",
                    Self::WrongEpoch { .. } => "wrong_epoch",
                    $(Self::$name => $word,)*
                }
            }
        }

        impl fmt::Display for Invalid {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(match self {
                    Self::Decode(error) => return error.fmt(f),
                    Self::WrongIndex { got, expected } => {
                        return write!(f, "entry has index {got}, the log expects {expected}");
                    }
                    Self::WrongEpoch { got, expected } => {
                        return write!(f, "epoch {} where {} comes next", got.0, expected.0);
                    }
                    $(Self::$name => $text,)*
                })
            }
        }
    };
}

invalid! {
    /// The first entry is not `Genesis`.
    NoGenesis => "the log must begin with genesis", "no_genesis";
    /// `Genesis` stands only first.
    SecondGenesis => "genesis stands only first", "second_genesis";
    /// The entry names another community.
    WrongCommunity => "entry of another community", "wrong_community";
    /// The entry does not follow the head.
    WrongPrevious => "entry does not follow the head of the log", "wrong_previous";

    /// Not as many signatures as the kind has.
    SignatureCount => "wrong number of signatures", "signature_count";
    /// Not signed by the author's device.
    BadSignature => "not signed by its author", "bad_signature";
    /// A `Join` that the invite did not sign.
    BadInviteSignature => "not signed by the invite", "bad_invite_signature";
    /// A new device that did not sign for itself.
    BadProof => "the new device did not sign for itself", "bad_proof";

    /// The author is no device of the log.
    UnknownAuthor => "author is not a device of the log", "unknown_author";
    /// The author's device is revoked.
    AuthorRevoked => "author's device is revoked", "author_revoked";
    /// `Genesis` and `Join` are written by the new device itself.
    NotByNewDevice => "only the new device itself may write this", "not_by_new_device";
    /// A device for recovery only adds devices.
    RecoveryOnlyAdds => "a recovery device may only add a device", "recovery_only_adds";
    /// Only an admin may do this.
    NotAdmin => "only an admin may do this", "not_admin";
    /// Only a device of this user may do this.
    NotOwnUser => "only a device of this user may do this", "not_own_user";
    /// Only the user or an admin may do this.
    NotUserNorAdmin => "only the user or an admin may do this", "not_user_nor_admin";
    /// Only the channel's creator or an admin may do this.
    NotCreatorNorAdmin => "only the channel's creator or an admin may do this", "not_creator_nor_admin";
    /// Only somebody inside the channel may do this.
    NotInside => "only somebody inside the channel may do this", "not_inside";

    /// The user's id was used before.
    UserExists => "user id was used before", "user_exists";
    /// The device's id was used before.
    DeviceExists => "device id was used before", "device_exists";
    /// The channel's id was used before.
    ChannelExists => "channel id was used before", "channel_exists";
    /// A public key was used before.
    KeyExists => "public key was used before", "key_exists";
    /// No such user.
    UnknownUser => "no such user", "unknown_user";
    /// The user was removed.
    UserRemoved => "user was removed", "user_removed";
    /// No such device.
    UnknownDevice => "no such device", "unknown_device";
    /// The device was revoked.
    DeviceRevoked => "device was revoked", "device_revoked";
    /// The user has this role already.
    SameRole => "user has this role already", "same_role";
    /// One admin with a device always remains.
    LastAdmin => "one admin must remain", "last_admin";
    /// The invite is not open: unknown, used up or ended.
    InviteNotOpen => "invite is not open", "invite_not_open";
    /// An invite for nobody, or for more than may use one.
    InviteUses => "invite has no or too many uses", "invite_uses";
    /// No such channel.
    UnknownChannel => "no such channel", "unknown_channel";
    /// The channel was deleted.
    ChannelDeleted => "channel was deleted", "channel_deleted";
    /// Everybody is in an open channel.
    ChannelOpen => "everybody is in an open channel", "channel_open";
    /// The user is in the channel already.
    AlreadyInside => "user is in the channel already", "already_inside";
    /// The user is not in the channel.
    NotAMember => "user is not in the channel", "not_a_member";
    /// The channel has no keys of its own: it uses those of everybody.
    UnknownGroup => "no such group", "unknown_group";
    /// The author is not of the group.
    NotInGroup => "author is not of the group", "not_in_group";
    /// There is no earlier key that newcomers may read.
    PreviousNotAllowed => "no previous key may be passed on here", "previous_not_allowed";

    /// As many users as a community may have.
    TooManyUsers => "too many users", "too_many_users";
    /// As many devices as a user may have.
    TooManyDevices => "too many devices", "too_many_devices";
    /// As many channels as a community may have.
    TooManyChannels => "too many channels", "too_many_channels";
    /// As many open invites as a community may have.
    TooManyInvites => "too many open invites", "too_many_invites";
}

impl Invalid {
    /// Whether a newer version of the program is needed to judge the entry.
    #[must_use]
    pub const fn needs_newer(&self) -> bool {
        matches!(self, Self::Decode(DecodeError::NeedsNewer(_)))
    }
}

impl From<DecodeError> for Invalid {
    fn from(error: DecodeError) -> Self {
        Self::Decode(error)
    }
}

impl core::error::Error for Invalid {}
