//! Reading the audit trail. There is no route that writes it: every change does.

mod csv;
mod export;
mod ocsf;
mod views;

use axum::Json;
use shared::{
    access::{Caller, Permission},
    audit::Entry,
    http::{Path, Query, Routes},
    id::AuditId,
    problem::{ApiError, Problem},
    store::{InclusionProof, Page, PageRequest, SealedPart},
};
use utoipa_axum::routes;

use crate::views::{AuditQuery, CheckpointQuery};

pub fn routes() -> Routes {
    Routes::new()
        .with(routes!(list_entries))
        .with(routes!(list_checkpoints))
        .with(routes!(export::export_entries))
        .with(routes!(get_entry))
        .with(routes!(get_proof))
}

/// What was changed, by whom and when; latest first.
#[utoipa::path(get, path = "/v1/audit", tag = "audit", params(AuditQuery), responses(
    (status = 200, description = "One page", body = Page<Entry>),
    (status = "default", description = "A problem", body = Problem, content_type = "application/problem+json"),
))]
async fn list_entries(
    caller: Caller,
    Query(query): Query<AuditQuery>,
) -> Result<Json<Page<Entry>>, ApiError> {
    let store = caller.authorize(Permission::AuditRead)?;
    let page = PageRequest::new(query.limit, query.cursor.clone())?;
    Ok(Json(store.audit_entries(query.filter()?, &page).await?))
}

/// Sealed parts of the log with their signed checkpoints; latest first. `docs/audit.md` says how they are
/// verified.
#[utoipa::path(get, path = "/v1/audit/checkpoints", tag = "audit", params(CheckpointQuery), responses(
    (status = 200, description = "One page", body = Page<SealedPart>),
    (status = "default", description = "A problem", body = Problem, content_type = "application/problem+json"),
))]
async fn list_checkpoints(
    caller: Caller,
    Query(query): Query<CheckpointQuery>,
) -> Result<Json<Page<SealedPart>>, ApiError> {
    let store = caller.authorize(Permission::AuditRead)?;
    let page = PageRequest::new(query.limit, query.cursor)?;
    Ok(Json(store.audit_checkpoints(&page).await?))
}

/// One entry.
#[utoipa::path(get, path = "/v1/audit/{id}", tag = "audit", params(("id" = String, Path)), responses(
    (status = 200, description = "The entry", body = Entry),
    (status = "default", description = "A problem", body = Problem, content_type = "application/problem+json"),
))]
async fn get_entry(caller: Caller, Path(id): Path<AuditId>) -> Result<Json<Entry>, ApiError> {
    let store = caller.authorize(Permission::AuditRead)?;
    Ok(Json(store.audit_entry(id).await?))
}

/// Proof that the entry is in the sealed log: an audit path to the root of a signed checkpoint. 409 while
/// the entry is too young to be sealed.
#[utoipa::path(get, path = "/v1/audit/{id}/proof", tag = "audit", params(("id" = String, Path)), responses(
    (status = 200, description = "The proof", body = InclusionProof),
    (status = 409, description = "The entry is not sealed yet", body = Problem, content_type = "application/problem+json"),
    (status = "default", description = "A problem", body = Problem, content_type = "application/problem+json"),
))]
async fn get_proof(
    caller: Caller,
    Path(id): Path<AuditId>,
) -> Result<Json<InclusionProof>, ApiError> {
    let store = caller.authorize(Permission::AuditRead)?;
    Ok(Json(store.audit_proof(id).await?))
}
