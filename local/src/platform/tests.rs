//! The platform as a whole: up from a template, down without a trace.

use std::collections::BTreeMap;
use std::net::TcpListener;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use http::StatusCode;
use serde_json::{Value, json};
use tokio::sync::Notify;

use crate::function::{Invoke, Launch};
use crate::platform::{Options, Platform, Pumps, Source, Storage};
use crate::progress::Progress;
use crate::testing::{SMALL, call, closure, enqueue, get, launch, project_template, small};

fn address(url: &str) -> String {
    url.trim_start_matches("http://").to_owned()
}

fn options() -> Options {
    Options::memory(
        Source::Text(SMALL.to_owned()),
        launch(|_, _| Ok(json!({"statusCode": 204}))),
    )
}

#[tokio::test]
async fn stopping_frees_every_port() {
    let platform = small(|_, _| Ok(Value::Null)).await;
    let urls = [platform.url(), platform.dynamodb_url(), platform.sqs_url()];
    for url in &urls {
        assert!(TcpListener::bind(address(url)).is_err(), "{url}");
    }
    platform.stop().await;
    for url in &urls {
        assert!(TcpListener::bind(address(url)).is_ok(), "{url}");
    }
}

#[tokio::test]
async fn a_port_in_use_is_named_with_the_way_out() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    let error = Platform::start(Options { port, ..options() })
        .await
        .err()
        .unwrap();
    let expected =
        format!("port {port} is in use; give another with --port, or --port 0 for any free one");
    assert_eq!(error.to_string(), expected);
}

#[tokio::test]
async fn the_projects_template_starts() {
    let launch = launch(|_, _| Ok(json!({"statusCode": 204})));
    let platform = Platform::start(Options::memory(Source::Text(project_template()), launch))
        .await
        .unwrap();
    assert_eq!(
        get(format!("{}/health", platform.url())).await.0,
        StatusCode::NO_CONTENT
    );
    assert!(platform.queue_counts("EventsQueue").is_some());
    platform.warm().await.unwrap();
    platform.stop().await;
}

#[tokio::test]
async fn a_function_is_given_its_environment() {
    let seen: Arc<Mutex<BTreeMap<String, BTreeMap<String, String>>>> = Arc::default();
    let see = seen.clone();
    let launch: Launch = Arc::new(move |binary, environment| {
        see.lock().unwrap().insert(binary.to_owned(), environment);
        async { Ok(closure(Ok)) }.boxed()
    });
    let platform = Platform::start(Options {
        launch,
        ..options()
    })
    .await
    .unwrap();
    platform.warm().await.unwrap();
    let door = seen.lock().unwrap()["door"].clone();
    assert_eq!(door["TABLE"], "Things");
    assert_eq!(
        door["QUEUE"],
        format!("{}/000000000000/Work", platform.sqs_url())
    );
    assert_eq!(door["PORTICO_PUBLIC_URL"], platform.url());
    assert_eq!(door["AWS_ENDPOINT_URL_DYNAMODB"], platform.dynamodb_url());
    assert_eq!(door["AWS_ACCESS_KEY_ID"], "LOCAL-door");
    assert_eq!(door["PORTICO_LOCAL_KEY"].len(), 64);
    assert_eq!(door, platform.environment("door").unwrap());
    platform.stop().await;
}

#[tokio::test]
async fn data_outlives_the_platform_in_its_directory() {
    let folder = tempfile::tempdir().unwrap();
    let storage = || Storage::Dir(folder.path().join("data"));
    let item = json!({"TableName": "Things", "Item": {"pk": {"S": "1"}}});
    let key = json!({"TableName": "Things", "Key": {"pk": {"S": "1"}}});
    let platform = Platform::start(Options {
        storage: storage(),
        ..options()
    })
    .await
    .unwrap();
    assert_eq!(
        call(
            &platform.dynamodb_url(),
            "operator",
            "DynamoDB_20120810.PutItem",
            item
        )
        .await
        .0,
        StatusCode::OK
    );
    enqueue(&platform, "Work", "a").await;
    let master_key = platform.environment("door").unwrap()["PORTICO_LOCAL_KEY_FILE"].clone();
    let before = std::fs::read(&master_key).unwrap();
    platform.stop().await;

    let platform = Platform::start(Options {
        storage: storage(),
        ..options()
    })
    .await
    .unwrap();
    let (_, found) = call(
        &platform.dynamodb_url(),
        "operator",
        "DynamoDB_20120810.GetItem",
        key,
    )
    .await;
    assert_eq!(found["Item"]["pk"]["S"], "1");
    assert_eq!(platform.queue_counts("Work").unwrap().visible, 1);
    assert_eq!(std::fs::read(&master_key).unwrap(), before);
    platform.stop().await;
}

#[tokio::test]
async fn a_data_directory_belongs_to_one_platform_at_a_time() {
    let folder = tempfile::tempdir().unwrap();
    let storage = || Storage::Dir(folder.path().to_owned());
    let platform = Platform::start(Options {
        storage: storage(),
        ..options()
    })
    .await
    .unwrap();
    let error = Platform::start(Options {
        storage: storage(),
        ..options()
    })
    .await
    .err()
    .unwrap();
    assert!(
        error
            .to_string()
            .contains(&format!("is in use by process {}", std::process::id())),
        "{error}"
    );
    platform.stop().await;
    Platform::start(Options {
        storage: storage(),
        ..options()
    })
    .await
    .unwrap()
    .stop()
    .await;
}

