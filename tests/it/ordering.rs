//! Endpoints whose events keep their order, entity by entity, and those that take some types only.

use std::collections::BTreeMap;

use local::{
    fault::{Answer, Fault},
    pump::Redeliver,
};
use serde_json::{Value, json};

use crate::{
    harness::{Client, Endpoint, SECRET, Stack, text},
    storm::{all_events, chance, seeds, settle},
};

const QUEUE: &str = "OrderedEventsQueue.fifo";
const DEAD: &str = "OrderedEventsDeadLetterQueue.fifo";
const WORKER: &str = "webhook-worker";
/// Longer than the visibility time-out.
const BACK_S: u64 = 181;

async fn endpoint(owner: &Client, more: Value) -> Endpoint {
    let mut new = json!({ "name": "Vendor", "scheme": "standardwebhooks", "secret": SECRET });
    let fields = new.as_object_mut().unwrap();
    fields.extend(more.as_object().unwrap().clone());
    let made = owner.post("/v1/webhook-endpoints", new).await.status(201);
    Endpoint {
        id: text(&made["id"]),
        url: text(&made["url"]),
        scheme: "standardwebhooks".to_owned(),
    }
}

async fn ordered(owner: &Client) -> Endpoint {
    endpoint(owner, json!({ "ordering": { "entity": "/entity" } })).await
}

/// Sends an event of this entity and type; its id.
async fn send(stack: &Stack, to: &Endpoint, id: &str, entity: &str, kind: &str) -> String {
    let body = json!({ "type": kind, "entity": entity }).to_string();
    let answer = stack.send_body(to, id, body.as_bytes()).await;
    text(&answer.status(202)["id"])
}

/// Everything of this type fails.
fn stick(stack: &Stack, kind: &str) {
    let failure = Fault::on("TransactWriteItems", Answer::TransactionConflict);
    stack.faults().add(failure.containing(kind));
}

async fn state(owner: &Client, id: &str) -> Option<String> {
    let event = owner.get(&format!("/v1/events/{id}")).await.json();
    event["state"].as_str().map(str::to_owned)
}

/// When the event was applied.
async fn applied_at(owner: &Client, id: &str) -> jiff::Timestamp {
    let event = owner.get(&format!("/v1/events/{id}")).await.status(200);
    let attempts = event["attempts"].as_array().unwrap().iter();
    let mut applied = attempts.filter(|attempt| attempt["outcome"] == "processed");
    let attempt = applied.next().unwrap_or_else(|| panic!("{event}"));
    assert!(applied.next().is_none(), "applied once: {event}");
    text(&attempt["at"]).parse().unwrap()
}

#[tokio::test]
async fn an_entitys_events_are_applied_in_the_order_of_their_receipt_whoever_dies() {
    for seed in seeds(&[1, 2]) {
        let mut chance = chance(seed);
        let stack = Stack::with(Redeliver::Seeded(chance.bits())).await;
        let to = ordered(&stack.tenant("acme").await).await;
        for answer in [Answer::CrashBefore, Answer::CrashAfter] {
            let death = Fault::everywhere(answer).by(WORKER);
            stack.faults().add(death.one_in(8, chance.bits()));
        }
        let mut received: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for at in 0..24 {
            let entity = format!("e{}", chance.below(3));
            let name = format!("msg_{at}");
            let id = send(&stack, &to, &name, &entity, "t").await;
            received.entry(entity.clone()).or_default().push(id);
            if chance.one_in(4) {
                send(&stack, &to, &name, &entity, "t").await;
            }
            if chance.one_in(6) {
                stack.drain().await;
                stack.advance_s(BACK_S);
            }
        }
        let deaths: u32 = stack.faults().list().iter().map(|rule| rule.hits).sum();
        assert!(deaths > 0);
        stack.faults().clear();
        settle(&stack, &[QUEUE]).await;
        let owner = stack.again("acme").await;
        for (entity, ids) in received {
            let mut times = Vec::new();
            for id in &ids {
                times.push(applied_at(&owner, id).await);
            }
            assert!(times.is_sorted(), "{entity}: {times:?}");
        }
    }
}

