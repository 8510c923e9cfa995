//! The simulated vendors by themselves: what a real one would do.

use axum::Router;
use axum::body::Body;
use http::{Request, Response};
use http_body_util::BodyExt as _;
use serde_json::{Value, json};
use tower::ServiceExt as _;

use crate::clock::Clock;
use crate::vendors::{CLIENT_ID, CLIENT_SECRET, PAYMENTS_KEY, router};

async fn ask(
    router: &Router,
    line: &str,
    headers: &[(&str, &str)],
    body: &str,
) -> (u16, Value, Response<Body>) {
    let (method, path) = line.split_once(' ').unwrap();
    let mut request = Request::builder().method(method).uri(path);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let request = request.body(Body::from(body.to_owned())).unwrap();
    let response = router.clone().oneshot(request).await.unwrap();
    let (parts, body) = response.into_parts();
    let bytes = body
        .collect()
        .await
        .map(|body| body.to_bytes())
        .unwrap_or_default();
    let value = serde_json::from_slice(&bytes).unwrap_or(Value::Null);
    (
        parts.status.as_u16(),
        value,
        Response::from_parts(parts, Body::empty()),
    )
}

const FORM: (&str, &str) = ("content-type", "application/x-www-form-urlencoded");
const JSON: (&str, &str) = ("content-type", "application/json");

#[tokio::test]
async fn payments_keep_their_limit_and_write_once_for_a_key() {
    let clock = Clock::new();
    let router = router(&clock);
    let key = format!("Bearer {PAYMENTS_KEY}");
    let auth = ("authorization", key.as_str());
    let keyed = [auth, FORM, ("idempotency-key", "k1")];
    let line = "POST /payments.example/v1/customers";
    let (status, first, _) = ask(
        &router,
        line,
        &keyed,
        "email=a%40b.example&metadata[plan]=pro",
    )
    .await;
    assert_eq!((status, &first["metadata"]["plan"]), (200, &json!("pro")));
    let (_, again, _) = ask(
        &router,
        line,
        &keyed,
        "email=a%40b.example&metadata[plan]=pro",
    )
    .await;
    assert_eq!(again["id"], first["id"]);
    let (status, _, _) = ask(&router, line, &keyed, "email=other").await;
    assert_eq!(status, 400);
    let (status, _, _) = ask(&router, "GET /payments.example/v1/balance", &[], "").await;
    assert_eq!(status, 401);
    let mut statuses = Vec::new();
    for _ in 0..60 {
        let (status, _, _) = ask(&router, "GET /payments.example/v1/balance", &[auth], "").await;
        statuses.push(status);
    }
    assert!(statuses.contains(&429));
    clock.advance(std::time::Duration::from_secs(2));
    let (status, listed, _) = ask(&router, "GET /payments.example/v1/customers", &[auth], "").await;
    assert_eq!((status, listed["data"].as_array().unwrap().len()), (200, 1));
}

#[tokio::test]
async fn pages_lead_to_everything_once() {
    let router = router(&Clock::new());
    let credentials = format!(
        "grant_type=client_credentials&client_id={CLIENT_ID}&client_secret={CLIENT_SECRET}"
    );
    let mut lists = Vec::new();
    for vendor in ["directory", "messaging"] {
        let line = format!("POST /{vendor}.example/oauth/token");
        let (_, tokens, _) = ask(&router, &line, &[FORM], &credentials).await;
        lists.push(format!(
            "Bearer {}",
            tokens["access_token"].as_str().unwrap()
        ));
    }
    let (directory, messaging) = (
        ("authorization", lists[0].as_str()),
        ("authorization", lists[1].as_str()),
    );
    for at in 0..7 {
        let user = json!({ "email": format!("{at}@x.example") }).to_string();
        ask(
            &router,
            "POST /directory.example/v1/users",
            &[directory, JSON],
            &user,
        )
        .await;
        let message = json!({ "channel": "c", "text": at.to_string() }).to_string();
        ask(
            &router,
            "POST /messaging.example/api/messages",
            &[messaging, JSON],
            &message,
        )
        .await;
    }
    let (mut cursor, mut found) = (String::new(), 0);
    loop {
        let line = format!("GET /directory.example/v1/users?limit=3{cursor}");
        let (_, page, _) = ask(&router, &line, &[directory], "").await;
        found += page["data"].as_array().unwrap().len();
        let Some(next) = page["next_cursor"].as_str() else {
            break;
        };
        cursor = format!("&cursor={next}");
    }
    assert_eq!(found, 7);
    let (mut path, mut found) = ("/api/messages?limit=3".to_owned(), 0);
    loop {
        let line = format!("GET /messaging.example{path}");
        let (_, page, head) = ask(&router, &line, &[messaging], "").await;
        found += page["messages"].as_array().unwrap().len();
        let Some(link) = head.headers().get("link") else {
            break;
        };
        path = link
            .to_str()
            .unwrap()
            .split(['<', '>'])
            .nth(1)
            .unwrap()
            .to_owned();
    }
    assert_eq!(found, 7);
}

#[tokio::test]
async fn faults_come_when_ordered_and_go_when_used_up() {
    let router = router(&Clock::new());
    let balance = "GET /payments.example/v1/balance";
    let key = format!("Bearer {PAYMENTS_KEY}");
    let auth = [("authorization", key.as_str())];
    let order = async |fault: Value| {
        let line = "POST /control/payments/faults";
        let (status, _, _) = ask(&router, line, &[JSON], &fault.to_string()).await;
        assert_eq!(status, 201);
    };
    order(json!({ "kind": "status", "status": 503, "retry_after_s": 9, "times": 1 })).await;
    let (status, _, head) = ask(&router, balance, &auth, "").await;
    assert_eq!(
        (status, head.headers()["retry-after"].to_str().unwrap()),
        (503, "9")
    );
    order(json!({ "kind": "malformed", "times": 1 })).await;
    let (status, body, _) = ask(&router, balance, &auth, "").await;
    assert_eq!((status, body), (200, Value::Null));
    order(json!({ "kind": "status", "status": 500, "path": "/customers" })).await;
    let (status, _, _) = ask(&router, balance, &auth, "").await;
    assert_eq!(status, 200);
}
