//! Events are valid by the schema's own classes, whatever the action.

use jsonschema::Validator;
use serde_json::{Value, json};
use shared::audit::{Action, Entry};

use crate::ocsf::event;

fn class(text: &str) -> Validator {
    jsonschema::validator_for(&serde_json::from_str(text).unwrap()).unwrap()
}

fn entry(action: &str, actor: &str) -> Entry {
    serde_json::from_value(json!({
        "id": "aud_01m8419y25e65bhvvbjv00960h",
        "tenant_id": "ten_01m8419y25e65bhvvbjv00960h",
        "at": "2026-11-25T18:00:00Z",
        "actor": actor,
        "action": action,
        "target": "usr_01m8419y25e65bhvvbjv00960h",
        "changes": { "role": { "from": "user", "to": "admin" } },
        "request_id": "r-1",
        "source_ip": "192.0.2.1",
    }))
    .unwrap()
}

#[test]
fn every_action_is_a_valid_event_of_its_class() {
    let authentication = class(include_str!("../../../../tests/ocsf/authentication.json"));
    let management = class(include_str!(
        "../../../../tests/ocsf/entity_management.json"
    ));
    let actors = [
        "usr_01m8419y25e65bhvvbjv00960h",
        "key_x",
        "job_x",
        "operator:usr_x",
        "system",
    ];
    for action in Action::ALL {
        for actor in actors {
            let mut event = event(&entry(action.name(), actor));
            let class = match event["class_uid"].as_u64() {
                Some(3002) => &authentication,
                Some(3004) => &management,
                other => panic!("{action:?} is of the class {other:?}"),
            };
            let errors: Vec<String> = class
                .iter_errors(&event)
                .map(|error| error.to_string())
                .collect();
            assert_eq!(errors, [""; 0], "{action:?}");
            let number =
                event["class_uid"].as_u64().unwrap() * 100 + event["activity_id"].as_u64().unwrap();
            assert_eq!(event["type_uid"], number);
            assert_eq!(event["metadata"]["event_code"], action.name());
            // The schema would not be content with less.
            event.as_object_mut().unwrap().remove("severity_id");
            assert!(!class.is_valid(&event), "{action:?}");
        }
    }
}

#[test]
fn what_failed_is_a_failure_of_medium_severity() {
    let user = "usr_01m8419y25e65bhvvbjv00960h";
    let failed = event(&entry("session.sign_in_failed", "system"));
    assert_eq!(
        (
            &failed["class_uid"],
            &failed["status_id"],
            &failed["severity_id"]
        ),
        (&json!(3002), &json!(2), &json!(3))
    );
    assert_eq!(failed["user"]["uid"], user);
    let changed = event(&entry("user.updated", user));
    assert_eq!(
        (&changed["type_uid"], &changed["status_id"]),
        (&json!(300_403), &json!(1))
    );
    assert_eq!(changed["unmapped"]["changes"]["role"]["to"], "admin");
    let mut bare = entry("user.updated", user);
    bare.source_ip = None;
    assert_eq!(event(&bare)["src_endpoint"], Value::Null);
}
