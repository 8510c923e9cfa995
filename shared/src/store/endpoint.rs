//! Webhook endpoints: an unguessable address, a scheme, and sealed secrets.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::{
    audit::{self, Action},
    id::EndpointId,
    problem::ApiError,
    seal::{self, Purpose, Sealed, Secret},
    store::{
        Change, Conflict, Page, PageRequest, StoreError, TenantStore, Versioned,
        change::{read_versioned, text},
        db::{Filter, Table},
        key::{Key, List, Sort},
        list::Listing,
        platform::{AddressRow, address_key},
    },
};

#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Endpoint {
    pub id: EndpointId,
    pub name: String,
    pub scheme: String,
    /// The last segment of the endpoint's URL.
    pub address: String,
    pub enabled: bool,
    /// Newest first. A request that verifies with any of them is authentic.
    pub(crate) secrets: Vec<Sealed<Vec<u8>>>,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
}

/// An endpoint to be made.
pub struct NewEndpoint {
    pub name: String,
    pub scheme: String,
    pub secrets: Vec<Secret<String>>,
}

#[derive(Debug, Default)]
pub struct EndpointPatch {
    pub name: Option<String>,
    pub enabled: Option<bool>,
    /// Takes the place of all present secrets.
    pub secrets: Option<Vec<Secret<String>>>,
}

impl TenantStore {
    pub async fn endpoint(&self, id: EndpointId) -> Result<Versioned<Endpoint>, StoreError> {
        let key = Key::new(self.tenant, &Sort::Endpoint(id));
        let item = self
            .db()
            .get(Table::Platform, key.attributes(), true)
            .await?;
        read_versioned(item.ok_or(StoreError::NotFound)?)
    }

    /// In the order of their making.
    pub async fn endpoints(&self, page: &PageRequest) -> Result<Page<Endpoint>, ApiError> {
        self.page(Listing::all(List::Endpoints), &Filter::default(), page)
            .await
    }

    pub async fn create_endpoint(&self, new: NewEndpoint) -> Result<Versioned<Endpoint>, ApiError> {
        let id = self.app.ids.make(self.now);
        let endpoint = Endpoint {
            id,
            name: new.name,
            scheme: new.scheme,
            address: new_address(),
            enabled: true,
            secrets: self.sealed(id, &new.secrets).await?,
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
        let before = shown(&from.value);
        let action = match patch.secrets {
            Some(_) => Action::EndpointSecretRotated,
            None => Action::EndpointUpdated,
        };
        let secrets = match &patch.secrets {
            Some(secrets) => self.sealed(from.value.id, secrets).await?,
            None => from.value.secrets.clone(),
        };
        let to = Endpoint {
            name: patch.name.unwrap_or(from.value.name),
            enabled: patch.enabled.unwrap_or(from.value.enabled),
            secrets,
            updated_at: self.now,
            ..from.value
        };
        let key = Key::new(self.tenant, &Sort::Endpoint(to.id));
        let write = self.db().writer(Table::Platform)?.replace(
            &key,
            from.version,
            &to,
            Conflict::Version,
        )?;
        let change = Change {
            action,
            target: to.id.to_string(),
            changes: audit::differences(&before, &shown(&to)),
            writes: vec![write],
            value: Versioned {
                version: from.version + 1,
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
    ) -> Result<Vec<Sealed<Vec<u8>>>, ApiError> {
        let keyring = self
            .app
            .keyring(self.now)
            .await
            .map_err(ApiError::Unavailable)?;
        let owner = secret_owner(self.tenant, id);
        let seal = |secret: &Secret<String>| {
            keyring.root().seal(
                Purpose::WebhookSecret,
                &owner,
                &secret.expose().as_bytes().to_vec(),
            )
        };
        let sealed: Result<Vec<_>, _> = secrets.iter().map(seal).collect();
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
    json!({
        "name": endpoint.name,
        "scheme": endpoint.scheme,
        "enabled": endpoint.enabled,
        "secrets": endpoint.secrets.len(),
    })
}
