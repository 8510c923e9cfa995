//! The receiver: a vendor's POST, verified and queued.

mod call;
mod views;

use axum::{
    Json,
    body::Bytes,
    extract::{State, rejection::BytesRejection},
    http::{HeaderName, HeaderValue, StatusCode},
    response::{IntoResponse, Response},
};
use shared::{
    App,
    http::{Path, Routes},
    problem::{ApiError, Problem},
    webhook::{
        MAX_BODY_LEN, Receipt, handshake::Answer, receive, receive_batch, receive_get,
        refuse_oversized,
    },
};
use utoipa_axum::routes;

use crate::{
    call::Call,
    views::{AcceptedOut, BatchOut},
};

pub fn routes() -> Routes {
    Routes::new()
        .with(routes!(receive_event, greet_vendor))
        .with(routes!(receive_events))
        .body_limit(MAX_BODY_LEN)
}

/// Takes one event from a vendor. An unknown address and a bad signature get the same 401.
#[utoipa::path(post, path = "/hooks/{address}", tag = "webhooks", security(()),
    params(("address" = String, Path, description = "The last segment of the endpoint's URL")),
    request_body(content = String, content_type = "*/*", description = "Whatever the vendor signs"),
    responses(
        (status = 200, description = "A handshake's proof"),
        (status = 202, description = "Queued, durably", body = AcceptedOut),
        (status = 401, description = "Not authentic", body = Problem, content_type = "application/problem+json"),
        (status = 413, description = "Too large", body = Problem, content_type = "application/problem+json"),
        (status = 429, description = "Over the endpoint's rate limit", body = Problem, content_type = "application/problem+json"),
        (status = "default", description = "A problem", body = Problem, content_type = "application/problem+json"),
    ))]
async fn receive_event(
    app: State<App>,
    Path(address): Path<String>,
    call: Call,
    body: Result<Bytes, BytesRejection>,
) -> Result<Response, ApiError> {
    let Ok(body) = body else {
        return Err(refuse_oversized(&app, &address, call.client, &call.headers).await);
    };
    match receive(&app, call.incoming(&address, &body)).await? {
        Receipt::Accepted(event) => {
            Ok((StatusCode::ACCEPTED, Json(AcceptedOut { id: event })).into_response())
        }
        Receipt::Handshake(answer) => Ok(answered(answer)),
    }
}

/// Takes up to 1,000 events as one JSON array, signed as one body. Each item is stored, deduplicated and
/// retried on its own, as if it had been a body of its own.
#[utoipa::path(post, path = "/hooks/{address}/batch", tag = "webhooks", security(()),
    params(("address" = String, Path, description = "The last segment of the endpoint's URL")),
    request_body(content = Vec<serde_json::Value>, description = "Objects, each an event"),
    responses(
        (status = 202, description = "Queued, durably: all items that have an id", body = BatchOut),
        (status = 401, description = "Not authentic", body = Problem, content_type = "application/problem+json"),
        (status = 413, description = "Too large", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "Not an array of objects", body = Problem, content_type = "application/problem+json"),
        (status = 429, description = "Over the endpoint's rate limit", body = Problem, content_type = "application/problem+json"),
        (status = "default", description = "A problem", body = Problem, content_type = "application/problem+json"),
    ))]
async fn receive_events(
    app: State<App>,
    Path(address): Path<String>,
    call: Call,
    body: Result<Bytes, BytesRejection>,
) -> Result<(StatusCode, Json<BatchOut>), ApiError> {
    let Ok(body) = body else {
        return Err(refuse_oversized(&app, &address, call.client, &call.headers).await);
    };
    let items = receive_batch(&app, call.incoming(&address, &body)).await?;
    Ok((StatusCode::ACCEPTED, Json(items.into())))
}

/// Answers a vendor's handshake. It is never an event.
#[utoipa::path(get, path = "/hooks/{address}", tag = "webhooks", security(()),
    params(("address" = String, Path, description = "The last segment of the endpoint's URL")),
    responses(
        (status = 200, description = "What the vendor asked for"),
        (status = 401, description = "Nothing that may be answered", body = Problem, content_type = "application/problem+json"),
        (status = "default", description = "A problem", body = Problem, content_type = "application/problem+json"),
    ))]
async fn greet_vendor(
    app: State<App>,
    Path(address): Path<String>,
    call: Call,
) -> Result<Response, ApiError> {
    let incoming = call.incoming(&address, &[]);
    receive_get(&app, incoming).await.map(answered)
}

fn answered(answer: Answer) -> Response {
    let headers = answer
        .headers
        .into_iter()
        .chain([("content-type", answer.content_type.to_owned())]);
    let mut response = answer.body.into_response();
    for (name, value) in headers {
        // What a handshake echoes was checked to be visible ASCII.
        if let Ok(value) = HeaderValue::from_str(&value) {
            response
                .headers_mut()
                .insert(HeaderName::from_static(name), value);
        }
    }
    response
}
