//! Bulk jobs: work on many rows, a page at a time. A job moves from page to page by writes that hold
//! only for the page that they were made for, so that a page that runs twice counts once.

mod page;

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::ToSchema;

use crate::{
    audit::{self, Action},
    id::JobId,
    problem::ApiError,
    store::{
        Change, Conflict, DeliveryFilter, EventFilter, Page, PageRequest, StoreError, TenantStore,
        Versioned,
        change::{IntoWrite, number, text},
        db::{Filter, Table, Write},
        key::{Key, List, Sort},
        list::Listing,
    },
};

/// How long a job is kept after its end: as long as the events that it was about.
const RETENTION: SignedDuration = SignedDuration::from_hours(30 * 24);

/// Jobs of one tenant that may be unfinished at a time.
pub const MAX_UNFINISHED: u32 = 5;

/// What a job does. A further kind is a variant here, a plan and a run in `bulk`, and a route that
/// starts it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", content = "parameters", rename_all = "snake_case")]
pub enum JobKind {
    /// Sends the matching events through the worker once more.
    ReplayEvents(ReplayEvents),
    /// Starts another round of attempts of the matching deliveries.
    RetryDeliveries(RetryDeliveries),
    /// Writes the tenant's data into files.
    ExportTenant(ExportTenant),
}

/// What is replayed, and how fast.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ReplayEvents {
    /// `until` is set: what arrives after the job was made is not part of it.
    pub filter: EventFilter,
    pub pace_per_s: u32,
    /// The most events that are replayed.
    #[serde(default)]
    pub max: Option<u64>,
}

/// What is retried, and how fast.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct RetryDeliveries {
    /// `until` is set: deliveries of events that come after the job was made are not part of it.
    pub filter: DeliveryFilter,
    pub pace_per_s: u32,
    /// The most deliveries that are retried.
    #[serde(default)]
    pub max: Option<u64>,
}

/// Everything: there is nothing to choose.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ExportTenant {}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum JobState {
    /// Waits for its first page.
    Queued,
    Running,
    /// Ends before its next page.
    Cancelling,
    Cancelled,
    Completed,
    /// Given up in the middle, for the reason in `error`.
    Failed,
}

/// How far a job has got.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Progress {
    /// Rows that were looked at, whether or not they match.
    pub examined: u64,
    pub done: u64,
    /// Matching rows that were left as they are; `skipped_because` has the reasons.
    pub skipped: u64,
    /// Matching rows that cannot be read.
    pub failed: u64,
    /// How many rows matched when the job was made, where that was counted to the end.
    pub total: Option<u64>,
    pub skipped_because: BTreeMap<String, u64>,
}

/// What one page is to do, fixed before the first of it is done: a page that runs again does the same.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Plan {
    pub(crate) items: Vec<Planned>,
    /// Rows that were looked at for it.
    pub(crate) examined: u64,
    /// The sort key after which the next page starts; `None` at the end of the list.
    pub(crate) next: Option<String>,
}

/// One row, and the number of its life: a row that has moved on is in its next one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Planned {
    pub(crate) id: String,
    pub(crate) life: u64,
}

/// Its row. What is not there has no attribute: conditions ask for that.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct BulkJob {
    pub id: JobId,
    pub kind: JobKind,
    pub state: JobState,
    pub progress: Progress,
    /// The page that is to be done next.
    pub page: u64,
    /// The latest page whose message is known to be on the queue.
    pub(crate) sent: u64,
    /// The sort key after which the page starts; `None` for the first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) cursor: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) plan: Option<Plan>,
    pub created_by: String,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub started_at: Option<Timestamp>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended_at: Option<Timestamp>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

impl JobKind {
    pub fn name(&self) -> &'static str {
        match self {
            Self::ReplayEvents(_) => "replay_events",
            Self::RetryDeliveries(_) => "retry_deliveries",
            Self::ExportTenant(_) => "export_tenant",
        }
    }

    /// What it was asked for, as it was fixed then.
    pub fn parameters(&self) -> serde_json::Value {
        match self {
            Self::ReplayEvents(replay) => json!(replay),
            Self::RetryDeliveries(retry) => json!(retry),
            Self::ExportTenant(export) => json!(export),
        }
    }
}

impl JobState {
    pub fn name(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Running => "running",
            Self::Cancelling => "cancelling",
            Self::Cancelled => "cancelled",
            Self::Completed => "completed",
            Self::Failed => "failed",
        }
    }

    pub fn has_ended(self) -> bool {
        match self {
            Self::Queued | Self::Running | Self::Cancelling => false,
            Self::Cancelled | Self::Completed | Self::Failed => true,
        }
    }
}

