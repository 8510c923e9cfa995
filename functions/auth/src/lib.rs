//! Sign-up, sign-in, refresh and sign-out; the public keys; whether the platform is up.

mod browser;
mod docs;
mod mfa;
mod passwords;
mod people;
mod sessions;
mod sso;
mod views;

use axum::{Json, http::StatusCode, response::IntoResponse};
use shared::{
    App,
    access::{
        Caller, Permission,
        explain::{self, Explanation},
        jwks,
        sign_in::{self, Entrance},
    },
    http::{Body, Routes, rules},
    limit::Attempt,
    problem::{ApiError, Problem},
};
use utoipa_axum::routes;

use crate::views::{
    ExplainIn, Health, JwksOut, LoginIn, Ready, RefreshIn, RegisterIn, SignedInOut, TokensOut,
};

pub fn routes() -> Routes {
    docs::add_to(Routes::new())
        .with(routes!(register))
        .with(routes!(login))
        .with(routes!(refresh))
        .with(routes!(logout))
        .with(routes!(sessions::list_sessions))
        .with(routes!(sessions::delete_session))
        .with(routes!(sessions::revoke_sessions))
        .with(routes!(
            browser::create_session,
            browser::get_session,
            browser::delete_session
        ))
        .with(routes!(mfa::get_mfa))
        .with(routes!(mfa::enrol_totp, mfa::remove_totp))
        .with(routes!(mfa::confirm_totp))
        .with(routes!(mfa::renew_recovery_codes))
        .with(routes!(people::accept_invitation))
        .with(routes!(people::list_memberships))
        .with(routes!(people::switch_tenant))
        .with(routes!(passwords::forgot_password))
        .with(routes!(passwords::reset_password))
        .with(routes!(passwords::change_password))
        .with(routes!(passwords::ask_to_verify_email))
        .with(routes!(passwords::verify_email))
        .with(routes!(explain_decision))
        .with(routes!(sso::start_sso))
        .with(routes!(sso::finish_saml))
        .with(routes!(sso::get_saml_metadata))
        .with(routes!(sso::exchange_sso_code))
        .with(routes!(list_keys))
        .with(routes!(get_health))
        .with(routes!(get_ready))
        .with(routes!(get_openapi))
}

/// Makes a tenant and its first owner, who is signed in at once.
#[utoipa::path(post, path = "/v1/auth/register", tag = "auth", security(()), request_body = RegisterIn, responses(
    (status = 201, description = "The tenant, its owner and their tokens", body = SignedInOut),
    (status = 409, description = "There is an account with this e-mail address", body = Problem, content_type = "application/problem+json"),
    (status = "default", description = "A problem", body = Problem, content_type = "application/problem+json"),
))]
async fn register(
    app: axum::extract::State<App>,
    _: Attempt,
    at: Entrance,
    Body(new): Body<RegisterIn>,
) -> Result<(StatusCode, Json<SignedInOut>), ApiError> {
    let new = sign_in::Register {
        tenant_name: new.tenant_name,
        name: new.name,
        email: rules::normal_email(&new.email),
        password: new.password,
    };
    let signed_in = sign_in::register(&app, &at, new).await?;
    Ok((StatusCode::CREATED, Json(signed_in.into())))
}

/// Exchanges an e-mail address and a password, and a one-time code if the account has a second factor, for tokens.
#[utoipa::path(post, path = "/v1/auth/login", tag = "auth", security(()), request_body = LoginIn, responses(
    (status = 200, description = "The user and their tokens", body = SignedInOut),
    (status = 401, description = "Address, password or code is wrong, or the code is missing (`otp-required`)", body = Problem, content_type = "application/problem+json"),
    (status = "default", description = "A problem", body = Problem, content_type = "application/problem+json"),
))]
async fn login(
    app: axum::extract::State<App>,
    _: Attempt,
    at: Entrance,
    Body(given): Body<LoginIn>,
) -> Result<Json<SignedInOut>, ApiError> {
    Ok(Json(sign_in::login(&app, &at, given.into()).await?.into()))
}

