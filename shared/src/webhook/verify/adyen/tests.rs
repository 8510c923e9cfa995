//! Which fields of a notification are signed, and that every item must be.

use crate::webhook::sign::Dispatch;
use crate::webhook::tests::dispatched::{check, sent, verdict};
use crate::webhook::verify::Verdict;

const URL: &str = "https://hooks.example.test/hooks/abc";
const KEY: &str = "44782DEF547AAA06C910C43932B1EB0C71FC68D9D0C057550C48EC2ACF6BA056";
const ITEM: &str = r#"{"NotificationRequestItem":{"pspReference":"7914073381342284","merchantAccountCode":"Shop","merchantReference":"order:7","amount":{"value":1130,"currency":"EUR"},"eventCode":"AUTHORISATION","success":"true","paymentMethod":"visa"}}"#;

fn notification(items: &[&str]) -> String {
    format!(
        r#"{{"live":"false","notificationItems":[{}]}}"#,
        items.join(",")
    )
}

fn signed(items: &[&str]) -> Dispatch {
    sent("adyen_standard", KEY, URL, &notification(items))
}

fn replaced(good: &Dispatch, from: &str, to: &str) -> Dispatch {
    let body = String::from_utf8(good.body.clone()).unwrap();
    assert!(body.contains(from), "{body}");
    Dispatch {
        body: body.replacen(from, to, 1).into_bytes(),
        ..good.clone()
    }
}

#[test]
fn every_signed_field_is_held_and_no_other() {
    let good = signed(&[ITEM]);
    assert_eq!(check("adyen_standard", &[KEY], &good), Ok(Some(0)));
    for (from, to) in [
        ("7914073381342284", "7914073381342285"),
        ("Shop", "Shap"),
        ("order:7", "order:8"),
        ("1130", "1131"),
        ("EUR", "USD"),
        ("AUTHORISATION", "REFUND"),
        ("\"true\"", "\"false\""),
        ("\"success\"", "\"originalReference\":\"1\",\"success\""),
    ] {
        assert_eq!(
            verdict("adyen_standard", KEY, &replaced(&good, from, to)),
            Some(Verdict::BadSignature),
            "{from}"
        );
    }
    assert_eq!(
        verdict("adyen_standard", KEY, &replaced(&good, "visa", "mc")),
        None
    );
}

#[test]
fn one_bad_item_refuses_all() {
    let other = ITEM.replace("1130", "1");
    let good = signed(&[ITEM, &other]);
    assert_eq!(verdict("adyen_standard", KEY, &good), None);
    assert_eq!(
        verdict(
            "adyen_standard",
            KEY,
            &replaced(&good, "\"value\":1}", "\"value\":2}")
        ),
        Some(Verdict::BadSignature)
    );
    assert_eq!(
        verdict(
            "adyen_standard",
            KEY,
            &replaced(&good, "hmacSignature", "hmac")
        ),
        Some(Verdict::Malformed)
    );
    assert_eq!(
        verdict("adyen_standard", KEY, &signed(&[])),
        Some(Verdict::Malformed)
    );
}

#[test]
fn a_field_that_appears_twice_is_refused() {
    let good = signed(&[ITEM]);
    for (from, to) in [
        (
            "\"success\":\"true\"",
            "\"success\":\"false\",\"success\":\"true\"",
        ),
        ("\"currency\"", "\"value\":1,\"currency\""),
        (
            "\"notificationItems\"",
            "\"notificationItems\":[],\"notificationItems\"",
        ),
    ] {
        assert_eq!(
            verdict("adyen_standard", KEY, &replaced(&good, from, to)),
            Some(Verdict::Malformed),
            "{from}"
        );
    }
}

#[test]
fn text_cannot_move_over_the_border_of_a_field() {
    let good = signed(&[&ITEM.replace("order:7", "a:b")]);
    let moved = replaced(
        &replaced(&good, "\"Shop\"", "\"Shop:a\""),
        "\"a:b\"",
        "\"b\"",
    );
    assert_eq!(
        verdict("adyen_standard", KEY, &moved),
        Some(Verdict::BadSignature)
    );
}
