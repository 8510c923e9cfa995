//! The routes of connectors and connections.

use reqwest::Method;
use serde_json::{Value, json};

use crate::routes::{CLOSED_URL, Route};

pub(super) fn rows() -> Vec<Route> {
    let row = |method, path, body| Route { method, path, body };
    let get = |path| row(Method::GET, path, None);
    vec![
        get("/v1/connectors"),
        row(Method::POST, "/v1/connectors", Some(connector())),
        get("/v1/connectors/{name}"),
        row(Method::DELETE, "/v1/connectors/{name}", None),
        get("/v1/connections"),
        row(Method::POST, "/v1/connections", Some(connection())),
        get("/v1/connections/{id}"),
        row(
            Method::PATCH,
            "/v1/connections/{id}",
            Some(json!({ "name": "N" })),
        ),
        row(Method::DELETE, "/v1/connections/{id}", None),
        get("/v1/connections/{id}/authorize"),
        row(
            Method::POST,
            "/v1/connections/{id}/authorize",
            Some(json!({ "state": "x", "code": "x" })),
        ),
        get("/v1/connections/oauth/callback"),
        row(Method::POST, "/v1/connections/{id}:test", None),
        row(
            Method::POST,
            "/v1/connections/{id}/call",
            Some(json!({ "method": "GET", "path": "/" })),
        ),
        get("/v1/connections/{id}/objects/{object}"),
        get("/v1/connections/{id}/health"),
        row(Method::POST, "/v1/connections/{id}/breaker:reset", None),
    ]
}

/// A connector of a tenant's own.
pub(crate) fn connector() -> Value {
    json!({
        "name": "x-shop", "title": "Our shop", "base_url": CLOSED_URL.trim_end_matches('/'),
        "auth": { "api_key": { "header": "x-api-key" } },
        "pagination": { "style": "none" },
        "budget": { "requests": 10, "per_seconds": 1 },
    })
}

/// A connection to a vendor that does not answer.
pub(crate) fn connection() -> Value {
    json!({
        "name": "N", "connector": "rest", "base_url": CLOSED_URL.trim_end_matches('/'),
        "credentials": { "kind": "api_key", "key": "k" },
    })
}
