//! Batches: each entry answers for itself, and the batch as a whole has its rules.

use aws_sdk_sqs::types::{
    ChangeMessageVisibilityBatchRequestEntry, DeleteMessageBatchRequestEntry,
    SendMessageBatchRequestEntry,
};

use crate::harness::{handle, refusal, world};

fn entry(id: &str, body: &str) -> SendMessageBatchRequestEntry {
    let entry = SendMessageBatchRequestEntry::builder().id(id);
    entry.message_body(body).build().unwrap()
}

fn entries(count: usize) -> Vec<SendMessageBatchRequestEntry> {
    (0..count)
        .map(|i| entry(&i.to_string(), &format!("b{i}")))
        .collect()
}

#[tokio::test]
async fn ten_messages_are_sent_hidden_again_and_deleted_in_batches() {
    let world = world().await;
    let url = world.queue("q", &[]).await;
    let mut ten = entries(9);
    let delayed = SendMessageBatchRequestEntry::builder()
        .id("9")
        .message_body("b9");
    ten.push(delayed.delay_seconds(2).build().unwrap());
    let send = world.client.send_message_batch().queue_url(&url);
    let sent = send.set_entries(Some(ten)).send().await.unwrap();
    assert_eq!(sent.successful().len(), 10);
    assert_eq!(world.counts("q"), (9, 0, 1));

    let nine = world.receive(&url).await;
    assert_eq!(nine.len(), 9);
    let changes = nine.iter().enumerate().map(|(i, message)| {
        ChangeMessageVisibilityBatchRequestEntry::builder()
            .id(i.to_string())
            .receipt_handle(handle(message))
            .visibility_timeout(if i < 4 { 0 } else { 60 })
            .build()
            .unwrap()
    });
    let change = world
        .client
        .change_message_visibility_batch()
        .queue_url(&url);
    let changed = change
        .set_entries(Some(changes.collect()))
        .send()
        .await
        .unwrap();
    assert_eq!(changed.successful().len(), 9);
    let four = world.receive(&url).await;
    assert_eq!(four.len(), 4);

    let current = nine.iter().skip(4).chain(&four).map(handle);
    let deletes = current.chain(["nonsense"]).enumerate().map(|(i, receipt)| {
        let entry = DeleteMessageBatchRequestEntry::builder().id(i.to_string());
        entry.receipt_handle(receipt).build().unwrap()
    });
    let delete = world.client.delete_message_batch().queue_url(&url);
    let deleted = delete
        .set_entries(Some(deletes.collect()))
        .send()
        .await
        .unwrap();
    assert_eq!(deleted.successful().len(), 9);
    let [failed] = deleted.failed() else {
        panic!("expected one failure, got {:?}", deleted.failed());
    };
    assert_eq!(
        (failed.id(), failed.code()),
        ("9", "ReceiptHandleIsInvalid")
    );
    assert!(failed.sender_fault());

    assert_eq!(world.counts("q"), (0, 0, 1));
    world.advance(2);
    assert_eq!(world.receive_bodies(&url).await, ["b9"]);
}

#[tokio::test]
async fn bad_entry_fails_alone() {
    let world = world().await;
    let url = world.queue("q", &[]).await;
    let send = world.client.send_message_batch().queue_url(&url);
    let send = send
        .entries(entry("good", "x"))
        .entries(entry("bad", "\u{b}"));
    let sent = send.send().await.unwrap();
    assert_eq!(sent.successful()[0].id(), "good");
    assert_eq!(sent.failed()[0].id(), "bad");
    assert_eq!(sent.failed()[0].code(), "InvalidMessageContents");
    assert_eq!(world.receive_bodies(&url).await, ["x"]);
}

#[tokio::test]
async fn batch_rules_are_typed_errors_and_store_nothing() {
    let world = world().await;
    let url = world.queue("q", &[]).await;
    let send = |entries| {
        let send = world.client.send_message_batch().queue_url(&url);
        send.set_entries(Some(entries)).send()
    };
    let refused = |result| {
        let code: String = refusal(result);
        code.rsplit('.').next().unwrap_or_default().to_owned()
    };
    let twice = vec![entry("1", "a"), entry("1", "b")];
    assert_eq!(refused(send(twice).await), "BatchEntryIdsNotDistinct");
    assert_eq!(
        refused(send(entries(11)).await),
        "TooManyEntriesInBatchRequest"
    );
    assert_eq!(refused(send(Vec::new()).await), "EmptyBatchRequest");
    assert_eq!(
        refused(send(vec![entry("a b", "x")]).await),
        "InvalidBatchEntryId"
    );
    let half = "x".repeat(524_289);
    let large = vec![entry("1", &half), entry("2", &half)];
    assert_eq!(refused(send(large).await), "BatchRequestTooLong");
    assert_eq!(world.counts("q"), (0, 0, 0));
}
