//! Keys that are fetched from vendors, through the front door: one call, kept, bounded, and never for what
//! a stranger says. What stands in for the vendors is a server on this machine.

use std::sync::{
    Arc,
    atomic::{AtomicU16, AtomicUsize, Ordering},
};

use axum::{Router, extract::OriginalUri, http::StatusCode};
use local::server::{self, Server};
use serde_json::{Value, json};
use shared::webhook::{
    presets,
    sign::{Outgoing, dispatch, stand_in},
};

use crate::harness::{Answer, Client, Endpoint, Stack, text};

const TOPIC: &str = "arn:aws:sns:us-east-1:123456789012:MyTopic";
const OTHER_TOPIC: &str = "arn:aws:sns:us-east-1:999999999999:MyTopic";

/// Every vendor's host, counted, and told to fail.
struct Vendors {
    server: Server,
    asked: Arc<AtomicUsize>,
    status: Arc<AtomicU16>,
    /// The value of `Retry-After` in each answer.
    wait_s: Arc<AtomicU16>,
}

impl Vendors {
    async fn start() -> Self {
        let asked = Arc::new(AtomicUsize::new(0));
        let status = Arc::new(AtomicU16::new(200));
        let wait_s = Arc::new(AtomicU16::new(0));
        let (count, answers, waits) = (asked.clone(), status.clone(), wait_s.clone());
        let answer = move |OriginalUri(uri): OriginalUri| {
            count.fetch_add(1, Ordering::SeqCst);
            let status = StatusCode::from_u16(answers.load(Ordering::SeqCst)).unwrap();
            let place = uri
                .path_and_query()
                .unwrap()
                .as_str()
                .trim_start_matches('/')
                .to_owned();
            let wait = [("retry-after", waits.load(Ordering::SeqCst).to_string())];
            async move {
                match stand_in::answer(&place) {
                    Some(body) => (status, wait, body),
                    None => (StatusCode::NOT_FOUND, wait, ""),
                }
            }
        };
        let listener = server::bind(0).await.unwrap();
        Self {
            server: Server::start(listener, Router::new().fallback(answer)).unwrap(),
            asked,
            status,
            wait_s,
        }
    }

    async fn stack(&self) -> Stack {
        let url = self.server.url();
        Stack::start_with(|options| options.vendors_url = Some(url)).await
    }

    fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }

    fn answer_with(&self, status: u16) {
        self.status.store(status, Ordering::SeqCst);
    }
}

async fn create(owner: &Client, scheme: &str, secret: &str) -> Endpoint {
    let new = json!({ "name": "V", "scheme": scheme, "secret": secret });
    let made = owner.post("/v1/webhook-endpoints", new).await.status(201);
    Endpoint {
        id: text(&made["id"]),
        url: text(&made["url"]),
        scheme: scheme.to_owned(),
    }
}

async fn send(stack: &Stack, endpoint: &Endpoint, secret: &str, id: &str, body: &Value) -> Answer {
    let body = body.to_string();
    let outgoing = Outgoing {
        id,
        timestamp_unix_s: stack.now_s(),
        method: "POST",
        url: &endpoint.url,
        body: body.as_bytes(),
    };
    let scheme = presets::find(&endpoint.scheme).unwrap();
    let sent = dispatch(scheme, secret.as_bytes(), &outgoing).unwrap();
    stack.post_with(&sent.url, &sent.headers, &sent.body).await
}

#[tokio::test]
async fn a_key_is_asked_for_once_and_again_after_an_hour() {
    let vendors = Vendors::start().await;
    let stack = vendors.stack().await;
    let owner = stack.tenant("acme").await;
    let endpoint = create(&owner, "aws_sns", TOPIC).await;
    // The calls wait for each other, and all but the first find the key.
    let sends = (0..8).map(|at| {
        let (stack, endpoint) = (&stack, &endpoint);
        async move { send(stack, endpoint, TOPIC, &format!("m-{at}"), &json!({})).await }
    });
    for answer in futures_util::future::join_all(sends).await {
        answer.status(202);
    }
    assert_eq!(vendors.asked(), 1);
    stack.advance_s(3_599);
    send(&stack, &endpoint, TOPIC, "m-8", &json!({}))
        .await
        .status(202);
    assert_eq!(vendors.asked(), 1);
    stack.advance_s(2);
    send(&stack, &endpoint, TOPIC, "m-9", &json!({}))
        .await
        .status(202);
    assert_eq!(vendors.asked(), 2);
}

