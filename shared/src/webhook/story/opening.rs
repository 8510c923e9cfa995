//! How an event's story begins: received, verified, known by what.

use serde_json::json;

use crate::{
    seal,
    store::{Endpoint, Event},
    webhook::{
        presets,
        scheme::Scheme,
        story::{Step, StepKind},
    },
};

pub(super) fn received(event: &Event, endpoint: Option<&Endpoint>) -> Step {
    let by = match endpoint {
        Some(endpoint) => format!("by endpoint {} ({})", endpoint.id, endpoint.name),
        None => format!("by endpoint {}, which is deleted", event.endpoint_id),
    };
    let kind = event.kind.as_ref();
    let mut detail = by + &kind.map_or_else(String::new, |kind| format!(", of type {kind}"));
    if let Some(reception) = &event.reception {
        detail += &format!(", with a body of {} bytes", reception.size_bytes);
        if let Some(client) = reception.client {
            detail += &format!(", from {client}");
        }
    }
    if let Some(items) = event.of_items {
        detail += &format!(", as one of {items} events of one request");
    }
    Step {
        step: StepKind::Received,
        at: Some(event.received_at),
        detail,
        facts: json!({
            "endpoint_id": event.endpoint_id,
            "type": event.kind,
            "client": event.reception.as_ref().map(|reception| reception.client),
            "size_bytes": event.reception.as_ref().map(|reception| reception.size_bytes),
            "of_items": event.of_items.unwrap_or(1),
        }),
    }
}

pub(super) fn verified(event: &Event, endpoint: Option<&Endpoint>) -> Step {
    let headers = scheme(event, endpoint, |scheme| {
        let mut headers: Vec<String> = scheme
            .wires()
            .flat_map(|wire| wire.proof.headers())
            .map(|name| name.into_owned())
            .collect();
        headers.dedup();
        headers
    });
    let headers = headers.unwrap_or_default();
    let reception = event.reception.as_ref();
    let unsigned = endpoint.is_some_and(|endpoint| endpoint.allow_unsigned);
    let mut detail = match unsigned {
        true => "by nothing: the endpoint takes unsigned requests".to_owned(),
        false => format!("with the scheme {}", event.scheme),
    };
    if !unsigned && !headers.is_empty() {
        detail += &format!(", whose proof is in {}", headers.join(", "));
    }
    if let Some(set_at) = reception.and_then(|reception| reception.secret_set_at) {
        detail += &format!(", under the secret set at {set_at}");
    }
    if let Some(until) = reception.and_then(|reception| reception.secret_expires_at) {
        detail += &format!(" (not the newest: it was good until {until})");
    }
    if let Some(signed_at) = reception.and_then(|reception| reception.signed_at) {
        detail += &format!(", signed at {signed_at}");
    }
    let secret = match reception {
        Some(reception) if reception.secret_expires_at.is_some() => Some("previous"),
        Some(reception) if reception.secret_set_at.is_some() => Some("current"),
        Some(_) | None => None,
    };
    Step {
        step: StepKind::Verified,
        at: Some(event.received_at),
        detail,
        facts: json!({
            "scheme": event.scheme,
            "headers": headers,
            "secret": secret,
            "secret_set_at": reception.and_then(|reception| reception.secret_set_at),
            "secret_expires_at": reception.and_then(|reception| reception.secret_expires_at),
            "signed_at": reception.and_then(|reception| reception.signed_at),
        }),
    }
}

pub(super) fn deduplicated(event: &Event) -> Step {
    let marker = event.dedupe_key.get(..16).unwrap_or(&event.dedupe_key);
    let is_key = |text: &str| seal::sha256_hex(text.as_bytes()) == event.dedupe_key;
    let vendor_id = event.vendor_event_id.as_deref();
    let (known_by, recipe) = match vendor_id {
        Some(id) if is_key(id) => (format!("known by the vendor's event id {id}"), "event_id"),
        _ if is_key(&event.id.to_string()) => (
            "each delivery of this scheme is an event of its own".to_owned(),
            "none",
        ),
        Some(id) => (
            format!(
                "the vendor's event id is {id}; it is known by the hash of what is signed, or by its place in its request"
            ),
            "content",
        ),
        None => (
            "the vendor gives no event id; it is known by the hash of its content".to_owned(),
            "content",
        ),
    };
    let detail = match event.duplicate_of {
        Some(of) => format!("{known_by}: {of} was applied in its place (marker {marker}…)"),
        None => format!("{known_by} (marker {marker}…)"),
    };
    Step {
        step: StepKind::Deduplicated,
        at: None,
        detail,
        facts: json!({
            "known_by": recipe,
            "vendor_event_id": vendor_id,
            "marker": event.dedupe_key,
            "duplicate_of": event.duplicate_of,
        }),
    }
}

/// What the event's scheme says; `None` for a scheme that went with its endpoint.
fn scheme<T>(
    event: &Event,
    endpoint: Option<&Endpoint>,
    say: impl FnOnce(&Scheme) -> T,
) -> Option<T> {
    match endpoint.and_then(|endpoint| endpoint.custom_scheme.as_deref()) {
        Some(custom) => Some(say(custom)),
        None => presets::find(&event.scheme).map(say),
    }
}
