//! Destinations: URLs of the tenant's that are sent its events. Keys and custom headers are sealed; a
//! tenant has at most [`MOST_DESTINATIONS`], so that all of an event's deliveries fit its transaction.

mod health;
mod keys;

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::json;

pub(crate) use health::Outlets;
pub(in crate::store) use health::changed;
pub use health::{DestinationHealth, HealthState};
pub use keys::DestinationKey;

use crate::{
    audit::{self, Action},
    id::{DestinationId, EndpointId, EventId, TenantId},
    outbound::{CustomHeaders, EventTypes, NewKey, SigningKind},
    problem::ApiError,
    seal::{Purpose, Sealed, Secret},
    store::{
        Change, Conflict, Page, PageRequest, StoreError, TenantStore, Versioned,
        change::{IntoWrite, number},
        db::{Filter, Item, Table, Write},
        key::{Key, List, Sort},
        list::Listing,
    },
};

/// Destinations of one tenant. An event's marker, row, 12 further parts and 50 deliveries stay below the
/// 100 items of a transaction:
/// <https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_TransactWriteItems.html>
pub const MOST_DESTINATIONS: u32 = 50;

#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Destination {
    pub id: DestinationId,
    pub name: String,
    pub url: String,
    pub enabled: bool,
    /// Why Portico has disabled it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub disabled_reason: Option<String>,
    /// The event that told of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) notice: Option<EventId>,
    pub event_types: EventTypes,
    /// Takes the events of these endpoints only; of all if empty.
    pub endpoint_ids: Vec<EndpointId>,
    pub(crate) headers: BTreeMap<String, Sealed<Vec<u8>>>,
    /// Newest first.
    pub keys: Vec<DestinationKey>,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
}

/// A destination to be made.
pub struct NewDestination {
    pub name: String,
    pub url: String,
    pub enabled: bool,
    pub event_types: EventTypes,
    pub endpoint_ids: Vec<EndpointId>,
    pub headers: CustomHeaders,
    pub key: NewKey,
}

#[derive(Debug, Default)]
pub struct DestinationPatch {
    pub name: Option<String>,
    pub url: Option<String>,
    pub enabled: Option<bool>,
    pub event_types: Option<EventTypes>,
    pub endpoint_ids: Option<Vec<EndpointId>>,
    /// Takes the place of all present headers.
    pub headers: Option<CustomHeaders>,
}

/// What a call of a destination needs in clear.
pub(crate) struct Opened {
    pub(crate) keys: Vec<(SigningKind, Secret<Vec<u8>>)>,
    pub(crate) headers: Vec<(String, Secret<Vec<u8>>)>,
}

impl Destination {
    pub fn header_names(&self) -> impl Iterator<Item = &String> {
        self.headers.keys()
    }
}

impl TenantStore {
    pub async fn destination(
        &self,
        id: DestinationId,
    ) -> Result<Versioned<Destination>, StoreError> {
        self.platform_row(&Sort::Destination(id)).await
    }

    /// # Errors
    /// `Conflict`: nothing can be sent to it now.
    pub async fn check_is_enabled(&self, id: DestinationId) -> Result<(), StoreError> {
        match self.destination(id).await {
            Ok(destination) if destination.value.enabled => Ok(()),
            Ok(_) | Err(StoreError::NotFound) => Err(StoreError::Conflict {
                conflict: Conflict::DestinationOff,
                old: None,
            }),
            Err(error) => Err(error),
        }
    }

    /// In the order of their making.
    pub async fn destinations(&self, page: &PageRequest) -> Result<Page<Destination>, ApiError> {
        self.page(Listing::all(List::Destinations), &Filter::default(), page)
            .await
    }

    pub async fn create_destination(
        &self,
        new: NewDestination,
    ) -> Result<Versioned<Destination>, ApiError> {
        self.check_endpoints(&new.endpoint_ids).await?;
        let id = self.app.ids.make(self.now);
        let destination = Destination {
            id,
            name: new.name,
            url: new.url,
            enabled: new.enabled,
            disabled_reason: None,
            notice: None,
            event_types: new.event_types,
            endpoint_ids: new.endpoint_ids,
            headers: self.sealed_headers(id, &new.headers).await?,
            keys: vec![self.sealed_key(id, new.key).await?],
            created_at: self.now,
            updated_at: self.now,
        };
        let key = Key::new(self.tenant, &Sort::Destination(id));
        let row =
            self.db()
                .writer(Table::Platform)?
                .insert(&key, &destination, Conflict::Exists)?;
        let change = Change {
            action: Action::DestinationCreated,
            target: id.to_string(),
            changes: audit::differences(&json!(null), &shown(&destination)),
            writes: vec![row, self.count_destination(Count::Made)?],
            value: Versioned {
                version: 1,
                value: destination,
            },
        };
        Ok(self.commit(change).await?)
    }

