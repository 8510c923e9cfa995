//! Repetitions: only where they do no harm, later each time, and a tenth of all calls at most.

use std::time::Duration;

use jiff::Timestamp;
use proptest::prelude::*;

use crate::{
    egress::EgressError,
    id::{ConnectionId, IdGen},
    vendor::{
        Class, VendorError,
        retry::{Again, Repeatable, RetryBudgets, again},
    },
};

#[test]
fn what_may_have_had_an_effect_is_repeated_only_if_that_does_no_harm() {
    let pause = Some(Duration::from_secs(30));
    let broken = VendorError::Egress(EgressError::Broken);
    for (outcome, repeatable, expected) in [
        (Ok((Class::Done, None)), Repeatable::Yes, None),
        (Ok((Class::Denied, None)), Repeatable::Yes, None),
        (Ok((Class::Rejected, None)), Repeatable::Yes, None),
        (Ok((Class::Failed, None)), Repeatable::No, None),
        (Ok((Class::Failed, None)), Repeatable::Yes, Some(0)),
        (Ok((Class::Failed, pause)), Repeatable::Yes, Some(30)),
        (Ok((Class::Throttled, pause)), Repeatable::No, Some(30)),
        (Err(&broken), Repeatable::No, None),
        (Err(&broken), Repeatable::Yes, Some(0)),
    ] {
        let expected = expected.map_or(Again::Never, |s| Again::After(Duration::from_secs(s)));
        let found = again(outcome, repeatable, 1, 0);
        assert_eq!(found, expected, "{outcome:?} {repeatable:?}");
    }
}

proptest! {
    #[test]
    fn a_wait_is_never_shorter_than_asked_for_nor_longer_than_its_cap(
        attempt in 1_u32..60, draw: u32, asked in 0_u64..3_600,
    ) {
        let pause = Duration::from_secs(asked);
        let found = again(Ok((Class::Throttled, Some(pause))), Repeatable::No, attempt, draw);
        let Again::After(wait) = found else { panic!("{found:?}") };
        prop_assert!(wait >= pause && wait <= pause + Duration::from_secs(900));
    }
}

#[test]
fn repetitions_are_a_tenth_of_all_calls_at_most() {
    let (budgets, connection): (_, ConnectionId) = (
        RetryBudgets::default(),
        IdGen::default().make(Timestamp::UNIX_EPOCH),
    );
    let mut repeated = 0;
    for _ in 0..1_000 {
        budgets.earn(connection);
        repeated += u32::from(budgets.spend(connection));
    }
    assert!((100..=105).contains(&repeated), "{repeated}");
}
