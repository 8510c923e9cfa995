//! Bulk jobs: what the jobs queue's worker does with one message, which is one page of one job. State
//! first, message second: the page's rows, then the job's place, then the next page's message.

mod export;
mod pace;
mod page;
mod replay;
mod retry;

use std::time::Duration;

use jiff::Timestamp;

use crate::{
    app::App,
    problem::ApiError,
    queue::{JobError, JobResult, PageJob, Received, send_page, send_page_later},
    store::{
        BulkJob, Conflict, JobKind, JobState, Plan, Progress, StoreError, TenantStore, Versioned,
    },
};

/// Runs of one page after which its job is given up. With the waits between them they outlast an
/// outage of half an hour.
const MAX_ATTEMPTS: u32 = 12;

/// Rows that an export reads in a second, so that it takes little of what the tenant's own requests have.
const EXPORT_PACE_PER_S: u32 = 200;

/// Makes a job and asks for its first page.
pub async fn start(
    app: &App,
    store: &TenantStore,
    kind: JobKind,
    total: Option<u64>,
) -> Result<Versioned<BulkJob>, ApiError> {
    let job = store.commit(store.create_job(kind, total)?).await?;
    let BulkJob { id, page, .. } = job.value;
    if let Err(error) = send_page(app, store.tenant_id(), id, page).await {
        // Without its message the job would wait for ever: it ends here, and the client tries again.
        let reason = Some("the queue did not take its first message");
        let end = store.end_job(&job.value, JobState::Failed, &job.value.progress, reason)?;
        if let Err(error) = store.commit(end).await {
            tracing::error!(job.id = %id, %error, "a job waits for a message that was not sent: cancel it");
        }
        return Err(error);
    }
    Ok(job)
}

/// One message from the jobs queue.
pub async fn run_page(app: &App, received: Received) -> JobResult {
    let message = match PageJob::parse(&received.body) {
        Ok(message) => message,
        Err(error) => return bury(app, "unknown", &received, &error.to_string()).await,
    };
    let PageJob::Page { tenant, page, .. } = message;
    let run = Run::new(app, message);
    let Err(error) = run.page(page).await else {
        return Ok(());
    };
    tracing::warn!(job = ?message, error = format!("{error:#}"), "a page was not done");
    if received.attempt < MAX_ATTEMPTS {
        let after = pace::backoff(received.attempt);
        return Err(JobError::Retry { after });
    }
    let reason = format!("{error:#}");
    match run.fail(page, &reason).await {
        Ok(()) => bury(app, &tenant.to_string(), &received, &reason).await,
        Err(error) => {
            tracing::error!(job = ?message, error = format!("{error:#}"), "could not end a job");
            let after = pace::backoff(received.attempt);
            Err(JobError::Retry { after })
        }
    }
}

/// How one row of a page went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Done {
    Now,
    Skipped(Skip),
    Unreadable,
}

/// Why a row was left as it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Skip {
    /// It is being worked on.
    InProgress,
    /// It changed after the page was planned, or the list was behind the row.
    Changed,
    /// Its retention has ended.
    Gone,
    /// Its state rules it out: of an event, that another one stands for it; of a delivery, that its
    /// destination is disabled or gone.
    NotEligible,
}

impl Skip {
    fn name(self) -> &'static str {
        match self {
            Self::InProgress => "in_progress",
            Self::Changed => "changed",
            Self::Gone => "gone",
            Self::NotEligible => "not_eligible",
        }
    }
}

struct Run<'a> {
    app: &'a App,
    message: PageJob,
    store: TenantStore,
    started: Timestamp,
}

impl<'a> Run<'a> {
    fn new(app: &'a App, message: PageJob) -> Self {
        let started = app.clock.now();
        Self {
            app,
            message,
            store: message.open(app, started),
            started,
        }
    }

