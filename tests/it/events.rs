//! Listing and replaying events.

use serde_json::json;

use crate::harness::{Endpoint, Stack, text};

#[tokio::test]
async fn events_are_listed_latest_first_and_filtered() {
    let stack = Stack::start().await;
    let owner = stack.tenant("acme").await;
    let stripe = Endpoint::create(&owner, "stripe").await;
    let github = Endpoint::create(&owner, "github").await;
    for at in 0..3 {
        stack.send(&stripe, &format!("evt_{at}")).await.status(202);
        stack.advance_s(2);
    }
    stack.send(&github, "g1").await.status(202);
    stack.drain().await;
    let all = owner.get("/v1/events").await.status(200);
    let times: Vec<String> = all["data"]
        .as_array()
        .unwrap()
        .iter()
        .map(|event| text(&event["received_at"]))
        .collect();
    assert!(
        times.len() == 4 && times.is_sorted_by(|a, b| a >= b),
        "{times:?}"
    );
    for (query, count) in [
        (format!("endpoint={}", github.id), 1),
        ("type=invoice.paid".to_owned(), 3),
        ("state=processed".to_owned(), 4),
        ("state=dead".to_owned(), 0),
        (format!("until={}", times[3]), 0),
        (format!("since={}", times[1]), 2),
    ] {
        let found = owner.get(&format!("/v1/events?{query}")).await.status(200);
        assert_eq!(found["data"].as_array().unwrap().len(), count, "{query}");
    }
    let first = owner.get("/v1/events?limit=3").await.status(200);
    let cursor = text(&first["next_cursor"]);
    let second = owner
        .get(&format!("/v1/events?limit=3&cursor={cursor}"))
        .await
        .status(200);
    assert_eq!(second["data"][0]["id"], all["data"][3]["id"]);
}

#[tokio::test]
async fn a_processed_event_can_be_replayed_and_is_audited() {
    let stack = Stack::start().await;
    let owner = stack.tenant("acme").await;
    let endpoint = Endpoint::create(&owner, "slack").await;
    let accepted = stack.send(&endpoint, "Ev1").await.status(202);
    stack.drain().await;
    let path = format!("/v1/events/{}", text(&accepted["id"]));
    owner
        .post(&format!("{path}:replay"), json!({}))
        .await
        .status(202);
    stack.drain().await;
    let event = owner.get(&path).await.status(200);
    assert_eq!(
        (&event["state"], &event["attempt_count"]),
        (&json!("processed"), &json!(2))
    );
    let entries = owner
        .get("/v1/audit?action=event.replayed")
        .await
        .status(200);
    assert_eq!(entries["data"][0]["target"], accepted["id"]);
}

#[tokio::test]
async fn the_internal_form_of_a_verb_is_not_a_route() {
    let stack = Stack::start().await;
    let owner = stack.tenant("acme").await;
    let endpoint = Endpoint::create(&owner, "slack").await;
    let accepted = stack.send(&endpoint, "Ev1").await.status(202);
    stack.drain().await;
    let path = format!("/v1/events/{}/@replay", text(&accepted["id"]));
    owner.post(&path, json!({})).await.problem(404, "not-found");
    assert_eq!(stack.queued("EventsQueue"), 0);
}

#[tokio::test]
async fn a_replay_of_an_event_that_is_gone_meanwhile_makes_no_row() {
    let stack = Stack::start().await;
    let owner = stack.tenant("acme").await;
    let endpoint = Endpoint::create(&owner, "stripe").await;
    let accepted = stack.send(&endpoint, "evt_1").await.status(202);
    stack.drain().await;
    let id = text(&accepted["id"]);
    owner
        .post(&format!("/v1/events/{id}:replay"), json!({}))
        .await
        .status(202);
    let client = crate::documents::dynamodb(&stack);
    let rows = client
        .scan()
        .table_name("EventsTable")
        .send()
        .await
        .unwrap();
    for row in rows
        .items()
        .iter()
        .filter(|row| row["sk"].as_s().unwrap() == &id)
    {
        let delete = client.delete_item().table_name("EventsTable");
        let keyed = delete
            .key("pk", row["pk"].clone())
            .key("sk", row["sk"].clone());
        keyed.send().await.unwrap();
    }
    stack.drain().await;
    let left = client
        .scan()
        .table_name("EventsTable")
        .send()
        .await
        .unwrap();
    assert!(
        left.items()
            .iter()
            .all(|row| row["sk"].as_s().unwrap() != &id),
        "{left:?}"
    );
    assert_eq!(
        (
            stack.queued("EventsQueue"),
            stack.queued("EventsDeadLetterQueue")
        ),
        (0, 0)
    );
}
