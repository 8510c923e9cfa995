//! One tenant's flood and another tenant's event: the order of processing is what counts, not time.

use local::fault::{Answer, Fault};

use crate::{
    harness::{Client, Endpoint, Stack, text},
    storm::{all_events, send_all},
};

/// How many events the flood has queued when the other tenant's arrive.
const FLOOD: usize = 150;

/// Events of the other tenant.
const FEW: usize = 3;

/// What one batch of the worker holds: the other tenant is served within the first.
const BATCH: usize = 10;

#[tokio::test]
async fn a_flood_is_behind_another_tenants_events() {
    let stack = Stack::start().await;
    let ahead = flooded(&stack, 0).await;
    assert!(ahead < BATCH, "{ahead} events of the flood went first");
}

#[tokio::test]
async fn a_flood_with_messages_in_flight_waits_for_another_tenants_events() {
    let stack = Stack::start().await;
    let ahead = flooded(&stack, 20).await;
    assert_eq!(ahead, 0, "a tenant with messages out is served last");
}

/// How many of the flood's events were processed before the other tenant's last.
async fn flooded(stack: &Stack, in_flight: usize) -> usize {
    let (big, small) = (stack.tenant("big").await, stack.tenant("small").await);
    let (flood, few) = (
        Endpoint::create(&big, "stripe").await,
        Endpoint::create(&small, "stripe").await,
    );
    // What dying workers held stays in flight until its visibility time-out.
    let death = Fault::everywhere(Answer::CrashBefore).by("webhook-worker");
    stack.faults().add(death);
    send_all(stack, &flood, &names("held", in_flight)).await;
    stack.drain().await;
    stack.faults().clear();
    assert_eq!(stack.queued("EventsQueue"), in_flight as u64);
    send_all(stack, &flood, &names("flood", FLOOD)).await;
    send_all(stack, &few, &names("few", FEW)).await;
    stack.drain().await;
    let (of_flood, of_few) = (processed(&big).await, processed(&small).await);
    assert_eq!((of_flood.len(), of_few.len()), (FLOOD, FEW));
    let last = of_few.iter().max().unwrap();
    of_flood.iter().filter(|at| *at < last).count()
}

fn names(kind: &str, count: usize) -> Vec<String> {
    (0..count).map(|at| format!("evt_{kind}_{at}")).collect()
}

/// When each processed event's attempt began.
async fn processed(client: &Client) -> Vec<jiff::Timestamp> {
    let mut began = Vec::new();
    for (id, event) in all_events(client).await {
        if event["state"] == "processed" {
            let event = client.get(&format!("/v1/events/{id}")).await.status(200);
            began.push(text(&event["attempts"][0]["at"]).parse().unwrap());
        }
    }
    began
}
