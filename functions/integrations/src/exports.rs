//! All of a tenant's data, as files: started as a bulk job, then fetched part by part.

use axum::{
    Json,
    extract::State,
    http::header,
    response::{IntoResponse, Response},
};
use jiff::Timestamp;
use serde::Serialize;
use shared::{
    App,
    access::{Caller, Permission},
    bulk,
    http::Path,
    id::{JobId, TenantId},
    problem::{ApiError, Problem},
    store::{BulkJob, ExportFile, ExportTenant, JobKind, JobState, StoreError, TenantStore},
};
use utoipa::ToSchema;

use crate::{jobs, views::JobOut};

/// What an export holds. Complete once its state is `completed`.
#[derive(Serialize, ToSchema)]
pub(crate) struct ExportOut {
    #[schema(value_type = String)]
    job_id: JobId,
    #[schema(value_type = String)]
    tenant_id: TenantId,
    state: JobState,
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
    #[schema(value_type = Option<String>, format = DateTime)]
    ended_at: Option<Timestamp>,
    lines: u64,
    /// gzip files of JSON Lines, in order; kept for a week.
    files: Vec<ExportFile>,
}

/// Writes all of the tenant's data into files. Secrets are not among it.
#[utoipa::path(post, path = "/v1/tenant/export", tag = "tenants", responses(
    (status = 202, description = "The job, and where it is", body = JobOut),
    (status = 409, description = "Too many jobs are unfinished", body = Problem, content_type = "application/problem+json"),
    (status = "default", description = "A problem", body = Problem, content_type = "application/problem+json"),
))]
pub(crate) async fn export_tenant(
    app: State<App>,
    caller: Caller,
) -> Result<jobs::Started, ApiError> {
    let store = caller.authorize(Permission::TenantExport)?;
    let kind = JobKind::ExportTenant(ExportTenant::default());
    Ok(jobs::started(bulk::start(&app, &store, kind, None).await?))
}

/// The export's manifest: its files with their SHA-256.
#[utoipa::path(get, path = "/v1/tenant/exports/{id}", tag = "tenants", params(("id" = String, Path)), responses(
    (status = 200, description = "The manifest", body = ExportOut),
    (status = "default", description = "A problem", body = Problem, content_type = "application/problem+json"),
))]
pub(crate) async fn get_export(
    caller: Caller,
    Path(id): Path<JobId>,
) -> Result<Json<ExportOut>, ApiError> {
    let store = caller.authorize(Permission::TenantExport)?;
    let job = export(&store, id).await?;
    let files = store.export_files(id).await?;
    Ok(Json(ExportOut {
        job_id: id,
        tenant_id: caller.tenant(),
        state: job.state,
        created_at: job.created_at,
        ended_at: job.ended_at,
        lines: files.iter().map(|file| file.lines).sum(),
        files,
    }))
}

/// One file of an export.
#[utoipa::path(get, path = "/v1/tenant/exports/{id}/files/{part}", tag = "tenants",
    params(("id" = String, Path), ("part" = String, Path)), responses(
    (status = 200, description = "JSON Lines, each with `kind` and `data`; compressed", body = String, content_type = "application/gzip"),
    (status = "default", description = "A problem", body = Problem, content_type = "application/problem+json"),
))]
pub(crate) async fn get_export_part(
    caller: Caller,
    Path((id, part)): Path<(JobId, String)>,
) -> Result<Response, ApiError> {
    let store = caller.authorize(Permission::TenantExport)?;
    let is_part = |byte: u8| byte.is_ascii_digit() || byte == b'-';
    if part.len() > 16 || !part.bytes().all(is_part) {
        return Err(StoreError::NotFound.into());
    }
    export(&store, id).await?;
    let found = store.export_part(id, &part).await?;
    let name = format!("attachment; filename=\"{part}.jsonl.gz\"");
    let headers = [
        (header::CONTENT_TYPE, "application/gzip".to_owned()),
        (header::CONTENT_DISPOSITION, name),
    ];
    Ok((headers, found.bytes).into_response())
}

/// The job, if it is an export.
async fn export(store: &TenantStore, id: JobId) -> Result<BulkJob, ApiError> {
    let job = store.job(id).await?.value;
    match job.kind {
        JobKind::ExportTenant(_) => Ok(job),
        JobKind::ReplayEvents(_) | JobKind::RetryDeliveries(_) => Err(StoreError::NotFound.into()),
    }
}
