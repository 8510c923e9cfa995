//! Custom verbs: the last segment's colon, and nothing else.

use super::*;

#[test]
fn a_verb_becomes_a_segment_of_its_own() {
    assert_eq!(
        internal("/v1/events/{id}:replay"),
        "/v1/events/{id}/@replay"
    );
    assert_eq!(internal("/v1/events:replay"), "/v1/events/@replay");
}

#[test]
fn a_colon_in_an_earlier_segment_is_left_alone() {
    assert_eq!(internal("/v1/a:b/c"), "/v1/a:b/c");
    assert_eq!(internal("/v1/users"), "/v1/users");
}

#[test]
fn a_client_cannot_spell_the_internal_form() {
    let request = Request::builder()
        .uri("/v1/events/evt_1/@replay?x=1")
        .body(axum::body::Body::empty())
        .unwrap();
    assert_eq!(split_verb(request).uri(), "/?x=1");
}

#[test]
fn the_query_survives() {
    let request = Request::builder()
        .uri("/v1/events/evt_1:replay?a=b:c")
        .body(axum::body::Body::empty())
        .unwrap();
    assert_eq!(split_verb(request).uri(), "/v1/events/evt_1/@replay?a=b:c");
}
