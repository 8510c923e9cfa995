//! What answers mean.

use std::time::Duration;

use http::HeaderMap;
use jiff::Timestamp;

use crate::vendor::{Class, connector};

fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
    pairs
        .iter()
        .map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap()))
        .collect()
}

#[test]
fn answers_are_classified_by_the_manifest() {
    let (stripe, github, slack) = (
        connector("stripe").unwrap(),
        connector("github").unwrap(),
        connector("slack").unwrap(),
    );
    let none = HeaderMap::new();
    let spent = headers(&[("x-ratelimit-remaining", "0")]);
    let wait = headers(&[("retry-after", "7")]);
    for (connector, status, headers, body, expected) in [
        (stripe, 200, &none, "{}", Class::Done),
        (stripe, 201, &none, "", Class::Done),
        (stripe, 302, &none, "", Class::Rejected),
        (stripe, 404, &none, "", Class::Rejected),
        (stripe, 401, &none, "", Class::Denied),
        (stripe, 403, &none, "", Class::Denied),
        (stripe, 500, &none, "", Class::Failed),
        (stripe, 503, &wait, "", Class::Failed),
        (stripe, 429, &none, "", Class::Throttled),
        (github, 403, &none, "", Class::Denied),
        (github, 403, &spent, "", Class::Throttled),
        (github, 403, &wait, "", Class::Throttled),
        (slack, 200, &none, r#"{"ok":true}"#, Class::Done),
        (slack, 200, &none, r#"{"ok":false}"#, Class::Rejected),
        (slack, 200, &none, "<html>", Class::Failed),
        (stripe, 200, &none, r#"{"ok":false}"#, Class::Done),
    ] {
        let class = connector.classify(status, headers, body.as_bytes());
        assert_eq!(class, expected, "{} {status} {body}", connector.name);
    }
}

#[test]
fn a_vendor_that_asks_to_wait_is_heard_and_not_for_ever() {
    let github = connector("github").unwrap();
    let now = Timestamp::from_second(1_000).unwrap();
    let at = |status, pairs: &[(&'static str, &'static str)]| {
        let pause = github.pause(status, &headers(pairs), now);
        pause.map(|pause| pause.as_secs())
    };
    let (left, reset) = ("x-ratelimit-remaining", "x-ratelimit-reset");
    assert_eq!(at(429, &[("retry-after", "7")]), Some(7));
    assert_eq!(at(503, &[("retry-after", "7")]), Some(7));
    assert_eq!(at(200, &[("retry-after", "7")]), None);
    let date = "Thu, 01 Jan 1970 00:17:00 GMT";
    assert_eq!(at(429, &[("retry-after", date)]), Some(20));
    assert_eq!(at(429, &[("retry-after", "soon")]), None);
    assert_eq!(at(429, &[("retry-after", "0")]), None);
    assert_eq!(at(429, &[("retry-after", "999999999999")]), Some(3_600));
    assert_eq!(at(200, &[(left, "0"), (reset, "1030")]), Some(30));
    assert_eq!(at(200, &[(left, "1"), (reset, "1030")]), None);
    assert_eq!(at(200, &[(left, "0"), (reset, "900")]), None);
    assert_eq!(at(200, &[(left, "0")]), None);
    assert_eq!(
        at(403, &[("retry-after", "7"), (left, "0"), (reset, "1030")]),
        Some(7)
    );
    assert_eq!(github.pause(429, &HeaderMap::new(), now), None::<Duration>);
}
