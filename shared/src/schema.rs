//! JSON Schema 2020-12 of a tenant's own. A schema has no references, so a check ends and takes no more
//! steps than schema and data together call for; its patterns run in linear time.

use jsonschema::{Draft, PatternOptions, Validator};
use serde_json::Value;

use crate::problem::{ApiError, FieldError};

/// Of a schema or of a record, nested arrays and objects counted.
pub const MAX_DEPTH: usize = 16;

/// Of a schema as text.
pub const MAX_SCHEMA_BYTES: usize = 16 * 1_024;

/// Of a record as text.
pub const MAX_RECORD_BYTES: usize = 48 * 1_024;

/// Of one compiled pattern: a short text can ask for megabytes.
const MAX_PATTERN_BYTES: usize = 128 * 1_024;

/// The most that one answer names.
const MAX_ERRORS: usize = 50;

/// A schema that was found good.
pub struct Schema(Validator);

impl Schema {
    /// # Errors
    /// It is too long or too deep, refers to something else, or is no schema.
    pub fn new(schema: &Value) -> Result<Self, FieldError> {
        let refuse = |detail: String| FieldError::new("/schema", detail);
        if !schema.is_object() {
            return Err(refuse("must be a JSON object".to_owned()));
        }
        measure(schema, MAX_SCHEMA_BYTES).map_err(refuse)?;
        if !stands_alone(schema) {
            let detail = "must have no $ref, $dynamicRef or $id, and no $schema but 2020-12's";
            return Err(refuse(detail.to_owned()));
        }
        let validator = jsonschema::options()
            .with_draft(Draft::Draft202012)
            .with_pattern_options(PatternOptions::regex().size_limit(MAX_PATTERN_BYTES))
            .build(schema);
        let validator =
            validator.map_err(|error| refuse(format!("must be a JSON Schema 2020-12: {error}")))?;
        Ok(Self(validator))
    }

    /// # Errors
    /// Each place in `data` that does not fit, by its pointer in the request's body.
    pub fn check(&self, data: &Value) -> Result<(), ApiError> {
        let refuse = |detail: String| FieldError::new("/data", detail);
        if !data.is_object() {
            return Err(ApiError::Invalid(vec![refuse(
                "must be a JSON object".to_owned(),
            )]));
        }
        measure(data, MAX_RECORD_BYTES)
            .map_err(|detail| ApiError::Invalid(vec![refuse(detail)]))?;
        let errors: Vec<FieldError> = self
            .0
            .iter_errors(data)
            .take(MAX_ERRORS)
            .map(|error| FieldError::new(format!("/data{}", error.instance_path()), error.masked()))
            .collect();
        if errors.is_empty() {
            Ok(())
        } else {
            Err(ApiError::Invalid(errors))
        }
    }
}

/// RFC 7396: what a merge patch makes of `target`.
pub fn merge(target: &mut Value, patch: &Value) {
    let Value::Object(patch) = patch else {
        *target = patch.clone();
        return;
    };
    if !target.is_object() {
        *target = Value::Object(serde_json::Map::new());
    }
    let Some(target) = target.as_object_mut() else {
        return;
    };
    for (name, value) in patch {
        if value.is_null() {
            target.remove(name);
        } else {
            merge(target.entry(name.clone()).or_insert(Value::Null), value);
        }
    }
}

fn measure(value: &Value, most_bytes: usize) -> Result<(), String> {
    let len = value.to_string().len();
    if len > most_bytes {
        return Err(format!("must have at most {most_bytes} bytes, got {len}"));
    }
    let depth = depth(value);
    if depth > MAX_DEPTH {
        return Err(format!(
            "must be nested at most {MAX_DEPTH} deep, got {depth}"
        ));
    }
    Ok(())
}

fn depth(value: &Value) -> usize {
    match value {
        Value::Array(items) => 1 + items.iter().map(depth).max().unwrap_or(0),
        Value::Object(fields) => 1 + fields.values().map(depth).max().unwrap_or(0),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => 0,
    }
}

/// A reference could lead outside, go round in a circle, or double the work with each step.
fn stands_alone(schema: &Value) -> bool {
    const DIALECT: &str = "https://json-schema.org/draft/2020-12/schema";
    match schema {
        Value::Object(fields) => fields.iter().all(|(name, value)| match name.as_str() {
            "$ref" | "$dynamicRef" | "$id" if value.is_string() => false,
            "$schema" if value.is_string() => value.as_str() == Some(DIALECT),
            _ => stands_alone(value),
        }),
        Value::Array(items) => items.iter().all(stands_alone),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => true,
    }
}

#[cfg(test)]
mod tests;
