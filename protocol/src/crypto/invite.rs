//! The secret in a client's invite link, and the keys that it gives.

use core::fmt;

use super::device::DeviceSecret;
use super::hash::derive;
use super::labels::Label;
use super::random::Entropy;
use super::secret::Secret;

/// The secret of an invite: 128 random bits that stand in the fragment of its link, which no server sees.
#[derive(Clone, PartialEq, Eq)]
pub struct InviteSecret(Secret<16>);

impl InviteSecret {
    /// Makes a new one.
    #[must_use]
    pub fn generate(entropy: &mut Entropy) -> Self {
        Self(entropy.hedged(Label::Invite, &[], &[], &[]))
    }

    /// Takes in the bytes of a link.
    #[must_use]
    pub fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(Secret::from_bytes(bytes))
    }

    /// The bytes for a link.
    #[must_use]
    pub fn expose(&self) -> &[u8; 16] {
        self.0.expose()
    }

    /// The invite's own keys: one signs its `Join`, the other opens the envelopes that wait for whoever joins
    /// (spec 3.8). They have the form of a device's keys.
    #[must_use]
    pub fn keys(&self) -> DeviceSecret {
        DeviceSecret::from_seed(derive(Label::Invite, None, self.0.expose(), &[]))
    }
}

impl fmt::Debug for InviteSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("InviteSecret(..)")
    }
}

#[cfg(test)]
mod tests {
    use alloc::format;

    use super::*;

    // spec 3.8
    #[test]
    fn an_invite_always_gives_the_same_keys() {
        let invite = InviteSecret::from_bytes([3; 16]);
        let again = InviteSecret::from_bytes(*invite.expose());
        assert_eq!(invite.keys().public(), again.keys().public());
        let other = InviteSecret::generate(&mut Entropy::from_seed([1; 32]));
        assert_ne!(invite.keys().public(), other.keys().public());
        assert_eq!(format!("{invite:?}"), "InviteSecret(..)");
    }
}
