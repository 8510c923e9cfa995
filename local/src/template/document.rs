//! A template as plain JSON values. The short form `!Ref X` and the long form `{"Ref": "X"}` come out the same.

use anyhow::{Context as _, bail};
use serde_json::{Map, Value};

/// Reads YAML text; tags become the long form of their intrinsic function.
pub(super) fn read(text: &str) -> anyhow::Result<Value> {
    let document: yaml_serde::Value =
        yaml_serde::from_str(text).context("read the template as yaml")?;
    plain(document)
}

/// Lays `over` onto `base` as SAM lays a function's properties onto Globals: maps merge, lists grow, the rest is replaced.
pub(super) fn merge(base: Value, over: Value) -> Value {
    match (base, over) {
        (Value::Object(mut base), Value::Object(over))
            if !is_intrinsic(&base) && !is_intrinsic(&over) =>
        {
            for (key, value) in over {
                let merged = match base.remove(&key) {
                    Some(below) => merge(below, value),
                    None => value,
                };
                base.insert(key, merged);
            }
            Value::Object(base)
        }
        (Value::Array(mut base), Value::Array(over)) => {
            base.extend(over);
            Value::Array(base)
        }
        (_, over) => over,
    }
}

/// The name and the argument of an intrinsic function in its long form.
pub(super) fn intrinsic(object: &Map<String, Value>) -> Option<(&str, &Value)> {
    let (name, argument) = object.iter().next().filter(|_| object.len() == 1)?;
    (name == "Ref" || name == "Condition" || name.starts_with("Fn::"))
        .then_some((name.as_str(), argument))
}

fn is_intrinsic(object: &Map<String, Value>) -> bool {
    intrinsic(object).is_some_and(|(name, _)| name != "Condition")
}

fn plain(value: yaml_serde::Value) -> anyhow::Result<Value> {
    Ok(match value {
        yaml_serde::Value::Null => Value::Null,
        yaml_serde::Value::Bool(value) => Value::Bool(value),
        yaml_serde::Value::Number(number) => {
            serde_json::to_value(number).context("read a number")?
        }
        yaml_serde::Value::String(text) => Value::String(text),
        yaml_serde::Value::Sequence(items) => Value::Array(
            items
                .into_iter()
                .map(plain)
                .collect::<anyhow::Result<_>>()?,
        ),
        yaml_serde::Value::Mapping(entries) => {
            let mut object = Map::new();
            for (key, value) in entries {
                let key = match key {
                    yaml_serde::Value::String(key) => key,
                    other => bail!("a key of the template must be text, got {other:?}"),
                };
                object.insert(key, plain(value)?);
            }
            Value::Object(object)
        }
        yaml_serde::Value::Tagged(tagged) => {
            let tag = tagged.tag.to_string();
            let name = match tag.trim_start_matches('!') {
                name @ ("Ref" | "Condition") => name.to_owned(),
                name => format!("Fn::{name}"),
            };
            Value::Object(Map::from_iter([(name, plain(tagged.value)?)]))
        }
    })
}
