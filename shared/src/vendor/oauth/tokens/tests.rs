//! What token endpoints say, and what it means.

use axum::body::Bytes;
use http::HeaderMap;

use crate::{
    egress::EgressAnswer,
    vendor::{
        VendorError, connector,
        oauth::tokens::{Answer, Tokens, meaning},
    },
};

fn said(status: u16, body: &str) -> Result<Answer, VendorError> {
    let github = connector("github").unwrap().auth.oauth2.as_ref().unwrap();
    meaning(
        github,
        &EgressAnswer {
            status: status.try_into().unwrap(),
            headers: HeaderMap::new(),
            body: Bytes::copy_from_slice(body.as_bytes()),
        },
    )
}

#[test]
fn only_a_vendor_that_says_so_has_ended_a_grant() {
    for (status, body) in [
        (400, r#"{"error":"invalid_grant"}"#),
        (401, r#"{"error":"invalid_grant","error_description":"x"}"#),
        (200, r#"{"error":"bad_refresh_token"}"#),
    ] {
        assert!(
            matches!(said(status, body), Ok(Answer::Ended(_))),
            "{status} {body}"
        );
    }
    for (status, body) in [
        (500, r#"{"error":"invalid_grant"}"#),
        (400, r#"{"error":"invalid_client"}"#),
        (400, "invalid_grant"),
        (302, ""),
        (429, r#"{"error":"slow_down"}"#),
        (200, ""),
        (200, "{}"),
        (200, r#"{"access_token":1}"#),
    ] {
        let said = said(status, body);
        assert!(
            matches!(said, Err(VendorError::NoToken { .. })),
            "{status} {body}"
        );
    }
}

#[test]
fn a_lifetime_is_a_length_of_time_or_unknown() {
    for (given, expected) in [
        ("3600", Some(3_600)),
        ("\"3600\"", Some(3_600)),
        ("0", None),
        ("-5", None),
        ("null", None),
        ("\"soon\"", None),
        ("99999999999", Some(365 * 86_400)),
    ] {
        let body = format!(r#"{{"access_token":"a","expires_in":{given}}}"#);
        let tokens = Tokens::read(body.as_bytes()).unwrap();
        assert_eq!(tokens.expires_in, expected, "{given}");
    }
}

#[test]
fn a_refresh_token_stays_until_there_is_another() {
    let tokens = |text: &str| Tokens::read(text.as_bytes()).unwrap();
    let first = || tokens(r#"{"access_token":"a","refresh_token":"r1"}"#);
    let kept = tokens(r#"{"access_token":"b"}"#).after(Some(first()));
    assert_eq!(kept.refresh_token.unwrap().expose(), "r1");
    let rotated = tokens(r#"{"access_token":"b","refresh_token":"r2"}"#).after(Some(first()));
    assert_eq!(rotated.refresh_token.as_ref().unwrap().expose(), "r2");
    let stored = Tokens::read(&rotated.write().unwrap()).unwrap();
    assert_eq!(stored.access_token.expose(), "b");
    assert_eq!(stored.refresh_token.unwrap().expose(), "r2");
}
