//! Bulk jobs through the front door: what is counted is replayed, once, at the pace asked for, whatever
//! fails in between.

use local::{
    fault::{Answer, Fault},
    pump::Redeliver,
};
use serde_json::{Value, json};

use crate::harness::{Client, Endpoint, Stack, text};

/// An endpoint with this many events that were processed once.
async fn processed(stack: &Stack, owner: &Client, count: usize) -> Endpoint {
    let endpoint = Endpoint::create(owner, "stripe").await;
    for at in 0..count {
        let id = format!("evt_{at}");
        stack.send(&endpoint, &id).await.status(202);
    }
    stack.drain().await;
    endpoint
}

/// Starts a job; its path.
async fn start(owner: &Client, ask: Value) -> String {
    let answer = owner.post("/v1/events:replay", ask).await;
    let path = answer.header("location");
    assert_eq!(
        path,
        format!("/v1/jobs/{}", text(&answer.status(202)["id"]))
    );
    path
}

async fn all(owner: &Client, path: &str) -> Vec<Value> {
    let mut found: Vec<Value> = Vec::new();
    let mut next = format!("{path}?limit=100");
    loop {
        let page = owner.get(&next).await.status(200);
        found.extend(page["data"].as_array().unwrap().iter().cloned());
        match page["next_cursor"].as_str() {
            Some(cursor) => next = format!("{path}?limit=100&cursor={cursor}"),
            None => return found,
        }
    }
}

/// How often each event was tried.
async fn attempts(owner: &Client) -> Vec<u64> {
    let events = all(owner, "/v1/events").await;
    events
        .iter()
        .map(|event| event["attempt_count"].as_u64().unwrap())
        .collect()
}

/// How many of the events, each processed once, have been replayed; none more than once.
async fn replayed_once(owner: &Client) -> usize {
    let attempts = attempts(owner).await;
    assert!(
        attempts.iter().all(|attempts| *attempts <= 2),
        "{attempts:?}"
    );
    attempts.iter().filter(|attempts| **attempts == 2).count()
}

/// Entries of the audit trail with this action.
async fn entries(owner: &Client, action: &str) -> Vec<Value> {
    let all = all(owner, "/v1/audit").await;
    all.into_iter()
        .filter(|entry| entry["action"] == action)
        .collect()
}

/// Moves time on until the job has ended and everything that it sent is done.
async fn finish(stack: &Stack, owner: &Client, path: &str, step_s: u64) -> Value {
    for _ in 0..60 {
        stack.drain().await;
        let job = owner.get(path).await.status(200);
        let has_ended = !job["ended_at"].is_null();
        if has_ended && stack.queued("EventsQueue") + stack.queued("JobsQueue") == 0 {
            return job;
        }
        stack.advance_s(step_s);
    }
    panic!("the job does not end: {}", owner.get(path).await.body);
}

#[tokio::test]
async fn what_died_in_an_outage_is_counted_and_then_replayed() {
    let stack = Stack::start().await;
    let owner = stack.tenant("acme").await;
    let endpoint = Endpoint::create(&owner, "stripe").await;
    let outage = Fault::on("TransactWriteItems", Answer::InternalError).by("webhook-worker");
    let outage = stack.faults().add(outage);
    for at in 0..120 {
        let id = format!("evt_{at}");
        stack.send(&endpoint, &id).await.status(202);
    }
    for _ in 0..8 {
        stack.drain().await;
        stack.advance_s(900);
    }
    stack.faults().remove(outage);
    let owner = stack.again("acme").await;
    let dead = |dry_run: bool| {
        let filter = json!({ "endpoint": endpoint.id, "state": "dead" });
        json!({ "filter": filter, "dry_run": dry_run, "pace_per_s": 100 })
    };
    let count = owner
        .post("/v1/events:replay", dead(true))
        .await
        .status(200);
    assert_eq!(count, json!({ "count": 120, "at_least": false }));
    assert!(all(&owner, "/v1/jobs").await.is_empty());
    let path = start(&owner, dead(false)).await;
    assert_eq!(owner.get(&path).await.header("etag"), "\"1\"");
    let job = finish(&stack, &owner, &path, 1).await;
    assert_eq!(job["state"], "completed", "{job}");
    let progress = &job["progress"];
    assert_eq!(
        (&progress["done"], &progress["total"], &progress["skipped"]),
        (&json!(120), &json!(120), &json!(0))
    );
    let events = all(&owner, "/v1/events").await;
    assert_eq!(events.len(), 120);
    assert!(
        events
            .iter()
            .all(|event| event["state"] == "processed" && event["attempt_count"] == 9)
    );
    let count = owner
        .post("/v1/events:replay", dead(true))
        .await
        .status(200);
    assert_eq!(count["count"], 0);
    // Each replay is told of by itself, and names the job; the job names who started it.
    let replays = entries(&owner, "event.replayed").await;
    assert_eq!(replays.len(), 120);
    assert!(replays.iter().all(|entry| entry["actor"] == job["id"]));
    let me = owner.get("/v1/me").await.status(200);
    assert_eq!(job["created_by"], me["id"]);
    for action in ["job.created", "job.ended"] {
        assert_eq!(entries(&owner, action).await[0]["target"], job["id"]);
    }
}

