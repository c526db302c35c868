//! The labels that keep one use of a key or a hash apart from every other.

macro_rules! labels {
    ($($(#[$doc:meta])* $name:ident = $text:literal;)*) => {
        /// What something is signed, hashed or derived for (spec 3.1).
        ///
        /// No label contains a zero byte and each is followed by one, so that none can be taken for the start of
        /// another.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #[non_exhaustive]
        pub enum Label {
            $($(#[$doc])* $name,)*
        }

        impl Label {
            /// The bytes of the label, without the zero byte that follows it.
            #[must_use]
            pub const fn as_bytes(self) -> &'static [u8] {
                match self {
                    $(Self::$name => concat!("dialtone/v1/", $text).as_bytes(),)*
                }
            }
        }

        #[cfg(test)]
        const ALL: &[Label] = &[$(Label::$name),*];
    };
}

labels! {
    /// Salt of the password that our clients send.
    AccountPassword = "account-password";
    /// Keys of a device from its seed: Ed25519.
    DeviceSigning = "device-signing";
    /// Keys of a device from its seed: X25519.
    DeviceExchange = "device-exchange";
    /// A new device's signature over its own record.
    DeviceRecord = "device-record";
    /// Key and nonce of something sealed to one device.
    Direct = "direct";
    /// A signature over the body of an entry of the log.
    Entry = "entry";
    /// The hash of an entry of the log.
    EntryHash = "entry-hash";
    /// Key and nonce of an envelope.
    Envelope = "envelope";
    /// The ephemeral key of an envelope.
    Ephemeral = "ephemeral";
    /// A fresh device's seed.
    FreshDevice = "fresh-device";
    /// A fresh key of a group.
    FreshGroupKey = "fresh-group-key";
    /// What the log says of a group's key.
    GroupKey = "group-key";
    /// Keys of an invite from its secret.
    Invite = "invite";
    /// A keystore file's checksum.
    Keystore = "keystore";
    /// The answer to a login's challenge.
    Login = "login";
    /// A message's signature.
    Message = "message";
    /// The key of a channel's messages from one device.
    MessageKey = "message-key";
    /// What the log says of a name.
    Name = "name";
    /// The key that seals names.
    NameKey = "name-key";
    /// A fresh nonce.
    Nonce = "nonce";
    /// The key that seals a group's previous key.
    PreviousKey = "previous-key";
    /// A safety number.
    SafetyNumber = "safety-number";
    /// A bearer token as the server stores it.
    Token = "token";
    /// A channel's transcript.
    Transcript = "transcript";
    /// A signature over the answer to an offer of a voice connection.
    VoiceAnswer = "voice-answer";
    /// The hash of a description of a voice connection.
    VoiceDescription = "voice-description";
    /// A signature that a device is in a voice room.
    VoiceJoin = "voice-join";
    /// A signature over an offer of a voice connection, and the hash of what was signed.
    VoiceOffer = "voice-offer";
}

#[cfg(test)]
mod tests {
    use alloc::collections::BTreeSet;

    use super::*;

    // spec 3.1
    #[test]
    fn every_label_is_its_own() {
        let labels: BTreeSet<&[u8]> = ALL.iter().map(|label| label.as_bytes()).collect();
        assert_eq!(labels.len(), ALL.len());
        assert!(!labels.iter().any(|label| label.contains(&0)));
    }
}
