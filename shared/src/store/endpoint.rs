//! Webhook endpoints: an unguessable address, a scheme, and sealed secrets.

mod arrival;
mod secrets;

use std::borrow::Cow;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::{
    audit::{self, Action},
    id::{DestinationId, EndpointId},
    limit::RateLimit,
    outbound::EventTypes,
    problem::ApiError,
    seal::{self, Purpose, Sealed, Secret},
    store::{
        Change, Conflict, Page, PageRequest, StoreError, TenantStore, Versioned,
        change::text,
        db::{Filter, Table},
        key::{Key, List, Sort},
        list::Listing,
        platform::{AddressRow, address_key},
    },
    webhook::{AllowList, Ordering, RetryPolicy, presets, scheme::Scheme},
};

pub use arrival::{Arrived, EndpointHandshake};
pub use secrets::{EndpointSecret, MOST_SECRETS};

#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Endpoint {
    pub id: EndpointId,
    pub name: String,
    pub scheme: String,
    /// What the scheme `custom` means here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub custom_scheme: Option<Box<Scheme>>,
    /// The owner's word that requests without any proof are taken.
    #[serde(default)]
    pub allow_unsigned: bool,
    /// The last segment of the endpoint's URL.
    pub address: String,
    pub enabled: bool,
    /// Newest first. A request that verifies with one that has not expired is authentic.
    pub secrets: Vec<EndpointSecret>,
    /// What a vendor offers as the secret, until the tenant sets one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) offered_token: Option<Sealed<Vec<u8>>>,
    #[serde(default, skip_serializing_if = "AllowList::is_empty")]
    pub allowed_ips: AllowList,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rate_limit: Option<RateLimit>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry: Option<RetryPolicy>,
    /// Its events go to these destinations only; to all that take them if empty.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub destination_ids: Vec<DestinationId>,
    /// Events of other types are kept as ignored.
    #[serde(default, skip_serializing_if = "EventTypes::is_empty")]
    pub event_types: EventTypes,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ordering: Option<Ordering>,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
}

/// An endpoint to be made.
pub struct NewEndpoint {
    pub name: String,
    pub scheme: String,
    pub custom_scheme: Option<Box<Scheme>>,
    pub allow_unsigned: bool,
    pub secrets: Vec<Secret<String>>,
    pub allowed_ips: AllowList,
    pub rate_limit: Option<RateLimit>,
    pub retry: Option<RetryPolicy>,
    pub destination_ids: Vec<DestinationId>,
    pub event_types: EventTypes,
    pub ordering: Option<Ordering>,
}

#[derive(Debug, Default)]
pub struct EndpointPatch {
    pub name: Option<String>,
    pub enabled: Option<bool>,
    pub allow_unsigned: Option<bool>,
    /// Takes the place of all present secrets, at once.
    pub secrets: Option<Vec<Secret<String>>>,
    pub allowed_ips: Option<AllowList>,
    /// `Some(None)` lifts the limit.
    pub rate_limit: Option<Option<RateLimit>>,
    /// `Some(None)` goes back to the default.
    pub retry: Option<Option<RetryPolicy>>,
    pub destination_ids: Option<Vec<DestinationId>>,
    pub event_types: Option<EventTypes>,
    /// `Some(None)` gives the order up.
    pub ordering: Option<Option<Ordering>>,
}

impl Endpoint {
    /// The endpoint's own scheme, or the built-in one of its name.
    ///
    /// # Errors
    /// `Internal`: a later version of Portico made this endpoint.
    pub fn scheme_data(&self) -> Result<Cow<'static, Scheme>, ApiError> {
        if let Some(scheme) = &self.custom_scheme {
            return Ok(Cow::Owned(Scheme::clone(scheme)));
        }
        presets::find(&self.scheme)
            .map(Cow::Borrowed)
            .ok_or_else(|| {
                let (id, scheme) = (self.id, &self.scheme);
                ApiError::Internal(anyhow::anyhow!(
                    "endpoint {id} has the unknown scheme {scheme}"
                ))
            })
    }
}

impl TenantStore {
    pub async fn endpoint(&self, id: EndpointId) -> Result<Versioned<Endpoint>, StoreError> {
        self.platform_row(&Sort::Endpoint(id)).await
    }

