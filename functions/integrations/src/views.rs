//! Wire types of endpoints and events.

use garde::Validate;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use shared::{
    access::Origin,
    http::rules,
    id::{EndpointId, EventId},
    seal::Secret,
    store::{Attempt, Endpoint, Event, EventFilter, EventState},
    webhook::scheme::Scheme,
};
use utoipa::{IntoParams, ToSchema};

#[derive(Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct EndpointIn {
    #[garde(custom(rules::name))]
    #[schema(example = "Billing")]
    pub(crate) name: String,
    #[garde(length(max = 60))]
    #[schema(example = "stripe")]
    pub(crate) scheme: String,
    /// The vendor's signing secret; made here if neither this nor `secrets` is given.
    #[garde(skip)]
    #[schema(value_type = Option<String>)]
    pub(crate) secret: Option<Secret<String>>,
    /// Several secrets that are good at the same time, newest first.
    #[garde(inner(length(max = 5)))]
    #[schema(value_type = Option<Vec<String>>)]
    pub(crate) secrets: Option<Vec<Secret<String>>>,
}

#[derive(Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct EndpointPatchIn {
    #[garde(custom(rules::optional_name))]
    pub(crate) name: Option<String>,
    #[garde(skip)]
    pub(crate) enabled: Option<bool>,
    /// With `secrets`, takes the place of all present secrets.
    #[garde(skip)]
    #[schema(value_type = Option<String>)]
    pub(crate) secret: Option<Secret<String>>,
    #[garde(inner(length(max = 5)))]
    #[schema(value_type = Option<Vec<String>>)]
    pub(crate) secrets: Option<Vec<Secret<String>>>,
}

#[derive(Serialize, ToSchema)]
pub(crate) struct EndpointOut {
    #[schema(value_type = String)]
    id: EndpointId,
    name: String,
    scheme: String,
    /// What the vendor is told to send to.
    url: String,
    enabled: bool,
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
    #[schema(value_type = String, format = DateTime)]
    updated_at: Timestamp,
}

impl EndpointOut {
    pub(crate) fn new(endpoint: Endpoint, origin: &Origin) -> Self {
        Self {
            id: endpoint.id,
            url: format!("{}/hooks/{}", origin.0, endpoint.address),
            name: endpoint.name,
            scheme: endpoint.scheme,
            enabled: endpoint.enabled,
            created_at: endpoint.created_at,
            updated_at: endpoint.updated_at,
        }
    }
}

#[derive(Serialize, ToSchema)]
pub(crate) struct EndpointCreatedOut {
    #[serde(flatten)]
    pub(crate) endpoint: EndpointOut,
    /// Shown here and never again.
    pub(crate) secret: String,
}

#[derive(Serialize, ToSchema)]
pub(crate) struct SchemesOut {
    pub(crate) data: Vec<SchemeOut>,
}

#[derive(Serialize, ToSchema)]
pub(crate) struct SchemeOut {
    name: String,
    title: String,
    /// What the secret looks like and where the vendor shows it.
    secret: String,
    rotation: String,
    /// Days for which a vendor's event is recognised as a duplicate.
    dedupe_days: u16,
    /// What the vendor does not sign, and what follows from that.
    caveats: Vec<String>,
}

impl From<&'static Scheme> for SchemeOut {
    fn from(scheme: &'static Scheme) -> Self {
        Self {
            name: scheme.name.clone().into_owned(),
            title: scheme.title.clone().into_owned(),
            secret: scheme.docs.secret.clone().into_owned(),
            rotation: scheme.docs.rotation.clone().into_owned(),
            dedupe_days: scheme.dedupe_days,
            caveats: scheme
                .docs
                .caveats
                .iter()
                .map(|text| text.clone().into_owned())
                .collect(),
        }
    }
}

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
}

impl EventDetailOut {
    pub(crate) fn new(mut event: Event, payload: Option<Vec<u8>>) -> Self {
        let bytes = payload.unwrap_or_default();
        let payload = serde_json::from_slice(&bytes)
            .or_else(|_| String::from_utf8(bytes).map(Value::String))
            .unwrap_or(Value::Null);
        Self {
            content_type: event.content_type.take(),
            attempts: std::mem::take(&mut event.attempts),
            event: event.into(),
            payload,
        }
    }
}

#[derive(Serialize, ToSchema)]
pub(crate) struct ReplayOut {
    #[schema(value_type = String)]
    pub(crate) id: EventId,
    pub(crate) state: EventState,
}
