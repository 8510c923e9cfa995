//! Wire types of webhook endpoints. Secrets come in and never go out again, but for the one that was
//! just made.

use garde::Validate;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use shared::{
    access::Origin,
    http::{nullable, rules},
    id::{DestinationId, EndpointId},
    limit::RateLimit,
    outbound::EventTypes,
    seal::Secret,
    store::{Endpoint, EndpointHandshake, EndpointSecret, MOST_DESTINATIONS},
    webhook::{AllowList, MOST_NETWORKS, Network, Ordering, RetryPolicy, scheme::Scheme},
};
use utoipa::ToSchema;

use crate::views::{
    destination::EventTypesIn,
    overlap::{LONGEST_OVERLAP_HOURS, one_day},
};

/// Destinations that an endpoint names at most.
const MOST_NAMED: usize = MOST_DESTINATIONS as usize;

#[derive(Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct EndpointIn {
    #[garde(custom(rules::name))]
    #[schema(example = "Billing")]
    pub(crate) name: String,
    #[garde(length(max = 60))]
    #[schema(example = "stripe")]
    pub(crate) scheme: String,
    /// For the scheme `custom`: how requests are signed, in the words of docs/webhook-endpoints.md.
    #[garde(skip)]
    #[schema(value_type = Option<Object>)]
    pub(crate) custom_scheme: Option<Box<Scheme>>,
    /// Must be true for a scheme without a proof. Whoever knows the URL can then send: set
    /// `allowed_ips` as well.
    #[serde(default)]
    #[garde(skip)]
    pub(crate) allow_unsigned: bool,
    /// The vendor's signing secret; made here if neither this nor `secrets` is given.
    #[garde(skip)]
    #[schema(value_type = Option<String>)]
    pub(crate) secret: Option<Secret<String>>,
    /// Several secrets that are good at the same time, newest first.
    #[garde(inner(length(max = 5)))]
    #[schema(value_type = Option<Vec<String>>)]
    pub(crate) secrets: Option<Vec<Secret<String>>>,
    /// Networks from which the vendor sends, in CIDR form; from anywhere if not given.
    #[garde(inner(length(min = 1, max = MOST_NETWORKS)))]
    #[schema(value_type = Option<Vec<String>>, max_items = 100, example = json!(["192.0.2.0/24", "2001:db8::/32"]))]
    pub(crate) allowed_ips: Option<Vec<Network>>,
    /// How many requests are accepted in a stretch of time; any number if not given.
    #[garde(dive)]
    pub(crate) rate_limit: Option<RateLimit>,
    /// How often a failing event is tried; fields that are left out have their defaults.
    #[garde(dive)]
    pub(crate) retry: Option<RetryPolicy>,
    /// Its events go to these destinations only; to all that take them if not given.
    #[garde(inner(length(max = MOST_NAMED)))]
    #[schema(value_type = Option<Vec<String>>, max_items = 50)]
    pub(crate) destination_ids: Option<Vec<DestinationId>>,
    /// Types such as `invoice.paid`, families such as `invoice.*`, or `*`: events of other types are kept
    /// as `ignored`. All if not given.
    #[garde(dive)]
    #[schema(value_type = Option<Vec<String>>, max_items = 50, example = json!(["invoice.*"]))]
    pub(crate) event_types: Option<EventTypesIn>,
    /// Events of one entity are applied in the order of their receipt; in any order if not given.
    #[garde(dive)]
    pub(crate) ordering: Option<Ordering>,
}

