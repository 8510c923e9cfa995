//! Progress adds up.

use super::{Done, Skip, add};
use crate::store::{Plan, Progress};

#[test]
fn every_row_of_a_page_is_counted_once() {
    let before = Progress {
        examined: 10,
        done: 5,
        total: Some(20),
        ..Progress::default()
    };
    let plan = Plan {
        items: Vec::new(),
        examined: 7,
        next: None,
    };
    let outcomes = [
        Done::Now,
        Done::Skipped(Skip::InProgress),
        Done::Now,
        Done::Skipped(Skip::Gone),
        Done::Unreadable,
        Done::Skipped(Skip::InProgress),
    ];
    let after = add(&before, &plan, &outcomes);
    assert_eq!(
        (
            after.examined,
            after.done,
            after.skipped,
            after.failed,
            after.total
        ),
        (17, 7, 3, 1, Some(20))
    );
    let reasons: Vec<_> = after.skipped_because.into_iter().collect();
    assert_eq!(
        reasons,
        [("gone".to_owned(), 1), ("in_progress".to_owned(), 2)]
    );
}
