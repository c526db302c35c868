//! CBOR bodies around the signed log: appends, envelopes, names.

use alloc::vec::Vec;

use minicbor::bytes::ByteVec;
use minicbor::{Decode, Encode};

use crate::ids::{DeviceId, Epoch, GroupId, Head, RecipientId, Subject};

/// `GET /sigchain`, and the 409 of `POST /sigchain`: a stretch of the log.
#[derive(Clone, Debug, Default, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct ChainPage {
    /// Where the server's log ends; none while nobody has founded.
    #[n(0)]
    pub head: Option<Head>,
    /// The entries from the index asked for, as many as fit a page.
    #[n(1)]
    pub entries: Vec<ByteVec>,
}

/// `POST /sigchain`: entries with what belongs to them; all or nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Append {
    /// Where the log ends, as the poster knows it.
    #[n(0)]
    pub expected: Option<Head>,
    /// The new entries.
    #[n(1)]
    pub entries: Vec<ByteVec>,
    /// Keys of the groups that the entries rotate.
    #[n(2)]
    pub envelopes: Vec<SealedEnvelope>,
    /// Names that the entries commit to.
    #[n(3)]
    pub names: Vec<SealedName>,
}

/// The 201 of `POST /sigchain`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Appended {
    /// Where the log ends now.
    #[n(0)]
    pub head: Head,
}

/// Keys sealed to one recipient.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct SealedEnvelope {
    /// To whom.
    #[n(0)]
    pub recipient: RecipientId,
    /// The envelope.
    #[cbor(n(1), with = "minicbor::bytes")]
    pub bytes: Vec<u8>,
}

/// `POST /envelopes`: a bare array.
#[derive(Clone, Debug, Default, PartialEq, Eq, Encode, Decode)]
#[cbor(transparent)]
pub struct Envelopes(#[n(0)] pub Vec<SealedEnvelope>);

/// `GET /envelopes`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct EnvelopePage {
    /// What to ask after next.
    #[n(0)]
    pub next: u64,
    /// In the order of their cursors.
    #[n(1)]
    pub envelopes: Vec<StoredEnvelope>,
}

/// An envelope as the server keeps it.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct StoredEnvelope {
    /// Its place among all envelopes.
    #[n(0)]
    pub cursor: u64,
    /// The device that posted it.
    #[n(1)]
    pub poster: DeviceId,
    /// The envelope.
    #[cbor(n(2), with = "minicbor::bytes")]
    pub bytes: Vec<u8>,
}

/// `GET /envelopes/owed`: a hint, the log decides.
#[derive(Clone, Debug, Default, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Owed {
    /// Keys that nobody has sealed to somebody entitled to them.
    #[n(0)]
    pub owed: Vec<OwedKey>,
}

/// A key that lacks an envelope.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Encode, Decode)]
#[cbor(map)]
pub struct OwedKey {
    /// Who lacks it.
    #[n(0)]
    pub recipient: RecipientId,
    /// The group.
    #[n(1)]
    pub group: GroupId,
    /// The epoch.
    #[n(2)]
    pub epoch: Epoch,
}

/// A name sealed under a group's key.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct SealedName {
    /// Whose name.
    #[n(0)]
    pub subject: Subject,
    /// Under whose key.
    #[n(1)]
    pub group: GroupId,
    /// Under which key of that group.
    #[n(2)]
    pub epoch: Epoch,
    /// The sealed name and salt.
    #[cbor(n(3), with = "minicbor::bytes")]
    pub bytes: Vec<u8>,
}

/// `POST /names`: a bare array.
#[derive(Clone, Debug, Default, PartialEq, Eq, Encode, Decode)]
#[cbor(transparent)]
pub struct Names(#[n(0)] pub Vec<SealedName>);

/// `GET /names`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct NamePage {
    /// What to ask after next.
    #[n(0)]
    pub next: u64,
    /// In the order they came.
    #[n(1)]
    pub names: Vec<SealedName>,
}
