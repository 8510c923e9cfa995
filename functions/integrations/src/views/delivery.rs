//! Wire types of deliveries.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use shared::{
    id::{DeliveryId, DestinationId, EndpointId, EventId},
    store::{Delivery, DeliveryAttempt, DeliveryFilter, DeliveryState},
};
use utoipa::{IntoParams, ToSchema};

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
    /// The last 30, the oldest first.
    attempts: Vec<DeliveryAttempt>,
}

impl From<Delivery> for DeliveryDetailOut {
    fn from(mut delivery: Delivery) -> Self {
        Self {
            reason: delivery.reason.take(),
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
