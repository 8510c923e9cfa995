//! `Idempotency-Key`: one effect and one reply, whatever is repeated and whoever dies in between.

use std::collections::BTreeMap;

use local::fault::{Answer as Fails, Fault};
use reqwest::Method;
use serde_json::{Value, json};

use crate::harness::{Answer, Client, Endpoint, Stack, text};

async fn keyed(client: &Client, path: &str, body: Value, key: &str) -> Answer {
    let headers = [("idempotency-key", key)];
    client
        .request(Method::POST, path, Some(body), &headers)
        .await
}

fn user(name: &str) -> Value {
    json!({ "email": format!("{name}@x.example"), "name": "U", "role": "user" })
}

async fn count(client: &Client, path: &str) -> usize {
    client.get(path).await.status(200)["data"]
        .as_array()
        .unwrap()
        .len()
}

#[tokio::test]
async fn a_repeated_request_gets_the_first_reply_and_has_no_effect() {
    let stack = Stack::start().await;
    let owner = stack.tenant("acme").await;
    let first = keyed(&owner, "/v1/users", user("a"), "\"k-1\"").await;
    first.status(201);
    assert_eq!(first.header("idempotency-replayed"), "");
    stack.advance_s(5);
    let again = keyed(&owner, "/v1/users", user("a"), "k-1").await;
    again.status(201);
    assert_eq!(again.body, first.body);
    assert_eq!(again.header("etag"), first.header("etag"));
    assert_eq!(again.header("content-type"), "application/json");
    assert_eq!(again.header("idempotency-replayed"), "true");
    assert_ne!(again.header("x-request-id"), first.header("x-request-id"));
    assert_eq!(count(&owner, "/v1/users").await, 2);
    assert_eq!(count(&owner, "/v1/audit?action=user.created").await, 1);
}

#[tokio::test]
async fn a_create_with_a_key_is_one_transaction_and_so_is_its_repetition() {
    let stack = Stack::start().await;
    let owner = stack.tenant("acme").await;
    keyed(&owner, "/v1/users", user("a"), "k-1")
        .await
        .status(201);
    let one: BTreeMap<String, u64> = [("DynamoDB.TransactWriteItems".to_owned(), 1)].into();
    for _ in 0..2 {
        let calls = stack
            .calls("users", keyed(&owner, "/v1/users", user("b"), "k-2"))
            .await;
        assert_eq!(calls, one);
    }
}

#[tokio::test]
async fn a_secret_that_is_shown_once_is_replayed_and_never_stored_in_clear() {
    let stack = Stack::start().await;
    let owner = stack.tenant("acme").await;
    let new = json!({ "name": "V", "scheme": "stripe" });
    let first = keyed(&owner, "/v1/webhook-endpoints", new.clone(), "k").await;
    let secret = text(&first.status(201)["secret"]);
    let again = keyed(&owner, "/v1/webhook-endpoints", new, "k").await;
    assert_eq!(again.status(201)["secret"], secret.as_str());
    let rows = crate::documents::dynamodb(&stack)
        .scan()
        .table_name("EphemeralTable")
        .send()
        .await
        .unwrap();
    let rows = format!("{:?}", rows.items());
    assert!(rows.contains("IDEM#") && !rows.contains(&secret), "{rows}");
}

#[tokio::test]
async fn a_key_belongs_to_one_request_of_one_caller() {
    let stack = Stack::start().await;
    let (acme, blue) = (stack.tenant("acme").await, stack.tenant("blue").await);
    let admin = stack.member(&acme, "admin", "admin@acme.example").await;
    keyed(&acme, "/v1/users", user("a"), "k").await.status(201);
    for (path, body) in [
        ("/v1/users", user("b")),
        (
            "/v1/webhook-endpoints",
            json!({ "name": "V", "scheme": "stripe" }),
        ),
    ] {
        let answer = keyed(&acme, path, body, "k").await;
        answer.problem(422, "idempotency-key-reused");
    }
    keyed(&admin, "/v1/users", user("c"), "k").await.status(201);
    keyed(&blue, "/v1/users", user("d"), "k").await.status(201);
    for bad in ["", "\"open", "a\"b", &"k".repeat(256)] {
        let problem = keyed(&acme, "/v1/users", user("e"), bad).await;
        let problem = problem.problem(422, "invalid-request");
        assert_eq!(problem["errors"][0]["pointer"], "Idempotency-Key", "{bad}");
    }
}

#[tokio::test]
async fn a_request_without_effect_leaves_its_key_free() {
    let stack = Stack::start().await;
    let owner = stack.tenant("acme").await;
    keyed(&owner, "/v1/users", json!({}), "k").await.status(422);
    keyed(&owner, "/v1/users", user("a"), "k").await.status(201);
    // Without the key the address is taken; with it the reply is found.
    owner
        .post("/v1/users", user("a"))
        .await
        .problem(409, "conflict");
    keyed(&owner, "/v1/users", user("a"), "k").await.status(201);
    // Another key's conflict is the plain one, and a person known elsewhere may still join.
    keyed(&owner, "/v1/users", user("a"), "k-2")
        .await
        .problem(409, "conflict");
    let blue = stack.tenant("blue").await;
    let first = keyed(&blue, "/v1/users", user("a"), "k").await.status(201);
    assert_eq!(
        keyed(&blue, "/v1/users", user("a"), "k").await.status(201),
        first
    );
}

