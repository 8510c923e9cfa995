//! A JSON object as a form, nested names in brackets: `{"a": {"b": [1]}}` is `a[b][0]=1`. Stripe and
//! others take no other body.

use form_urlencoded::Serializer;
use serde_json::Value;

/// The text of an `application/x-www-form-urlencoded` body. A `null` is an empty value, which is how such
/// vendors are told to clear a field.
pub(crate) fn encode(value: &Value) -> String {
    let mut form = Serializer::new(String::new());
    if let Value::Object(fields) = value {
        for (name, value) in fields {
            add(&mut form, name, value);
        }
    }
    form.finish()
}

fn add(form: &mut Serializer<'_, String>, name: &str, value: &Value) {
    match value {
        Value::Null => drop(form.append_pair(name, "")),
        Value::Bool(value) => drop(form.append_pair(name, &value.to_string())),
        Value::Number(value) => drop(form.append_pair(name, &value.to_string())),
        Value::String(value) => drop(form.append_pair(name, value)),
        Value::Array(items) => {
            for (at, item) in items.iter().enumerate() {
                add(form, &format!("{name}[{at}]"), item);
            }
        }
        Value::Object(fields) => {
            for (field, value) in fields {
                add(form, &format!("{name}[{field}]"), value);
            }
        }
    }
}

#[cfg(test)]
mod tests;