    /// The job of this message, unless it is gone or has ended.
    async fn job(&self) -> anyhow::Result<Option<BulkJob>> {
        let PageJob::Page { bulk, .. } = self.message;
        match self.store.job(bulk).await {
            Ok(job) if job.value.state.has_ended() => Ok(None),
            Ok(job) => Ok(Some(job.value)),
            Err(StoreError::NotFound) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    async fn page(&self, page: u64) -> anyhow::Result<()> {
        let Some(job) = self.job().await? else {
            return Ok(());
        };
        if job.page != page {
            return self.repair(&job, page).await;
        }
        if job.state == JobState::Cancelling {
            return self.end(&job, JobState::Cancelled, &job.progress).await;
        }
        let plan = match &job.plan {
            Some(plan) => plan.clone(),
            None => {
                let plan = self.plan(&job).await?;
                anyhow::ensure!(
                    self.store.plan_page(&job, &plan).await?,
                    "another run is at the page, or the job was cancelled meanwhile"
                );
                plan
            }
        };
        let outcomes = self.work(&job, &plan).await?;
        let done = outcomes.iter().filter(|done| **done == Done::Now).count();
        let progress = add(&job.progress, &plan, &outcomes);
        let is_last =
            plan.next.is_none() || limit(&job.kind).is_some_and(|max| progress.done >= max);
        let next = match plan.next {
            Some(next) if !is_last => next,
            Some(_) | None => return self.end(&job, JobState::Completed, &progress).await,
        };
        anyhow::ensure!(
            self.store.turn_page(&job, &progress, &next).await?,
            "another run has done the page"
        );
        self.send(&job, page + 1, pace::pause(done, pace(&job.kind)))
            .await?;
        let took = self.app.clock.now().duration_since(self.started);
        tracing::info!(
            job.id = %job.id,
            page,
            done,
            duration_ms = u64::try_from(took.as_millis()).unwrap_or(0),
            "did a page of a job"
        );
        Ok(())
    }

    /// A message of another page than the job's present one. If it is the one before, this may be the
    /// run that did it and could not send the next page's message: unless that is known to be sent, it
    /// is sent again.
    async fn repair(&self, job: &BulkJob, page: u64) -> anyhow::Result<()> {
        if page + 1 != job.page || job.sent >= job.page {
            return Ok(());
        }
        let rate = pace(&job.kind);
        self.send(job, job.page, pace::pause(pace::page_len(rate), rate))
            .await
    }

    async fn send(&self, job: &BulkJob, page: u64, pause: Duration) -> anyhow::Result<()> {
        send_page_later(self.app, self.store.tenant_id(), job.id, page, pause).await?;
        // If the mark is not made, the worst is a second message of the page.
        if let Err(error) = self.store.mark_sent(job, page).await {
            tracing::warn!(job.id = %job.id, %error, "could not mark a page as sent");
        }
        Ok(())
    }

    async fn end(&self, job: &BulkJob, state: JobState, progress: &Progress) -> anyhow::Result<()> {
        self.close(job, state, progress, None).await
    }

    async fn fail(&self, page: u64, reason: &str) -> anyhow::Result<()> {
        match self.job().await? {
            Some(job) if job.page == page => {
                self.close(&job, JobState::Failed, &job.progress, Some(reason))
                    .await
            }
            Some(_) | None => Ok(()),
        }
    }

    async fn close(
        &self,
        job: &BulkJob,
        state: JobState,
        progress: &Progress,
        error: Option<&str>,
    ) -> anyhow::Result<()> {
        let change = self.store.end_job(job, state, progress, error)?;
        match self.store.commit(change).await {
            // Another run of the same page was first.
            Ok(())
            | Err(StoreError::Conflict {
                conflict: Conflict::Done,
                ..
            }) => {
                tracing::info!(job.id = %job.id, state = state.name(), "a job has ended");
                Ok(())
            }
            Err(error) => Err(error.into()),
        }
    }

    async fn plan(&self, job: &BulkJob) -> anyhow::Result<Plan> {
        match &job.kind {
            JobKind::ReplayEvents(replay) => replay::plan(&self.store, replay, job).await,
            JobKind::RetryDeliveries(retry) => retry::plan(&self.store, retry, job).await,
            JobKind::ExportTenant(_) => export::plan(&self.store, job).await,
        }
    }

    async fn work(&self, job: &BulkJob, plan: &Plan) -> anyhow::Result<Vec<Done>> {
        match &job.kind {
            JobKind::ReplayEvents(replay) => {
                replay::work(self.app, &self.store, replay, plan).await
            }
            JobKind::RetryDeliveries(retry) => {
                retry::work(self.app, &self.store, retry, plan).await
            }
            JobKind::ExportTenant(_) => export::work(&self.store, job, plan).await,
        }
    }
}

/// Rows a second.
fn pace(kind: &JobKind) -> u32 {
    match kind {
        JobKind::ReplayEvents(replay) => replay.pace_per_s,
        JobKind::RetryDeliveries(retry) => retry.pace_per_s,
        JobKind::ExportTenant(_) => EXPORT_PACE_PER_S,
    }
}

/// The most rows that the job changes.
fn limit(kind: &JobKind) -> Option<u64> {
    match kind {
        JobKind::ReplayEvents(replay) => replay.max,
        JobKind::RetryDeliveries(retry) => retry.max,
        JobKind::ExportTenant(_) => None,
    }
}

/// The progress with one page more.
fn add(before: &Progress, plan: &Plan, outcomes: &[Done]) -> Progress {
    let mut progress = before.clone();
    progress.examined += plan.examined;
    for outcome in outcomes {
        match outcome {
            Done::Now => progress.done += 1,
            Done::Unreadable => progress.failed += 1,
            Done::Skipped(reason) => {
                progress.skipped += 1;
                *progress
                    .skipped_because
                    .entry(reason.name().to_owned())
                    .or_default() += 1;
            }
        }
    }
    progress
}

/// The message moves to the dead-letter queue with its reason.
async fn bury(app: &App, group: &str, received: &Received, reason: &str) -> JobResult {
    let sent = match app.config.jobs_dead_letter_queue_url() {
        Ok(url) => app.queue.send_dead(url, group, received, reason).await,
        Err(error) => Err(error.into()),
    };
    sent.map_err(|error| {
        tracing::error!(
            error = format!("{error:#}"),
            "could not send to the dead-letter queue"
        );
        JobError::Retry {
            after: pace::backoff(received.attempt),
        }
    })
}

#[cfg(test)]
mod tests;
