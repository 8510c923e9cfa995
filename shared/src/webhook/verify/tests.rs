//! The rules that every scheme keeps, one by one, on built-in schemes.

use http::{HeaderMap, HeaderName, HeaderValue};

use crate::webhook::keys::Keys;
use crate::webhook::presets;
use crate::webhook::request::{Headers, RawRequest};
use crate::webhook::scheme::Scheme;
use crate::webhook::sign::{Outgoing, sign};
use crate::webhook::vendor_key::VendorKeys;
use crate::webhook::verify::{Authentic, Verdict, VerifyError, verify};

const NOW: i64 = 1_760_000_000;
const BODY: &[u8] = br#"{"id":"evt_1","type":"invoice.paid"}"#;
const WHSEC: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

fn preset(name: &str) -> &'static Scheme {
    presets::find(name).unwrap()
}

fn signed(name: &str, secret: &str) -> Vec<(String, String)> {
    let outgoing = Outgoing {
        id: "msg_1",
        timestamp_unix_s: NOW,
        method: "POST",
        url: "https://hooks.example.test/hooks/abc",
        body: BODY,
    };
    sign(preset(name), secret.as_bytes(), &outgoing).unwrap()
}

fn check(
    name: &str,
    headers: &[(String, String)],
    secrets: &[&str],
) -> Result<Authentic, VerifyError> {
    let pairs: Vec<(&str, &[u8])> = headers
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_bytes()))
        .collect();
    let request = RawRequest {
        method: "POST",
        url: "https://hooks.example.test/hooks/abc",
        headers: Headers::Pairs(&pairs),
        body: BODY,
    };
    let keys = Keys::prepare(preset(name), secrets)?;
    verify(preset(name), &request, &keys, &VendorKeys::none(), NOW)
}

fn with_value(
    mut headers: Vec<(String, String)>,
    name: &str,
    change: impl Fn(&str) -> String,
) -> Vec<(String, String)> {
    let (_, value) = headers
        .iter_mut()
        .find(|(header, _)| header == name)
        .unwrap();
    *value = change(value);
    headers
}

#[test]
fn the_secret_that_matched_is_reported() {
    let headers = signed("github", "second");
    let authentic = check("github", &headers, &["first", "second", "third"]).unwrap();
    assert_eq!(authentic.matched_secret(), Some(1));
    assert_eq!(authentic.signed_at_unix_s(), None);
}

#[test]
fn an_endpoint_without_secrets_accepts_nothing() {
    let headers = signed("github", "secret");
    assert_eq!(check("github", &headers, &[]), Err(VerifyError::NoSecret));
}

#[test]
fn one_empty_secret_makes_all_of_them_unusable() {
    let headers = signed("github", "secret");
    let error = check("github", &headers, &["secret", ""]).unwrap_err();
    assert_eq!(
        error,
        VerifyError::UnusableSecret {
            number: 2,
            expected: "a non-empty text"
        }
    );
    assert_eq!(error.to_string(), "secret 2 must be a non-empty text");
}

#[test]
fn an_undecodable_secret_is_refused_and_not_shown() {
    let error = check("standardwebhooks", &[], &["whsec_not base64"]).unwrap_err();
    assert_eq!(error.verdict(), Verdict::Malformed);
    assert!(!error.to_string().contains("not base64"));
    let shown = format!("{:?}", Keys::prepare(preset("github"), &["hush"]).unwrap());
    assert_eq!(shown, "Keys(1 secrets)");
}

#[test]
fn two_lines_of_a_read_header_are_refused_even_when_equal() {
    for (scheme, secret, header) in [
        ("standardwebhooks", WHSEC, "webhook-id"),
        ("standardwebhooks", WHSEC, "webhook-timestamp"),
        ("standardwebhooks", WHSEC, "webhook-signature"),
        ("slack", "s", "X-Slack-Request-Timestamp"),
        ("stripe", "s", "Stripe-Signature"),
    ] {
        let mut headers = signed(scheme, secret);
        let again = headers.iter().find(|(name, _)| name == header).unwrap();
        headers.push((header.to_uppercase(), again.1.clone()));
        assert_eq!(
            check(scheme, &headers, &[secret]),
            Err(VerifyError::DuplicateHeader {
                name: header.into()
            })
        );
    }
}

#[test]
fn lines_that_a_gateway_joined_with_a_comma_are_still_two_lines() {
    for (scheme, secret, header) in [
        ("standardwebhooks", WHSEC, "webhook-signature"),
        ("standardwebhooks", WHSEC, "webhook-timestamp"),
        ("github", "s", "X-Hub-Signature-256"),
        ("slack", "s", "X-Slack-Signature"),
        ("stripe", "s", "Stripe-Signature"),
        ("paddle", "s", "Paddle-Signature"),
        ("workos", "s", "WorkOS-Signature"),
    ] {
        for joint in [",", ", "] {
            let headers = with_value(signed(scheme, secret), header, |value| {
                format!("{value}{joint}{value}")
            });
            let error = check(scheme, &headers, &[secret]).unwrap_err();
            assert_eq!(error.verdict(), Verdict::Malformed, "{scheme} {header}");
        }
    }
}