#[tokio::test]
async fn the_pace_is_kept_from_page_to_page() {
    let stack = Stack::start().await;
    let owner = stack.tenant("acme").await;
    let endpoint = processed(&stack, &owner, 30).await;
    let started_ms = stack.platform.clock().now_ms();
    let ask = json!({ "filter": { "endpoint": endpoint.id }, "pace_per_s": 2 });
    let path = start(&owner, ask).await;
    let mut done = 0;
    for _ in 0..20 {
        stack.drain().await;
        done = replayed_once(&owner).await;
        let elapsed_s = (stack.platform.clock().now_ms() - started_ms) / 1_000;
        let most = 2 * usize::try_from(elapsed_s + 1).unwrap();
        assert!(done <= most, "{done} events in {elapsed_s} s");
        stack.advance_s(1);
    }
    assert_eq!(done, 30);
    let job = owner.get(&path).await.status(200);
    assert_eq!(
        (&job["state"], &job["progress"]["done"]),
        (&json!("completed"), &json!(30))
    );
}

#[tokio::test]
async fn a_job_that_is_cancelled_in_the_middle_leaves_the_rest_as_it_is() {
    let stack = Stack::start().await;
    let owner = stack.tenant("acme").await;
    let endpoint = processed(&stack, &owner, 30).await;
    let ask = json!({ "filter": { "endpoint": endpoint.id }, "pace_per_s": 2 });
    let path = start(&owner, ask).await;
    stack.drain().await;
    let running = owner.get(&path).await.status(200);
    assert_eq!(
        (&running["state"], &running["progress"]["done"]),
        (&json!("running"), &json!(20))
    );
    let verb = format!("{path}:cancel");
    let answer = owner.post(&verb, json!({})).await.status(202);
    assert_eq!(answer["state"], "cancelling");
    let job = finish(&stack, &owner, &path, 1).await;
    assert_eq!(
        (&job["state"], &job["progress"]["done"]),
        (&json!("cancelled"), &json!(20))
    );
    assert_eq!(replayed_once(&owner).await, 20);
    owner.post(&verb, json!({})).await.problem(409, "conflict");
    for action in ["job.cancelled", "job.ended"] {
        let told = entries(&owner, action).await;
        assert_eq!((told.len(), &told[0]["target"]), (1, &job["id"]));
    }
}

#[tokio::test]
async fn messages_that_come_twice_replay_nothing_twice() {
    let stack = Stack::with(Redeliver::Always).await;
    let owner = stack.tenant("acme").await;
    let endpoint = processed(&stack, &owner, 45).await;
    let ask = json!({ "filter": { "endpoint": endpoint.id }, "pace_per_s": 4 });
    let path = start(&owner, ask).await;
    let job = finish(&stack, &owner, &path, 1).await;
    assert_eq!(
        (&job["state"], &job["progress"]["done"]),
        (&json!("completed"), &json!(45))
    );
    assert_eq!(replayed_once(&owner).await, 45);
    assert_eq!(entries(&owner, "event.replayed").await.len(), 45);
}

