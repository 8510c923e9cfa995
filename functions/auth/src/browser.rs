//! Sessions of browsers, by cookie.

use axum::{
    Json,
    extract::State,
    http::{StatusCode, header},
    response::IntoResponse,
};
use serde::Serialize;
use shared::{
    App,
    access::{
        Caller, Permission, browser,
        sign_in::{self, Entrance},
    },
    http::{Body, TenantOut, TrustedOrigin, UserOut},
    limit::Attempt,
    problem::{ApiError, Problem},
};
use utoipa::ToSchema;

use crate::views::LoginIn;

#[derive(Serialize, ToSchema)]
pub(crate) struct BrowserSessionOut {
    tenant: TenantOut,
    user: UserOut,
    /// For the header `X-CSRF-Token` of each request that is not a GET.
    csrf_token: String,
    /// When the session ends however often it is used; it ends sooner if it is not used for a day.
    #[schema(value_type = String, format = DateTime)]
    ends_at: String,
}

#[derive(Serialize, ToSchema)]
pub(crate) struct CsrfOut {
    csrf_token: String,
}

/// Signs in as `POST /v1/auth/login` does, and keeps the session in a cookie that scripts cannot read.
#[utoipa::path(post, path = "/v1/auth/session", tag = "auth", security(()), request_body = LoginIn, responses(
    (status = 200, description = "The user; the cookie `__Host-session` is set", body = BrowserSessionOut),
    (status = 401, description = "Address or password is wrong", body = Problem, content_type = "application/problem+json"),
    (status = 403, description = "The page's origin is not one of the deployment's applications", body = Problem, content_type = "application/problem+json"),
    (status = "default", description = "A problem", body = Problem, content_type = "application/problem+json"),
))]
pub(crate) async fn create_session(
    app: State<App>,
    _: Attempt,
    at: Entrance,
    _origin: TrustedOrigin,
    Body(given): Body<LoginIn>,
) -> Result<impl IntoResponse, ApiError> {
    let (tenant, user, opened) = sign_in::open_browser(&app, &at, given.into()).await?;
    let out = BrowserSessionOut {
        tenant: tenant.into(),
        user: user.into(),
        csrf_token: opened.csrf_token,
        ends_at: crate::views::second(opened.ends_at),
    };
    Ok(([(header::SET_COOKIE, opened.cookie)], Json(out)))
}

/// The token against cross-site requests of the present session, for a page that was loaded anew.
#[utoipa::path(get, path = "/v1/auth/session", tag = "auth", responses(
    (status = 200, description = "The session's token", body = CsrfOut),
    (status = 403, description = "The request has no session cookie", body = Problem, content_type = "application/problem+json"),
    (status = "default", description = "A problem", body = Problem, content_type = "application/problem+json"),
))]
pub(crate) async fn get_session(caller: Caller) -> Result<Json<CsrfOut>, ApiError> {
    caller.member()?;
    caller.authorize(Permission::MeRead)?;
    let token = caller.csrf_token().ok_or(ApiError::NotAllowed(
        "this is about the session of a cookie, and the request came with another credential",
    ))?;
    Ok(Json(CsrfOut {
        csrf_token: token.to_owned(),
    }))
}

/// Ends the session and takes the cookie away.
#[utoipa::path(delete, path = "/v1/auth/session", tag = "auth", responses(
    (status = 204, description = "The session has ended"),
    (status = "default", description = "A problem", body = Problem, content_type = "application/problem+json"),
))]
pub(crate) async fn delete_session(caller: Caller) -> Result<impl IntoResponse, ApiError> {
    sign_in::logout(&caller).await?;
    Ok((
        StatusCode::NO_CONTENT,
        [(header::SET_COOKIE, browser::closed())],
    ))
}