impl TenantStore {
    pub async fn job(&self, id: JobId) -> Result<Versioned<BulkJob>, StoreError> {
        self.platform_row(&Sort::Job(id)).await
    }

    /// Latest first.
    pub async fn jobs(
        &self,
        state: Option<JobState>,
        page: &PageRequest,
    ) -> Result<Page<BulkJob>, ApiError> {
        let filter = Filter::default().equals("state", state.map(JobState::name));
        self.page(Listing::all(List::Jobs), &filter, page).await
    }

    /// A job that waits for its first page. The caller sends that page's message after the commit.
    pub fn create_job(
        &self,
        kind: JobKind,
        total: Option<u64>,
    ) -> Result<Change<Versioned<BulkJob>>, StoreError> {
        let job = BulkJob {
            id: self.app.ids.make(self.now),
            kind,
            state: JobState::Queued,
            progress: Progress {
                total,
                ..Progress::default()
            },
            page: 0,
            sent: 0,
            cursor: None,
            plan: None,
            created_by: self.actor.to_string(),
            created_at: self.now,
            updated_at: self.now,
            started_at: None,
            ended_at: None,
            error: None,
        };
        let key = Key::new(self.tenant, &Sort::Job(job.id));
        let row = self
            .db()
            .writer(Table::Platform)?
            .insert(&key, &job, Conflict::Exists)?;
        Ok(Change {
            action: Action::JobCreated,
            target: job.id.to_string(),
            changes: audit::differences(&json!(null), &shown(&job)),
            writes: vec![row, self.count_job(Count::Begun)?],
            value: Versioned {
                version: 1,
                value: job,
            },
        })
    }

    /// Lets the job end before its next page. The caller sends that page's message after the commit,
    /// so that it ends soon, and ends even if its own message was lost.
    pub fn cancel_job(
        &self,
        from: Versioned<BulkJob>,
    ) -> Result<Change<Versioned<BulkJob>>, StoreError> {
        if from.value.state.has_ended() {
            return Err(StoreError::Conflict {
                conflict: Conflict::JobEnded,
                old: None,
            });
        }
        let key = Key::new(self.tenant, &Sort::Job(from.value.id));
        // Not the whole row: the worker moves on in it at the same time.
        let item = self
            .db()
            .writer(Table::Platform)?
            .update(
                &key,
                "SET #state = :cancelling, updated_at = :now ADD version :one",
            )
            .condition_expression("#state IN (:queued, :running)")
            .expression_attribute_names("#state", "state")
            .expression_attribute_values(":cancelling", text(JobState::Cancelling.name()))
            .expression_attribute_values(":queued", text(JobState::Queued.name()))
            .expression_attribute_values(":running", text(JobState::Running.name()))
            .expression_attribute_values(":now", text(self.now))
            .expression_attribute_values(":one", number(1))
            .into_write()?;
        let before = shown(&from.value);
        let to = BulkJob {
            state: JobState::Cancelling,
            updated_at: self.now,
            ..from.value
        };
        Ok(Change {
            action: Action::JobCancelled,
            target: to.id.to_string(),
            changes: audit::differences(&before, &shown(&to)),
            writes: vec![Write {
                item,
                conflict: Conflict::JobEnded,
            }],
            value: Versioned {
                version: from.version + 1,
                value: to,
            },
        })
    }

    /// Counts an unfinished job in or out.
    fn count_job(&self, count: Count) -> Result<Write, StoreError> {
        let key = Key::new(self.tenant, &Sort::JobCount);
        let (step, below) = match count {
            Count::Begun => (1, i64::from(MAX_UNFINISHED)),
            Count::Ended => (-1, i64::MAX),
        };
        let item = self
            .db()
            .writer(Table::Platform)?
            .update(&key, "ADD unfinished :step")
            .condition_expression("attribute_not_exists(unfinished) OR unfinished < :below")
            .expression_attribute_values(":step", number(step))
            .expression_attribute_values(":below", number(below))
            .into_write()?;
        Ok(Write {
            item,
            conflict: Conflict::TooManyJobs,
        })
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Count {
    Begun,
    Ended,
}

/// What the audit trail shows of a job.
fn shown(job: &BulkJob) -> serde_json::Value {
    json!({ "state": job.state, "kind": job.kind.name(), "parameters": job.kind.parameters() })
}
