//! Connections: a tenant's account with a vendor. Credentials are stored sealed for the connection and
//! shown to nobody.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::json;
use zeroize::Zeroizing;

use crate::{
    access::Keyring,
    audit::{self, Action},
    id::{ConnectionId, TenantId},
    limit::RateLimit,
    problem::ApiError,
    seal::{Purpose, Sealed, Secret},
    store::{
        Change, Conflict, Page, PageRequest, StoreError, TenantStore, Versioned,
        db::{Filter, Table},
        key::{Key, List, Sort},
        keyed,
        list::Listing,
    },
    vendor::{Connector, connector},
};

/// What a connection signs in with.
#[derive(Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Credentials {
    ApiKey {
        key: Secret<String>,
    },
    Basic {
        username: Secret<String>,
        password: Secret<String>,
    },
}

/// [`Credentials`] as they are written before they are sealed.
#[derive(Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
enum Plain<'a> {
    ApiKey {
        key: &'a str,
    },
    Basic {
        username: &'a str,
        password: &'a str,
    },
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Connection {
    pub id: ConnectionId,
    pub name: String,
    pub connector: String,
    pub base_url: String,
    pub auth: AuthKind,
    pub(crate) sealed: Sealed<Vec<u8>>,
    /// When the credentials were given.
    pub credentials_at: Timestamp,
    pub budget: RateLimit,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum AuthKind {
    ApiKey,
    Basic,
}

/// A connection to be made.
pub struct NewConnection {
    pub name: String,
    pub connector: String,
    pub base_url: String,
    pub credentials: Credentials,
    pub budget: RateLimit,
}

#[derive(Default)]
pub struct ConnectionPatch {
    pub name: Option<String>,
    pub credentials: Option<Credentials>,
    pub budget: Option<RateLimit>,
}

impl Connection {
    /// # Errors
    /// `Internal`: a later version of Portico made this connection.
    pub fn connector_data(&self) -> Result<&'static Connector, ApiError> {
        connector(&self.connector).ok_or_else(|| {
            let (id, name) = (self.id, &self.connector);
            ApiError::Internal(anyhow::anyhow!(
                "connection {id} has the unknown connector {name}"
            ))
        })
    }
}

impl Credentials {
    fn kind(&self) -> AuthKind {
        match self {
            Self::ApiKey { .. } => AuthKind::ApiKey,
            Self::Basic { .. } => AuthKind::Basic,
        }
    }

    fn plain(&self) -> Plain<'_> {
        match self {
            Self::ApiKey { key } => Plain::ApiKey { key: key.expose() },
            Self::Basic { username, password } => Plain::Basic {
                username: username.expose(),
                password: password.expose(),
            },
        }
    }
}

impl TenantStore {
    pub async fn connection(&self, id: ConnectionId) -> Result<Versioned<Connection>, StoreError> {
        self.platform_row(&Sort::Connection(id)).await
    }

    /// In the order of their making.
    pub async fn connections(&self, page: &PageRequest) -> Result<Page<Connection>, ApiError> {
        self.page(Listing::all(List::Connections), &Filter::default(), page)
            .await
    }

    pub async fn create_connection(
        &self,
        new: NewConnection,
    ) -> Result<Versioned<Connection>, ApiError> {
        let id = self.app.ids.make(self.now);
        let connection = Connection {
            id,
            name: new.name,
            connector: new.connector,
            base_url: new.base_url,
            auth: new.credentials.kind(),
            sealed: self.seal_credentials(id, &new.credentials).await?,
            credentials_at: self.now,
            budget: new.budget,
            created_at: self.now,
            updated_at: self.now,
        };
        let key = Key::new(self.tenant, &Sort::Connection(id));
        let row = self
            .db()
            .writer(Table::Platform)?
            .insert(&key, &connection, Conflict::Exists)?;
        let change = Change {
            action: Action::ConnectionCreated,
            target: id.to_string(),
            changes: audit::differences(&json!(null), &shown(&connection)),
            writes: vec![row],
            value: Versioned {
                version: 1,
                value: connection,
            },
        };
        Ok(self.commit(change).await?)
    }

