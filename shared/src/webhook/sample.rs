//! Bodies to try a scheme with. Two samples with different ids are two events to `identity`.

use serde_json::{Map, Value};

use crate::webhook::scheme::{
    EventField, Proof, Scheme, Signature, TimeUnit, Timestamp, TimestampSource,
};

const EVENT_TYPE: &str = "example.event";

/// A body as the vendor would send it at this time, with `id` as its event id.
pub fn body(scheme: &Scheme, id: &str, timestamp_unix_s: i64) -> String {
    match template(&scheme.name) {
        Some(template) => fill(template, id, timestamp_unix_s),
        None => generic(scheme, id, timestamp_unix_s).to_string(),
    }
}

fn template(scheme: &str) -> Option<&'static str> {
    match scheme {
        "standardwebhooks" => Some(include_str!("sample/standardwebhooks_invoice_paid.json")),
        "stripe" => Some(include_str!("sample/stripe_invoice_paid.json")),
        "github" => Some(include_str!("sample/github_push.json")),
        "salesforce" => Some(include_str!("sample/salesforce_outbound_message.xml")),
        "twilio" | "twilio_sharedkey" => Some(include_str!("sample/twilio_message_status.txt")),
        "slack" => Some(include_str!("sample/slack_event_callback.json")),
        _ => None,
    }
}

fn fill(template: &str, id: &str, timestamp_unix_s: i64) -> String {
    let quoted_id = Value::from(id).to_string();
    let id = quoted_id
        .strip_prefix('"')
        .and_then(|id| id.strip_suffix('"'))
        .unwrap_or_default();
    let time = jiff::Timestamp::from_second(timestamp_unix_s).unwrap_or_default();
    template
        .trim_end()
        .replace("\"{{timestamp}}\"", &timestamp_unix_s.to_string())
        .replace("{{time}}", &time.to_string())
        .replace("{{id}}", id)
}

/// A body with just the members that the scheme reads, the id always among them.
fn generic(scheme: &Scheme, id: &str, timestamp_unix_s: i64) -> Value {
    let mut body = Value::Object(Map::new());
    set_field(&mut body, &scheme.wire.event_id, &Value::from(id));
    set_field(&mut body, &scheme.wire.event_type, &Value::from(EVENT_TYPE));
    let place = if body.is_array() { "/0/id" } else { "/id" };
    set(&mut body, place, Value::from(id));
    if let Proof::Signature(Signature {
        timestamp:
            Some(Timestamp {
                source: TimestampSource::Body { pointer },
                unit,
                ..
            }),
        ..
    }) = &scheme.wire.proof
    {
        let time = match unit {
            TimeUnit::Milliseconds => timestamp_unix_s.saturating_mul(1_000),
            TimeUnit::Seconds | TimeUnit::Rfc3339 => timestamp_unix_s,
        };
        set(&mut body, pointer, Value::from(time));
    }
    body
}

fn set_field(body: &mut Value, field: &EventField, value: &Value) {
    match field {
        EventField::None | EventField::Header(_) | EventField::Form(_) | EventField::Xml(_) => {}
        EventField::Pointer(pointer) => set(body, pointer, value.clone()),
        EventField::All(fields) => {
            for field in fields.iter() {
                set_field(body, field, value);
            }
        }
        EventField::Any(fields) => {
            if let Some(field) = fields.first() {
                set_field(body, field, value);
            }
        }
    }
}

/// Sets a member, making objects (or arrays, for a step of `0`) on the way.
pub(crate) fn set(body: &mut Value, pointer: &str, value: Value) {
    let mut place = body;
    for step in pointer.split('/').skip(1) {
        if step == "0" {
            if !place.is_array() {
                *place = Value::Array(vec![Value::Null]);
            }
        } else if !place.is_object() {
            *place = Value::Object(Map::new());
        }
        place = match place {
            Value::Array(items) => match items.first_mut() {
                Some(first) => first,
                None => return,
            },
            Value::Object(members) => members.entry(step).or_insert(Value::Null),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => return,
        };
    }
    *place = value;
}
