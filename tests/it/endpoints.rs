//! Webhook endpoints.

use serde_json::json;

use crate::harness::{Endpoint, SECRET, Stack, text};

#[tokio::test]
async fn a_secret_is_shown_once_and_stored_sealed() {
    let stack = Stack::start().await;
    let owner = stack.tenant("acme").await;
    let new = json!({ "name": "Billing", "scheme": "stripe", "secret": SECRET });
    let made = owner.post("/v1/webhook-endpoints", new).await.status(201);
    assert_eq!(made["secret"], SECRET);
    let path = format!("/v1/webhook-endpoints/{}", text(&made["id"]));
    for body in [
        owner.get(&path).await.body,
        owner.get("/v1/webhook-endpoints").await.body,
    ] {
        assert!(!body.contains(SECRET), "{body}");
    }
    let audit = owner.get("/v1/audit").await.body;
    assert!(audit.contains("webhook_endpoint.created") && !audit.contains(SECRET));
}

#[tokio::test]
async fn without_a_secret_one_is_made_that_verifies() {
    let stack = Stack::start().await;
    let owner = stack.tenant("acme").await;
    for scheme in ["stripe", "github", "slack", "standardwebhooks"] {
        let new = json!({ "name": "Vendor", "scheme": scheme });
        let made = owner.post("/v1/webhook-endpoints", new).await.status(201);
        assert!(text(&made["secret"]).len() >= 40, "{scheme}");
    }
}

#[tokio::test]
async fn an_unusable_secret_or_an_unknown_scheme_is_refused() {
    let stack = Stack::start().await;
    let owner = stack.tenant("acme").await;
    for (new, pointer) in [
        (
            json!({ "name": "V", "scheme": "carrier-pigeon" }),
            "/scheme",
        ),
        (
            json!({ "name": "V", "scheme": "stripe", "secret": "" }),
            "/secret",
        ),
        (
            json!({ "name": "V", "scheme": "standardwebhooks", "secret": "whsec_" }),
            "/secret",
        ),
        (
            json!({ "name": "V", "scheme": "standardwebhooks", "secret": "whsec_!!!" }),
            "/secret",
        ),
        (
            json!({ "name": "V", "scheme": "stripe", "secrets": ["a", "b", "c", "d", "e", "f"] }),
            "/secrets",
        ),
        (json!({ "name": "V", "scheme": "discord" }), "/secret"),
    ] {
        let problem = owner
            .post("/v1/webhook-endpoints", new.clone())
            .await
            .problem(422, "invalid-request");
        assert_eq!(problem["errors"][0]["pointer"], pointer, "{new}");
    }
}

#[tokio::test]
async fn a_rotated_secret_is_in_force_after_the_staleness() {
    let stack = Stack::start().await;
    let owner = stack.tenant("acme").await;
    let endpoint = Endpoint::create(&owner, "stripe").await;
    stack.send(&endpoint, "evt_1").await.status(202);
    let path = format!("/v1/webhook-endpoints/{}", endpoint.id);
    owner
        .patch(&path, json!({ "secrets": ["whsec_new", SECRET] }))
        .await
        .status(200);
    stack.advance_s(10);
    stack.send(&endpoint, "evt_2").await.status(202);
    owner
        .patch(&path, json!({ "secret": "whsec_new" }))
        .await
        .status(200);
    stack.advance_s(10);
    stack
        .send(&endpoint, "evt_3")
        .await
        .problem(401, "not-verified");
    let entries = owner
        .get("/v1/audit?action=webhook_endpoint.secret_rotated")
        .await
        .status(200);
    assert_eq!(entries["data"].as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn a_disabled_or_deleted_endpoint_accepts_nothing() {
    let stack = Stack::start().await;
    let owner = stack.tenant("acme").await;
    let endpoint = Endpoint::create(&owner, "github").await;
    let path = format!("/v1/webhook-endpoints/{}", endpoint.id);
    stack.send(&endpoint, "1").await.status(202);
    owner
        .patch(&path, json!({ "enabled": false }))
        .await
        .status(200);
    stack.advance_s(10);
    stack
        .send(&endpoint, "2")
        .await
        .problem(401, "not-verified");
    owner
        .patch(&path, json!({ "enabled": true }))
        .await
        .status(200);
    stack.send(&endpoint, "3").await.status(202);
    owner.delete(&path).await.status(204);
    stack.advance_s(10);
    stack
        .send(&endpoint, "4")
        .await
        .problem(401, "not-verified");
    owner.get(&path).await.problem(404, "not-found");
}

#[tokio::test]
async fn the_schemes_are_documented() {
    let stack = Stack::start().await;
    let owner = stack.tenant("acme").await;
    let schemes = owner.get("/v1/webhook-schemes").await.status(200);
    let names: Vec<&str> = schemes["data"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|scheme| scheme["name"].as_str())
        .collect();
    for name in ["stripe", "github", "slack", "standardwebhooks"] {
        assert!(names.contains(&name), "{name}");
    }
}
