//! Logging in with a device's signature over the server's one-use challenge.

use super::device::{DeviceSecret, Signature, SignatureError, VerifyKey};
use super::labels::Label;
use crate::ids::DeviceId;

/// Answers a challenge (spec 3.61).
#[must_use]
pub fn sign_login(device: DeviceId, challenge: &[u8; 32], secret: &DeviceSecret) -> Signature {
    secret.sign(Label::Login, &[&device.0[..], challenge].concat())
}

/// Checks the answer to a challenge.
///
/// # Errors
///
/// When this device did not sign this challenge.
pub fn verify_login(
    device: DeviceId,
    challenge: &[u8; 32],
    key: &VerifyKey,
    signature: &Signature,
) -> Result<(), SignatureError> {
    key.verify(
        Label::Login,
        &[&device.0[..], challenge].concat(),
        signature,
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crypto::Secret;

    // spec 3.61
    #[test]
    fn an_answer_fits_one_challenge_and_one_device() {
        let secret = DeviceSecret::from_seed(Secret::from_bytes([1; 32]));
        let key = secret.public().sign;
        let signature = sign_login(DeviceId([2; 16]), &[3; 32], &secret);
        let verify =
            |device, challenge| verify_login(DeviceId(device), &challenge, &key, &signature);
        assert_eq!(verify([2; 16], [3; 32]), Ok(()));
        assert_eq!(verify([2; 16], [4; 32]), Err(SignatureError));
        assert_eq!(verify([5; 16], [3; 32]), Err(SignatureError));
    }
}
