//! What tests and people tell a simulated vendor: faults, revoked grants, where its events go.

use std::sync::Arc;

use axum::Router;
use axum::extract::{Json, State};
use axum::response::Response;
use axum::routing::{get, post};
use serde::Deserialize;
use serde_json::json;

use crate::vendors::faults::Fault;
use crate::vendors::webhooks::Subscription;
use crate::vendors::{Vendor, answer};

/// How tokens are from now on.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Lifetimes {
    access_token_s: u32,
}

pub(super) fn router<T: Default + Send + 'static>(vendor: Arc<Vendor<T>>) -> Router {
    Router::new()
        .route("/", get(show::<T>))
        .route("/reset", post(reset::<T>))
        .route("/faults", post(add_fault::<T>).delete(clear_faults::<T>))
        .route("/revoke", post(revoke::<T>))
        .route("/lifetimes", post(lifetimes::<T>))
        .route("/webhooks", post(subscribe::<T>))
        .route("/deliver", post(deliver::<T>))
        .with_state(vendor)
}

async fn show<T>(State(vendor): State<Arc<Vendor<T>>>) -> Response {
    let body = json!({
        "requests": vendor.faults.seen(),
        "grants": vendor.oauth().grants(),
        "events_waiting": vendor.webhooks.waiting(),
    });
    answer(200, &body)
}

async fn reset<T: Default>(State(vendor): State<Arc<Vendor<T>>>) -> Response {
    vendor.reset();
    answer(200, &json!({}))
}

async fn add_fault<T>(State(vendor): State<Arc<Vendor<T>>>, Json(fault): Json<Fault>) -> Response {
    vendor.faults.add(fault);
    answer(201, &json!({}))
}

async fn clear_faults<T>(State(vendor): State<Arc<Vendor<T>>>) -> Response {
    vendor.faults.clear();
    answer(200, &json!({}))
}

/// As a person does who removes the application from their account.
async fn revoke<T>(State(vendor): State<Arc<Vendor<T>>>) -> Response {
    vendor.oauth().revoke_all();
    answer(200, &json!({}))
}

async fn lifetimes<T>(
    State(vendor): State<Arc<Vendor<T>>>,
    Json(given): Json<Lifetimes>,
) -> Response {
    vendor.oauth().access_lifetime_s = given.access_token_s;
    answer(200, &json!({}))
}

async fn subscribe<T>(
    State(vendor): State<Arc<Vendor<T>>>,
    Json(subscription): Json<Subscription>,
) -> Response {
    vendor.webhooks.subscribe(subscription);
    answer(201, &json!({}))
}

/// Sends the events that wait, and says what they were answered.
async fn deliver<T>(State(vendor): State<Arc<Vendor<T>>>) -> Response {
    let now_s = vendor.clock.now_ms() / 1_000;
    let statuses = vendor.webhooks.deliver(now_s).await;
    answer(200, &json!({ "statuses": statuses }))
}
