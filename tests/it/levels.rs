//! Limits of addresses, tenants and callers: what is left is said, what is over is refused, and neither
//! costs a call of its own.

use aws_sdk_dynamodb::types::AttributeValue;
use serde_json::{Value, json};

use crate::{
    documents::dynamodb,
    harness::{Client, PASSWORD, Stack, text},
};

/// Gives the tenant a plan and terms of its own, as an operator does, and waits until instances know.
async fn agree(stack: &Stack, owner: &Client, plan: &str, limits: Value) {
    let tenant = text(&owner.get("/v1/tenant").await.status(200)["id"]);
    let client = dynamodb(stack);
    let tables = client.list_tables().send().await.unwrap();
    let platform = tables
        .table_names()
        .iter()
        .find(|name| name.to_lowercase().contains("platform"))
        .unwrap();
    client
        .update_item()
        .table_name(platform)
        .key("pk", AttributeValue::S(format!("T#{tenant}")))
        .key("sk", AttributeValue::S("GATE".to_owned()))
        .update_expression("SET #plan = :plan, #limits = :limits")
        .expression_attribute_names("#plan", "plan")
        .expression_attribute_names("#limits", "limits")
        .expression_attribute_values(":plan", AttributeValue::S(plan.to_owned()))
        .expression_attribute_values(":limits", AttributeValue::S(limits.to_string()))
        .send()
        .await
        .unwrap();
    stack.advance_s(5);
}

fn per_minute(requests: u32, burst: u32) -> Value {
    json!({ "requests": requests, "per_seconds": 60, "burst": burst })
}

#[tokio::test]
async fn every_answer_says_what_is_left() {
    let stack = Stack::start().await;
    let owner = stack.tenant("acme").await;
    let left = |header: &str| -> Vec<u32> {
        let parts = header.split(", ");
        parts
            .map(|part| {
                let (_, rest) = part.split_once(";r=").unwrap();
                rest.split(';').next().unwrap().parse().unwrap()
            })
            .collect()
    };
    let first = owner.get("/v1/tenant").await;
    assert_eq!(
        first.header("ratelimit-policy"),
        "\"caller\";q=60000;w=60, \"tenant\";q=120000;w=60"
    );
    assert_eq!(left(&first.header("ratelimit")), [9_999, 19_999]);
    // A change costs two; a refusal for another reason costs as much.
    let change = owner.patch("/v1/tenant", json!({ "name": "B" })).await;
    assert_eq!(left(&change.header("ratelimit")), [9_997, 19_997]);
    let refused = owner.patch("/v1/tenant", json!({ "nome": "B" })).await;
    refused.problem(422, "invalid-request");
    assert_eq!(left(&refused.header("ratelimit")), [9_995, 19_995]);
    let anonymous = stack.anonymous().get("/health").await;
    assert_eq!(anonymous.header("ratelimit"), "");
}

#[tokio::test]
async fn one_caller_over_its_limit_stops_none_of_the_others() {
    let stack = Stack::start().await;
    let owner = stack.tenant("acme").await;
    let member = stack.member(&owner, "user", "max@acme.example").await;
    agree(
        &stack,
        &owner,
        "free",
        json!({ "caller": per_minute(6, 3) }),
    )
    .await;
    for _ in 0..3 {
        member.get("/v1/tenant").await.status(200);
    }
    let over = member.get("/v1/tenant").await;
    let problem = over.problem(429, "quota-exceeded");
    assert_eq!(problem["violated-policies"], json!(["caller"]));
    assert_eq!(over.header("ratelimit-policy"), "\"caller\";q=6;w=60");
    let wait: u64 = over.header("retry-after").parse().unwrap();
    assert!((9..=11).contains(&wait), "{wait}");
    assert_eq!(over.header("ratelimit"), format!("\"caller\";r=0;t={wait}"));
    owner.get("/v1/tenant").await.status(200);
    // Another function's instance leases from the same row.
    member.get("/v1/me").await.problem(429, "quota-exceeded");
    stack.advance_s(wait);
    member.get("/v1/tenant").await.status(200);
}

#[tokio::test]
async fn a_tenants_callers_share_its_plan_and_another_tenant_has_its_own() {
    let stack = Stack::start().await;
    let (acme, blue) = (stack.tenant("acme").await, stack.tenant("blue").await);
    let member = stack.member(&acme, "user", "max@acme.example").await;
    agree(&stack, &acme, "pro", json!({ "tenant": per_minute(6, 4) })).await;
    for _ in 0..2 {
        member.get("/v1/tenant").await.status(200);
        acme.get("/v1/tenant").await.status(200);
    }
    let problem = acme.get("/v1/tenant").await.problem(429, "quota-exceeded");
    assert_eq!(problem["violated-policies"], json!(["tenant"]));
    member
        .get("/v1/tenant")
        .await
        .problem(429, "quota-exceeded");
    blue.get("/v1/tenant").await.status(200);
}

