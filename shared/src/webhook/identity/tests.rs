//! Which event is which, and which repeats are the same one.

use crate::webhook::identity::{EventIdentity, dedupe_key, event_identity};
use crate::webhook::request::Headers;
use crate::webhook::scheme::{Proof, Scheme};
use crate::webhook::sign::{Outgoing, sign};
use crate::webhook::{presets, sample};

const NOW: i64 = 1_760_000_000;

fn preset(name: &str) -> &'static Scheme {
    presets::find(name).unwrap()
}

fn sent(scheme: &Scheme, id: &str, body: &str) -> Vec<(String, String)> {
    let outgoing = Outgoing {
        id,
        timestamp_unix_s: NOW,
        method: "POST",
        url: "https://hooks.example.test/",
        body: body.as_bytes(),
    };
    let secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
    sign(scheme, secret.as_bytes(), &outgoing).unwrap()
}

fn with_headers<R>(headers: &[(String, String)], read: impl Fn(Headers<'_>) -> R) -> R {
    let pairs: Vec<(&str, &[u8])> = headers
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_bytes()))
        .collect();
    read(Headers::Pairs(&pairs))
}

fn identity_of_sample(name: &str, id: &str) -> (EventIdentity, String) {
    let scheme = preset(name);
    let body = sample::body(scheme, id, NOW);
    with_headers(&sent(scheme, id, &body), |headers| {
        (
            event_identity(scheme, headers, body.as_bytes()),
            dedupe_key(scheme, headers, body.as_bytes()),
        )
    })
}

#[test]
fn samples_carry_the_id_and_type_that_their_vendor_gives() {
    for (name, event_type) in [
        ("standardwebhooks", "invoice.paid"),
        ("stripe", "invoice.paid"),
        ("github", "push"),
        ("slack", "message"),
    ] {
        let (identity, _) = identity_of_sample(name, "evt_42");
        let expected = EventIdentity {
            vendor_event_id: Some("evt_42".to_owned()),
            event_type: Some(event_type.to_owned()),
        };
        assert_eq!(identity, expected, "{name}");
    }
}

#[test]
fn a_signed_id_is_the_dedupe_key() {
    for name in ["standardwebhooks", "stripe", "slack"] {
        assert_eq!(identity_of_sample(name, "evt_42").1, "evt_42");
    }
}

#[test]
fn an_unsigned_id_never_decides_what_a_duplicate_is() {
    let scheme = preset("github");
    let body = sample::body(scheme, "id_1", NOW);
    let first = with_headers(&sent(scheme, "delivery_1", &body), |headers| {
        dedupe_key(scheme, headers, body.as_bytes())
    });
    let forged = with_headers(&sent(scheme, "delivery_2", &body), |headers| {
        dedupe_key(scheme, headers, body.as_bytes())
    });
    assert_eq!(first, forged);
    assert_eq!(first.len(), 64);
    assert_eq!(
        with_headers(&[], |headers| dedupe_key(scheme, headers, b"abc")),
        "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    );
}

#[test]
fn two_samples_with_different_ids_are_two_events() {
    for scheme in presets::all() {
        let key = |id: &str| {
            let body = sample::body(scheme, id, NOW);
            let headers = match &scheme.wire.proof {
                Proof::Signature(signature) => signature
                    .id_header
                    .iter()
                    .map(|name| (name.to_string(), id.to_owned()))
                    .collect(),
                Proof::Token(token) => vec![(token.header.to_string(), id.to_owned())],
                Proof::Certificate(_) => {
                    vec![("PAYPAL-TRANSMISSION-ID".to_owned(), id.to_owned())]
                }
                Proof::Canonical(_) | Proof::Credential(_) | Proof::Unsigned => vec![],
            };
            with_headers(&headers, |headers| {
                dedupe_key(scheme, headers, body.as_bytes())
            })
        };
        assert_eq!(key("id_1"), key("id_1"), "{}", scheme.name);
        assert_ne!(key("id_1"), key("id_2"), "{}", scheme.name);
    }
}

#[test]
fn the_outer_type_serves_where_there_is_no_inner_one() {
    let body = br#"{"type":"url_verification","challenge":"x"}"#;
    let identity = event_identity(preset("slack"), Headers::Pairs(&[]), body);
    assert_eq!(identity.event_type.as_deref(), Some("url_verification"));
}

#[test]
fn a_composed_value_needs_all_of_its_parts() {
    let read = |body: &str| {
        event_identity(preset("linear"), Headers::Pairs(&[]), body.as_bytes()).event_type
    };
    assert_eq!(
        read(r#"{"type":"Issue","action":"create"}"#).as_deref(),
        Some("Issue:create")
    );
    assert_eq!(read(r#"{"type":"Issue"}"#), None);
}

#[test]
fn a_body_that_is_not_json_has_no_identity_but_a_key() {
    let identity = event_identity(preset("stripe"), Headers::Pairs(&[]), b"\xff{");
    assert_eq!(identity, EventIdentity::default());
    assert_eq!(
        dedupe_key(preset("stripe"), Headers::Pairs(&[]), b"\xff{").len(),
        64
    );
}

#[test]
fn an_id_too_long_for_a_table_key_gives_way_to_the_hash() {
    let body = format!(r#"{{"id":"{}"}}"#, "x".repeat(257));
    let key = dedupe_key(preset("stripe"), Headers::Pairs(&[]), body.as_bytes());
    assert_eq!(key.len(), 64);
}

#[test]
fn a_token_of_its_own_tells_equal_bodies_apart() {
    let key = |token: &str| {
        let headers = [("Plaid-Verification".to_owned(), token.repeat(100))];
        with_headers(&headers, |headers| {
            dedupe_key(preset("plaid"), headers, b"{}")
        })
    };
    assert_eq!(key("one"), key("one"));
    assert_ne!(key("one"), key("two"));
}

#[test]
fn a_forged_body_under_a_paypal_checksum_is_the_same_transmission() {
    let headers = [("PAYPAL-TRANSMISSION-ID".to_owned(), "t-1".to_owned())];
    let key = |body: &[u8]| {
        with_headers(&headers, |headers| {
            dedupe_key(preset("paypal"), headers, body)
        })
    };
    assert_eq!(key(br#"{"id":"WH-1"}"#), key(br#"{"id":"WH-2"}"#));
}
