//! All that does not fit is named, each by its own pointer.

use serde_json::json;
use utoipa::ToSchema;

use super::errors;

#[derive(ToSchema, serde::Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "only its shape is looked at")]
struct OrderIn {
    name: String,
    count: u32,
    note: Option<String>,
    lines: Vec<LineIn>,
    colour: Colour,
    free: serde_json::Value,
}

#[derive(ToSchema, serde::Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "only its shape is looked at")]
struct LineIn {
    #[serde(rename = "a/b")]
    slashed: bool,
}

#[derive(ToSchema, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
enum Colour {
    Red,
    Blue,
}

#[test]
fn every_place_is_named_once() {
    let body = json!({
        "name": 1, "count": 1.5, "note": 2, "colour": "green", "free": [{}], "nome": "x",
        "lines": [{ "a/b": true }, { "a/b": "yes", "more": 1 }, 7],
    });
    let found = errors::<OrderIn>(&body);
    let mut pointers: Vec<&str> = found.iter().map(|error| error.pointer.as_str()).collect();
    pointers.sort_unstable();
    assert_eq!(
        pointers,
        [
            "/colour",
            "/count",
            "/lines/1/a~1b",
            "/lines/1/more",
            "/lines/2",
            "/name",
            "/nome",
            "/note",
        ]
    );
    let missing = errors::<OrderIn>(&json!({ "lines": [{}] }));
    let mut pointers: Vec<&str> = missing.iter().map(|error| error.pointer.as_str()).collect();
    pointers.sort_unstable();
    assert_eq!(
        pointers,
        ["/colour", "/count", "/free", "/lines/0/a~1b", "/name"]
    );
}

#[test]
fn what_fits_has_no_errors() {
    let body = json!({
        "name": "x", "count": 1, "note": null, "colour": "red", "free": 1, "lines": [],
    });
    assert!(errors::<OrderIn>(&body).is_empty());
}
