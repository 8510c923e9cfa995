//! What is accepted, seen, unseen and unsent, row by row.

use super::*;

const HOUR_S: i64 = 3_600;

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_000_000 + second).unwrap()
}

fn endpoint() -> EndpointId {
    EndpointId::first_at(at(0))
}

/// A row of the run `r`, processed.
fn row(number: u64, second: i64) -> Row {
    Row {
        id: EventId::first_at(at(second)),
        endpoint_id: endpoint(),
        state: EventState::Processed,
        duplicates: 0,
        run: Some("r".to_owned()),
        number,
        unsent: Vec::new(),
        of_items: None,
    }
}

fn counted(mut rows: Vec<Row>, now: Timestamp) -> Tally {
    let mut count = Count::default();
    count.add(&mut rows);
    let ledger = count.close(now, None);
    assert_eq!(ledger.endpoints[&endpoint()], ledger.total);
    ledger.total
}

#[test]
fn whole_runs_balance_in_whatever_order_their_rows_come() {
    let rows = vec![row(4, 9), row(3, 5), row(5, 10)];
    let tally = counted(rows, at(HOUR_S));
    assert_eq!((tally.accepted, tally.processed), (3, 3));
    assert!(tally.is_balanced());
}

#[test]
fn a_gap_is_queued_for_an_hour_and_missing_after_it() {
    let rows = || vec![row(0, 0), row(3, 10)];
    let early = counted(rows(), at(10 + HOUR_S - 1));
    assert_eq!((early.accepted, early.queued, early.missing), (4, 2, 0));
    assert!(early.is_balanced());
    let late = counted(rows(), at(10 + HOUR_S));
    assert_eq!((late.accepted, late.queued, late.missing), (4, 0, 2));
    assert!(!late.is_balanced());
}

#[test]
fn what_the_queue_did_not_take_was_not_accepted() {
    let teller = Row {
        unsent: vec![1, 2],
        ..row(3, 10)
    };
    let tally = counted(vec![row(0, 0), teller], at(2 * HOUR_S));
    assert_eq!((tally.accepted, tally.missing), (2, 0));
    // It says that it did not take one that it has taken: the row counts.
    let teller = Row {
        unsent: vec![1],
        ..row(2, 10)
    };
    let tally = counted(vec![row(0, 0), row(1, 1), teller], at(2 * HOUR_S));
    assert_eq!(tally.accepted, 3);
    assert!(tally.is_balanced());
}

#[test]
fn a_batch_counts_its_events_and_shows_those_without_a_row() {
    let item = |number| Row {
        of_items: Some(3),
        ..row(number, 0)
    };
    let whole = counted(vec![item(0), item(0), item(0)], at(2 * HOUR_S));
    assert_eq!((whole.accepted, whole.missing), (3, 0));
    let partly = counted(vec![item(0), item(0)], at(2 * HOUR_S));
    assert_eq!((partly.accepted, partly.missing), (3, 1));
}

#[test]
fn rows_without_numbers_are_taken_as_they_are() {
    let old = || Row {
        run: None,
        ..row(0, 0)
    };
    let tally = counted(vec![old(), old()], at(2 * HOUR_S));
    assert_eq!((tally.accepted, tally.missing), (2, 0));
}
