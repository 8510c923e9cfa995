//! A tenant's destinations as a worker holds them, and where an endpoint's events go: trusted for a short
//! while.

use std::{
    collections::HashMap,
    hash::Hash,
    sync::{Arc, Mutex, PoisonError},
};

use jiff::{SignedDuration, Timestamp};

use crate::{
    id::{DestinationId, EndpointId, TenantId},
    store::{Destination, Outlets, StoreError, TenantStore},
};

/// How long a worker may act on destinations as they were: a new, changed, disabled or deleted one is seen
/// by every instance after this time at the latest.
pub const DESTINATION_STALENESS: SignedDuration = SignedDuration::from_secs(10);

/// Tenants, and endpoints, held at once.
const CAPACITY: usize = 2_000;

#[derive(Default)]
pub(crate) struct OutletCache {
    outlets: Slots<TenantId, Outlets>,
    routes: Slots<(TenantId, EndpointId), Vec<DestinationId>>,
}

impl OutletCache {
    /// No call while fresh, else one query.
    pub(crate) async fn get(
        &self,
        store: &TenantStore,
        now: Timestamp,
    ) -> Result<Arc<Outlets>, StoreError> {
        let tenant = store.tenant_id();
        self.outlets.get(tenant, now, || store.outlets()).await
    }

    /// The destinations that an endpoint names; none if it names none or is gone. No call while fresh,
    /// else one read.
    pub(crate) async fn route(
        &self,
        store: &TenantStore,
        endpoint: EndpointId,
        now: Timestamp,
    ) -> Result<Arc<Vec<DestinationId>>, StoreError> {
        let read = || async {
            match store.endpoint(endpoint).await {
                Ok(endpoint) => Ok(endpoint.value.destination_ids),
                Err(StoreError::NotFound) => Ok(Vec::new()),
                Err(error) => Err(error),
            }
        };
        let key = (store.tenant_id(), endpoint);
        self.routes.get(key, now, read).await
    }

    pub(crate) fn forget(&self, tenant: TenantId) {
        self.outlets.lock().remove(&tenant);
    }
}

impl Outlets {
    pub(crate) fn find(&self, id: DestinationId) -> Option<&Destination> {
        self.destinations
            .iter()
            .find(|destination| destination.id == id)
    }
}

type Slot<V> = Arc<tokio::sync::Mutex<Option<(Timestamp, Arc<V>)>>>;

/// What was read, by its key.
struct Slots<K, V>(Mutex<HashMap<K, Slot<V>>>);

impl<K, V> Default for Slots<K, V> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<K: Eq + Hash + Copy, V> Slots<K, V> {
    /// Of those that ask at the same time, one reads.
    async fn get<F: Future<Output = Result<V, StoreError>>>(
        &self,
        key: K,
        now: Timestamp,
        read: impl FnOnce() -> F,
    ) -> Result<Arc<V>, StoreError> {
        let slot = self.slot(key);
        let mut slot = slot.lock().await;
        if let Some((read_at, value)) = slot.as_ref()
            && now.duration_since(*read_at) < DESTINATION_STALENESS
        {
            return Ok(Arc::clone(value));
        }
        let value = Arc::new(read().await?);
        *slot = Some((now, Arc::clone(&value)));
        Ok(value)
    }

    fn slot(&self, key: K) -> Slot<V> {
        let mut held = self.lock();
        if held.len() >= CAPACITY && !held.contains_key(&key) {
            held.clear();
        }
        Arc::clone(held.entry(key).or_default())
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<K, Slot<V>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
