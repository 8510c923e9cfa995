//! Connections: made, changed and removed; calls through them, and what protects both sides.

use serde_json::{Value, json};

use crate::{
    harness::{Client, Stack, text},
    routes,
    vendor_server::{Act, VendorServer, answer},
};

const KEY: &str = "sk_live_0123456789";

/// Makes a connection to this server with an API key, with further fields.
pub(crate) async fn create(owner: &Client, vendor: &VendorServer, more: Value) -> String {
    let mut new = json!({
        "name": "Billing", "connector": "rest", "base_url": format!("{}/api", vendor.url),
        "credentials": { "kind": "api_key", "key": KEY },
    });
    let fields = new.as_object_mut().unwrap();
    fields.extend(more.as_object().unwrap().clone());
    let made = owner.post("/v1/connections", new).await.status(201);
    format!("/v1/connections/{}", text(&made["id"]))
}

async fn call(owner: &Client, connection: &str, body: Value) -> Value {
    owner
        .post(&format!("{connection}/call"), body)
        .await
        .status(200)
}

fn get() -> Value {
    json!({ "method": "GET", "path": "/things" })
}

#[tokio::test]
async fn connectors_are_listed_and_shown_whole() {
    let stack = Stack::start().await;
    let owner = stack.tenant("acme").await;
    let listed = owner.get("/v1/connectors").await.status(200);
    let names: Vec<_> = listed["data"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| text(&one["name"]))
        .collect();
    for name in ["github", "hubspot", "rest", "salesforce", "slack", "stripe"] {
        assert!(names.contains(&name.to_owned()), "{names:?}");
    }
    let stripe = owner.get("/v1/connectors/stripe").await.status(200);
    assert_eq!(stripe["base_url"], "https://api.stripe.com");
    assert_eq!(stripe["objects"]["customers"]["fields"]["email"], "/email");
    owner
        .get("/v1/connectors/nobody")
        .await
        .problem(404, "not-found");
}

#[tokio::test]
async fn a_connection_is_made_changed_and_removed_and_never_shows_its_credentials() {
    let stack = Stack::start().await;
    let owner = stack.tenant("acme").await;
    let vendor = VendorServer::start().await;
    let path = create(&owner, &vendor, json!({})).await;
    let read = owner.get(&path).await;
    let shown = read.status(200);
    assert_eq!(shown["auth"], "api_key");
    assert_eq!(shown["budget"], json!({ "requests": 10, "per_seconds": 1 }));
    assert_eq!(
        owner.get("/v1/connections").await.status(200)["data"],
        json!([shown])
    );
    let basic = json!({ "kind": "basic", "username": "ada", "password": "lovelace-1815" });
    let patch = json!({ "name": "B", "credentials": basic });
    let changed = owner.patch(&path, patch).await;
    assert_eq!(changed.status(200)["auth"], "basic");
    assert_eq!(changed.status(200)["name"], "B");
    call(&owner, &path, get()).await;
    assert_eq!(
        vendor.take()[0].headers["authorization"],
        "Basic YWRhOmxvdmVsYWNlLTE4MTU="
    );
    let stale = [("if-match", "\"1\"")];
    let refused = owner
        .request(reqwest::Method::DELETE, &path, None, &stale)
        .await;
    refused.problem(412, "version-mismatch");
    owner.delete(&path).await;
    owner.get(&path).await.problem(404, "not-found");
    let trail = owner.get("/v1/audit").await.body;
    for action in ["created", "updated", "called", "deleted"] {
        assert!(trail.contains(&format!("connection.{action}")));
    }
    for secret in [KEY, "lovelace", "sealed"] {
        assert!(
            !trail.contains(secret)
                && !read.body.contains(secret)
                && !changed.body.contains(secret)
        );
    }
}

