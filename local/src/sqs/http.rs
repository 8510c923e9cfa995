//! The HTTP edge: one POST per action, named by `X-Amz-Target`. No action knows about headers or statuses.

use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::header::{CONTENT_TYPE, HOST};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use axum::response::{IntoResponse as _, Response};
use axum::routing::post;

use crate::sqs::SqsServer;
use crate::sqs::actions;
use crate::sqs::error::SqsError;

const TARGET: &str = "x-amz-target";
const QUERY_ERROR: HeaderName = HeaderName::from_static("x-amzn-query-error");
const REQUEST_ID: HeaderName = HeaderName::from_static("x-amzn-requestid");
const CONTENT: HeaderValue = HeaderValue::from_static("application/x-amz-json-1.0");

/// A batch of 1 MiB, with every character escaped to its longest form.
const MAX_BODY_BYTES: usize = 8 * 1_048_576;

pub(super) fn router(server: SqsServer) -> Router {
    // Clients post to `/`, or to the path of the queue's URL.
    Router::new()
        .route("/", post(answer))
        .route("/{*path}", post(answer))
        .layer(DefaultBodyLimit::max(MAX_BODY_BYTES))
        .with_state(server)
}

async fn answer(State(server): State<SqsServer>, headers: HeaderMap, body: Bytes) -> Response {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let target = text(TARGET).unwrap_or_default();
    let host = text(HOST.as_str()).unwrap_or("localhost");
    let result = actions::perform(&server, target, host, &body).await;
    let mut response = match result {
        Ok(json) => (StatusCode::OK, json).into_response(),
        Err(error) => refusal(&error),
    };
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, CONTENT);
    if let Ok(id) = HeaderValue::from_str(&uuid::Uuid::new_v4().to_string()) {
        headers.insert(REQUEST_ID, id);
    }
    response
}

/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-json-api-responses.html>
fn refusal(error: &SqsError) -> Response {
    let fault = error.kind.fault();
    let body = serde_json::json!({ "__type": error.kind.shape(), "message": error.message() });
    let query_error = format!("{};{}", error.kind.query_code(), fault.as_str());
    (
        fault.status(),
        [(QUERY_ERROR, query_error)],
        body.to_string(),
    )
        .into_response()
}
