//! Connections to identity providers, and whom their subjects are. A connection's id leads to its tenant;
//! a subject leads to a member of that tenant and nowhere else.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::{
    audit::{self, Action},
    id::{SsoConnectionId, TenantId, UserId},
    problem::ApiError,
    seal,
    store::{
        Change, Conflict, Page, PageRequest, PlatformStore, StoreError, TenantStore, Versioned,
        change::{read, text},
        db::{Filter, Item, Table},
        key::{Key, List, Sort},
        list::Listing,
    },
};

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SsoConnection {
    pub id: SsoConnectionId,
    pub name: String,
    pub enabled: bool,
    pub saml: SamlSettings,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
}

/// An identity provider of SAML 2.0.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SamlSettings {
    pub idp_entity_id: String,
    /// Where a browser is sent to sign in (HTTP-Redirect binding).
    pub sso_url: String,
    /// An answer signed with any of them is believed: so a new one is added before the old one goes.
    pub certificates: Vec<String>,
    /// The attribute that holds the e-mail address; the NameID if not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub email_attribute: Option<String>,
}

#[derive(Debug, Default)]
pub struct SsoConnectionPatch {
    pub name: Option<String>,
    pub enabled: Option<bool>,
    pub saml: Option<SamlSettings>,
}

/// Directory row: a connection leads to its tenant.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct ConnectionRow {
    tenant_id: TenantId,
}

/// A subject of an identity provider is this member.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct LinkRow {
    user_id: UserId,
}

impl PlatformStore {
    /// A connection and its tenant, for a browser that has no credential yet. Two calls.
    pub(crate) async fn sso_connection(
        &self,
        id: SsoConnectionId,
    ) -> Result<Option<(TenantId, SsoConnection)>, StoreError> {
        let pk = Item::from([("pk".to_owned(), text(connection_key(id)))]);
        let Some(row) = self.db().get(Table::Directory, pk, true).await? else {
            return Ok(None);
        };
        let row: ConnectionRow = read(row)?;
        let key = Key::new(row.tenant_id, &Sort::SsoConnection(id));
        let item = self
            .db()
            .get(Table::Platform, key.attributes(), true)
            .await?;
        let connection = item.map(read).transpose()?;
        Ok(connection.map(|connection| (row.tenant_id, connection)))
    }
}

impl TenantStore {
    pub async fn sso_connection(
        &self,
        id: SsoConnectionId,
    ) -> Result<Versioned<SsoConnection>, StoreError> {
        self.platform_row(&Sort::SsoConnection(id)).await
    }

    /// In the order of their making.
    pub async fn sso_connections(
        &self,
        page: &PageRequest,
    ) -> Result<Page<SsoConnection>, ApiError> {
        self.page(Listing::all(List::SsoConnections), &Filter::default(), page)
            .await
    }

    pub async fn create_sso_connection(
        &self,
        name: String,
        saml: SamlSettings,
    ) -> Result<Versioned<SsoConnection>, StoreError> {
        let connection = SsoConnection {
            id: self.app.ids.make(self.now),
            name,
            enabled: true,
            saml,
            created_at: self.now,
            updated_at: self.now,
        };
        let key = Key::new(self.tenant, &Sort::SsoConnection(connection.id));
        let row = ConnectionRow {
            tenant_id: self.tenant,
        };
        let writes = vec![
            self.db()
                .writer(Table::Platform)?
                .insert(&key, &connection, Conflict::Exists)?,
            self.db().writer(Table::Directory)?.claim(
                &connection_key(connection.id),
                &row,
                Conflict::Exists,
            )?,
        ];
        self.commit(Change {
            action: Action::SsoConnectionCreated,
            target: connection.id.to_string(),
            changes: audit::differences(&json!(null), &shown(&connection)),
            writes,
            value: Versioned {
                version: 1,
                value: connection,
            },
        })
        .await
    }

