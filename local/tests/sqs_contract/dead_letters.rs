//! Redrive to a dead-letter queue after too many receives.

use aws_sdk_sqs::types::{MessageSystemAttributeName as System, QueueAttributeName as Name};

use crate::harness::{arn, redrive, system, text_attribute, world};

#[tokio::test]
async fn message_received_too_often_moves_to_the_dead_letters_as_it_is() {
    let world = world().await;
    let dead = world.queue("dead", &[]).await;
    let policy = redrive("dead", 2);
    let attributes = [
        (Name::RedrivePolicy, policy.as_str()),
        (Name::VisibilityTimeout, "1"),
    ];
    let source = world.queue("source", &attributes).await;
    let send = world
        .client
        .send_message()
        .queue_url(&source)
        .message_body("poison");
    send.message_attributes("k", text_attribute("String", "v"))
        .send()
        .await
        .unwrap();
    let sent_at = world.now().to_string();

    let first = world.receive(&source).await;
    world.advance(1);
    assert_eq!(world.receive_bodies(&source).await, ["poison"]);
    world.advance(1);
    assert!(world.receive(&source).await.is_empty());
    assert_eq!(world.counts("source"), (0, 0, 0));

    let moved = world.receive(&dead).await;
    let [message] = moved.as_slice() else {
        panic!("expected one dead letter, got {moved:?}");
    };
    assert_eq!(message.body(), Some("poison"));
    assert_eq!(message.message_id(), first[0].message_id());
    assert_eq!(
        message.message_attributes().unwrap()["k"].string_value(),
        Some("v")
    );
    let source_arn = arn("source");
    assert_eq!(
        system(message, &System::DeadLetterQueueSourceArn),
        Some(source_arn.as_str())
    );
    // Counted over all queues, and the age goes on from the first one.
    assert_eq!(system(message, &System::ApproximateReceiveCount), Some("3"));
    assert_eq!(
        system(message, &System::SentTimestamp),
        Some(sent_at.as_str())
    );
}

#[tokio::test]
async fn poisoned_messages_do_not_keep_a_receive_from_the_good_ones() {
    let world = world().await;
    world.queue("dead", &[]).await;
    let policy = redrive("dead", 1);
    let source = world
        .queue("source", &[(Name::RedrivePolicy, &policy)])
        .await;
    for body in ["bad 1", "bad 2"] {
        world.send(&source, body).await;
    }
    assert_eq!(world.receive(&source).await.len(), 2);
    world.advance(30);
    world.send(&source, "good").await;
    assert_eq!(
        world.receive_up_to(&source, 1).await[0].body(),
        Some("good")
    );
    assert_eq!(world.counts("dead"), (2, 0, 0));
}

#[tokio::test]
async fn sources_of_a_dead_letter_queue_are_listed() {
    let world = world().await;
    let dead = world.queue("dead", &[]).await;
    let policy = redrive("dead", 2);
    let source = world
        .queue("source", &[(Name::RedrivePolicy, &policy)])
        .await;
    world.queue("other", &[]).await;
    let list = world
        .client
        .list_dead_letter_source_queues()
        .queue_url(&dead);
    assert_eq!(list.send().await.unwrap().queue_urls(), [source]);
}

#[tokio::test]
async fn dead_letter_queue_must_exist_be_of_the_same_kind_and_admit_the_source() {
    let world = world().await;
    let refused = Err("InvalidParameterValue".to_owned());
    let missing = redrive("dead", 2);
    let attempt = world
        .try_queue("source", &[(Name::RedrivePolicy, &missing)])
        .await;
    assert_eq!(attempt, refused);

    world.queue("dead.fifo", &[(Name::FifoQueue, "true")]).await;
    let other_kind = redrive("dead.fifo", 2);
    let attempt = world
        .try_queue("source", &[(Name::RedrivePolicy, &other_kind)])
        .await;
    assert_eq!(attempt, refused);

    let nobody = (
        Name::RedriveAllowPolicy,
        r#"{"redrivePermission":"denyAll"}"#,
    );
    world.queue("closed", &[nobody]).await;
    let closed = redrive("closed", 2);
    let attempt = world
        .try_queue("source", &[(Name::RedrivePolicy, &closed)])
        .await;
    assert_eq!(attempt, refused);
}

#[tokio::test]
async fn dead_letters_of_a_fifo_queue_start_their_age_again() {
    let world = world().await;
    let dead = [
        (Name::FifoQueue, "true"),
        (Name::MessageRetentionPeriod, "60"),
    ];
    world.queue("dead.fifo", &dead).await;
    let policy = redrive("dead.fifo", 1);
    let fifo = [
        (Name::FifoQueue, "true"),
        (Name::ContentBasedDeduplication, "true"),
        (Name::RedrivePolicy, policy.as_str()),
    ];
    let source = world.queue("source.fifo", &fifo).await;
    world.send_to_group(&source, "g", "poison").await;
    assert_eq!(world.receive(&source).await.len(), 1);
    world.advance(50);
    assert!(world.receive(&source).await.is_empty());
    world.advance(59);
    assert_eq!(world.counts("dead.fifo"), (1, 0, 0));
    world.advance(1);
    assert_eq!(world.counts("dead.fifo"), (0, 0, 0));
}
