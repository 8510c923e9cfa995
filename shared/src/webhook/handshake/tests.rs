//! Challenges are answered after the signature, and answers are safe to echo.

use crate::webhook::handshake::{Answer, handshake};
use crate::webhook::keys::Keys;
use crate::webhook::presets;
use crate::webhook::request::{Headers, RawRequest};
use crate::webhook::sign::{Outgoing, sign};
use crate::webhook::vendor_key::VendorKeys;
use crate::webhook::verify::verify;

const NOW: i64 = 1_760_000_000;

/// The answer to a body that arrived with a good signature.
fn answer(name: &str, secret: &str, body: &str) -> Option<Answer> {
    let scheme = presets::find(name).unwrap();
    let outgoing = Outgoing {
        id: "id_1",
        timestamp_unix_s: NOW,
        method: "POST",
        url: "",
        body: body.as_bytes(),
    };
    let headers = sign(scheme, secret.as_bytes(), &outgoing).unwrap();
    let pairs: Vec<(&str, &[u8])> = headers
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_bytes()))
        .collect();
    let request = RawRequest {
        method: "POST",
        url: "",
        headers: Headers::Pairs(&pairs),
        body: body.as_bytes(),
    };
    let keys = Keys::prepare(scheme, &[secret]).unwrap();
    let authentic = verify(scheme, &request, &keys, &VendorKeys::none(), NOW).unwrap();
    handshake(scheme, &keys, authentic, body.as_bytes())
}

#[test]
fn slack_gets_its_challenge_back_as_plain_text() {
    let body = r#"{"token":"t","challenge":"3eZbrw1aBm2rZgRN","type":"url_verification"}"#;
    let expected = Answer::text("3eZbrw1aBm2rZgRN".to_owned());
    assert_eq!(answer("slack", "s", body), Some(expected));
}

#[test]
fn an_ordinary_event_is_no_challenge() {
    let body = r#"{"type":"event_callback","challenge":"x"}"#;
    assert_eq!(answer("slack", "s", body), None);
    for scheme in ["stripe", "github"] {
        let body = r#"{"type":"url_verification","challenge":"x"}"#;
        assert_eq!(answer(scheme, "s", body), None);
    }
}

#[test]
fn a_challenge_that_is_markup_is_not_echoed() {
    let body = r#"{"type":"url_verification","challenge":"<script>"}"#;
    assert_eq!(answer("slack", "s", body), None);
}

#[test]
fn zoom_gets_the_hmac_of_its_token() {
    let body =
        r#"{"payload":{"plainToken":"qgg8vlvZRS6UYooatFL8Aw"},"event":"endpoint.url_validation"}"#;
    let expected = Answer::json(
        r#"{"plainToken":"qgg8vlvZRS6UYooatFL8Aw","encryptedToken":"0c37a0aa8f1125f70a0f4c3d75d418fc2345d4e6ae3512a77927d5a3857980fb"}"#
            .to_owned(),
    );
    assert_eq!(answer("zoom", "zoomSecretToken123", body), Some(expected));
}

#[test]
fn a_zoom_token_that_could_be_a_signed_request_is_refused() {
    let body = r#"{"payload":{"plainToken":"v0:1760000000:{}"},"event":"endpoint.url_validation"}"#;
    assert_eq!(answer("zoom", "s", body), None);
}
