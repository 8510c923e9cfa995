//! Calls that a function makes seldom, and has a permission for: `tests/seen.rs` wants each of them seen.

use reqwest::Method;
use serde_json::{Value, json};
use shared::access::{Permission, Permissions};

use crate::{
    documents,
    harness::{Answer, Client, Stack, text},
};

/// A request of each function that knows its caller.
const READS: [(&str, &str); 5] = [
    ("tenants", "/v1/tenant/usage"),
    ("users", "/v1/users"),
    ("records", "/v1/collections"),
    ("integrations", "/v1/events"),
    ("audit", "/v1/audit"),
];

#[tokio::test]
async fn whichever_function_comes_first_makes_the_deployments_keys() {
    let elsewhere = Stack::start()
        .await
        .register("acme", "a@acme.example")
        .await;
    let elsewhere = elsewhere.status(201);
    for (function, path) in READS {
        let stack = Stack::start().await;
        let stranger = stack.client(elsewhere["access_token"].as_str());
        let calls = stack.calls(function, async {
            stranger.get(path).await.problem(401, "unauthenticated");
        });
        assert_eq!(calls.await["KMS.GenerateDataKey"], 1, "{function}");
        // The others find them.
        let owner = stack.tenant("acme").await;
        owner.get(path).await.status(200);
    }
}

#[tokio::test]
async fn each_function_notes_the_use_of_an_api_key() {
    let stack = Stack::start().await;
    let owner = stack.tenant("acme").await;
    let all = Permissions::all().without(Permissions::NOT_FOR_KEYS);
    let all: Vec<&str> = all.iter().map(Permission::name).collect();
    for (function, path) in READS {
        let new = json!({ "name": function, "permissions": all });
        let key = owner.post("/v1/tenant/api-keys", new).await.status(201);
        stack
            .client(key["key"].as_str())
            .get(path)
            .await
            .status(200);
        let key = format!("/v1/tenant/api-keys/{}", text(&key["id"]));
        let key = owner.get(&key).await.status(200);
        assert!(key["last_used_at"].is_string(), "{function}");
    }
}

async fn keyed(client: &Client, path: &str, body: &Value) -> Answer {
    let headers = [("idempotency-key", path)];
    let body = Some(body.clone());
    client.request(Method::POST, path, body, &headers).await
}

#[tokio::test]
async fn a_post_without_an_effect_leaves_its_idempotency_key_free() {
    let stack = Stack::start().await;
    let owner = stack.tenant("acme").await;
    let new = json!({ "name": "things", "schema": { "required": ["a"] } });
    owner.post("/v1/collections", new).await.status(201);
    let records = "/v1/collections/things/records";
    for (path, body, status) in [
        ("/v1/authz/explain", json!({ "permission": "me:read" }), 200),
        (records, json!({ "data": {} }), 422),
        ("/v1/webhook-endpoints", json!({ "name": "W" }), 422),
        (
            "/v1/tenant/roles",
            json!({ "name": "R", "permissions": ["none"] }),
            422,
        ),
    ] {
        for _ in 0..2 {
            let answer = keyed(&owner, path, &body).await;
            answer.status(status);
            assert_eq!(answer.header("idempotency-replayed"), "", "{path}");
        }
    }
    let good = json!({ "data": { "a": 1 } });
    keyed(&owner, records, &good).await.status(201);
    let role = json!({ "name": "R", "permissions": ["users:read"] });
    let made = keyed(&owner, "/v1/tenant/roles", &role).await;
    let again = keyed(&owner, "/v1/tenant/roles", &role).await;
    assert_eq!(again.status(201)["id"], made.status(201)["id"]);
}

#[tokio::test]
async fn a_session_ends_under_an_idempotency_key_too() {
    let stack = Stack::start().await;
    let owner = stack.tenant("acme").await;
    let path = "/v1/auth/logout";
    keyed(&owner, path, &json!({})).await.status(204);
    stack.advance_s(5);
    owner.get("/v1/me").await.problem(401, "unauthenticated");
}

#[tokio::test]
async fn an_identity_provider_that_is_not_there_has_no_metadata() {
    let stack = Stack::start().await;
    let path = "/v1/auth/sso/saml/sso_01m89zdwamf72r97h8shma8j6v/metadata";
    stack.anonymous().get(path).await.problem(404, "not-found");
}

#[tokio::test]
async fn what_is_no_delivery_is_put_aside() {
    let stack = Stack::start().await;
    let url =
        stack.platform.environment("delivery-worker").unwrap()["PORTICO_DELIVERIES_QUEUE_URL"]
            .clone();
    let sent = documents::sqs(&stack)
        .send_message()
        .queue_url(url)
        .message_body("no delivery");
    sent.send().await.unwrap();
    stack.drain().await;
    let queued = ["DeliveriesQueue", "DeliveriesDeadLetterQueue"].map(|queue| stack.queued(queue));
    assert_eq!(queued, [0, 1]);
}

#[tokio::test]
async fn the_readable_document_asks_nothing_of_another_host() {
    let stack = Stack::start().await;
    let page = stack.anonymous().get("/docs").await;
    assert_eq!(page.header("content-type"), "text/html; charset=utf-8");
    let policy = page.header("content-security-policy");
    assert!(
        policy.starts_with("default-src 'none';") && !policy.contains("unsafe"),
        "{policy}"
    );
    for (path, kind) in [
        ("/docs/page.css", "text/css"),
        ("/docs/page.js", "text/javascript"),
    ] {
        assert!(page.body.contains(path), "{path}");
        let file = stack.anonymous().get(path).await;
        assert!(file.header("content-type").starts_with(kind), "{path}");
        assert_eq!(file.header("content-security-policy"), policy);
        assert!(
            !file.body.contains("//cdn") && !file.body.contains("https://"),
            "{path}"
        );
    }
    assert!(!page.body.contains("://") && !page.body.contains("<style"));
    stack
        .anonymous()
        .get("/docs/other.js")
        .await
        .problem(404, "not-found");
}
