//! Network calls by request, counted inside the SDK clients, once caches are warm.

use serde_json::json;

use crate::{
    connections,
    harness::{Endpoint, Stack, text},
    vendor_server::VendorServer,
};

fn one(name: &str) -> std::collections::BTreeMap<String, u64> {
    [(name.to_owned(), 1)].into()
}

#[tokio::test]
async fn an_authenticated_read_is_one_call() {
    let stack = Stack::start().await;
    let owner = stack.tenant("acme").await;
    let endpoint = Endpoint::create(&owner, "stripe").await;
    let event = text(&stack.send(&endpoint, "evt_1").await.status(202)["id"]);
    stack.drain().await;
    for (function, path, call) in [
        ("tenants", "/v1/tenant".to_owned(), "DynamoDB.GetItem"),
        ("users", "/v1/users".to_owned(), "DynamoDB.Query"),
        ("users", "/v1/me".to_owned(), "DynamoDB.GetItem"),
        (
            "integrations",
            format!("/v1/webhook-endpoints/{}", endpoint.id),
            "DynamoDB.GetItem",
        ),
        ("integrations", "/v1/events".to_owned(), "DynamoDB.Query"),
        (
            "integrations",
            format!("/v1/events/{event}"),
            "DynamoDB.GetItem",
        ),
        ("audit", "/v1/audit".to_owned(), "DynamoDB.Query"),
    ] {
        owner.get(&path).await.status(200);
        let calls = stack.calls(function, owner.get(&path)).await;
        assert_eq!(calls, one(call), "{path}");
    }
}

#[tokio::test]
async fn making_something_is_one_transaction_with_its_audit_entry() {
    let stack = Stack::start().await;
    let owner = stack.tenant("acme").await;
    let user =
        |at: u32| json!({ "email": format!("u{at}@x.example"), "name": "U", "role": "user" });
    owner.post("/v1/users", user(1)).await.status(201);
    let calls = stack.calls("users", owner.post("/v1/users", user(2))).await;
    assert_eq!(calls, one("DynamoDB.TransactWriteItems"));
    Endpoint::create(&owner, "stripe").await;
    let calls = stack
        .calls("integrations", Endpoint::create(&owner, "stripe"))
        .await;
    assert_eq!(calls, one("DynamoDB.TransactWriteItems"));
}

#[tokio::test]
async fn a_change_is_one_read_and_one_transaction() {
    let stack = Stack::start().await;
    let owner = stack.tenant("acme").await;
    owner.get("/v1/tenant").await.status(200);
    let calls = stack
        .calls("tenants", owner.patch("/v1/tenant", json!({ "name": "B" })))
        .await;
    let expected = [
        ("DynamoDB.GetItem".to_owned(), 1),
        ("DynamoDB.TransactWriteItems".to_owned(), 1),
    ];
    assert_eq!(calls, expected.into());
}

#[tokio::test]
async fn an_accepted_webhook_is_one_send() {
    let stack = Stack::start().await;
    let owner = stack.tenant("acme").await;
    let endpoint = Endpoint::create(&owner, "stripe").await;
    stack.send(&endpoint, "evt_1").await.status(202);
    let calls = stack
        .calls("webhooks", stack.send(&endpoint, "evt_2"))
        .await;
    assert_eq!(calls, one("SQS.SendMessage"));
    // The first that an instance refuses finds the ring's place; each further one is a write at most.
    stack.post_raw(&endpoint.url, &[], b"{}").await.status(401);
    stack.advance_s(1);
    let forged = stack
        .calls("webhooks", stack.post_raw(&endpoint.url, &[], b"{}"))
        .await;
    assert_eq!(forged, one("DynamoDB.PutItem"));
}

#[tokio::test]
async fn an_applied_event_is_one_transaction() {
    let stack = Stack::start().await;
    let owner = stack.tenant("acme").await;
    let endpoint = Endpoint::create(&owner, "stripe").await;
    // The tenant's destinations are looked for once in ten seconds.
    stack.send(&endpoint, "evt_first").await.status(202);
    stack.drain().await;
    for at in 0..10 {
        stack
            .send(&endpoint, &format!("evt_{at}"))
            .await
            .status(202);
    }
    let calls = stack.calls("webhook-worker", stack.drain()).await;
    assert_eq!(
        calls,
        [("DynamoDB.TransactWriteItems".to_owned(), 10)].into()
    );
}

#[tokio::test]
async fn a_delivery_is_a_claim_a_read_a_call_and_a_write() {
    let stack = Stack::start().await;
    let owner = stack.tenant("acme").await;
    let endpoint = Endpoint::create(&owner, "stripe").await;
    let receiver = crate::receiver::Receiver::start().await;
    crate::destinations::create(&owner, &receiver, json!({})).await;
    stack.send(&endpoint, "evt_first").await.status(202);
    stack.drain().await;
    stack.send(&endpoint, "evt_1").await.status(202);
    let calls = stack.calls("delivery-worker", stack.drain()).await;
    let expected = [
        ("DynamoDB.UpdateItem".to_owned(), 2),
        ("DynamoDB.GetItem".to_owned(), 1),
        ("egress:POST".to_owned(), 1),
    ];
    assert_eq!(calls, expected.into());
    // A failure also counts against the destination, and its next message is sent and noted.
    receiver.answer(500, "", "");
    stack.send(&endpoint, "evt_2").await.status(202);
    let calls = stack.calls("delivery-worker", stack.drain()).await;
    let expected = [
        ("DynamoDB.UpdateItem".to_owned(), 4),
        ("DynamoDB.GetItem".to_owned(), 1),
        ("SQS.SendMessageBatch".to_owned(), 1),
        ("egress:POST".to_owned(), 1),
    ];
    assert_eq!(calls, expected.into());
}

