//! The receiver: a vendor's POST, verified and queued.

mod views;

use axum::{
    Json,
    body::Bytes,
    extract::{OriginalUri, State},
    http::{HeaderMap, Method, StatusCode},
    response::{IntoResponse, Response},
};
use shared::{
    App,
    access::Origin,
    http::{Path, Routes},
    problem::{ApiError, Problem},
    webhook::{Incoming, MAX_BODY_LEN, Receipt, receive},
};
use utoipa_axum::routes;

use crate::views::AcceptedOut;

pub fn routes() -> Routes {
    Routes::new()
        .with(routes!(receive_event))
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
        (status = "default", description = "A problem", body = Problem, content_type = "application/problem+json"),
    ))]
async fn receive_event(
    app: State<App>,
    origin: Origin,
    uri: OriginalUri,
    Path(address): Path<String>,
    method: Method,
    headers: HeaderMap,
    body: Result<Bytes, axum::extract::rejection::BytesRejection>,
) -> Result<Response, ApiError> {
    let body = body.map_err(|_| ApiError::TooLarge {
        limit_bytes: MAX_BODY_LEN,
    })?;
    let incoming = Incoming {
        address: &address,
        url: &format!(
            "{}{}",
            origin.0,
            uri.path_and_query().map_or("", |path| path.as_str())
        ),
        method: method.as_str(),
        headers: &headers,
        body: &body,
    };
    match receive(&app, incoming).await? {
        Receipt::Accepted(event) => {
            Ok((StatusCode::ACCEPTED, Json(AcceptedOut { id: event })).into_response())
        }
        Receipt::Handshake(proof) => {
            Ok(([("content-type", proof.content_type)], proof.body).into_response())
        }
    }
}