#[tokio::test]
async fn a_store_or_queue_that_fails_in_the_middle_costs_time_and_nothing_else() {
    for (operation, answer) in [
        ("TransactWriteItems", Answer::InternalError),
        ("TransactWriteItems", Answer::LostAnswer),
        ("TransactWriteItems", Answer::TransactionConflict),
        ("UpdateItem", Answer::InternalError),
        ("UpdateItem", Answer::LostAnswer),
        ("BatchGetItem", Answer::Throttling),
        ("SendMessageBatch", Answer::InternalError),
    ] {
        let stack = Stack::start().await;
        let owner = stack.tenant("acme").await;
        let endpoint = processed(&stack, &owner, 30).await;
        let ask = json!({ "filter": { "endpoint": endpoint.id }, "pace_per_s": 2 });
        let path = start(&owner, ask).await;
        let fault = Fault::on(operation, answer).by("job-worker").times(12);
        let fault = stack.faults().add(fault);
        let job = finish(&stack, &owner, &path, 10).await;
        assert!(stack.faults().hits(fault) >= 6, "{operation} {answer:?}");
        assert_eq!(job["state"], "completed", "{operation} {answer:?}: {job}");
        assert_eq!(replayed_once(&owner).await, 30, "{operation} {answer:?}");
        let told = entries(&owner, "event.replayed").await.len();
        assert_eq!(told, 30, "{operation} {answer:?}");
    }
}

#[tokio::test]
async fn a_job_whose_page_cannot_be_done_fails_with_its_reason() {
    let stack = Stack::start().await;
    let owner = stack.tenant("acme").await;
    let endpoint = processed(&stack, &owner, 3).await;
    let ask = json!({ "filter": { "endpoint": endpoint.id } });
    let path = start(&owner, ask.clone()).await;
    let fault = Fault::on("Query", Answer::InternalError).by("job-worker");
    let fault = stack.faults().add(fault);
    for _ in 0..12 {
        stack.drain().await;
        stack.advance_s(300);
    }
    let owner = stack.again("acme").await;
    let job = owner.get(&path).await.status(200);
    assert_eq!(job["state"], "failed", "{job}");
    assert!(!text(&job["error"]).is_empty());
    assert_eq!(
        (
            stack.queued("JobsQueue"),
            stack.queued("JobsDeadLetterQueue")
        ),
        (0, 1)
    );
    assert_eq!(replayed_once(&owner).await, 0);
    // It does not count as unfinished any more, and the next one works.
    stack.faults().remove(fault);
    let path = start(&owner, ask).await;
    let job = finish(&stack, &owner, &path, 1).await;
    assert_eq!(job["progress"]["done"], 3);
}

#[tokio::test]
async fn a_job_that_the_queue_does_not_take_has_failed() {
    let stack = Stack::start().await;
    let owner = stack.tenant("acme").await;
    let fault = Fault::on("SendMessageBatch", Answer::InternalError).by("integrations");
    let fault = stack.faults().add(fault);
    let ask = json!({ "filter": { "all": true } });
    let answer = owner.post("/v1/events:replay", ask).await;
    answer.problem(503, "unavailable");
    stack.faults().remove(fault);
    let jobs = all(&owner, "/v1/jobs").await;
    assert_eq!((jobs.len(), &jobs[0]["state"]), (1, &json!("failed")));
}

#[tokio::test]
async fn a_tenant_has_five_unfinished_jobs_at_most() {
    let stack = Stack::start().await;
    let (owner, other) = (stack.tenant("acme").await, stack.tenant("blue").await);
    let ask = || json!({ "filter": { "all": true } });
    let mut paths = Vec::new();
    for _ in 0..5 {
        paths.push(start(&owner, ask()).await);
        stack.advance_s(1);
    }
    let sixth = || owner.post("/v1/events:replay", ask());
    sixth().await.problem(409, "conflict");
    // Another tenant's are its own.
    start(&other, ask()).await;
    let verb = format!("{}:cancel", paths[2]);
    owner.post(&verb, json!({})).await.status(202);
    stack.drain().await;
    sixth().await.status(202);
    let cancelled = owner.get("/v1/jobs?state=cancelled").await.status(200);
    assert_eq!(cancelled["data"].as_array().unwrap().len(), 1);
    // Latest first, a page at a time.
    let first = owner.get("/v1/jobs?limit=4").await.status(200);
    let cursor = text(&first["next_cursor"]);
    let next = format!("/v1/jobs?limit=4&cursor={cursor}");
    let second = owner.get(&next).await.status(200);
    let ids: Vec<String> = [&first, &second]
        .iter()
        .flat_map(|page| page["data"].as_array().unwrap())
        .map(|job| format!("/v1/jobs/{}", text(&job["id"])))
        .collect();
    assert_eq!(ids.len(), 6);
    paths.reverse();
    assert_eq!(ids[1..], paths);
}