    pub async fn update_destination(
        &self,
        from: Versioned<Destination>,
        patch: DestinationPatch,
    ) -> Result<Versioned<Destination>, ApiError> {
        if let Some(ids) = &patch.endpoint_ids {
            self.check_endpoints(ids).await?;
        }
        let before = shown(&from.value);
        let headers = match &patch.headers {
            Some(headers) => self.sealed_headers(from.value.id, headers).await?,
            None => from.value.headers,
        };
        let to = Destination {
            name: patch.name.unwrap_or(from.value.name),
            url: patch.url.unwrap_or(from.value.url),
            enabled: patch.enabled.unwrap_or(from.value.enabled),
            // Whoever switches it on or off again has taken note of the reason.
            disabled_reason: from
                .value
                .disabled_reason
                .filter(|_| patch.enabled.is_none()),
            notice: from.value.notice.filter(|_| patch.enabled.is_none()),
            event_types: patch.event_types.unwrap_or(from.value.event_types),
            endpoint_ids: patch.endpoint_ids.unwrap_or(from.value.endpoint_ids),
            headers,
            updated_at: self.now,
            ..from.value
        };
        let mut change = self.replaced(Action::DestinationUpdated, from.version, &before, to)?;
        if patch.enabled == Some(true) {
            // Its past does not count any more.
            change
                .writes
                .push(self.clear_health(change.value.value.id)?);
        }
        Ok(self.commit(change).await?)
    }

    /// Puts a new key in front. The present ones sign beside it for `overlap`.
    pub async fn rotate_destination_key(
        &self,
        from: Versioned<Destination>,
        key: NewKey,
        overlap: SignedDuration,
    ) -> Result<Versioned<Destination>, ApiError> {
        let before = shown(&from.value);
        let ends = self
            .now
            .saturating_add(overlap)
            .map_err(|error| ApiError::Internal(error.into()))?;
        let new = self.sealed_key(from.value.id, key).await?;
        let keys = keys::rotated(from.value.keys, new, ends, self.now)
            .map_err(|error| ApiError::invalid("/overlap_hours", error))?;
        let to = Destination {
            keys,
            updated_at: self.now,
            ..from.value
        };
        let change = self.replaced(Action::DestinationKeyRotated, from.version, &before, to)?;
        Ok(self.commit(change).await?)
    }

    pub async fn delete_destination(&self, from: Versioned<Destination>) -> Result<(), StoreError> {
        let key = Key::new(self.tenant, &Sort::Destination(from.value.id));
        let row =
            self.db()
                .writer(Table::Platform)?
                .remove(&key, from.version, Conflict::Version)?;
        self.commit(Change {
            action: Action::DestinationDeleted,
            target: from.value.id.to_string(),
            changes: audit::differences(&shown(&from.value), &json!(null)),
            writes: vec![
                row,
                self.count_destination(Count::Removed)?,
                self.clear_health(from.value.id)?,
            ],
            value: (),
        })
        .await
    }

    /// Keys that sign at `now`, and the custom headers. No call: an instance that has read a destination
    /// has the keyring.
    pub(crate) async fn opened_destination(
        &self,
        destination: &Destination,
        now: Timestamp,
    ) -> Result<Opened, ApiError> {
        let keyring = self.app.keyring(now).await.map_err(ApiError::Unavailable)?;
        let owner = owner(self.tenant, destination.id);
        let open = |purpose, sealed| {
            keyring
                .root()
                .open(purpose, &owner, sealed)
                .map_err(|error| ApiError::Internal(error.into()))
        };
        let good = destination.keys.iter().filter(|key| key.is_good(now));
        let keys = good
            .map(|key| Ok((key.kind, open(Purpose::DestinationKey, &key.sealed)?)))
            .collect::<Result<_, ApiError>>()?;
        let headers = destination.headers.iter();
        let headers = headers
            .map(|(name, sealed)| Ok((name.clone(), open(Purpose::DestinationHeader, sealed)?)))
            .collect::<Result<_, ApiError>>()?;
        Ok(Opened { keys, headers })
    }

    fn replaced(
        &self,
        action: Action,
        version: u64,
        before: &serde_json::Value,
        to: Destination,
    ) -> Result<Change<Versioned<Destination>>, StoreError> {
        let key = Key::new(self.tenant, &Sort::Destination(to.id));
        let write =
            self.db()
                .writer(Table::Platform)?
                .replace(&key, version, &to, Conflict::Version)?;
        Ok(Change {
            action,
            target: to.id.to_string(),
            changes: audit::differences(before, &shown(&to)),
            writes: vec![write],
            value: Versioned {
                version: version + 1,
                value: to,
            },
        })
    }

