//! Wire types of deliveries.

use garde::Validate;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use shared::{
    id::{DeliveryId, DestinationId, EndpointId, EventId},
    problem::ApiError,
    store::{Delivery, DeliveryAttempt, DeliveryFilter, DeliveryState, RetryDeliveries},
};
use utoipa::{IntoParams, ToSchema};

use crate::views::jobs::{DEFAULT_PACE_PER_S, window_end};

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(crate) struct DeliveryQuery {
    /// 1 to 100; 25 if not given.
    #[param(minimum = 1, maximum = 100)]
    pub(crate) limit: Option<u16>,
    /// The `next_cursor` of the page before.
    pub(crate) cursor: Option<String>,
    #[param(value_type = Option<String>)]
    destination: Option<DestinationId>,
    #[param(value_type = Option<String>)]
    endpoint: Option<EndpointId>,
    #[param(value_type = Option<String>)]
    event: Option<EventId>,
    #[serde(rename = "type")]
    #[param(example = "invoice.paid")]
    kind: Option<String>,
    state: Option<DeliveryState>,
    /// By the event's time; included.
    #[param(value_type = Option<String>, format = DateTime)]
    since: Option<Timestamp>,
    /// Excluded.
    #[param(value_type = Option<String>, format = DateTime)]
    until: Option<Timestamp>,
}

impl DeliveryQuery {
    pub(crate) fn filter(self) -> DeliveryFilter {
        DeliveryFilter {
            destination: self.destination,
            endpoint: self.endpoint,
            event: self.event,
            kind: self.kind,
            state: self.state,
            since: self.since,
            until: self.until,
        }
    }
}

#[derive(Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct BulkRetryIn {
    #[garde(dive)]
    filter: DeliveryFilterIn,
    /// Counts the matching deliveries and changes nothing.
    #[garde(skip)]
    #[serde(default)]
    pub(crate) dry_run: bool,
    /// Deliveries a second; 20 if not given.
    #[garde(range(min = 1, max = 100))]
    #[schema(minimum = 1, maximum = 100)]
    pace_per_s: Option<u32>,
    /// The most deliveries that are retried, the oldest first; all of them if not given.
    #[garde(range(min = 1, max = 1_000_000))]
    #[schema(minimum = 1, maximum = 1_000_000)]
    max: Option<u64>,
}

/// Which deliveries. At least one of these; or `all`, and nothing else but `state`.
#[derive(Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
struct DeliveryFilterIn {
    #[garde(skip)]
    #[schema(value_type = Option<String>)]
    destination: Option<DestinationId>,
    #[garde(skip)]
    #[schema(value_type = Option<String>)]
    endpoint: Option<EndpointId>,
    #[garde(length(max = 200))]
    #[serde(rename = "type")]
    #[schema(example = "invoice.paid")]
    kind: Option<String>,
    /// `failed` if not given.
    #[garde(skip)]
    state: Option<DeliveryState>,
    /// By the event's time; included.
    #[garde(skip)]
    #[schema(value_type = Option<String>, format = DateTime)]
    since: Option<Timestamp>,
    /// Excluded; now if not given, and at most now.
    #[garde(skip)]
    #[schema(value_type = Option<String>, format = DateTime)]
    until: Option<Timestamp>,
    /// Every delivery that is kept and in this state. It must be said, so that a forgotten filter does not
    /// mean it.
    #[garde(skip)]
    all: Option<bool>,
}

impl BulkRetryIn {
    /// What is to be done, its window fixed at `now`.
    pub(crate) fn retry(self, now: Timestamp) -> Result<RetryDeliveries, ApiError> {
        Ok(RetryDeliveries {
            filter: self.filter.parse(now)?,
            pace_per_s: self.pace_per_s.unwrap_or(DEFAULT_PACE_PER_S),
            max: self.max,
        })
    }
}

impl DeliveryFilterIn {
    fn parse(self, now: Timestamp) -> Result<DeliveryFilter, ApiError> {
        let is_narrowed = self.destination.is_some()
            || self.endpoint.is_some()
            || self.kind.is_some()
            || self.since.is_some();
        match self.all {
            Some(true) if is_narrowed || self.until.is_some() => {
                return Err(ApiError::invalid(
                    "/filter/all",
                    "must stand alone, or with state",
                ));
            }
            Some(true) => {}
            Some(false) | None if is_narrowed || self.state.is_some() => {}
            Some(false) | None => {
                return Err(ApiError::invalid(
                    "/filter",
                    "must have destination, endpoint, type, state or since; for every failed delivery, say \"all\": true",
                ));
            }
        }
        let until = window_end(self.since, self.until, now)?;
        Ok(DeliveryFilter {
            destination: self.destination,
            endpoint: self.endpoint,
            event: None,
            kind: self.kind,
            state: Some(self.state.unwrap_or(DeliveryState::Failed)),
            since: self.since,
            until: Some(until),
        })
    }
}

#[derive(Serialize, ToSchema)]
pub(crate) struct DeliveryOut {
    #[schema(value_type = String)]
    id: DeliveryId,
    #[schema(value_type = String)]
    event_id: EventId,
    /// `null` for an event of Portico's own.
    #[schema(value_type = Option<String>)]
    endpoint_id: Option<EndpointId>,
    #[schema(value_type = String)]
    destination_id: DestinationId,
    #[serde(rename = "type")]
    kind: Option<String>,
    state: DeliveryState,
    attempt_count: u64,
    /// `null` if it has ended.
    #[schema(value_type = Option<String>, format = DateTime)]
    next_attempt_at: Option<Timestamp>,
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
}

impl From<Delivery> for DeliveryOut {
    fn from(delivery: Delivery) -> Self {
        Self {
            id: delivery.id,
            next_attempt_at: delivery.next_attempt_at(),
            event_id: delivery.event_id,
            endpoint_id: delivery.endpoint_id,
            destination_id: delivery.destination_id,
            kind: delivery.kind,
            state: delivery.state,
            attempt_count: delivery.attempt_count,
            created_at: delivery.created_at,
        }
    }
}

#[derive(Serialize, ToSchema)]
pub(crate) struct DeliveryDetailOut {
    #[serde(flatten)]
    delivery: DeliveryOut,
    /// Why it was given up without an attempt.
    reason: Option<String>,
    /// Of an event of Portico's own; a vendor's is with its event.
    #[schema(value_type = Option<Object>)]
    payload: Option<Value>,
    /// The last 30, the oldest first.
    attempts: Vec<DeliveryAttempt>,
}

impl From<Delivery> for DeliveryDetailOut {
    fn from(mut delivery: Delivery) -> Self {
        Self {
            reason: delivery.reason.take(),
            payload: delivery
                .body
                .take()
                .and_then(|body| serde_json::from_str(&body).ok()),
            attempts: std::mem::take(&mut delivery.attempts),
            delivery: delivery.into(),
        }
    }
}

#[derive(Serialize, ToSchema)]
pub(crate) struct RetryOut {
    #[schema(value_type = String)]
    pub(crate) id: DeliveryId,
    pub(crate) state: DeliveryState,
}
