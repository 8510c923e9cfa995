//! Spellings of times, and the window's edges to the millisecond.

use std::borrow::Cow::Borrowed;

use crate::webhook::scheme::{TimeUnit, Timestamp, TimestampSource};
use crate::webhook::timestamp::{check_fresh, parse};
use crate::webhook::verify::VerifyError;

fn rule(unit: TimeUnit) -> Timestamp {
    Timestamp {
        source: TimestampSource::Header {
            name: Borrowed("x-time"),
        },
        unit,
        digits: None,
        past_s: 300,
        future_s: 10,
    }
}

#[test]
fn each_unit_is_read_in_milliseconds() {
    assert_eq!(
        parse(&rule(TimeUnit::Seconds), "1760000000"),
        Some(1_760_000_000_000)
    );
    assert_eq!(
        parse(&rule(TimeUnit::Milliseconds), "1760000000123"),
        Some(1_760_000_000_123)
    );
    for spelling in [
        "2025-10-09T08:53:20Z",
        "2025-10-09T08:53:20.000Z",
        "2025-10-09T01:53:20-07:00",
        "2025-10-09T10:53:20+02:00",
    ] {
        let read = parse(&rule(TimeUnit::Rfc3339), spelling);
        assert_eq!(read, Some(1_760_000_000_000), "{spelling}");
    }
}

#[test]
fn other_spellings_of_a_date_are_refused() {
    for spelling in [
        "",
        "2025-10-09",
        "2025-10-09 08:53:20Z",
        "2025-10-09t08:53:20z",
        "20251009T085320Z",
        "2025-10-09T08:53:20",
        "2025-10-09T08:53:20.Z",
        "2025-10-09T08:53:20.0000000000Z",
        "2025-10-09T08:53:20Z[UTC]",
        "2025-13-09T08:53:20Z",
        "2025-10-09T08:53:20+0200",
        "２025-10-09T08:53:20Z",
    ] {
        assert_eq!(
            parse(&rule(TimeUnit::Rfc3339), spelling),
            None,
            "{spelling}"
        );
    }
}

#[test]
fn a_fixed_number_of_digits_is_kept_to() {
    let rule = Timestamp {
        digits: Some(10),
        ..rule(TimeUnit::Seconds)
    };
    assert!(parse(&rule, "1760000000").is_some());
    assert_eq!(parse(&rule, "176000000"), None);
    assert_eq!(parse(&rule, "17600000000"), None);
}

#[test]
fn the_window_includes_its_edges_and_not_a_millisecond_more() {
    let rule = rule(TimeUnit::Milliseconds);
    let now = 1_760_000_000;
    assert_eq!(check_fresh(&rule, (now - 300) * 1_000, now), Ok(()));
    assert_eq!(check_fresh(&rule, (now + 10) * 1_000, now), Ok(()));
    assert_eq!(
        check_fresh(&rule, (now - 300) * 1_000 - 1, now),
        Err(VerifyError::Stale {
            by_s: 301,
            tolerance_s: 300
        })
    );
    assert_eq!(
        check_fresh(&rule, (now + 10) * 1_000 + 1, now),
        Err(VerifyError::Future {
            by_s: 11,
            tolerance_s: 10
        })
    );
}

#[test]
fn absurd_clocks_do_not_overflow() {
    for now in [i64::MIN, -1, 0, i64::MAX] {
        for signed_ms in [0, 999_999_999_999_999_999] {
            let fresh = check_fresh(&rule(TimeUnit::Seconds), signed_ms, now);
            assert_eq!(
                fresh.is_ok(),
                signed_ms == 0 && (-1..=0).contains(&now),
                "{now} {signed_ms}"
            );
        }
    }
}