#[tokio::test]
async fn what_a_connection_cannot_be_is_refused_by_name() {
    let stack = Stack::start().await;
    let owner = stack.tenant("acme").await;
    let key = json!({ "kind": "api_key", "key": KEY });
    let url = "https://api.example.com";
    let rest = json!({ "name": "N", "connector": "rest", "base_url": url, "credentials": key });
    for (field, value, pointer) in [
        ("connector", json!("nobody"), "/connector"),
        ("name", json!(" "), "/name"),
        ("base_url", json!("ftp://api.example.com"), "/base_url"),
        (
            "base_url",
            json!("https://api.example.com/?a=b"),
            "/base_url",
        ),
        ("base_url", json!("https://10.0.0.1"), "/base_url"),
        ("base_url", json!(null), "/base_url"),
        ("connector", json!("stripe"), "/base_url"),
        (
            "credentials",
            json!({ "kind": "api_key", "key": "" }),
            "/credentials",
        ),
        (
            "credentials",
            json!({ "kind": "api_key", "key": "a\r\nb" }),
            "/credentials",
        ),
        (
            "credentials",
            json!({ "kind": "basic", "username": "a:b", "password": "c" }),
            "/credentials",
        ),
        (
            "credentials",
            json!({ "kind": "magic" }),
            "/credentials/kind",
        ),
        (
            "budget",
            json!({ "requests": 0, "per_seconds": 1 }),
            "/budget/requests",
        ),
        ("colour", json!("red"), "/colour"),
    ] {
        let mut new = rest.clone();
        new[field] = value.clone();
        let refused = owner.post("/v1/connections", new).await;
        let problem = refused.problem(422, "invalid-request");
        assert_eq!(problem["errors"][0]["pointer"], pointer, "{field} {value}");
    }
    let basic = json!({ "kind": "basic", "username": "a", "password": "b" });
    let stripe = json!({ "name": "N", "connector": "stripe", "credentials": basic });
    let problem = owner
        .post("/v1/connections", stripe)
        .await
        .problem(422, "invalid-request");
    assert_eq!(problem["errors"][0]["pointer"], "/credentials/kind");
}

#[tokio::test]
async fn a_call_goes_below_the_base_url_with_the_connections_credentials() {
    let stack = Stack::start().await;
    let owner = stack.tenant("acme").await;
    let vendor = VendorServer::start().await;
    let path = create(&owner, &vendor, json!({})).await;
    vendor.next(answer(
        201,
        "x-kept: a\r\nset-cookie: b=c\r\ncontent-type: application/json\r\n",
        r#"{"id":7}"#,
    ));
    let body = json!({
        "method": "POST", "path": "/things?dry=1", "headers": { "X-Mine": "d" }, "body": { "a": [1] },
    });
    let answered = call(&owner, &path, body).await;
    assert_eq!(answered["status"], 201);
    assert_eq!(answered["outcome"], "done");
    assert_eq!(answered["body"], json!({ "id": 7 }));
    assert_eq!(answered["headers"]["x-kept"], "a");
    assert_eq!(answered["headers"]["set-cookie"], json!(null));
    let asked = vendor.take().remove(0);
    assert_eq!(asked.line, "POST /api/things?dry=1");
    assert_eq!(asked.headers["authorization"], format!("Bearer {KEY}"));
    assert_eq!(asked.headers["x-mine"], "d");
    assert_eq!(asked.json(), json!({ "a": [1] }));
    let entries = owner
        .get("/v1/audit?action=connection.called")
        .await
        .status(200);
    assert_eq!(entries["data"][0]["changes"]["path"]["to"], "/things");
    let calls = format!("{path}/call");
    for path in ["/../x", "//evil.example", "@evil.example"] {
        let refused = owner
            .post(&calls, json!({ "method": "GET", "path": path }))
            .await;
        let problem = refused.problem(422, "invalid-request");
        assert_eq!(problem["errors"][0]["pointer"], "/path", "{path}");
    }
    let theft = json!({ "method": "GET", "path": "/", "headers": { "Authorization": "Bearer x" } });
    let refused = owner.post(&calls, theft).await;
    refused.problem(422, "invalid-request");
    assert_eq!(vendor.take().len(), 0);
}