    pub async fn update_connection(
        &self,
        from: Versioned<Connection>,
        patch: ConnectionPatch,
    ) -> Result<Versioned<Connection>, ApiError> {
        let before = shown(&from.value);
        let mut to = from.value;
        if let Some(credentials) = &patch.credentials {
            to.auth = credentials.kind();
            to.sealed = self.seal_credentials(to.id, credentials).await?;
            to.credentials_at = self.now;
        }
        to.name = patch.name.unwrap_or(to.name);
        to.budget = patch.budget.unwrap_or(to.budget);
        to.updated_at = self.now;
        let key = Key::new(self.tenant, &Sort::Connection(to.id));
        let row = self.db().writer(Table::Platform)?.replace(
            &key,
            from.version,
            &to,
            Conflict::Version,
        )?;
        let change = Change {
            action: Action::ConnectionUpdated,
            target: to.id.to_string(),
            changes: audit::differences(&before, &shown(&to)),
            writes: vec![row],
            value: Versioned {
                version: from.version + 1,
                value: to,
            },
        };
        Ok(self.commit(change).await?)
    }

    /// Its credentials go with it.
    pub async fn delete_connection(&self, from: Versioned<Connection>) -> Result<(), StoreError> {
        let key = Key::new(self.tenant, &Sort::Connection(from.value.id));
        let row =
            self.db()
                .writer(Table::Platform)?
                .remove(&key, from.version, Conflict::Version)?;
        self.commit(Change {
            action: Action::ConnectionDeleted,
            target: from.value.id.to_string(),
            changes: audit::differences(&shown(&from.value), &json!(null)),
            writes: vec![row],
            value: (),
        })
        .await
    }

    /// An entry of its own for what changes no row of ours: a call to the vendor, or a breaker that is
    /// closed by hand. It is in place when this returns, so that nothing happens without it.
    pub async fn note_on_connection(
        &self,
        id: ConnectionId,
        action: Action,
        detail: &serde_json::Value,
    ) -> Result<(), StoreError> {
        self.commit(Change {
            action,
            target: id.to_string(),
            changes: audit::differences(&json!(null), detail),
            writes: Vec::new(),
            value: (),
        })
        .await?;
        keyed::settle(self.db()).await
    }

    /// No call: an instance that has read a connection has the keyring.
    pub(crate) fn open_credentials(
        &self,
        keyring: &Keyring,
        connection: &Connection,
    ) -> anyhow::Result<Credentials> {
        let owner = credential_owner(self.tenant, connection.id);
        let plain = keyring
            .root()
            .open(Purpose::VendorCredential, &owner, &connection.sealed)?;
        Ok(serde_json::from_slice(plain.expose())?)
    }

    async fn seal_credentials(
        &self,
        id: ConnectionId,
        credentials: &Credentials,
    ) -> Result<Sealed<Vec<u8>>, ApiError> {
        let keyring = self.app.keyring(self.now).await;
        let keyring = keyring.map_err(ApiError::Unavailable)?;
        let owner = credential_owner(self.tenant, id);
        let plain = serde_json::to_vec(&credentials.plain());
        let plain = Zeroizing::new(plain.map_err(|error| ApiError::Internal(error.into()))?);
        keyring
            .root()
            .seal(Purpose::VendorCredential, &owner, &*plain)
            .map_err(|error| ApiError::Internal(error.into()))
    }
}

/// Whom credentials are sealed for: they open nowhere else.
fn credential_owner(tenant: TenantId, connection: ConnectionId) -> String {
    format!("{tenant}/{connection}")
}

fn shown(connection: &Connection) -> serde_json::Value {
    json!({
        "name": connection.name,
        "connector": connection.connector,
        "base_url": connection.base_url,
        "auth": connection.auth,
        "credentials_at": connection.credentials_at,
        "budget": connection.budget,
    })
}
