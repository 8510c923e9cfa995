//! The rule at its edges.

use proptest::prelude::*;

use crate::sync::{DeleteRule, Verdict};

#[test]
fn a_few_deletes_pass_and_a_landslide_does_not() {
    let rule = DeleteRule::default();
    for (deletes, synced, expected) in [
        (0, 0, Verdict::Apply),
        (10, 10, Verdict::Apply),
        (11, 11, Verdict::Quarantine),
        (11, 109, Verdict::Quarantine),
        (11, 110, Verdict::Apply),
        (1_000, 10_000, Verdict::Apply),
        (1_001, 10_000, Verdict::Quarantine),
        (u64::MAX, u64::MAX, Verdict::Apply),
    ] {
        assert_eq!(
            rule.judge(deletes, synced),
            expected,
            "{deletes} of {synced}"
        );
    }
    let never = DeleteRule {
        at_least: 0,
        percent: 0,
    };
    assert_eq!(never.judge(1, 1_000), Verdict::Quarantine);
    assert_eq!(never.judge(0, 1_000), Verdict::Apply);
}

proptest! {
    #[test]
    fn more_deletes_are_never_more_believable(deletes in 0_u64..10_000, synced in 0_u64..10_000, percent in 0_u8..=100) {
        let rule = DeleteRule { at_least: 5, percent };
        if rule.judge(deletes, synced) == Verdict::Quarantine {
            prop_assert_eq!(rule.judge(deletes + 1, synced), Verdict::Quarantine);
        }
    }
}