#[tokio::test]
async fn deliveries_are_part_of_their_events_transaction() {
    let stack = Stack::start().await;
    let owner = stack.tenant("acme").await;
    let endpoint = Endpoint::create(&owner, "stripe").await;
    let receiver = crate::receiver::Receiver::start().await;
    for _ in 0..12 {
        crate::destinations::create(&owner, &receiver, json!({})).await;
    }
    stack.send(&endpoint, "evt_first").await.status(202);
    stack.drain().await;
    stack.send(&endpoint, "evt_1").await.status(202);
    let calls = stack.calls("webhook-worker", stack.drain()).await;
    let expected = [
        ("DynamoDB.TransactWriteItems".to_owned(), 1),
        ("SQS.SendMessageBatch".to_owned(), 2),
    ];
    assert_eq!(calls, expected.into());
}

#[tokio::test]
async fn a_refresh_is_one_call() {
    let stack = Stack::start().await;
    let first = stack.register("acme", "ada@acme.example").await.status(201);
    let anonymous = stack.anonymous();
    let refresh = |token: &serde_json::Value| {
        anonymous.post("/v1/auth/refresh", json!({ "refresh_token": token }))
    };
    // The tenant's first call of an instance takes its credentials; no other does for 45 minutes.
    let mut second = None;
    let calls = stack.calls("auth", async {
        second = Some(refresh(&first["refresh_token"]).await.status(200));
    });
    let expected = [
        ("DynamoDB.UpdateItem".to_owned(), 1),
        ("STS.AssumeRole".to_owned(), 1),
    ];
    assert_eq!(calls.await, expected.into());
    let second = second.unwrap();
    let calls = stack.calls("auth", refresh(&second["refresh_token"])).await;
    assert_eq!(calls, one("DynamoDB.UpdateItem"));
}

#[tokio::test]
async fn a_bulk_job_is_a_few_calls_a_page_and_one_transaction_an_event() {
    let stack = Stack::start().await;
    let owner = stack.tenant("acme").await;
    let endpoint = Endpoint::create(&owner, "stripe").await;
    for at in 0..20 {
        let id = format!("evt_{at}");
        stack.send(&endpoint, &id).await.status(202);
    }
    stack.drain().await;
    let replay = |dry_run: bool| {
        let ask = json!({ "filter": { "endpoint": endpoint.id }, "dry_run": dry_run });
        owner.post("/v1/events:replay", ask)
    };
    owner.get("/v1/jobs").await.status(200);
    let calls = stack.calls("integrations", replay(true)).await;
    assert_eq!(calls, one("DynamoDB.Query"));
    owner.get("/v1/jobs").await.status(200);
    let calls = stack.calls("integrations", replay(false)).await;
    let expected = [
        ("DynamoDB.Query".to_owned(), 1),
        ("DynamoDB.TransactWriteItems".to_owned(), 1),
        ("SQS.SendMessageBatch".to_owned(), 1),
    ];
    assert_eq!(calls, expected.into());
    // Its only page: the job, the rows twice, the plan, each event, the messages in tens, the end.
    let calls = stack.calls("job-worker", stack.drain()).await;
    let expected = [
        ("DynamoDB.GetItem".to_owned(), 1),
        ("DynamoDB.Query".to_owned(), 1),
        ("DynamoDB.BatchGetItem".to_owned(), 2),
        ("DynamoDB.UpdateItem".to_owned(), 1),
        ("DynamoDB.TransactWriteItems".to_owned(), 21),
        ("SQS.SendMessageBatch".to_owned(), 2),
        ("STS.AssumeRole".to_owned(), 1),
    ];
    assert_eq!(calls, expected.into());
}

#[tokio::test]
async fn a_call_to_a_healthy_vendor_is_one_read_and_one_entry_beside_it() {
    let stack = Stack::start().await;
    let owner = stack.tenant("acme").await;
    let vendor = VendorServer::start().await;
    let budget = json!({ "budget": { "requests": 1000, "per_seconds": 1 } });
    let calls = connections::create(&owner, &vendor, budget).await + "/call";
    let call = || async {
        let body = json!({ "method": "GET", "path": "/" });
        owner.post(&calls, body).await.status(200);
    };
    // Until the instance has read both breakers and leased a block of permits.
    for _ in 0..5 {
        call().await;
    }
    let counted = stack.calls("integrations", call()).await;
    let expected = [
        ("DynamoDB.GetItem".to_owned(), 1),
        ("DynamoDB.TransactWriteItems".to_owned(), 1),
        ("egress:GET".to_owned(), 1),
    ];
    let leases = counted.get("DynamoDB.UpdateItem").copied();
    assert!(leases.unwrap_or(0) <= 1, "{counted:?}");
    let counted: Vec<_> = counted
        .into_iter()
        .filter(|(name, _)| name != "DynamoDB.UpdateItem")
        .collect();
    assert_eq!(counted, expected);
}
