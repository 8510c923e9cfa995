//! The ledger of a span of time, and the story of one event.

use local::fault::{Answer, Fault};
use serde_json::{Value, json};

use crate::{
    harness::{Client, Endpoint, SECRET, Stack, text},
    storm::settle,
};

/// The steps of an event's story: which, when, and in what words.
async fn story(client: &Client, id: &str) -> Vec<(String, Value, String)> {
    let told = client
        .get(&format!("/v1/events/{id}/explain"))
        .await
        .status(200);
    let steps = told["steps"].as_array().unwrap().iter();
    steps
        .map(|step| {
            (
                text(&step["step"]),
                step["at"].clone(),
                text(&step["detail"]),
            )
        })
        .collect()
}

fn names(story: &[(String, Value, String)]) -> Vec<&str> {
    story.iter().map(|(step, ..)| step.as_str()).collect()
}

#[tokio::test]
async fn an_events_story_is_told_in_order() {
    let stack = Stack::start().await;
    let owner = stack.tenant("acme").await;
    let endpoint = Endpoint::create(&owner, "stripe").await;
    let failure = Fault::on("TransactWriteItems", Answer::TransactionConflict);
    stack.faults().add(failure.by("webhook-worker").times(1));
    let id = text(&stack.send(&endpoint, "evt_1").await.status(202)["id"]);
    stack.drain().await;
    let waiting = story(&owner, &id).await;
    assert_eq!(
        names(&waiting),
        [
            "received",
            "verified",
            "deduplicated",
            "attempted",
            "standing",
            "next"
        ]
    );
    let (_, next_at, words) = &waiting[5];
    assert!(words.contains("another attempt"), "{words}");
    assert!(text(next_at) > text(&waiting[3].1), "{waiting:?}");
    settle(&stack, &["EventsQueue"]).await;
    stack.advance_s(10);
    let owner = stack.again("acme").await;
    let again = text(&stack.send(&endpoint, "evt_1").await.status(202)["id"]);
    stack.drain().await;
    owner
        .post(&format!("/v1/events/{id}:replay"), json!({}))
        .await
        .status(202);
    stack.drain().await;
    let whole = story(&owner, &id).await;
    assert_eq!(
        names(&whole),
        [
            "received",
            "verified",
            "deduplicated",
            "attempted",
            "attempted",
            "deduplicated",
            "replayed",
            "attempted",
            "standing",
            "next"
        ]
    );
    assert!(whole[0].2.contains(&endpoint.id), "{whole:?}");
    assert!(
        whole[1]
            .2
            .contains("scheme stripe, whose proof is in Stripe-Signature, under the secret set at"),
        "{whole:?}"
    );
    assert!(whole[2].2.contains("evt_1"), "{whole:?}");
    assert!(whole[5].2.contains("one more delivery"), "{whole:?}");
    assert_eq!(
        (whole[8].2.as_str(), whole[9].2.as_str()),
        ("processed", "nothing")
    );
    assert!(!format!("{whole:?}").contains(SECRET));
    let told = owner
        .get(&format!("/v1/events/{id}/explain"))
        .await
        .status(200);
    let facts = |at: usize| told["steps"][at]["facts"].clone();
    assert_eq!(facts(0)["client"], "127.0.0.1");
    assert!(facts(0)["size_bytes"].as_u64() > Some(20), "{told}");
    let verified = facts(1);
    assert_eq!(
        (&verified["scheme"], &verified["secret"]),
        (&json!("stripe"), &json!("current"))
    );
    assert!(verified["signed_at"].is_string(), "{verified}");
    assert_eq!(facts(2)["known_by"], "event_id");
    assert_eq!(facts(3)["outcome"], "retry");
    assert!(facts(3)["next_at"].is_string(), "{told}");
    let dropped = story(&owner, &again).await;
    assert!(
        dropped[2]
            .2
            .contains(&format!("{id} was applied in its place")),
        "{dropped:?}"
    );
}

#[tokio::test]
async fn a_story_tells_a_rotated_secret_and_an_event_without_an_id() {
    let stack = Stack::start().await;
    let owner = stack.tenant("acme").await;
    let slack = Endpoint::create(&owner, "slack").await;
    let path = format!("/v1/webhook-endpoints/{}:rotate-secret", slack.id);
    owner.post(&path, json!({})).await.status(200);
    let body = br#"{"type":"event_callback"}"#;
    let id = text(&stack.send_body(&slack, "", body).await.status(202)["id"]);
    stack.drain().await;
    let told = owner
        .get(&format!("/v1/events/{id}/explain"))
        .await
        .status(200);
    let (verified, known) = (&told["steps"][1], &told["steps"][2]);
    assert_eq!(verified["facts"]["secret"], "previous", "{verified}");
    assert!(
        text(&verified["detail"]).contains("not the newest"),
        "{verified}"
    );
    assert_eq!(known["facts"]["known_by"], "content", "{known}");
}

