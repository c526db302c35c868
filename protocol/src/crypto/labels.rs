//! The labels that keep one use of a key or a hash apart from every other.

/// What something is signed, hashed or derived for (spec 3.1).
///
/// No label contains a zero byte and each is followed by one, so that none can be taken for the start of another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Label {
    /// Salt of the password that our clients send.
    AccountPassword,
    /// Keys of a device from its seed: Ed25519.
    DeviceSigning,
    /// Keys of a device from its seed: X25519.
    DeviceExchange,
    /// A new device's signature over its own record.
    DeviceRecord,
    /// Key and nonce of something sealed to one device.
    Direct,
    /// A signature over the body of an entry of the log.
    Entry,
    /// The hash of an entry of the log.
    EntryHash,
    /// Key and nonce of an envelope.
    Envelope,
    /// The ephemeral key of an envelope.
    Ephemeral,
    /// A fresh device's seed.
    FreshDevice,
    /// A fresh key of a group.
    FreshGroupKey,
    /// What the log says of a group's key.
    GroupKey,
    /// Keys of an invite from its secret.
    Invite,
    /// A keystore file's checksum.
    Keystore,
    /// The answer to a login's challenge.
    Login,
    /// A message's signature.
    Message,
    /// The key of a channel's messages from one device.
    MessageKey,
    /// What the log says of a name.
    Name,
    /// The key that seals names.
    NameKey,
    /// A fresh nonce.
    Nonce,
    /// The key that seals a group's previous key.
    PreviousKey,
    /// A safety number.
    SafetyNumber,
    /// A bearer token as the server stores it.
    Token,
    /// A channel's transcript.
    Transcript,
}

impl Label {
    /// The bytes of the label, without the zero byte that follows it.
    #[must_use]
    pub const fn as_bytes(self) -> &'static [u8] {
        match self {
            Self::AccountPassword => b"dialtone/v1/account-password",
            Self::DeviceSigning => b"dialtone/v1/device-signing",
            Self::DeviceExchange => b"dialtone/v1/device-exchange",
            Self::DeviceRecord => b"dialtone/v1/device-record",
            Self::Direct => b"dialtone/v1/direct",
            Self::Entry => b"dialtone/v1/entry",
            Self::EntryHash => b"dialtone/v1/entry-hash",
            Self::Envelope => b"dialtone/v1/envelope",
            Self::Ephemeral => b"dialtone/v1/ephemeral",
            Self::FreshDevice => b"dialtone/v1/fresh-device",
            Self::FreshGroupKey => b"dialtone/v1/fresh-group-key",
            Self::GroupKey => b"dialtone/v1/group-key",
            Self::Invite => b"dialtone/v1/invite",
            Self::Keystore => b"dialtone/v1/keystore",
            Self::Login => b"dialtone/v1/login",
            Self::Message => b"dialtone/v1/message",
            Self::MessageKey => b"dialtone/v1/message-key",
            Self::Name => b"dialtone/v1/name",
            Self::NameKey => b"dialtone/v1/name-key",
            Self::Nonce => b"dialtone/v1/nonce",
            Self::PreviousKey => b"dialtone/v1/previous-key",
            Self::SafetyNumber => b"dialtone/v1/safety-number",
            Self::Token => b"dialtone/v1/token",
            Self::Transcript => b"dialtone/v1/transcript",
        }
    }
}