#[tokio::test]
async fn a_reply_is_kept_for_a_day() {
    let stack = Stack::start().await;
    let owner = stack.tenant("acme").await;
    let new = json!({ "name": "V", "scheme": "stripe" });
    let first = keyed(&owner, "/v1/webhook-endpoints", new.clone(), "k")
        .await
        .status(201);
    stack.advance_s(86_300);
    let owner = stack.again("acme").await;
    let again = keyed(&owner, "/v1/webhook-endpoints", new.clone(), "k")
        .await
        .status(201);
    assert_eq!(again["id"], first["id"]);
    stack.advance_s(200);
    let owner = stack.again("acme").await;
    let other = keyed(&owner, "/v1/webhook-endpoints", new, "k")
        .await
        .status(201);
    assert_ne!(other["id"], first["id"]);
}

#[tokio::test]
async fn of_many_at_once_one_has_an_effect() {
    let stack = Stack::start().await;
    let owner = stack.tenant("acme").await;
    let body = || json!({ "name": "V", "scheme": "stripe" });
    let all = (0..20).map(|_| keyed(&owner, "/v1/webhook-endpoints", body(), "k"));
    let mut ids = std::collections::BTreeSet::new();
    for answer in futures_util::future::join_all(all).await {
        if answer.code == 409 {
            answer.problem(409, "idempotency-key-in-use");
        } else {
            ids.insert(text(&answer.status(201)["id"]));
        }
    }
    assert_eq!(ids.len(), 1);
    assert_eq!(count(&owner, "/v1/webhook-endpoints").await, 1);
}

#[tokio::test]
async fn a_transaction_in_conflict_with_its_twin_is_told_to_come_back() {
    let stack = Stack::start().await;
    let owner = stack.tenant("acme").await;
    let fault = Fault::on("TransactWriteItems", Fails::TransactionConflict).by("users");
    stack.faults().add(fault);
    let answer = keyed(&owner, "/v1/users", user("a"), "k").await;
    answer.problem(409, "idempotency-key-in-use");
    assert_eq!(answer.header("retry-after"), "2");
    stack.faults().clear();
    keyed(&owner, "/v1/users", user("a"), "k").await.status(201);
}

#[tokio::test]
async fn a_client_repeats_until_it_hears_and_each_effect_happens_once() {
    let stack = Stack::start().await;
    let owner = stack.tenant("acme").await;
    let endpoint = Endpoint::create(&owner, "stripe").await;
    let event = text(&stack.send(&endpoint, "evt_1").await.status(202)["id"]);
    stack.drain().await;
    let replay = format!("/v1/events/{event}:replay");
    let rotate = format!("/v1/webhook-endpoints/{}:rotate-secret", endpoint.id);
    let mut deaths = 0;
    for (function, path, body, action) in [
        ("users", "/v1/users", user("a"), "user.created"),
        (
            "integrations",
            "/v1/webhook-endpoints",
            json!({ "name": "V", "scheme": "stripe" }),
            "webhook_endpoint.created",
        ),
        (
            "integrations",
            rotate.as_str(),
            json!({ "overlap_hours": 0 }),
            "webhook_endpoint.secret_rotated",
        ),
        ("integrations", replay.as_str(), json!({}), "event.replayed"),
        (
            "integrations",
            "/v1/events:replay",
            json!({ "filter": { "all": true } }),
            "job.created",
        ),
    ] {
        for fails in [
            Fails::CrashBefore,
            Fails::CrashAfter,
            Fails::LostAnswer,
            Fails::InternalError,
        ] {
            // Each call in turn, until the request makes no further one.
            for calls in 0.. {
                let body = match path {
                    "/v1/users" => user(&format!("u{fails:?}{calls}").to_lowercase()),
                    _ => body.clone(),
                };
                let before = count(&owner, &format!("/v1/audit?action={action}&limit=100")).await;
                let key = format!("{path}-{fails:?}-{calls}");
                // Longer than the client of the store repeats by itself.
                let fault = Fault::everywhere(fails).by(function).after(calls).times(3);
                let fault = stack.faults().add(fault);
                let first = keyed(&owner, path, body.clone(), &key).await;
                let hits = stack.faults().hits(fault);
                stack.faults().clear();
                let second = keyed(&owner, path, body.clone(), &key).await;
                assert!(
                    second.code.is_success(),
                    "{key}: {} {}",
                    first.body,
                    second.body
                );
                let third = keyed(&owner, path, body, &key).await;
                assert_eq!(third.body, second.body, "{key}");
                if first.code.is_success() {
                    assert_eq!(first.body, second.body, "{key}");
                }
                let after = count(&owner, &format!("/v1/audit?action={action}&limit=100")).await;
                assert_eq!(after, before + 1, "{key}: {}", first.body);
                stack.drain().await;
                if hits == 0 {
                    break;
                }
                deaths += 1;
            }
        }
    }
    assert!(deaths >= 30, "{deaths}");
    // No message was lost with the instance that was to send it.
    let jobs = owner.get("/v1/jobs?limit=100").await.status(200);
    let states = jobs["data"].as_array().unwrap().iter();
    assert!(
        states.clone().count() > 0 && states.clone().all(|job| job["state"] == "completed"),
        "{jobs}"
    );
    assert_eq!(
        owner.get(&format!("/v1/events/{event}")).await.status(200)["state"],
        "processed"
    );
}
