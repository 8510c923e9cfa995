//! Long polls: woken by a send, ended by the clock, and harmless when their caller leaves.

use aws_sdk_sqs::types::{Message, QueueAttributeName as Name};
use tokio::task::JoinHandle;

use crate::harness::{World, bodies, handle, receive, world};

/// A receive of one message that waits for up to `seconds`, once it is known to be waiting.
async fn poll(world: &World, name: &str, url: &str, seconds: i32) -> JoinHandle<Vec<Message>> {
    let before = world.server.waiting(name);
    let (client, url) = (world.client.clone(), url.to_owned());
    let poll = tokio::spawn(async move { receive(&client, &url, 1, seconds).await });
    world.until_waiting(name, before + 1).await;
    poll
}

#[tokio::test]
async fn waiting_receive_is_woken_by_a_send() {
    let world = world().await;
    let url = world.queue("q", &[]).await;
    let poll = poll(&world, "q", &url, 20).await;
    world.send(&url, "wake").await;
    // The clock stands still: only the send can have ended the poll with a message.
    assert_eq!(bodies(&poll.await.unwrap()), ["wake"]);
}

#[tokio::test]
async fn waiting_receive_ends_empty_when_its_time_has_passed_and_not_before() {
    let world = world().await;
    let url = world.queue("q", &[]).await;
    let patient = poll(&world, "q", &url, 20).await;
    world.advance_ms(19_999);
    world.send(&url, "just in time").await;
    assert_eq!(bodies(&patient.await.unwrap()), ["just in time"]);

    let late = poll(&world, "q", &url, 20).await;
    world.advance(20);
    assert!(late.await.unwrap().is_empty());
}

#[tokio::test]
async fn queue_sets_the_waiting_time_of_receives_that_name_none() {
    let world = world().await;
    let url = world
        .queue("q", &[(Name::ReceiveMessageWaitTimeSeconds, "20")])
        .await;
    let client = world.client.clone();
    let queue = url.clone();
    let poll = tokio::spawn(async move {
        client
            .receive_message()
            .queue_url(&queue)
            .send()
            .await
            .unwrap()
            .messages()
            .len()
    });
    world.until_waiting("q", 1).await;
    world.advance(20);
    assert_eq!(poll.await.unwrap(), 0);
}

#[tokio::test]
async fn waiting_receive_gets_a_message_whose_visibility_timeout_ends() {
    let world = world().await;
    let url = world.queue("q", &[(Name::VisibilityTimeout, "5")]).await;
    world.send(&url, "x").await;
    assert_eq!(world.receive(&url).await.len(), 1);
    let poll = poll(&world, "q", &url, 20).await;
    world.advance(5);
    assert_eq!(bodies(&poll.await.unwrap()), ["x"]);
}

#[tokio::test]
async fn waiting_receive_gets_a_message_that_is_given_back() {
    let world = world().await;
    let url = world.queue("q", &[]).await;
    world.send(&url, "x").await;
    let held = world.receive(&url).await;
    let poll = poll(&world, "q", &url, 20).await;
    let change = world.client.change_message_visibility().queue_url(&url);
    let change = change
        .receipt_handle(handle(&held[0]))
        .visibility_timeout(0);
    change.send().await.unwrap();
    assert_eq!(bodies(&poll.await.unwrap()), ["x"]);
}

#[tokio::test]
async fn caller_who_leaves_while_waiting_takes_no_message_along() {
    let world = world().await;
    let url = world.queue("q", &[]).await;
    let poll = poll(&world, "q", &url, 20).await;
    poll.abort();
    world.until_waiting("q", 0).await;
    world.send(&url, "x").await;
    assert_eq!(world.receive_bodies(&url).await, ["x"]);
}

#[tokio::test]
async fn one_message_ends_one_of_two_waiting_receives() {
    let world = world().await;
    let url = world.queue("q", &[]).await;
    let first = poll(&world, "q", &url, 20).await;
    let second = poll(&world, "q", &url, 20).await;
    world.send(&url, "only").await;
    world.until_waiting("q", 1).await;
    world.advance(20);
    let received = first.await.unwrap().len() + second.await.unwrap().len();
    assert_eq!(received, 1);
}

#[tokio::test]
async fn closing_the_server_ends_waiting_receives() {
    let world = world().await;
    let url = world.queue("q", &[]).await;
    let poll = poll(&world, "q", &url, 20).await;
    world.server.close();
    assert!(poll.await.unwrap().is_empty());
}

#[tokio::test]
async fn deleting_the_queue_ends_waiting_receives() {
    let world = world().await;
    let url = world.queue("q", &[]).await;
    let (client, queue) = (world.client.clone(), url.clone());
    let poll = tokio::spawn(async move {
        client
            .receive_message()
            .queue_url(&queue)
            .wait_time_seconds(20)
            .send()
            .await
    });
    world.until_waiting("q", 1).await;
    world
        .client
        .delete_queue()
        .queue_url(&url)
        .send()
        .await
        .unwrap();
    let error = poll.await.unwrap().unwrap_err();
    assert!(error.into_service_error().is_queue_does_not_exist());
}
