//! Authorizations under way: a person is at the vendor. Found by the hash of a state that only their browser
//! and the vendor know, and taken once.

use serde::{Deserialize, Serialize};

use crate::{
    id::{ConnectionId, TenantId},
    seal,
    store::{PlatformStore, StoreError, change::read, db::Table, key::Key, sso_flow::Seen},
};

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct PendingAuthorization {
    pub(crate) tenant_id: TenantId,
    pub(crate) connection_id: ConnectionId,
    /// Where the browser goes afterwards.
    pub(crate) return_to: Option<String>,
    /// Unix seconds.
    pub(crate) expires_at: i64,
}

impl PlatformStore {
    pub(crate) async fn keep_authorization(
        &self,
        state: &str,
        row: &PendingAuthorization,
    ) -> Result<Seen, StoreError> {
        self.keep(&key(state), row).await
    }

    /// The row, which stays.
    pub(crate) async fn authorization(
        &self,
        state: &str,
        now_s: i64,
    ) -> Result<Option<PendingAuthorization>, StoreError> {
        let row = self
            .db()
            .get(Table::Ephemeral, key(state).attributes(), true)
            .await?;
        let row: Option<PendingAuthorization> = row.map(read).transpose()?;
        Ok(row.filter(|row| row.expires_at > now_s))
    }

    /// The row, which is gone afterwards.
    pub(crate) async fn take_authorization(
        &self,
        state: &str,
        now_s: i64,
    ) -> Result<Option<PendingAuthorization>, StoreError> {
        let row: Option<PendingAuthorization> = self.take(&key(state)).await?;
        Ok(row.filter(|row| row.expires_at > now_s))
    }
}

fn key(state: &str) -> Key {
    Key {
        pk: format!("OAUTH#{}", seal::sha256_hex(state.as_bytes())),
        sk: "PENDING".to_owned(),
    }
}
