//! Wire types of destinations. Secrets and headers' values come in and never go out again, but for the
//! secret that was just made.

use std::collections::BTreeMap;

use garde::Validate;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use shared::{
    http::{nullable, rules},
    id::{DestinationId, EndpointId},
    outbound::{EventTypes, MOST_EVENT_TYPES, Sent, SigningKind},
    seal::Secret,
    store::{Destination, DestinationKey},
};
use utoipa::ToSchema;

use crate::views::overlap::{LONGEST_OVERLAP_HOURS, one_day};

const MOST_ENDPOINTS: usize = 50;

#[derive(Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct DestinationIn {
    #[garde(custom(rules::name))]
    #[schema(example = "Billing service")]
    pub(crate) name: String,
    /// `https`, port 443, a host of the public internet. Redirects are not followed.
    #[garde(skip)]
    #[schema(example = "https://hooks.example.com/portico")]
    pub(crate) url: String,
    /// `true` if not given.
    #[garde(skip)]
    pub(crate) enabled: Option<bool>,
    /// Types such as `invoice.paid`, families such as `invoice.*`, or `*`. Every vendor's event if not
    /// given; events of Portico's own only where a type or family that starts with `portico.` is named.
    #[garde(dive)]
    #[schema(value_type = Option<Vec<String>>, max_items = 50, example = json!(["invoice.*"]))]
    pub(crate) event_types: Option<EventTypesIn>,
    /// Events of these webhook endpoints only; of all if not given.
    #[garde(inner(length(max = MOST_ENDPOINTS)))]
    #[schema(value_type = Option<Vec<String>>, max_items = 50)]
    pub(crate) endpoint_ids: Option<Vec<EndpointId>>,
    /// Headers that each request carries besides Portico's own; their values are not shown again.
    #[garde(skip)]
    #[schema(value_type = Option<BTreeMap<String, String>>, example = json!({ "authorization": "Bearer …" }))]
    pub(crate) headers: Option<BTreeMap<String, Secret<String>>>,
    /// `hmac` if not given.
    #[garde(skip)]
    pub(crate) signing: Option<SigningKind>,
    /// For `hmac`: `whsec_` and base64 of 24 to 64 bytes; made here if not given.
    #[garde(skip)]
    #[schema(value_type = Option<String>)]
    pub(crate) secret: Option<Secret<String>>,
}

#[derive(Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct DestinationPatchIn {
    #[garde(custom(rules::optional_name))]
    pub(crate) name: Option<String>,
    #[garde(skip)]
    pub(crate) url: Option<String>,
    #[garde(skip)]
    pub(crate) enabled: Option<bool>,
    /// `null` takes every vendor's event.
    #[serde(default, deserialize_with = "nullable")]
    #[garde(dive)]
    #[schema(value_type = Option<Vec<String>>, max_items = 50)]
    pub(crate) event_types: Option<Option<EventTypesIn>>,
    /// `null` takes the events of all endpoints.
    #[serde(default, deserialize_with = "nullable")]
    #[garde(inner(inner(length(max = MOST_ENDPOINTS))))]
    #[schema(value_type = Option<Vec<String>>, max_items = 50)]
    pub(crate) endpoint_ids: Option<Option<Vec<EndpointId>>>,
    /// Takes the place of all present headers; `null` removes them.
    #[serde(default, deserialize_with = "nullable")]
    #[garde(skip)]
    #[schema(value_type = Option<BTreeMap<String, String>>)]
    pub(crate) headers: Option<Option<BTreeMap<String, Secret<String>>>>,
}

/// Patterns, not too many of them.
#[derive(Default, Deserialize)]
#[serde(transparent)]
pub(crate) struct EventTypesIn(pub(crate) EventTypes);

impl Validate for EventTypesIn {
    type Context = ();

