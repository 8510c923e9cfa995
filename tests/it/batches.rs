//! Requests that carry several events: each is stored, deduplicated and retried on its own.

use std::collections::{BTreeMap, BTreeSet};

use local::{
    fault::{Answer as Broken, Fault},
    pump::Redeliver,
};
use serde_json::{Value, json};

use crate::{
    harness::{Answer, Endpoint, Stack, text},
    storm::{all_events, settle},
};

/// Posts an array to the batch route of an endpoint.
async fn post(stack: &Stack, endpoint: &Endpoint, id: &str, items: &Value) -> Answer {
    let body = items.to_string();
    let mut batch = endpoint.clone();
    batch.url = format!("{}/batch", endpoint.url);
    stack.send_body(&batch, id, body.as_bytes()).await
}

/// What identifies an item, and its event's state.
fn states(events: &BTreeMap<String, Value>) -> Vec<(String, String)> {
    let mut states: Vec<_> = events
        .values()
        .map(|event| (text(&event["vendor_event_id"]), text(&event["state"])))
        .collect();
    states.sort();
    states
}

#[tokio::test]
async fn a_vendors_batch_becomes_an_event_for_each_item() {
    let stack = Stack::with(Redeliver::Always).await;
    let owner = stack.tenant("acme").await;
    let endpoint = Endpoint::create(&owner, "gocardless").await;
    let item =
        |id: &str, action: &str| json!({ "id": id, "resource_type": "payments", "action": action });
    let batch = |items: Value, delivery: &str| {
        json!({ "events": items, "meta": { "webhook_id": delivery } }).to_string()
    };
    let first = batch(
        json!([
            item("EV1", "paid"),
            item("EV2", "failed"),
            item("EV1", "paid")
        ]),
        "W1",
    );
    let accepted = stack
        .send_body(&endpoint, "", first.as_bytes())
        .await
        .status(202);
    assert_eq!(stack.queued("EventsQueue"), 1, "one request is one message");
    stack.drain().await;
    // Another delivery, cut otherwise: what was there is not applied again.
    let second = batch(json!([item("EV2", "failed"), item("EV3", "paid")]), "W2");
    stack
        .send_body(&endpoint, "", second.as_bytes())
        .await
        .status(202);
    stack.drain().await;
    let events = all_events(&owner).await;
    let expected = [
        ("EV1", "ignored"),
        ("EV1", "processed"),
        ("EV2", "ignored"),
        ("EV2", "processed"),
        ("EV3", "processed"),
    ];
    assert_eq!(
        states(&events),
        expected.map(|(id, state)| (id.to_owned(), state.to_owned()))
    );
    let path = format!("/v1/events/{}", text(&accepted["id"]));
    let event = owner.get(&path).await.status(200);
    assert_eq!(
        (&event["type"], &event["payload"]),
        (
            &json!("payments:paid"),
            &json!({ "events": [item("EV1", "paid")], "meta": { "webhook_id": "W1" } })
        ),
        "the payload is what the vendor would have sent for this item alone"
    );
}

