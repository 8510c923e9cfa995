//! What a row says of what is left to do.

use jiff::Timestamp;
use serde_json::json;

use super::{Skip, Step, step};
use crate::store::{Delivery, DeliveryState};

const STATES: [DeliveryState; 4] = [
    DeliveryState::Pending,
    DeliveryState::Retrying,
    DeliveryState::Delivered,
    DeliveryState::Failed,
];

fn delivery(state: DeliveryState, round: u64, sent: u64) -> Delivery {
    serde_json::from_value(json!({
        "sk": "dlv_01m8419z46ebwvdqdfnt2p8dz2",
        "event_id": "evt_01m8419z46ebwvdqdfnt2p8dz2",
        "destination_id": "dst_01m840ej98fgbb7a8e10a0a96t",
        "created_at": "2026-11-23T10:40:00Z",
        "state": state,
        "attempt_count": 1,
        "round": round,
        "step": sent,
    }))
    .unwrap()
}

fn now() -> Timestamp {
    "2026-11-24T10:40:00Z".parse().unwrap()
}

#[test]
fn a_delivery_is_retried_in_the_round_that_was_planned_and_in_no_later_one() {
    for state in STATES {
        for life in 0..3 {
            for round in 0..4 {
                let step = step(&delivery(state, round, 0), None, life, now());
                assert_eq!(
                    step == Step::Retry,
                    round <= life,
                    "{state:?} {round} {life}"
                );
            }
        }
    }
}

#[test]
fn a_retried_delivery_gets_its_message_again_only_while_nobody_has_taken_it_up() {
    for state in STATES {
        for sent in 0..2 {
            let is_untried = state == DeliveryState::Pending && sent == 0;
            let expected = if is_untried {
                Step::Send
            } else {
                Step::Nothing
            };
            let found = step(
                &delivery(state, 2, sent),
                Some(DeliveryState::Failed),
                1,
                now(),
            );
            assert_eq!(found, expected, "{state:?} {sent}");
        }
    }
}

#[test]
fn one_that_is_being_sent_or_has_changed_is_left_alone() {
    let mut row = delivery(DeliveryState::Delivered, 1, 0);
    let wanted = Some(DeliveryState::Failed);
    assert_eq!(step(&row, wanted, 1, now()), Step::Skip(Skip::Changed));
    row.claimed_until_ms = now().as_millisecond() + 1;
    assert_eq!(step(&row, None, 1, now()), Step::Skip(Skip::InProgress));
}
