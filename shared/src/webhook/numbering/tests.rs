//! A number is given once; what was not sent is told.

use super::*;

fn endpoint() -> EndpointId {
    EndpointId::first_at(jiff::Timestamp::UNIX_EPOCH)
}

#[test]
fn numbers_count_without_a_gap() {
    let numbering = Numbering::default();
    let taken: Vec<_> = (0..3)
        .map(|_| {
            let (number, numbered) = numbering.take(endpoint());
            numbered.sent();
            number
        })
        .collect();
    assert_eq!(
        taken.iter().map(|number| number.at).collect::<Vec<_>>(),
        [0, 1, 2]
    );
    assert!(taken.iter().all(|number| number.run == taken[0].run));
}

#[test]
fn a_number_that_was_not_sent_is_told_by_the_next() {
    let numbering = Numbering::default();
    let (first, unsent) = numbering.take(endpoint());
    drop(unsent);
    let (second, unsent) = numbering.take(endpoint());
    assert_eq!((second.at, &*second.unsent), (1, &[0][..]));
    drop(unsent);
    let (third, numbered) = numbering.take(endpoint());
    numbered.sent();
    assert_eq!((third.at, &*third.unsent), (2, &[0, 1][..]));
    assert_eq!(third.run, first.run);
    let (fourth, _) = numbering.take(endpoint());
    assert!(fourth.unsent.is_empty(), "it is told once");
}

#[test]
fn many_numbers_that_were_not_sent_begin_a_new_run() {
    let numbering = Numbering::default();
    let (first, _) = numbering.take(endpoint());
    for _ in 0..MOST_UNSENT + 1 {
        drop(numbering.take(endpoint()));
    }
    let (after, _) = numbering.take(endpoint());
    assert_ne!(after.run, first.run);
    assert!(after.unsent.len() <= 1, "{after:?}");
}