#[derive(Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct EndpointPatchIn {
    #[garde(custom(rules::optional_name))]
    pub(crate) name: Option<String>,
    #[garde(skip)]
    pub(crate) enabled: Option<bool>,
    /// For a scheme without a proof: `false` takes the word back, and nothing is accepted any more.
    #[garde(skip)]
    pub(crate) allow_unsigned: Option<bool>,
    /// With `secrets`, takes the place of all present secrets.
    #[garde(skip)]
    #[schema(value_type = Option<String>)]
    pub(crate) secret: Option<Secret<String>>,
    #[garde(inner(length(max = 5)))]
    #[schema(value_type = Option<Vec<String>>)]
    pub(crate) secrets: Option<Vec<Secret<String>>>,
    /// Takes the place of the present list; `null` takes requests from anywhere.
    #[serde(default, deserialize_with = "nullable")]
    #[garde(inner(inner(length(min = 1, max = MOST_NETWORKS))))]
    #[schema(value_type = Option<Vec<String>>, max_items = 100)]
    pub(crate) allowed_ips: Option<Option<Vec<Network>>>,
    /// Takes the place of the present limit; `null` lifts it.
    #[serde(default, deserialize_with = "nullable")]
    #[garde(dive)]
    #[schema(value_type = Option<RateLimit>)]
    pub(crate) rate_limit: Option<Option<RateLimit>>,
    /// Takes the place of the present policy; `null` goes back to the default.
    #[serde(default, deserialize_with = "nullable")]
    #[garde(dive)]
    #[schema(value_type = Option<RetryPolicy>)]
    pub(crate) retry: Option<Option<RetryPolicy>>,
    /// Takes the place of the present list; `null` sends events to all destinations that take them.
    #[serde(default, deserialize_with = "nullable")]
    #[garde(inner(inner(length(max = MOST_NAMED))))]
    #[schema(value_type = Option<Vec<String>>, max_items = 50)]
    pub(crate) destination_ids: Option<Option<Vec<DestinationId>>>,
    /// `null` takes events of every type.
    #[serde(default, deserialize_with = "nullable")]
    #[garde(dive)]
    #[schema(value_type = Option<Vec<String>>, max_items = 50)]
    pub(crate) event_types: Option<Option<EventTypesIn>>,
    /// `null` gives the order up.
    #[serde(default, deserialize_with = "nullable")]
    #[garde(dive)]
    #[schema(value_type = Option<Ordering>)]
    pub(crate) ordering: Option<Option<Ordering>>,
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
    /// What the scheme `custom` means here.
    #[schema(value_type = Option<Object>)]
    custom_scheme: Option<Box<Scheme>>,
    /// Whether requests without any proof are taken.
    allow_unsigned: bool,
    /// The networks from which requests are taken; `null` for anywhere.
    #[schema(value_type = Option<Vec<String>>)]
    allowed_ips: Option<AllowList>,
    rate_limit: Option<RateLimit>,
    retry: RetryPolicy,
    /// The destinations that its events go to; all that take them if empty.
    #[schema(value_type = Vec<String>)]
    destination_ids: Vec<DestinationId>,
    /// The types that are applied; an empty list stands for all.
    #[schema(value_type = Vec<String>)]
    event_types: EventTypes,
    ordering: Option<Ordering>,
    /// Newest first. The last two that expired stay in the list; they verify nothing.
    secrets: Vec<SecretOut>,
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
    #[schema(value_type = String, format = DateTime)]
    updated_at: Timestamp,
}

/// One secret of an endpoint, without its value.
#[derive(Serialize, ToSchema)]
pub(crate) struct SecretOut {
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
    /// `null` for a secret that is good until it is replaced.
    #[schema(value_type = Option<String>, format = DateTime)]
    expires_at: Option<Timestamp>,
    is_expired: bool,
}

impl EndpointOut {
    pub(crate) fn new(endpoint: Endpoint, origin: &Origin, now: Timestamp) -> Self {
        let secret = |secret: &EndpointSecret| SecretOut {
            created_at: secret.created_at,
            expires_at: secret.expires_at,
            is_expired: !secret.is_good(now),
        };
        Self {
            id: endpoint.id,
            url: format!("{}/hooks/{}", origin.0, endpoint.address),
            name: endpoint.name,
            scheme: endpoint.scheme,
            enabled: endpoint.enabled,
            custom_scheme: endpoint.custom_scheme,
            allow_unsigned: endpoint.allow_unsigned,
            allowed_ips: Some(endpoint.allowed_ips).filter(|list| !list.is_empty()),
            rate_limit: endpoint.rate_limit,
            retry: endpoint.retry.unwrap_or_default(),
            destination_ids: endpoint.destination_ids,
            event_types: endpoint.event_types,
            ordering: endpoint.ordering,
            secrets: endpoint.secrets.iter().map(secret).collect(),
            created_at: endpoint.created_at,
            updated_at: endpoint.updated_at,
        }
    }
}

#[derive(Serialize, ToSchema)]
pub(crate) struct EndpointCreatedOut {
    #[serde(flatten)]
    pub(crate) endpoint: EndpointOut,
    /// Shown here and never again; `null` where the vendor will bring it, and for an
    /// endpoint that takes unsigned requests.
    pub(crate) secret: Option<String>,
}

/// What a vendor's handshake needs.
#[derive(Serialize, ToSchema)]
pub(crate) struct HandshakeOut {
    /// The endpoint has no good secret and accepts nothing.
    pending: bool,
    /// To be entered at the vendor as the verify token; `null` where the vendor knows none.
    verify_token: Option<String>,
    /// What the vendor has brought. Enter it there, and here as the secret, if you started this
    /// handshake yourself: anybody who knows the URL could have sent it.
    offered_token: Option<String>,
}

impl From<EndpointHandshake> for HandshakeOut {
    fn from(handshake: EndpointHandshake) -> Self {
        Self {
            pending: handshake.pending,
            verify_token: handshake.verify_token,
            offered_token: handshake.offered_token,
        }
    }
}

#[derive(Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RotationIn {
    /// The vendor's new secret; made here if not given.
    #[garde(skip)]
    #[schema(value_type = Option<String>)]
    pub(crate) secret: Option<Secret<String>>,
    /// Hours for which the present secrets stay good beside the new one.
    #[serde(default = "one_day")]
    #[garde(range(max = LONGEST_OVERLAP_HOURS))]
    #[schema(minimum = 0, maximum = 168, default = 24)]
    pub(crate) overlap_hours: u16,
}
