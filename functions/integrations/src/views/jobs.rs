//! Wire types of bulk jobs and of what starts them. A filter is parsed here: a job's window is fixed
//! and its breadth is meant.

use garde::Validate;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use shared::{
    id::{EndpointId, JobId},
    problem::ApiError,
    store::{BulkJob, EventFilter, EventState, JobState, Progress, ReplayEvents},
};
use utoipa::{IntoParams, ToSchema};

/// Up to this number a dry run counts exactly.
pub(crate) const MAX_COUNT: usize = 10_000;

pub(super) const DEFAULT_PACE_PER_S: u32 = 20;

#[derive(Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct BulkReplayIn {
    #[garde(dive)]
    filter: EventFilterIn,
    /// Counts the matching events and changes nothing.
    #[garde(skip)]
    #[serde(default)]
    pub(crate) dry_run: bool,
    /// Events a second; 20 if not given.
    #[garde(range(min = 1, max = 100))]
    #[schema(minimum = 1, maximum = 100)]
    pace_per_s: Option<u32>,
    /// The most events that are replayed, the oldest first; all of them if not given.
    #[garde(range(min = 1, max = 1_000_000))]
    #[schema(minimum = 1, maximum = 1_000_000)]
    max: Option<u64>,
}

/// Which events. At least one of `endpoint`, `type`, `state` and `since`; or `all`, and nothing else.
#[derive(Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
struct EventFilterIn {
    #[garde(skip)]
    #[schema(value_type = Option<String>)]
    endpoint: Option<EndpointId>,
    #[garde(length(max = 200))]
    #[serde(rename = "type")]
    #[schema(example = "invoice.paid")]
    kind: Option<String>,
    /// Any but `retrying`: such events come back by themselves.
    #[garde(skip)]
    state: Option<EventState>,
    /// Included.
    #[garde(skip)]
    #[schema(value_type = Option<String>, format = DateTime)]
    since: Option<Timestamp>,
    /// Excluded; now if not given, and at most now.
    #[garde(skip)]
    #[schema(value_type = Option<String>, format = DateTime)]
    until: Option<Timestamp>,
    /// Every event that is kept. It must be said, so that a forgotten filter does not mean it.
    #[garde(skip)]
    all: Option<bool>,
}

impl BulkReplayIn {
    /// What is to be done, its window fixed at `now`.
    pub(crate) fn replay(self, now: Timestamp) -> Result<ReplayEvents, ApiError> {
        Ok(ReplayEvents {
            filter: self.filter.parse(now)?,
            pace_per_s: self.pace_per_s.unwrap_or(DEFAULT_PACE_PER_S),
            max: self.max,
        })
    }
}

impl EventFilterIn {
    fn parse(self, now: Timestamp) -> Result<EventFilter, ApiError> {
        let is_narrowed = self.endpoint.is_some()
            || self.kind.is_some()
            || self.state.is_some()
            || self.since.is_some();
        match self.all {
            Some(true) if is_narrowed || self.until.is_some() => {
                return Err(ApiError::invalid("/filter/all", "must stand alone"));
            }
            Some(true) => {}
            Some(false) | None if is_narrowed => {}
            Some(false) | None => {
                return Err(ApiError::invalid(
                    "/filter",
                    "must have endpoint, type, state or since; for every event, say \"all\": true",
                ));
            }
        }
        if self.state == Some(EventState::Retrying) {
            return Err(ApiError::invalid(
                "/filter/state",
                "must be queued, processed, dead or ignored: a retrying event comes back by itself",
            ));
        }
        let until = window_end(self.since, self.until, now)?;
        Ok(EventFilter {
            endpoint: self.endpoint,
            kind: self.kind,
            state: self.state,
            since: self.since,
            until: Some(until),
        })
    }
}

/// Where a job's window ends: never after `now`, so that what comes later is not part of it.
pub(super) fn window_end(
    since: Option<Timestamp>,
    until: Option<Timestamp>,
    now: Timestamp,
) -> Result<Timestamp, ApiError> {
    let until = until.map_or(now, |until| until.min(now));
    if since.is_some_and(|since| since >= until) {
        return Err(ApiError::invalid(
            "/filter/since",
            "must be before until, and in the past",
        ));
    }
    Ok(until)
}

/// How many rows match.
#[derive(Debug, Clone, Copy, Serialize, ToSchema)]
pub(crate) struct DryRunOut {
    count: u64,
    /// Whether there may be more: counting stops at 10,000, and earlier where few of many rows match.
    at_least: bool,
}

impl DryRunOut {
    pub(crate) fn of((count, is_all): (usize, bool), max: Option<u64>) -> Self {
        let count = u64::try_from(count).unwrap_or(u64::MAX);
        match max {
            Some(max) if count >= max => Self {
                count: max,
                at_least: false,
            },
            Some(_) | None => Self {
                count,
                at_least: !is_all,
            },
        }
    }

    /// The number, if it is known to be all.
    pub(crate) fn total(self) -> Option<u64> {
        (!self.at_least).then_some(self.count)
    }
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(crate) struct JobQuery {
    /// 1 to 100; 25 if not given.
    #[param(minimum = 1, maximum = 100)]
    pub(crate) limit: Option<u16>,
    /// The `next_cursor` of the page before.
    pub(crate) cursor: Option<String>,
    pub(crate) state: Option<JobState>,
}

#[derive(Serialize, ToSchema)]
pub(crate) struct JobOut {
    #[schema(value_type = String)]
    id: JobId,
    #[schema(example = "replay_events")]
    kind: &'static str,
    /// As they were fixed when the job was made.
    #[schema(value_type = Object)]
    parameters: Value,
    state: JobState,
    progress: Progress,
    /// A user's id.
    created_by: String,
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
    #[schema(value_type = String, format = DateTime)]
    updated_at: Timestamp,
    #[schema(value_type = Option<String>, format = DateTime)]
    started_at: Option<Timestamp>,
    #[schema(value_type = Option<String>, format = DateTime)]
    ended_at: Option<Timestamp>,
    /// Why it failed.
    error: Option<String>,
}

impl From<BulkJob> for JobOut {
    fn from(job: BulkJob) -> Self {
        Self {
            id: job.id,
            kind: job.kind.name(),
            parameters: job.kind.parameters(),
            state: job.state,
            progress: job.progress,
            created_by: job.created_by,
            created_at: job.created_at,
            updated_at: job.updated_at,
            started_at: job.started_at,
            ended_at: job.ended_at,
            error: job.error,
        }
    }
}
