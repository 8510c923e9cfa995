//! The routes of exports and of the platform's operators.

use reqwest::Method;
use serde_json::json;

use crate::routes::Route;

pub(super) fn rows() -> Vec<Route> {
    let row = |method, path, body| Route { method, path, body };
    let get = |path| row(Method::GET, path, None);
    vec![
        row(Method::POST, "/v1/tenant/export", None),
        get("/v1/tenant/exports/{id}"),
        get("/v1/tenant/exports/{id}/files/{part}"),
        get("/v1/platform/tenants"),
        get("/v1/platform/tenants/{tenant_id}"),
        row(
            Method::PATCH,
            "/v1/platform/tenants/{tenant_id}",
            Some(json!({ "plan": "pro" })),
        ),
        row(
            Method::POST,
            "/v1/platform/tenants/{tenant_id}:suspend",
            Some(json!({ "reason": "r" })),
        ),
        row(
            Method::POST,
            "/v1/platform/tenants/{tenant_id}:reactivate",
            Some(json!({ "reason": "r" })),
        ),
    ]
}
