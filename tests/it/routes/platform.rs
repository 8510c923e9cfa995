//! The routes of the platform's operators.

use reqwest::Method;
use serde_json::json;

use crate::routes::Route;

pub(super) fn rows() -> Vec<Route> {
    let row = |method, path, body| Route { method, path, body };
    let get = |path| row(Method::GET, path, None);
    vec![
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
