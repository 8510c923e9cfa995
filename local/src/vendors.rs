//! Three vendors that do not exist, for tests and for a laptop: a user directory (OAuth, refresh tokens that
//! rotate), payments (keys, forms, idempotency), messaging (client credentials, answers of 200 that mean no).
//! Each has state, pages, limits, signed webhooks, and faults on demand: `/control/<vendor>/…`.
//!
//! They are served below their hosts (`/directory.example/v1/users`), where `PORTICO_VENDORS_URL` leads calls.

mod control;
mod directory;
mod faults;
mod fields;
mod messaging;
mod oauth;
mod payments;
mod webhooks;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::Router;
use axum::middleware;
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use serde_json::{Value, json};

use crate::clock::Clock;
use crate::vendors::directory::Directory;
use crate::vendors::faults::Faults;
use crate::vendors::messaging::Messaging;
use crate::vendors::oauth::OAuth;
use crate::vendors::payments::Payments;
use crate::vendors::webhooks::Webhooks;

/// The client that a connection authorizes as.
pub const CLIENT_ID: &str = "portico";
pub const CLIENT_SECRET: &str = "portico-client-secret";
/// A key that payments takes.
pub const PAYMENTS_KEY: &str = "sk_demo_0123456789abcdef";

/// One vendor: what it knows, and what it was told to do wrong.
struct Vendor<T> {
    clock: Clock,
    state: Mutex<T>,
    oauth: Mutex<OAuth>,
    faults: Faults,
    webhooks: Webhooks,
}

impl<T: Default> Vendor<T> {
    fn new(clock: &Clock, scheme: &'static str) -> Arc<Self> {
        Arc::new(Self {
            clock: clock.clone(),
            state: Mutex::default(),
            oauth: Mutex::default(),
            faults: Faults::default(),
            webhooks: Webhooks::new(scheme),
        })
    }

    fn reset(&self) {
        *self.state() = T::default();
        *self.oauth() = OAuth::default();
        self.faults.clear();
        self.webhooks.clear();
    }
}

impl<T> Vendor<T> {
    // Each use is one step: what a panic leaves is whole.
    fn state(&self) -> MutexGuard<'_, T> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn oauth(&self) -> MutexGuard<'_, OAuth> {
        self.oauth.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// All three, below their hosts, with their controls.
pub fn router(clock: &Clock) -> Router {
    let directory: Arc<Vendor<Directory>> = Vendor::new(clock, "standardwebhooks");
    let payments: Arc<Vendor<Payments>> = Vendor::new(clock, "stripe");
    let messaging: Arc<Vendor<Messaging>> = Vendor::new(clock, "slack");
    Router::new()
        .nest("/control/directory", control::router(directory.clone()))
        .nest("/control/payments", control::router(payments.clone()))
        .nest("/control/messaging", control::router(messaging.clone()))
        .nest(
            "/directory.example",
            faulty(directory::router(directory.clone()), directory),
        )
        .nest(
            "/payments.example",
            faulty(payments::router(payments.clone()), payments),
        )
        .nest(
            "/messaging.example",
            faulty(messaging::router(messaging.clone()), messaging),
        )
}

fn faulty<T: Send + 'static>(router: Router, vendor: Arc<Vendor<T>>) -> Router {
    let layer = move |request, next| {
        let vendor = vendor.clone();
        async move { vendor.faults.pass(request, next).await }
    };
    router.layer(middleware::from_fn(layer))
}

/// An error as these vendors say it.
fn refusal(status: u16, code: &str) -> Response {
    answer(status, &json!({ "error": { "code": code } }))
}

fn answer(status: u16, body: &Value) -> Response {
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    (status, axum::Json(body)).into_response()
}

#[cfg(test)]
mod tests;
