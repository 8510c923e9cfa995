//! Rate limits of endpoints: what is over them is told when to come again.

use local::fault::{Answer, Fault};
use serde_json::{Value, json};

use crate::harness::{Client, Endpoint, SECRET, Stack, text};

async fn limited(owner: &Client, limit: Value) -> Endpoint {
    let new = json!({ "name": "V", "scheme": "stripe", "secret": SECRET, "rate_limit": limit });
    let made = owner.post("/v1/webhook-endpoints", new).await.status(201);
    assert_eq!(made["rate_limit"], limit);
    Endpoint {
        id: text(&made["id"]),
        url: text(&made["url"]),
        scheme: "stripe".to_owned(),
    }
}

#[tokio::test]
async fn over_the_limit_is_told_when_to_come_again() {
    let stack = Stack::start().await;
    let owner = stack.tenant("acme").await;
    let endpoint = limited(&owner, json!({ "requests": 3, "per_seconds": 86_400 })).await;
    // Who cannot sign cannot use the permits up.
    for _ in 0..5 {
        stack.post_raw(&endpoint.url, &[], b"{}").await.status(401);
    }
    stack.advance_s(1);
    for at in 0..3 {
        let id = format!("evt_{at}");
        stack.send(&endpoint, &id).await.status(202);
    }
    let answer = stack.send(&endpoint, "evt_3").await;
    let problem = answer.problem(429, "quota-exceeded");
    assert!(text(&problem["detail"]).contains("3 requests in 86400 s"));
    let wait: u64 = answer.header("retry-after").parse().unwrap();
    assert!((28_000..=28_801).contains(&wait), "{wait}");
    assert_eq!(
        answer.header("ratelimit-policy"),
        "\"endpoint\";q=3;w=86400"
    );
    assert_eq!(
        answer.header("ratelimit"),
        format!("\"endpoint\";r=0;t={wait}")
    );
    stack.advance_s(wait);
    stack.send(&endpoint, "evt_4").await.status(202);
    stack
        .send(&endpoint, "evt_5")
        .await
        .problem(429, "quota-exceeded");
    let owner = stack.again("acme").await;
    let path = format!("/v1/webhook-endpoints/{}", endpoint.id);
    let kept = owner.get(&format!("{path}/rejections")).await.status(200);
    assert_eq!(kept["data"][0]["reason"], "rate_limited");
    let shown = owner
        .patch(&path, json!({ "rate_limit": null }))
        .await
        .status(200);
    assert_eq!(shown["rate_limit"], json!(null));
    stack.advance_s(10);
    stack.send(&endpoint, "evt_6").await.status(202);
}

#[tokio::test]
async fn a_limit_is_shared_by_all_instances_and_another_endpoint_has_its_own() {
    let stack = Stack::start().await;
    let owner = stack.tenant("acme").await;
    let limit = json!({ "requests": 2, "per_seconds": 86_400, "burst": 1 });
    let (one, other) = (
        limited(&owner, limit.clone()).await,
        limited(&owner, limit).await,
    );
    stack.send(&one, "evt_1").await.status(202);
    stack
        .send(&one, "evt_2")
        .await
        .problem(429, "quota-exceeded");
    stack.send(&other, "evt_3").await.status(202);
    // A changed limit begins with a full bucket.
    let path = format!("/v1/webhook-endpoints/{}", one.id);
    let wider = json!({ "rate_limit": { "requests": 3, "per_seconds": 86_400 } });
    owner.patch(&path, wider).await.status(200);
    stack.advance_s(10);
    stack.send(&one, "evt_4").await.status(202);
}

#[tokio::test]
async fn a_lease_serves_many_requests_and_none_is_needed_without_a_limit() {
    let stack = Stack::start().await;
    let owner = stack.tenant("acme").await;
    let limit = json!({ "requests": 60_000, "per_seconds": 60 });
    let endpoint = limited(&owner, limit).await;
    stack.send(&endpoint, "evt_first").await.status(202);
    let calls = stack
        .calls("webhooks", async {
            for at in 0..60 {
                stack
                    .send(&endpoint, &format!("evt_{at}"))
                    .await
                    .status(202);
            }
        })
        .await;
    assert_eq!(calls["SQS.SendMessage"], 60);
    let leases = calls.get("DynamoDB.UpdateItem").copied().unwrap_or(0);
    assert!(leases < 60, "{calls:?}");
}

#[tokio::test]
async fn a_table_that_is_away_lets_requests_pass() {
    let stack = Stack::start().await;
    let owner = stack.tenant("acme").await;
    let endpoint = limited(&owner, json!({ "requests": 1, "per_seconds": 86_400 })).await;
    stack
        .faults()
        .add(Fault::on("UpdateItem", Answer::InternalError).by("webhooks"));
    for at in 0..3 {
        let id = format!("evt_{at}");
        stack.send(&endpoint, &id).await.status(202);
    }
}

#[tokio::test]
async fn what_is_no_limit_is_refused_with_its_place() {
    let stack = Stack::start().await;
    let owner = stack.tenant("acme").await;
    let endpoint = Endpoint::create(&owner, "stripe").await;
    let path = format!("/v1/webhook-endpoints/{}", endpoint.id);
    for (limit, pointer) in [
        (json!(100), "/rate_limit"),
        (json!({}), "/rate_limit"),
        (json!({ "requests": 1 }), "/rate_limit"),
        (
            json!({ "requests": 0, "per_seconds": 1 }),
            "/rate_limit/requests",
        ),
        (
            json!({ "requests": 1_000_001, "per_seconds": 1 }),
            "/rate_limit/requests",
        ),
        (
            json!({ "requests": "1", "per_seconds": 1 }),
            "/rate_limit/requests",
        ),
        (
            json!({ "requests": -1, "per_seconds": 1 }),
            "/rate_limit/requests",
        ),
        (
            json!({ "requests": 1, "per_seconds": 0 }),
            "/rate_limit/per_seconds",
        ),
        (
            json!({ "requests": 1, "per_seconds": 86_401 }),
            "/rate_limit/per_seconds",
        ),
        (
            json!({ "requests": 1, "per_seconds": 1, "burst": 0 }),
            "/rate_limit/burst",
        ),
        (
            json!({ "requests": 1, "per_seconds": 1, "bursts": 1 }),
            "/rate_limit/bursts",
        ),
    ] {
        let new = json!({ "name": "V", "scheme": "stripe", "rate_limit": limit });
        let created = owner.post("/v1/webhook-endpoints", new).await;
        let patched = owner.patch(&path, json!({ "rate_limit": limit })).await;
        for answer in [created, patched] {
            let problem = answer.problem(422, "invalid-request");
            assert_eq!(problem["errors"][0]["pointer"], pointer, "{limit}");
        }
    }
}