#[tokio::test]
async fn whatever_a_vendor_answers_is_an_answer() {
    let stack = Stack::start().await;
    let owner = stack.tenant("acme").await;
    let vendor = VendorServer::start().await;
    let budget = json!({ "budget": { "requests": 1000, "per_seconds": 1 } });
    let path = create(&owner, &vendor, budget).await;
    let html = "<html>oh no";
    for (act, status, outcome, body) in [
        (answer(401, "", "{}"), 401, "denied", json!({})),
        (answer(404, "", ""), 404, "rejected", json!("")),
        (
            answer(429, "retry-after: 0\r\n", "{}"),
            429,
            "throttled",
            json!({}),
        ),
        (answer(500, "", html), 500, "failed", json!(html)),
        (
            answer(200, "content-type: application/json\r\n", "{\"a\":"),
            200,
            "done",
            json!("{\"a\":"),
        ),
        (
            answer(302, "location: http://169.254.169.254/latest\r\n", ""),
            302,
            "rejected",
            json!(""),
        ),
    ] {
        vendor.next(act);
        let answered = call(&owner, &path, get()).await;
        assert_eq!(answered["status"], status);
        assert_eq!(answered["outcome"], outcome, "{status}");
        assert_eq!(answered["body"], body, "{status}");
        // A redirect is not followed, a 500 not repeated.
        assert_eq!(vendor.take().len(), 1, "{status}");
    }
    let test = owner
        .post(&format!("{path}:test"), json!(null))
        .await
        .status(200);
    assert_eq!(test["outcome"], "done");
    assert_eq!(vendor.take()[0].line, "GET /api/");
}

#[tokio::test]
async fn a_vendor_that_does_not_answer_is_a_problem_of_its_own_kind() {
    let stack = Stack::start().await;
    let owner = stack.tenant("acme").await;
    let vendor = VendorServer::start().await;
    let path = create(&owner, &vendor, json!({})).await;
    let calls = format!("{path}/call");
    vendor.next(Act::Silence);
    let quick = json!({ "method": "GET", "path": "/", "timeout_ms": 100 });
    let late = owner
        .post(&calls, quick)
        .await
        .problem(502, "vendor-unavailable");
    assert!(text(&late["detail"]).contains("no answer within"), "{late}");
    let huge = "x".repeat(1_024 * 1_024 + 1);
    vendor.next(answer(200, "", &huge));
    let refused = owner
        .post(&calls, get())
        .await
        .problem(502, "vendor-unavailable");
    assert!(
        text(&refused["detail"]).contains("more than 1048576 bytes"),
        "{refused}"
    );
    vendor.next(Act::BreakOff);
    let post = json!({ "method": "POST", "path": "/", "body": {} });
    vendor.next(Act::BreakOff);
    owner
        .post(&calls, post)
        .await
        .problem(502, "vendor-unavailable");
}

#[tokio::test]
async fn a_failure_in_passing_is_repeated_once_where_that_does_no_harm() {
    let stack = Stack::start().await;
    let owner = stack.tenant("acme").await;
    let vendor = VendorServer::start().await;
    let path = create(&owner, &vendor, json!({})).await;
    vendor.next(Act::BreakOff);
    let answered = call(&owner, &path, get()).await;
    assert_eq!(
        (answered["attempts"].as_u64(), vendor.take().len()),
        (Some(2), 2)
    );
    vendor.next(answer(503, "", ""));
    let post = json!({ "method": "POST", "path": "/", "body": {} });
    call(&owner, &path, post.clone()).await;
    let asked = vendor.take();
    // The connector knows a key that makes a repeated write one write.
    assert_eq!(asked.len(), 2);
    let key = |at: usize| asked[at].headers["idempotency-key"].clone();
    assert_eq!(key(0), key(1));
    vendor.always(Some(answer(503, "", "")));
    let answered = call(&owner, &path, get()).await;
    assert_eq!(
        (answered["outcome"].clone(), vendor.take().len()),
        (json!("failed"), 2)
    );
    vendor.always(None);
    // With one key our client's repetition is the vendor's too, and is answered from what was kept.
    let keyed = [("idempotency-key", "order-7")];
    let calls = format!("{path}/call");
    for _ in 0..2 {
        let answer = owner
            .request(reqwest::Method::POST, &calls, Some(post.clone()), &keyed)
            .await;
        answer.status(200);
    }
    assert_eq!(vendor.take().len(), 1);
}

