//! What happens to messages, for every kind of answer a function may give.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use anyhow::bail;
use serde_json::{Value, json};

use crate::platform::{Options, Platform, Source};
use crate::pump::{Redeliver, Stepped};
use crate::testing::{SMALL, enqueue, launch, small};

/// The bodies of an event's records.
fn bodies(event: &Value) -> Vec<String> {
    let records = event["Records"].as_array().unwrap();
    let mut bodies: Vec<_> = records
        .iter()
        .map(|record| record["body"].as_str().unwrap().to_owned())
        .collect();
    bodies.sort();
    bodies
}

/// The answer that names every message with this body as failed.
fn failing(event: &Value, body: &str) -> Value {
    let records = event["Records"].as_array().unwrap().iter();
    let failed = records.filter(|record| record["body"] == body);
    let items: Vec<Value> = failed
        .map(|record| json!({"itemIdentifier": record["messageId"]}))
        .collect();
    json!({"batchItemFailures": items})
}

fn stepped(received: usize, deleted: usize, failed: usize) -> Stepped {
    Stepped {
        received,
        deleted,
        failed,
    }
}

/// What one message comes to when the function answers like this.
async fn outcome(answer: impl Fn() -> anyhow::Result<Value> + Send + Sync + 'static) -> Stepped {
    let platform = small(move |_, _| answer()).await;
    enqueue(&platform, "Work", "a").await;
    let stepped = platform.drain().await.unwrap();
    platform.stop().await;
    stepped
}

#[tokio::test]
async fn the_event_is_that_of_lambda() {
    let seen = Arc::new(Mutex::new(Value::Null));
    let see = seen.clone();
    let platform = small(move |_, event| {
        *see.lock().unwrap() = event;
        Ok(Value::Null)
    })
    .await;
    enqueue(&platform, "Work", "hello").await;
    assert_eq!(platform.drain().await.unwrap(), stepped(1, 1, 0));
    let record = seen.lock().unwrap()["Records"][0].clone();
    let mut names: Vec<_> = record
        .as_object()
        .unwrap()
        .keys()
        .map(String::as_str)
        .collect();
    names.sort_unstable();
    let expected = [
        "attributes",
        "awsRegion",
        "body",
        "eventSource",
        "eventSourceARN",
        "md5OfBody",
        "messageAttributes",
        "messageId",
        "receiptHandle",
    ];
    assert_eq!(names, expected);
    assert_eq!(
        record["eventSourceARN"],
        "arn:aws:sqs:us-east-1:000000000000:Work"
    );
    assert_eq!(record["md5OfBody"], "5d41402abc4b2a76b9719d911017c592");
    assert_eq!(record["attributes"]["ApproximateReceiveCount"], "1");
    platform.stop().await;
}

#[tokio::test]
async fn an_empty_answer_is_success() {
    let answers = [
        json!(null),
        json!({}),
        json!({"batchItemFailures": null}),
        json!({"batchItemFailures": []}),
    ];
    for answer in answers {
        let shown = answer.to_string();
        assert_eq!(
            outcome(move || Ok(answer.clone())).await,
            stepped(1, 1, 0),
            "{shown}"
        );
    }
}

#[tokio::test]
async fn an_answer_that_is_not_understood_fails_the_whole_batch() {
    let named = |item: Value| json!({"batchItemFailures": [item]});
    let answers = [
        json!("done"),
        json!({"batchItemFailures": {}}),
        named(json!({"itemIdentifier": ""})),
        named(json!({"itemIdentifier": null})),
        named(json!({"messageId": "x"})),
        named(json!({"itemIdentifier": "no message of the batch"})),
    ];
    for answer in answers {
        let shown = answer.to_string();
        assert_eq!(
            outcome(move || Ok(answer.clone())).await,
            stepped(1, 0, 1),
            "{shown}"
        );
    }
}

#[tokio::test]
async fn an_error_or_a_panic_fails_the_whole_batch() {
    assert_eq!(outcome(|| bail!("broken")).await, stepped(1, 0, 1));
    assert_eq!(outcome(|| panic!("broken")).await, stepped(1, 0, 1));
}

#[tokio::test]
async fn only_the_named_failures_come_back_and_only_after_their_time() {
    let batches = Arc::new(Mutex::new(Vec::new()));
    let seen = batches.clone();
    let platform = small(move |_, event| {
        seen.lock().unwrap().push(bodies(&event));
        Ok(failing(&event, "bad"))
    })
    .await;
    for body in ["bad", "good", "fine"] {
        enqueue(&platform, "Work", body).await;
    }
    assert_eq!(platform.drain().await.unwrap(), stepped(3, 2, 1));
    assert_eq!(platform.drain().await.unwrap(), Stepped::default());
    platform.advance(Duration::from_secs(61));
    assert_eq!(platform.drain().await.unwrap(), stepped(1, 0, 1));
    assert_eq!(
        *batches.lock().unwrap(),
        [vec!["bad", "fine", "good"], vec!["bad"]]
    );
    platform.stop().await;
}

#[tokio::test]
async fn a_message_that_fails_too_often_goes_to_the_dead_letter_queue() {
    let platform = small(|_, event| Ok(failing(&event, "bad"))).await;
    enqueue(&platform, "Work", "bad").await;
    for _ in 0..3 {
        assert_eq!(platform.drain().await.unwrap(), stepped(1, 0, 1));
        platform.advance(Duration::from_secs(61));
    }
    assert_eq!(platform.drain().await.unwrap(), Stepped::default());
    assert_eq!(platform.queue_counts("Dead").unwrap().visible, 1);
    platform.stop().await;
}

#[tokio::test]
async fn a_batch_holds_at_most_as_many_messages_as_the_template_says() {
    let batches = Arc::new(Mutex::new(Vec::new()));
    let seen = batches.clone();
    let platform = small(move |_, event| {
        seen.lock().unwrap().push(bodies(&event).len());
        Ok(Value::Null)
    })
    .await;
    for number in 0..12 {
        enqueue(&platform, "Work", &number.to_string()).await;
    }
    assert_eq!(platform.drain().await.unwrap(), stepped(12, 12, 0));
    assert_eq!(*batches.lock().unwrap(), [10, 2]);
    platform.stop().await;
}

#[tokio::test]
async fn redelivery_repeats_what_succeeded_and_only_that() {
    let batches = Arc::new(Mutex::new(Vec::new()));
    let seen = batches.clone();
    let launch = launch(move |_, event| {
        seen.lock().unwrap().push(bodies(&event));
        Ok(failing(&event, "bad"))
    });
    let mut options = Options::memory(Source::Text(SMALL.to_owned()), launch);
    options.redeliver = Redeliver::Always;
    let platform = Platform::start(options).await.unwrap();
    enqueue(&platform, "Work", "bad").await;
    enqueue(&platform, "Work", "good").await;
    assert_eq!(platform.drain().await.unwrap(), stepped(2, 1, 1));
    assert_eq!(
        *batches.lock().unwrap(),
        [vec!["bad", "good"], vec!["good"]]
    );
    platform.stop().await;
}
