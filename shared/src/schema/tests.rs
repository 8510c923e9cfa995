//! Schemas that are refused, and merge patches.

use serde_json::{Value, json};

use super::{MAX_DEPTH, Schema, merge};

#[test]
fn a_schema_that_refers_to_another_or_is_none_is_refused() {
    for bad in [
        json!([]),
        json!({ "type": "no such type" }),
        json!({ "$ref": "https://example.com/schema.json" }),
        json!({ "properties": { "a": { "$ref": "file:///etc/passwd" } } }),
        json!({ "$ref": "#" }),
        json!({ "$dynamicRef": "#a" }),
        json!({ "properties": { "a": { "pattern": "(a{1000}){1000}" } } }),
        json!({ "$id": "https://example.com/" }),
        json!({ "$schema": "http://json-schema.org/draft-07/schema#" }),
        json!({ "properties": { "a": { "pattern": "(" } } }),
        json!({ "description": "x".repeat(20_000) }),
    ] {
        assert!(Schema::new(&bad).is_err(), "{bad}");
    }
}

#[test]
fn every_place_that_does_not_fit_is_named() {
    let schema = json!({
        "type": "object", "required": ["name"], "additionalProperties": false,
        "properties": { "name": { "type": "string" }, "age": { "type": "integer", "minimum": 0 } },
    });
    let schema = Schema::new(&schema).map_err(|error| error.detail).unwrap();
    schema.check(&json!({ "name": "Ada", "age": 36 })).unwrap();
    let Err(crate::problem::ApiError::Invalid(errors)) =
        schema.check(&json!({ "name": 1, "age": -1, "more": true }))
    else {
        panic!("it does not fit")
    };
    let mut pointers: Vec<&str> = errors.iter().map(|error| error.pointer.as_str()).collect();
    pointers.sort_unstable();
    assert_eq!(pointers, ["/data", "/data/age", "/data/name"]);
}

#[test]
fn what_is_nested_too_deep_is_refused() {
    let schema = Schema::new(&json!({}))
        .map_err(|error| error.detail)
        .unwrap();
    let nested = |levels: usize| (1..levels).fold(json!({}), |inner, _| json!({ "a": inner }));
    schema.check(&nested(MAX_DEPTH)).unwrap();
    assert!(schema.check(&nested(MAX_DEPTH + 1)).is_err());
}

#[test]
fn a_merge_patch_does_what_its_rfc_shows() {
    // RFC 7396 appendix A.
    for (target, patch, expected) in [
        (json!({"a":"b"}), json!({"a":"c"}), json!({"a":"c"})),
        (json!({"a":"b"}), json!({"b":"c"}), json!({"a":"b","b":"c"})),
        (
            json!({"a":"b","b":"c"}),
            json!({"a":null}),
            json!({"b":"c"}),
        ),
        (json!({"a":["b"]}), json!({"a":"c"}), json!({"a":"c"})),
        (
            json!({"a":{"b":"c"}}),
            json!({"a":{"b":"d","c":null}}),
            json!({"a":{"b":"d"}}),
        ),
        (json!({"a":"foo"}), json!("bar"), json!("bar")),
        (
            json!({}),
            json!({"a":{"bb":{"ccc":null}}}),
            json!({"a":{"bb":{}}}),
        ),
    ] {
        let mut found: Value = target;
        merge(&mut found, &patch);
        assert_eq!(found, expected);
    }
}
