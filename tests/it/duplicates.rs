//! The same vendor event many times at the same moment, through several workers.

use futures_util::future::join_all;
use local::pump::Redeliver;
use serde_json::json;

use crate::{
    harness::{Endpoint, Stack},
    storm::{all_events, send_all, settle},
};

const WORKERS: usize = 4;

async fn one_effect(stack: &Stack, endpoint: &Endpoint, queue: &str) {
    let times = 10 * WORKERS;
    let same = vec!["evt_same".to_owned(); times];
    send_all(stack, endpoint, &same).await;
    // Each takes a batch of its own and runs it side by side.
    join_all((0..WORKERS).map(|_| stack.drain())).await;
    // Those whose transactions met come again.
    settle(stack, &[queue]).await;
    let owner = stack.again("acme").await;
    let events = all_events(&owner).await;
    let of = |state: &str| {
        let events = events.values();
        events
            .filter(|event| event["state"] == state)
            .collect::<Vec<_>>()
    };
    assert_eq!(events.len(), times);
    let applied = of("processed");
    assert_eq!(applied.len(), 1, "{events:?}");
    let ignored = of("ignored");
    assert_eq!(ignored.len(), times - 1);
    // Each in a list names the one that was applied in its place.
    assert!(
        ignored
            .iter()
            .all(|event| event["duplicate_of"] == applied[0]["id"])
    );
    assert_eq!(applied[0]["duplicates"], json!(times - 1));
}

#[tokio::test]
async fn an_event_that_arrives_many_times_at_once_has_one_effect() {
    for redeliver in [Redeliver::Never, Redeliver::Always] {
        let stack = Stack::with(redeliver).await;
        let endpoint = Endpoint::create(&stack.tenant("acme").await, "stripe").await;
        one_effect(&stack, &endpoint, "EventsQueue").await;
    }
}

#[tokio::test]
async fn an_ordered_event_that_arrives_many_times_at_once_has_one_effect() {
    let stack = Stack::start().await;
    let owner = stack.tenant("acme").await;
    let endpoint = Endpoint::create(&owner, "stripe").await;
    let path = format!("/v1/webhook-endpoints/{}", endpoint.id);
    let ordering = json!({ "ordering": { "entity": "preset" } });
    owner.patch(&path, ordering).await.status(200);
    one_effect(&stack, &endpoint, "OrderedEventsQueue.fifo").await;
}