    fn validate_into(
        &self,
        _: &(),
        parent: &mut dyn FnMut() -> garde::Path,
        report: &mut garde::Report,
    ) {
        if self.0.len() > MOST_EVENT_TYPES {
            let detail = format!(
                "must be at most {MOST_EVENT_TYPES} types, got {}",
                self.0.len()
            );
            report.append(parent(), garde::Error::new(detail));
        }
    }
}

#[derive(Serialize, ToSchema)]
pub(crate) struct DestinationOut {
    #[schema(value_type = String)]
    id: DestinationId,
    name: String,
    url: String,
    enabled: bool,
    /// Why Portico has disabled it; `null` if nobody or a person did.
    disabled_reason: Option<String>,
    /// Empty for every vendor's event.
    #[schema(value_type = Vec<String>)]
    event_types: EventTypes,
    /// Empty for the events of all endpoints.
    #[schema(value_type = Vec<String>)]
    endpoint_ids: Vec<EndpointId>,
    header_names: Vec<String>,
    /// The newest key's way of signing.
    signing: SigningKind,
    /// Newest first. Each that has not expired signs.
    keys: Vec<KeyOut>,
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
    #[schema(value_type = String, format = DateTime)]
    updated_at: Timestamp,
}

/// One signing key, without what is secret of it.
#[derive(Serialize, ToSchema)]
pub(crate) struct KeyOut {
    signing: SigningKind,
    /// `whpk_…` for `ed25519`, `null` for `hmac`.
    public_key: Option<String>,
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
    /// `null` for a key that signs until it is replaced.
    #[schema(value_type = Option<String>, format = DateTime)]
    expires_at: Option<Timestamp>,
    is_expired: bool,
}

impl DestinationOut {
    pub(crate) fn new(destination: Destination, now: Timestamp) -> Self {
        let key = |key: &DestinationKey| KeyOut {
            signing: key.kind,
            public_key: key.public_key.clone(),
            created_at: key.created_at,
            expires_at: key.expires_at,
            is_expired: !key.is_good(now),
        };
        let signing = destination.keys.first().map(|key| key.kind);
        Self {
            id: destination.id,
            header_names: destination.header_names().cloned().collect(),
            signing: signing.unwrap_or_default(),
            keys: destination.keys.iter().map(key).collect(),
            name: destination.name,
            url: destination.url,
            enabled: destination.enabled,
            disabled_reason: destination.disabled_reason,
            event_types: destination.event_types,
            endpoint_ids: destination.endpoint_ids,
            created_at: destination.created_at,
            updated_at: destination.updated_at,
        }
    }
}

#[derive(Serialize, ToSchema)]
pub(crate) struct DestinationCreatedOut {
    #[serde(flatten)]
    pub(crate) destination: DestinationOut,
    /// Shown here and never again; `null` for `ed25519`, whose receivers need the public key only.
    pub(crate) secret: Option<String>,
}

#[derive(Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct KeyRotationIn {
    /// As the newest key's if not given.
    #[garde(skip)]
    pub(crate) signing: Option<SigningKind>,
    #[garde(skip)]
    #[schema(value_type = Option<String>)]
    pub(crate) secret: Option<Secret<String>>,
    /// Hours for which the present keys sign beside the new one.
    #[serde(default = "one_day")]
    #[garde(range(max = LONGEST_OVERLAP_HOURS))]
    #[schema(minimum = 0, maximum = 168, default = 24)]
    pub(crate) overlap_hours: u16,
}

/// What came of a test event.
#[derive(Serialize, ToSchema)]
pub(crate) struct TestOut {
    /// Whether the answer's status was one of 200 to 299.
    delivered: bool,
    status: Option<u16>,
    /// Why there was no answer.
    error: Option<String>,
    /// The first 1,024 bytes of the answer's body.
    response: Option<String>,
    duration_ms: u64,
}

impl From<Sent> for TestOut {
    fn from(sent: Sent) -> Self {
        Self {
            delivered: sent.is_success(),
            status: sent.status,
            error: sent.error,
            response: sent.response,
            duration_ms: sent.duration_ms,
        }
    }
}
