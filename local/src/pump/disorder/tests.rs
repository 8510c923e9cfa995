//! That disorder repeats and reorders, but never invents, drops or doubles within a batch.

use std::collections::BTreeSet;

use proptest::prelude::*;
use serde_json::json;

use crate::pump::disorder::Disorder;
use crate::queues::Message;

fn message(id: usize) -> Message {
    serde_json::from_value(json!({
        "MessageId": id.to_string(), "ReceiptHandle": "r", "Body": "", "MD5OfBody": "",
    }))
    .unwrap()
}

fn ids(batch: &[Message]) -> Vec<String> {
    batch
        .iter()
        .map(|message| message.message_id.clone())
        .collect()
}

proptest! {
    #[test]
    fn a_standard_queues_messages_all_come_and_never_twice_in_a_batch(seed: u64, count in 1_usize..60) {
        let received = vec![(0..count).map(message).collect()];
        let batches = Disorder::seeded(seed).standard(received, 10);
        for batch in &batches {
            let distinct: BTreeSet<_> = ids(batch).into_iter().collect();
            prop_assert!(distinct.len() == batch.len() && (1..=10).contains(&batch.len()));
        }
        let all: BTreeSet<_> = batches.iter().flat_map(|batch| ids(batch)).collect();
        prop_assert_eq!(all, (0..count).map(|id| id.to_string()).collect::<BTreeSet<_>>());
    }

    #[test]
    fn a_fifo_queues_batches_keep_their_order_inside(seed: u64, count in 1_usize..6) {
        let batch = |at: usize| vec![message(2 * at), message(2 * at + 1)];
        let batches = Disorder::seeded(seed).fifo((0..count).map(batch).collect());
        let known: BTreeSet<_> = (0..count).map(|at| ids(&batch(at))).collect();
        prop_assert_eq!(batches.iter().map(|batch| ids(batch)).collect::<BTreeSet<_>>(), known);
    }
}

#[test]
fn some_are_repeated_put_out_of_order_and_kept_from_deletion() {
    let received = vec![(0..200).map(message).collect()];
    let disorder = Disorder::seeded(1);
    let order: Vec<_> = disorder
        .standard(received, 10)
        .iter()
        .flat_map(|batch| ids(batch))
        .collect();
    assert!(order.len() > 200);
    assert_ne!(order.first().map(String::as_str), Some("0"));
    assert!(disorder.lose_some((0..200).map(|_| "r")).len() < 200);
}