#[tokio::test]
async fn a_ledger_shows_what_is_queued_and_what_is_lost() {
    let stack = Stack::start().await;
    let owner = stack.tenant("acme").await;
    let endpoint = Endpoint::create(&owner, "stripe").await;
    stack.send(&endpoint, "evt_1").await.status(202);
    stack.drain().await;
    stack.send(&endpoint, "evt_2").await.status(202);
    stack.send(&endpoint, "evt_3").await.status(202);
    stack.purge("EventsQueue").await;
    // The queue takes nothing: what was not answered with 202 is in no book.
    let full = Fault::on("SendMessage", Answer::InternalError).by("webhooks");
    stack.faults().add(full);
    stack.send(&endpoint, "evt_4").await.status(503);
    stack.faults().clear();
    stack.send(&endpoint, "evt_5").await.status(202);
    stack.drain().await;
    stack.advance_s(1);
    let ledger = owner.get("/v1/events/ledger").await.status(200);
    assert_eq!(ledger["balanced"], true, "{ledger}");
    let total = &ledger["total"];
    assert_eq!(
        (
            &total["accepted"],
            &total["processed"],
            &total["queued"],
            &total["missing"]
        ),
        (&json!(4), &json!(2), &json!(2), &json!(0)),
        "{ledger}"
    );
    stack.advance_s(3_600);
    let owner = stack.again("acme").await;
    let ledger = owner.get("/v1/events/ledger").await.status(200);
    assert_eq!(ledger["balanced"], false, "{ledger}");
    let of_endpoint = &ledger["endpoints"][0];
    assert_eq!(of_endpoint["endpoint_id"], json!(endpoint.id));
    assert_eq!(
        (
            &of_endpoint["accepted"],
            &of_endpoint["queued"],
            &of_endpoint["missing"]
        ),
        (&json!(4), &json!(0), &json!(2)),
        "{ledger}"
    );
}

#[tokio::test]
async fn a_ledger_counts_what_arrived_in_its_span() {
    let stack = Stack::start().await;
    let owner = stack.tenant("acme").await;
    let stripe = Endpoint::create(&owner, "stripe").await;
    let slack = Endpoint::create(&owner, "slack").await;
    for id in ["evt_1", "evt_1", "evt_2"] {
        stack.send(&stripe, id).await.status(202);
    }
    stack.send_body(&slack, "", b"not JSON").await.status(202);
    stack.drain().await;
    stack.advance_s(3_600);
    stack.send(&slack, "Ev1").await.status(202);
    stack.drain().await;
    stack.advance_s(1);
    let owner = stack.again("acme").await;
    let hour_ago = jiff::Timestamp::from_second(stack.now_s() - 1_800).unwrap();
    let tally = async |query: String| {
        let ledger = owner
            .get(&format!("/v1/events/ledger{query}"))
            .await
            .status(200);
        let total = &ledger["total"];
        [
            "accepted",
            "processed",
            "retrying",
            "dead",
            "ignored",
            "queued",
            "duplicates",
        ]
        .map(|name| total[name].as_u64().unwrap())
    };
    assert_eq!(tally(String::new()).await, [5, 3, 0, 1, 1, 0, 1]);
    assert_eq!(
        tally(format!("?since={hour_ago}")).await,
        [1, 1, 0, 0, 0, 0, 0]
    );
    assert_eq!(
        tally(format!("?until={hour_ago}")).await,
        [4, 2, 0, 1, 1, 0, 1]
    );
    let ledger = owner.get("/v1/events/ledger").await.status(200);
    assert_eq!(ledger["endpoints"].as_array().unwrap().len(), 2);
    let empty = format!("/v1/events/ledger?since={hour_ago}&until={hour_ago}");
    owner.get(&empty).await.problem(422, "invalid-request");
    let early = owner
        .get("/v1/events/ledger?since=2000-01-01T00:00:00Z")
        .await;
    let problem = early.problem(422, "invalid-request");
    assert_eq!(problem["errors"][0]["pointer"], "/since", "{problem}");
}
