//! Deliveries: an applied event reaches each destination that takes it, once if nothing fails, and until it
//! is given up if something does.

use local::pump::Redeliver;
use serde_json::{Value, json};

use crate::{
    destinations::{create, verifies},
    harness::{Client, Endpoint, Stack, text},
    receiver::Receiver,
};

/// A tenant with an endpoint and a destination.
pub(crate) async fn start(stack: &Stack) -> (Client, Endpoint, Receiver, Value) {
    let owner = stack.tenant("acme").await;
    let endpoint = Endpoint::create(&owner, "stripe").await;
    let receiver = Receiver::start().await;
    let destination = create(&owner, &receiver, json!({})).await;
    (owner, endpoint, receiver, destination)
}

pub(crate) async fn listed(owner: &Client, query: &str) -> Vec<Value> {
    let list = owner.get(&format!("/v1/deliveries?{query}")).await;
    list.status(200)["data"].as_array().unwrap().clone()
}

/// The only delivery, with its attempts.
pub(crate) async fn only(owner: &Client) -> Value {
    let list = listed(owner, "").await;
    assert_eq!(list.len(), 1, "{list:?}");
    let path = format!("/v1/deliveries/{}", text(&list[0]["id"]));
    owner.get(&path).await.status(200)
}

pub(crate) fn path_of(destination: &Value) -> String {
    format!("/v1/destinations/{}", text(&destination["id"]))
}

#[tokio::test]
async fn an_event_reaches_the_destinations_that_take_it_as_the_vendor_sent_it() {
    let stack = Stack::with(Redeliver::Always).await;
    let (owner, endpoint, receiver, destination) = start(&stack).await;
    let other = Receiver::start().await;
    let elsewhere = Endpoint::create(&owner, "stripe").await;
    for more in [
        json!({ "event_types": ["no.such", "portico.*"] }),
        json!({ "endpoint_ids": [elsewhere.id] }),
        json!({ "enabled": false }),
    ] {
        create(&owner, &other, more).await;
    }
    let id = text(&stack.send(&endpoint, "evt_1").await.status(202)["id"]);
    stack.drain().await;
    let sent = receiver.take();
    assert_eq!(sent.len(), 1);
    assert!(other.take().is_empty());
    assert_eq!(sent[0].headers["webhook-id"], id);
    assert_eq!(sent[0].headers["portico-event-type"], "invoice.paid");
    assert_eq!(sent[0].headers["content-type"], "application/json");
    let event = owner.get(&format!("/v1/events/{id}")).await.status(200);
    let body: Value = serde_json::from_slice(&sent[0].body).unwrap();
    assert_eq!(body, event["payload"]);
    let secret = text(&destination["secret"]);
    assert!(verifies(&stack, "standardwebhooks", &secret, &sent[0]));
    let delivery = only(&owner).await;
    assert_eq!(delivery["state"], "delivered");
    assert_eq!(delivery["event_id"], id);
    assert_eq!(delivery["endpoint_id"], endpoint.id);
    assert_eq!(delivery["next_attempt_at"], Value::Null);
    assert_eq!(delivery["attempts"][0]["status"], 200);
    assert_eq!(delivery["attempts"][0]["response"], "ok");
    for (query, count) in [
        ("state=delivered", 1),
        ("state=failed", 0),
        ("type=invoice.paid", 1),
        (&format!("event={id}"), 1),
        (&format!("event={id}&since=2100-01-01T00:00:00Z"), 0),
        (&format!("destination={}", text(&destination["id"])), 1),
        (&format!("endpoint={}", elsewhere.id), 0),
    ] {
        assert_eq!(listed(&owner, query).await.len(), count, "{query}");
    }
    let told = owner.get(&format!("/v1/events/{id}/explain")).await;
    let told = told.status(200);
    let steps = told["steps"].as_array().unwrap();
    let step = steps.iter().find(|step| step["step"] == "delivered");
    let step = step.expect("the story says where the event went");
    assert_eq!(step["facts"]["destination_id"], destination["id"]);
    let detail = text(&step["detail"]);
    assert!(
        detail.ends_with("delivered, attempt 1: it answered 200"),
        "{detail}"
    );
    let unknown = owner.get("/v1/deliveries?colour=red").await;
    unknown.problem(422, "invalid-request");
}

