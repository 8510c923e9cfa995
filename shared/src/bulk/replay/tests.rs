//! What a row says of what is left to do.

use serde_json::json;

use super::{Skip, Step, step};
use crate::store::{Event, EventState};

fn event(state: EventState, generation: u64) -> Event {
    serde_json::from_value(json!({
        "sk": "evt_01m8419z46ebwvdqdfnt2p8dz2",
        "endpoint_id": "whe_01m840ej98fgbb7a8e10a0a96t",
        "scheme": "stripe",
        "received_at": "2026-11-23T10:40:00Z",
        "state": state,
        "attempt_count": 1,
        "generation": generation,
    }))
    .unwrap()
}

#[test]
fn an_event_is_replayed_in_the_life_that_was_planned_and_in_no_later_one() {
    for state in EventState::ALL {
        for life in 0..3 {
            for generation in 0..4 {
                let step = step(&event(state, generation), None, life);
                let replays = step == Step::Replay;
                assert_eq!(
                    replays,
                    generation <= life && state != EventState::Retrying,
                    "{state:?} {generation} {life}"
                );
            }
        }
    }
}

#[test]
fn a_replayed_event_gets_its_message_again_only_while_it_waits() {
    for state in EventState::ALL {
        let expected = match state {
            EventState::Queued => Step::Send,
            EventState::Processed
            | EventState::Retrying
            | EventState::Dead
            | EventState::Ignored => Step::Nothing,
        };
        assert_eq!(step(&event(state, 1), Some(EventState::Dead), 0), expected);
    }
}

#[test]
fn an_event_that_does_not_match_any_more_is_left_as_it_is() {
    let step = |state| step(&event(state, 0), Some(EventState::Dead), 0);
    assert_eq!(step(EventState::Dead), Step::Replay);
    assert_eq!(step(EventState::Processed), Step::Skip(Skip::Changed));
    assert_eq!(step(EventState::Retrying), Step::Skip(Skip::InProgress));
}