#[tokio::test]
async fn a_vendor_that_asks_to_wait_is_left_alone_until_then() {
    let stack = Stack::start().await;
    let owner = stack.tenant("acme").await;
    let vendor = VendorServer::start().await;
    let path = create(&owner, &vendor, json!({})).await;
    vendor.next(answer(429, "retry-after: 30\r\n", ""));
    let answered = call(&owner, &path, get()).await;
    assert_eq!(answered["retry_after_s"], 30);
    stack.advance_s(20);
    let refused = owner.post(&format!("{path}/call"), get()).await;
    refused.problem(429, "quota-exceeded");
    let wait: u64 = refused.header("retry-after").parse().unwrap();
    assert!((9..=11).contains(&wait), "{wait}");
    // A second instance learns it from the table.
    assert_eq!(vendor.take().len(), 1);
    stack.advance_s(11);
    call(&owner, &path, get()).await;
    let spent = "x-ratelimit-remaining: 0\r\nx-ratelimit-reset: ";
    let reset = stack.now_s() + 60;
    vendor.next(answer(200, &format!("{spent}{reset}\r\n"), ""));
    stack.advance_s(2);
    call(&owner, &path, get()).await;
    let refused = owner.post(&format!("{path}/call"), get()).await;
    refused.problem(429, "quota-exceeded");
}

#[tokio::test]
async fn the_connections_budget_is_never_exceeded() {
    let stack = Stack::start().await;
    let owner = stack.tenant("acme").await;
    let vendor = VendorServer::start().await;
    let budget = json!({ "budget": { "requests": 3, "per_seconds": 60 } });
    let path = create(&owner, &vendor, budget).await;
    for _ in 0..3 {
        call(&owner, &path, get()).await;
    }
    for _ in 0..3 {
        let refused = owner.post(&format!("{path}/call"), get()).await;
        refused.problem(429, "quota-exceeded");
    }
    assert_eq!(vendor.take().len(), 3);
}

