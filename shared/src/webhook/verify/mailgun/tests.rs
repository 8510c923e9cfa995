//! Mailgun signs a time and a token; both are held, under the account's key or its parent's.

use crate::webhook::sign::Dispatch;
use crate::webhook::tests::dispatched::{NOW, check, sent, verdict};
use crate::webhook::verify::Verdict;

const URL: &str = "https://hooks.example.test/hooks/abc";
const BODY: &str = r#"{"event-data":{"event":"opened","id":"e1"}}"#;

fn body(sent: &Dispatch) -> serde_json::Value {
    serde_json::from_slice(&sent.body).unwrap()
}

fn with(sent: &Dispatch, pointer: &str, value: serde_json::Value) -> Dispatch {
    let mut body = body(sent);
    *body.pointer_mut(pointer).unwrap() = value;
    Dispatch {
        body: body.to_string().into_bytes(),
        ..sent.clone()
    }
}

#[test]
fn time_and_token_are_held_and_the_event_is_not() {
    let good = sent("mailgun", "key", URL, BODY);
    assert_eq!(check("mailgun", &["old", "key"], &good), Ok(Some(1)));
    for (pointer, value, expected) in [
        (
            "/signature/timestamp",
            "1760000001",
            Some(Verdict::BadSignature),
        ),
        ("/signature/token", "other", Some(Verdict::BadSignature)),
        ("/signature/signature", "00", Some(Verdict::BadSignature)),
        (
            "/signature/timestamp",
            "176000000",
            Some(Verdict::Malformed),
        ),
        ("/signature/token", "", Some(Verdict::Malformed)),
        ("/event-data/event", "clicked", None),
    ] {
        let changed = with(&good, pointer, value.into());
        assert_eq!(
            verdict("mailgun", "key", &changed),
            expected,
            "{pointer} {value}"
        );
    }
}

#[test]
fn a_time_may_be_a_number() {
    let good = sent("mailgun", "key", URL, BODY);
    let number = with(&good, "/signature/timestamp", NOW.into());
    assert_eq!(verdict("mailgun", "key", &number), None);
}

#[test]
fn the_parent_accounts_key_is_enough() {
    let parent = body(&sent("mailgun", "parent", URL, BODY));
    let mut child = body(&sent("mailgun", "child", URL, BODY));
    child["signature"]["parent-signature"] = parent["signature"]["signature"].clone();
    let both = Dispatch {
        headers: vec![],
        url: URL.to_owned(),
        body: child.to_string().into_bytes(),
    };
    assert_eq!(verdict("mailgun", "child", &both), None);
    assert_eq!(verdict("mailgun", "parent", &both), None);
    assert_eq!(
        verdict("mailgun", "stranger", &both),
        Some(Verdict::BadSignature)
    );
}

#[test]
fn a_signature_that_appears_twice_is_refused() {
    let good = String::from_utf8(sent("mailgun", "key", URL, BODY).body).unwrap();
    let twice = Dispatch {
        headers: vec![],
        url: URL.to_owned(),
        body: good.replacen('{', r#"{"signature":{},"#, 1).into_bytes(),
    };
    assert_eq!(verdict("mailgun", "key", &twice), Some(Verdict::Malformed));
}
