//! What is signed is what our own verifier of Standard Webhooks accepts, and nothing else.

use aws_lc_rs::signature::{ED25519, UnparsedPublicKey};
use base64::{Engine, engine::general_purpose::STANDARD};
use proptest::prelude::*;

use super::{NewKey, SigningKind, signatures};
use crate::seal::Secret;

/// The specification's own example.
#[test]
fn the_specifications_example_is_signed_as_there() {
    let secret = Secret::new("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw".to_owned());
    let key = NewKey::make(SigningKind::Hmac, Some(&secret)).unwrap();
    let header = signatures(
        &[(key.kind, key.bytes)],
        "msg_p5jXN8AQM9LWM0D4loKWxJek",
        1_614_265_330,
        br#"{"test": 2432232314}"#,
    );
    let expected = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=";
    assert_eq!(header.unwrap(), expected);
}

#[test]
fn a_secret_of_another_form_is_refused() {
    for text in [
        "",
        "whsec_",
        "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
        "whsec_MfKQ",
    ] {
        let secret = Secret::new(text.to_owned());
        assert!(
            NewKey::make(SigningKind::Hmac, Some(&secret)).is_err(),
            "{text}"
        );
        assert!(
            NewKey::make(SigningKind::Ed25519, Some(&secret)).is_err(),
            "{text}"
        );
    }
}

proptest! {
    #[test]
    fn both_keys_of_a_rotation_sign(body in proptest::collection::vec(any::<u8>(), 0..200), at in 1..i64::from(u32::MAX)) {
        let new = NewKey::make(SigningKind::Ed25519, None).unwrap();
        let old = NewKey::make(SigningKind::Hmac, None).unwrap();
        let public = new.public_key.clone().unwrap();
        let header = signatures(&[(new.kind, new.bytes), (old.kind, old.bytes)], "evt_1", at, &body).unwrap();
        let (first, second) = header.split_once(' ').unwrap();
        prop_assert!(second.starts_with("v1,"));
        let signature = STANDARD.decode(first.strip_prefix("v1a,").unwrap()).unwrap();
        let key = STANDARD.decode(public.strip_prefix("whpk_").unwrap()).unwrap();
        let key = UnparsedPublicKey::new(&ED25519, key);
        let mut message = format!("evt_1.{at}.").into_bytes();
        message.extend(&body);
        prop_assert!(key.verify(&message, &signature).is_ok());
        message.push(0);
        prop_assert!(key.verify(&message, &signature).is_err());
    }
}
