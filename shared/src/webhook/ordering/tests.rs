//! Which orderings hold, and which events share a group.

use jiff::Timestamp;

use super::*;
use crate::webhook::presets;

fn ordering(entity: &str) -> Ordering {
    Ordering {
        entity: entity.to_owned(),
    }
}

fn group_of(field: &EventField, event: i64, body: &str) -> String {
    let at = |second| Timestamp::from_second(second).unwrap();
    let (tenant, endpoint) = (TenantId::first_at(at(1)), EndpointId::first_at(at(2)));
    let event = EventId::first_at(at(event));
    let headers = Headers::Pairs(&[]);
    group_of_event(tenant, endpoint, event, field, headers, body.as_bytes())
}

#[test]
fn every_preset_is_a_scheme_that_there_is() {
    for (name, _) in PRESETS {
        let scheme = presets::find(name).unwrap_or_else(|| panic!("no scheme {name}"));
        assert!(ordering(PRESET).check(scheme).is_ok(), "{name}");
    }
}

#[test]
fn pointers_are_checked() {
    let scheme = presets::find("standardwebhooks").unwrap();
    for good in ["/id", "/data/object/id", "/a~1b/~0"] {
        assert!(ordering(good).check(scheme).is_ok(), "{good}");
    }
    for bad in ["id", "", "/a~", "/a~2", PRESET] {
        assert!(ordering(bad).check(scheme).is_err(), "{bad}");
    }
}

#[test]
fn events_of_one_entity_share_a_group_and_others_do_not() {
    let field = EventField::Pointer(Borrowed("/id"));
    let first = group_of(&field, 10, r#"{"id":"a","n":1}"#);
    assert_eq!(first, group_of(&field, 11, r#"{"n":2,"id":"a"}"#));
    assert_ne!(first, group_of(&field, 12, r#"{"id":"b"}"#));
    let nameless = group_of(&field, 13, r#"{"n":1}"#);
    assert_ne!(nameless, group_of(&field, 14, r#"{"n":1}"#));
}
