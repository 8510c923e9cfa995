//! Long waits between attempts: delayed messages instead of hidden ones, hop by hop, whoever dies; and what
//! was given up, moved back to the queue.

use std::collections::BTreeMap;

use jiff::Timestamp;
use local::{
    fault::{Answer, Fault},
    pump::Redeliver,
};
use serde_json::{Value, json};

use crate::{
    harness::{Endpoint, Stack, text},
    storm::settle,
};

const WORKER: &str = "webhook-worker";
const HOP_S: u64 = 900;
/// Longer than the visibility time-out.
const BACK_S: u64 = 181;

/// An endpoint with this policy, whose events named `poison` fail.
async fn failing(stack: &Stack, retry: Value) -> Endpoint {
    let owner = stack.tenant("acme").await;
    let endpoint = Endpoint::create(&owner, "stripe").await;
    let path = format!("/v1/webhook-endpoints/{}", endpoint.id);
    let changed = owner.patch(&path, json!({ "retry": retry })).await;
    changed.status(200);
    break_store(stack);
    endpoint
}

fn break_store(stack: &Stack) {
    let failure = Fault::on("TransactWriteItems", Answer::TransactionConflict);
    stack.faults().add(failure.containing("poison"));
}

fn days() -> Value {
    json!({ "max_attempts": 9, "base_s": 43_200, "cap_s": 43_200, "horizon_hours": 168 })
}

async fn event(stack: &Stack, id: &str) -> Value {
    let owner = stack.again("acme").await;
    owner.get(&format!("/v1/events/{id}")).await.status(200)
}

/// Seconds until the event's next attempt.
fn wait_s(event: &Value, stack: &Stack) -> i64 {
    let last = event["attempts"].as_array().unwrap().last().unwrap();
    let at: Timestamp = text(&last["next_at"]).parse().unwrap();
    at.as_second() - stack.now_s()
}

#[tokio::test]
async fn a_long_wait_is_not_in_flight_and_a_hop_is_three_calls() {
    let stack = Stack::start().await;
    let endpoint = failing(&stack, days()).await;
    let id = text(&stack.send(&endpoint, "evt_poison").await.status(202)["id"]);
    stack.drain().await;
    let waiting = event(&stack, &id).await;
    assert_eq!(waiting["state"], "retrying");
    // Chance may choose a short wait, once in a thousand times.
    let is_long = wait_s(&waiting, &stack) > 30;
    let counts = stack.platform.queue_counts("EventsQueue").unwrap();
    assert_eq!(
        (counts.delayed == 1, counts.in_flight == 0),
        (is_long, is_long)
    );
    let hop: BTreeMap<String, u64> = [
        ("DynamoDB.GetItem".to_owned(), 1),
        ("DynamoDB.UpdateItem".to_owned(), 1),
        ("SQS.SendMessage".to_owned(), 1),
    ]
    .into();
    while wait_s(&waiting, &stack) > i64::try_from(HOP_S).unwrap() + 1 {
        stack.advance_s(HOP_S);
        let mut calls = stack.calls(WORKER, stack.drain()).await;
        // Once in 45 minutes, whatever the tenant's work is.
        calls.remove("STS.AssumeRole");
        assert_eq!(calls, hop);
        assert_eq!(stack.queued("EventsQueue"), 1);
    }
    assert_eq!(event(&stack, &id).await["attempt_count"], 1);
    stack.faults().clear();
    stack.advance_s(HOP_S + 1);
    stack.drain().await;
    assert_eq!(stack.queued("EventsQueue"), 0);
    let applied = event(&stack, &id).await;
    assert_eq!(
        (&applied["state"], &applied["attempt_count"]),
        (&json!("processed"), &json!(2))
    );
}

#[tokio::test]
async fn messages_delivered_twice_do_not_multiply_over_the_hops() {
    let stack = Stack::with(Redeliver::Always).await;
    let endpoint = failing(&stack, days()).await;
    stack.send(&endpoint, "evt_poison").await.status(202);
    for _ in 0..8 {
        stack.drain().await;
        assert_eq!(stack.queued("EventsQueue"), 1);
        stack.advance_s(HOP_S + 1);
    }
}

