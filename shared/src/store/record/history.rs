//! What each change has made of a record: a row for each version, written with the change.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Steps, is_over, parsed};
use crate::{
    audit::{self, FieldChange},
    id::RecordId,
    problem::ApiError,
    store::{
        Conflict, Cursor, OpenCollection, Page, PageRequest, StoreError, TenantStore,
        change::read,
        db::{Filter, Query, Range, Table, Write},
        key::{Key, Sort, version_partition},
        merge::sort_key,
    },
};

/// One version of a record: who made it, when, and by which changes of its data.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RecordVersion {
    pub version: u64,
    pub at: Timestamp,
    pub actor: String,
    /// The audit entry's action.
    pub action: String,
    pub request_id: String,
    /// Field name to its values before and after, as JSON text: an item's numbers would not survive.
    changes: String,
    expires_at: i64,
}

impl RecordVersion {
    pub fn changes(&self) -> Result<BTreeMap<String, FieldChange>, ApiError> {
        serde_json::from_str(&self.changes).map_err(|error| ApiError::Internal(error.into()))
    }
}

impl TenantStore {
    /// Latest first.
    pub async fn record_history(
        &self,
        open: &OpenCollection,
        id: RecordId,
        page: &PageRequest,
    ) -> Result<Page<RecordVersion>, ApiError> {
        let keyring = self.app.keyring(self.now).await;
        let keyring = keyring.map_err(ApiError::Unavailable)?;
        let partition = version_partition(self.tenant, open.collection.id, id);
        let after = page.after(keyring.cursor_key(), self.tenant, &partition)?;
        let is_first = after.is_none();
        let start = |sk: String| Key {
            pk: partition.clone(),
            sk,
        };
        let query = Query {
            table: Table::Platform,
            index: None,
            partition: partition.clone(),
            range: Range::Prefix("V#".to_owned()),
            after: after.map(|sk| start(sk).attributes()),
            newest_first: true,
            limit: page.limit(),
            filter: &Filter::default(),
        };
        let (items, next) = self.db().query(query).await?;
        if items.is_empty() && is_first {
            // Its history may have died before it; what was never there has none.
            self.record(open, id).await?;
        }
        let next = next.as_ref().map(|key| sort_key(Some(key)));
        let cursor = next.map(|sk| Cursor::new(keyring.cursor_key(), self.tenant, &partition, sk));
        let versions = items.into_iter().map(read::<RecordVersion>);
        let mut data = versions.collect::<Result<Vec<_>, StoreError>>()?;
        data.retain(|version| !is_over(Some(version.expires_at), self.now));
        Ok(Page {
            data,
            next_cursor: cursor.map(Cursor::into_text),
        })
    }

    pub(super) fn keep_version(&self, steps: &Steps<'_>) -> Result<Write, ApiError> {
        let data = |data: Option<&str>| data.map_or(Ok(Value::Null), parsed);
        let changes = audit::differences(&data(steps.from)?, &data(steps.to)?);
        let version = RecordVersion {
            version: steps.version,
            at: self.now,
            actor: self.actor.to_string(),
            action: steps.action.name().to_owned(),
            request_id: self.origin.request_id.clone(),
            changes: serde_json::to_string(&changes)
                .map_err(|error| ApiError::Internal(error.into()))?,
            expires_at: self.after(steps.collection.retention.history_days),
        };
        let sort = Sort::RecordVersion(steps.collection.id, steps.id, steps.version);
        let platform = self.db().writer(Table::Platform)?;
        let key = Key::new(self.tenant, &sort);
        Ok(platform.insert_at(&key, steps.version, &version, Conflict::Version)?)
    }
}
