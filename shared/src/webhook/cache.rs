//! Endpoints as a receiver holds them: secrets opened and prepared once, trusted for a short while.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use jiff::{SignedDuration, Timestamp};

use crate::{
    app::App,
    id::{EndpointId, TenantId},
    problem::ApiError,
    seal::Purpose,
    store::{Endpoint, address_hash, secret_owner},
    webhook::{keys::Keys, presets, scheme::Scheme},
};

/// How long a receiver may act on an endpoint as it was: a rotated secret, a disabled or deleted
/// endpoint are seen by every instance after this time at the latest.
pub const ENDPOINT_STALENESS: SignedDuration = SignedDuration::from_secs(10);

/// Endpoints held at once; about a kilobyte each.
const CAPACITY: usize = 10_000;

/// An endpoint, ready to verify.
pub(crate) struct Listener {
    pub(crate) tenant: TenantId,
    pub(crate) endpoint: EndpointId,
    pub(crate) scheme: &'static Scheme,
    pub(crate) keys: Keys,
    read_at: Timestamp,
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
    let scheme = presets::find(&endpoint.scheme).ok_or_else(|| {
        ApiError::Internal(anyhow::anyhow!(
            "endpoint {} has the unknown scheme {}",
            endpoint.id,
            endpoint.scheme
        ))
    })?;
    let keyring = app.keyring(now).await.map_err(ApiError::Unavailable)?;
    let owner = secret_owner(tenant, endpoint.id);
    let open = |sealed| keyring.root().open(Purpose::WebhookSecret, &owner, sealed);
    let secrets: Result<Vec<_>, _> = endpoint.secrets.iter().map(open).collect();
    let secrets = secrets.map_err(|error| ApiError::Internal(error.into()))?;
    let exposed: Vec<&[u8]> = secrets
        .iter()
        .map(|secret| secret.expose().as_slice())
        .collect();
    let keys = Keys::prepare(scheme, &exposed).map_err(|error| ApiError::Internal(error.into()))?;
    Ok(Listener {
        tenant,
        endpoint: endpoint.id,
        scheme,
        keys,
        read_at: now,
    })
}