    /// In the order of their making.
    pub async fn endpoints(&self, page: &PageRequest) -> Result<Page<Endpoint>, ApiError> {
        self.page(Listing::all(List::Endpoints), &Filter::default(), page)
            .await
    }

    pub async fn create_endpoint(&self, new: NewEndpoint) -> Result<Versioned<Endpoint>, ApiError> {
        self.check_destinations(&new.destination_ids).await?;
        let id = self.app.ids.make(self.now);
        let endpoint = Endpoint {
            id,
            name: new.name,
            scheme: new.scheme,
            custom_scheme: new.custom_scheme,
            allow_unsigned: new.allow_unsigned,
            address: new_address(),
            enabled: true,
            secrets: self.sealed(id, &new.secrets).await?,
            offered_token: None,
            allowed_ips: new.allowed_ips,
            rate_limit: new.rate_limit,
            retry: new.retry,
            destination_ids: new.destination_ids,
            event_types: new.event_types,
            ordering: new.ordering,
            created_at: self.now,
            updated_at: self.now,
        };
        let key = Key::new(self.tenant, &Sort::Endpoint(id));
        let row = AddressRow {
            tenant_id: self.tenant,
            endpoint_id: id,
        };
        let directory_key = address_key(&address_hash(&endpoint.address));
        let writes = vec![
            self.db()
                .writer(Table::Platform)?
                .insert(&key, &endpoint, Conflict::Exists)?,
            self.db()
                .writer(Table::Directory)?
                .claim(&directory_key, &row, Conflict::Exists)?,
        ];
        let change = Change {
            action: Action::EndpointCreated,
            target: id.to_string(),
            changes: audit::differences(&json!(null), &shown(&endpoint)),
            writes,
            value: Versioned {
                version: 1,
                value: endpoint,
            },
        };
        Ok(self.commit(change).await?)
    }

    /// Receivers follow within `webhook::ENDPOINT_STALENESS`.
    pub async fn update_endpoint(
        &self,
        from: Versioned<Endpoint>,
        patch: EndpointPatch,
    ) -> Result<Versioned<Endpoint>, ApiError> {
        if let Some(ids) = &patch.destination_ids {
            self.check_destinations(ids).await?;
        }
        let before = shown(&from.value);
        let action = match patch.secrets {
            Some(_) => Action::EndpointSecretRotated,
            None => Action::EndpointUpdated,
        };
        let offered_token = match &patch.secrets {
            Some(_) => None,
            None => from.value.offered_token.clone(),
        };
        let secrets = match &patch.secrets {
            Some(new) => {
                let new = self.sealed(from.value.id, new).await?;
                secrets::replaced(from.value.secrets, new, self.now)
            }
            None => from.value.secrets,
        };
        let to = Endpoint {
            name: patch.name.unwrap_or(from.value.name),
            enabled: patch.enabled.unwrap_or(from.value.enabled),
            allow_unsigned: patch.allow_unsigned.unwrap_or(from.value.allow_unsigned),
            secrets,
            offered_token,
            allowed_ips: patch.allowed_ips.unwrap_or(from.value.allowed_ips),
            rate_limit: patch.rate_limit.unwrap_or(from.value.rate_limit),
            retry: patch.retry.unwrap_or(from.value.retry),
            destination_ids: patch.destination_ids.unwrap_or(from.value.destination_ids),
            event_types: patch.event_types.unwrap_or(from.value.event_types),
            ordering: patch.ordering.unwrap_or(from.value.ordering),
            updated_at: self.now,
            ..from.value
        };
        self.replace_endpoint(action, from.version, &before, to)
            .await
    }

    /// Puts a new secret in front. The present ones stay good for `overlap`; receivers follow within
    /// `webhook::ENDPOINT_STALENESS`, and to the moment where an overlap ends.
    pub async fn rotate_secret(
        &self,
        from: Versioned<Endpoint>,
        secret: &Secret<String>,
        overlap: SignedDuration,
    ) -> Result<Versioned<Endpoint>, ApiError> {
        let before = shown(&from.value);
        let ends = self
            .now
            .saturating_add(overlap)
            .map_err(|error| ApiError::Internal(error.into()))?;
        let new = self
            .sealed(from.value.id, std::slice::from_ref(secret))
            .await?;
        let mut secrets = from.value.secrets;
        for new in new {
            secrets = secrets::rotated(secrets, new, ends, self.now)
                .map_err(|error| ApiError::invalid("/overlap_hours", error))?;
        }
        let to = Endpoint {
            secrets,
            offered_token: None,
            updated_at: self.now,
            ..from.value
        };
        self.replace_endpoint(Action::EndpointSecretRotated, from.version, &before, to)
            .await
    }

