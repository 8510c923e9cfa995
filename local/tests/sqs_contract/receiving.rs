//! Receiving: visibility, receipt handles, retention, and many consumers at once.

use std::collections::HashSet;

use aws_sdk_sqs::types::{MessageSystemAttributeName as System, QueueAttributeName as Name};

use crate::harness::{World, bodies, handle, receive, refusal, system, world};

async fn change(world: &World, url: &str, receipt: &str, seconds: i32) -> Result<(), String> {
    let change = world.client.change_message_visibility().queue_url(url);
    let change = change.receipt_handle(receipt).visibility_timeout(seconds);
    change
        .send()
        .await
        .map(|_| ())
        .map_err(|error| crate::harness::code(&error))
}

#[tokio::test]
async fn received_message_is_invisible_until_its_timeout_ends() {
    let world = world().await;
    let url = world.queue("q", &[(Name::VisibilityTimeout, "2")]).await;
    world.send(&url, "x").await;
    assert_eq!(world.receive_bodies(&url).await, ["x"]);
    assert!(world.receive_bodies(&url).await.is_empty());
    assert_eq!(world.counts("q"), (0, 1, 0));
    world.advance_ms(1_999);
    assert!(world.receive_bodies(&url).await.is_empty());
    world.advance_ms(1);
    assert_eq!(world.counts("q"), (1, 0, 0));
    let again = world.receive(&url).await;
    assert_eq!(
        system(&again[0], &System::ApproximateReceiveCount),
        Some("2")
    );
}

#[tokio::test]
async fn request_may_set_its_own_visibility_timeout() {
    let world = world().await;
    let url = world.queue("q", &[]).await;
    world.send(&url, "x").await;
    let receive = world.client.receive_message().queue_url(&url);
    let out = receive.visibility_timeout(100).send().await.unwrap();
    assert_eq!(out.messages().len(), 1);
    world.advance(99);
    assert_eq!(world.counts("q"), (0, 1, 0));
    world.advance(1);
    assert_eq!(world.counts("q"), (1, 0, 0));
}

#[tokio::test]
async fn visibility_changed_to_zero_frees_the_message_at_once() {
    let world = world().await;
    let url = world.queue("q", &[]).await;
    world.send(&url, "x").await;
    let first = world.receive(&url).await;
    change(&world, &url, handle(&first[0]), 0).await.unwrap();
    assert_eq!(world.receive_bodies(&url).await, ["x"]);
}

#[tokio::test]
async fn visibility_may_be_extended_up_to_twelve_hours_from_the_receive() {
    let world = world().await;
    let url = world.queue("q", &[]).await;
    world.send(&url, "x").await;
    let first = world.receive(&url).await;
    world.advance(20);
    let receipt = handle(&first[0]);
    assert_eq!(
        change(&world, &url, receipt, 43_200).await,
        Err("InvalidParameterValue".to_owned())
    );
    change(&world, &url, receipt, 43_180).await.unwrap();
    world.advance(43_179);
    assert_eq!(world.counts("q"), (0, 1, 0));
}

#[tokio::test]
async fn visibility_of_a_message_that_is_not_in_flight_cannot_be_changed() {
    let world = world().await;
    let url = world.queue("q", &[]).await;
    world.send(&url, "x").await;
    let first = world.receive(&url).await;
    world.advance(30);
    let visible = change(&world, &url, handle(&first[0]), 5).await;
    assert_eq!(
        visible,
        Err("AWS.SimpleQueueService.MessageNotInflight".to_owned())
    );
    let second = world.receive(&url).await;
    let stale = change(&world, &url, handle(&first[0]), 5).await;
    assert_eq!(stale, Err("InvalidParameterValue".to_owned()));
    world.delete(&url, &second[0]).await;
    let deleted = change(&world, &url, handle(&second[0]), 5).await;
    assert_eq!(deleted, Err("InvalidParameterValue".to_owned()));
}

#[tokio::test]
async fn deleting_twice_succeeds_and_leaves_nothing() {
    let world = world().await;
    let url = world.queue("q", &[]).await;
    world.send(&url, "x").await;
    let received = world.receive(&url).await;
    world.delete(&url, &received[0]).await;
    assert_eq!(world.counts("q"), (0, 0, 0));
    world.delete(&url, &received[0]).await;
}

#[tokio::test]
async fn stale_receipt_handle_deletes_nothing() {
    let world = world().await;
    let url = world.queue("q", &[]).await;
    world.send(&url, "x").await;
    let first = world.receive(&url).await;
    world.advance(30);
    let second = world.receive(&url).await;
    world.delete(&url, &first[0]).await;
    assert_eq!(world.counts("q"), (0, 1, 0));
    world.delete(&url, &second[0]).await;
    assert_eq!(world.counts("q"), (0, 0, 0));
}

#[tokio::test]
async fn receipt_handle_that_was_never_issued_is_a_typed_error() {
    let world = world().await;
    let url = world.queue("q", &[]).await;
    let delete = world.client.delete_message().queue_url(&url);
    let error = delete.receipt_handle("garbage").send().await.unwrap_err();
    assert!(error.into_service_error().is_receipt_handle_is_invalid());
}

#[tokio::test]
async fn more_than_ten_messages_at_a_time_are_refused() {
    let world = world().await;
    let url = world.queue("q", &[]).await;
    for max in [0, 11] {
        let receive = world.client.receive_message().queue_url(&url);
        let refused = refusal(receive.max_number_of_messages(max).send().await);
        assert_eq!(refused, "InvalidParameterValue");
    }
}

#[tokio::test]
async fn message_is_gone_after_its_retention_period_even_in_flight() {
    let world = world().await;
    let url = world
        .queue("q", &[(Name::MessageRetentionPeriod, "60")])
        .await;
    world.send(&url, "waiting").await;
    world.advance_ms(59_999);
    world.send(&url, "later").await;
    assert_eq!(world.counts("q"), (2, 0, 0));
    assert_eq!(bodies(&world.receive_up_to(&url, 1).await), ["waiting"]);
    world.advance_ms(1);
    assert_eq!(world.counts("q"), (1, 0, 0));
    assert_eq!(world.receive_bodies(&url).await, ["later"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn eight_consumers_receive_each_of_200_messages_once() {
    let world = world().await;
    let url = world.queue("q", &[(Name::VisibilityTimeout, "60")]).await;
    for i in 0..200 {
        world.send(&url, &i.to_string()).await;
    }
    let consumers: Vec<_> = (0..8)
        .map(|_| {
            let (client, url) = (world.client.clone(), url.clone());
            tokio::spawn(async move {
                let mut seen = Vec::new();
                loop {
                    let messages = receive(&client, &url, 10, 0).await;
                    if messages.is_empty() {
                        return seen;
                    }
                    seen.extend(bodies(&messages));
                }
            })
        })
        .collect();
    let mut all = Vec::new();
    for consumer in consumers {
        all.extend(consumer.await.unwrap());
    }
    assert_eq!(all.len(), 200);
    assert_eq!(all.iter().collect::<HashSet<_>>().len(), 200);
}