#[test]
fn only_the_canonical_spelling_of_a_time_is_read() {
    for spelling in [
        "0",
        "-1",
        "+1",
        " 1",
        "1 ",
        "01",
        "1e9",
        "1.0",
        "",
        "9999999999999999999",
    ] {
        let headers = with_value(signed("slack", "s"), "X-Slack-Request-Timestamp", |_| {
            spelling.to_owned()
        });
        let error = check("slack", &headers, &["s"]).unwrap_err();
        assert_eq!(
            error,
            VerifyError::MalformedHeader {
                name: "X-Slack-Request-Timestamp".into(),
                expected: "unix time in whole seconds, digits only, no leading zero",
            },
            "{spelling}"
        );
    }
}

#[test]
fn a_bad_signature_is_reported_before_a_stale_time() {
    let headers = with_value(signed("slack", "s"), "X-Slack-Request-Timestamp", |_| {
        "1500000000".to_owned()
    });
    assert_eq!(
        check("slack", &headers, &["s"]),
        Err(VerifyError::SignatureMismatch)
    );
}

#[test]
fn a_flood_of_signatures_is_refused_before_any_is_checked() {
    let many = |count| {
        with_value(signed("stripe", "s"), "Stripe-Signature", |value| {
            format!("{value}{}", ",v1=00".repeat(count))
        })
    };
    assert!(check("stripe", &many(15), &["s"]).is_ok());
    let error = check("stripe", &many(16), &["s"]).unwrap_err();
    assert_eq!(error.verdict(), Verdict::Malformed);
}

#[test]
fn another_spelling_of_the_right_signature_is_no_signature() {
    let padded = |value: &str| value.trim_end_matches('=').to_owned();
    let headers = with_value(signed("shopify", "s"), "X-Shopify-Hmac-Sha256", padded);
    assert_eq!(
        check("shopify", &headers, &["s"]),
        Err(VerifyError::SignatureMismatch)
    );
    let headers = with_value(signed("github", "s"), "X-Hub-Signature-256", |value| {
        format!("{value}zz")
    });
    assert_eq!(
        check("github", &headers, &["s"]),
        Err(VerifyError::SignatureMismatch)
    );
}

#[test]
fn a_slot_answers_to_its_own_secret_only() {
    let primary = signed("box", "one");
    assert!(check("box", &primary, &["one", "two"]).is_ok());
    assert_eq!(
        check("box", &primary, &["two", "one"]),
        Err(VerifyError::SignatureMismatch)
    );
    let secondary: Vec<_> = primary
        .into_iter()
        .map(|(name, value)| (name.replace("-PRIMARY", "-SECONDARY"), value))
        .collect();
    assert!(check("box", &secondary, &["two", "one"]).is_ok());
}

#[test]
fn any_of_the_numbered_headers_may_match() {
    let mut headers = signed("docusign", "old");
    let second = signed("docusign", "new")
        .into_iter()
        .map(|(name, value)| (name.replace("-1", "-2"), value));
    headers.extend(second);
    assert!(check("docusign", &headers, &["old"]).is_ok());
    assert!(check("docusign", &headers, &["new"]).is_ok());
    headers.remove(0);
    assert_eq!(
        check("docusign", &headers, &["new"]),
        Err(VerifyError::MissingHeader {
            name: "X-DocuSign-Signature-1".into()
        })
    );
}

#[test]
fn a_fixed_header_must_have_its_value() {
    let headers = with_value(signed("box", "s"), "BOX-SIGNATURE-VERSION", |_| {
        "2".to_owned()
    });
    let error = check("box", &headers, &["s"]).unwrap_err();
    assert_eq!(
        error.to_string(),
        "header `BOX-SIGNATURE-VERSION` must be `1`"
    );
}

#[test]
fn a_header_map_is_read_like_a_list_of_pairs() {
    let mut map = HeaderMap::new();
    for (name, value) in signed("standardwebhooks", WHSEC) {
        map.append(
            HeaderName::from_bytes(name.as_bytes()).unwrap(),
            HeaderValue::from_str(&value).unwrap(),
        );
    }
    let keys = Keys::prepare(preset("standardwebhooks"), &[WHSEC]).unwrap();
    let result = |map: &HeaderMap| {
        let request = RawRequest {
            method: "POST",
            url: "",
            headers: Headers::from(map),
            body: BODY,
        };
        verify(
            preset("standardwebhooks"),
            &request,
            &keys,
            &VendorKeys::none(),
            NOW,
        )
    };
    let authentic = result(&map).unwrap();
    assert_eq!(authentic.signed_at_unix_s(), Some(NOW));
    map.append("webhook-id", HeaderValue::from_static("msg_1"));
    assert_eq!(
        result(&map),
        Err(VerifyError::DuplicateHeader {
            name: "webhook-id".into()
        })
    );
}

#[test]
fn keys_of_another_scheme_match_nothing() {
    let scheme = preset("svix");
    let keys = Keys::prepare(preset("standardwebhooks"), &[WHSEC]).unwrap();
    let headers = signed("standardwebhooks", WHSEC);
    let pairs: Vec<(&str, &[u8])> = headers
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_bytes()))
        .collect();
    let request = RawRequest {
        method: "POST",
        url: "",
        headers: Headers::Pairs(&pairs),
        body: BODY,
    };
    assert_eq!(
        verify(scheme, &request, &keys, &VendorKeys::none(), NOW),
        Err(VerifyError::SignatureMismatch)
    );
}
