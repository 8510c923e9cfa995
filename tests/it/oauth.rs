//! Connections by OAuth 2.0, at a vendor that is as strict as any: consent, refreshing, loss and revocation.

use futures_util::future::join_all;
use local::fault::{Answer as FaultAnswer, Fault};
use local::vendors::{CLIENT_ID, CLIENT_SECRET, PAYMENTS_KEY};
use serde_json::{Value, json};

use crate::{
    destinations,
    harness::{Client, Stack, text},
    receiver::Receiver,
};

fn me() -> Value {
    json!({ "method": "GET", "path": "/v1/me" })
}

async fn create(owner: &Client) -> String {
    let client =
        json!({ "kind": "oauth2", "client_id": CLIENT_ID, "client_secret": CLIENT_SECRET });
    let new = json!({ "name": "Directory", "connector": "directory", "credentials": client });
    let made = owner.post("/v1/connections", new).await.status(201);
    assert_eq!(made["status"], "unauthorized");
    format!("/v1/connections/{}", text(&made["id"]))
}

/// What comes to the browser of a person who consents: `state` and `code`.
async fn consent(stack: &Stack, owner: &Client, path: &str) -> Value {
    let begun = owner.get(&format!("{path}/authorize")).await.status(200);
    stack.get_raw(&text(&begun["url"]), &[]).await.status(200)
}

async fn connect(stack: &Stack, owner: &Client) -> String {
    let path = create(owner).await;
    let back = consent(stack, owner, &path).await;
    let given = json!({ "state": back["state"], "code": back["code"] });
    let done = owner.post(&format!("{path}/authorize"), given).await;
    assert_eq!(done.status(200)["status"], "active");
    path
}

async fn call(owner: &Client, path: &str) -> Value {
    owner.post(&format!("{path}/call"), me()).await.status(200)
}

/// How often the vendor was asked for tokens.
async fn asked_for_tokens(stack: &Stack) -> usize {
    let seen = stack.vendors().get("/control/directory").await.status(200);
    let lines = seen["requests"].as_array().unwrap();
    lines
        .iter()
        .filter(|line| **line == "POST /oauth/token")
        .count()
}

async fn order(stack: &Stack, path: &str, what: Value) {
    let vendors = stack.vendors();
    let answer = vendors
        .post(&format!("/control/directory/{path}"), what)
        .await;
    assert!(answer.code.is_success(), "{}", answer.body);
}

#[tokio::test]
async fn a_persons_consent_makes_a_connection_that_calls() {
    let stack = Stack::start().await;
    let owner = stack.tenant("acme").await;
    let path = create(&owner).await;
    let refused = owner.post(&format!("{path}/call"), me()).await;
    refused.problem(409, "conflict");
    let back = consent(&stack, &owner, &path).await;
    let given = json!({ "state": back["state"], "code": back["code"] });
    let done = owner
        .post(&format!("{path}/authorize"), given.clone())
        .await;
    assert_eq!(done.status(200)["status"], "active");
    assert_eq!(call(&owner, &path).await["body"]["account"], "demo");
    // A state works once.
    let again = owner.post(&format!("{path}/authorize"), given).await;
    let problem = again.problem(422, "invalid-request");
    assert_eq!(problem["errors"][0]["pointer"], "/state");
    let health = owner.get(&format!("{path}/health")).await.status(200);
    assert!(health["token_expires_at"].is_string(), "{health}");
    let trail = owner.get("/v1/audit").await.body;
    assert!(trail.contains("connection.authorized"));
    for secret in [CLIENT_SECRET, "at_", "rt_", &text(&back["code"])] {
        assert!(
            !trail.contains(secret) && !done.body.contains(secret),
            "{secret}"
        );
    }
}

