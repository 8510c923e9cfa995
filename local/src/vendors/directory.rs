//! The simulated user directory: people that can be listed by what changed last, behind OAuth.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{OriginalUri, Path, Request, State};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use http::{HeaderMap, StatusCode, Uri, header};
use serde_json::{Map, Value, json};

use crate::vendors::fields::{bearer, limit, parameter, read, time};
use crate::vendors::{Vendor, answer, refusal};

const FIELDS: [&str; 4] = ["email", "first_name", "last_name", "title"];

#[derive(Default)]
pub(super) struct Directory {
    users: BTreeMap<String, User>,
    /// One more with each change.
    changes: u64,
    made: u64,
    /// Users by the idempotency key that made them.
    keys: BTreeMap<String, String>,
}

#[derive(Clone)]
struct User {
    fields: Map<String, Value>,
    changed: u64,
    updated_ms: i64,
    is_deleted: bool,
}

type Shared = State<Arc<Vendor<Directory>>>;

pub(super) fn router(vendor: Arc<Vendor<Directory>>) -> Router {
    let guard = {
        let vendor = vendor.clone();
        move |request: Request, next: Next| {
            let vendor = vendor.clone();
            async move {
                let access = bearer(request.headers()).map(str::to_owned);
                let now_ms = vendor.clock.now_ms();
                let is_good = vendor.oauth().check(access.as_deref(), now_ms);
                if is_good {
                    next.run(request).await
                } else {
                    refusal(401, "invalid_token")
                }
            }
        }
    };
    let api = Router::new()
        .route(
            "/v1/me",
            get(async || answer(200, &json!({ "account": "demo" }))),
        )
        .route("/v1/users", get(list).post(create))
        .route("/v1/users/{id}", get(show).patch(update).delete(remove))
        .layer(middleware::from_fn(guard));
    Router::new()
        .route("/oauth/authorize", get(authorize))
        .route("/oauth/token", post(token))
        .merge(api)
        .with_state(vendor)
}

async fn authorize(State(vendor): Shared, OriginalUri(uri): OriginalUri) -> Response {
    let now_ms = vendor.clock.now_ms();
    match vendor.oauth().authorize(&uri, now_ms) {
        Ok(back) => (StatusCode::FOUND, [(header::LOCATION, back)]).into_response(),
        Err(code) => refusal(400, code),
    }
}

pub(super) async fn token(State(vendor): Shared, headers: HeaderMap, body: Bytes) -> Response {
    let form = read(&headers, &body);
    let now_ms = vendor.clock.now_ms();
    match vendor.oauth().token(&headers, &form, now_ms) {
        Ok(tokens) => answer(200, &tokens),
        Err((status, error)) => answer(status, &json!({ "error": error })),
    }
}

/// In the order of their last change; `cursor` goes on after a page, `updated_since` leaves out what is older.
/// The deleted are listed too, so that whoever reads on learns of them.
async fn list(State(vendor): Shared, uri: Uri) -> Response {
    let query = uri.query();
    let after: u64 = parameter(query, "cursor")
        .and_then(|text| text.parse().ok())
        .unwrap_or(0);
    let since = parameter(query, "updated_since").and_then(|text| text.parse().ok());
    let since_ms = since.map_or(0, jiff::Timestamp::as_millisecond);
    let state = vendor.state();
    let mut found: Vec<_> = state
        .users
        .iter()
        .filter(|(_, user)| user.changed > after && user.updated_ms >= since_ms)
        .collect();
    found.sort_by_key(|(_, user)| user.changed);
    let limit = limit(query);
    let next = (found.len() > limit)
        .then(|| {
            found
                .get(limit - 1)
                .map(|(_, user)| user.changed.to_string())
        })
        .flatten();
    let page: Vec<Value> = found
        .into_iter()
        .take(limit)
        .map(|(id, user)| shown(id, user))
        .collect();
    answer(200, &json!({ "data": page, "next_cursor": next }))
}

async fn show(State(vendor): Shared, Path(id): Path<String>) -> Response {
    match vendor.state().users.get(&id) {
        Some(user) if !user.is_deleted => answer(200, &shown(&id, user)),
        _ => refusal(404, "not_found"),
    }
}

async fn create(State(vendor): Shared, headers: HeaderMap, body: Bytes) -> Response {
    let given = read(&headers, &body);
    if let Some(unknown) = given.keys().find(|name| !FIELDS.contains(&name.as_str())) {
        return refusal(422, &format!("unknown field {unknown}"));
    }
    let now_ms = vendor.clock.now_ms();
    let key = headers
        .get("idempotency-key")
        .and_then(|key| key.to_str().ok())
        .map(str::to_owned);
    let made = {
        let mut state = vendor.state();
        let known = key.as_ref().and_then(|key| state.keys.get(key)).cloned();
        if let Some(id) = known {
            let user = state.users.get(&id).map(|user| shown(&id, user));
            return answer(201, &user.unwrap_or_default());
        }
        state.made += 1;
        state.changes += 1;
        let id = format!("usr_{:04}", state.made);
        let user = User {
            fields: given,
            changed: state.changes,
            updated_ms: now_ms,
            is_deleted: false,
        };
        let made = shown(&id, &user);
        state.users.insert(id.clone(), user);
        if let Some(key) = key {
            state.keys.insert(key, id);
        }
        made
    };
    vendor.webhooks.add("user.created", &made, now_ms);
    answer(201, &made)
}

async fn update(
    State(vendor): Shared,
    Path(id): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let given = read(&headers, &body);
    if let Some(unknown) = given.keys().find(|name| !FIELDS.contains(&name.as_str())) {
        return refusal(422, &format!("unknown field {unknown}"));
    }
    change(&vendor, &id, "user.updated", |user| {
        user.fields.extend(given)
    })
}

async fn remove(State(vendor): Shared, Path(id): Path<String>) -> Response {
    change(&vendor, &id, "user.deleted", |user| user.is_deleted = true)
}

fn change(
    vendor: &Vendor<Directory>,
    id: &str,
    kind: &str,
    apply: impl FnOnce(&mut User),
) -> Response {
    let now_ms = vendor.clock.now_ms();
    let changed = {
        let mut state = vendor.state();
        let next = state.changes + 1;
        let Some(user) = state.users.get_mut(id).filter(|user| !user.is_deleted) else {
            return refusal(404, "not_found");
        };
        apply(user);
        user.changed = next;
        user.updated_ms = now_ms;
        let changed = shown(id, user);
        state.changes = next;
        changed
    };
    vendor.webhooks.add(kind, &changed, now_ms);
    answer(200, &changed)
}

fn shown(id: &str, user: &User) -> Value {
    let mut shown = Map::new();
    shown.insert("id".to_owned(), json!(id));
    shown.insert("updated_at".to_owned(), json!(time(user.updated_ms)));
    shown.insert("deleted".to_owned(), json!(user.is_deleted));
    for name in FIELDS {
        let value = user.fields.get(name).cloned().unwrap_or_default();
        shown.insert(name.to_owned(), value);
    }
    Value::Object(shown)
}
