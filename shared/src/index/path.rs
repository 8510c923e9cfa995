//! Where an indexed value is inside a record: names joined by dots, `address.city`. A path is safe in a
//! query parameter's name and never means one of the list's own parameters.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use serde_json::Value;
use utoipa::{
    PartialSchema, ToSchema,
    openapi::{ObjectBuilder, RefOr, Schema, schema::Type},
};

/// The list's own parameters, and what it sorts by without an index.
const RESERVED: [&str; 6] = ["limit", "cursor", "sort", "deleted", "created_at", "id"];

const MOST_SEGMENTS: usize = 4;
const MAX_SEGMENT_LEN: usize = 40;

#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct FieldPath(String);

impl FieldPath {
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The JSON pointer (RFC 6901) of the same place.
    pub fn pointer(&self) -> String {
        format!("/{}", self.0.replace('.', "/"))
    }

    pub fn find<'a>(&self, data: &'a Value) -> Option<&'a Value> {
        self.0.split('.').try_fold(data, |at, name| at.get(name))
    }
}

impl FromStr for FieldPath {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let segment = |name: &str| {
            let starts = |first: char| first.is_ascii_alphabetic() || first == '_';
            (1..=MAX_SEGMENT_LEN).contains(&name.len())
                && name.starts_with(starts)
                && name
                    .chars()
                    .all(|letter| letter.is_ascii_alphanumeric() || letter == '_')
        };
        if text.split('.').count() > MOST_SEGMENTS || !text.split('.').all(segment) {
            return Err(format!(
                "must be 1 to {MOST_SEGMENTS} names joined by dots, each 1 to {MAX_SEGMENT_LEN} of A-Z, a-z, 0-9 and _, no digit first"
            ));
        }
        if RESERVED.contains(&text) {
            return Err(format!("must not be one of {}", RESERVED.join(", ")));
        }
        Ok(Self(text.to_owned()))
    }
}

impl fmt::Display for FieldPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for FieldPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Serialize for FieldPath {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for FieldPath {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        text.parse().map_err(de::Error::custom)
    }
}

impl ToSchema for FieldPath {}

impl PartialSchema for FieldPath {
    fn schema() -> RefOr<Schema> {
        let name = "[A-Za-z_][A-Za-z0-9_]{0,39}";
        ObjectBuilder::new()
            .schema_type(Type::String)
            .description(Some("Names joined by dots, from the record's data inwards"))
            .pattern(Some(format!(r"^{name}(\.{name}){{0,3}}$")))
            .examples([serde_json::json!("address.city")])
            .into()
    }
}
