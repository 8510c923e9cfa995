//! Wire types of endpoints, schemes, events, destinations and bulk jobs.

mod connection;
mod delivery;
mod destination;
mod endpoint;
mod items;
mod jobs;
mod ledger;
mod overlap;
mod rejection;
mod scheme;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use shared::{
    id::{EndpointId, EventId},
    store::{Attempt, Event, EventFilter, EventState},
};
use utoipa::{IntoParams, ToSchema};

pub(crate) use connection::{
    AuthorizationIn, AuthorizationOut, AuthorizeQuery, BreakerOut, CallIn, CallOut, CallbackOut,
    CallbackQuery, ConnectionHealthOut, ConnectionIn, ConnectionOut, ConnectionPatchIn,
    ConnectionTestOut, ConnectorsOut, CredentialsIn,
};
pub(crate) use delivery::{BulkRetryIn, DeliveryDetailOut, DeliveryOut, DeliveryQuery, RetryOut};
pub(crate) use destination::{
    DestinationCreatedOut, DestinationIn, DestinationOut, DestinationPatchIn, KeyRotationIn,
    TestOut,
};
pub(crate) use endpoint::{
    EndpointCreatedOut, EndpointIn, EndpointOut, EndpointPatchIn, HandshakeOut, RotationIn,
};
pub(crate) use items::{ItemsOut, ObjectQuery};
pub(crate) use jobs::{BulkReplayIn, DryRunOut, JobOut, JobQuery, MAX_COUNT};
pub(crate) use ledger::{LedgerOut, LedgerQuery, StoryOut};
pub(crate) use rejection::RejectionsOut;
pub(crate) use scheme::{SchemeOut, SchemesOut};

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(crate) struct EventQuery {
    /// 1 to 100; 25 if not given.
    #[param(minimum = 1, maximum = 100)]
    pub(crate) limit: Option<u16>,
    /// The `next_cursor` of the page before.
    pub(crate) cursor: Option<String>,
    #[param(value_type = Option<String>)]
    endpoint: Option<EndpointId>,
    #[serde(rename = "type")]
    #[param(example = "invoice.paid")]
    kind: Option<String>,
    state: Option<EventState>,
    /// Included.
    #[param(value_type = Option<String>, format = DateTime)]
    since: Option<Timestamp>,
    /// Excluded.
    #[param(value_type = Option<String>, format = DateTime)]
    until: Option<Timestamp>,
}

impl EventQuery {
    pub(crate) fn filter(self) -> EventFilter {
        EventFilter {
            endpoint: self.endpoint,
            kind: self.kind,
            state: self.state,
            since: self.since,
            until: self.until,
        }
    }
}

#[derive(Serialize, ToSchema)]
pub(crate) struct EventOut {
    #[schema(value_type = String)]
    id: EventId,
    #[schema(value_type = String)]
    endpoint_id: EndpointId,
    scheme: String,
    #[serde(rename = "type")]
    kind: Option<String>,
    vendor_event_id: Option<String>,
    #[schema(value_type = String, format = DateTime)]
    received_at: Timestamp,
    state: EventState,
    attempt_count: u64,
    /// Further deliveries of the same vendor event, which were dropped.
    duplicates: u64,
    /// The event that this delivery repeats.
    #[schema(value_type = Option<String>)]
    duplicate_of: Option<EventId>,
}

impl From<Event> for EventOut {
    fn from(event: Event) -> Self {
        Self {
            id: event.id,
            endpoint_id: event.endpoint_id,
            scheme: event.scheme,
            kind: event.kind,
            vendor_event_id: event.vendor_event_id,
            received_at: event.received_at,
            state: event.state,
            attempt_count: event.attempt_count,
            duplicates: event.duplicates,
            duplicate_of: event.duplicate_of,
        }
    }
}

#[derive(Serialize, ToSchema)]
pub(crate) struct EventDetailOut {
    #[serde(flatten)]
    event: EventOut,
    content_type: Option<String>,
    attempts: Vec<Attempt>,
    /// The body as JSON where it is JSON, else as text; `null` where it is neither.
    #[schema(value_type = Object)]
    payload: Value,
    /// The body in Base64 (RFC 4648 section 4), where it is neither JSON nor text.
    #[serde(skip_serializing_if = "Option::is_none")]
    payload_base64: Option<String>,
}

impl EventDetailOut {
    pub(crate) fn new(mut event: Event, payload: Option<Vec<u8>>) -> Self {
        let bytes = payload.unwrap_or_default();
        let (payload, payload_base64) = match serde_json::from_slice(&bytes) {
            Ok(json) => (json, None),
            Err(_) => match String::from_utf8(bytes) {
                Ok(text) => (Value::String(text), None),
                Err(binary) => (Value::Null, Some(STANDARD.encode(binary.as_bytes()))),
            },
        };
        Self {
            content_type: event.content_type.take(),
            attempts: std::mem::take(&mut event.attempts),
            event: event.into(),
            payload,
            payload_base64,
        }
    }
}

#[derive(Serialize, ToSchema)]
pub(crate) struct ReplayOut {
    #[schema(value_type = String)]
    pub(crate) id: EventId,
    pub(crate) state: EventState,
}
