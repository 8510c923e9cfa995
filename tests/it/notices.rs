//! Portico's own events: who asked to be told of a disabled destination is told, once, whoever dies.

use std::collections::BTreeSet;

use local::fault::{Answer, Fault};
use serde_json::{Value, json};

use crate::{
    deliveries::{listed, path_of, start},
    destinations::{create, verifies},
    harness::{Stack, text},
    receiver::Receiver,
};

const DISABLED: &str = "portico.destination.disabled";

#[tokio::test]
async fn a_disabled_destination_is_told_to_those_that_asked_for_it() {
    let stack = Stack::start().await;
    let (owner, endpoint, receiver, gone) = start(&stack).await;
    let told = Receiver::start().await;
    let asks = json!({ "event_types": ["portico.*"], "endpoint_ids": [endpoint.id] });
    let watcher = create(&owner, &told, asks).await;
    let untold = Receiver::start().await;
    for more in [
        json!({ "event_types": ["*"] }),
        json!({ "event_types": ["portico.other"] }),
        json!({ "event_types": [DISABLED], "enabled": false }),
    ] {
        create(&owner, &untold, more).await;
    }
    receiver.answer(410, "", "");
    let event = text(&stack.send(&endpoint, "evt_1").await.status(202)["id"]);
    stack.drain().await;
    let sent = told.take();
    assert_eq!(sent.len(), 1);
    assert_eq!(sent[0].headers["portico-event-type"], DISABLED);
    assert_eq!(sent[0].headers["content-type"], "application/json");
    assert_ne!(sent[0].headers["webhook-id"], event);
    let secret = text(&watcher["secret"]);
    assert!(verifies(&stack, "standardwebhooks", &secret, &sent[0]));
    let body: Value = serde_json::from_slice(&sent[0].body).unwrap();
    assert_eq!(body["type"], DISABLED);
    assert_eq!(body["data"]["destination_id"], gone["id"]);
    assert_eq!(body["data"]["reason"], "it answered 410 Gone");
    // Its URL may hold a key, and this goes to somebody else.
    let members: Vec<_> = body["data"].as_object().unwrap().keys().collect();
    assert_eq!(members, ["destination_id", "name", "reason"]);
    // The vendor's event to the one that takes all, and nothing else.
    let others: Vec<String> = untold
        .take()
        .iter()
        .map(|sent| sent.headers["webhook-id"].clone())
        .collect();
    assert_eq!(others, [event]);
    let list = listed(&owner, &format!("type={DISABLED}")).await;
    assert_eq!(list.len(), 1);
    assert_eq!(list[0]["endpoint_id"], Value::Null);
    assert_eq!(list[0]["destination_id"], watcher["id"]);
    let path = format!("/v1/deliveries/{}", text(&list[0]["id"]));
    assert_eq!(owner.get(&path).await.status(200)["payload"], body);
    // It is retried as any other.
    let retry = format!("{path}:retry");
    owner.post(&retry, json!({})).await.status(202);
    stack.drain().await;
    let again = told.take();
    assert_eq!(again.len(), 1);
    assert_eq!(
        again[0].headers["webhook-id"],
        sent[0].headers["webhook-id"]
    );
    assert_eq!(again[0].body, sent[0].body);
}

#[tokio::test]
async fn a_worker_may_die_at_each_of_its_calls_and_the_news_arrives_once() {
    let stack = Stack::start().await;
    let (owner, endpoint, receiver, gone) = start(&stack).await;
    let told = Receiver::start().await;
    create(&owner, &told, json!({ "event_types": [DISABLED] })).await;
    let path = path_of(&gone);
    let mut deaths = 0;
    let mut times = 0;
    for answer in [Answer::CrashBefore, Answer::CrashAfter] {
        for calls in 0.. {
            let name = format!("{answer:?} {calls}");
            for _ in 0..3 {
                receiver.answer(410, "", "");
            }
            stack.send(&endpoint, &name).await.status(202);
            let fault = Fault::everywhere(answer).by("delivery-worker");
            let fault = stack.faults().add(fault.after(calls).times(1));
            stack.drain().await;
            let is_dead = stack.faults().hits(fault) == 1;
            stack.faults().clear();
            for _ in 0..3 {
                stack.advance_s(181);
                stack.drain().await;
            }
            times += 1;
            assert_eq!(stack.queued("DeliveriesQueue"), 0, "{name}");
            let owner = stack.again("acme").await;
            let shown = owner.get(&path).await.status(200);
            assert_eq!(shown["enabled"], false, "{name}");
            let list = listed(&owner, &format!("type={DISABLED}&limit=100")).await;
            assert_eq!(list.len(), times, "{name}");
            assert!(list.iter().all(|row| row["state"] == "delivered"), "{name}");
            let ids: BTreeSet<String> = told
                .take()
                .iter()
                .map(|sent| sent.headers["webhook-id"].clone())
                .collect();
            assert_eq!(ids.len(), 1, "{name}");
            let trail = owner.get("/v1/audit?action=destination.disabled&limit=100");
            let trail = trail.await.status(200);
            assert_eq!(trail["data"].as_array().unwrap().len(), times, "{name}");
            receiver.forget();
            let on = json!({ "enabled": true });
            owner.patch(&path, on).await.status(200);
            stack.advance_s(11);
            if !is_dead {
                break;
            }
            deaths += 1;
        }
    }
    assert!(deaths >= 12, "{deaths} deaths");
}
