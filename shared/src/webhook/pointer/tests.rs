//! JSON pointers against the reading that `serde_json` gives of the whole document.

use proptest::prelude::*;

use crate::webhook::pointer::{Scalar, find};

#[test]
fn a_pointer_walks_objects_and_arrays() {
    let body = br#"{"a":[{"b":1},{"b":{"c":"x"}}],"~/":"odd","n":-5,"big":18446744073709551615}"#;
    assert_eq!(find(body, "/a/0/b"), Some(Scalar::Integer(1)));
    assert_eq!(find(body, "/a/1/b/c"), Some(Scalar::Text("x".to_owned())));
    assert_eq!(find(body, "/~0~1"), Some(Scalar::Text("odd".to_owned())));
    assert_eq!(find(body, "/n"), Some(Scalar::Integer(-5)));
    for absent in ["", "/", "/a", "/a/2", "/a/x", "/big", "/n/deeper", "n"] {
        assert_eq!(find(body, absent), None, "{absent}");
    }
}

#[test]
fn the_first_occurrence_counts_and_the_rest_is_not_read() {
    assert_eq!(find(br#"{"a":1,"a":2"#, "/a"), Some(Scalar::Integer(1)));
}

#[test]
fn what_is_neither_text_nor_a_whole_number_is_absent() {
    for body in [
        r#"{"a":null}"#,
        r#"{"a":true}"#,
        r#"{"a":1.5}"#,
        r#"{"a":[]}"#,
        "[",
        "nonsense",
    ] {
        assert_eq!(find(body.as_bytes(), "/a"), None, "{body}");
    }
}

#[test]
fn deep_nesting_is_an_absent_value() {
    let body = "{\"a\":".repeat(100_000);
    assert_eq!(find(body.as_bytes(), &"/a".repeat(100_000)), None);
    assert_eq!(find("[".repeat(100_000).as_bytes(), "/0"), None);
}

proptest! {
    #[test]
    fn no_text_makes_it_panic_and_a_value_has_a_container(
        body in r#"(\{|\}|\[|\]|,|:|"a"|"b"|"|1|-|null|\\|\PC){0,20}"#,
        pointer in "(/[a-c0-2~]{0,2}){0,4}",
    ) {
        let found = find(body.as_bytes(), &pointer);
        let contained = body.contains(['{', '[']);
        prop_assert!(contained || found.is_none());
    }

    #[test]
    fn no_bytes_have_a_value_without_a_container(body: Vec<u8>) {
        let contained = body.iter().any(|byte| b"{[".contains(byte));
        prop_assert!(contained || find(&body, "/a").is_none());
    }

    #[test]
    fn it_agrees_with_a_full_parse(key in "[a-z]{1,3}", text in ".{0,20}", number: i64) {
        let body = serde_json::json!({
            "other": {"deep": [1, 2, {"x": text.clone()}]},
            key.clone(): {"text": text.clone(), "number": number},
        })
        .to_string();
        let text_at = format!("/{key}/text");
        let number_at = format!("/{key}/number");
        prop_assert_eq!(find(body.as_bytes(), &text_at), Some(Scalar::Text(text)));
        prop_assert_eq!(find(body.as_bytes(), &number_at), Some(Scalar::Integer(number)));
    }
}
