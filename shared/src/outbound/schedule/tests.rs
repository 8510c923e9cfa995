//! The schedule's bounds.

use std::time::Duration;

use proptest::prelude::*;

use super::{LONGEST, WAITS_S, next};

proptest! {
    #[test]
    fn a_wait_is_near_the_schedule_and_no_shorter_than_asked(tries in 0_u64..20, asked in 0_u64..200_000, random in any::<u32>()) {
        let wait = next(tries, Some(Duration::from_secs(asked)), random);
        let planned = tries.checked_sub(1).and_then(|at| WAITS_S.get(usize::try_from(at).unwrap()));
        prop_assert_eq!(wait.is_some(), planned.is_some());
        if let (Some(wait), Some(planned)) = (wait, planned) {
            let asked = Duration::from_secs(asked).min(LONGEST);
            prop_assert!(wait >= asked);
            prop_assert!(wait >= Duration::from_millis(planned * 800));
            prop_assert!(wait <= Duration::from_millis(planned * 1_200).max(asked));
        }
    }
}
