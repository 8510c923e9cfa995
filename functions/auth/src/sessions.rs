//! The caller's own sessions in their tenant.

use axum::{Json, http::StatusCode};
use shared::{
    access::{Caller, Permission, Strict},
    http::{PageQuery, Path, Query},
    id::SessionId,
    problem::{ApiError, Problem},
    store::Page,
};

use crate::views::SessionOut;

/// The caller's sessions, in the order of their making.
#[utoipa::path(get, path = "/v1/auth/sessions", tag = "auth", params(PageQuery), responses(
    (status = 200, description = "One page", body = Page<SessionOut>),
    (status = "default", description = "A problem", body = Problem, content_type = "application/problem+json"),
))]
pub(crate) async fn list_sessions(
    caller: Caller,
    Query(query): Query<PageQuery>,
) -> Result<Json<Page<SessionOut>>, ApiError> {
    let member = caller.member()?;
    let store = caller.authorize(Permission::MeRead)?;
    let page = store.sessions(member.user, &query.page()?).await?;
    Ok(Json(
        page.map(|session| SessionOut::new(&session, member.session)),
    ))
}

/// Ends one of the caller's sessions: its refresh token at once, its access tokens within five seconds.
#[utoipa::path(delete, path = "/v1/auth/sessions/{id}", tag = "auth", params(("id" = String, Path)), responses(
    (status = 204, description = "The session has ended"),
    (status = "default", description = "A problem", body = Problem, content_type = "application/problem+json"),
))]
pub(crate) async fn delete_session(
    Strict(caller): Strict,
    Path(id): Path<SessionId>,
) -> Result<StatusCode, ApiError> {
    let member = caller.member()?;
    let store = caller.authorize(Permission::MeUpdate)?;
    store.revoke_session(member.user, id).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Ends all of the caller's sessions, this one too.
#[utoipa::path(post, path = "/v1/auth/sessions:revoke-all", tag = "auth", responses(
    (status = 204, description = "The sessions have ended"),
    (status = "default", description = "A problem", body = Problem, content_type = "application/problem+json"),
))]
pub(crate) async fn revoke_sessions(Strict(caller): Strict) -> Result<StatusCode, ApiError> {
    let member = caller.member()?;
    let store = caller.authorize(Permission::MeUpdate)?;
    store.revoke_sessions(member.user).await?;
    Ok(StatusCode::NO_CONTENT)
}