#[tokio::test]
async fn a_long_wait_outlives_a_death_at_each_of_its_calls() {
    let stack = Stack::start().await;
    let hour = json!({ "max_attempts": 50, "base_s": 3_600, "cap_s": 3_600, "horizon_hours": 168 });
    let endpoint = failing(&stack, hour).await;
    let mut deaths = 0;
    for answer in [Answer::CrashBefore, Answer::CrashAfter] {
        let mut survived = 0;
        for calls in 0.. {
            let name = format!("evt_poison_{answer:?}_{calls}");
            let id = text(&stack.send(&endpoint, &name).await.status(202)["id"]);
            let fault = Fault::everywhere(answer).by(WORKER).after(calls).times(1);
            let fault = stack.faults().add(fault);
            stack.drain().await;
            let is_dead = stack.faults().hits(fault) == 1;
            stack.faults().clear();
            break_store(&stack);
            for _ in 0..3 {
                assert!((1..=2).contains(&stack.queued("EventsQueue")), "{name}");
                stack.advance_s(BACK_S);
                stack.drain().await;
            }
            stack.faults().clear();
            settle(&stack, &["EventsQueue"]).await;
            let event = event(&stack, &id).await;
            assert_eq!(event["state"], "processed", "{name}: {event}");
            let effects = event["attempts"].as_array().unwrap().iter();
            let effects = effects.filter(|attempt| attempt["outcome"] == "processed");
            assert_eq!(effects.count(), 1, "{name}: {event}");
            break_store(&stack);
            deaths += usize::from(is_dead);
            survived = if is_dead { 0 } else { survived + 1 };
            // A few times may be chance: one wait in four is short, and takes fewer calls.
            if survived == 6 {
                break;
            }
        }
    }
    // The transaction, the policy, the attempt, the step, the message, the step's end.
    assert!(deaths >= 10, "{deaths} deaths");
}

#[tokio::test]
async fn what_was_given_up_after_long_waits_is_redriven_with_all_its_attempts() {
    let stack = Stack::start().await;
    let twice =
        json!({ "max_attempts": 2, "base_s": 43_200, "cap_s": 43_200, "horizon_hours": 168 });
    let endpoint = failing(&stack, twice).await;
    let id = text(&stack.send(&endpoint, "evt_poison").await.status(202)["id"]);
    stack.drain().await;
    stack.advance_s(43_200);
    stack.drain().await;
    assert_eq!(event(&stack, &id).await["state"], "dead");
    assert_eq!(stack.queued("EventsDeadLetterQueue"), 1);
    // Not repaired yet: it waits once more, and is not lost.
    stack.redrive("EventsDeadLetterQueue", "EventsQueue").await;
    stack.drain().await;
    let again = event(&stack, &id).await;
    assert_eq!(
        (&again["state"], &again["attempt_count"]),
        (&json!("retrying"), &json!(3))
    );
    assert_eq!(stack.queued("EventsQueue"), 1);
    stack.faults().clear();
    stack.advance_s(43_200);
    stack.drain().await;
    assert_eq!(event(&stack, &id).await["state"], "processed");
    assert_eq!(
        (
            stack.queued("EventsQueue"),
            stack.queued("EventsDeadLetterQueue")
        ),
        (0, 0)
    );
}

#[tokio::test]
async fn a_redrive_after_a_replay_applies_nothing_twice() {
    let stack = Stack::start().await;
    let once = json!({ "max_attempts": 1, "base_s": 1, "cap_s": 1, "horizon_hours": 1 });
    let endpoint = failing(&stack, once).await;
    let id = text(&stack.send(&endpoint, "evt_poison").await.status(202)["id"]);
    stack.drain().await;
    assert_eq!(event(&stack, &id).await["state"], "dead");
    stack.faults().clear();
    let owner = stack.again("acme").await;
    let path = format!("/v1/events/{id}:replay");
    owner.post(&path, json!({})).await.status(202);
    stack.drain().await;
    let replayed = event(&stack, &id).await;
    assert_eq!(replayed["state"], "processed");
    stack.redrive("EventsDeadLetterQueue", "EventsQueue").await;
    stack.drain().await;
    assert_eq!(event(&stack, &id).await, replayed, "nothing was done again");
    assert_eq!(
        (
            stack.queued("EventsQueue"),
            stack.queued("EventsDeadLetterQueue")
        ),
        (0, 0)
    );
}
