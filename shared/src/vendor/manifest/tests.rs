//! Manifests of tenants: what is whole is taken, and each part that could lead a call astray is named.

use serde_json::{Value, json};

use crate::{
    egress::Egress,
    ip_ranges::IpRanges,
    problem::ApiError,
    telemetry::Calls,
    vendor::{Connector, manifest::check_manifest},
};

fn whole() -> Value {
    json!({
        "name": "x-shop", "title": "Our shop", "base_url": "https://api.shop.com/v2",
        "auth": {
            "api_key": { "header": "x-api-key" },
            "oauth2": { "authorize_url": "https://shop.com/authorize", "token_url": "https://api.shop.com/token" },
        },
        "headers": { "x-version": "3" },
        "test_path": "/me",
        "idempotency_header": "idempotency-key",
        "pagination": { "style": "cursor", "param": "after", "next": "/next", "limit_param": null },
        "budget": { "requests": 10, "per_seconds": 1 },
        "objects": { "orders": {
            "list": { "method": "GET", "path": "/orders" },
            "get": { "method": "GET", "path": "/orders/{id}" },
            "create": null, "update": null, "delete": null,
            "items": "/data", "id": "/id", "fields": { "total": "/total" },
        } },
        "webhook_scheme": "standardwebhooks",
    })
}

fn errors(manifest: Value) -> Vec<String> {
    let egress = Egress::new(IpRanges::default(), Calls::default());
    let manifest: Connector = serde_json::from_value(manifest).unwrap();
    match check_manifest(&egress, &manifest) {
        Ok(()) => Vec::new(),
        Err(ApiError::Invalid(errors)) => errors.into_iter().map(|error| error.pointer).collect(),
        Err(other) => panic!("{other}"),
    }
}

#[test]
fn a_whole_manifest_is_taken() {
    assert_eq!(errors(whole()), Vec::<String>::new());
}

#[test]
fn each_part_that_could_lead_a_call_astray_is_named() {
    for (place, value) in [
        ("/name", json!("stripe")),
        ("/name", json!("x-")),
        ("/name", json!("x-Shop")),
        ("/title", json!("")),
        ("/base_url", json!("http://api.shop.com")),
        ("/base_url", json!("https://127.0.0.1")),
        ("/base_url", json!("https://api.shop.com/")),
        ("/base_url", json!("https://api.shop.com?a=b")),
        ("/base_url", json!("https://directory.example")),
        ("/host_suffixes", json!([".shop.com"])),
        ("/auth/api_key/header", json!("host")),
        ("/auth/api_key/header", json!("cookie")),
        ("/auth/api_key/prefix", json!("a\r\nb: c")),
        (
            "/auth/oauth2/token_url",
            json!("https://169.254.169.254/token"),
        ),
        ("/auth/oauth2/authorize_url", json!("javascript:alert(1)")),
        (
            "/auth/oauth2/authorize_params",
            json!({ "redirect_uri": "https://evil.com" }),
        ),
        ("/headers/authorization", json!("Bearer x")),
        ("/headers/x-version", json!("a\r\nb: c")),
        ("/test_path", json!("/../admin")),
        ("/idempotency_header", json!("content-length")),
        ("/budget", json!({ "requests": 0, "per_seconds": 1 })),
        ("/webhook_scheme", json!("nobody")),
        ("/pagination/next", json!("next")),
        ("/objects/orders/list/path", json!("//evil.com")),
        ("/objects/orders/list/method", json!("TRACE")),
        ("/objects/orders/get/path", json!("/orders")),
        ("/objects/orders/fields", json!({ "total": "total" })),
    ] {
        let mut manifest = whole();
        let (parent, name) = place.rsplit_once('/').unwrap();
        manifest.pointer_mut(parent).unwrap()[name] = value.clone();
        let found = errors(manifest);
        assert!(
            found.iter().any(|pointer| pointer == place),
            "{place} {value}: {found:?}"
        );
    }
    let mut nothing = whole();
    nothing["auth"] = json!({});
    assert_eq!(errors(nothing), ["/auth"]);
}
