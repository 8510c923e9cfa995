//! Backoff: bounded, growing, spread, and over at some time.

use std::time::Duration;

use jiff::SignedDuration;
use proptest::prelude::*;

use super::{MOST_ATTEMPTS, RetryPolicy};

proptest! {
    #[test]
    fn a_wait_is_within_its_bounds(
        attempt in 1..=MOST_ATTEMPTS, random: u32, base_s in 1..=43_200_u32, cap_s in 1..=43_200_u32,
    ) {
        let policy = RetryPolicy { base_s, cap_s, ..RetryPolicy::default() };
        let wait = policy.delay(attempt, random);
        prop_assert!(wait >= Duration::from_secs(1));
        prop_assert!(wait <= Duration::from_secs(u64::from(cap_s)));
        prop_assert!(wait <= policy.delay(attempt, u32::MAX));
    }
}

proptest! {
    #[test]
    fn more_luck_is_never_a_shorter_wait(attempt in 1..=MOST_ATTEMPTS, a: u32, b: u32) {
        let policy = RetryPolicy::default();
        prop_assert!(policy.delay(attempt, a.min(b)) <= policy.delay(attempt, a.max(b)));
    }
}

#[test]
fn the_longest_wait_doubles_up_to_the_cap() {
    let policy = RetryPolicy::default();
    let longest = |attempt| policy.delay(attempt, u32::MAX).as_secs();
    assert_eq!(
        [1, 2, 3, 8, 9, 50, 200].map(longest),
        [5, 10, 20, 640, 900, 900, 900]
    );
    assert_eq!(
        policy.delay(1, u32::MAX / 2 + 1),
        Duration::from_millis(2_500)
    );
}

#[test]
fn the_last_attempt_and_the_horizon_end_it() {
    let policy = RetryPolicy {
        max_attempts: 3,
        horizon_hours: 24,
        ..RetryPolicy::default()
    };
    let hours = SignedDuration::from_hours;
    let goes_on = |attempt, age| policy.next(attempt, age, 0).is_some();
    assert!(goes_on(1, hours(0)) && goes_on(2, hours(23)));
    assert!(!goes_on(3, hours(0)) && !goes_on(1, hours(24)));
    // Clocks that differ make an event no older.
    assert!(goes_on(1, hours(-1)));
}