/// Exchanges a refresh token for the next one and a new access token. A token works once.
#[utoipa::path(post, path = "/v1/auth/refresh", tag = "auth", security(()), request_body = RefreshIn, responses(
    (status = 200, description = "New tokens", body = TokensOut),
    (status = 401, description = "The token is not valid, has expired or was used", body = Problem, content_type = "application/problem+json"),
    (status = "default", description = "A problem", body = Problem, content_type = "application/problem+json"),
))]
async fn refresh(
    app: axum::extract::State<App>,
    at: Entrance,
    Body(given): Body<RefreshIn>,
) -> Result<Json<TokensOut>, ApiError> {
    Ok(Json(
        sign_in::refresh(&app, &at, &given.refresh_token)
            .await?
            .into(),
    ))
}

/// Ends the caller's session: its refresh token stops working at once.
#[utoipa::path(post, path = "/v1/auth/logout", tag = "auth", responses(
    (status = 204, description = "The session has ended"),
    (status = "default", description = "A problem", body = Problem, content_type = "application/problem+json"),
))]
async fn logout(caller: Caller) -> Result<StatusCode, ApiError> {
    sign_in::logout(&caller).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Why a permission is, or is not, the caller's: each rule in its order. With `role`, why it would be
/// of whoever has that role.
#[utoipa::path(post, path = "/v1/authz/explain", tag = "auth", request_body = ExplainIn, responses(
    (status = 200, description = "The decision and its rules", body = Explanation),
    (status = "default", description = "A problem", body = Problem, content_type = "application/problem+json"),
))]
async fn explain_decision(
    caller: Caller,
    Body(asked): Body<ExplainIn>,
) -> Result<Json<Explanation>, ApiError> {
    // Whoever has a credential may ask what it is good for.
    if asked.role.is_some() {
        caller.authorize(Permission::RolesRead)?;
    }
    Ok(Json(explain::explain(
        &caller,
        asked.permission,
        asked.role,
    )))
}

/// The public keys that verify access tokens (RFC 7517).
#[utoipa::path(get, path = "/.well-known/jwks.json", tag = "auth", security(()), responses(
    (status = 200, description = "A JSON Web Key Set", body = JwksOut),
    (status = "default", description = "A problem", body = Problem, content_type = "application/problem+json"),
))]
async fn list_keys(app: axum::extract::State<App>) -> Result<impl IntoResponse, ApiError> {
    let keys = JwksOut {
        keys: jwks(&app).await?,
    };
    Ok(([("cache-control", "public, max-age=300")], Json(keys)))
}

/// Answers while the function runs; touches no dependency.
#[utoipa::path(get, path = "/health", tag = "health", security(()), responses(
    (status = 200, description = "It runs", body = Health),
))]
async fn get_health() -> Json<Health> {
    Json(Health { status: "ok" })
}

/// Asks each dependency and says how long it took.
#[utoipa::path(get, path = "/ready", tag = "health", security(()), responses(
    (status = 200, description = "All dependencies answer", body = Ready),
    (status = 503, description = "One does not", body = Ready),
))]
async fn get_ready(app: axum::extract::State<App>) -> (StatusCode, Json<Ready>) {
    let ready = Ready::from(app.check().await);
    let status = if ready.status == "ok" {
        StatusCode::OK
    } else {
        StatusCode::SERVICE_UNAVAILABLE
    };
    (status, Json(ready))
}

/// The OpenAPI 3.1 document of the whole API.
#[utoipa::path(get, path = "/openapi.json", tag = "health", security(()), responses(
    (status = 200, description = "This document", body = Object),
))]
async fn get_openapi() -> impl IntoResponse {
    const DOCUMENT: &str = include_str!("../../../docs/openapi.json");
    (
        [
            ("content-type", "application/json"),
            ("cache-control", "public, max-age=300"),
        ],
        DOCUMENT,
    )
}