#[tokio::test]
async fn a_vendor_that_does_not_answer_takes_no_key_away_and_one_that_says_no_does() {
    let vendors = Vendors::start().await;
    let stack = vendors.stack().await;
    let owner = stack.tenant("acme").await;
    let endpoint = create(&owner, "plaid", "client:secret").await;
    vendors.answer_with(500);
    let refused = send(&stack, &endpoint, "client:secret", "1", &json!({})).await;
    refused.problem(401, "not-verified");
    // Left alone for a moment, then asked again.
    send(&stack, &endpoint, "client:secret", "1", &json!({}))
        .await
        .status(401);
    assert_eq!(vendors.asked(), 1);
    vendors.answer_with(200);
    stack.advance_s(5);
    send(&stack, &endpoint, "client:secret", "1", &json!({}))
        .await
        .status(202);
    vendors.answer_with(503);
    stack.advance_s(4_000);
    send(&stack, &endpoint, "client:secret", "2", &json!({}))
        .await
        .status(202);
    assert_eq!(vendors.asked(), 3);
    vendors.answer_with(404);
    stack.advance_s(60);
    send(&stack, &endpoint, "client:secret", "3", &json!({}))
        .await
        .status(401);
    assert_eq!(vendors.asked(), 4);
    // The owner learns why; the sender does not.
    let path = format!("/v1/webhook-endpoints/{}/rejections", endpoint.id);
    let owner = stack.again("acme").await;
    let rejections = owner.get(&path).await.status(200);
    let latest = &rejections["data"][0];
    assert_eq!(latest["reason"], "bad_signature");
    assert!(text(&latest["detail"]).contains("no such key"), "{latest}");
}

#[tokio::test]
async fn a_stranger_makes_no_more_calls_than_an_endpoint_may() {
    let vendors = Vendors::start().await;
    let stack = vendors.stack().await;
    let owner = stack.tenant("acme").await;
    let endpoint = create(&owner, "aws_sns", TOPIC).await;
    let forged = |url: &str| {
        json!({
            "Type": "Notification", "MessageId": "1", "TopicArn": TOPIC, "Message": "x",
            "Timestamp": "2025-10-09T08:53:20Z", "SignatureVersion": "2", "Signature": "AAAA",
            "SigningCertURL": url,
        })
        .to_string()
    };
    for url in [
        "http://sns.us-east-1.amazonaws.com/x.pem",
        "https://sns.us-east-1.amazonaws.com.evil.test/x.pem",
        "https://sns.us-east-1.amazonaws.com@127.0.0.1/x.pem",
        "https://169.254.169.254/x.pem",
    ] {
        let body = forged(url);
        stack
            .post_raw(&endpoint.url, &[], body.as_bytes())
            .await
            .problem(401, "not-verified");
    }
    assert_eq!(vendors.asked(), 0);
    for at in 0..40 {
        let body = forged(&format!("https://sns.us-east-1.amazonaws.com/{at}.pem"));
        stack
            .post_raw(&endpoint.url, &[], body.as_bytes())
            .await
            .status(401);
    }
    assert_eq!(vendors.asked(), 6);
    // Another endpoint has not used up anything.
    let other = create(&owner, "aws_sns", TOPIC).await;
    send(&stack, &other, TOPIC, "m-1", &json!({}))
        .await
        .status(202);
    // From an address that is not allowed, nothing is asked for at all.
    let list = json!({ "allowed_ips": ["203.0.113.0/24"] });
    let path = format!("/v1/webhook-endpoints/{}", other.id);
    owner.patch(&path, list).await.status(200);
    stack.advance_s(10);
    let asked = vendors.asked();
    let body = forged("https://sns.us-east-1.amazonaws.com/new.pem");
    stack
        .post_raw(&other.url, &[], body.as_bytes())
        .await
        .status(401);
    assert_eq!(vendors.asked(), asked);
}

fn subscription() -> Value {
    json!({
        "Type": "SubscriptionConfirmation", "TopicArn": TOPIC, "Message": "You have chosen",
        "Token": "2336412f37",
        "SubscribeURL": "https://sns.us-east-1.amazonaws.com/?Action=ConfirmSubscription&Token=2336412f37",
    })
}

