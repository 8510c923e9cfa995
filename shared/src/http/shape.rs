//! What is wrong with the shape of a body, all of it at once: a reader of types stops at the first field
//! that does not fit. The shape is that of the OpenAPI document, so the two cannot differ.

use std::collections::HashMap;

use serde_json::Value;
use utoipa::{
    ToSchema,
    openapi::{
        RefOr, Schema,
        schema::{AdditionalProperties, ArrayItems, Object, SchemaType, Type},
    },
};

use crate::problem::FieldError;

/// The most that one answer names.
const MAX_ERRORS: usize = 50;

/// Every place in which `body` is not of the shape of a `T`.
pub(crate) fn errors<T: ToSchema>(body: &Value) -> Vec<FieldError> {
    let mut named = Vec::new();
    T::schemas(&mut named);
    let named = named.into_iter().collect();
    let mut walk = Walk {
        named: &named,
        errors: Vec::new(),
    };
    walk.value("", body, &T::schema());
    walk.errors.truncate(MAX_ERRORS);
    walk.errors
}

struct Walk<'n> {
    named: &'n HashMap<String, RefOr<Schema>>,
    errors: Vec<FieldError>,
}

impl Walk<'_> {
    fn value(&mut self, at: &str, value: &Value, schema: &RefOr<Schema>) {
        let named = self.named;
        let schema = match schema {
            RefOr::T(schema) => schema,
            RefOr::Ref(reference) => {
                let name = reference.ref_location.rsplit('/').next();
                match name.and_then(|name| named.get(name)) {
                    Some(RefOr::T(schema)) => schema,
                    Some(RefOr::Ref(_)) | None => return,
                }
            }
        };
        match schema {
            Schema::Object(object) => self.object(at, value, object),
            Schema::Array(array) => {
                if !self.has_type(at, value, &array.schema_type) {
                    return;
                }
                if let (ArrayItems::RefOrSchema(item), Some(values)) =
                    (&array.items, value.as_array())
                {
                    for (place, value) in values.iter().enumerate() {
                        self.value(&format!("{at}/{place}"), value, item);
                    }
                }
            }
            Schema::AllOf(all) => {
                for part in &all.items {
                    self.value(at, value, part);
                }
            }
            // What fits one of several is not said by what does not fit the others.
            Schema::OneOf(_) | Schema::AnyOf(_) => {}
            _ => {}
        }
    }

    fn object(&mut self, at: &str, value: &Value, schema: &Object) {
        if !self.has_type(at, value, &schema.schema_type) {
            return;
        }
        if let Some(allowed) = &schema.enum_values
            && !allowed.contains(value)
        {
            let names: Vec<String> = allowed.iter().map(shown).collect();
            self.refuse(at, format!("must be one of {}", names.join(", ")));
        }
        let Some(fields) = value.as_object() else {
            return;
        };
        for name in &schema.required {
            if !fields.contains_key(name) {
                self.refuse(&below(at, name), "must be given".to_owned());
            }
        }
        let is_closed = matches!(
            schema.additional_properties.as_deref(),
            Some(AdditionalProperties::FreeForm(false))
        );
        for (name, value) in fields {
            match schema.properties.get(name) {
                Some(property) => self.value(&below(at, name), value, property),
                None if is_closed => {
                    let known: Vec<&str> = schema.properties.keys().map(String::as_str).collect();
                    let detail = format!("is not known here: there are {}", known.join(", "));
                    self.refuse(&below(at, name), detail);
                }
                None => {}
            }
        }
    }

    fn has_type(&mut self, at: &str, value: &Value, expected: &SchemaType) -> bool {
        let types = match expected {
            SchemaType::Type(one) => std::slice::from_ref(one),
            SchemaType::Array(several) => several.as_slice(),
            SchemaType::AnyValue => return true,
        };
        if types.iter().any(|one| fits(value, one)) {
            return true;
        }
        let names: Vec<&str> = types.iter().map(name_of).collect();
        self.refuse(at, format!("must be {}", names.join(" or ")));
        false
    }

    fn refuse(&mut self, at: &str, detail: String) {
        self.errors.push(FieldError::new(at, detail));
    }
}

fn fits(value: &Value, expected: &Type) -> bool {
    match expected {
        Type::Object => value.is_object(),
        Type::String => value.is_string(),
        Type::Integer => value.is_i64() || value.is_u64(),
        Type::Number => value.is_number(),
        Type::Boolean => value.is_boolean(),
        Type::Array => value.is_array(),
        Type::Null => value.is_null(),
    }
}

fn name_of(expected: &Type) -> &'static str {
    match expected {
        Type::Object => "an object",
        Type::String => "a string",
        Type::Integer => "a whole number",
        Type::Number => "a number",
        Type::Boolean => "true or false",
        Type::Array => "an array",
        Type::Null => "null",
    }
}

fn shown(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// RFC 6901.
fn below(at: &str, name: &str) -> String {
    format!("{at}/{}", name.replace('~', "~0").replace('/', "~1"))
}

#[cfg(test)]
mod tests;