#[tokio::test]
async fn a_duplicate_is_not_delivered_and_a_replay_is_another_round() {
    let stack = Stack::with(Redeliver::Always).await;
    let (owner, endpoint, receiver, _) = start(&stack).await;
    let id = text(&stack.send(&endpoint, "evt_1").await.status(202)["id"]);
    stack.drain().await;
    assert_eq!(receiver.take().len(), 1);
    let twin = text(&stack.send(&endpoint, "evt_1").await.status(202)["id"]);
    stack.drain().await;
    let replay = format!("/v1/events/{twin}:replay");
    owner.post(&replay, json!({})).await.status(202);
    stack.drain().await;
    assert!(receiver.take().is_empty());
    let replay = format!("/v1/events/{id}:replay");
    owner.post(&replay, json!({})).await.status(202);
    stack.drain().await;
    let sent = receiver.take();
    assert_eq!(sent.len(), 1);
    assert_eq!(sent[0].headers["webhook-id"], id);
    assert_eq!(sent[0].headers["portico-attempt"], "2");
    assert_eq!(only(&owner).await["attempt_count"], 2);
}

#[tokio::test]
async fn each_event_of_a_batch_is_delivered() {
    let stack = Stack::with(Redeliver::Always).await;
    let owner = stack.tenant("acme").await;
    let endpoint = Endpoint::create(&owner, "standardwebhooks").await;
    let receiver = Receiver::start().await;
    create(&owner, &receiver, json!({})).await;
    let body = br#"[{"type":"a","n":1},{"type":"b","n":2},{"type":"c","n":3}]"#;
    let url = format!("{}/batch", endpoint.url);
    let headers = endpoint.sign("msg_1", stack.now_s(), body);
    stack.post_raw(&url, &headers, body).await.status(202);
    stack.drain().await;
    let mut kinds: Vec<String> = receiver
        .take()
        .iter()
        .map(|sent| sent.headers["portico-event-type"].clone())
        .collect();
    kinds.sort();
    assert_eq!(kinds, ["a", "b", "c"]);
    assert_eq!(listed(&owner, "state=delivered").await.len(), 3);
}

#[tokio::test]
async fn an_endpoint_may_name_the_destinations_of_its_events() {
    let stack = Stack::start().await;
    let (owner, endpoint, receiver, _) = start(&stack).await;
    let named = Receiver::start().await;
    let destination = create(&owner, &named, json!({})).await;
    let path = format!("/v1/webhook-endpoints/{}", endpoint.id);
    let unknown = json!({ "destination_ids": ["dst_00000000000000000000000000"] });
    let problem = owner.patch(&path, unknown.clone()).await;
    let problem = problem.problem(422, "invalid-request");
    assert_eq!(problem["errors"][0]["pointer"], "/destination_ids/0");
    let mut new = json!({ "name": "N", "scheme": "stripe" });
    new["destination_ids"] = unknown["destination_ids"].clone();
    let refused = owner.post("/v1/webhook-endpoints", new).await;
    refused.problem(422, "invalid-request");
    let patch = json!({ "destination_ids": [destination["id"]] });
    let shown = owner.patch(&path, patch).await.status(200);
    assert_eq!(shown["destination_ids"], json!([destination["id"]]));
    stack.send(&endpoint, "evt_1").await.status(202);
    stack.drain().await;
    assert_eq!((receiver.take().len(), named.take().len()), (0, 1));
    // Not to the others, if the only one that it names is gone.
    owner.delete(&path_of(&destination)).await;
    stack.advance_s(11);
    stack.send(&endpoint, "evt_2").await.status(202);
    stack.drain().await;
    assert!(receiver.take().is_empty());
    let all = json!({ "destination_ids": null });
    let shown = owner.patch(&path, all).await.status(200);
    assert_eq!(shown["destination_ids"], json!([]));
    stack.advance_s(11);
    stack.send(&endpoint, "evt_3").await.status(202);
    stack.drain().await;
    assert_eq!(receiver.take().len(), 1);
}

