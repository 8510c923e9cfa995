//! The simulated payments API: forms in, JSON out, keys for credentials, a limit of 25 requests a second,
//! and idempotency keys that give the same answer again.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{Path, Request, State};
use axum::middleware::{self, Next};
use axum::response::Response;
use axum::routing::{get, post};
use http::{HeaderMap, HeaderValue, Uri};
use serde_json::{Map, Value, json};

use crate::vendors::fields::{bearer, limit, parameter, read};
use crate::vendors::{Vendor, answer, refusal};

/// Requests in one second.
const LIMIT: u32 = 25;

#[derive(Default)]
pub(super) struct Payments {
    customers: BTreeMap<String, Value>,
    charges: Vec<Value>,
    made: u64,
    second: i64,
    asked: u32,
    /// Request and answer by idempotency key.
    keys: BTreeMap<String, (Vec<u8>, Value)>,
}

type Shared = State<Arc<Vendor<Payments>>>;

pub(super) fn router(vendor: Arc<Vendor<Payments>>) -> Router {
    let guard = {
        let vendor = vendor.clone();
        move |request: Request, next: Next| {
            let vendor = vendor.clone();
            async move { admit(&vendor, request, next).await }
        }
    };
    Router::new()
        .route(
            "/v1/balance",
            get(async || answer(200, &json!({ "available": 0 }))),
        )
        .route("/v1/customers", get(list).post(create))
        .route("/v1/customers/{id}", get(show).post(update).delete(remove))
        .route("/v1/charges", post(charge))
        .layer(middleware::from_fn(guard))
        .with_state(vendor)
}

/// The key, then the limit, told in each answer's headers.
async fn admit(vendor: &Vendor<Payments>, request: Request, next: Next) -> Response {
    let key = bearer(request.headers());
    if !key.is_some_and(|key| key.starts_with("sk_demo_")) {
        return refusal(401, "invalid_key");
    }
    let second = vendor.clock.now_ms() / 1_000;
    let left = {
        let mut state = vendor.state();
        if state.second != second {
            (state.second, state.asked) = (second, 0);
        }
        state.asked += 1;
        LIMIT.checked_sub(state.asked)
    };
    let mut response = match left {
        Some(_) => next.run(request).await,
        None => refusal(429, "rate_limited"),
    };
    let headers = response.headers_mut();
    headers.insert("x-ratelimit-limit", LIMIT.into());
    headers.insert("x-ratelimit-remaining", left.unwrap_or(0).into());
    headers.insert("x-ratelimit-reset", (second + 1).into());
    if left.is_none() {
        headers.insert(http::header::RETRY_AFTER, HeaderValue::from_static("1"));
    }
    response
}

/// Newest first, as `starting_after` has it.
async fn list(State(vendor): Shared, uri: Uri) -> Response {
    let after = parameter(uri.query(), "starting_after");
    let state = vendor.state();
    let mut rest: Vec<_> = state
        .customers
        .iter()
        .rev()
        .skip_while(|(id, _)| after.as_ref().is_some_and(|after| *id >= after))
        .map(|(_, customer)| customer.clone())
        .collect();
    let limit = limit(uri.query());
    let has_more = rest.len() > limit;
    rest.truncate(limit);
    answer(
        200,
        &json!({ "object": "list", "data": rest, "has_more": has_more }),
    )
}

async fn show(State(vendor): Shared, Path(id): Path<String>) -> Response {
    match vendor.state().customers.get(&id) {
        Some(customer) => answer(200, customer),
        None => refusal(404, "resource_missing"),
    }
}

async fn create(State(vendor): Shared, headers: HeaderMap, body: Bytes) -> Response {
    let now_ms = vendor.clock.now_ms();
    once(
        &vendor,
        &headers,
        &body,
        "customer.created",
        |state, given| {
            state.made += 1;
            let id = format!("cus_{:06}", state.made);
            let mut customer = json!({
                "id": id, "object": "customer", "created": now_ms / 1_000,
                "email": null, "name": null, "phone": null, "metadata": {},
            });
            merge(&mut customer, given);
            state.customers.insert(id, customer.clone());
            Ok(customer)
        },
    )
}

async fn update(
    State(vendor): Shared,
    Path(id): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    once(
        &vendor,
        &headers,
        &body,
        "customer.updated",
        |state, given| {
            let customer = state.customers.get_mut(&id);
            let customer = customer.ok_or((404, "resource_missing"))?;
            merge(customer, given);
            Ok(customer.clone())
        },
    )
}

async fn remove(State(vendor): Shared, Path(id): Path<String>) -> Response {
    let removed = vendor.state().customers.remove(&id);
    let Some(customer) = removed else {
        return refusal(404, "resource_missing");
    };
    let now_ms = vendor.clock.now_ms();
    vendor.webhooks.add("customer.deleted", &customer, now_ms);
    answer(
        200,
        &json!({ "id": id, "object": "customer", "deleted": true }),
    )
}

async fn charge(State(vendor): Shared, headers: HeaderMap, body: Bytes) -> Response {
    once(
        &vendor,
        &headers,
        &body,
        "charge.succeeded",
        |state, given| {
            let amount: Option<u64> = match given.get("amount") {
                Some(Value::String(text)) => text.parse().ok(),
                Some(Value::Number(number)) => number.as_u64(),
                _ => None,
            };
            let amount = amount.ok_or((400, "amount_invalid"))?;
            state.made += 1;
            let charge = json!({
                "id": format!("ch_{:06}", state.made), "object": "charge", "amount": amount,
                "currency": given.get("currency"), "customer": given.get("customer"), "status": "succeeded",
            });
            state.charges.push(charge.clone());
            Ok(charge)
        },
    )
}

/// A write, or the answer to the one that had this key; the same key for another request is refused.
fn once(
    vendor: &Vendor<Payments>,
    headers: &HeaderMap,
    body: &Bytes,
    kind: &str,
    write: impl FnOnce(&mut Payments, &Map<String, Value>) -> Result<Value, (u16, &'static str)>,
) -> Response {
    let key = headers.get("idempotency-key");
    let key = key.and_then(|key| Some(key.to_str().ok()?.to_owned()));
    let request = [kind.as_bytes(), body].concat();
    let done = {
        let mut state = vendor.state();
        match key.as_ref().and_then(|key| state.keys.get(key)) {
            Some((earlier, kept)) if *earlier == request => return answer(200, kept),
            Some(_) => return refusal(400, "idempotency_error"),
            None => {}
        }
        let done = match write(&mut state, &read(headers, body)) {
            Ok(done) => done,
            Err((status, code)) => return refusal(status, code),
        };
        if let Some(key) = key {
            state.keys.insert(key, (request, done.clone()));
        }
        done
    };
    let now_ms = vendor.clock.now_ms();
    vendor.webhooks.add(kind, &done, now_ms);
    answer(200, &done)
}

/// An empty text clears a field, as forms have no null.
fn merge(customer: &mut Value, given: &Map<String, Value>) {
    let Value::Object(customer) = customer else {
        return;
    };
    for name in ["email", "name", "phone", "metadata"] {
        if let Some(value) = given.get(name) {
            let is_empty = value.as_str() == Some("");
            let value = if is_empty { Value::Null } else { value.clone() };
            customer.insert(name.to_owned(), value);
        }
    }
}
