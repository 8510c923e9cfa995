//! Wire types of the ledger and of an event's story.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use shared::{
    id::{EndpointId, EventId},
    problem::ApiError,
    store::{EventState, Ledger, Tally},
    webhook::Step,
};
use utoipa::{IntoParams, ToSchema};

/// The span of a ledger that names none.
const DAY: SignedDuration = SignedDuration::from_hours(24);

/// For as long events are kept: of an earlier time the books are not whole.
const KEPT: SignedDuration = SignedDuration::from_hours(30 * 24);

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(crate) struct LedgerQuery {
    /// Included, at most 30 days ago; 24 hours before `until` if not given.
    #[param(value_type = Option<String>, format = DateTime)]
    since: Option<Timestamp>,
    /// Excluded; now if not given.
    #[param(value_type = Option<String>, format = DateTime)]
    until: Option<Timestamp>,
}

impl LedgerQuery {
    pub(crate) fn span(&self, now: Timestamp) -> Result<(Timestamp, Timestamp), ApiError> {
        let until = self.until.unwrap_or(now);
        let day_before = until.saturating_sub(DAY).unwrap_or(Timestamp::MIN);
        let since = self.since.unwrap_or(day_before);
        let earliest = now.saturating_sub(KEPT).unwrap_or(Timestamp::MIN);
        if since < earliest {
            let detail = format!("must be {earliest} or later: events are kept for 30 days");
            return Err(ApiError::invalid("/since", detail));
        }
        if since >= until {
            return Err(ApiError::invalid(
                "/since",
                format!("must be before until, {until}"),
            ));
        }
        Ok((since, until))
    }
}

#[derive(Serialize, ToSchema)]
pub(crate) struct LedgerOut {
    #[schema(value_type = String, format = DateTime)]
    since: Timestamp,
    #[schema(value_type = String, format = DateTime)]
    until: Timestamp,
    /// Whether every event of the span is counted.
    complete: bool,
    /// The `since` with which to go on; `null` when complete.
    #[schema(value_type = Option<String>, format = DateTime)]
    counted_until: Option<Timestamp>,
    /// Whether `accepted` is the sum of the states, in all and for each endpoint: nothing is missing.
    balanced: bool,
    total: Tally,
    endpoints: Vec<EndpointTallyOut>,
}

#[derive(Serialize, ToSchema)]
struct EndpointTallyOut {
    #[schema(value_type = String)]
    endpoint_id: EndpointId,
    #[serde(flatten)]
    tally: Tally,
}

impl LedgerOut {
    pub(crate) fn new(since: Timestamp, until: Timestamp, ledger: Ledger) -> Self {
        Self {
            since,
            until,
            complete: ledger.counted_until.is_none(),
            counted_until: ledger.counted_until,
            balanced: ledger.endpoints.values().all(Tally::is_balanced),
            total: ledger.total,
            endpoints: ledger
                .endpoints
                .into_iter()
                .map(|(endpoint_id, tally)| EndpointTallyOut { endpoint_id, tally })
                .collect(),
        }
    }
}

#[derive(Serialize, ToSchema)]
pub(crate) struct StoryOut {
    #[schema(value_type = String)]
    pub(crate) id: EventId,
    pub(crate) state: EventState,
    /// Oldest first, then where it stands and what is next.
    pub(crate) steps: Vec<Step>,
}
