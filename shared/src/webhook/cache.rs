//! Endpoints as a receiver holds them: secrets opened and prepared once, trusted for a short while.

use std::{
    borrow::Cow,
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use jiff::{SignedDuration, Timestamp};

use crate::{
    app::App,
    id::{EndpointId, TenantId},
    limit::RateLimit,
    outbound::EventTypes,
    problem::ApiError,
    seal::{Purpose, Secret},
    store::{Endpoint, EndpointSecret, address_hash, secret_owner},
    webhook::{
        AllowList,
        handshake::Arrival,
        identity::kept_headers,
        keys::Keys,
        scheme::{EventField, Scheme, Shape},
    },
};

/// How long a receiver may act on an endpoint as it was: a rotated secret, a disabled or deleted
/// endpoint are seen by every instance after this time at the latest.
pub const ENDPOINT_STALENESS: SignedDuration = SignedDuration::from_secs(10);

/// How long after a change a vendor's ping is expected.
const SETTLING: SignedDuration = SignedDuration::from_hours(24);

/// Endpoints held at once; about a kilobyte each.
const CAPACITY: usize = 10_000;

/// An endpoint, ready to verify.
pub(crate) struct Listener {
    pub(crate) tenant: TenantId,
    pub(crate) endpoint: EndpointId,
    pub(crate) scheme: Cow<'static, Scheme>,
    /// Those of expired secrets are among them, so that a refusal can be explained.
    pub(crate) keys: Keys,
    /// In the order of `keys`.
    pub(crate) secrets: Vec<EndpointSecret>,
    pub(crate) allowed_ips: AllowList,
    pub(crate) rate_limit: Option<RateLimit>,
    pub(crate) event_types: EventTypes,
    /// The names of the request's headers that its job keeps.
    pub(crate) kept_headers: Vec<String>,
    /// Where the entity is whose events keep their order.
    pub(crate) order_by: Option<EventField>,
    changed_at: Timestamp,
    read_at: Timestamp,
}

impl Listener {
    /// What the endpoint waits for.
    pub(crate) fn arrival(&self, now: Timestamp) -> Arrival {
        Arrival {
            without_secret: self.secrets.is_empty(),
            just_changed: now.duration_since(self.changed_at) < SETTLING,
        }
    }
}

#[derive(Default)]
pub(crate) struct EndpointCache {
    held: Mutex<HashMap<String, Arc<Listener>>>,
}

impl EndpointCache {
    /// `None` for an address at which no enabled endpoint listens. No call while fresh, else two.
    pub(crate) async fn get(
        &self,
        app: &App,
        address: &str,
        now: Timestamp,
    ) -> Result<Option<Arc<Listener>>, ApiError> {
        let hash = address_hash(address);
        let held = self
            .held
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .get(&hash)
            .cloned();
        if let Some(listener) =
            held.filter(|held| now.duration_since(held.read_at) < ENDPOINT_STALENESS)
        {
            return Ok(Some(listener));
        }
        let listener = match app.platform().endpoint_at(&hash).await? {
            Some((tenant, endpoint)) if endpoint.enabled => {
                Some(Arc::new(prepare(app, tenant, &endpoint, now).await?))
            }
            Some(_) | None => None,
        };
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        if held.len() >= CAPACITY {
            held.retain(|_, listener| now.duration_since(listener.read_at) < ENDPOINT_STALENESS);
        }
        match &listener {
            Some(listener) if held.len() < CAPACITY => {
                drop(held.insert(hash, Arc::clone(listener)))
            }
            Some(_) | None => drop(held.remove(&hash)),
        }
        Ok(listener)
    }
}

async fn prepare(
    app: &App,
    tenant: TenantId,
    endpoint: &Endpoint,
    now: Timestamp,
) -> Result<Listener, ApiError> {
    let scheme = endpoint.scheme_data()?;
    let opened = opened_secrets(app, tenant, endpoint.id, &endpoint.secrets, now).await?;
    let exposed: Vec<&[u8]> = opened
        .iter()
        .map(|secret| secret.expose().as_slice())
        .collect();
    let waits = exposed.is_empty() && scheme.challenge.brings_secret();
    let keys = match (scheme.shape() == Shape::Unsigned, endpoint.allow_unsigned) {
        (false, _) if waits => Ok(Keys::none()),
        (false, _) => Keys::prepare(&scheme, &exposed),
        (true, true) => Keys::unsigned(&scheme),
        (true, false) => Ok(Keys::none()),
    };
    let keys = keys.map_err(|error| ApiError::Internal(error.into()))?;
    let ordering = endpoint.ordering.as_ref();
    Ok(Listener {
        tenant,
        endpoint: endpoint.id,
        order_by: ordering.and_then(|ordering| ordering.field(&scheme)),
        event_types: endpoint.event_types.clone(),
        kept_headers: kept_headers(&scheme),
        scheme,
        keys,
        secrets: endpoint.secrets.clone(),
        allowed_ips: endpoint.allowed_ips.clone(),
        rate_limit: endpoint.rate_limit,
        changed_at: endpoint.updated_at,
        read_at: now,
    })
}

/// The secrets' values, in the order given. No call: an instance that has read an endpoint has the keys.
pub(crate) async fn opened_secrets(
    app: &App,
    tenant: TenantId,
    endpoint: EndpointId,
    secrets: &[EndpointSecret],
    now: Timestamp,
) -> Result<Vec<Secret<Vec<u8>>>, ApiError> {
    let keyring = app.keyring(now).await.map_err(ApiError::Unavailable)?;
    let owner = secret_owner(tenant, endpoint);
    let open = |secret: &EndpointSecret| {
        keyring
            .root()
            .open(Purpose::WebhookSecret, &owner, &secret.sealed)
    };
    let opened: Result<Vec<_>, _> = secrets.iter().map(open).collect();
    opened.map_err(|error| ApiError::Internal(error.into()))
}
