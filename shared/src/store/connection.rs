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
        Change, Conflict, GrantRow, Page, PageRequest, StoreError, TenantStore, Versioned,
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
    /// A client on behalf of a person who consents.
    Oauth2 {
        client_id: String,
        client_secret: Secret<String>,
    },
    /// A client on its own behalf.
    ClientCredentials {
        client_id: String,
        client_secret: Secret<String>,
        #[serde(default)]
        scope: Option<String>,
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
    Oauth2 {
        client_id: &'a str,
        client_secret: &'a str,
    },
    ClientCredentials {
        client_id: &'a str,
        client_secret: &'a str,
        scope: Option<&'a str>,
    },
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Connection {
    pub id: ConnectionId,
    pub name: String,
    pub connector: String,
    /// Of a connector of the tenant's own: as it was when the connection was made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub manifest: Option<Box<Connector>>,
    pub base_url: String,
    pub auth: AuthKind,
    #[serde(default)]
    pub status: ConnectionStatus,
    /// Why it is not active.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status_reason: Option<String>,
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
    Oauth2,
    ClientCredentials,
}

impl AuthKind {
    /// Whether calls carry a token that a vendor grants for a while.
    pub fn has_grant(self) -> bool {
        match self {
            Self::ApiKey | Self::Basic => false,
            Self::Oauth2 | Self::ClientCredentials => true,
        }
    }
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ConnectionStatus {
    #[default]
    Active,
    /// Nobody has consented yet.
    Unauthorized,
    /// The vendor has ended the grant: somebody must consent again.
    NeedsReconnect,
}

/// A connection to be made.
pub struct NewConnection {
    pub name: String,
    pub connector: String,
    pub manifest: Option<Box<Connector>>,
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
    pub fn connector_data(&self) -> Result<&Connector, ApiError> {
        if let Some(own) = &self.manifest {
            return Ok(own);
        }
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
            Self::Oauth2 { .. } => AuthKind::Oauth2,
            Self::ClientCredentials { .. } => AuthKind::ClientCredentials,
        }
    }

    fn plain(&self) -> Plain<'_> {
        match self {
            Self::ApiKey { key } => Plain::ApiKey { key: key.expose() },
            Self::Basic { username, password } => Plain::Basic {
                username: username.expose(),
                password: password.expose(),
            },
            Self::Oauth2 {
                client_id,
                client_secret,
            } => Plain::Oauth2 {
                client_id,
                client_secret: client_secret.expose(),
            },
            Self::ClientCredentials {
                client_id,
                client_secret,
                scope,
            } => Plain::ClientCredentials {
                client_id,
                client_secret: client_secret.expose(),
                scope: scope.as_deref(),
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
            manifest: new.manifest,
            base_url: new.base_url,
            auth: new.credentials.kind(),
            status: match new.credentials.kind() {
                AuthKind::Oauth2 => ConnectionStatus::Unauthorized,
                AuthKind::ApiKey | AuthKind::Basic | AuthKind::ClientCredentials => {
                    ConnectionStatus::Active
                }
            },
            status_reason: None,
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
        let mut writes = vec![row];
        if connection.auth.has_grant() {
            let key = Key::new(self.tenant, &Sort::Grant(id));
            let writer = self.db().writer(Table::Platform)?;
            writes.push(writer.insert(&key, &GrantRow::default(), Conflict::Exists)?);
        }
        let change = Change {
            action: Action::ConnectionCreated,
            target: id.to_string(),
            changes: audit::differences(&json!(null), &shown(&connection)),
            writes,
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
            let kind = credentials.kind();
            if kind != to.auth && (kind.has_grant() || to.auth.has_grant()) {
                let detail = "must stay of its kind: make another connection for another kind";
                return Err(ApiError::invalid("/credentials/kind", detail));
            }
            if kind == AuthKind::ClientCredentials {
                // There is nobody to ask: the next call shows whether the new ones are good.
                (to.status, to.status_reason) = (ConnectionStatus::Active, None);
            }
            to.auth = kind;
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
        let grant = Key::new(self.tenant, &Sort::Grant(from.value.id));
        let grant = self
            .db()
            .writer(Table::Platform)?
            .clear(grant.attributes())?;
        self.commit(Change {
            action: Action::ConnectionDeleted,
            target: from.value.id.to_string(),
            changes: audit::differences(&shown(&from.value), &json!(null)),
            writes: vec![row, grant],
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

    /// When a connection's token ends, for those that have one that does.
    pub async fn token_expires_at(
        &self,
        connection: &Connection,
    ) -> Result<Option<Timestamp>, StoreError> {
        if !connection.auth.has_grant() {
            return Ok(None);
        }
        let expires_s = self.grant(connection.id).await?.expires_s;
        Ok(expires_s.and_then(|at| Timestamp::from_second(at).ok()))
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
pub(crate) fn credential_owner(tenant: TenantId, connection: ConnectionId) -> String {
    format!("{tenant}/{connection}")
}

fn shown(connection: &Connection) -> serde_json::Value {
    json!({
        "name": connection.name,
        "connector": connection.connector,
        "base_url": connection.base_url,
        "auth": connection.auth,
        "status": connection.status,
        "credentials_at": connection.credentials_at,
        "budget": connection.budget,
    })
}
