//! What a person reads about one captured request. No output may contain the secret.

use crate::webhook::doctor::{explain, run_vectors};
use crate::webhook::presets;
use crate::webhook::request::{Headers, RawRequest};
use crate::webhook::scheme::{KeyFormat, Scheme};
use crate::webhook::sign::{Outgoing, sign};
use crate::webhook::vendor_key::VendorKeys;

const NOW: i64 = 1_760_000_000;
const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

fn preset(name: &str) -> &'static Scheme {
    presets::find(name).unwrap()
}

fn explained(
    signed_as: &Scheme,
    body: &str,
    read_as: &Scheme,
    secrets: &[&str],
    now: i64,
) -> String {
    let outgoing = Outgoing {
        id: "msg_1",
        timestamp_unix_s: NOW,
        method: "POST",
        url: "",
        body: body.as_bytes(),
    };
    let headers = sign(signed_as, SECRET.as_bytes(), &outgoing).unwrap();
    let pairs: Vec<(&str, &[u8])> = headers
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_bytes()))
        .collect();
    let request = RawRequest {
        method: "POST",
        url: "",
        headers: Headers::Pairs(&pairs),
        body: body.trim_end().as_bytes(),
    };
    let text = explain(read_as, &request, secrets, &VendorKeys::none(), now);
    for secret in secrets {
        assert!(!text.contains(secret.trim()));
    }
    text
}

#[test]
fn a_good_request_is_explained_with_the_secret_that_matched() {
    let text = explained(
        preset("stripe"),
        "{}",
        preset("stripe"),
        &["other", SECRET],
        NOW + 12,
    );
    assert_eq!(
        text,
        "scheme: stripe (Stripe)\n\
         signed content: {timestamp}.{body}\n\
         signature: HMAC-SHA256, entries v1=<lower-case hex> separated by `,`\n\
         header Stripe-Signature: found, 80 characters\n\
         body: 2 bytes\n\
         secrets: 2 given\n\
         clock: the timestamp is 12 s behind ours (2025-10-09T08:53:20Z against 2025-10-09T08:53:32Z), allowed are 300 s behind and 300 s ahead\n\
         verdict: ok, secret 2 matched\n"
    );
}

#[test]
fn headers_of_another_scheme_are_recognised() {
    let text = explained(preset("slack"), "{}", preset("stripe"), &[SECRET], NOW);
    assert!(text.contains("verdict: malformed: header `Stripe-Signature` is missing"));
    assert!(
        text.contains("hint: this looks like scheme slack\n"),
        "{text}"
    );
}

#[test]
fn a_stripped_line_feed_is_found() {
    let text = explained(preset("github"), "{}\n", preset("github"), &[SECRET], NOW);
    assert!(text.contains("verdict: bad_signature"));
    assert!(
        text.contains("hint: it matches with a line feed at the body's end"),
        "{text}"
    );
}

#[test]
fn white_space_around_the_secret_is_found() {
    let pasted = format!("{SECRET}\n");
    let text = explained(preset("github"), "{}", preset("github"), &[&pasted], NOW);
    assert!(text.contains("hint: it matches without the white space around the secret"));
}

#[test]
fn a_secret_read_the_wrong_way_is_found() {
    // The sender took the whole text as the key, as other vendors do with the same prefix.
    let scheme = preset("clerk");
    let as_text = Scheme {
        key_format: KeyFormat::Utf8,
        ..scheme.clone()
    };
    let text = explained(&as_text, "{}", scheme, &[SECRET], NOW);
    assert!(text.contains("verdict: bad_signature"));
    assert!(
        text.contains(
            "hint: it matches when the secret is read differently: this scheme wants whsec_"
        ),
        "{text}"
    );
}

#[test]
fn a_stale_request_says_by_how_much() {
    let text = explained(preset("slack"), "{}", preset("slack"), &[SECRET], NOW + 301);
    assert!(text.contains("verdict: stale: signed 301 s ago, the tolerance is 300 s"));
}

#[test]
fn a_file_in_another_format_is_an_error_and_not_zero_vectors() {
    assert!(run_vectors("{}").is_err());
    let bad_body = r#"{"vendors":{"github":[{"name":"n","method":"POST","url":"","headers":[],
        "body_base64":"%","secret":"s","now_unix":0,"expect":"ok"}]}}"#;
    assert_eq!(
        run_vectors(bad_body).unwrap_err().to_string(),
        "vector `github/n`: body_base64 is not standard base64"
    );
}
