//! API Gateway's HTTP API on loopback. A function sees exactly the event it would see in AWS, and a client exactly
//! the gateway's own answers when no function gives one.

mod answer;
mod event;
mod route;

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::{Path, State};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{delete, get};
use bytes::Bytes;
use http::header::{CONTENT_LENGTH, CONTENT_TYPE};
use http::{HeaderMap, Request, StatusCode, request};
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use serde_json::{Value, json};

use crate::clock::Clock;
use crate::fault::{Fault, Faults};
use crate::function::{Functions, InvokeError};
use crate::gateway::event::EventContext;
use crate::gateway::route::Routes;
use crate::progress::Progress;
use crate::server::Peer;
use crate::template::FunctionSpec;
use crate::witness::{Sight, Witness};

/// <https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-quotas.html>
const BODY_LIMIT: usize = 10 * 1024 * 1024;
const HEADER_LIMIT: usize = 10_240;
const INTEGRATION_TIMEOUT: Duration = Duration::from_secs(30);

#[derive(Clone)]
pub struct Gateway {
    routes: Arc<Routes>,
    functions: Arc<Functions>,
    faults: Faults,
    clock: Clock,
    progress: Progress,
    witness: Witness,
    port: u16,
}

impl Gateway {
    pub fn new(
        specs: &[FunctionSpec],
        functions: Arc<Functions>,
        faults: Faults,
        clock: Clock,
        progress: Progress,
        witness: Witness,
        port: u16,
    ) -> Self {
        let routes = specs.iter().flat_map(|spec| {
            spec.routes
                .iter()
                .map(|route| (route.clone(), spec.binary.clone()))
        });
        Self {
            routes: Arc::new(Routes::new(routes)),
            functions,
            faults,
            clock,
            progress,
            witness,
            port,
        }
    }

    pub fn router(self) -> Router {
        Router::new()
            .route(
                "/local/faults",
                get(list_faults).post(add_fault).delete(clear_faults),
            )
            .route("/local/faults/{id}", delete(remove_fault))
            .fallback(handle)
            .with_state(self)
    }
}

async fn handle(State(gateway): State<Gateway>, request: Request<Body>) -> Response {
    let (parts, body) = request.into_parts();
    if header_size(&parts) > HEADER_LIMIT {
        return message(
            StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
            "Request Header Fields Too Large",
        );
    }
    let path = event::decoded_path(parts.uri.path());
    let Some(chosen) = gateway.routes.choose(parts.method.as_str(), &path) else {
        return message(StatusCode::NOT_FOUND, "Not Found");
    };
    let body = match read_body(&parts.headers, body).await {
        Ok(body) => body,
        Err(refusal) => return refusal,
    };
    let context = EventContext {
        route_key: chosen.route_key,
        path: event::raw_path(&path),
        path_parameters: &chosen.parameters,
        peer: parts.extensions.get::<Peer>().copied(),
        port: gateway.port,
        request_id: event::request_id(),
        now_ms: gateway.clock.now_ms(),
    };
    let request_id = context.request_id.clone();
    let event = event::build(&parts, &body, &context);
    let mut response = gateway.invoke(chosen.binary, event).await;
    gateway.witness.see(Sight::Answer {
        method: parts.method.as_str(),
        path: &path,
        status: response.status(),
    });
    if let Ok(request_id) = request_id.parse() {
        response.headers_mut().insert("apigw-requestid", request_id);
    }
    response
}

impl Gateway {
    async fn invoke(&self, binary: &str, event: Value) -> Response {
        let Ok(outcome) =
            tokio::time::timeout(INTEGRATION_TIMEOUT, self.functions.invoke(binary, event)).await
        else {
            self.progress.line(format!(
                "{binary} gave no answer within {} s",
                INTEGRATION_TIMEOUT.as_secs()
            ));
            return message(StatusCode::SERVICE_UNAVAILABLE, "Service Unavailable");
        };
        let answer = outcome
            .map_err(anyhow::Error::from)
            .and_then(|answer| answer::read(binary, &answer));
        answer.unwrap_or_else(|error| {
            self.progress.line(format!("{error:#}"));
            match error.downcast_ref() {
                Some(InvokeError::EventTooLarge(_)) => too_large(),
                _ => message(StatusCode::INTERNAL_SERVER_ERROR, "Internal Server Error"),
            }
        })
    }
}

async fn read_body(headers: &HeaderMap, body: Body) -> Result<Bytes, Response> {
    let declared = headers
        .get(CONTENT_LENGTH)
        .and_then(|length| length.to_str().ok()?.parse::<usize>().ok());
    if declared.is_some_and(|length| length > BODY_LIMIT) {
        return Err(too_large());
    }
    match Limited::new(body, BODY_LIMIT).collect().await {
        Ok(body) => Ok(body.to_bytes()),
        Err(error) if error.is::<LengthLimitError>() => Err(too_large()),
        Err(_) => Err(message(StatusCode::BAD_REQUEST, "Bad Request")),
    }
}

/// The request line and every header line, as they came over the wire.
fn header_size(parts: &request::Parts) -> usize {
    let line = parts.method.as_str().len() + parts.uri.to_string().len() + " HTTP/1.1\r\n ".len();
    let headers = parts
        .headers
        .iter()
        .map(|(name, value)| name.as_str().len() + value.len() + ": \r\n".len());
    line + headers.sum::<usize>()
}

fn too_large() -> Response {
    message(StatusCode::PAYLOAD_TOO_LARGE, "Request Entity Too Large")
}

fn message(status: StatusCode, message: &str) -> Response {
    (
        status,
        [(CONTENT_TYPE, "application/json")],
        json!({"message": message}).to_string(),
    )
        .into_response()
}

async fn list_faults(State(gateway): State<Gateway>) -> Response {
    axum::Json(gateway.faults.list()).into_response()
}

async fn add_fault(State(gateway): State<Gateway>, body: Bytes) -> Response {
    match serde_json::from_slice::<Fault>(&body) {
        Ok(fault) => (
            StatusCode::CREATED,
            axum::Json(json!({"id": gateway.faults.add(fault)})),
        )
            .into_response(),
        Err(error) => message(
            StatusCode::BAD_REQUEST,
            &format!("the fault is not understood: {error}"),
        ),
    }
}

async fn clear_faults(State(gateway): State<Gateway>) -> StatusCode {
    gateway.faults.clear();
    StatusCode::NO_CONTENT
}

async fn remove_fault(State(gateway): State<Gateway>, Path(id): Path<u64>) -> Response {
    if gateway.faults.remove(id) {
        StatusCode::NO_CONTENT.into_response()
    } else {
        message(StatusCode::NOT_FOUND, &format!("there is no fault {id}"))
    }
}

#[cfg(test)]
mod tests;
