//! Entries as events of the Open Cybersecurity Schema Framework: <https://schema.ocsf.io/1.6.0/>. Sign-ins are of the class
//! Authentication, everything else of Entity Management.

use serde_json::{Map, Value, json};
use shared::audit::Entry;

const VERSION: &str = "1.6.0";
/// The category Identity & Access Management.
const CATEGORY: u32 = 3;

/// A class of the schema.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Class {
    uid: u32,
    name: &'static str,
}

const AUTHENTICATION: Class = Class {
    uid: 3002,
    name: "Authentication",
};
const ENTITY_MANAGEMENT: Class = Class {
    uid: 3004,
    name: "Entity Management",
};

/// What was done, by the schema's number and caption.
type Activity = (u32, &'static str);

pub(crate) fn event(entry: &Entry) -> Value {
    let (kind, verb) = entry.action.split_once('.').unwrap_or((&entry.action, ""));
    let sign_in = sign_in(verb).filter(|_| kind == "session");
    let class = match sign_in {
        Some(_) => AUTHENTICATION,
        None => ENTITY_MANAGEMENT,
    };
    let (activity, activity_name) = sign_in.unwrap_or_else(|| managed(verb));
    let has_failed = verb.contains("failed") || verb.contains("refused") || verb.contains("reused");
    let (status, status_name) = if has_failed {
        (2, "Failure")
    } else {
        (1, "Success")
    };
    let (severity, severity_name) = if has_failed {
        (3, "Medium")
    } else {
        (1, "Informational")
    };
    let person = json!({ "uid": entry.actor, "type_id": 99, "type": actor_kind(&entry.actor) });
    let mut event = json!({
        "activity_id": activity,
        "activity_name": activity_name,
        "actor": { "user": person },
        "category_uid": CATEGORY,
        "category_name": "Identity & Access Management",
        "class_uid": class.uid,
        "class_name": class.name,
        "type_uid": class.uid * 100 + activity,
        "type_name": format!("{}: {activity_name}", class.name),
        "severity_id": severity,
        "severity": severity_name,
        "status_id": status,
        "status": status_name,
        "time": entry.at.as_millisecond(),
        "message": format!("{} {} {}", entry.actor, entry.action, entry.target),
        "metadata": {
            "version": VERSION,
            "uid": entry.id,
            "event_code": entry.action,
            "correlation_uid": entry.request_id,
            "tenant_uid": entry.tenant_id,
            "product": { "name": "Portico", "vendor_name": "Portico" },
        },
    });
    let Some(fields) = event.as_object_mut() else {
        return event;
    };
    match sign_in {
        Some(_) => {
            // Who tries to sign in has no credential yet: they are the event's target.
            let user = match entry.actor.starts_with("usr_") {
                true => &entry.actor,
                false => &entry.target,
            };
            fields.insert(
                "user".to_owned(),
                json!({ "uid": user, "type_id": 1, "type": "User" }),
            );
            fields.insert("service".to_owned(), json!({ "name": "Portico" }));
        }
        None => {
            fields.insert(
                "entity".to_owned(),
                json!({ "uid": entry.target, "type": kind }),
            );
        }
    }
    if let Some(ip) = &entry.source_ip {
        fields.insert("src_endpoint".to_owned(), json!({ "ip": ip }));
    }
    if !entry.changes.is_empty() {
        let changes: Map<String, Value> = entry
            .changes
            .iter()
            .map(|(name, change)| (name.clone(), json!(change)))
            .collect();
        fields.insert("unmapped".to_owned(), json!({ "changes": changes }));
    }
    event
}

fn sign_in(verb: &str) -> Option<Activity> {
    match verb {
        "signed_in" | "sign_in_failed" => Some((1, "Logon")),
        "signed_out" => Some((2, "Logoff")),
        _ => None,
    }
}

/// Verbs of the trail in the words of Entity Management.
fn managed(verb: &str) -> Activity {
    match verb {
        "created" => (1, "Create"),
        "updated" | "secret_rotated" | "key_rotated" | "rotated" | "tenant_terms_updated" => {
            (3, "Update")
        }
        "deleted" | "revoked" | "all_revoked" => (4, "Delete"),
        "disabled" => (9, "Disable"),
        "suspended" | "tenant_suspended" => (12, "Suspend"),
        "reactivated" | "tenant_reactivated" | "restored" => (13, "Resume"),
        _ => (99, "Other"),
    }
}

fn actor_kind(actor: &str) -> &'static str {
    match actor.split_once('_').map(|(prefix, _)| prefix) {
        Some("usr") => "User",
        Some("key") => "API key",
        Some("job") => "Job",
        Some("operator:usr") => "Operator",
        Some(_) | None => "System",
    }
}

#[cfg(test)]
mod tests;