#[tokio::test]
async fn a_route_that_does_the_work_of_many_costs_more() {
    let stack = Stack::start().await;
    let owner = stack.tenant("acme").await;
    let new = json!({ "name": "things", "schema": {} });
    owner.post("/v1/collections", new).await.status(201);
    agree(
        &stack,
        &owner,
        "free",
        json!({ "caller": per_minute(6, 30) }),
    )
    .await;
    let bulk = json!({ "operations": [{ "op": "create", "data": {} }] });
    let path = "/v1/collections/things/records:bulk";
    owner.post(path, bulk.clone()).await.status(200);
    owner.post(path, bulk).await.problem(429, "quota-exceeded");
    owner.get("/v1/collections").await.status(200);
}

#[tokio::test]
async fn an_address_has_so_many_attempts_to_sign_in() {
    let lower = |options: &mut local::platform::Options| {
        let parameters = &mut options.parameters;
        parameters.insert("SignInsPerMinute".to_owned(), "4".to_owned());
    };
    let stack = Stack::start_with(lower).await;
    // Registering is one of them.
    let owner = stack.tenant("acme").await;
    for _ in 0..2 {
        let wrong = json!({ "email": "owner@acme.example", "password": "wrong password" });
        let answer = stack.anonymous().post("/v1/auth/login", wrong).await;
        answer.problem(401, "unauthenticated");
        assert!(answer.header("ratelimit").starts_with("\"address\";r="));
    }
    stack.login("owner@acme.example").await.status(200);
    let right = json!({ "email": "owner@acme.example", "password": PASSWORD });
    let over = stack.anonymous().post("/v1/auth/login", right).await;
    let problem = over.problem(429, "quota-exceeded");
    assert_eq!(problem["violated-policies"], json!(["address"]));
    // Who has signed in is not held up by who guesses.
    owner.get("/v1/tenant").await.status(200);
    let wait: u64 = over.header("retry-after").parse().unwrap();
    stack.advance_s(wait);
    stack.login("owner@acme.example").await.status(200);
}

#[tokio::test]
async fn usage_shows_the_plan_and_the_month_and_its_quota_holds() {
    let stack = Stack::start().await;
    let owner = stack.tenant("acme").await;
    let fresh = owner.get("/v1/tenant/usage").await.status(200);
    assert_eq!(fresh["plan"], "enterprise");
    assert_eq!(fresh["requests"]["quota"], json!(null));
    // Without trust each lease is reported at once.
    let terms = json!({ "tenant": per_minute(60, 40), "monthly_requests": 12 });
    agree(&stack, &owner, "free", terms).await;
    let usage = owner.get("/v1/tenant/usage").await.status(200);
    assert_eq!(usage["plan"], "free");
    assert_eq!(usage["requests"]["quota"], 12);
    assert_eq!(
        usage["limits"][0],
        json!({ "policy": "tenant", "requests": 60, "per_seconds": 60, "burst": 40 })
    );
    assert_eq!(usage["limits"][1]["requests"], 600);
    let mut passed = 0;
    let over = loop {
        stack.advance_s(5);
        let answer = owner.get("/v1/tenant").await;
        if answer.code == 429 {
            break answer;
        }
        passed += 1;
        assert!(passed < 30, "the quota holds nobody");
    };
    // An instance knows of what it has passed when it has leased next.
    assert!((9..=13).contains(&passed), "{passed}");
    let problem = over.problem(429, "quota-exceeded");
    assert_eq!(problem["violated-policies"], json!(["month"]));
    let wait: u64 = over.header("retry-after").parse().unwrap();
    assert!(wait <= 31 * 86_400, "{wait}");
    stack.advance_s(wait);
    let owner = stack.again("acme").await;
    let next = owner.get("/v1/tenant/usage").await.status(200);
    assert_ne!(next["requests"]["month"], usage["requests"]["month"]);
    assert_eq!(next["requests"]["used"], 0);
}

#[tokio::test]
async fn limits_cost_a_fraction_of_a_call_for_each_request() {
    let stack = Stack::start().await;
    let owner = stack.tenant("acme").await;
    owner.get("/v1/tenant").await.status(200);
    let calls = stack
        .calls("tenants", async {
            for _ in 0..400 {
                owner.get("/v1/tenant").await.status(200);
            }
        })
        .await;
    let leases = calls.get("DynamoDB.UpdateItem").copied().unwrap_or(0);
    assert!((1..40).contains(&leases), "{calls:?}");
}
