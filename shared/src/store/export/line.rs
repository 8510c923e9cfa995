//! A row as a line of JSON: `{"kind":…,"data":{…}}`. Secrets, sealed or hashed, and what only Portico needs stay behind.

use anyhow::anyhow;
use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::{Map, Value, json};

use crate::store::{Event, StoreError, db::Item, export::Section, list::sort_key};

/// Rows of the tenant's own partition: how their sort keys begin, what they are, and what of them is not shown.
const KINDS: &[(&str, &str, &[&str])] = &[
    ("TENANT", "tenant", &["owners"]),
    ("ROL#", "role", &[]),
    ("USER#", "user", &["sign_ins"]),
    (
        "SES#",
        "session",
        &["refresh_hash", "previous_hash", "epoch"],
    ),
    ("KEY#", "api_key", &["hash", "previous"]),
    ("SSO#", "sso_connection", &[]),
    ("SSOLINK#", "sso_link", &[]),
    ("WHE#", "webhook_endpoint", &["secrets", "offered_token"]),
    ("DST#", "destination", &["keys", "headers"]),
    ("CON#", "connection", &["sealed"]),
    ("COL#", "collection", &[]),
    ("JOB#", "job", &["plan", "cursor", "sent", "page"]),
];

const NOTHING: &[&str] = &[];

/// Attributes of keys and of Portico's own bookkeeping.
const INTERNAL: &[&str] = &[
    "pk",
    "sk",
    "list_pk",
    "minute",
    "version",
    "expires_at",
    "ticket",
    "run",
];

/// `None` for a row that holds no data of the tenant, such as a count.
pub(super) fn of(section: Section, mut row: Item) -> Result<Option<String>, StoreError> {
    let sort = sort_key(&row).unwrap_or_default();
    let (kind, hidden): (&str, &[&str]) = match section {
        Section::Tenant => match KINDS.iter().find(|(begin, ..)| sort.starts_with(begin)) {
            Some((_, kind, hidden)) => (*kind, *hidden),
            None => return Ok(None),
        },
        Section::Records { .. } if sort.starts_with("DEL#") => ("deleted_record", NOTHING),
        Section::Records { .. } => ("record", NOTHING),
        Section::Events => ("event", NOTHING),
        Section::Deliveries => ("delivery", NOTHING),
        Section::Audit if sort.starts_with("aud_") => ("audit_entry", NOTHING),
        Section::Audit => return Ok(None),
    };
    row.retain(|name, _| !INTERNAL.contains(&name.as_str()) && !hidden.contains(&name.as_str()));
    let mut data: Map<String, Value> = serde_dynamo::from_item(row)?;
    match section {
        // What a tenant writes is kept as text.
        Section::Records { collection, .. } => {
            let text = data.remove("data");
            let text = text.as_ref().and_then(Value::as_str).unwrap_or("null");
            let parsed = serde_json::from_str(text);
            data.insert("data".to_owned(), parsed.map_err(internal)?);
            data.insert("collection".to_owned(), json!(collection));
        }
        Section::Events | Section::Deliveries => {
            data.entry("id").or_insert(Value::String(sort));
        }
        Section::Tenant | Section::Audit => {}
    }
    let line = serde_json::to_string(&json!({ "kind": kind, "data": data }));
    line.map(Some).map_err(internal)
}

/// An event with its payload: as text, or as `payload_base64` if it is none.
pub(super) fn event(event: &Event, payload: Option<Vec<u8>>) -> Result<Item, StoreError> {
    let mut row: Item = serde_dynamo::to_item(event)?;
    let payload = payload.map(|bytes| match String::from_utf8(bytes) {
        Ok(text) => ("payload", text),
        Err(error) => ("payload_base64", STANDARD.encode(error.as_bytes())),
    });
    if let Some((name, text)) = payload {
        row.insert(name.to_owned(), crate::store::change::text(text));
    }
    Ok(row)
}

fn internal(error: serde_json::Error) -> StoreError {
    StoreError::Internal(anyhow!(error).context("write a line of an export"))
}
