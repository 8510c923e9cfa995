//! Bulk retry: what a filter matches is retried once each, at the pace asked for, whoever dies.

use local::{
    fault::{Answer, Fault},
    pump::Redeliver,
};
use serde_json::{Value, json};

use crate::{
    deliveries::{listed, path_of, start},
    destinations::create,
    harness::{Client, Endpoint, Stack, text},
    receiver::Receiver,
};

/// Deliveries of this destination that have failed, because it was disabled.
async fn failed(stack: &Stack, owner: &Client, endpoint: &Endpoint, at: &Value, count: usize) {
    let path = path_of(at);
    // Between the worker that makes deliveries and the one that sends them.
    for number in 0..count {
        let id = format!("evt_{number}");
        stack.send(endpoint, &id).await.status(202);
    }
    let fault = Fault::everywhere(Answer::CrashBefore).by("delivery-worker");
    stack.faults().add(fault);
    stack.drain().await;
    stack.faults().clear();
    let switch = |on: bool| owner.patch(&path, json!({ "enabled": on }));
    switch(false).await.status(200);
    stack.advance_s(181);
    stack.drain().await;
    switch(true).await.status(200);
    assert_eq!(listed(owner, "state=failed&limit=100").await.len(), count);
}

/// Moves time on until the job has ended and everything that it sent is done.
async fn finish(stack: &Stack, path: &str, step_s: u64) -> Value {
    for _ in 0..60 {
        stack.drain().await;
        let job = stack.again("acme").await.get(path).await.status(200);
        if !job["ended_at"].is_null() && stack.queued("DeliveriesQueue") == 0 {
            return job;
        }
        stack.advance_s(step_s);
    }
    panic!("the job does not end");
}

#[tokio::test]
async fn failed_deliveries_of_a_destination_are_counted_and_retried_once() {
    let stack = Stack::with(Redeliver::Always).await;
    let (owner, endpoint, receiver, destination) = start(&stack).await;
    failed(&stack, &owner, &endpoint, &destination, 7).await;
    let off = Receiver::start().await;
    let other = create(&owner, &off, json!({ "enabled": false })).await;
    let filter = json!({ "destination": destination["id"] });
    let ask = json!({ "filter": filter, "dry_run": true });
    let counted = owner.post("/v1/deliveries:retry", ask).await.status(200);
    assert_eq!(counted, json!({ "count": 7, "at_least": false }));
    assert!(receiver.take().is_empty());
    let ask = json!({ "filter": filter, "pace_per_s": 2 });
    let answer = owner.post("/v1/deliveries:retry", ask).await;
    let path = answer.header("location");
    let job = answer.status(202);
    assert_eq!(job["kind"], "retry_deliveries");
    assert_eq!(job["parameters"]["filter"]["state"], "failed");
    // Two a second: not all at once.
    stack.drain().await;
    assert!(receiver.take().len() <= 4);
    let job = finish(&stack, &path, 5).await;
    assert_eq!(
        (&job["state"], &job["progress"]["done"]),
        (&json!("completed"), &json!(7))
    );
    let owner = stack.again("acme").await;
    let list = listed(&owner, "limit=100").await;
    assert_eq!(list.len(), 7);
    for delivery in list {
        assert_eq!(delivery["state"], "delivered");
        assert_eq!(delivery["attempt_count"], 1);
    }
    let trail = owner.get("/v1/audit?action=delivery.retried&limit=100");
    let trail = trail.await.status(200);
    assert_eq!(trail["data"].as_array().unwrap().len(), 7);
    // Nothing can be sent to one that is disabled.
    let ask = json!({ "filter": { "destination": other["id"] } });
    let refused = owner.post("/v1/deliveries:retry", ask).await;
    refused.problem(409, "conflict");
}

#[tokio::test]
async fn a_filter_must_say_what_it_means() {
    let stack = Stack::start().await;
    let owner = stack.tenant("acme").await;
    for (filter, pointer) in [
        (json!({}), "/filter"),
        (json!({ "all": true, "type": "a" }), "/filter/all"),
        (json!({ "since": "2100-01-01T00:00:00Z" }), "/filter/since"),
    ] {
        let ask = json!({ "filter": filter });
        let problem = owner.post("/v1/deliveries:retry", ask).await;
        let problem = problem.problem(422, "invalid-request");
        assert_eq!(problem["errors"][0]["pointer"], pointer);
    }
    let unknown = json!({ "filter": { "colour": "red" } });
    let problem = owner.post("/v1/deliveries:retry", unknown).await;
    problem.problem(422, "invalid-request");
    let all = json!({ "filter": { "all": true }, "dry_run": true });
    let counted = owner.post("/v1/deliveries:retry", all).await.status(200);
    assert_eq!(counted["count"], 0);
}

#[tokio::test]
async fn a_job_skips_what_it_cannot_send_and_outlives_its_worker() {
    for answer in [Answer::CrashBefore, Answer::CrashAfter] {
        for calls in [2, 5, 8] {
            let stack = Stack::start().await;
            let (owner, endpoint, receiver, destination) = start(&stack).await;
            failed(&stack, &owner, &endpoint, &destination, 3).await;
            let ask = json!({ "filter": { "all": true } });
            let started = owner.post("/v1/deliveries:retry", ask).await;
            let path = started.header("location");
            let fault = Fault::everywhere(answer).by("job-worker");
            stack.faults().add(fault.after(calls).times(1));
            let job = finish(&stack, &path, 181).await;
            let name = format!("{answer:?} {calls}: {job}");
            assert_eq!(job["state"], "completed", "{name}");
            assert_eq!(job["progress"]["done"], 3, "{name}");
            assert_eq!(receiver.take().len(), 3, "{name}");
            let owner = stack.again("acme").await;
            let path = path_of(&destination);
            owner.delete(&path).await;
            let ask = json!({ "filter": { "state": "delivered" } });
            let started = owner.post("/v1/deliveries:retry", ask).await;
            let job = finish(&stack, &started.header("location"), 181).await;
            let skipped = &job["progress"]["skipped_because"]["not_eligible"];
            assert_eq!(skipped, &json!(3), "{name}");
            assert!(text(&job["state"]) == "completed", "{name}");
        }
    }
}