#[tokio::test]
async fn a_consent_belongs_to_the_connection_and_tenant_that_asked_for_it() {
    let stack = Stack::start().await;
    let (acme, blue) = (stack.tenant("acme").await, stack.tenant("blue").await);
    let (ours, other, theirs) = (
        create(&acme).await,
        create(&acme).await,
        create(&blue).await,
    );
    for (client, path) in [(&acme, &other), (&blue, &theirs)] {
        let back = consent(&stack, &acme, &ours).await;
        let given = json!({ "state": back["state"], "code": back["code"] });
        let refused = client.post(&format!("{path}/authorize"), given).await;
        refused.problem(422, "invalid-request");
    }
    let back = consent(&stack, &acme, &ours).await;
    stack.advance_s(901);
    let acme = stack.again("acme").await;
    let given = json!({ "state": back["state"], "code": back["code"] });
    let late = acme.post(&format!("{ours}/authorize"), given).await;
    late.problem(422, "invalid-request");
    let begun = acme.get(&format!("{ours}/authorize")).await.status(200);
    let forged = json!({ "state": begun["state"], "code": "code_forged" });
    let refused = acme.post(&format!("{ours}/authorize"), forged).await;
    let problem = refused.problem(422, "invalid-request");
    assert_eq!(problem["errors"][0]["pointer"], "/code");
    for bad in [
        "https://evil.example/",
        "http://127.0.0.1@evil.example",
        "javascript:alert(1)",
    ] {
        let path = format!("{ours}/authorize?return_to={bad}");
        acme.get(&path).await.problem(422, "invalid-request");
    }
    let callback = "/v1/connections/oauth/callback";
    let unknown = format!("{callback}?state=nobody&code=a");
    stack
        .anonymous()
        .get(&unknown)
        .await
        .problem(404, "not-found");
}

#[tokio::test]
async fn a_token_is_renewed_ahead_of_its_end_and_once_for_all_who_ask() {
    let stack = Stack::start().await;
    let owner = stack.tenant("acme").await;
    order(&stack, "lifetimes", json!({ "access_token_s": 100 })).await;
    let path = connect(&stack, &owner).await;
    assert_eq!(asked_for_tokens(&stack).await, 1);
    for _ in 0..3 {
        call(&owner, &path).await;
    }
    assert_eq!(asked_for_tokens(&stack).await, 1);
    stack.advance_s(85);
    let calls = (0..8).map(|_| call(&owner, &path));
    for answered in join_all(calls).await {
        assert_eq!(answered["outcome"], "done");
    }
    assert_eq!(asked_for_tokens(&stack).await, 2);
    // Long after its end, too.
    stack.advance_s(300);
    let calls = (0..8).map(|_| call(&owner, &path));
    for answered in join_all(calls).await {
        assert_eq!(answered["outcome"], "done");
    }
    assert_eq!(asked_for_tokens(&stack).await, 3);
}

#[tokio::test]
async fn a_lost_reply_does_not_lose_the_grant() {
    let stack = Stack::start().await;
    let owner = stack.tenant("acme").await;
    order(&stack, "lifetimes", json!({ "access_token_s": 100 })).await;
    let path = connect(&stack, &owner).await;
    call(&owner, &path).await;
    // The vendor rotates, and nobody hears of it: once, and then for longer than one call tries.
    for times in [1, 2, 5] {
        let lost = json!({ "kind": "lost_answer", "path": "/oauth/token", "times": times });
        order(&stack, "faults", lost).await;
        stack.advance_s(85);
        // While the present token lasts, calls go on with it.
        for _ in 0..3 {
            assert_eq!(call(&owner, &path).await["outcome"], "done");
        }
        stack.advance_s(100);
        assert_eq!(call(&owner, &path).await["outcome"], "done");
    }
    assert_eq!(owner.get(&path).await.status(200)["status"], "active");
}

#[tokio::test]
async fn an_instance_that_dies_with_a_new_grant_in_its_hands_does_not_lose_it() {
    let stack = Stack::start().await;
    let owner = stack.tenant("acme").await;
    order(&stack, "lifetimes", json!({ "access_token_s": 100 })).await;
    let path = connect(&stack, &owner).await;
    call(&owner, &path).await;
    stack.advance_s(120);
    let death = Fault::on("UpdateItem", FaultAnswer::CrashBefore);
    let death = death.by("integrations").containing("sealed = :sealed");
    stack.faults().add(death.times(1));
    let died = owner.post(&format!("{path}/call"), me()).await;
    assert!(died.code.is_server_error(), "{}", died.body);
    // Its lock is still held: nobody else may ask meanwhile.
    let held = owner.post(&format!("{path}/call"), me()).await;
    held.problem(503, "unavailable");
    stack.advance_s(31);
    assert_eq!(call(&owner, &path).await["outcome"], "done");
    assert_eq!(owner.get(&path).await.status(200)["status"], "active");
}

