//! What reaches the other side, and what its errors say.

use axum::Router;
use bytes::Bytes;
use http::{HeaderMap, Request, StatusCode, Uri};
use serde_json::{Value, json};

use crate::server::{self, Server};
use crate::testing::answering;
use crate::upstream::{CallError, Upstream};

/// A server that answers with the path and the headers of the request.
async fn echo() -> Server {
    let echo = |uri: Uri, headers: HeaderMap| async move {
        let text = |name: &str| {
            headers
                .get(name)
                .map(|value| value.to_str().unwrap().to_owned())
        };
        let names = ["host", "authorization", "x-amz-target", "x-secret"];
        let headers: Value = names.iter().map(|name| (*name, text(name))).collect();
        axum::Json(json!({"path": uri.path(), "headers": headers}))
    };
    let router = Router::new().fallback(echo);
    Server::start(server::bind(0).await.unwrap(), router).unwrap()
}

async fn sent(upstream: &Upstream) -> Value {
    let request = Request::post("http://front.example/a")
        .header("host", "front.example")
        .header("authorization", "Credential=LOCAL-f/x")
        .header("x-amz-target", "AmazonSQS.SendMessage")
        .header("x-secret", "s")
        .body(())
        .unwrap();
    let answer = upstream
        .send(request.into_parts().0, Bytes::from("{}"))
        .await
        .unwrap();
    assert_eq!(answer.status(), StatusCode::OK);
    let body = axum::body::to_bytes(answer.into_body(), usize::MAX)
        .await
        .unwrap();
    serde_json::from_slice(&body).unwrap()
}

#[tokio::test]
async fn a_server_of_this_process_gets_the_request_as_it_came() {
    let server = echo().await;
    let got = sent(&Upstream::plain(&server.url()).unwrap()).await;
    assert_eq!(got["path"], "/a");
    assert_eq!(got["headers"]["authorization"], "Credential=LOCAL-f/x");
    assert_eq!(
        got["headers"]["host"],
        server.url().trim_start_matches("http://")
    );
    server.stop().await;
}

#[tokio::test]
async fn somebody_elses_server_never_sees_a_functions_credentials() {
    let server = echo().await;
    let got = sent(&Upstream::signed(&format!("{}/base/", server.url()), "sqs").unwrap()).await;
    assert_eq!(got["path"], "/base/a");
    let authorization = got["headers"]["authorization"].as_str().unwrap();
    assert!(
        authorization.starts_with("AWS4-HMAC-SHA256 Credential="),
        "{authorization}"
    );
    assert!(authorization.contains("/sqs/aws4_request") && !authorization.contains("LOCAL-"));
    assert!(authorization.contains("x-amz-target"), "{authorization}");
    assert_eq!(got["headers"]["x-amz-target"], "AmazonSQS.SendMessage");
    assert_eq!(got["headers"]["x-secret"], Value::Null);
    server.stop().await;
}

#[tokio::test]
async fn an_error_answer_is_read_with_its_name() {
    let body = r#"{"__type": "com.amazonaws.sqs#QueueDoesNotExist", "message": "no such queue"}"#;
    let error = answering(StatusCode::BAD_REQUEST, body)
        .call("AmazonSQS.X", &json!({}))
        .await;
    let error = error.unwrap_err();
    assert!(CallError::is(&error, "QueueDoesNotExist"));
    assert_eq!(
        error.to_string(),
        "AmazonSQS.X answered 400: QueueDoesNotExist no such queue"
    );
}

#[tokio::test]
async fn a_server_that_is_not_there_is_named() {
    let free = server::bind(0).await.unwrap().local_addr().unwrap();
    let upstream = Upstream::plain(&format!("http://{free}")).unwrap();
    let error = upstream.call("AmazonSQS.X", &json!({})).await.unwrap_err();
    assert_eq!(error.to_string(), format!("reach http://{free}/"));
}

#[test]
fn an_endpoint_of_aws_itself_can_be_given() {
    Upstream::signed("https://dynamodb.us-east-1.amazonaws.com", "dynamodb").unwrap();
}

#[test]
fn an_endpoint_must_be_a_web_address() {
    for endpoint in ["ftp://x", "localhost", "not a url"] {
        assert!(Upstream::plain(endpoint).is_err(), "{endpoint}");
    }
}
