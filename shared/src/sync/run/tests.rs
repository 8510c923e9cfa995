//! Runs: pages in order and once each, whatever messages come, and deletes judged together at the end.

use proptest::prelude::*;

use crate::sync::{DeleteRule, Ended, Phase, Refused, Run, RunState, Step};

fn run(synced: u64) -> Run {
    Run::new(None, synced, DeleteRule::default())
}

fn last(deletes: u64) -> Step {
    Step {
        deletes,
        ..Step::default()
    }
}

#[test]
fn a_run_reads_both_sides_and_then_deletes() {
    let first = run(100);
    let more = Step {
        next: Some("2".to_owned()),
        seen: 3,
        ..Step::default()
    };
    let second = first.after(0, more).unwrap();
    assert_eq!(
        (second.phase, second.cursor.as_deref()),
        (Phase::Remote, Some("2"))
    );
    let local = second.after(1, last(2)).unwrap();
    assert_eq!((local.phase, local.cursor.clone()), (Phase::Local, None));
    let deletes = local.after(2, last(1)).unwrap();
    assert_eq!(
        (deletes.phase, deletes.statistics.deletes),
        (Phase::Deletes, 3)
    );
    let done = deletes.after(3, last(0)).unwrap();
    assert_eq!(
        (done.state, done.statistics.pages, done.statistics.seen),
        (RunState::Completed, 4, 3)
    );
}

#[test]
fn a_landslide_of_deletes_is_held_back_and_the_rest_stays() {
    let local = run(100).after(0, last(60)).unwrap();
    let held = local.after(1, last(1)).unwrap();
    assert_eq!(held.state, RunState::Quarantined);
    assert_eq!(held.after(2, last(0)), Err(Refused::Over));
}

#[test]
fn a_message_counts_for_its_own_page_only() {
    let second = run(0)
        .after(
            0,
            Step {
                next: Some("2".to_owned()),
                ..Step::default()
            },
        )
        .unwrap();
    assert_eq!(second.after(0, last(0)), Err(Refused::Done));
    assert_eq!(second.after(2, last(0)), Err(Refused::Early));
    let paused = second.pause().unwrap();
    assert_eq!(paused.after(1, last(0)), Err(Refused::Paused));
    assert!(paused.resume().unwrap().after(1, last(0)).is_ok());
    let cancelled = paused.end(Ended::Cancelled).unwrap();
    assert_eq!(cancelled.resume(), Err(Refused::Over));
    assert_eq!(cancelled.pause(), Err(Refused::Over));
    assert_eq!(cancelled.admit(1), Err(Refused::Over));
}

#[derive(Debug, Clone)]
enum Act {
    /// A message of this page, maybe old, maybe early, maybe for the second time.
    Message {
        page: u64,
        deletes: u64,
        is_last: bool,
    },
    Pause,
    Resume,
    Cancel,
}

fn act() -> impl Strategy<Value = Act> {
    prop_oneof![
        8 => (0_u64..8, 0_u64..3, any::<bool>())
            .prop_map(|(page, deletes, is_last)| Act::Message { page, deletes, is_last }),
        1 => Just(Act::Pause),
        2 => Just(Act::Resume),
        1 => Just(Act::Cancel),
    ]
}

proptest! {
    #[test]
    fn whatever_comes_each_page_is_done_once_and_in_order(acts in proptest::collection::vec(act(), 0..60)) {
        let mut run = run(1_000);
        let mut done = Vec::new();
        for act in acts {
            let over = run.is_over();
            let next = match act {
                Act::Message { page, deletes, is_last } => {
                    let next = (!is_last).then(|| "more".to_owned());
                    let after = run.after(page, Step { next, deletes, ..Step::default() });
                    if after.is_ok() {
                        done.push(page);
                    }
                    after
                }
                Act::Pause => run.pause(),
                Act::Resume => run.resume(),
                Act::Cancel => run.end(Ended::Cancelled),
            };
            prop_assert!(!over || next.is_err());
            run = next.unwrap_or(run);
        }
        let expected: Vec<u64> = (0..u64::try_from(done.len()).unwrap()).collect();
        prop_assert_eq!(&done, &expected);
        prop_assert_eq!(run.statistics.pages, run.page);
    }
}
