//! Forms as vendors read them.

use serde_json::json;

use crate::vendor::form::encode;

#[test]
fn nested_names_stand_in_brackets() {
    for (value, expected) in [
        (json!({}), ""),
        (json!({ "email": "a b@x.example" }), "email=a+b%40x.example"),
        (json!({ "a": null, "b": true, "c": 1.5 }), "a=&b=true&c=1.5"),
        (json!({ "a": { "b": { "c": "d" } } }), "a%5Bb%5D%5Bc%5D=d"),
        (
            json!({ "a": ["x", { "b": 1 }] }),
            "a%5B0%5D=x&a%5B1%5D%5Bb%5D=1",
        ),
        (json!({ "a": [] }), ""),
        (json!({ "a&b": "c=d" }), "a%26b=c%3Dd"),
    ] {
        assert_eq!(encode(&value), expected, "{value}");
    }
}
