//! Files: what was acknowledged is there when the file is opened again.

use local::sqs::{Clock, SqsServer, Storage};

use crate::harness::{START_MS, start};

#[tokio::test]
async fn messages_in_every_state_survive_in_the_file() {
    let directory = tempfile::tempdir().unwrap();
    let file = Storage::File(directory.path().join("queues.db"));
    let before = start(file.clone(), START_MS).await;
    let url = before.queue("q", &[]).await;
    before.send(&url, "received").await;
    assert_eq!(before.receive(&url).await.len(), 1);
    before.send(&url, "waiting").await;
    let delayed = before
        .client
        .send_message()
        .queue_url(&url)
        .message_body("delayed");
    delayed.delay_seconds(60).send().await.unwrap();

    // The first server is still open: nothing of what it acknowledged may depend on its end.
    let after = start(file, START_MS + 1_000).await;
    assert_eq!(after.counts("q"), (1, 1, 1));
    assert_eq!(
        after.receive_bodies(&after.queue("q", &[]).await).await,
        ["waiting"]
    );
    after.advance(59);
    assert_eq!(after.counts("q"), (3, 0, 0));
}

#[tokio::test]
async fn storage_that_cannot_be_opened_is_an_error_that_names_it() {
    let directory = tempfile::tempdir().unwrap();
    let file = Storage::File(directory.path().join("absent").join("queues.db"));
    let error = SqsServer::open(file, Clock::new(|| START_MS)).unwrap_err();
    assert!(error.to_string().contains("absent"), "{error}");
}
