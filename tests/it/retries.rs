//! An endpoint's own retry policy: how often and for how long its failing events are tried.

use local::fault::{Answer, Fault};
use serde_json::{Value, json};

use crate::harness::{Endpoint, Stack, text};

/// The longest wait of a policy, and the longest that SQS hides a message.
const HALF_A_DAY_S: u64 = 43_200;

async fn endpoint(stack: &Stack, retry: Value) -> Endpoint {
    let owner = stack.tenant("acme").await;
    let endpoint = Endpoint::create(&owner, "stripe").await;
    let path = format!("/v1/webhook-endpoints/{}", endpoint.id);
    let changed = owner.patch(&path, json!({ "retry": retry })).await;
    assert_eq!(changed.status(200)["retry"], retry);
    let fault = Fault::on("TransactWriteItems", Answer::InternalError).containing("evt_poison");
    stack.faults().add(fault);
    endpoint
}

async fn event(stack: &Stack, id: &Value) -> Value {
    let owner = stack.again("acme").await;
    owner
        .get(&format!("/v1/events/{}", text(id)))
        .await
        .status(200)
}

#[tokio::test]
async fn a_schedule_of_days_is_kept_to_its_last_attempt() {
    let stack = Stack::start().await;
    let retry =
        json!({ "max_attempts": 9, "base_s": 43_200, "cap_s": 43_200, "horizon_hours": 168 });
    let endpoint = endpoint(&stack, retry).await;
    let id = stack.send(&endpoint, "evt_poison").await.status(202)["id"].clone();
    for attempt in 1..9_u64 {
        stack.drain().await;
        let event = event(&stack, &id).await;
        assert_eq!(
            (&event["state"], &event["attempt_count"]),
            (&json!("retrying"), &json!(attempt))
        );
        stack.advance_s(HALF_A_DAY_S);
    }
    stack.drain().await;
    let event = event(&stack, &id).await;
    assert_eq!(
        (&event["state"], &event["attempt_count"]),
        (&json!("dead"), &json!(9))
    );
    assert_eq!(stack.queued("EventsDeadLetterQueue"), 1);
}

#[tokio::test]
async fn an_attempt_that_fails_beyond_the_horizon_is_the_last() {
    let stack = Stack::start().await;
    let retry =
        json!({ "max_attempts": 50, "base_s": 43_200, "cap_s": 43_200, "horizon_hours": 24 });
    let endpoint = endpoint(&stack, retry).await;
    let id = stack.send(&endpoint, "evt_poison").await.status(202)["id"].clone();
    stack.drain().await;
    stack.advance_s(2 * HALF_A_DAY_S);
    stack.drain().await;
    let event = event(&stack, &id).await;
    assert_eq!(
        (&event["state"], &event["attempt_count"]),
        (&json!("dead"), &json!(2))
    );
}

#[tokio::test]
async fn a_single_attempt_is_a_policy_too() {
    let stack = Stack::start().await;
    let retry = json!({ "max_attempts": 1, "base_s": 5, "cap_s": 5, "horizon_hours": 1 });
    let endpoint = endpoint(&stack, retry).await;
    let id = stack.send(&endpoint, "evt_poison").await.status(202)["id"].clone();
    stack.drain().await;
    assert_eq!(event(&stack, &id).await["state"], "dead");
}

#[tokio::test]
async fn a_policy_is_checked_and_null_goes_back_to_the_default() {
    let stack = Stack::start().await;
    let owner = stack.tenant("acme").await;
    for (retry, pointer) in [
        (json!({ "max_attempts": 0 }), "/retry/max_attempts"),
        (json!({ "max_attempts": 51 }), "/retry/max_attempts"),
        (json!({ "base_s": 0 }), "/retry/base_s"),
        (json!({ "cap_s": 43_201 }), "/retry/cap_s"),
        (json!({ "horizon_hours": 169 }), "/retry/horizon_hours"),
    ] {
        let new = json!({ "name": "N", "scheme": "stripe", "retry": retry });
        let problem = owner
            .post("/v1/webhook-endpoints", new)
            .await
            .problem(422, "invalid-request");
        assert_eq!(problem["errors"][0]["pointer"], pointer, "{problem}");
    }
    let new = json!({ "name": "N", "scheme": "stripe", "retry": { "max_attempts": 3 } });
    let made = owner.post("/v1/webhook-endpoints", new).await.status(201);
    let mut wanted = json!({ "max_attempts": 3, "base_s": 5, "cap_s": 900, "horizon_hours": 72 });
    assert_eq!(made["retry"], wanted);
    let path = format!("/v1/webhook-endpoints/{}", text(&made["id"]));
    let changed = owner.patch(&path, json!({ "retry": null })).await;
    wanted["max_attempts"] = json!(8);
    assert_eq!(changed.status(200)["retry"], wanted);
}
