//! Message groups on a standard queue: a noisy tenant does not delay the others.

use aws_sdk_sqs::types::MessageSystemAttributeName as System;

use crate::harness::{bodies, system, world};

#[tokio::test]
async fn message_group_is_accepted_and_returned() {
    let world = world().await;
    let url = world.queue("q", &[]).await;
    world.send_to_group(&url, "tenant-a", "x").await;
    let received = world.receive(&url).await;
    assert_eq!(
        system(&received[0], &System::MessageGroupId),
        Some("tenant-a")
    );
}

#[tokio::test]
async fn group_with_messages_in_flight_does_not_block_its_own() {
    let world = world().await;
    let url = world.queue("q", &[]).await;
    for body in ["1", "2"] {
        world.send_to_group(&url, "g", body).await;
    }
    assert_eq!(bodies(&world.receive_up_to(&url, 1).await), ["1"]);
    assert_eq!(bodies(&world.receive_up_to(&url, 1).await), ["2"]);
}

#[tokio::test]
async fn quiet_tenant_is_served_before_the_backlog_of_a_noisy_one() {
    let world = world().await;
    let url = world.queue("q", &[]).await;
    for i in 0..30 {
        world
            .send_to_group(&url, "noisy", &format!("noisy{i}"))
            .await;
    }
    // With nobody else waiting, the noisy tenant has the queue for itself.
    assert_eq!(world.receive(&url).await.len(), 10);
    for i in 0..3 {
        world
            .send_to_group(&url, "quiet", &format!("quiet{i}"))
            .await;
    }
    let next = world.receive_up_to(&url, 4).await;
    assert_eq!(bodies(&next), ["quiet0", "quiet1", "quiet2", "noisy10"]);
}

#[tokio::test]
async fn tenants_that_start_together_take_turns() {
    let world = world().await;
    let url = world.queue("q", &[]).await;
    for (group, body) in [
        ("a", "a1"),
        ("a", "a2"),
        ("a", "a3"),
        ("b", "b1"),
        ("c", "c1"),
    ] {
        world.send_to_group(&url, group, body).await;
    }
    assert_eq!(
        world.receive_bodies(&url).await,
        ["a1", "b1", "c1", "a2", "a3"]
    );
}

#[tokio::test]
async fn quiet_tenant_is_served_first_also_by_receives_of_one_message() {
    let world = world().await;
    let url = world.queue("q", &[]).await;
    for i in 0..4 {
        world
            .send_to_group(&url, "noisy", &format!("noisy{i}"))
            .await;
    }
    assert_eq!(bodies(&world.receive_up_to(&url, 1).await), ["noisy0"]);
    world.send_to_group(&url, "quiet", "quiet0").await;
    assert_eq!(bodies(&world.receive_up_to(&url, 1).await), ["quiet0"]);
}
