//! Backoff: bounded, growing, spread.

use proptest::prelude::*;

use super::*;

proptest! {
    #[test]
    fn a_delay_is_at_least_a_second_and_at_most_the_cap(attempt: u32, random: u32) {
        let delay = delay(attempt, random);
        prop_assert!(delay >= Duration::from_secs(1) && delay <= Duration::from_secs(900));
    }

    #[test]
    fn more_luck_is_never_a_shorter_delay(attempt in 1_u32..20, a: u32, b: u32) {
        prop_assert!(delay(attempt, a.min(b)) <= delay(attempt, a.max(b)));
    }
}

#[test]
fn the_longest_delay_doubles_until_the_cap() {
    let longest: Vec<u64> = (1..=9)
        .map(|attempt| delay(attempt, u32::MAX).as_secs())
        .collect();
    assert_eq!(longest, [5, 10, 20, 40, 80, 160, 320, 640, 900]);
}
