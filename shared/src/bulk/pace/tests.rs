//! The pace is kept whatever the numbers.

use std::time::Duration;

use proptest::prelude::*;

use super::{backoff, offset, page_len, pause};

proptest! {
    #[test]
    fn no_more_than_the_pace_is_due_in_any_second(pace in 1_u32..=100, pages in 1_usize..20) {
        let len = page_len(pace);
        let mut start = Duration::ZERO;
        let mut due = std::collections::BTreeMap::<u64, u32>::new();
        for _ in 0..pages {
            for row in 0..len {
                *due.entry((start + offset(row, pace)).as_secs()).or_default() += 1;
            }
            start += pause(len, pace);
        }
        prop_assert!(due.values().all(|count| *count <= pace), "{due:?}");
    }

    #[test]
    fn a_page_is_over_within_ten_seconds(pace in 1_u32..=100) {
        let len = page_len(pace);
        prop_assert!((1..=100).contains(&len));
        prop_assert!(pause(len, pace) <= Duration::from_secs(10));
        prop_assert!(offset(len - 1, pace) < pause(len, pace));
    }
}

#[test]
fn a_page_that_changed_nothing_is_followed_at_once() {
    assert_eq!(pause(0, 20), Duration::ZERO);
}

#[test]
fn the_waits_double_up_to_five_minutes() {
    let waits = [1, 2, 8, 9, 12, 64, u32::MAX].map(|attempt| backoff(attempt).as_secs());
    assert_eq!(waits, [2, 4, 256, 300, 300, 300, 300]);
}