#[tokio::test]
async fn another_endpoint_can_take_the_place_of_an_embedded_one() {
    let lender = small(|_, _| Ok(Value::Null)).await;
    let borrower = Platform::start(Options {
        dynamodb_url: Some(lender.dynamodb_url()),
        sqs_url: Some(lender.sqs_url()),
        ..options()
    })
    .await
    .unwrap();
    let item = json!({"TableName": "Things", "Item": {"pk": {"S": "1"}}});
    let (status, answer) = call(
        &borrower.dynamodb_url(),
        "LOCAL-door",
        "DynamoDB_20120810.PutItem",
        item,
    )
    .await;
    assert_eq!(status, StatusCode::OK, "{answer}");
    let key = json!({"TableName": "Things", "Key": {"pk": {"S": "1"}}});
    let (_, found) = call(
        &lender.dynamodb_url(),
        "operator",
        "DynamoDB_20120810.GetItem",
        key,
    )
    .await;
    assert_eq!(found["Item"]["pk"]["S"], "1");
    enqueue(&lender, "Work", "a").await;
    assert_eq!(borrower.drain().await.unwrap().deleted, 1);
    assert!(borrower.queue_counts("Work").is_none());
    borrower.stop().await;
    lender.stop().await;
}

#[tokio::test]
async fn running_pumps_work_a_message_off_by_themselves() {
    let (sender, mut worked) = tokio::sync::mpsc::unbounded_channel();
    let launch = launch(move |binary, _| {
        sender.send(binary.to_owned()).unwrap();
        Ok(Value::Null)
    });
    let platform = Platform::start(Options {
        launch,
        pumps: Pumps::Running,
        ..options()
    })
    .await
    .unwrap();
    enqueue(&platform, "Work", "a").await;
    assert_eq!(worked.recv().await.as_deref(), Some("worker"));
    platform.stop().await;
}

#[tokio::test]
async fn a_moved_clock_wakes_a_pump_that_waits() {
    let (sender, mut worked) = tokio::sync::mpsc::unbounded_channel();
    let launch = launch(move |_, event| {
        sender.send(event["Records"][0]["body"].clone()).unwrap();
        Ok(Value::Null)
    });
    let platform = Platform::start(Options {
        launch,
        pumps: Pumps::Running,
        ..options()
    })
    .await
    .unwrap();
    let queue_url = format!("{}/000000000000/Work", platform.sqs_url());
    let input = json!({"QueueUrl": queue_url, "MessageBody": "later", "DelaySeconds": 900});
    let sent = call(
        &platform.sqs_url(),
        "operator",
        "AmazonSQS.SendMessage",
        input,
    )
    .await;
    assert_eq!(sent.0, StatusCode::OK, "{}", sent.1);
    enqueue(&platform, "Work", "now").await;
    assert_eq!(worked.recv().await, Some(json!("now")));
    platform.advance(Duration::from_secs(901));
    assert_eq!(worked.recv().await, Some(json!("later")));
    platform.stop().await;
}

#[tokio::test]
async fn every_step_says_what_it_did() {
    let lines = Arc::new(Mutex::new(Vec::new()));
    let write = lines.clone();
    let progress = Progress::to(move |line| write.lock().unwrap().push(line.to_owned()));
    let platform = Platform::start(Options {
        progress,
        ..options()
    })
    .await
    .unwrap();
    let lines: Vec<String> = lines.lock().unwrap().clone();
    let first: Vec<_> = lines
        .iter()
        .filter_map(|line| line.split_whitespace().next())
        .collect();
    assert_eq!(first, ["template", "dynamodb", "sqs", "vendors", "gateway"]);
    assert!(
        lines[1].contains(&platform.dynamodb_url()) && lines[1].ends_with(" ms"),
        "{}",
        lines[1]
    );
    platform.stop().await;
}

/// Answers once it is released.
struct Slow {
    entered: Arc<Notify>,
    release: Arc<Notify>,
}

impl Invoke for Slow {
    fn invoke(&self, _: Value, _: Duration) -> BoxFuture<'_, anyhow::Result<Value>> {
        async move {
            self.entered.notify_one();
            self.release.notified().await;
            Ok(json!({"statusCode": 204}))
        }
        .boxed()
    }
}

#[tokio::test]
async fn a_request_under_way_is_answered_before_the_platform_stops() {
    let (entered, release) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let slow = Arc::new(Slow {
        entered: entered.clone(),
        release: release.clone(),
    });
    let launch: Launch = Arc::new(move |_, _| {
        let slow: Arc<dyn Invoke> = slow.clone();
        async move { Ok(slow) }.boxed()
    });
    let platform = Platform::start(Options {
        launch,
        ..options()
    })
    .await
    .unwrap();
    let answer = tokio::spawn(get(format!("{}/door", platform.url())));
    entered.notified().await;
    let stopping = tokio::spawn(platform.stop());
    release.notify_one();
    assert_eq!(answer.await.unwrap().0, StatusCode::NO_CONTENT);
    stopping.await.unwrap();
}
