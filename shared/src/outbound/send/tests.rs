//! What is read of a destination's answer.

use std::time::Duration;

use http::{HeaderMap, header};
use jiff::Timestamp;

use super::retry_after;

#[test]
fn a_retry_after_is_seconds_or_a_date() {
    let now: Timestamp = "2026-01-01T00:00:00Z".parse().unwrap();
    for (text, seconds) in [
        ("0", Some(0)),
        ("120", Some(120)),
        (" 7 ", Some(7)),
        ("Thu, 01 Jan 2026 00:02:00 GMT", Some(120)),
        ("Wed, 31 Dec 2025 23:59:00 GMT", None),
        ("-1", None),
        ("1.5", None),
        ("soon", None),
        ("99999999999999999999999", None),
    ] {
        let headers = HeaderMap::from_iter([(header::RETRY_AFTER, text.parse().unwrap())]);
        let found = retry_after(&headers, now);
        assert_eq!(found, seconds.map(Duration::from_secs), "{text}");
    }
    assert_eq!(retry_after(&HeaderMap::new(), now), None);
}
