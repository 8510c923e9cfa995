//! FIFO queues: order within a group, one batch of a group at a time, and deduplication.

use aws_sdk_sqs::operation::send_message::SendMessageOutput;
use aws_sdk_sqs::types::{
    Message, MessageSystemAttributeName as System, QueueAttributeName as Name,
};

use crate::harness::{World, bodies, handle, refusal, system, world};

const FIFO: (Name, &str) = (Name::FifoQueue, "true");
const BY_CONTENT: (Name, &str) = (Name::ContentBasedDeduplication, "true");

async fn send(world: &World, url: &str, group: &str, id: &str, body: &str) -> SendMessageOutput {
    let send = world
        .client
        .send_message()
        .queue_url(url)
        .message_body(body);
    let send = send.message_group_id(group).message_deduplication_id(id);
    send.send().await.unwrap()
}

/// Groups A (a1, a2, a3) and B (b1, b2), with visibility for 3 seconds.
async fn two_groups(world: &World) -> String {
    let url = world
        .queue("q.fifo", &[FIFO, (Name::VisibilityTimeout, "3")])
        .await;
    for (group, body) in [
        ("A", "a1"),
        ("A", "a2"),
        ("B", "b1"),
        ("A", "a3"),
        ("B", "b2"),
    ] {
        send(world, &url, group, body, body).await;
    }
    url
}

async fn receive_one(world: &World, url: &str) -> Message {
    world.receive_up_to(url, 1).await.remove(0)
}

#[tokio::test]
async fn messages_carry_group_deduplication_id_and_growing_sequence_numbers() {
    let world = world().await;
    let url = world.queue("q.fifo", &[FIFO]).await;
    let first = send(&world, &url, "A", "d1", "a1").await;
    let second = send(&world, &url, "A", "d2", "a2").await;
    assert!(first.sequence_number().unwrap() < second.sequence_number().unwrap());
    let message = receive_one(&world, &url).await;
    assert_eq!(system(&message, &System::MessageGroupId), Some("A"));
    assert_eq!(
        system(&message, &System::MessageDeduplicationId),
        Some("d1")
    );
    assert_eq!(
        system(&message, &System::SequenceNumber),
        first.sequence_number()
    );
}

#[tokio::test]
async fn group_in_flight_is_blocked_and_others_are_served_in_order() {
    let world = world().await;
    let url = two_groups(&world).await;
    let first = receive_one(&world, &url).await;
    assert_eq!(first.body(), Some("a1"));
    assert_eq!(world.receive_bodies(&url).await, ["b1", "b2"]);
    assert!(world.receive_bodies(&url).await.is_empty());
    world.delete(&url, &first).await;
    assert_eq!(receive_one(&world, &url).await.body(), Some("a2"));
}

#[tokio::test]
async fn group_is_redelivered_from_its_oldest_message() {
    let world = world().await;
    let url = two_groups(&world).await;
    assert_eq!(receive_one(&world, &url).await.body(), Some("a1"));
    world.advance(3);
    assert_eq!(
        world.receive_bodies(&url).await,
        ["a1", "a2", "a3", "b1", "b2"]
    );
}

#[tokio::test]
async fn group_stays_blocked_until_its_whole_batch_is_done() {
    let world = world().await;
    let url = two_groups(&world).await;
    let two = world.receive_up_to(&url, 2).await;
    assert_eq!(bodies(&two), ["a1", "a2"]);
    world.delete(&url, &two[0]).await;
    assert_eq!(world.receive_bodies(&url).await, ["b1", "b2"]);
    world.delete(&url, &two[1]).await;
    assert_eq!(world.receive_bodies(&url).await, ["a3"]);
}

#[tokio::test]
async fn receipt_handle_ends_with_the_visibility_timeout() {
    let world = world().await;
    let url = two_groups(&world).await;
    let first = receive_one(&world, &url).await;
    world.advance(3);
    let delete = world.client.delete_message().queue_url(&url);
    let refused = refusal(delete.receipt_handle(handle(&first)).send().await);
    assert_eq!(refused, "InvalidParameterValue");
    assert_eq!(world.counts("q.fifo"), (5, 0, 0));
}

#[tokio::test]
async fn same_deduplication_id_within_five_minutes_stores_one_message() {
    let world = world().await;
    let url = world.queue("q.fifo", &[FIFO]).await;
    let first = send(&world, &url, "A", "d1", "a1").await;
    world.advance_ms(299_999);
    let again = send(&world, &url, "B", "d1", "other").await;
    assert_eq!(again.message_id(), first.message_id());
    assert_eq!(again.sequence_number(), first.sequence_number());
    assert_eq!(world.counts("q.fifo"), (1, 0, 0));
    world.advance_ms(1);
    let later = send(&world, &url, "A", "d1", "a1").await;
    assert_ne!(later.message_id(), first.message_id());
    assert_eq!(world.counts("q.fifo"), (2, 0, 0));
}

#[tokio::test]
async fn deduplication_outlives_the_deleted_message() {
    let world = world().await;
    let url = world.queue("q.fifo", &[FIFO]).await;
    send(&world, &url, "A", "d1", "a1").await;
    let message = receive_one(&world, &url).await;
    world.delete(&url, &message).await;
    send(&world, &url, "A", "d1", "a1").await;
    assert_eq!(world.counts("q.fifo"), (0, 0, 0));
}

#[tokio::test]
async fn deduplication_may_be_by_content_and_per_group() {
    let world = world().await;
    let whole = world.queue("whole.fifo", &[FIFO, BY_CONTENT]).await;
    let scope = (Name::DeduplicationScope, "messageGroup");
    let grouped = world
        .queue("grouped.fifo", &[FIFO, BY_CONTENT, scope])
        .await;
    for group in ["A", "A", "B"] {
        world.send_to_group(&whole, group, "same").await;
        world.send_to_group(&grouped, group, "same").await;
    }
    assert_eq!(world.counts("whole.fifo"), (1, 0, 0));
    assert_eq!(world.counts("grouped.fifo"), (2, 0, 0));
}

#[tokio::test]
async fn group_and_deduplication_id_are_required() {
    let world = world().await;
    let url = world.queue("q.fifo", &[FIFO]).await;
    let send = || {
        world
            .client
            .send_message()
            .queue_url(&url)
            .message_body("x")
    };
    let no_group = send().message_deduplication_id("d").send().await;
    assert_eq!(refusal(no_group), "MissingParameter");
    let no_id = send().message_group_id("A").send().await;
    assert_eq!(refusal(no_id), "InvalidParameterValue");
}

#[tokio::test]
async fn delay_is_the_queues_alone_and_a_new_one_counts_for_waiting_messages() {
    let world = world().await;
    let url = world
        .queue("q.fifo", &[FIFO, BY_CONTENT, (Name::DelaySeconds, "2")])
        .await;
    let own = world
        .client
        .send_message()
        .queue_url(&url)
        .message_body("x");
    let own = own.message_group_id("A").delay_seconds(1).send().await;
    assert_eq!(refusal(own), "InvalidParameterValue");
    world.send_to_group(&url, "A", "d").await;
    world.advance_ms(1_999);
    assert!(world.receive_bodies(&url).await.is_empty());
    let set = world.client.set_queue_attributes().queue_url(&url);
    set.attributes(Name::DelaySeconds, "5")
        .send()
        .await
        .unwrap();
    world.advance(3);
    assert!(world.receive_bodies(&url).await.is_empty());
    world.advance_ms(1);
    assert_eq!(world.receive_bodies(&url).await, ["d"]);
}