#[tokio::test]
async fn a_subscription_is_confirmed_by_the_worker_and_only_for_a_pinned_topic() {
    let vendors = Vendors::start().await;
    let stack = vendors.stack().await;
    let owner = stack.tenant("acme").await;
    let endpoint = create(&owner, "aws_sns", TOPIC).await;
    // Signed by SNS like any other, for somebody else's topic.
    send(&stack, &endpoint, OTHER_TOPIC, "m-1", &subscription())
        .await
        .status(401);
    stack.drain().await;
    assert_eq!(vendors.asked(), 1);
    let answer = send(&stack, &endpoint, TOPIC, "m-2", &subscription()).await;
    assert_eq!((answer.code.as_u16(), answer.body.as_str()), (200, ""));
    assert_eq!(vendors.asked(), 1);
    stack.drain().await;
    assert_eq!(vendors.asked(), 2);
    assert_eq!(stack.queued("EventsQueue"), 0);
    let events = owner.get("/v1/events").await.status(200);
    assert_eq!(events["data"], json!([]));
}

/// A platform that was asked to confirm a subscription, and has not yet.
async fn subscribed(vendors: &Vendors) -> Stack {
    let stack = vendors.stack().await;
    let owner = stack.tenant("acme").await;
    let endpoint = create(&owner, "aws_sns", TOPIC).await;
    let answer = send(&stack, &endpoint, TOPIC, "m-1", &subscription()).await;
    answer.status(200);
    stack
}

#[tokio::test]
async fn a_confirmation_is_tried_again_and_given_up_in_the_end() {
    let vendors = Vendors::start().await;
    let stack = subscribed(&vendors).await;
    vendors.answer_with(500);
    for tried in 1..8 {
        stack.drain().await;
        assert_eq!(vendors.asked(), 1 + tried);
        assert_eq!(stack.queued("EventsQueue"), 1);
        stack.advance_s(640);
    }
    stack.drain().await;
    assert_eq!(stack.queued("EventsQueue"), 0);
    assert_eq!(stack.queued("EventsDeadLetterQueue"), 1);
}

#[tokio::test]
async fn a_vendor_that_asks_for_time_gets_it() {
    let vendors = Vendors::start().await;
    let stack = subscribed(&vendors).await;
    vendors.answer_with(503);
    vendors.wait_s.store(600, Ordering::SeqCst);
    stack.drain().await;
    assert_eq!(vendors.asked(), 2);
    // A worker's own schedule would have come back long before.
    stack.advance_s(599);
    stack.drain().await;
    assert_eq!(vendors.asked(), 2);
    vendors.answer_with(200);
    stack.advance_s(2);
    stack.drain().await;
    assert_eq!(vendors.asked(), 3);
    assert_eq!(stack.queued("EventsQueue"), 0);
}

#[tokio::test]
async fn a_paypal_forgery_under_a_genuine_checksum_counts_as_the_same_transmission() {
    let vendors = Vendors::start().await;
    let stack = vendors.stack().await;
    let owner = stack.tenant("acme").await;
    let endpoint = create(&owner, "paypal", "4JH86294D6297924G").await;
    let genuine = json!({ "id": "WH-1", "x": "plumless" });
    let forged = json!({ "id": "WH-1", "x": "buckeroo" });
    let headers = |body: &Value| {
        let body = body.to_string();
        endpoint.sign_with("4JH86294D6297924G", "t-1", stack.now_s(), body.as_bytes())
    };
    let signed = headers(&genuine);
    for body in [&genuine, &forged] {
        let body = body.to_string();
        stack
            .post_raw(&endpoint.url, &signed, body.as_bytes())
            .await
            .status(202);
    }
    stack.drain().await;
    let events = owner.get("/v1/events?state=processed").await.status(200);
    assert_eq!(events["data"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn graph_is_told_its_token_in_plain_text_and_nothing_else() {
    let stack = Stack::start().await;
    let owner = stack.tenant("acme").await;
    let endpoint = create(&owner, "microsoft_graph", "client-state").await;
    let ask = |token: &str| format!("{}?validationToken={token}", endpoint.url);
    let token = "Validation%3a+Testing+client+application+reachability+for+subscription+Request-Id%3a+522a8e7e";
    let answer = stack.post_with(&ask(token), &[], b"").await;
    assert_eq!(answer.code.as_u16(), 200);
    assert_eq!(
        answer.body,
        "Validation: Testing client application reachability for subscription Request-Id: 522a8e7e"
    );
    assert_eq!(answer.header("content-type"), "text/plain");
    assert_eq!(answer.header("x-content-type-options"), "nosniff");
    let markup = stack.post_with(&ask("%3Cscript%3E"), &[], b"").await;
    markup.problem(401, "not-verified");
    assert_eq!(stack.queued("EventsQueue"), 0);
}