#[tokio::test]
async fn a_failed_delivery_is_tried_for_three_days_and_can_be_retried() {
    let stack = Stack::with(Redeliver::Always).await;
    let (owner, endpoint, receiver, _) = start(&stack).await;
    for _ in 0..10 {
        receiver.answer(500, "", "broken");
    }
    stack.send(&endpoint, "evt_1").await.status(202);
    stack.drain().await;
    let delivery = only(&owner).await;
    assert_eq!(delivery["state"], "retrying");
    assert_eq!(delivery["attempts"][0]["response"], "broken");
    // Longer than the longest hop of a wait, and all waits together.
    let mut hops = 0;
    while stack.queued("DeliveriesQueue") > 0 && hops < 500 {
        stack.advance_s(901);
        stack.drain().await;
        hops += 1;
    }
    assert!((200..450).contains(&hops), "{hops}");
    let owner = stack.again("acme").await;
    let delivery = only(&owner).await;
    assert_eq!(delivery["state"], "failed");
    assert_eq!(delivery["attempt_count"], 10);
    assert_eq!(receiver.take().len(), 10);
    assert_eq!(stack.queued("DeliveriesDeadLetterQueue"), 0);
    let retry = format!("/v1/deliveries/{}:retry", text(&delivery["id"]));
    owner.post(&retry, json!({})).await.status(202);
    // The destination is still suspended: the retry waits for that, too.
    assert_eq!(only(&owner).await["state"], "pending");
    stack.advance_s(640);
    stack.drain().await;
    let owner = stack.again("acme").await;
    let delivery = only(&owner).await;
    assert_eq!(delivery["state"], "delivered");
    assert_eq!(delivery["attempt_count"], 11);
    let trail = owner.get("/v1/audit?action=delivery.retried").await;
    assert_eq!(trail.status(200)["data"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn a_retry_after_is_honoured() {
    let stack = Stack::start().await;
    let (_, endpoint, receiver, _) = start(&stack).await;
    receiver.answer(429, "retry-after: 600\r\n", "");
    stack.send(&endpoint, "evt_1").await.status(202);
    stack.drain().await;
    assert_eq!(receiver.take().len(), 1);
    // Nor is another event sent there meanwhile.
    stack.send(&endpoint, "evt_2").await.status(202);
    stack.drain().await;
    stack.advance_s(590);
    stack.drain().await;
    assert!(receiver.take().is_empty());
    for _ in 0..3 {
        stack.advance_s(61);
        stack.drain().await;
    }
    assert_eq!(receiver.take().len(), 2);
    assert_eq!(stack.queued("DeliveriesQueue"), 0);
}

#[tokio::test]
async fn a_redirect_is_a_failure_and_is_not_followed() {
    let stack = Stack::start().await;
    let (owner, endpoint, receiver, _) = start(&stack).await;
    let elsewhere = Receiver::start().await;
    let location = format!("location: {}\r\n", elsewhere.url);
    receiver.answer(307, &location, "");
    stack.send(&endpoint, "evt_1").await.status(202);
    stack.drain().await;
    assert!(elsewhere.take().is_empty());
    let delivery = only(&owner).await;
    assert_eq!(delivery["state"], "retrying");
    assert_eq!(delivery["attempts"][0]["status"], 307);
}

#[tokio::test]
async fn a_name_that_resolves_to_an_address_inside_is_refused_at_delivery() {
    // Names may be entered, and one address that is none of this machine's may be called.
    let stack = Stack::start_with(|options| options.egress_allow = "203.0.113.7".to_owned()).await;
    let owner = stack.tenant("acme").await;
    let endpoint = Endpoint::create(&owner, "stripe").await;
    let receiver = Receiver::start().await;
    let url = receiver.url.replace("127.0.0.1", "localhost");
    let new = json!({ "name": "N", "url": url });
    owner.post("/v1/destinations", new).await.status(201);
    stack.send(&endpoint, "evt_1").await.status(202);
    stack.drain().await;
    let delivery = only(&owner).await;
    assert_eq!(delivery["attempts"][0]["status"], Value::Null);
    let error = text(&delivery["attempts"][0]["error"]);
    assert!(error.contains("address"), "{error}");
    assert!(receiver.take().is_empty());
}

#[tokio::test]
async fn while_keys_overlap_each_attempt_carries_both_signatures() {
    let stack = Stack::start().await;
    let (owner, endpoint, receiver, destination) = start(&stack).await;
    let rotation = json!({ "signing": "ed25519", "overlap_hours": 1 });
    let path = format!("{}:rotate-secret", path_of(&destination));
    let rotated = owner.post(&path, rotation).await.status(200);
    stack.send(&endpoint, "evt_1").await.status(202);
    stack.drain().await;
    let sent = receiver.take();
    let (secret, public) = (
        text(&destination["secret"]),
        text(&rotated["keys"][0]["public_key"]),
    );
    let mut changed = sent[0].clone();
    changed.body.push(b' ');
    for (scheme, key) in [
        ("standardwebhooks", &secret),
        ("standardwebhooks_v1a", &public),
    ] {
        assert!(verifies(&stack, scheme, key, &sent[0]), "{scheme}");
        assert!(!verifies(&stack, scheme, key, &changed), "{scheme}");
    }
}

#[tokio::test]
async fn what_waits_for_a_disabled_destination_fails_and_can_be_retried_once_it_is_enabled() {
    let stack = Stack::start().await;
    let (owner, endpoint, receiver, destination) = start(&stack).await;
    receiver.answer(500, "", "");
    stack.send(&endpoint, "evt_1").await.status(202);
    stack.drain().await;
    let path = path_of(&destination);
    let off = json!({ "enabled": false });
    owner.patch(&path, off).await.status(200);
    stack.advance_s(11);
    stack.drain().await;
    let delivery = only(&owner).await;
    assert_eq!(delivery["state"], "failed");
    assert_eq!(delivery["reason"], "the destination is disabled");
    assert_eq!(receiver.take().len(), 1);
    let retry = format!("/v1/deliveries/{}:retry", text(&delivery["id"]));
    owner.post(&retry, json!({})).await.problem(409, "conflict");
    let on = json!({ "enabled": true });
    owner.patch(&path, on).await.status(200);
    // At once, though the worker still knows it as disabled.
    owner.post(&retry, json!({})).await.status(202);
    stack.drain().await;
    assert_eq!(only(&owner).await["state"], "delivered");
    owner.delete(&path).await;
    owner.post(&retry, json!({})).await.problem(409, "conflict");
}

#[tokio::test]
async fn a_destination_that_a_worker_does_not_know_yet_is_not_given_up() {
    let stack = Stack::start().await;
    let (owner, endpoint, receiver, _) = start(&stack).await;
    stack.send(&endpoint, "evt_1").await.status(202);
    stack.drain().await;
    let first = only(&owner).await;
    // The worker that sends learns later than the one that applies.
    let retry = format!("/v1/deliveries/{}:retry", text(&first["id"]));
    stack.advance_s(11);
    owner.post(&retry, json!({})).await.status(202);
    stack.drain().await;
    receiver.take();
    let new = Receiver::start().await;
    create(&owner, &new, json!({})).await;
    stack.send(&endpoint, "evt_2").await.status(202);
    stack.drain().await;
    assert_eq!((receiver.take().len(), new.take().len()), (1, 1));
}