#[tokio::test]
async fn a_vendor_that_keeps_failing_is_not_called_until_it_is_back_or_the_breaker_is_reset() {
    let stack = Stack::start().await;
    let owner = stack.tenant("acme").await;
    let vendor = VendorServer::start().await;
    let budget = json!({ "budget": { "requests": 1000, "per_seconds": 1 } });
    let path = create(&owner, &vendor, budget).await;
    let health = format!("{path}/health");
    let calls = format!("{path}/call");
    assert_eq!(owner.get(&health).await.status(200)["status"], "healthy");
    vendor.always(Some(answer(500, "", "")));
    let mut made = 0;
    while owner.post(&calls, get()).await.code == 200 {
        made += 1;
        assert!(made < 40, "the breaker does not open");
        stack.advance_s(1);
    }
    let refused = owner.post(&calls, get()).await;
    refused.problem(503, "vendor-suspended");
    assert!(refused.header("retry-after").parse::<u64>().unwrap() <= 31);
    let down = owner.get(&health).await.status(200);
    assert_eq!(down["status"], "down");
    assert_eq!(down["breaker"]["state"], "open");
    // One tenant cannot say that the vendor is down for all.
    assert_eq!(down["vendor"]["state"], "closed");
    vendor.take();
    vendor.always(None);
    // Another connection to the same vendor is not concerned.
    let other = create(&owner, &vendor, json!({})).await;
    call(&owner, &other, get()).await;
    stack.advance_s(31);
    call(&owner, &path, get()).await;
    assert_eq!(owner.get(&health).await.status(200)["status"], "degraded");
    let reset = owner
        .post(&format!("{path}/breaker:reset"), json!(null))
        .await;
    assert_eq!(reset.status(200)["status"], "healthy");
    for _ in 0..10 {
        call(&owner, &path, get()).await;
    }
    let trail = owner
        .get("/v1/audit?action=connection.breaker_reset")
        .await
        .status(200);
    assert_eq!(trail["data"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn nothing_inside_can_be_entered_or_called() {
    let stack = Stack::strict().await;
    let owner = stack.tenant("acme").await;
    for url in [
        "https://127.0.0.1",
        "https://169.254.169.254",
        "https://[::1]",
        "https://[::ffff:10.0.0.1]",
        "https://localhost",
        "https://metadata.internal",
        "https://api.example.com:8443",
        "http://api.example.com",
    ] {
        let key = json!({ "kind": "api_key", "key": KEY });
        let new = json!({ "name": "N", "connector": "rest", "base_url": url, "credentials": key });
        let problem = owner
            .post("/v1/connections", new)
            .await
            .problem(422, "invalid-request");
        assert_eq!(problem["errors"][0]["pointer"], "/base_url", "{url}");
    }
}

#[tokio::test]
async fn a_tenants_own_connector_is_its_alone_and_its_connections_keep_it() {
    let stack = Stack::start().await;
    let (acme, blue) = (stack.tenant("acme").await, stack.tenant("blue").await);
    let vendor = VendorServer::start().await;
    let mut manifest = routes::vendors::connector();
    manifest["base_url"] = json!(vendor.url);
    manifest["objects"] = json!({ "orders": {
        "list": { "method": "GET", "path": "/orders" }, "get": null, "create": null, "update": null,
        "delete": null, "items": "/data", "id": "/id", "fields": { "total": "/sum/total" },
    } });
    acme.post("/v1/connectors", manifest.clone())
        .await
        .status(201);
    acme.post("/v1/connectors", manifest)
        .await
        .problem(409, "conflict");
    let shown = acme.get("/v1/connectors/x-shop").await.status(200);
    assert_eq!(shown["base_url"], vendor.url);
    assert!(acme.get("/v1/connectors").await.body.contains("x-shop"));
    for answer in [
        blue.get("/v1/connectors/x-shop").await,
        blue.delete("/v1/connectors/x-shop").await,
        acme.delete("/v1/connectors/stripe").await,
    ] {
        answer.problem(404, "not-found");
    }
    assert!(!blue.get("/v1/connectors").await.body.contains("x-shop"));
    let new = json!({ "name": "S", "connector": "x-shop", "credentials": { "kind": "api_key", "key": KEY } });
    let theirs = blue.post("/v1/connections", new.clone()).await;
    let problem = theirs.problem(422, "invalid-request");
    assert_eq!(problem["errors"][0]["pointer"], "/connector");
    let made = acme.post("/v1/connections", new).await.status(201);
    let path = format!("/v1/connections/{}", text(&made["id"]));
    assert_eq!(acme.delete("/v1/connectors/x-shop").await.code, 204);
    vendor.next(answer(200, "", r#"{"data":[{"id":1,"sum":{"total":7}}]}"#));
    let listed = acme
        .get(&format!("{path}/objects/orders"))
        .await
        .status(200);
    assert_eq!(listed["data"][0]["fields"], json!({ "total": 7 }));
    assert_eq!(vendor.take()[0].headers["x-api-key"], KEY);
    let mut bad = routes::vendors::connector();
    bad["test_path"] = json!("/../admin");
    let refused = acme.post("/v1/connectors", bad).await;
    let problem = refused.problem(422, "invalid-request");
    assert_eq!(problem["errors"][0]["pointer"], "/test_path");
}