    /// In force at once: nothing of a connection is cached.
    pub async fn update_sso_connection(
        &self,
        from: Versioned<SsoConnection>,
        patch: SsoConnectionPatch,
    ) -> Result<Versioned<SsoConnection>, StoreError> {
        let old = from.value;
        let to = SsoConnection {
            name: patch.name.unwrap_or_else(|| old.name.clone()),
            enabled: patch.enabled.unwrap_or(old.enabled),
            saml: patch.saml.unwrap_or_else(|| old.saml.clone()),
            updated_at: self.now,
            ..old.clone()
        };
        let key = Key::new(self.tenant, &Sort::SsoConnection(to.id));
        let write = self.db().writer(Table::Platform)?.replace(
            &key,
            from.version,
            &to,
            Conflict::Version,
        )?;
        self.commit(Change {
            action: Action::SsoConnectionUpdated,
            target: to.id.to_string(),
            changes: audit::differences(&shown(&old), &shown(&to)),
            writes: vec![write],
            value: Versioned {
                version: from.version + 1,
                value: to,
            },
        })
        .await
    }

    /// Sessions that it began go on until they end or are revoked.
    pub async fn delete_sso_connection(
        &self,
        from: Versioned<SsoConnection>,
    ) -> Result<(), StoreError> {
        let connection = from.value;
        let key = Key::new(self.tenant, &Sort::SsoConnection(connection.id));
        let directory = [("pk".to_owned(), text(connection_key(connection.id)))];
        let writes = vec![
            self.db()
                .writer(Table::Platform)?
                .remove(&key, from.version, Conflict::Version)?,
            self.db()
                .writer(Table::Directory)?
                .clear(directory.into())?,
        ];
        self.commit(Change {
            action: Action::SsoConnectionDeleted,
            target: connection.id.to_string(),
            changes: audit::differences(&shown(&connection), &json!(null)),
            writes,
            value: (),
        })
        .await
    }

    /// The member that a subject was linked to.
    pub(crate) async fn sso_link(
        &self,
        connection: SsoConnectionId,
        subject: &str,
    ) -> Result<Option<UserId>, StoreError> {
        let key = self.link_key(connection, subject);
        let item = self
            .db()
            .get(Table::Platform, key.attributes(), true)
            .await?;
        let row: Option<LinkRow> = item.map(read).transpose()?;
        Ok(row.map(|row| row.user_id))
    }

    /// From now on the subject is this member, whatever address its identity provider gives.
    pub(crate) async fn link_sso(
        &self,
        connection: SsoConnectionId,
        subject: &str,
        user: UserId,
    ) -> Result<(), StoreError> {
        let key = self.link_key(connection, subject);
        let row = LinkRow { user_id: user };
        let write = self
            .db()
            .writer(Table::Platform)?
            .insert(&key, &row, Conflict::Version)?;
        self.commit(Change {
            action: Action::SsoLinked,
            target: user.to_string(),
            changes: audit::differences(
                &json!(null),
                &json!({ "connection": connection, "subject": subject }),
            ),
            writes: vec![write],
            value: (),
        })
        .await
    }

    /// Tells the tenant's owner why a sign-in was refused.
    pub(crate) async fn refuse_sso(
        &self,
        connection: SsoConnectionId,
        reason: &str,
    ) -> Result<(), StoreError> {
        self.commit(Change {
            action: Action::SsoRefused,
            target: connection.to_string(),
            changes: audit::differences(&json!(null), &json!({ "reason": reason })),
            writes: Vec::new(),
            value: (),
        })
        .await
    }

    fn link_key(&self, connection: SsoConnectionId, subject: &str) -> Key {
        Key::new(
            self.tenant,
            &Sort::SsoLink(connection, seal::sha256_hex(subject.as_bytes())),
        )
    }
}

fn connection_key(id: SsoConnectionId) -> String {
    format!("SSO#{id}")
}

fn shown(connection: &SsoConnection) -> serde_json::Value {
    json!({
        "name": connection.name,
        "enabled": connection.enabled,
        "idp_entity_id": connection.saml.idp_entity_id,
        "sso_url": connection.saml.sso_url,
        "certificates": connection.saml.certificates,
        "email_attribute": connection.saml.email_attribute,
    })
}
