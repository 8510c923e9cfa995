//! Which patterns are taken, and what they match.

use super::EventTypes;

fn types(patterns: &[&str]) -> EventTypes {
    serde_json::from_value(serde_json::json!(patterns)).unwrap()
}

#[test]
fn a_pattern_matches_its_type_or_its_family() {
    for (patterns, kind, taken) in [
        (&[][..], Some("invoice.paid"), true),
        (&[], None, true),
        (&["*"], Some("invoice.paid"), true),
        (&["*"], None, true),
        (&["invoice.paid"], Some("invoice.paid"), true),
        (&["invoice.paid"], Some("invoice.paid.late"), false),
        (&["invoice.paid"], None, false),
        (&["invoice.*"], Some("invoice.paid"), true),
        (&["invoice.*"], Some("invoice"), false),
        (&["invoice.*"], Some("invoices.paid"), false),
        (&["a", "b.*"], Some("b.c.d"), true),
        (&["orders/create"], Some("orders/create"), true),
    ] {
        assert_eq!(types(patterns).takes(kind), taken, "{patterns:?} {kind:?}");
    }
}

#[test]
fn what_portico_says_is_taken_by_name_only_and_no_vendor_can_say_it() {
    let kind = "portico.destination.disabled";
    for (patterns, taken) in [
        (&[][..], false),
        (&["*"], false),
        (&["portico.*"], true),
        (&["portico.destination.disabled"], true),
        (&["portico.destination.*"], true),
        (&["invoice.*"], false),
    ] {
        assert_eq!(
            types(patterns).takes_operational(kind),
            taken,
            "{patterns:?}"
        );
    }
    assert!(!types(&["portico.*"]).takes(Some(kind)));
}

#[test]
fn what_is_no_pattern_is_refused() {
    for text in [
        "",
        ".*",
        "**",
        "a*",
        "*.a",
        "a.*.b",
        "a b",
        "é",
        &"a".repeat(201),
    ] {
        let parsed = serde_json::from_value::<EventTypes>(serde_json::json!([text]));
        assert!(parsed.is_err(), "{text}");
    }
    let text = serde_json::to_string(&types(&["*", "a", "b.*"])).unwrap();
    assert_eq!(text, r#"["*","a","b.*"]"#);
}
