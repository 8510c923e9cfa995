//! Bodies as these vendors read them: JSON, or a form with names in brackets.

use http::HeaderMap;
use serde_json::{Map, Value};

/// The body's fields; nothing if it has none that can be read.
pub(super) fn read(headers: &HeaderMap, body: &[u8]) -> Map<String, Value> {
    let kind = headers
        .get(http::header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default();
    if kind.starts_with("application/x-www-form-urlencoded") {
        return form(body);
    }
    match serde_json::from_slice(body) {
        Ok(Value::Object(fields)) => fields,
        _ => Map::new(),
    }
}

/// `a[b]=c` is `{"a": {"b": "c"}}`; one level is enough here.
fn form(body: &[u8]) -> Map<String, Value> {
    let mut fields = Map::new();
    for (name, value) in form_urlencoded::parse(body) {
        let value = Value::String(value.into_owned());
        let nested = name
            .split_once('[')
            .and_then(|(outer, rest)| Some((outer, rest.strip_suffix(']')?)));
        let Some((outer, inner)) = nested else {
            fields.insert(name.into_owned(), value);
            continue;
        };
        let within = fields
            .entry(outer)
            .or_insert_with(|| Value::Object(Map::new()));
        if let Value::Object(within) = within {
            within.insert(inner.to_owned(), value);
        }
    }
    fields
}

/// The text of a field.
pub(super) fn text<'a>(fields: &'a Map<String, Value>, name: &str) -> Option<&'a str> {
    fields.get(name).and_then(Value::as_str)
}

/// A query's parameter.
pub(super) fn parameter(query: Option<&str>, name: &str) -> Option<String> {
    let pairs = form_urlencoded::parse(query.unwrap_or_default().as_bytes());
    pairs
        .filter(|(key, _)| key == name)
        .map(|(_, value)| value.into_owned())
        .next()
}

/// How many items a page has: 1 to 100, 10 if not given.
pub(super) fn limit(query: Option<&str>) -> usize {
    let given = parameter(query, "limit").and_then(|text| text.parse().ok());
    given.unwrap_or(10).clamp(1, 100)
}

pub(super) fn bearer(headers: &HeaderMap) -> Option<&str> {
    headers
        .get(http::header::AUTHORIZATION)?
        .to_str()
        .ok()?
        .strip_prefix("Bearer ")
}

/// RFC 3339, in UTC.
pub(super) fn time(ms: i64) -> String {
    jiff::Timestamp::from_millisecond(ms)
        .unwrap_or(jiff::Timestamp::UNIX_EPOCH)
        .to_string()
}
