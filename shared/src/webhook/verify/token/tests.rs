//! Tokens that somebody has bent. The genuine ones come from the vectors and the round trips.

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use crate::webhook::keys::Keys;
use crate::webhook::presets;
use crate::webhook::request::{Headers, RawRequest};
use crate::webhook::vendor_key::VendorKeys;
use crate::webhook::verify::query_hash;
use crate::webhook::verify::{Authentic, Verdict, VerifyError, verify};

const NOW: i64 = 1_760_000_000;
const SECRET: &str = "a-shared-secret";
const URL: &str = "https://hooks.example.test/hooks/abc";

fn token(header: &Value, claims: &Value, secret: &str) -> String {
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let signed = format!("{}.{}", part(header), part(claims));
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes());
    let tag = hmac::sign(&key, signed.as_bytes());
    format!("{signed}.{}", URL_SAFE_NO_PAD.encode(tag))
}

fn check(scheme: &str, line: &str) -> Result<Authentic, VerifyError> {
    let scheme = presets::find(scheme).unwrap();
    let headers = [("Authorization", line.as_bytes())];
    let request = RawRequest {
        method: "POST",
        url: URL,
        headers: Headers::Pairs(&headers),
        body: b"{}",
    };
    let keys = Keys::prepare(scheme, &["another", SECRET]).unwrap();
    verify(scheme, &request, &keys, &VendorKeys::none(), NOW)
}

fn verdict(scheme: &str, line: &str) -> Verdict {
    check(scheme, line).unwrap_err().verdict()
}

fn good() -> Value {
    json!({ "aud": URL, "exp": NOW + 60, "iat": NOW })
}

fn monday(header: &Value, claims: &Value) -> String {
    token(header, claims, SECRET)
}

#[test]
fn the_second_secret_serves_as_well() {
    let line = monday(&json!({ "alg": "HS256", "typ": "JWT" }), &good());
    let authentic = check("monday", &line).unwrap();
    assert_eq!(authentic.matched_secret(), Some(1));
    assert_eq!(authentic.signed_at_unix_s(), Some(NOW));
}

#[test]
fn the_tokens_own_algorithm_is_compared_and_not_obeyed() {
    for alg in ["none", "None", "HS512", "hs256", "RS256", ""] {
        let line = monday(&json!({ "alg": alg }), &good());
        assert_eq!(verdict("monday", &line), Verdict::BadSignature, "{alg}");
    }
    let line = monday(
        &json!({ "alg": "HS256", "crit": ["b64"], "b64": false }),
        &good(),
    );
    assert_eq!(verdict("monday", &line), Verdict::Malformed);
}

#[test]
fn a_token_of_another_shape_is_malformed() {
    let line = monday(&json!({ "alg": "HS256" }), &good());
    let (signed, signature) = line.rsplit_once('.').unwrap();
    for bent in [
        signed.to_owned(),
        format!("{line}.{signature}"),
        format!("{line}="),
        format!(" {line}"),
        format!("Bearer {line}"),
        "..".to_owned(),
        String::new(),
        "x".repeat(9_000),
    ] {
        let verdict = verdict("monday", &bent);
        assert_eq!(verdict, Verdict::Malformed, "{bent}");
    }
    assert_eq!(
        verdict("monday", &format!("{signed}.")),
        Verdict::BadSignature
    );
}

#[test]
fn a_token_for_something_else_is_refused() {
    let header = || json!({ "alg": "HS256" });
    for aud in [
        json!("https://hooks.example.test/hooks/abcd"),
        json!("https://hooks.example.test/hooks/abc/"),
        json!([]),
        json!(null),
        json!(1),
    ] {
        let mut claims = good();
        claims["aud"] = aud;
        let error = check("monday", &monday(&header(), &claims)).unwrap_err();
        assert!(matches!(error, VerifyError::NotBound { .. }), "{error}");
    }
    let mut claims = good();
    claims["aud"] = json!(["https://elsewhere.example", URL]);
    assert!(check("monday", &monday(&header(), &claims)).is_ok());
}

#[test]
fn a_context_hash_ties_a_token_to_no_request() {
    let of = |hash: &str| {
        let claims = json!({ "iss": "jira:1", "qsh": hash, "exp": NOW + 60, "iat": NOW });
        format!("JWT {}", monday(&json!({ "alg": "HS256" }), &claims))
    };
    assert!(check("atlassian_connect_jwt", &of(&query_hash::of("POST", URL))).is_ok());
    for hash in ["context-qsh", "", &query_hash::of("GET", URL)] {
        assert_eq!(
            verdict("atlassian_connect_jwt", &of(hash)),
            Verdict::BadSignature
        );
    }
}

#[test]
fn times_are_whole_and_the_end_is_the_end() {
    let with = |name: &str, value: Value| {
        let mut claims = good();
        claims[name] = value;
        monday(&json!({ "alg": "HS256" }), &claims)
    };
    assert_eq!(
        check("monday", &with("exp", json!(NOW))),
        Err(VerifyError::Expired { by_s: 0 })
    );
    assert!(check("monday", &with("exp", json!(NOW + 1))).is_ok());
    for bent in [json!("x"), json!(1.5), json!(-1), json!(null), json!(1e30)] {
        assert_eq!(verdict("monday", &with("exp", bent)), Verdict::Malformed);
    }
    assert_eq!(
        verdict("monday", &with("nbf", json!(NOW + 61))),
        Verdict::Stale
    );
    assert!(check("monday", &with("nbf", json!(NOW + 60))).is_ok());
    let claims = json!({ "aud": URL, "iat": NOW });
    let endless = monday(&json!({ "alg": "HS256" }), &claims);
    assert_eq!(verdict("monday", &endless), Verdict::Malformed);
}
