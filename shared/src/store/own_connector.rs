//! A tenant's own connectors. One is made and removed, never changed: a connection keeps the manifest with
//! which it was made, so that its credentials go nowhere else, whatever becomes of the connector.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::{
    audit::{self, Action},
    store::{
        Change, Conflict, StoreError, TenantStore, Versioned,
        change::read,
        db::{Filter, Table},
        key::{Key, List, Sort},
        list::Listing,
    },
    vendor::Connector,
};

/// Of one tenant. Two that are made at the same moment may be one too many.
const MOST: usize = 50;

#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct OwnConnector {
    pub manifest: Connector,
    pub created_at: Timestamp,
}

impl TenantStore {
    pub async fn own_connector(&self, name: &str) -> Result<Versioned<OwnConnector>, StoreError> {
        self.platform_row(&Sort::Connector(name.to_owned())).await
    }

    /// All of them, by name.
    pub async fn own_connectors(&self) -> Result<Vec<OwnConnector>, StoreError> {
        let filter = Filter::none();
        let query =
            Listing::all(List::Connectors).query(self.tenant, &filter, None, false, 2 * MOST);
        let (rows, _) = self.db().query(query).await?;
        rows.into_iter().map(read).collect()
    }

    pub async fn create_connector(
        &self,
        manifest: Connector,
    ) -> Result<Versioned<OwnConnector>, StoreError> {
        if self.own_connectors().await?.len() >= MOST {
            return Err(StoreError::Conflict {
                conflict: Conflict::TooManyConnectors,
                old: None,
            });
        }
        let key = Key::new(self.tenant, &Sort::Connector(manifest.name.clone()));
        let connector = OwnConnector {
            manifest,
            created_at: self.now,
        };
        let row = self
            .db()
            .writer(Table::Platform)?
            .insert(&key, &connector, Conflict::Exists)?;
        self.commit(Change {
            action: Action::ConnectorCreated,
            target: connector.manifest.name.clone(),
            changes: audit::differences(&json!(null), &json!(connector.manifest)),
            writes: vec![row],
            value: Versioned {
                version: 1,
                value: connector,
            },
        })
        .await
    }

    /// Connections that were made with it go on.
    pub async fn delete_connector(&self, from: Versioned<OwnConnector>) -> Result<(), StoreError> {
        let manifest = from.value.manifest;
        let key = Key::new(self.tenant, &Sort::Connector(manifest.name.clone()));
        let row =
            self.db()
                .writer(Table::Platform)?
                .remove(&key, from.version, Conflict::Version)?;
        self.commit(Change {
            action: Action::ConnectorDeleted,
            target: manifest.name.clone(),
            changes: audit::differences(&json!(manifest), &json!(null)),
            writes: vec![row],
            value: (),
        })
        .await
    }
}