#[tokio::test]
async fn an_empty_batch_is_a_sign_of_life_and_is_kept_as_ignored() {
    let stack = Stack::start().await;
    let owner = stack.tenant("acme").await;
    let endpoint = Endpoint::create(&owner, "xero").await;
    for _ in 0..2 {
        let answer = stack.send_body(&endpoint, "", br#"{"events":[]}"#).await;
        answer.status(200);
    }
    stack.drain().await;
    let events = all_events(&owner).await;
    assert_eq!(events.len(), 2);
    for id in events.keys() {
        let event = owner.get(&format!("/v1/events/{id}")).await.status(200);
        assert_eq!(event["state"], "ignored");
        assert!(
            text(&event["attempts"][0]["detail"]).contains("empty"),
            "{event}"
        );
    }
}

#[tokio::test]
async fn a_failing_item_is_retried_alone() {
    let stack = Stack::start().await;
    let owner = stack.tenant("acme").await;
    let endpoint = Endpoint::create(&owner, "standardwebhooks").await;
    let types = ["t0", "t1", "t-stuck", "t3", "t4", "t5"];
    let items: Vec<Value> = types.iter().map(|kind| json!({ "type": kind })).collect();
    let answer = post(&stack, &endpoint, "msg_1", &json!(items))
        .await
        .status(202);
    assert_eq!(answer["items"].as_array().unwrap().len(), items.len());
    let failure = Fault::on("TransactWriteItems", Broken::InternalError);
    stack.faults().add(failure.containing("t-stuck"));
    stack.drain().await;
    let count = |events: &BTreeMap<String, Value>, state: &str| {
        events
            .values()
            .filter(|event| event["state"] == state)
            .count()
    };
    let events = all_events(&owner).await;
    assert_eq!(
        (count(&events, "processed"), count(&events, "retrying")),
        (5, 1),
        "{events:?}"
    );
    stack.faults().clear();
    settle(&stack, &["EventsQueue"]).await;
    let owner = stack.again("acme").await;
    let events = all_events(&owner).await;
    assert_eq!(count(&events, "processed"), items.len(), "{events:?}");
    let attempts: u64 = events
        .values()
        .map(|event| event["attempt_count"].as_u64().unwrap())
        .sum();
    assert_eq!(attempts, 7, "what was applied is not tried again");
    let types: BTreeSet<String> = events.values().map(|event| text(&event["type"])).collect();
    assert_eq!(
        types.len(),
        items.len(),
        "items of one signed id are events of their own"
    );
}

#[tokio::test]
async fn the_batch_route_answers_item_by_item() {
    let stack = Stack::start().await;
    let owner = stack.tenant("acme").await;
    let endpoint = Endpoint::create(&owner, "stripe").await;
    let items = json!([{ "id": "evt_1", "type": "a" }, 7, { "id": "evt_2", "type": "b" }, null]);
    let answer = post(&stack, &endpoint, "", &items).await.status(202);
    assert_eq!(stack.queued("EventsQueue"), 1);
    stack.drain().await;
    for (index, wanted) in [(0, Some("evt_1")), (1, None), (2, Some("evt_2")), (3, None)] {
        let item = &answer["items"][index];
        assert_eq!(item["index"], index);
        let Some(wanted) = wanted else {
            assert_eq!(item["error"], "must be a JSON object");
            continue;
        };
        let path = format!("/v1/events/{}", text(&item["id"]));
        let event = owner.get(&path).await.status(200);
        assert_eq!(
            (&event["payload"]["id"], &event["state"]),
            (&json!(wanted), &json!("processed"))
        );
    }
    assert_eq!(all_events(&owner).await.len(), 2);
    // One by one they are the same events.
    stack
        .send_body(&endpoint, "", items[0].to_string().as_bytes())
        .await
        .status(202);
    stack.drain().await;
    assert_eq!(
        states(&all_events(&owner).await)[0],
        ("evt_1".to_owned(), "ignored".to_owned())
    );
}

#[tokio::test]
async fn an_authentic_body_that_is_no_batch_is_told_so() {
    let stack = Stack::start().await;
    let owner = stack.tenant("acme").await;
    let endpoint = Endpoint::create(&owner, "stripe").await;
    let many = Value::from(vec![json!({}); 1_001]);
    for (body, said) in [
        (json!({}), "a JSON array of objects"),
        (json!("x"), "a JSON array of objects"),
        (json!([]), "at least one item"),
        (json!([1, null]), "at least one item that is an object"),
        (many, "at most 1000"),
    ] {
        let answer = post(&stack, &endpoint, "", &body).await;
        answer.problem(422, "invalid-request");
        assert!(answer.body.contains(said), "{}", answer.body);
    }
    let url = format!("{}/batch", endpoint.url);
    stack
        .post_raw(&url, &[], b"[{}]")
        .await
        .problem(401, "not-verified");
    assert_eq!(stack.queued("EventsQueue"), 0);
}
