//! Rotation of the keys that sign access tokens, by the scheduler and by an operator.

use serde_json::{Value, json};

use crate::harness::Stack;

async fn published(stack: &Stack) -> Vec<String> {
    let keys = stack
        .anonymous()
        .get("/.well-known/jwks.json")
        .await
        .status(200);
    let keys = keys["keys"].as_array().unwrap().iter();
    keys.map(|key| key["kid"].as_str().unwrap().to_owned())
        .collect()
}

async fn order(stack: &Stack, order: &str) -> Value {
    let event = json!({ "duty": "rotate-signing-keys", "order": order });
    let functions = stack.platform.functions();
    functions.invoke("scheduler", event).await.unwrap()
}

fn kid(token: &Value) -> String {
    let token = token["access_token"].as_str().unwrap();
    let header = token.split('.').next().unwrap();
    let engine = base64::engine::general_purpose::URL_SAFE_NO_PAD;
    let header = base64::Engine::decode(&engine, header).unwrap();
    let header: Value = serde_json::from_slice(&header).unwrap();
    header["kid"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_key_of_thirty_days_is_followed_without_a_token_that_is_refused() {
    let stack = Stack::start().await;
    stack.tenant("acme").await;
    let first = published(&stack).await;
    stack.tick().await;
    assert_eq!(published(&stack).await, first);
    stack.advance_s(30 * 86_400);
    stack.tick().await;
    let both = published(&stack).await;
    assert_eq!(both.len(), 2);
    assert_eq!(both[0], first[0]);
    // For an hour it is only published.
    let before = stack.login("owner@acme.example").await.status(200);
    assert_eq!(kid(&before), first[0]);
    stack.advance_s(3_400);
    let last = stack.login("owner@acme.example").await.status(200);
    assert_eq!(kid(&last), first[0]);
    stack.advance_s(201);
    let next = stack.login("owner@acme.example").await.status(200);
    assert_eq!(kid(&next), both[1]);
    for signed_in in [&last, &next] {
        let client = stack.client(signed_in["access_token"].as_str());
        client.get("/v1/tenant").await.status(200);
    }
    // The first is dropped when the last token that it can have signed is dead.
    stack.advance_s(2_400);
    stack.tick().await;
    stack.advance_s(600);
    assert_eq!(published(&stack).await, [both[1].clone()]);
}

#[tokio::test]
async fn an_operator_rotates_and_replaces_keys_at_any_time() {
    let stack = Stack::start().await;
    stack.tenant("acme").await;
    let first = published(&stack).await;
    order(&stack, "rotate").await;
    stack.advance_s(601);
    assert_eq!(published(&stack).await.len(), 2);
    let owner = stack.again("acme").await;
    owner.get("/v1/tenant").await.status(200);
    order(&stack, "replace").await;
    stack.advance_s(601);
    let only = published(&stack).await;
    assert_eq!(only.len(), 1);
    assert!(!first.contains(&only[0]));
    owner
        .get("/v1/tenant")
        .await
        .problem(401, "unauthenticated");
    stack
        .again("acme")
        .await
        .get("/v1/tenant")
        .await
        .status(200);
}
