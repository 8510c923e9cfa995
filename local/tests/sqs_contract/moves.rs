//! Message move tasks: dead letters go back at their rate, and the task tells how far it is.

use aws_sdk_sqs::types::{
    ListMessageMoveTasksResultEntry, MessageSystemAttributeName as System,
    QueueAttributeName as Name,
};

use crate::harness::{World, arn, redrive, refusal, system, world};

/// A source with `dead` as its dead-letter queue, where `count` of its messages have ended up.
async fn dead_letters(world: &World, count: usize) -> String {
    world.queue("dead", &[]).await;
    let policy = redrive("dead", 1);
    let source = world
        .queue("source", &[(Name::RedrivePolicy, &policy)])
        .await;
    for i in 0..count {
        world.send(&source, &format!("m{i}")).await;
    }
    assert_eq!(world.receive(&source).await.len(), count);
    world.advance(30);
    assert!(world.receive(&source).await.is_empty());
    source
}

async fn latest_task(world: &World) -> ListMessageMoveTasksResultEntry {
    let list = world
        .client
        .list_message_move_tasks()
        .source_arn(arn("dead"));
    list.send().await.unwrap().results()[0].clone()
}

#[tokio::test]
async fn dead_letters_go_back_to_their_source_as_new_messages() {
    let world = world().await;
    let source = dead_letters(&world, 2).await;
    let start = world
        .client
        .start_message_move_task()
        .source_arn(arn("dead"));
    assert!(start.send().await.unwrap().task_handle().is_some());
    let returned = world.receive(&source).await;
    assert_eq!(returned.len(), 2);
    assert_eq!(
        system(&returned[0], &System::ApproximateReceiveCount),
        Some("1")
    );
    assert_eq!(
        system(&returned[0], &System::DeadLetterQueueSourceArn),
        None
    );
    let task = latest_task(&world).await;
    assert_eq!(task.status(), Some("COMPLETED"));
    assert_eq!(task.approximate_number_of_messages_moved(), 2);
    assert_eq!(task.approximate_number_of_messages_to_move(), Some(2));
    assert_eq!(task.task_handle(), None);
}

#[tokio::test]
async fn task_moves_at_its_rate_and_can_be_cancelled() {
    let world = world().await;
    dead_letters(&world, 5).await;
    let start = world
        .client
        .start_message_move_task()
        .source_arn(arn("dead"));
    let start = start.max_number_of_messages_per_second(2);
    start.send().await.unwrap();
    assert_eq!(world.counts("source"), (0, 0, 0));
    world.advance_ms(500);
    assert_eq!(world.counts("source"), (1, 0, 0));
    world.advance_ms(999);
    assert_eq!(world.counts("source"), (2, 0, 0));
    let task = latest_task(&world).await;
    assert_eq!(task.status(), Some("RUNNING"));
    let cancel = world.client.cancel_message_move_task();
    let cancel = cancel.task_handle(task.task_handle().unwrap());
    let cancelled = cancel.send().await.unwrap();
    assert_eq!(cancelled.approximate_number_of_messages_moved(), 2);
    world.advance(60);
    assert_eq!(world.counts("source"), (2, 0, 0));
    assert_eq!(world.counts("dead"), (3, 0, 0));
    assert_eq!(latest_task(&world).await.status(), Some("CANCELLED"));
}

#[tokio::test]
async fn only_one_task_runs_per_queue() {
    let world = world().await;
    dead_letters(&world, 2).await;
    let start = || {
        let start = world
            .client
            .start_message_move_task()
            .source_arn(arn("dead"));
        start.max_number_of_messages_per_second(1).send()
    };
    start().await.unwrap();
    assert_eq!(refusal(start().await), "InvalidParameterValue");
    world.advance(2);
    start().await.unwrap();
}

#[tokio::test]
async fn dead_letters_may_go_to_a_queue_of_choice() {
    let world = world().await;
    dead_letters(&world, 2).await;
    let repair = world.queue("repair", &[]).await;
    let start = world
        .client
        .start_message_move_task()
        .source_arn(arn("dead"));
    start.destination_arn(arn("repair")).send().await.unwrap();
    assert_eq!(world.receive_bodies(&repair).await, ["m0", "m1"]);
    let expected = arn("repair");
    assert_eq!(
        latest_task(&world).await.destination_arn(),
        Some(expected.as_str())
    );
}

#[tokio::test]
async fn message_sent_straight_to_the_dead_letters_has_no_way_back() {
    let world = world().await;
    dead_letters(&world, 0).await;
    let dead = world.queue("dead", &[]).await;
    world.send(&dead, "direct").await;
    let start = world
        .client
        .start_message_move_task()
        .source_arn(arn("dead"));
    start.send().await.unwrap();
    let task = latest_task(&world).await;
    assert_eq!(task.status(), Some("FAILED"));
    assert_eq!(
        task.failure_reason(),
        Some("CouldNotDetermineMessageSource")
    );
    assert_eq!(world.counts("dead"), (1, 0, 0));
}

#[tokio::test]
async fn source_of_a_task_must_exist_and_be_a_dead_letter_queue() {
    let world = world().await;
    world.queue("plain", &[]).await;
    let start = |name: &str| world.client.start_message_move_task().source_arn(arn(name));
    assert_eq!(
        refusal(start("plain").send().await),
        "InvalidParameterValue"
    );
    let error = start("nope").send().await.unwrap_err();
    assert!(error.into_service_error().is_resource_not_found_exception());
    let cancel = world.client.cancel_message_move_task().task_handle("nope");
    let error = cancel.send().await.unwrap_err();
    assert!(error.into_service_error().is_resource_not_found_exception());
}

#[tokio::test]
async fn moved_message_wakes_a_waiting_receive() {
    let world = world().await;
    let source = dead_letters(&world, 1).await;
    let (client, queue) = (world.client.clone(), source.clone());
    let poll = tokio::spawn(async move { crate::harness::receive(&client, &queue, 1, 20).await });
    world.until_waiting("source", 1).await;
    let start = world
        .client
        .start_message_move_task()
        .source_arn(arn("dead"));
    start.send().await.unwrap();
    assert_eq!(poll.await.unwrap()[0].body(), Some("m0"));
}
