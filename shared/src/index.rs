//! Indexes of a tenant's own data: which fields, of which type, in which order. Everything here is
//! arithmetic on text; the rows that it makes are the store's.
//!
//! An index row's sort key is the values of the index's fields, each encoded so that text order is value
//! order and ended by `#`, and the record's id. A record that lacks a field has a row too: sorting by a
//! field hides no record.

mod path;
mod plan;
mod value;

use garde::Validate;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

pub use path::FieldPath;
pub use plan::{Direction, Plan, Question};
pub use value::ValueKind;

use crate::problem::FieldError;

/// Each costs a write for each record.
pub const MOST_INDEXES: usize = 8;

/// Of one index. Three strings of full length and an id stay below a sort key's 1,024 bytes:
/// <https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Constraints.html>
pub const MOST_FIELDS: usize = 3;

/// One field of an index.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct IndexField {
    #[garde(skip)]
    pub path: FieldPath,
    #[serde(rename = "type")]
    #[garde(skip)]
    pub kind: ValueKind,
}

/// Records ordered by these fields, the first one first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Index {
    #[garde(length(min = 1, max = MOST_FIELDS), dive)]
    #[schema(min_items = 1, max_items = 3)]
    pub fields: Vec<IndexField>,
}

impl Index {
    /// What the record's row in this index starts with.
    fn row_prefix(&self, data: &Value) -> Result<String, Vec<FieldError>> {
        let (mut prefix, mut errors) = (String::new(), Vec::new());
        for field in &self.fields {
            match value::of_json(field.kind, field.path.find(data)) {
                Ok(value) => {
                    prefix.push_str(&value);
                    prefix.push('#');
                }
                Err(detail) => errors.push(FieldError::new(
                    format!("/data{}", field.path.pointer()),
                    detail,
                )),
            }
        }
        if errors.is_empty() {
            Ok(prefix)
        } else {
            Err(errors)
        }
    }

    fn name(&self) -> String {
        let fields: Vec<&str> = self
            .fields
            .iter()
            .map(|field| field.path.as_str())
            .collect();
        format!("[{}]", fields.join(", "))
    }
}

/// What the record's rows in `indexes` start with, in their order.
///
/// # Errors
/// Each value that an index cannot take, by its pointer in the request's body.
pub fn row_prefixes(indexes: &[Index], data: &Value) -> Result<Vec<String>, Vec<FieldError>> {
    let (mut prefixes, mut errors) = (Vec::new(), Vec::new());
    for index in indexes {
        match index.row_prefix(data) {
            Ok(prefix) => prefixes.push(prefix),
            Err(more) => errors.extend(more),
        }
    }
    if errors.is_empty() {
        return Ok(prefixes);
    }
    errors.sort_by(|a, b| a.pointer.cmp(&b.pointer));
    errors.dedup();
    Err(errors)
}

/// # Errors
/// A field stands twice in one index, has two types, or two indexes are the same.
pub fn check(indexes: &[Index]) -> Vec<FieldError> {
    let mut errors = Vec::new();
    if indexes.len() > MOST_INDEXES {
        let detail = format!("must be at most {MOST_INDEXES}, got {}", indexes.len());
        errors.push(FieldError::new("/indexes", detail));
    }
    let all = || indexes.iter().flat_map(|index| &index.fields);
    for (at, index) in indexes.iter().enumerate() {
        if indexes.iter().take(at).any(|other| other == index) {
            errors.push(FieldError::new(
                format!("/indexes/{at}"),
                "must not be there twice",
            ));
        }
        for (place, field) in index.fields.iter().enumerate() {
            let pointer = || format!("/indexes/{at}/fields/{place}");
            let mut before = index.fields.iter().take(place);
            if before.any(|other| other.path == field.path) {
                errors.push(FieldError::new(pointer(), "must not be in the index twice"));
            }
            if all().any(|other| other.path == field.path && other.kind != field.kind) {
                let detail = "must have the same type in all indexes";
                errors.push(FieldError::new(pointer() + "/type", detail));
            }
        }
    }
    errors
}

#[cfg(test)]
mod tests;
