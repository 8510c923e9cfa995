//! A person's consent at a vendor: where their browser goes, where it comes back, and what it brought.

use axum::{
    Json,
    extract::State,
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};
use shared::{
    App,
    access::{Caller, Origin, Permission},
    http::{Body, IfMatch, Path, Query, Tagged},
    id::ConnectionId,
    problem::{ApiError, Problem},
    vendor,
};

use crate::{
    connections::tagged,
    views::{
        AuthorizationIn, AuthorizationOut, AuthorizeQuery, CallbackOut, CallbackQuery,
        ConnectionOut,
    },
};

/// Begins a person's consent: their browser is to open `url`. What comes back to it completes the
/// authorization (`POST` of this path), within 15 minutes.
#[utoipa::path(get, path = "/v1/connections/{id}/authorize", tag = "integrations",
    params(("id" = String, Path), AuthorizeQuery),
    responses(
        (status = 200, description = "Where the browser goes", body = AuthorizationOut),
        (status = "default", description = "A problem", body = Problem, content_type = "application/problem+json"),
    ))]
pub(crate) async fn begin_authorization(
    app: State<App>,
    caller: Caller,
    origin: Origin,
    Path(id): Path<ConnectionId>,
    Query(query): Query<AuthorizeQuery>,
) -> Result<Json<AuthorizationOut>, ApiError> {
    let store = caller.authorize(Permission::ConnectionsWrite)?;
    let connection = store.connection(id).await?.value;
    let begun = vendor::begin(&app, &store, &origin.0, &connection, query.return_to).await?;
    Ok(Json(AuthorizationOut {
        url: begun.url,
        state: begun.state,
        expires_at: begun.expires_at,
    }))
}

/// Takes a browser that comes back from a vendor: on to where the authorization said, or it shows what was
/// brought. Nothing is granted here.
#[utoipa::path(get, path = "/v1/connections/oauth/callback", tag = "integrations", security(()), params(CallbackQuery), responses(
    (status = 200, description = "What the browser brought", body = CallbackOut),
    (status = 303, description = "On to `return_to`, with it in the query"),
    (status = 404, description = "No authorization is open by that state", body = Problem, content_type = "application/problem+json"),
    (status = "default", description = "A problem", body = Problem, content_type = "application/problem+json"),
))]
pub(crate) async fn return_authorization(
    app: State<App>,
    Query(query): Query<CallbackQuery>,
) -> Result<Response, ApiError> {
    let returned = vendor::returned(&app, &query.state).await?;
    let brought = CallbackOut {
        connection_id: returned.connection,
        state: query.state,
        code: query.code,
        error: query.error,
    };
    let no_store = (header::CACHE_CONTROL, "no-store");
    let Some(return_to) = returned.return_to else {
        return Ok(([no_store], Json(brought)).into_response());
    };
    let location = (header::LOCATION, brought.below(&return_to));
    Ok((StatusCode::SEE_OTHER, [no_store], [location]).into_response())
}

/// Completes an authorization with what the vendor sent to the browser. The connection is active then.
#[utoipa::path(post, path = "/v1/connections/{id}/authorize", tag = "integrations", request_body = AuthorizationIn,
    params(
        ("id" = String, Path),
        ("If-Match" = Option<String>, Header, description = "The ETag that the change is based on"),
    ),
    responses(
        (status = 200, description = "The connection", body = ConnectionOut),
        (status = 502, description = "The vendor has not answered", body = Problem, content_type = "application/problem+json"),
        (status = "default", description = "A problem", body = Problem, content_type = "application/problem+json"),
    ))]
pub(crate) async fn complete_authorization(
    app: State<App>,
    caller: Caller,
    origin: Origin,
    seen: IfMatch,
    Path(id): Path<ConnectionId>,
    Body(given): Body<AuthorizationIn>,
) -> Result<Tagged<ConnectionOut>, ApiError> {
    let store = caller.authorize(Permission::ConnectionsWrite)?;
    let current = seen.check(store.connection(id).await?)?;
    let (state, code) = (&given.state, &given.code);
    let connection = vendor::complete(&app, &store, &origin.0, current, state, code).await?;
    Ok(tagged(connection))
}
