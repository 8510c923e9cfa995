//! Bulk jobs: how far they are, and their cancellation. Each kind is started by the resource that it
//! works on.

use axum::{
    Json,
    extract::State,
    http::{HeaderName, StatusCode, header},
};
use shared::{
    App,
    access::{Caller, Permission},
    http::{Path, Query, Tagged},
    id::JobId,
    problem::{ApiError, Problem},
    queue::send_page,
    store::{BulkJob, JobState, Page, PageRequest, Versioned},
};

use crate::views::{JobOut, JobQuery};

/// Jobs, latest first.
#[utoipa::path(get, path = "/v1/jobs", tag = "integrations", params(JobQuery), responses(
    (status = 200, description = "One page", body = Page<JobOut>),
    (status = "default", description = "A problem", body = Problem, content_type = "application/problem+json"),
))]
pub(crate) async fn list_jobs(
    caller: Caller,
    Query(query): Query<JobQuery>,
) -> Result<Json<Page<JobOut>>, ApiError> {
    let store = caller.authorize(Permission::JobsRead)?;
    let page = PageRequest::new(query.limit, query.cursor)?;
    let jobs = store.jobs(query.state, &page).await?;
    Ok(Json(jobs.map(JobOut::from)))
}

/// One job and how far it is.
#[utoipa::path(get, path = "/v1/jobs/{id}", tag = "integrations", params(("id" = String, Path)), responses(
    (status = 200, description = "The job; its version is the ETag", body = JobOut),
    (status = "default", description = "A problem", body = Problem, content_type = "application/problem+json"),
))]
pub(crate) async fn get_job(
    caller: Caller,
    Path(id): Path<JobId>,
) -> Result<Tagged<JobOut>, ApiError> {
    let store = caller.authorize(Permission::JobsRead)?;
    Ok(tagged(store.job(id).await?))
}

/// Lets the job end before its next page. What it has done stays done.
#[utoipa::path(post, path = "/v1/jobs/{id}:cancel", tag = "integrations", params(("id" = String, Path)), responses(
    (status = 202, description = "It ends before its next page", body = JobOut),
    (status = 409, description = "It has ended", body = Problem, content_type = "application/problem+json"),
    (status = "default", description = "A problem", body = Problem, content_type = "application/problem+json"),
))]
pub(crate) async fn cancel_job(
    app: State<App>,
    caller: Caller,
    Path(id): Path<JobId>,
) -> Result<(StatusCode, Tagged<JobOut>), ApiError> {
    let store = caller.authorize(Permission::JobsWrite)?;
    let job = store.job(id).await?;
    let job = match job.value.state {
        // Asked for again: only its message is sent again.
        JobState::Cancelling => job,
        JobState::Queued
        | JobState::Running
        | JobState::Cancelled
        | JobState::Completed
        | JobState::Failed => store.commit(store.cancel_job(job)?).await?,
    };
    send_page(&app, caller.tenant(), id, job.value.page).await?;
    Ok((StatusCode::ACCEPTED, tagged(job)))
}

/// What starts a job answers with: 202, where the job is, and the job.
pub(crate) type Started = (StatusCode, [(HeaderName, String); 1], Tagged<JobOut>);

pub(crate) fn started(job: Versioned<BulkJob>) -> Started {
    let location = format!("/v1/jobs/{}", job.value.id);
    (
        StatusCode::ACCEPTED,
        [(header::LOCATION, location)],
        tagged(job),
    )
}

fn tagged(job: Versioned<BulkJob>) -> Tagged<JobOut> {
    Tagged(Versioned {
        version: job.version,
        value: job.value.into(),
    })
}