    async fn replace_endpoint(
        &self,
        action: Action,
        version: u64,
        before: &serde_json::Value,
        to: Endpoint,
    ) -> Result<Versioned<Endpoint>, ApiError> {
        let key = Key::new(self.tenant, &Sort::Endpoint(to.id));
        let write =
            self.db()
                .writer(Table::Platform)?
                .replace(&key, version, &to, Conflict::Version)?;
        let change = Change {
            action,
            target: to.id.to_string(),
            changes: audit::differences(before, &shown(&to)),
            writes: vec![write],
            value: Versioned {
                version: version + 1,
                value: to,
            },
        };
        Ok(self.commit(change).await?)
    }

    /// Its events stay. Receivers follow within `webhook::ENDPOINT_STALENESS`.
    pub async fn delete_endpoint(&self, from: Versioned<Endpoint>) -> Result<(), StoreError> {
        let key = Key::new(self.tenant, &Sort::Endpoint(from.value.id));
        let address = address_key(&address_hash(&from.value.address));
        let writes = vec![
            self.db()
                .writer(Table::Platform)?
                .remove(&key, from.version, Conflict::Version)?,
            self.db()
                .writer(Table::Directory)?
                .clear([("pk".to_owned(), text(address))].into())?,
        ];
        self.commit(Change {
            action: Action::EndpointDeleted,
            target: from.value.id.to_string(),
            changes: audit::differences(&shown(&from.value), &json!(null)),
            writes,
            value: (),
        })
        .await
    }

    async fn sealed(
        &self,
        id: EndpointId,
        secrets: &[Secret<String>],
    ) -> Result<Vec<EndpointSecret>, ApiError> {
        let keyring = self
            .app
            .keyring(self.now)
            .await
            .map_err(ApiError::Unavailable)?;
        let owner = secret_owner(self.tenant, id);
        let seal = |secret: &Secret<String>| {
            let plain = secret.expose().as_bytes().to_vec();
            let sealed = keyring
                .root()
                .seal(Purpose::WebhookSecret, &owner, &plain)?;
            Ok(EndpointSecret::new(sealed, self.now))
        };
        let sealed: Result<Vec<_>, seal::OpenError> = secrets.iter().map(seal).collect();
        sealed.map_err(|error| ApiError::Internal(error.into()))
    }
}

/// Whom a webhook secret is sealed for: it opens nowhere else.
pub(crate) fn secret_owner(tenant: crate::id::TenantId, endpoint: EndpointId) -> String {
    format!("{tenant}/{endpoint}")
}

/// How an address is looked up: the directory never holds the address itself.
pub(crate) fn address_hash(address: &str) -> String {
    seal::sha256_hex(address.as_bytes())
}

/// 160 random bits in 40 letters.
fn new_address() -> String {
    seal::encode_hex(&seal::random::<20>())
}

fn shown(endpoint: &Endpoint) -> serde_json::Value {
    let secret = |secret: &EndpointSecret| json!({ "created_at": secret.created_at, "expires_at": secret.expires_at });
    let secrets: Vec<_> = endpoint.secrets.iter().map(secret).collect();
    json!({
        "name": endpoint.name,
        "scheme": endpoint.scheme,
        "custom_scheme": endpoint.custom_scheme,
        "enabled": endpoint.enabled,
        "allow_unsigned": endpoint.allow_unsigned,
        "secrets": secrets,
        "offered_token": endpoint.offered_token.is_some(),
        "allowed_ips": endpoint.allowed_ips,
        "rate_limit": endpoint.rate_limit,
        "retry": endpoint.retry,
        "destination_ids": endpoint.destination_ids,
        "event_types": endpoint.event_types,
        "ordering": endpoint.ordering,
    })
}
