//! The Runtime API from the side of the process that speaks it.

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Request, StatusCode};
use http_body_util::Full;
use serde_json::{Value, json};
use tokio::sync::oneshot;

use crate::function::runtime_api::{Invocation, RuntimeApi};
use crate::server::{self, Server};
use crate::testing::send;

async fn started() -> (RuntimeApi, Server, String) {
    let api = RuntimeApi::new("arn:aws:lambda:us-east-1:000000000000:function:f".to_owned());
    let server = Server::start(server::bind(0).await.unwrap(), api.router()).unwrap();
    let base = format!("{}/2018-06-01/runtime", server.url());
    (api, server, base)
}

fn push(api: &RuntimeApi, event: Value) -> oneshot::Receiver<anyhow::Result<Value>> {
    let (reply, answer) = oneshot::channel();
    api.push(Invocation {
        event,
        deadline: Duration::from_secs(1),
        reply,
    })
    .unwrap();
    answer
}

async fn next(base: &str) -> (HeaderMap, Value) {
    let request = Request::get(format!("{base}/invocation/next"))
        .body(Full::default())
        .unwrap();
    let (status, headers, body) = send(request).await;
    assert_eq!(status, StatusCode::OK);
    (headers, serde_json::from_slice(&body).unwrap())
}

async fn post(url: String, body: &'static str) -> (StatusCode, Bytes) {
    let (status, _, body) = send(Request::post(url).body(Full::from(body)).unwrap()).await;
    (status, body)
}

fn id(headers: &HeaderMap) -> String {
    headers["lambda-runtime-aws-request-id"]
        .to_str()
        .unwrap()
        .to_owned()
}

#[tokio::test]
async fn an_event_is_handed_out_and_its_answer_comes_back() {
    let (api, server, base) = started().await;
    let answer = push(&api, json!({"a": 1}));
    let (headers, event) = next(&base).await;
    assert_eq!(event, json!({"a": 1}));
    assert_eq!(
        headers["lambda-runtime-invoked-function-arn"],
        "arn:aws:lambda:us-east-1:000000000000:function:f"
    );
    api.first_poll().await.unwrap();
    let url = format!("{base}/invocation/{}/response", id(&headers));
    assert_eq!(
        post(url.clone(), r#"{"b": 2}"#).await.0,
        StatusCode::ACCEPTED
    );
    assert_eq!(answer.await.unwrap().unwrap(), json!({"b": 2}));
    let (status, body) = post(url, "{}").await;
    assert_eq!(status, StatusCode::BAD_REQUEST);
    assert!(String::from_utf8_lossy(&body).contains("InvalidRequestID"));
    server.stop().await;
}

#[tokio::test]
async fn an_error_is_the_error_of_its_event() {
    let (api, server, base) = started().await;
    let answer = push(&api, json!(1));
    let (headers, _) = next(&base).await;
    post(
        format!("{base}/invocation/{}/error", id(&headers)),
        r#"{"errorMessage": "no"}"#,
    )
    .await;
    assert_eq!(
        answer.await.unwrap().unwrap_err().to_string(),
        r#"{"errorMessage": "no"}"#
    );
    let answer = push(&api, json!(2));
    let (headers, _) = next(&base).await;
    post(
        format!("{base}/invocation/{}/response", id(&headers)),
        "noise",
    )
    .await;
    assert_eq!(
        answer.await.unwrap().unwrap_err().to_string(),
        "its answer is not json"
    );
    server.stop().await;
}

#[tokio::test]
async fn a_failed_start_fails_the_event_under_way() {
    let (api, server, base) = started().await;
    let answer = push(&api, json!(1));
    next(&base).await;
    post(format!("{base}/init/error"), "no table").await;
    assert_eq!(
        answer.await.unwrap().unwrap_err().to_string(),
        "its start: no table"
    );
    server.stop().await;
}