#[tokio::test]
async fn a_job_reaches_its_own_tenants_events_alone() {
    let stack = Stack::start().await;
    let (acme, blue) = (stack.tenant("acme").await, stack.tenant("blue").await);
    processed(&stack, &acme, 3).await;
    let theirs = processed(&stack, &blue, 3).await;
    let path = start(&acme, json!({ "filter": { "all": true } })).await;
    let job = finish(&stack, &acme, &path, 1).await;
    assert_eq!(job["progress"]["done"], 3);
    // The endpoint of another tenant names nothing.
    let path = start(&acme, json!({ "filter": { "endpoint": theirs.id } })).await;
    let job = finish(&stack, &acme, &path, 1).await;
    assert_eq!(
        (&job["state"], &job["progress"]["done"]),
        (&json!("completed"), &json!(0))
    );
    assert_eq!(
        (replayed_once(&acme).await, replayed_once(&blue).await),
        (3, 0)
    );
    assert!(all(&blue, "/v1/jobs").await.is_empty());
}

#[tokio::test]
async fn a_part_of_the_events_can_be_asked_for() {
    let stack = Stack::start().await;
    let owner = stack.tenant("acme").await;
    let endpoint = processed(&stack, &owner, 4).await;
    let broken = b"{\"id\": not json";
    stack.send_body(&endpoint, "x", broken).await.status(202);
    stack.drain().await;
    let count = async |filter: Value, max: Value| {
        let ask = json!({ "filter": filter, "max": max, "dry_run": true });
        let answer = owner.post("/v1/events:replay", ask).await.status(200);
        answer["count"].as_u64().unwrap()
    };
    let none = Value::Null;
    assert_eq!(count(json!({ "all": true }), none.clone()).await, 5);
    assert_eq!(count(json!({ "all": true }), json!(2)).await, 2);
    assert_eq!(count(json!({ "state": "dead" }), none.clone()).await, 1);
    assert_eq!(
        count(json!({ "type": "invoice.paid" }), none.clone()).await,
        4
    );
    assert_eq!(count(json!({ "type": "no.such" }), none.clone()).await, 0);
    let first = text(&all(&owner, "/v1/events").await[4]["received_at"]);
    assert_eq!(count(json!({ "since": first }), none.clone()).await, 5);
    let early = json!({ "endpoint": endpoint.id, "until": first });
    assert_eq!(count(early, none).await, 0);
    let ask = json!({ "filter": { "state": "processed" }, "max": 3 });
    let path = start(&owner, ask).await;
    let job = finish(&stack, &owner, &path, 1).await;
    assert_eq!(job["progress"]["done"], 3);
    assert_eq!(replayed_once(&owner).await, 3);
}

#[tokio::test]
async fn a_request_that_is_not_meant_well_is_refused() {
    let stack = Stack::start().await;
    let owner = stack.tenant("acme").await;
    for (ask, pointer) in [
        (json!({ "filter": {} }), "/filter"),
        (
            json!({ "filter": { "until": "2026-01-01T00:00:00Z" } }),
            "/filter",
        ),
        (json!({ "filter": { "all": false } }), "/filter"),
        (
            json!({ "filter": { "all": true, "state": "dead" } }),
            "/filter/all",
        ),
        (
            json!({ "filter": { "state": "retrying" } }),
            "/filter/state",
        ),
        (
            json!({ "filter": { "since": "2999-01-01T00:00:00Z" } }),
            "/filter/since",
        ),
        (
            json!({ "filter": { "all": true }, "pace_per_s": 0 }),
            "/pace_per_s",
        ),
        (
            json!({ "filter": { "all": true }, "pace_per_s": 101 }),
            "/pace_per_s",
        ),
        (json!({ "filter": { "all": true }, "max": 0 }), "/max"),
    ] {
        let answer = owner.post("/v1/events:replay", ask.clone()).await;
        let problem = answer.problem(422, "invalid-request");
        assert_eq!(problem["errors"][0]["pointer"], pointer, "{ask}: {problem}");
    }
    for ask in [
        json!({}),
        json!({ "filter": { "state": "lost" } }),
        json!({ "filter": { "all": true, "tenant": "x" } }),
        json!({ "filter": { "endpoint": "evt_1" } }),
    ] {
        let answer = owner.post("/v1/events:replay", ask.clone()).await;
        assert!(matches!(answer.code.as_u16(), 400 | 422), "{ask}");
    }
    assert!(all(&owner, "/v1/jobs").await.is_empty());
}
