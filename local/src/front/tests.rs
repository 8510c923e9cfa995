//! The front before a real engine and before a fixed answer.

use std::collections::BTreeMap;
use std::sync::Arc;

use http::StatusCode;
use serde_json::{Value, json};

use crate::access::Access;
use crate::clock::Clock;
use crate::fault::{Answer, Fault, Faults};
use crate::front::{Calls, Front};
use crate::server::{self, Server};
use crate::sts::Sessions;
use crate::template::Template;
use crate::testing::{SMALL, answering, call, small};
use crate::witness::Witness;

const GET: &str = "DynamoDB_20120810.GetItem";
const PUT: &str = "DynamoDB_20120810.PutItem";

fn item() -> Value {
    json!({"TableName": "Things", "Item": {"pk": {"S": "1"}}})
}

fn key() -> Value {
    json!({"TableName": "Things", "Key": {"pk": {"S": "1"}}})
}

#[tokio::test]
async fn a_function_may_do_what_the_template_says_and_nothing_else() {
    let platform = small(|_, _| Ok(Value::Null)).await;
    let url = platform.dynamodb_url();
    assert_eq!(
        call(&url, "LOCAL-door", PUT, item()).await.0,
        StatusCode::OK
    );
    let (status, denied) = call(&url, "LOCAL-door", "DynamoDB_20120810.DeleteItem", key()).await;
    assert_eq!(status, StatusCode::BAD_REQUEST);
    assert_eq!(
        denied["__type"],
        "com.amazon.coral.service#AccessDeniedException"
    );
    assert!(
        denied["message"]
            .as_str()
            .unwrap()
            .contains("dynamodb:DeleteItem"),
        "{denied}"
    );
    assert_eq!(
        call(&url, "LOCAL-worker", GET, key()).await.0,
        StatusCode::BAD_REQUEST
    );
    let (status, found) = call(&url, "operator", GET, key()).await;
    assert_eq!(
        (status, &found["Item"]["pk"]["S"]),
        (StatusCode::OK, &json!("1"))
    );
    platform.stop().await;
}

#[tokio::test]
async fn a_denied_transaction_writes_none_of_its_items() {
    let platform = small(|_, _| Ok(Value::Null)).await;
    let url = platform.dynamodb_url();
    let write = json!({"TransactItems": [{"Put": item()}, {"Delete": {"TableName": "Things", "Key": {"pk": {"S": "2"}}}}]});
    let (status, _) = call(
        &url,
        "LOCAL-door",
        "DynamoDB_20120810.TransactWriteItems",
        write,
    )
    .await;
    assert_eq!(status, StatusCode::BAD_REQUEST);
    assert_eq!(call(&url, "operator", GET, key()).await.1.get("Item"), None);
    platform.stop().await;
}

#[tokio::test]
async fn queues_are_checked_as_tables_are() {
    let platform = small(|_, _| Ok(Value::Null)).await;
    let url = platform.sqs_url();
    let to = |queue: &str| json!({"QueueUrl": format!("{url}/000000000000/{queue}"), "MessageBody": "x"});
    assert_eq!(
        call(&url, "LOCAL-door", "AmazonSQS.SendMessage", to("Work"))
            .await
            .0,
        StatusCode::OK
    );
    let (status, denied) = call(&url, "LOCAL-door", "AmazonSQS.SendMessage", to("Dead")).await;
    assert_eq!(status, StatusCode::BAD_REQUEST);
    assert_eq!(
        denied["__type"],
        "com.amazon.coral.service#AccessDeniedException"
    );
    platform.stop().await;
}

#[tokio::test]
async fn a_fault_keeps_the_call_from_the_store_unless_only_its_answer_is_lost() {
    let platform = small(|_, _| Ok(Value::Null)).await;
    let url = platform.dynamodb_url();
    platform
        .faults()
        .add(Fault::on("PutItem", Answer::InternalError).times(1));
    assert_eq!(
        call(&url, "LOCAL-door", PUT, item()).await.0,
        StatusCode::INTERNAL_SERVER_ERROR
    );
    assert_eq!(call(&url, "operator", GET, key()).await.1.get("Item"), None);
    platform
        .faults()
        .add(Fault::on("PutItem", Answer::LostAnswer).times(1));
    assert_eq!(
        call(&url, "LOCAL-door", PUT, item()).await.0,
        StatusCode::INTERNAL_SERVER_ERROR
    );
    assert_eq!(
        call(&url, "operator", GET, key()).await.1["Item"]["pk"]["S"],
        "1"
    );
    platform.stop().await;
}

#[tokio::test]
async fn calls_are_counted_by_function_and_operation() {
    let platform = small(|_, _| Ok(Value::Null)).await;
    let url = platform.dynamodb_url();
    call(&url, "LOCAL-door", GET, key()).await;
    call(&url, "LOCAL-door", GET, key()).await;
    call(&url, "operator", GET, key()).await;
    let expected = BTreeMap::from([(("door".to_owned(), "GetItem".to_owned()), 2)]);
    assert_eq!(platform.calls().take(), expected);
    assert!(platform.calls().take().is_empty());
    platform.stop().await;
}

#[tokio::test]
async fn what_the_store_answers_is_passed_on_unchanged() {
    let template = Template::parse(SMALL, &BTreeMap::new(), "").unwrap();
    let access = Arc::new(Access::new(&template));
    let upstream = answering(StatusCode::IM_A_TEAPOT, r#"{"answer": 1}"#);
    let sessions = Sessions::new(Clock::new());
    let front = Front::new(
        access,
        sessions,
        Faults::default(),
        Calls::default(),
        Witness::default(),
        upstream,
    );
    let server = Server::start(server::bind(0).await.unwrap(), front.router()).unwrap();
    let answer = call(&server.url(), "LOCAL-door", GET, key()).await;
    assert_eq!(answer, (StatusCode::IM_A_TEAPOT, json!({"answer": 1})));
    server.stop().await;
}
