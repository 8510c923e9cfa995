//! The headers as the vendors send them, down to spelling and order inside a value.

use crate::webhook::keys::Keys;
use crate::webhook::presets;
use crate::webhook::request::{Headers, RawRequest};
use crate::webhook::sign::{Outgoing, SignError, sign, stand_in};
use crate::webhook::vendor_key::VendorKeys;
use crate::webhook::verify::verify;

const NOW: i64 = 1_760_000_000;

fn headers(name: &str, secret: &str, body: &str) -> Result<Vec<(String, String)>, SignError> {
    let outgoing = Outgoing {
        id: "msg_p5jXN8AQM9LWM0D4loKWxJek",
        timestamp_unix_s: NOW,
        method: "POST",
        url: "https://hooks.example.test/",
        body: body.as_bytes(),
    };
    sign(presets::find(name).unwrap(), secret.as_bytes(), &outgoing)
}

fn pairs(expected: &[(&str, &str)]) -> Result<Vec<(String, String)>, SignError> {
    let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
    Ok(expected.iter().map(owned).collect())
}

#[test]
fn standard_webhooks_headers_carry_id_time_and_version() {
    let secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
    assert_eq!(
        headers("standardwebhooks", secret, r#"{"test": 2432232314}"#),
        pairs(&[
            ("webhook-id", "msg_p5jXN8AQM9LWM0D4loKWxJek"),
            ("webhook-timestamp", "1760000000"),
            (
                "webhook-signature",
                "v1,u56IGBxDuW9Xj//3MDFmrKZpXNCj5E+QoSv4f9O1wpE="
            ),
        ])
    );
}

#[test]
fn stripe_puts_time_and_signature_into_one_header() {
    let sent = headers("stripe", "whsec_test", "{}").unwrap();
    let [(name, value)] = sent.as_slice() else {
        panic!("one header, got {sent:?}");
    };
    assert_eq!(name, "Stripe-Signature");
    assert!(value.starts_with("t=1760000000,v1="));
}

#[test]
fn github_names_the_event_and_the_delivery() {
    assert_eq!(
        headers("github", "It's a Secret to Everybody", "Hello, World!"),
        pairs(&[
            ("X-GitHub-Event", "push"),
            ("X-GitHub-Delivery", "msg_p5jXN8AQM9LWM0D4loKWxJek"),
            (
                "X-Hub-Signature-256",
                "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"
            ),
        ])
    );
}

#[test]
fn slack_sends_its_time_beside_the_signature() {
    let names: Vec<String> = headers("slack", "s", "{}")
        .unwrap()
        .into_iter()
        .map(|(name, _)| name)
        .collect();
    assert_eq!(names, ["X-Slack-Request-Timestamp", "X-Slack-Signature"]);
}

#[test]
fn a_required_header_is_sent() {
    let sent = headers("box", "s", "{}").unwrap();
    assert!(sent.contains(&(
        "BOX-SIGNATURE-ALGORITHM".to_owned(),
        "HmacSHA256".to_owned()
    )));
}

#[test]
fn a_public_key_scheme_wants_the_private_key() {
    let public = format!("whpk_{}", "A".repeat(43) + "=");
    assert_eq!(
        headers("standardwebhooks_v1a", &public, "{}"),
        Err(SignError::UnusableSecret {
            expected: "whsk_ followed by base64 of a 32-byte Ed25519 seed, or of seed and public key"
        })
    );
}

#[test]
fn ecdsa_signs_with_the_private_key() {
    let (private, public) = stand_in::p256();
    let sent = headers("sendgrid", &private, "{}").unwrap();
    let pairs: Vec<(&str, &[u8])> = sent
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_bytes()))
        .collect();
    let request = RawRequest {
        method: "POST",
        url: "",
        headers: Headers::Pairs(&pairs),
        body: b"{}",
    };
    let scheme = presets::find("sendgrid").unwrap();
    let keys = Keys::prepare(scheme, &[public]).unwrap();
    assert!(verify(scheme, &request, &keys, &VendorKeys::none(), NOW).is_ok());
    assert_eq!(
        headers("sendgrid", "any", "{}"),
        Err(SignError::UnusableSecret {
            expected: "base64 of the PKCS #8 private key of a P-256 pair"
        })
    );
}

#[test]
fn an_empty_secret_signs_nothing() {
    assert_eq!(
        headers("github", "", "{}"),
        Err(SignError::UnusableSecret {
            expected: "a non-empty text"
        })
    );
}

#[test]
fn a_time_before_1970_is_refused() {
    let outgoing = Outgoing {
        id: "1",
        timestamp_unix_s: 0,
        method: "POST",
        url: "",
        body: b"{}",
    };
    assert_eq!(
        sign(presets::find("slack").unwrap(), b"s", &outgoing),
        Err(SignError::UnusableTime { unix_s: 0 })
    );
}
