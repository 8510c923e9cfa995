//! What a leaf of the audit log commits to. Who, what and when are in it as they are; what may be
//! personal (values, the client's address) only as a salted hash, so that the log can still be proved
//! when those values and their salt are gone.

use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::{Value, json};

use crate::audit::{
    Entry,
    merkle::{self, Hash},
};

impl Entry {
    /// The entry's leaf hash: of the canonical JSON of its fields, with `details` for the rest.
    pub fn leaf(&self) -> Hash {
        let content = json!({
            "v": 1,
            "id": self.id,
            "tenant_id": self.tenant_id,
            "at": self.at,
            "actor": self.actor,
            "action": self.action,
            "target": self.target,
            "request_id": self.request_id,
            "details": STANDARD.encode(self.details()),
        });
        merkle::leaf(canonical(&content).as_bytes())
    }

    fn details(&self) -> Hash {
        let details = json!({ "changes": self.changes, "source_ip": self.source_ip });
        merkle::sha256(&[
            self.salt.as_deref().unwrap_or_default().as_bytes(),
            b"\0",
            canonical(&details).as_bytes(),
        ])
    }
}

/// JSON without spaces and with sorted keys: the same bytes for the same value.
fn canonical(value: &Value) -> String {
    match value {
        Value::Object(fields) => {
            let mut fields: Vec<_> = fields.iter().collect();
            fields.sort_by_key(|(name, _)| name.as_str());
            let fields: Vec<String> = fields
                .into_iter()
                .map(|(name, value)| format!("{}:{}", Value::from(name.as_str()), canonical(value)))
                .collect();
            format!("{{{}}}", fields.join(","))
        }
        Value::Array(items) => {
            let items: Vec<String> = items.iter().map(canonical).collect();
            format!("[{}]", items.join(","))
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => value.to_string(),
    }
}
