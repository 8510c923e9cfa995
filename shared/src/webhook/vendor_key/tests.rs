//! What vendors publish, read as strictly as what they sign.

use serde_json::{Value, json};

use crate::webhook::scheme::{Algorithm, Issuer};
use crate::webhook::sign::stand_in;
use crate::webhook::vendor_key::{KeyError, KeyRef, Trust, VendorKey, read};

const NOW: i64 = 1_760_000_000;
const CERTIFICATE: &str = "https://api.paypal.com/v1/notifications/certs/portico-stand-in";

fn wanted(issuer: Issuer, name: &str) -> KeyRef {
    KeyRef::new(issuer, name).unwrap()
}

fn published(url: &str) -> &'static str {
    stand_in::answer(url.strip_prefix("https://").unwrap()).unwrap()
}

fn plaid(change: impl Fn(&mut Value)) -> Result<VendorKey, KeyError> {
    let wanted = wanted(Issuer::Plaid, stand_in::NAME);
    let mut answer: Value = serde_json::from_str(published(&wanted.url())).unwrap();
    change(&mut answer["key"]);
    read(&wanted, answer.to_string().as_bytes(), Trust::Public, NOW)
}

#[test]
fn a_chain_ends_at_a_public_root() {
    let wanted = wanted(Issuer::PayPal, CERTIFICATE);
    let pem = published(CERTIFICATE).as_bytes();
    assert_eq!(
        read(&wanted, pem, Trust::Public, NOW),
        Err(KeyError::Untrusted)
    );
    assert!(read(&wanted, pem, Trust::Given, NOW).is_ok());
    // Before its first and after its last day.
    assert_eq!(
        read(&wanted, pem, Trust::Given, 0),
        Err(KeyError::Untrusted)
    );
    assert_eq!(
        read(&wanted, pem, Trust::Given, 1 << 40),
        Err(KeyError::Untrusted)
    );
    assert_eq!(
        read(&wanted, b"", Trust::Given, NOW),
        Err(KeyError::Unusable)
    );
}

#[test]
fn all_forms_of_one_key_are_one_key() {
    let keys = [
        (
            Issuer::AwsSns,
            "https://sns.us-east-1.amazonaws.com/portico-stand-in.pem",
        ),
        (Issuer::AtlassianInstall, stand_in::NAME),
        (Issuer::Google, stand_in::NAME),
    ]
    .map(|(issuer, name)| {
        let wanted = wanted(issuer, name);
        read(
            &wanted,
            published(&wanted.url()).as_bytes(),
            Trust::Public,
            NOW,
        )
        .unwrap()
    });
    assert_eq!(keys[0], keys[1]);
    let signature = stand_in::sign_rsa(b"message").unwrap();
    for key in keys {
        assert!(key.verifies(Algorithm::RsaSha256, b"message", &signature));
        assert!(!key.verifies(Algorithm::RsaSha256, b"massage", &signature));
        assert!(!key.verifies(Algorithm::RsaSha1, b"message", &signature));
        assert!(!key.verifies(Algorithm::EcdsaP256Sha256Fixed, b"message", &signature));
        assert!(!key.verifies(Algorithm::HmacSha256, b"message", &signature));
    }
}

#[test]
fn a_key_for_something_else_is_not_used() {
    assert!(plaid(|_| {}).is_ok());
    assert_eq!(
        plaid(|key| key["expired_at"] = json!(1_700_000_000)),
        Err(KeyError::Expired)
    );
    for (member, value) in [
        ("kty", json!("RSA")),
        ("crv", json!("P-384")),
        ("alg", json!("HS256")),
        ("use", json!("enc")),
        ("kid", json!("another")),
        ("x", json!("AAAA")),
        ("x", json!(null)),
        ("y", json!("LbV8QhIcqNC-S37TxohlrTZ29MVavhGIOJufMN7DV90")),
    ] {
        assert_eq!(
            plaid(|key| key[member] = value.clone()),
            Err(KeyError::Unusable),
            "{member} {value}"
        );
    }
}

#[test]
fn a_set_has_each_name_once() {
    let wanted = wanted(Issuer::Google, "a");
    let of = |keys: Value| {
        read(
            &wanted,
            json!({ "keys": keys }).to_string().as_bytes(),
            Trust::Public,
            NOW,
        )
    };
    let key = json!({ "kty": "RSA", "kid": "a", "n": "AQAB", "e": "AQAB" });
    assert_eq!(of(json!([])), Err(KeyError::Unknown));
    assert_eq!(of(json!([{ "kid": "b" }])), Err(KeyError::Unknown));
    assert_eq!(of(json!([key, key])), Err(KeyError::Unusable));
    // Far below 2,048 bits.
    assert_eq!(of(json!([key])), Err(KeyError::Unusable));
}
