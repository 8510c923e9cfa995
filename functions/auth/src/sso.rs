//! Sign-in by way of a tenant's own identity provider.

use axum::{
    Json,
    body::to_bytes,
    extract::{Request, State},
    http::{HeaderMap, StatusCode, header},
    response::IntoResponse,
};
use garde::Validate;
use serde::Deserialize;
use shared::{
    App,
    access::{Origin, sign_in::Entrance, sso},
    http::{Body, Path, Query},
    id::{SsoConnectionId, TenantId},
    limit::Attempt,
    problem::{ApiError, Problem},
    seal::Secret,
};
use utoipa::{IntoParams, ToSchema};

use crate::views::SignedInOut;

/// A SAML response of 256 KiB in base64, and its percent signs: more than other bodies may have.
const MAX_ANSWER_LEN: usize = 384 * 1_024;

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(crate) struct SsoStartQuery {
    /// The tenant, if it has one connection in use.
    #[param(value_type = Option<String>)]
    tenant_id: Option<TenantId>,
    #[param(value_type = Option<String>)]
    connection_id: Option<SsoConnectionId>,
    /// Where the browser ends, with `code` and `state` in the query: a URL of an application of this deployment.
    return_to: String,
    /// Comes back to `return_to`, for the application to compare.
    state: Option<String>,
    /// S256 of a secret that the application keeps (RFC 7636): only it can exchange the code then.
    code_challenge: Option<String>,
}

#[derive(Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct SsoTokenIn {
    #[garde(skip)]
    #[schema(value_type = String)]
    code: Secret<String>,
    /// Needed if `code_challenge` was given.
    #[garde(skip)]
    #[schema(value_type = Option<String>)]
    code_verifier: Option<Secret<String>>,
}

/// Sends the browser to the tenant's identity provider.
#[utoipa::path(get, path = "/v1/auth/sso/start", tag = "auth", security(()), params(SsoStartQuery), responses(
    (status = 303, description = "On to the identity provider, with a cookie that ties the sign-in to this browser"),
    (status = "default", description = "A problem", body = Problem, content_type = "application/problem+json"),
))]
pub(crate) async fn start_sso(
    app: State<App>,
    at: Entrance,
    headers: HeaderMap,
    Query(query): Query<SsoStartQuery>,
) -> Result<impl IntoResponse, ApiError> {
    let text = |name: &str, value: &Option<String>, most: usize| match value {
        Some(text) if text.is_empty() || text.len() > most => Err(ApiError::invalid(
            name,
            format!("must have 1 to {most} characters"),
        )),
        Some(_) | None => Ok(()),
    };
    text("state", &query.state, 512)?;
    text("code_challenge", &query.code_challenge, 128)?;
    let start = sso::Start {
        tenant: query.tenant_id,
        connection: query.connection_id,
        return_to: query.return_to,
        state: query.state,
        code_challenge: query.code_challenge,
        browser: cookie(&headers),
    };
    let started = sso::start(&app, &at, start).await?;
    let headers = [
        (header::LOCATION, started.location),
        (header::SET_COOKIE, started.cookie),
    ];
    Ok((StatusCode::SEE_OTHER, headers))
}

/// Takes the identity provider's answer (SAML 2.0, HTTP-POST binding) from the browser.
#[utoipa::path(post, path = "/v1/auth/sso/saml/{connection_id}/acs", tag = "auth", security(()),
    params(("connection_id" = String, Path)),
    request_body(content = String, content_type = "application/x-www-form-urlencoded", description = "`SAMLResponse` and `RelayState`"),
    responses(
        (status = 303, description = "Back to the application, with a code for `POST /v1/auth/sso/token`"),
        (status = 401, description = "The answer is not accepted; the tenant's audit trail says why", body = Problem, content_type = "application/problem+json"),
        (status = "default", description = "A problem", body = Problem, content_type = "application/problem+json"),
    ))]
pub(crate) async fn finish_saml(
    app: State<App>,
    _: Attempt,
    at: Entrance,
    Path(id): Path<SsoConnectionId>,
    request: Request,
) -> Result<impl IntoResponse, ApiError> {
    let browser = cookie(request.headers());
    let body = to_bytes(request.into_body(), MAX_ANSWER_LEN).await;
    let body = body.map_err(|_| ApiError::TooLarge {
        limit_bytes: MAX_ANSWER_LEN,
    })?;
    let location = sso::finish_saml(&app, &at, id, &body, browser.as_deref()).await?;
    Ok((StatusCode::SEE_OTHER, [(header::LOCATION, location)]))
}

/// What an identity provider must know of us (SAML 2.0 metadata).
#[utoipa::path(get, path = "/v1/auth/sso/saml/{connection_id}/metadata", tag = "auth", security(()),
    params(("connection_id" = String, Path)),
    responses(
        (status = 200, description = "An EntityDescriptor", body = String, content_type = "application/samlmetadata+xml"),
        (status = "default", description = "A problem", body = Problem, content_type = "application/problem+json"),
    ))]
pub(crate) async fn get_saml_metadata(
    app: State<App>,
    origin: Origin,
    Path(id): Path<SsoConnectionId>,
) -> Result<impl IntoResponse, ApiError> {
    let metadata = sso::metadata(&app, &origin.0, id).await?;
    Ok((
        [(header::CONTENT_TYPE, "application/samlmetadata+xml")],
        metadata,
    ))
}

/// Exchanges the code of a sign-in for tokens. A code works once, within a minute.
#[utoipa::path(post, path = "/v1/auth/sso/token", tag = "auth", security(()), request_body = SsoTokenIn, responses(
    (status = 200, description = "The user and their tokens", body = SignedInOut),
    (status = 401, description = "The code is not valid, was used or has expired", body = Problem, content_type = "application/problem+json"),
    (status = "default", description = "A problem", body = Problem, content_type = "application/problem+json"),
))]
pub(crate) async fn exchange_sso_code(
    app: State<App>,
    _: Attempt,
    at: Entrance,
    Body(given): Body<SsoTokenIn>,
) -> Result<Json<SignedInOut>, ApiError> {
    let signed_in = sso::exchange(&app, &at, &given.code, given.code_verifier.as_ref()).await?;
    Ok(Json(signed_in.into()))
}

/// The one cookie of the sign-in; of two with its name, neither.
fn cookie(headers: &HeaderMap) -> Option<String> {
    let lines = headers
        .get_all(header::COOKIE)
        .iter()
        .filter_map(|line| line.to_str().ok());
    let pairs = lines
        .flat_map(|line| line.split(';'))
        .filter_map(|pair| pair.trim().split_once('='));
    let mut found = pairs
        .filter(|(name, _)| *name == sso::COOKIE)
        .map(|(_, value)| value.to_owned());
    let first = found.next()?;
    found.next().is_none().then_some(first)
}
