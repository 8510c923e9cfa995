//! The routes by which people sign in, and by which a tenant says who may.

use reqwest::Method;
use serde_json::{Value, json};

use crate::{harness::root, routes::Route};

pub(super) fn rows() -> Vec<Route> {
    let row = |method, path, body| Route { method, path, body };
    let get = |path| row(Method::GET, path, None);
    let login = json!({ "email": "owner@acme.example", "password": "correct horse battery" });
    let register = json!({
        "tenant_name": "new", "name": "N", "email": "new@new.example", "password": "correct horse battery",
    });
    vec![
        row(Method::POST, "/v1/auth/register", Some(register)),
        row(Method::POST, "/v1/auth/login", Some(login)),
        row(
            Method::POST,
            "/v1/auth/refresh",
            Some(json!({ "refresh_token": "prt_x" })),
        ),
        row(Method::POST, "/v1/auth/logout", None),
        get("/v1/auth/sessions"),
        row(Method::DELETE, "/v1/auth/sessions/{id}", None),
        row(Method::POST, "/v1/auth/sessions:revoke-all", None),
        row(
            Method::POST,
            "/v1/auth/invitations/accept",
            Some(json!({ "token": "piv_x" })),
        ),
        get("/v1/auth/memberships"),
        row(
            Method::POST,
            "/v1/auth/switch-tenant",
            Some(json!({ "tenant_id": "ten_00000000000000000000000000" })),
        ),
        row(
            Method::POST,
            "/v1/auth/password/forgot",
            Some(json!({ "email": "nobody@x.example" })),
        ),
        row(
            Method::POST,
            "/v1/auth/password/reset",
            Some(json!({ "token": "ppr_x", "password": "correct horse battery" })),
        ),
        row(
            Method::POST,
            "/v1/auth/password/change",
            Some(json!({
                "current_password": "correct horse battery",
                "new_password": "correct horse battery",
            })),
        ),
        row(Method::POST, "/v1/auth/email/verification", None),
        row(
            Method::POST,
            "/v1/auth/email/verify",
            Some(json!({ "token": "pev_x" })),
        ),
        row(
            Method::POST,
            "/v1/auth/session",
            Some(json!({ "email": "owner@acme.example", "password": "correct horse battery" })),
        ),
        get("/v1/auth/session"),
        row(Method::DELETE, "/v1/auth/session", None),
        get("/v1/auth/mfa"),
        row(
            Method::POST,
            "/v1/auth/mfa/totp",
            Some(json!({ "password": "correct horse battery" })),
        ),
        row(
            Method::POST,
            "/v1/auth/mfa/totp/confirm",
            Some(json!({ "code": "x" })),
        ),
        row(
            Method::DELETE,
            "/v1/auth/mfa/totp",
            Some(json!({ "password": "x", "code": "x" })),
        ),
        row(
            Method::POST,
            "/v1/auth/mfa/recovery-codes",
            Some(json!({ "code": "x" })),
        ),
        get("/v1/auth/sso/start"),
        row(Method::POST, "/v1/auth/sso/saml/{connection_id}/acs", None),
        get("/v1/auth/sso/saml/{connection_id}/metadata"),
        row(
            Method::POST,
            "/v1/auth/sso/token",
            Some(json!({ "code": "x" })),
        ),
        get("/v1/tenant/invitations"),
        row(
            Method::POST,
            "/v1/tenant/invitations",
            Some(json!({ "email": "n@x.example", "role": "user" })),
        ),
        row(Method::DELETE, "/v1/tenant/invitations/{id}", None),
        row(Method::POST, "/v1/tenant/invitations/{id}:resend", None),
        get("/v1/tenant/api-keys"),
        row(
            Method::POST,
            "/v1/tenant/api-keys",
            Some(json!({ "name": "K", "permissions": ["users:read"] })),
        ),
        get("/v1/tenant/api-keys/{id}"),
        row(Method::DELETE, "/v1/tenant/api-keys/{id}", None),
        row(
            Method::POST,
            "/v1/tenant/api-keys/{id}:rotate",
            Some(json!({ "overlap_hours": 0 })),
        ),
        get("/v1/tenant/sso-connections"),
        row(
            Method::POST,
            "/v1/tenant/sso-connections",
            Some(sso_connection()),
        ),
        get("/v1/tenant/sso-connections/{id}"),
        row(
            Method::PATCH,
            "/v1/tenant/sso-connections/{id}",
            Some(json!({ "name": "N" })),
        ),
        row(Method::DELETE, "/v1/tenant/sso-connections/{id}", None),
    ]
}

/// A connection to an identity provider.
pub(super) fn sso_connection() -> Value {
    let index = std::fs::read(root().join("tests/saml/index.json")).unwrap();
    let index: Value = serde_json::from_slice(&index).unwrap();
    json!({ "name": "N", "saml": {
        "idp_entity_id": "https://idp.example",
        "sso_url": "https://idp.example/sso",
        "certificates": [index["idp_cert_pem"]],
    }})
}
