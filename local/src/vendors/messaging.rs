//! The simulated messaging API: client credentials, pages by the `Link` header, and answers of 200 whose body
//! says that it went wrong.

use std::sync::Arc;

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use http::{HeaderMap, Uri, header};
use serde_json::{Value, json};

use crate::vendors::fields::{bearer, limit, parameter, read, text};
use crate::vendors::{Vendor, answer};

#[derive(Default)]
pub(super) struct Messaging {
    messages: Vec<Value>,
}

type Shared = State<Arc<Vendor<Messaging>>>;

pub(super) fn router(vendor: Arc<Vendor<Messaging>>) -> Router {
    Router::new()
        .route("/oauth/token", post(token))
        .route("/api/auth.test", get(test))
        .route("/api/messages", get(list).post(send))
        .with_state(vendor)
}

async fn token(State(vendor): Shared, headers: HeaderMap, body: Bytes) -> Response {
    let form = read(&headers, &body);
    let now_ms = vendor.clock.now_ms();
    match vendor.oauth().token(&headers, &form, now_ms) {
        Ok(tokens) => answer(200, &tokens),
        Err((status, error)) => answer(status, &json!({ "error": error })),
    }
}

async fn test(State(vendor): Shared, headers: HeaderMap) -> Response {
    match is_known(&vendor, &headers) {
        true => answer(200, &json!({ "ok": true })),
        false => no("not_authed"),
    }
}

async fn send(State(vendor): Shared, headers: HeaderMap, body: Bytes) -> Response {
    if !is_known(&vendor, &headers) {
        return no("not_authed");
    }
    let given = read(&headers, &body);
    let (Some(channel), Some(said)) = (text(&given, "channel"), text(&given, "text")) else {
        return no("invalid_arguments");
    };
    let now_ms = vendor.clock.now_ms();
    let message = {
        let mut state = vendor.state();
        let id = format!("msg_{:06}", state.messages.len() + 1);
        let message = json!({ "id": id, "channel": channel, "text": said });
        state.messages.push(message.clone());
        message
    };
    vendor.webhooks.add("message", &message, now_ms);
    answer(200, &json!({ "ok": true, "message": message }))
}

/// Oldest first; the `Link` header leads to the next page.
async fn list(State(vendor): Shared, headers: HeaderMap, uri: Uri) -> Response {
    if !is_known(&vendor, &headers) {
        return no("not_authed");
    }
    let from: usize = parameter(uri.query(), "from")
        .and_then(|text| text.parse().ok())
        .unwrap_or(0);
    let limit = limit(uri.query());
    let state = vendor.state();
    let page: Vec<_> = state
        .messages
        .iter()
        .skip(from)
        .take(limit)
        .cloned()
        .collect();
    let next = from + page.len();
    let mut response = answer(200, &json!({ "ok": true, "messages": page })).into_response();
    if next < state.messages.len() {
        let link = format!("</api/messages?from={next}&limit={limit}>; rel=\"next\"");
        if let Ok(link) = link.parse() {
            response.headers_mut().insert(header::LINK, link);
        }
    }
    response
}

fn is_known(vendor: &Vendor<Messaging>, headers: &HeaderMap) -> bool {
    vendor.oauth().check(bearer(headers), vendor.clock.now_ms())
}

fn no(error: &str) -> Response {
    answer(200, &json!({ "ok": false, "error": error }))
}