#[tokio::test]
async fn a_stuck_entity_delays_itself_alone() {
    let stack = Stack::start().await;
    let (acme, globex) = (stack.tenant("acme").await, stack.tenant("globex").await);
    let (to, other) = (ordered(&acme).await, ordered(&globex).await);
    stick(&stack, "t-stuck");
    let stuck = send(&stack, &to, "msg_1", "e1", "t-stuck").await;
    let behind = send(&stack, &to, "msg_2", "e1", "t").await;
    let beside = send(&stack, &to, "msg_3", "e2", "t").await;
    let nameless = stack.send_body(&to, "msg_4", br#"{"type":"t"}"#).await;
    let nameless = text(&nameless.status(202)["id"]);
    let elsewhere = send(&stack, &other, "msg_1", "e1", "t").await;
    stack.drain().await;
    assert_eq!(state(&acme, &stuck).await.as_deref(), Some("retrying"));
    assert_eq!(state(&acme, &behind).await, None, "it waits for its turn");
    for (client, id) in [(&acme, &beside), (&acme, &nameless), (&globex, &elsewhere)] {
        assert_eq!(state(client, id).await.as_deref(), Some("processed"));
    }
    stack.faults().clear();
    settle(&stack, &[QUEUE]).await;
    let acme = stack.again("acme").await;
    assert!(applied_at(&acme, &stuck).await <= applied_at(&acme, &behind).await);
}

#[tokio::test]
async fn an_entity_goes_on_without_an_event_that_was_given_up() {
    let stack = Stack::start().await;
    let owner = stack.tenant("acme").await;
    let more = json!({ "ordering": { "entity": "/entity" }, "retry": { "max_attempts": 3 } });
    let to = endpoint(&owner, more).await;
    stick(&stack, "t-stuck");
    let stuck = send(&stack, &to, "msg_1", "e1", "t-stuck").await;
    let behind = send(&stack, &to, "msg_2", "e1", "t").await;
    settle(&stack, &[QUEUE]).await;
    let owner = stack.again("acme").await;
    assert_eq!(state(&owner, &stuck).await.as_deref(), Some("dead"));
    let next = owner.get(&format!("/v1/events/{behind}")).await.status(200);
    assert_eq!(
        (&next["state"], &next["attempt_count"]),
        (&json!("processed"), &json!(1)),
        "waiting uses up no attempts"
    );
    assert_eq!(stack.queued(DEAD), 1);
    // The cause is gone: the dead letter goes back to its place.
    stack.faults().clear();
    stack.redrive(DEAD, QUEUE).await;
    settle(&stack, &[QUEUE, DEAD]).await;
    let owner = stack.again("acme").await;
    assert_eq!(state(&owner, &stuck).await.as_deref(), Some("processed"));
}

#[tokio::test]
async fn a_batch_is_taken_apart_into_its_entities() {
    let stack = Stack::start().await;
    let owner = stack.tenant("acme").await;
    let to = ordered(&owner).await;
    stick(&stack, "t-stuck");
    let item = |entity: &str, kind: &str| json!({ "entity": entity, "type": kind });
    let items = json!([
        item("e1", "t-stuck"),
        item("e2", "t1"),
        item("e1", "t2"),
        item("e2", "t3")
    ]);
    let mut batch = to.clone();
    batch.url = format!("{}/batch", to.url);
    for id in ["msg_1", "msg_1"] {
        let answer = stack
            .send_body(&batch, id, items.to_string().as_bytes())
            .await;
        answer.status(202);
    }
    stack.drain().await;
    let events = all_events(&owner).await;
    let of = |events: &BTreeMap<String, Value>, state: &str| {
        let mut kinds: Vec<String> = events
            .values()
            .filter(|event| event["state"] == state)
            .map(|event| text(&event["type"]))
            .collect();
        kinds.sort();
        kinds
    };
    assert_eq!(of(&events, "processed"), ["t1", "t3"], "{events:?}");
    assert_eq!(of(&events, "retrying"), ["t-stuck"]);
    stack.faults().clear();
    settle(&stack, &[QUEUE]).await;
    stack.advance_s(1);
    let owner = stack.again("acme").await;
    let events = all_events(&owner).await;
    assert_eq!(of(&events, "processed"), ["t-stuck", "t1", "t2", "t3"]);
    assert_eq!(
        of(&events, "ignored").len(),
        4,
        "the repetition: {events:?}"
    );
    let by_kind = |kind: &str| {
        let is_it =
            |(_, event): &(&String, &Value)| event["type"] == kind && event["state"] == "processed";
        events.iter().find(is_it).unwrap().0.clone()
    };
    assert!(
        applied_at(&owner, &by_kind("t-stuck")).await <= applied_at(&owner, &by_kind("t2")).await
    );
    let ledger = owner.get("/v1/events/ledger").await.status(200);
    assert_eq!(
        (&ledger["balanced"], &ledger["total"]["accepted"]),
        (&json!(true), &json!(8)),
        "{ledger}"
    );
}

#[tokio::test]
async fn an_ordered_event_costs_what_any_other_does() {
    let stack = Stack::start().await;
    let owner = stack.tenant("acme").await;
    let to = ordered(&owner).await;
    send(&stack, &to, "msg_1", "e1", "t").await;
    stack.drain().await;
    let one = |name: &str| BTreeMap::from([(name.to_owned(), 1)]);
    let sent = stack.calls("webhooks", send(&stack, &to, "msg_2", "e1", "t"));
    assert_eq!(sent.await, one("SQS.SendMessage"));
    let applied = stack.calls(WORKER, stack.drain()).await;
    assert_eq!(applied, one("DynamoDB.TransactWriteItems"));
}

#[tokio::test]
async fn events_of_other_types_are_kept_as_ignored() {
    let stack = Stack::start().await;
    let owner = stack.tenant("acme").await;
    let to = endpoint(&owner, json!({ "event_types": ["invoice.*", "ping"] })).await;
    let mut ids = Vec::new();
    for (at, kind) in ["invoice.paid", "ping", "customer.created"]
        .iter()
        .enumerate()
    {
        ids.push(send(&stack, &to, &format!("msg_{at}"), "e", kind).await);
    }
    stack.drain().await;
    for (id, wanted) in ids.iter().zip(["processed", "processed", "ignored"]) {
        assert_eq!(state(&owner, id).await.as_deref(), Some(wanted));
    }
    let ignored = owner
        .get(&format!("/v1/events/{}", ids[2]))
        .await
        .status(200);
    let reason = text(&ignored["attempts"][0]["detail"]);
    assert!(
        reason.contains("does not take events of this type"),
        "{reason}"
    );
    let path = format!("/v1/webhook-endpoints/{}", to.id);
    let all = owner.patch(&path, json!({ "event_types": null })).await;
    assert_eq!(all.status(200)["event_types"], json!([]));
}

#[tokio::test]
async fn an_ordering_is_checked_changed_and_given_up() {
    let stack = Stack::start().await;
    let owner = stack.tenant("acme").await;
    let new = |scheme: &str, entity: &str| {
        let ordering = json!({ "entity": entity });
        json!({ "name": "N", "scheme": scheme, "ordering": ordering })
    };
    for (scheme, entity) in [
        ("stripe", "id"),
        ("stripe", ""),
        ("standardwebhooks", "preset"),
    ] {
        let answer = owner
            .post("/v1/webhook-endpoints", new(scheme, entity))
            .await;
        let problem = answer.problem(422, "invalid-request");
        assert_eq!(
            problem["errors"][0]["pointer"], "/ordering/entity",
            "{problem}"
        );
    }
    let made = owner
        .post("/v1/webhook-endpoints", new("stripe", "preset"))
        .await
        .status(201);
    assert_eq!(made["ordering"], json!({ "entity": "preset" }));
    let path = format!("/v1/webhook-endpoints/{}", text(&made["id"]));
    let changed = owner.patch(&path, json!({ "ordering": null })).await;
    assert_eq!(changed.status(200)["ordering"], Value::Null);
}
