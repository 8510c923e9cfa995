//! A destination is suspended after five failures in a row, for longer each time, and probed by one.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;

use super::{Gate, HORIZON, Health};

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000 + seconds).unwrap()
}

fn ms(seconds: i64) -> Option<i64> {
    Some(at(seconds).as_millisecond())
}

#[test]
fn a_healthy_one_is_called() {
    let health = Health::default();
    assert_eq!(health.gate(at(0)), Gate::Pass);
    assert_eq!(health.suspension(None, at(0)), None);
    assert_eq!(health.is_hopeless(at(0)), None);
}

#[test]
fn five_failures_in_a_row_suspend_it_for_longer_each_time() {
    let suspended = |strikes, suspensions| {
        let health = Health {
            strikes,
            suspensions,
            ..Health::default()
        };
        let until = health.suspension(None, at(0));
        until.map(|until| until.duration_since(at(0)).as_secs())
    };
    assert_eq!(suspended(4, 0), None);
    assert_eq!(suspended(5, 0), Some(30));
    assert_eq!(suspended(6, 1), Some(60));
    assert_eq!(suspended(9, 4), Some(480));
    assert_eq!(suspended(10, 5), Some(600));
    assert_eq!(suspended(u64::MAX, u32::MAX), Some(600));
}

#[test]
fn one_probe_at_a_time_follows_a_suspension() {
    let mut health = Health {
        open_until_ms: ms(30),
        ..Health::default()
    };
    assert_eq!(health.gate(at(29)), Gate::Wait(at(30)));
    assert_eq!(health.gate(at(30)), Gate::Probe);
    health.probe_until_ms = ms(60);
    assert_eq!(health.gate(at(31)), Gate::Wait(at(60)));
    assert_eq!(health.gate(at(60)), Gate::Probe);
}

#[test]
fn a_destination_may_ask_for_up_to_an_hour() {
    let health = Health::default();
    let asked = |seconds| health.suspension(Some(Duration::from_secs(seconds)), at(0));
    assert_eq!(asked(100), Some(at(100)));
    assert_eq!(asked(100_000), Some(at(3_600)));
    // While it is suspended only a longer wait is news.
    let open = Health {
        open_until_ms: ms(200),
        strikes: 9,
        ..health
    };
    assert_eq!(open.suspension(None, at(0)), None);
    assert_eq!(open.suspension(Some(Duration::from_secs(100)), at(0)), None);
    let longer = open.suspension(Some(Duration::from_secs(300)), at(0));
    assert_eq!(longer, Some(at(300)));
}

proptest! {
    #[test]
    fn a_suspension_ends_within_the_hour(
        strikes: u64,
        suspensions: u32,
        open in proptest::option::of(-10_000_i64..10_000),
        asked in proptest::option::of(any::<u64>()),
    ) {
        let health = Health {
            strikes,
            suspensions,
            open_until_ms: open.and_then(ms),
            ..Health::default()
        };
        if let Some(until) = health.suspension(asked.map(Duration::from_secs), at(0)) {
            prop_assert!(until >= at(0) && until <= at(3_600));
        }
    }

    #[test]
    fn it_is_hopeless_after_the_horizon_only(since_s in 0_i64..1_000_000) {
        let health = Health { failing_since_ms: ms(0), ..Health::default() };
        let is_over = SignedDuration::from_secs(since_s) >= HORIZON;
        prop_assert_eq!(health.is_hopeless(at(since_s)).is_some(), is_over);
    }
}