    /// Every endpoint of a filter is one of the tenant's.
    async fn check_endpoints(&self, ids: &[EndpointId]) -> Result<(), ApiError> {
        let keys = ids
            .iter()
            .map(|id| Key::new(self.tenant, &Sort::Endpoint(*id)));
        match self.first_missing(keys.collect()).await? {
            Some(at) => Err(ApiError::invalid(
                format!("/endpoint_ids/{at}"),
                "must be the id of a webhook endpoint of yours",
            )),
            None => Ok(()),
        }
    }

    /// Every destination that an endpoint names is one of the tenant's.
    pub(super) async fn check_destinations(&self, ids: &[DestinationId]) -> Result<(), ApiError> {
        let keys = ids
            .iter()
            .map(|id| Key::new(self.tenant, &Sort::Destination(*id)));
        match self.first_missing(keys.collect()).await? {
            Some(at) => Err(ApiError::invalid(
                format!("/destination_ids/{at}"),
                "must be the id of a destination of yours",
            )),
            None => Ok(()),
        }
    }

    /// The place of the first key that has no row.
    async fn first_missing(&self, keys: Vec<Key>) -> Result<Option<usize>, StoreError> {
        let wanted = keys.iter().map(Key::attributes).collect();
        let rows = self.db().get_many(Table::Platform, wanted).await?;
        let is_there = |key: &Key| {
            let sk = |row: &Item| row.get("sk").and_then(|sk| sk.as_s().ok()) == Some(&key.sk);
            rows.iter().any(sk)
        };
        Ok(keys.iter().position(|key| !is_there(key)))
    }

    async fn sealed_key(&self, id: DestinationId, key: NewKey) -> Result<DestinationKey, ApiError> {
        let sealed = self.seal_for(Purpose::DestinationKey, id, key.bytes.expose());
        Ok(DestinationKey {
            kind: key.kind,
            sealed: sealed.await?,
            public_key: key.public_key,
            created_at: self.now,
            expires_at: None,
        })
    }

    async fn sealed_headers(
        &self,
        id: DestinationId,
        headers: &CustomHeaders,
    ) -> Result<BTreeMap<String, Sealed<Vec<u8>>>, ApiError> {
        let mut sealed = BTreeMap::new();
        for (name, value) in headers.iter() {
            let value = value.expose().as_bytes();
            let value = self.seal_for(Purpose::DestinationHeader, id, value).await?;
            sealed.insert(name.clone(), value);
        }
        Ok(sealed)
    }

    async fn seal_for(
        &self,
        purpose: Purpose,
        id: DestinationId,
        plain: &[u8],
    ) -> Result<Sealed<Vec<u8>>, ApiError> {
        let keyring = self.app.keyring(self.now).await;
        let keyring = keyring.map_err(ApiError::Unavailable)?;
        keyring
            .root()
            .seal(purpose, &owner(self.tenant, id), &plain.to_vec())
            .map_err(|error| ApiError::Internal(error.into()))
    }

    fn clear_health(&self, id: DestinationId) -> Result<Write, StoreError> {
        let key = Key::new(self.tenant, &Sort::DestinationHealth(id));
        self.db().writer(Table::Platform)?.clear(key.attributes())
    }

    fn count_destination(&self, count: Count) -> Result<Write, StoreError> {
        let key = Key::new(self.tenant, &Sort::DestinationCount);
        let (step, below) = match count {
            Count::Made => (1, i64::from(MOST_DESTINATIONS)),
            Count::Removed => (-1, i64::MAX),
        };
        let item = self
            .db()
            .writer(Table::Platform)?
            .update(&key, "ADD destinations :step")
            .condition_expression("attribute_not_exists(destinations) OR destinations < :below")
            .expression_attribute_values(":step", number(step))
            .expression_attribute_values(":below", number(below))
            .into_write()?;
        Ok(Write {
            item,
            conflict: Conflict::TooManyDestinations,
        })
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Count {
    Made,
    Removed,
}

/// Whom a destination's secrets are sealed for.
fn owner(tenant: TenantId, destination: DestinationId) -> String {
    format!("{tenant}/{destination}")
}

/// What the audit trail shows of a destination.
fn shown(destination: &Destination) -> serde_json::Value {
    let keys: Vec<_> = destination
        .keys
        .iter()
        .map(|key| json!({ "signing": key.kind, "public_key": key.public_key, "created_at": key.created_at, "expires_at": key.expires_at }))
        .collect();
    json!({
        "name": destination.name,
        "url": destination.url,
        "enabled": destination.enabled,
        "disabled_reason": destination.disabled_reason,
        "event_types": destination.event_types,
        "endpoint_ids": destination.endpoint_ids,
        // A value that is sealed anew is another one.
        "headers": destination.headers.keys().collect::<Vec<_>>(),
        "keys": keys,
    })
}
