//! GETs are answered to the vendor that asks as agreed, and with nothing that a browser would run.

use crate::webhook::handshake::{Answer, handshake_get, verify_token};
use crate::webhook::keys::Keys;
use crate::webhook::presets;
use crate::webhook::request::Headers;

fn answer(scheme: &str, query: &str, headers: &[(&str, &[u8])]) -> Option<Answer> {
    let scheme = presets::find(scheme).unwrap();
    let keys = Keys::prepare(scheme, &["new", "old"]).unwrap();
    handshake_get(scheme, &keys, query, Headers::Pairs(headers))
}

fn token(secret: &str) -> String {
    let scheme = presets::find("meta").unwrap();
    verify_token(scheme, &Keys::prepare(scheme, &[secret]).unwrap()).unwrap()
}

#[test]
fn meta_gets_its_challenge_for_the_verify_token_of_any_secret() {
    for secret in ["new", "old"] {
        let query = format!(
            "hub.mode=subscribe&hub.challenge=1158201444&hub.verify_token={}",
            token(secret)
        );
        assert_eq!(
            answer("meta", &query, &[]),
            Some(Answer::text("1158201444".to_owned()))
        );
    }
}

#[test]
fn meta_gets_nothing_without_the_token_the_mode_or_a_plain_challenge() {
    let good = token("new");
    for query in [
        format!(
            "hub.mode=subscribe&hub.challenge=1&hub.verify_token={}",
            token("other")
        ),
        "hub.mode=subscribe&hub.challenge=1&hub.verify_token=".to_owned(),
        "hub.mode=subscribe&hub.challenge=1&hub.verify_token=new".to_owned(),
        "hub.mode=subscribe&hub.challenge=1".to_owned(),
        format!("hub.mode=unsubscribe&hub.challenge=1&hub.verify_token={good}"),
        format!("hub.challenge=1&hub.verify_token={good}"),
        format!("hub.mode=subscribe&hub.challenge=%3Cb%3E&hub.verify_token={good}"),
        format!("hub.mode=subscribe&hub.challenge=&hub.verify_token={good}"),
        format!("hub.mode=subscribe&hub.challenge=1&hub.challenge=2&hub.verify_token={good}"),
        format!("hub.mode=subscribe&hub.challenge=1&hub.verify_token=x&hub.verify_token={good}"),
        format!(
            "hub.mode=subscribe&hub.challenge={}&hub.verify_token={good}",
            "1".repeat(257)
        ),
    ] {
        assert_eq!(answer("meta", &query, &[]), None, "{query}");
    }
}

#[test]
fn dropbox_gets_its_challenge_as_plain_text() {
    let expected = Answer::text("aB3_-x".to_owned());
    assert_eq!(expected.content_type, "text/plain");
    assert_eq!(
        expected.headers,
        [("x-content-type-options", "nosniff".to_owned())]
    );
    assert_eq!(answer("dropbox", "challenge=aB3_-x", &[]), Some(expected));
    for query in [
        "",
        "challenge=",
        "challenge=a+b",
        "challenge=%3Cscript%3E",
        "challenge=%ff",
    ] {
        assert_eq!(answer("dropbox", query, &[]), None, "{query}");
    }
}

#[test]
fn okta_gets_its_header_as_json() {
    let header = |value: &'static [u8]| [("x-okta-verification-challenge", value)];
    assert_eq!(
        answer("okta", "", &header(b"abc")),
        Some(Answer::json(r#"{"verification":"abc"}"#.to_owned()))
    );
    for value in [b"".as_slice(), b"<b>", b"a b", b"\xff"] {
        assert_eq!(answer("okta", "", &header(value)), None);
    }
    let twice = [header(b"a")[0], header(b"a")[0]];
    assert_eq!(answer("okta", "", &twice), None);
}

#[test]
fn nobody_else_is_answered() {
    let query = format!(
        "challenge=a&hub.mode=subscribe&hub.challenge=1&hub.verify_token={}",
        token("new")
    );
    for scheme in ["github", "slack", "asana", "notion", "bitbucket"] {
        let headers: [(&str, &[u8]); 1] = [("X-Okta-Verification-Challenge", b"a")];
        assert_eq!(answer(scheme, &query, &headers), None, "{scheme}");
    }
}
