//! PayPal beyond the vectors: what a checksum is worth.

use crate::webhook::identity::dedupe_key;
use crate::webhook::keys::Keys;
use crate::webhook::presets;
use crate::webhook::request::{Headers, RawRequest};
use crate::webhook::sign::{Outgoing, sign};
use crate::webhook::tests::published;
use crate::webhook::verify::{VerifyError, verify};

const NOW: i64 = 1_760_000_000;
const WEBHOOK: &str = "4JH86294D6297924G";
/// Two bodies with one CRC-32: the second's last member was searched for.
const GENUINE: &[u8] = br#"{"amount":"1.00","x":"plumless"}"#;
const FORGED: &[u8] = br#"{"amount":"1.00","x":"buckeroo"}"#;

fn check(
    body: &[u8],
    change: impl Fn(&mut Vec<(String, String)>),
) -> (Result<(), VerifyError>, String) {
    let scheme = presets::find("paypal").unwrap();
    let outgoing = Outgoing {
        id: "t-1",
        timestamp_unix_s: NOW,
        method: "POST",
        url: "",
        body: GENUINE,
    };
    let mut headers = sign(scheme, WEBHOOK.as_bytes(), &outgoing).unwrap();
    change(&mut headers);
    let pairs: Vec<(&str, &[u8])> = headers
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_bytes()))
        .collect();
    let request = RawRequest {
        method: "POST",
        url: "",
        headers: Headers::Pairs(&pairs),
        body,
    };
    let keys = Keys::prepare(scheme, &[WEBHOOK]).unwrap();
    let vendor_keys = published(scheme, &request, NOW);
    let result = verify(scheme, &request, &keys, &vendor_keys, NOW).map(drop);
    (result, dedupe_key(scheme, request.headers, body))
}

fn set(headers: &mut [(String, String)], name: &str, value: &str) {
    let header = headers.iter_mut().find(|(header, _)| header == name);
    header.unwrap().1 = value.to_owned();
}

#[test]
fn a_body_with_the_same_checksum_is_the_same_transmission() {
    let (genuine, first) = check(GENUINE, |_| {});
    let (forged, second) = check(FORGED, |_| {});
    assert_eq!((genuine, forged), (Ok(()), Ok(())));
    assert_eq!(first, second);
    let (other, _) = check(b"{}", |_| {});
    assert_eq!(other, Err(VerifyError::SignatureMismatch));
}

#[test]
fn the_border_between_id_and_time_does_not_move() {
    let (moved, _) = check(GENUINE, |headers| {
        set(
            headers,
            "PAYPAL-TRANSMISSION-ID",
            "t-1|2025-10-09T08:53:20Z",
        );
    });
    assert!(matches!(moved, Err(VerifyError::MalformedHeader { .. })));
}

#[test]
fn a_key_that_nobody_fetched_verifies_nothing() {
    let (unknown, _) = check(GENUINE, |headers| {
        let url = "https://api.paypal.com/v1/notifications/certs/CERT-other";
        set(headers, "PAYPAL-CERT-URL", url);
    });
    assert!(matches!(unknown, Err(VerifyError::NoVendorKey { .. })));
}