#[tokio::test]
async fn a_revoked_grant_is_told_of_and_can_be_given_again() {
    let stack = Stack::start().await;
    let owner = stack.tenant("acme").await;
    let receiver = Receiver::start().await;
    let asks = json!({ "event_types": ["portico.connection.*"] });
    destinations::create(&owner, &receiver, asks).await;
    let path = connect(&stack, &owner).await;
    call(&owner, &path).await;
    order(&stack, "revoke", json!({})).await;
    let calls = format!("{path}/call");
    owner.post(&calls, me()).await.problem(409, "conflict");
    stack.drain().await;
    let told = receiver.take();
    assert_eq!(told.len(), 1);
    let told: Value = serde_json::from_slice(&told[0].body).unwrap();
    assert_eq!(told["type"], "portico.connection.needs_reconnect");
    assert!(path.ends_with(told["data"]["connection_id"].as_str().unwrap()));
    let shown = owner.get(&path).await.status(200);
    assert_eq!(shown["status"], "needs_reconnect");
    assert!(shown["status_reason"].is_string());
    let asked = asked_for_tokens(&stack).await;
    owner.post(&calls, me()).await.problem(409, "conflict");
    assert_eq!(asked_for_tokens(&stack).await, asked);
    let health = owner.get(&format!("{path}/health")).await.status(200);
    assert_eq!(health["status"], "down");
    let entries = owner
        .get("/v1/audit?action=connection.needs_reconnect")
        .await;
    assert_eq!(entries.status(200)["data"].as_array().unwrap().len(), 1);
    let back = consent(&stack, &owner, &path).await;
    let given = json!({ "state": back["state"], "code": back["code"] });
    owner
        .post(&format!("{path}/authorize"), given)
        .await
        .status(200);
    assert_eq!(call(&owner, &path).await["outcome"], "done");
}

#[tokio::test]
async fn a_vendor_in_trouble_has_ended_no_grant() {
    let stack = Stack::start().await;
    let owner = stack.tenant("acme").await;
    order(&stack, "lifetimes", json!({ "access_token_s": 100 })).await;
    let path = connect(&stack, &owner).await;
    stack.advance_s(120);
    for fault in [
        json!({ "kind": "status", "status": 500, "path": "/oauth/token", "times": 1 }),
        json!({ "kind": "status", "status": 401, "path": "/oauth/token", "times": 1 }),
        json!({ "kind": "malformed", "path": "/oauth/token", "times": 1 }),
    ] {
        order(&stack, "faults", fault).await;
        let refused = owner.post(&format!("{path}/call"), me()).await;
        refused.problem(502, "vendor-unavailable");
    }
    assert_eq!(call(&owner, &path).await["outcome"], "done");
}

#[tokio::test]
async fn client_credentials_need_nobodys_consent() {
    let stack = Stack::start().await;
    let owner = stack.tenant("acme").await;
    let client = json!({ "kind": "client_credentials", "client_id": CLIENT_ID, "client_secret": CLIENT_SECRET });
    let new = json!({ "name": "M", "connector": "messaging", "credentials": client });
    let made = owner.post("/v1/connections", new).await.status(201);
    assert_eq!(made["status"], "active");
    let path = format!("/v1/connections/{}", text(&made["id"]));
    let test = owner.post(&format!("{path}:test"), json!(null)).await;
    assert_eq!(test.status(200)["outcome"], "done");
    let message = json!({ "channel": "c", "text": "hello" });
    let send = json!({ "method": "POST", "path": "/api/messages", "body": message });
    let sent = owner.post(&format!("{path}/call"), send).await.status(200);
    assert_eq!(sent["body"]["message"]["text"], "hello");
    let nothing = json!({ "method": "POST", "path": "/api/messages", "body": {} });
    let refused = owner
        .post(&format!("{path}/call"), nothing)
        .await
        .status(200);
    assert_eq!(
        (refused["status"].clone(), refused["outcome"].clone()),
        (json!(200), json!("rejected"))
    );
    owner
        .get(&format!("{path}/authorize"))
        .await
        .problem(422, "invalid-request");
}

#[tokio::test]
async fn the_simulated_payments_are_a_connector_like_any_other() {
    let stack = Stack::start().await;
    let owner = stack.tenant("acme").await;
    let key = json!({ "kind": "api_key", "key": PAYMENTS_KEY });
    let new = json!({ "name": "P", "connector": "payments", "credentials": key });
    let made = owner.post("/v1/connections", new).await.status(201);
    let calls = format!("/v1/connections/{}/call", text(&made["id"]));
    let customer = json!({ "email": "ada@example.com", "metadata": { "plan": "pro" } });
    let create = json!({ "method": "POST", "path": "/v1/customers", "body": customer });
    let made = owner.post(&calls, create).await.status(200);
    assert_eq!(made["body"]["metadata"]["plan"], "pro");
    let list = json!({ "method": "GET", "path": "/v1/customers?limit=1" });
    let listed = owner.post(&calls, list).await.status(200);
    assert_eq!(listed["body"]["data"][0]["email"], "ada@example.com");
}
