//! Collections as an instance works with them: the schema compiled once, trusted for a short while.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use crate::{
    id::TenantId,
    index,
    problem::ApiError,
    schema::Schema,
    store::{Collection, CollectionName, TenantStore},
};

/// How long an instance may work with a collection as it was: a changed schema or retention, and a deleted
/// collection, are seen by all of them after this time. Its place and its indexes never change.
pub const COLLECTION_STALENESS: SignedDuration = SignedDuration::from_secs(5);

/// Collections held at once: a schema takes about twice its text.
const CAPACITY: usize = 1_000;

/// A collection, ready to check and place records.
pub struct OpenCollection {
    pub collection: Collection,
    schema: Schema,
    read_at: Timestamp,
}

impl OpenCollection {
    /// # Errors
    /// Each place in `data` that fits neither the schema nor the indexes, by its pointer in the body.
    pub fn check(&self, data: &Value) -> Result<(), ApiError> {
        self.schema.check(data)?;
        match index::row_prefixes(&self.collection.indexes, data) {
            Ok(_) => Ok(()),
            Err(errors) => Err(ApiError::Invalid(errors)),
        }
    }
}

/// One instance's collections, by tenant and name.
#[derive(Default)]
pub(crate) struct CollectionCache {
    held: Mutex<HashMap<(TenantId, CollectionName), Arc<OpenCollection>>>,
}

impl CollectionCache {
    fn get(
        &self,
        tenant: TenantId,
        name: CollectionName,
        now: Timestamp,
    ) -> Option<Arc<OpenCollection>> {
        let held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        let open = held.get(&(tenant, name))?;
        is_fresh(open, now).then(|| Arc::clone(open))
    }

    fn put(&self, tenant: TenantId, open: &Arc<OpenCollection>) {
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        if held.len() >= CAPACITY {
            held.retain(|_, other| is_fresh(other, open.read_at));
        }
        if held.len() < CAPACITY {
            held.insert((tenant, open.collection.name), Arc::clone(open));
        }
    }
}

fn is_fresh(open: &OpenCollection, now: Timestamp) -> bool {
    now.duration_since(open.read_at).abs() < COLLECTION_STALENESS
}

impl TenantStore {
    /// The collection, at most [`COLLECTION_STALENESS`] old. No call while fresh, else one.
    pub async fn open_collection(
        &self,
        name: CollectionName,
    ) -> Result<Arc<OpenCollection>, ApiError> {
        if let Some(open) = self.app.collections.get(self.tenant, name, self.now) {
            return Ok(open);
        }
        let collection = self.collection(name).await?.value;
        // It was found good when it was stored.
        let schema = Schema::new(&collection.schema()?)
            .map_err(|error| ApiError::Internal(anyhow::anyhow!("{}", error.detail)))?;
        let open = Arc::new(OpenCollection {
            collection,
            schema,
            read_at: self.now,
        });
        self.app.collections.put(self.tenant, &open);
        Ok(open)
    }

    /// The next request of this instance sees what is being written.
    pub(super) fn forget_collection(&self, name: CollectionName) {
        let cache = &self.app.collections;
        let mut held = cache.held.lock().unwrap_or_else(PoisonError::into_inner);
        held.remove(&(self.tenant, name));
    }
}
