use alloc::format;
use alloc::vec::Vec;

use proptest::prelude::*;

use super::*;
use crate::wire::cbor;

/// Forms of low order beside the canonical ones: p, p+1, and any with the top bit set.
fn low_order_forms() -> impl Iterator<Item = [u8; 32]> {
    let mut forms = LOW_ORDER.to_vec();
    forms.push(FIELD_PRIME);
    let mut above = FIELD_PRIME;
    above[0] += 1;
    forms.push(above);
    let high = forms.clone().into_iter().map(|mut form| {
        form[31] |= 0x80;
        form
    });
    forms.clone().into_iter().chain(high)
}

// spec 3.6
#[test]
fn every_form_of_low_order_is_refused() {
    for form in low_order_forms() {
        let refused = DhPublic::parse(&form).unwrap_err();
        assert!(matches!(
            refused,
            KeyError::LowOrder | KeyError::NotCanonical
        ));
        let secret = DhSecret::from_bytes(&Secret::from_bytes([9; 32]));
        assert_eq!(
            secret.agree(&DhPublic(form)),
            Err(ZeroSecret),
            "{form:02x?}"
        );
    }
    assert_eq!(DhPublic::parse(&[0; 32]), Err(KeyError::LowOrder));
}

// spec 3.6
#[test]
fn signing_keys_of_low_order_or_another_form_are_refused() {
    let mut neutral = [0; 32];
    neutral[0] = 1;
    assert_eq!(VerifyKey::parse(&neutral), Err(KeyError::LowOrder));
    assert_eq!(VerifyKey::parse(&[0; 32]), Err(KeyError::LowOrder));
    // The neutral point again, with y = p + 1.
    let mut second_form = FIELD_PRIME;
    second_form[0] += 1;
    assert_eq!(VerifyKey::parse(&second_form), Err(KeyError::NotCanonical));
    assert_eq!(VerifyKey::parse(&[1; 31]), Err(KeyError::Length));
}

#[test]
fn secrets_are_never_printed() {
    let device = DeviceSecret::from_seed(Secret::from_bytes([1; 32]));
    assert_eq!(format!("{device:?}"), "DeviceSecret(..)");
    assert_eq!(format!("{:?}", device.dh()), "DhSecret(..)");
}

// spec 3.5
#[test]
fn a_signature_holds_under_its_label_only() {
    let device = DeviceSecret::from_seed(Secret::from_bytes([1; 32]));
    let signature = device.sign(Label::Login, b"message");
    let key = device.public().sign;
    assert_eq!(key.verify(Label::Login, b"message", &signature), Ok(()));
    let refused = Err(SignatureError);
    assert_eq!(key.verify(Label::Entry, b"message", &signature), refused);
    assert_eq!(key.verify(Label::Login, b"massage", &signature), refused);
    let other = DeviceSecret::from_seed(Secret::from_bytes([2; 32])).public();
    assert_eq!(
        other.sign.verify(Label::Login, b"message", &signature),
        refused
    );
}

proptest! {
    #[test]
    fn no_bytes_panic(bytes: Vec<u8>, key: [u8; 32]) {
        let _ = VerifyKey::parse(&bytes);
        let _ = DhPublic::parse(&bytes);
        if let Ok(parsed) = VerifyKey::parse(&key) {
            prop_assert_eq!(parsed.as_bytes(), &key);
        }
        if let Ok(parsed) = DhPublic::parse(&key) {
            let secret = DhSecret::from_bytes(&Secret::from_bytes([9; 32]));
            prop_assert!(secret.agree(&parsed).is_ok());
        }
    }

    #[test]
    fn public_keys_survive_cbor_and_agree(one: [u8; 32], two: [u8; 32]) {
        let [one, two] = [one, two].map(|seed| DeviceSecret::from_seed(Secret::from_bytes(seed)));
        let public = one.public();
        prop_assert_eq!(cbor::decode::<VerifyKey>(&cbor::encode(&public.sign)), Ok(public.sign));
        prop_assert_eq!(cbor::decode::<DhPublic>(&cbor::encode(&public.dh)), Ok(public.dh));
        prop_assert_eq!(one.dh().agree(&two.public().dh), two.dh().agree(&public.dh));
    }

    #[test]
    fn a_flipped_bit_ends_a_signature(message: Vec<u8>, bit in 0..512usize) {
        let device = DeviceSecret::from_seed(Secret::from_bytes([1; 32]));
        let mut signature = device.sign(Label::Message, &message);
        signature.0[bit / 8] ^= 1 << (bit % 8);
        let verified = device.public().sign.verify(Label::Message, &message, &signature);
        prop_assert_eq!(verified, Err(SignatureError));
    }
}
