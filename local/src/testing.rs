//! What this crate's tests share: a small template, functions made of closures, a client of the gateway.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use bytes::Bytes;
use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use http::{Request, StatusCode};
use http_body_util::{BodyExt as _, Full};
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use serde_json::{Value, json};

use crate::function::{Invoke, Launch};
use crate::platform::{Options, Platform, Source};
use crate::upstream::Upstream;

/// One function behind a route, one behind a queue with a dead-letter queue, one table.
pub(crate) const SMALL: &str = r#"
Globals:
  Function: { Timeout: 2 }
Resources:
  Api:
    Type: AWS::Serverless::HttpApi
  DoorFunction:
    Type: AWS::Serverless::Function
    Metadata: { BuildProperties: { Binary: door } }
    Properties:
      Environment:
        Variables: { TABLE: !Ref Things, QUEUE: !Ref Work }
      Policies:
        - Statement:
            - { Effect: Allow, Action: ["dynamodb:GetItem", "dynamodb:PutItem"], Resource: !GetAtt Things.Arn }
            - { Effect: Allow, Action: "dynamodb:Query", Resource: !Sub "${Things.Arn}/index/by_kind" }
            - { Effect: Allow, Action: "sqs:SendMessage", Resource: !GetAtt Work.Arn }
      Events:
        Below: { Type: HttpApi, Properties: { ApiId: !Ref Api, Method: ANY, Path: "/door/{proxy+}" } }
        Exact: { Type: HttpApi, Properties: { ApiId: !Ref Api, Method: GET, Path: /door } }
  WorkerFunction:
    Type: AWS::Serverless::Function
    Metadata: { BuildProperties: { Binary: worker } }
    Properties:
      Events:
        Work:
          Type: SQS
          Properties: { Queue: !GetAtt Work.Arn, BatchSize: 10, FunctionResponseTypes: [ReportBatchItemFailures] }
  Things:
    Type: AWS::DynamoDB::Table
    Properties:
      AttributeDefinitions:
        - { AttributeName: pk, AttributeType: S }
        - { AttributeName: kind, AttributeType: S }
      KeySchema: [{ AttributeName: pk, KeyType: HASH }]
      GlobalSecondaryIndexes:
        - IndexName: by_kind
          KeySchema: [{ AttributeName: kind, KeyType: HASH }]
          Projection: { ProjectionType: ALL }
      TimeToLiveSpecification: { AttributeName: expires_at, Enabled: true }
  Work:
    Type: AWS::SQS::Queue
    Properties:
      VisibilityTimeout: 60
      RedrivePolicy: { deadLetterTargetArn: !GetAtt Dead.Arn, maxReceiveCount: 3 }
  Dead:
    Type: AWS::SQS::Queue
    Properties: { MessageRetentionPeriod: 1209600 }
"#;

/// The project's own template.
pub(crate) fn project_template() -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../template.yaml");
    std::fs::read_to_string(path).expect("the template lies beside this crate")
}

struct Closure<F>(F);

impl<F> Invoke for Closure<F>
where
    F: Fn(Value) -> anyhow::Result<Value> + Send + Sync,
{
    fn invoke(&self, event: Value, _: Duration) -> BoxFuture<'_, anyhow::Result<Value>> {
        async move { (self.0)(event) }.boxed()
    }
}

pub(crate) fn closure(
    answer: impl Fn(Value) -> anyhow::Result<Value> + Send + Sync + 'static,
) -> Arc<dyn Invoke> {
    Arc::new(Closure(answer))
}

/// Launches functions that all answer by `answer(binary, event)`.
pub(crate) fn launch(
    answer: impl Fn(&str, Value) -> anyhow::Result<Value> + Send + Sync + 'static,
) -> Launch {
    let answer = Arc::new(answer);
    Arc::new(move |binary: &str, _: BTreeMap<String, String>| {
        let (binary, answer) = (binary.to_owned(), answer.clone());
        async move { Ok(closure(move |event| answer(&binary, event))) }.boxed()
    })
}

/// A platform of the small template.
pub(crate) async fn small(
    answer: impl Fn(&str, Value) -> anyhow::Result<Value> + Send + Sync + 'static,
) -> Platform {
    Platform::start(Options::memory(
        Source::Text(SMALL.to_owned()),
        launch(answer),
    ))
    .await
    .unwrap()
}

pub(crate) async fn send(request: Request<Full<Bytes>>) -> (StatusCode, http::HeaderMap, Bytes) {
    let client = Client::builder(TokioExecutor::new()).build_http::<Full<Bytes>>();
    let (parts, body) = client.request(request).await.unwrap().into_parts();
    (
        parts.status,
        parts.headers,
        body.collect().await.unwrap().to_bytes(),
    )
}

pub(crate) async fn get(url: String) -> (StatusCode, Value) {
    let (status, _, body) = send(Request::get(url).body(Full::default()).unwrap()).await;
    (status, serde_json::from_slice(&body).unwrap_or_default())
}

/// A call to a front as the owner of this access key.
pub(crate) async fn call(url: &str, key: &str, target: &str, input: Value) -> (StatusCode, Value) {
    let authorization = format!(
        "AWS4-HMAC-SHA256 Credential={key}/20200101/us-east-1/x/aws4_request, SignedHeaders=host, Signature=0"
    );
    let request = Request::post(url)
        .header("authorization", authorization)
        .header("content-type", "application/x-amz-json-1.0")
        .header("x-amz-date", "20200101T000000Z")
        .header("x-amz-target", target)
        .body(Full::from(input.to_string()))
        .unwrap();
    let (status, _, body) = send(request).await;
    (status, serde_json::from_slice(&body).unwrap_or_default())
}

/// Sends a message as the operator.
pub(crate) async fn enqueue(platform: &Platform, queue: &str, body: &str) {
    let input = json!({"QueueUrl": format!("{}/000000000000/{queue}", platform.sqs_url()), "MessageBody": body});
    let (status, answer) = call(
        &platform.sqs_url(),
        "operator",
        "AmazonSQS.SendMessage",
        input,
    )
    .await;
    assert_eq!(status, StatusCode::OK, "{answer}");
}

/// A router that answers every request with the same bytes.
pub(crate) fn answering(status: StatusCode, body: &'static str) -> Upstream {
    Upstream::Router(
        axum::Router::new().fallback(move || async move { (status, Body::from(body)) }),
    )
}
