//! Which function an event is for, and what a missing binary comes to.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};

use crate::function::smoke;
use crate::function::smoke::is_for;
use crate::platform::{Options, Platform, Source};
use crate::progress::Progress;
use crate::template::Template;
use crate::testing::{SMALL, launch};

#[test]
fn an_event_is_for_the_function_of_its_route_or_its_queue() {
    let template = Template::parse(SMALL, &BTreeMap::new(), "").unwrap();
    let owner = |event: &Value| {
        let owner = template
            .functions
            .iter()
            .find(|function| is_for(function, event));
        owner.map(|function| function.binary.as_str())
    };
    let queue = |arn: &str| json!({"Records": [{"eventSourceARN": arn}]});
    assert_eq!(
        owner(&json!({"routeKey": "ANY /door/{proxy+}"})),
        Some("door")
    );
    assert_eq!(owner(&json!({"routeKey": "POST /door"})), None);
    assert_eq!(
        owner(&queue("arn:aws:sqs:us-east-1:1:portico-dev-Work-Z9y8X7")),
        Some("worker")
    );
    assert_eq!(
        owner(&queue(
            "arn:aws:sqs:us-east-1:1:portico-dev-Workshop-Z9y8X7"
        )),
        None
    );
}

#[tokio::test]
async fn every_function_that_fails_is_named() {
    let lines = Arc::new(Mutex::new(Vec::new()));
    let write = lines.clone();
    let mut options = Options::memory(
        Source::Text(SMALL.to_owned()),
        launch(|_, _| Ok(Value::Null)),
    );
    options.progress = Progress::to(move |line| write.lock().unwrap().push(line.to_owned()));
    let platform = Platform::start(options).await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let events = BTreeMap::from([("a.json".to_owned(), json!({"routeKey": "GET /door"}))]);
    let error = smoke(&platform, folder.path(), &events).await.unwrap_err();
    assert_eq!(error.to_string(), "failed: door, worker");
    let said = lines.lock().unwrap().join("\n");
    assert!(said.contains("door             failed: start "), "{said}");
    assert!(
        said.contains("worker           failed: there is no event for it"),
        "{said}"
    );
    let stray = BTreeMap::from([("b.json".to_owned(), json!({"routeKey": "GET /x"}))]);
    let error = smoke(&platform, folder.path(), &stray).await.unwrap_err();
    assert!(
        error.to_string().starts_with("the event b.json fits no"),
        "{error}"
    );
    platform.stop().await;
}
